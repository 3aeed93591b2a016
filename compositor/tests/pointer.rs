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

#[test]
fn a_hint_puts_the_pointer_within_its_surface_and_on_a_display_only() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let window = client.shown(&mut fixture, "window", (1000, 200), false);
    let at = fixture.compositor.shell.iter().next().unwrap().rect().loc;
    fixture.point(at.x + 5, at.y + 5);
    let constraints = client.bind::<ZwpPointerConstraintsV1>(1);
    let life = Lifetime::Persistent;
    let lock = constraints.lock_pointer(&window.surface, &pointer, None, life, &client.handle, ());
    assert_eq!(told(&mut fixture, &mut client), ["Locked"]);
    let mut hint = |x: i32, y: i32| {
        lock.set_cursor_position_hint(f64::from(x), f64::from(y));
        window.surface.commit();
        client.roundtrip(&mut fixture);
        let pointer = fixture.compositor.seat.get_pointer().unwrap();
        (pointer.current_location() - at.to_f64()).to_i32_round()
    };
    assert_eq!(hint(20, 30), (20, 30).into());
    assert_eq!(hint(20, 300), (20, 30).into(), "below its surface");
    assert_eq!(hint(-1, 30), (20, 30).into());
    assert_eq!(hint(950, 30), (799 - at.x, 30).into(), "beyond the display");
}
