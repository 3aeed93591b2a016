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

/// A token of a client, with a serial that is recent, be it made up.
fn token(fixture: &mut Fixture, client: &mut Client) -> String {
    let activation = client.bind::<XdgActivationV1>(1);
    let token = activation.get_activation_token(&client.handle, ());
    let serial = SERIAL_COUNTER.next_serial().into();
    token.set_serial(serial, &client.bind::<WlSeat>(7));
    token.commit();
    client.roundtrip(fixture);
    let note = client.state.notes.pop().unwrap();
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

#[test]
fn who_has_the_keyboard_may_hand_it_on() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "behind");
    let (mut user, used) = open(&mut fixture, "used");
    fixture.point(0, 0);
    let given = token(&mut fixture, &mut user);
    assert!(activates(&mut fixture, &mut client, &window, given));
    user.roundtrip(&mut fixture);
    assert!(!user.has_keyboard(&used));
}

#[test]
fn nobody_takes_the_keyboard_with_a_token_of_its_own() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "behind");
    let (mut user, used) = open(&mut fixture, "used");
    fixture.point(0, 0);
    let own = token(&mut fixture, &mut client);
    assert!(!activates(&mut fixture, &mut client, &window, own));
    user.roundtrip(&mut fixture);
    assert!(user.has_keyboard(&used));
}
