//! Pointers that are held to a place.

mod fixture;

use fixture::{Client, ClientSide, Fixture, POINTER};
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::wp::pointer_constraints::zv1::client::{
    zwp_locked_pointer_v1::ZwpLockedPointerV1,
    zwp_pointer_constraints_v1::{Lifetime, ZwpPointerConstraintsV1},
};

note_events!(ZwpLockedPointerV1);
delegate_noop!(ClientSide: ignore ZwpPointerConstraintsV1);

fn told(fixture: &mut Fixture, client: &mut Client) -> Vec<String> {
    client.roundtrip(fixture);
    client.state.notes.retain(|note| !note.starts_with(POINTER));
    std::mem::take(&mut client.state.notes)
}

#[test]
fn a_lock_begins_with_the_click_that_gives_its_window_the_keyboard() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let window = client.shown(&mut fixture, "window", (300, 200), false);
    client.shown(&mut fixture, "other", (100, 100), false);
    let at = fixture.compositor.shell.iter().next().unwrap().rect().loc;
    fixture.point(at.x + 5, at.y + 5);
    let constraints = client.bind::<ZwpPointerConstraintsV1>(1);
    let life = Lifetime::Oneshot;
    constraints.lock_pointer(&window.surface, &pointer, None, life, &client.handle, ());
    assert!(told(&mut fixture, &mut client).is_empty());
    // The button comes up in another turn than it went down.
    fixture.press(true);
    assert!(told(&mut fixture, &mut client).is_empty());
    fixture.press(false);
    assert_eq!(told(&mut fixture, &mut client), ["Locked"]);
}
