//! Programs that type (virtual-keyboard).

mod fixture;

use std::os::fd::AsFd;

use fixture::{Client, ClientSide, Fixture};
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::{
    zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
    zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
};

delegate_noop!(ClientSide: ZwpVirtualKeyboardManagerV1);
delegate_noop!(ClientSide: ZwpVirtualKeyboardV1);

/// A client that is typed into, and another one with a virtual keyboard.
fn start(fixture: &mut Fixture) -> (Client, Client, ZwpVirtualKeyboardV1) {
    let mut user = fixture.client();
    user.bind::<WlSeat>(7).get_keyboard(&user.handle, ());
    user.shown(fixture, "typed into", (200, 100), false);
    let (keymap, size) = user.state.keymap.take().unwrap();
    let mut client = fixture.client();
    let manager = client.bind::<ZwpVirtualKeyboardManagerV1>(1);
    let seat = client.bind::<WlSeat>(7);
    let keyboard = manager.create_virtual_keyboard(&seat, &client.handle, ());
    keyboard.keymap(1, keymap.as_fd(), size);
    client.roundtrip(fixture);
    (user, client, keyboard)
}

#[test]
fn a_virtual_keyboard_that_goes_lets_its_keys_go() {
    for killed in [false, true] {
        let mut fixture = Fixture::new();
        let (mut user, mut client, keyboard) = start(&mut fixture);
        keyboard.modifiers(1, 0, 0, 0);
        for code in [30, 31, 48] {
            keyboard.key(0, code, 1);
        }
        keyboard.key(0, 31, 0);
        client.roundtrip(&mut fixture);
        user.roundtrip(&mut fixture);
        assert_eq!(user.state.modifiers, 1);
        user.state.keys.clear();
        if killed {
            drop((client, keyboard));
        } else {
            keyboard.destroy();
            client.roundtrip(&mut fixture);
        }
        fixture.turn();
        user.roundtrip(&mut fixture);
        assert_eq!(user.state.keys, [(30, false), (48, false)], "{killed}");
        assert_eq!(user.state.modifiers, 0);
    }
}
