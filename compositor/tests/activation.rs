//! The right to be focused, handed from one program to another (xdg-activation).

mod fixture;

use fixture::{Client, ClientSide, Fixture, TestWindow};
use smithay::utils::SERIAL_COUNTER;
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::xdg::activation::v1::client::{
    xdg_activation_token_v1::XdgActivationTokenV1, xdg_activation_v1::XdgActivationV1,
};

delegate_noop!(ClientSide: XdgActivationV1);
note_events!(XdgActivationTokenV1);

/// A token of a client for a serial.
fn token(fixture: &mut Fixture, client: &mut Client, serial: u32) -> String {
    let activation = client.bind::<XdgActivationV1>(1);
    let token = activation.get_activation_token(&client.handle, ());
    token.set_serial(serial, &client.bind::<WlSeat>(7));
    token.commit();
    client.roundtrip(fixture);
    let notes = std::mem::take(&mut client.state.notes);
    let note = notes.iter().find(|note| note.starts_with("Done")).unwrap();
    note.split('"').nth(1).unwrap().to_owned()
}

/// Whether a window has the keyboard after it was activated with a token.
fn activates(
    fixture: &mut Fixture,
    client: &mut Client,
    window: &TestWindow,
    token: String,
) -> bool {
    let activation = client.bind::<XdgActivationV1>(1);
    activation.activate(token, &window.surface);
    client.roundtrip(fixture);
    client.has_keyboard(window)
}

fn open(fixture: &mut Fixture, title: &str) -> (Client, TestWindow) {
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.shown(fixture, title, (200, 100), false);
    (client, window)
}

/// A window in use before another one, whose client hears all devices too.
fn two(fixture: &mut Fixture) -> [(Client, TestWindow); 2] {
    let (mut client, window) = open(fixture, "behind");
    client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let used = open(fixture, "used");
    fixture.point(0, 0);
    client.roundtrip(fixture);
    [(client, window), used]
}

#[test]
fn who_has_the_keyboard_may_hand_it_on() {
    for by_a_key in [false, true] {
        let mut fixture = Fixture::new();
        let [(mut client, window), (mut user, used)] = two(&mut fixture);
        if by_a_key {
            fixture.tap(30);
        }
        user.roundtrip(&mut fixture);
        let serial = user.state.key_serial;
        let given = token(&mut fixture, &mut user, serial);
        assert!(activates(&mut fixture, &mut client, &window, given));
        user.roundtrip(&mut fixture);
        assert!(!user.has_keyboard(&used));
    }
}

#[test]
fn who_is_clicked_may_ask_for_the_keyboard() {
    let mut fixture = Fixture::new();
    let [(mut client, window), _user] = two(&mut fixture);
    let (mut third, above) = open(&mut fixture, "above");
    third.bind::<WlSeat>(7).get_pointer(&third.handle, ());
    third.roundtrip(&mut fixture);
    let windows = fixture.windows();
    let [x, y, ..] = windows
        .iter()
        .find(|it| it.title == "above")
        .unwrap()
        .content;
    fixture.point(x + 10, y + 10);
    fixture.press(true);
    fixture.press(false);
    third.roundtrip(&mut fixture);
    let serial = third.state.serial;
    let given = token(&mut fixture, &mut third, serial);
    assert!(activates(&mut fixture, &mut client, &window, given));
    third.roundtrip(&mut fixture);
    assert!(!third.has_keyboard(&above));
}

#[test]
fn nobody_takes_the_keyboard_with_a_token_of_its_own() {
    let mut fixture = Fixture::new();
    let [(mut client, window), (mut user, used)] = two(&mut fixture);
    let serial = SERIAL_COUNTER.next_serial().into();
    let own = token(&mut fixture, &mut client, serial);
    assert!(!activates(&mut fixture, &mut client, &window, own));
    user.roundtrip(&mut fixture);
    assert!(user.has_keyboard(&used));
}

#[test]
fn a_pointer_that_rests_over_a_window_is_no_input() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "behind");
    client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    client.show(&mut fixture, &window, (700, 500), 0xff20_8040);
    let (mut user, used) = open(&mut fixture, "used");
    let windows = fixture.windows();
    let behind = windows.iter().find(|it| it.title == "behind").unwrap();
    let [x, y, width, height] = behind.content;
    fixture.point(x + width - 5, y + height - 5);
    client.roundtrip(&mut fixture);
    assert!(!client.state.pointer.is_empty());
    for serial in [client.state.serial, SERIAL_COUNTER.next_serial().into()] {
        let own = token(&mut fixture, &mut client, serial);
        assert!(!activates(&mut fixture, &mut client, &window, own));
    }
    user.roundtrip(&mut fixture);
    assert!(user.has_keyboard(&used));
}

#[test]
fn an_old_key_is_good_no_more_once_another_window_is_used() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "behind");
    fixture.tap(30);
    client.roundtrip(&mut fixture);
    let (mut user, used) = open(&mut fixture, "used");
    fixture.tap(30);
    let serial = client.state.key_serial;
    let own = token(&mut fixture, &mut client, serial);
    assert!(!activates(&mut fixture, &mut client, &window, own));
    user.roundtrip(&mut fixture);
    assert!(user.has_keyboard(&used));
}

#[test]
fn what_is_not_shown_takes_no_keys() {
    let mut fixture = Fixture::new();
    let (mut user, used) = open(&mut fixture, "used");
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.window(&mut fixture, "starting");
    let serial = user.state.key_serial;
    let given = token(&mut fixture, &mut user, serial);
    assert!(!activates(&mut fixture, &mut client, &window, given));
    user.roundtrip(&mut fixture);
    assert!(user.has_keyboard(&used));
    // It is activated as it appears.
    client.show(&mut fixture, &window, (200, 100), 0xff20_8040);
    assert!(client.has_keyboard(&window));
}
