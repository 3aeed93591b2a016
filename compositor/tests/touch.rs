//! Fingers on a touch screen: whose they are.

mod fixture;

use fixture::{Client, ClientSide, Fixture, SIZE};
use ochre_compositor::input::InputEvent;
use wayland_client::{
    Connection, Dispatch, QueueHandle,
    protocol::{
        wl_seat::WlSeat,
        wl_touch::{self, WlTouch},
    },
};

impl Dispatch<WlTouch, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        state.notes.push(match event {
            wl_touch::Event::Down { id, x, y, .. } => format!("{id} down at {x} {y}"),
            wl_touch::Event::Motion { id, x, y, .. } => format!("{id} to {x} {y}"),
            wl_touch::Event::Up { id, .. } => format!("{id} up"),
            wl_touch::Event::Frame => return,
            wl_touch::Event::Cancel => "cancelled".into(),
            _ => "other".into(),
        });
    }
}

fn share(at: i32, whole: u32) -> f64 {
    f64::from(at) / f64::from(whole)
}

fn down(finger: u32, x: i32, y: i32) -> InputEvent {
    let (x, y) = (share(x, SIZE.0), share(y, SIZE.1));
    InputEvent::TouchDown { finger, x, y }
}

fn motion(finger: u32, x: i32, y: i32) -> InputEvent {
    let (x, y) = (share(x, SIZE.0), share(y, SIZE.1));
    InputEvent::TouchMotion { finger, x, y }
}

fn up(finger: u32) -> InputEvent {
    InputEvent::TouchUp { finger }
}

/// A screen that can be touched, and a client with a framed window on it, 200 by 100.
fn touched() -> (Fixture, Client, (i32, i32)) {
    let mut fixture = Fixture::new();
    fixture.compositor.add_touch();
    let mut client = fixture.client();
    client.shown(&mut fixture, "window", (200, 100), true);
    let corner = corner(&fixture);
    (fixture, client, corner)
}

fn corner(fixture: &Fixture) -> (i32, i32) {
    let window = fixture.compositor.shell.iter().next().unwrap();
    (window.position.x, window.position.y)
}

#[test]
fn fingers_are_the_client_s_that_listens_to_them() {
    let (mut fixture, mut client, (x, y)) = touched();
    let seat: WlSeat = client.bind(8);
    seat.get_touch(&client.handle, ());
    client.roundtrip(&mut fixture);
    fixture.input(&[
        down(0, x + 10, y + 20),
        down(1, x + 50, y + 20),
        motion(0, x - 30, y + 25), // it stays whose it is
        up(1),
        up(0),
    ]);
    client.roundtrip(&mut fixture);
    assert_eq!(
        client.state.notes,
        [
            "0 down at 10 20",
            "1 down at 50 20",
            "0 to -30 25",
            "1 up",
            "0 up"
        ]
    );
}

#[test]
fn a_finger_moves_the_pointer_where_nobody_listens() {
    let (mut fixture, mut client, (x, y)) = touched();
    fixture.input(&[down(0, x + 10, y + 20)]);
    let at = fixture
        .compositor
        .seat
        .get_pointer()
        .unwrap()
        .current_location();
    assert_eq!((at.x, at.y), (f64::from(x + 10), f64::from(y + 20)));
    fixture.input(&[up(0)]);
    client.roundtrip(&mut fixture);
    assert!(client.error.is_none());
}

#[test]
fn a_window_is_dragged_by_a_finger_on_its_title() {
    let (mut fixture, mut client, (x, y)) = touched();
    let seat: WlSeat = client.bind(8);
    seat.get_touch(&client.handle, ());
    client.roundtrip(&mut fixture);
    fixture.input(&[down(3, x + 40, y - 10), motion(3, x + 60, y + 20), up(3)]);
    client.roundtrip(&mut fixture);
    assert_eq!(corner(&fixture), (x + 20, y + 30));
    assert!(client.state.notes.is_empty(), "the frame is no client's");
}

#[test]
fn fingers_leave_with_the_surface_that_they_touched() {
    let (mut fixture, mut client, _) = touched();
    let window = client.shown(&mut fixture, "other", (100, 100), false);
    let seat: WlSeat = client.bind(8);
    seat.get_touch(&client.handle, ());
    client.roundtrip(&mut fixture);
    let other = fixture.compositor.shell.iter().last().unwrap();
    let (x, y) = (other.position.x, other.position.y);
    fixture.input(&[down(0, x + 1, y + 1)]);
    window.toplevel.destroy();
    window.xdg.destroy();
    window.surface.destroy();
    client.roundtrip(&mut fixture);
    fixture.input(&[up(0)]);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.notes, ["0 down at 1 1", "0 up"]);
}
