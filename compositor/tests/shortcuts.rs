//! Clients that have all keys to themselves (keyboard-shortcuts-inhibit).

mod fixture;

use fixture::{Client, ClientSide, Fixture, TestWindow};
use ochre_compositor::input::InputEvent;
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::wp::keyboard_shortcuts_inhibit::zv1::client::{
    zwp_keyboard_shortcuts_inhibit_manager_v1::ZwpKeyboardShortcutsInhibitManagerV1,
    zwp_keyboard_shortcuts_inhibitor_v1::ZwpKeyboardShortcutsInhibitorV1,
};

delegate_noop!(ClientSide: ZwpKeyboardShortcutsInhibitManagerV1);
note_events!(ZwpKeyboardShortcutsInhibitorV1);

const KEY_ESC: u32 = 1;
const KEY_H: u32 = 35;
const KEY_LEFTMETA: u32 = 125;

fn inhibit(client: &Client, window: &TestWindow) -> ZwpKeyboardShortcutsInhibitorV1 {
    let manager = client.bind::<ZwpKeyboardShortcutsInhibitManagerV1>(1);
    let seat = client.bind::<WlSeat>(7);
    manager.inhibit_shortcuts(&window.surface, &seat, &client.handle, ())
}

/// A key with Super held.
fn with_super(fixture: &mut Fixture, code: u32) {
    let hold = |pressed| InputEvent::Key {
        code: KEY_LEFTMETA,
        pressed,
    };
    fixture.input(&[hold(true)]);
    fixture.tap(code);
    fixture.input(&[hold(false)]);
}

/// Whether Super+H is the desktop's, which minimizes the window in use.
fn minimizes(fixture: &mut Fixture) -> bool {
    with_super(fixture, KEY_H);
    fixture.windows().iter().any(|window| window.minimized)
}

#[test]
fn its_user_can_leave_who_has_all_keys() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.shown(&mut fixture, "one", (200, 100), false);
    window.toplevel.set_fullscreen(None);
    let inhibitor = inhibit(&client, &window);
    client.roundtrip(&mut fixture);
    assert!(!minimizes(&mut fixture));
    client.roundtrip(&mut fixture);
    assert!(client.state.keys.contains(&(KEY_H, true)));
    with_super(&mut fixture, KEY_ESC);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.notes, ["Active", "Inactive"]);
    assert!(!client.state.keys.iter().any(|(code, _)| *code == KEY_ESC));
    // Asking again brings nothing.
    inhibitor.destroy();
    inhibit(&client, &window);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.notes, ["Active", "Inactive"]);
    // But the same keys do.
    with_super(&mut fixture, KEY_ESC);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.notes, ["Active", "Inactive", "Active"]);
    assert!(!minimizes(&mut fixture));
    with_super(&mut fixture, KEY_ESC);
    assert!(minimizes(&mut fixture));
}

#[test]
fn who_has_not_the_keyboard_keeps_no_keys_from_others() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let behind = client.shown(&mut fixture, "behind", (200, 100), false);
    inhibit(&client, &behind);
    client.shown(&mut fixture, "one", (200, 100), false);
    assert!(minimizes(&mut fixture));
}
