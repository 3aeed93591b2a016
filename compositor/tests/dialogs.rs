//! Windows of windows: who of them has the keyboard, and on which workspace they are.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture, TestWindow};
use ochre_compositor::input::{Action, InputEvent};
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::xdg::dialog::v1::client::{
    xdg_dialog_v1::XdgDialogV1, xdg_wm_dialog_v1::XdgWmDialogV1,
};

delegate_noop!(ClientSide: XdgWmDialogV1);
delegate_noop!(ClientSide: XdgDialogV1);

const KEY_LEFTALT: u32 = 56;
const KEY_TAB: u32 = 15;
const DIALOG: u32 = 0xff80_2040;

/// A dialog of 100 by 100 pixels in the middle of its window.
fn dialog(fixture: &mut Fixture, client: &mut Client, parent: &TestWindow) -> TestWindow {
    let dialog = client.window(fixture, "dialog");
    dialog.toplevel.set_parent(Some(&parent.toplevel));
    client.show(fixture, &dialog, (100, 100), DIALOG);
    dialog
}

/// A document of 400 by 300 pixels.
fn document() -> (Fixture, Client, TestWindow) {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let document = client.shown(&mut fixture, "document", (400, 300), false);
    (fixture, client, document)
}

/// Clicks into the document beside its dialog.
fn click_document(fixture: &mut Fixture, client: &mut Client) {
    let windows = fixture.windows();
    let [x, y, ..] = windows[0].content;
    fixture.point(x + 20, y + 20);
    fixture.press(true);
    fixture.press(false);
    client.roundtrip(fixture);
}

fn shows_dialog(fixture: &mut Fixture) -> bool {
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    fixture.pixel(360, 260) == DIALOG & 0x00ff_ffff
}

#[test]
fn a_window_is_typed_into_below_its_dialog() {
    let (mut fixture, mut client, document) = document();
    let dialog = dialog(&mut fixture, &mut client, &document);
    assert!(client.has_keyboard(&dialog));
    click_document(&mut fixture, &mut client);
    assert!(client.has_keyboard(&document));
    assert!(shows_dialog(&mut fixture), "it stays above");
    // So it is when something else goes away.
    let mut other = fixture.client();
    let passing = other.shown(&mut fixture, "passing", (100, 80), false);
    passing.toplevel.destroy();
    other.roundtrip(&mut fixture);
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&document));
    // The switcher goes to the one before, which is above.
    let alt = |pressed| InputEvent::Key {
        code: KEY_LEFTALT,
        pressed,
    };
    fixture.input(&[alt(true)]);
    fixture.tap(KEY_TAB);
    fixture.input(&[alt(false)]);
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&dialog));
}

#[test]
fn a_window_waits_for_a_modal_dialog() {
    let (mut fixture, mut client, document) = document();
    let first = dialog(&mut fixture, &mut client, &document);
    let second = dialog(&mut fixture, &mut client, &first);
    let dialogs = client.bind::<XdgWmDialogV1>(1);
    let modal = [&first, &second].map(|window| {
        let dialog = dialogs.get_xdg_dialog(&window.toplevel, &client.handle, ());
        dialog.set_modal();
        dialog
    });
    client.roundtrip(&mut fixture);
    click_document(&mut fixture, &mut client);
    assert!(client.has_keyboard(&second), "which is over the first");
    modal[1].destroy();
    client.roundtrip(&mut fixture);
    click_document(&mut fixture, &mut client);
    assert!(client.has_keyboard(&first));
    modal[0].unset_modal();
    client.roundtrip(&mut fixture);
    click_document(&mut fixture, &mut client);
    assert!(client.has_keyboard(&document));
    modal[0].set_modal();
    client.roundtrip(&mut fixture);
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&first), "though nobody has clicked");
}

#[test]
fn a_window_is_a_dialog_once() {
    let (mut fixture, mut client, document) = document();
    let dialogs = client.bind::<XdgWmDialogV1>(1);
    let first = dialogs.get_xdg_dialog(&document.toplevel, &client.handle, ());
    first.destroy();
    let second = dialogs.get_xdg_dialog(&document.toplevel, &client.handle, ());
    assert!(client.roundtrip(&mut fixture));
    dialogs.get_xdg_dialog(&document.toplevel, &client.handle, ());
    assert!(!client.roundtrip(&mut fixture));
    assert_eq!(client.error.unwrap().object_interface, "xdg_wm_dialog_v1");
    drop(second);
}

#[test]
fn a_dialog_comes_where_its_window_is() {
    let (mut fixture, mut client, document) = document();
    fixture.compositor.act(Action::Workspace(1));
    let mut other = fixture.client();
    other.bind::<WlSeat>(7).get_keyboard(&other.handle, ());
    let mail = other.shown(&mut fixture, "mail", (100, 80), false);
    let dialog = dialog(&mut fixture, &mut client, &document);
    other.roundtrip(&mut fixture);
    assert!(other.has_keyboard(&mail), "who types there goes on");
    assert!(!shows_dialog(&mut fixture));
    fixture.compositor.act(Action::Workspace(0));
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&dialog));
    assert!(shows_dialog(&mut fixture));
}

#[test]
fn nobody_waits_for_a_dialog_that_is_elsewhere() {
    let (mut fixture, mut client, document) = document();
    let dialog = dialog(&mut fixture, &mut client, &document);
    let dialogs = client.bind::<XdgWmDialogV1>(1);
    let modal = dialogs.get_xdg_dialog(&dialog.toplevel, &client.handle, ());
    modal.set_modal();
    client.roundtrip(&mut fixture);
    let id = fixture.compositor.shell.active().unwrap().id;
    fixture.compositor.move_to_workspace(id, 1);
    client.roundtrip(&mut fixture);
    click_document(&mut fixture, &mut client);
    assert_eq!(fixture.compositor.shell.workspace, 0);
    assert!(client.has_keyboard(&document));
}
