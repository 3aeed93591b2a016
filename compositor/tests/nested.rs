//! The desktop in a window of a desktop: both are ours, in one process.

mod fixture;

use std::{os::unix::net::UnixStream, time::Duration};

use fixture::{ClientSide, FRAME, Fixture};
use ochre_compositor::{
    backend::nested::Nested,
    input::{Action, InputEvent},
    render::Extent,
};
use wayland_client::{Connection, delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::ext::session_lock::v1::client::{
    ext_session_lock_manager_v1::ExtSessionLockManagerV1, ext_session_lock_v1::ExtSessionLockV1,
};

delegate_noop!(ClientSide: ignore ExtSessionLockManagerV1);
note_events!(ExtSessionLockV1);

/// A host, and a compositor in a window of it.
fn nested(size: (u32, u32)) -> (Fixture, Fixture) {
    let mut host = Fixture::new();
    let mut guest = Fixture::without_output();
    let (ours, theirs) = UnixStream::pair().unwrap();
    host.compositor.adopt(ours).unwrap();
    let connection = Connection::from_socket(theirs).unwrap();
    let extent = Extent::new(size.0, size.1).unwrap();
    Nested::start(&mut guest.compositor, connection, extent).unwrap();
    settle(&mut host, &mut guest);
    (host, guest)
}

/// Lets both talk until nothing is left to say or show.
fn settle(host: &mut Fixture, guest: &mut Fixture) {
    for _ in 0..12 {
        host.advance(FRAME / 2);
        guest.advance(FRAME / 2);
    }
}

/// Where the guest's pixel is in the host.
fn place(host: &Fixture) -> (i32, i32) {
    let [x, y, ..] = host.windows()[0].content;
    (x, y)
}

fn size_of(guest: &Fixture) -> (i32, i32) {
    let size = guest.compositor.outputs.primary().unwrap().mode_size();
    (size.w, size.h)
}

#[test]
fn the_desktop_is_a_window() {
    let (host, guest) = nested((400, 300));
    let window = &host.windows()[0];
    assert_eq!(window.title, "Ochre");
    assert_eq!(window.content[2..], [400, 300]);
    assert!(window.decorated, "its frame is the host's");
    assert_eq!(size_of(&guest), (400, 300));
}

#[test]
fn what_a_client_draws_is_in_the_window() {
    let (mut host, mut guest) = nested((400, 300));
    let mut client = guest.client();
    let window = client.shown(&mut guest, "inner", (100, 100), false);
    settle(&mut host, &mut guest);
    let (x, y) = place(&host);
    assert_eq!(host.pixel(x + 180, y + 130), 0x20_8040);
    for colour in [0xff11_2233, 0xff44_5566, 0xff77_8899, 0xff00_ff00] {
        let (buffer, _file) = client.buffer((100, 100), colour);
        window.surface.attach(Some(&buffer), 0, 0);
        window.surface.damage_buffer(0, 0, 100, 100);
        window.surface.commit();
        client.roundtrip(&mut guest);
        settle(&mut host, &mut guest);
        assert_eq!(host.pixel(x + 180, y + 130), colour & 0x00ff_ffff);
        assert_eq!(host.pixel(x + 249, y + 199), colour & 0x00ff_ffff);
    }
}

#[test]
fn the_session_is_locked_once_the_host_shows_that() {
    let (mut host, mut guest) = nested((400, 300));
    let mut client = guest.client();
    let window = client.shown(&mut guest, "inner", (100, 100), false);
    settle(&mut host, &mut guest);
    // The host is busy: it has all buffers, and shows none.
    for colour in [0xff11_2233, 0xff44_5566, 0xff77_8899, 0xff00_ff00] {
        client.show(&mut guest, &window, (100, 100), colour);
        guest.advance(Duration::from_secs(2));
    }
    let mut locker = guest.client();
    let manager = locker.bind::<ExtSessionLockManagerV1>(1);
    manager.lock(&locker.handle, ());
    for _ in 0..3 {
        locker.roundtrip(&mut guest);
        guest.advance(Duration::from_secs(2));
    }
    locker.roundtrip(&mut guest);
    assert!(locker.state.notes.is_empty(), "{:?}", locker.state.notes);
    settle(&mut host, &mut guest);
    locker.roundtrip(&mut guest);
    assert_eq!(locker.state.notes, ["Locked"]);
    let (x, y) = place(&host);
    assert_ne!(host.pixel(x + 180, y + 130), 0x00_ff00);
}

#[test]
fn an_idle_window_draws_nothing() {
    let (mut host, mut guest) = nested((400, 300));
    let before = (host.frames(), guest.frames());
    for _ in 0..60 {
        settle(&mut host, &mut guest);
    }
    assert_eq!((host.frames(), guest.frames()), before);
}

#[test]
fn what_is_done_in_the_window_is_input() {
    let (mut host, mut guest) = nested((400, 300));
    let mut client = guest.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.shown(&mut guest, "inner", (100, 100), false);
    settle(&mut host, &mut guest);
    assert!(client.has_keyboard(&window));
    let (x, y) = place(&host);
    host.point(x + 30, y + 40);
    host.tap(30);
    host.input(&[InputEvent::Key {
        code: 31,
        pressed: true,
    }]);
    settle(&mut host, &mut guest);
    client.roundtrip(&mut guest);
    assert_eq!(client.state.keys, [(30, true), (30, false), (31, true)]);
    let at = guest
        .compositor
        .seat
        .get_pointer()
        .unwrap()
        .current_location();
    assert!(
        (at.x - 30.5).abs() < 1.0 && (at.y - 40.5).abs() < 1.0,
        "{at:?}"
    );

    // Another window of the host takes the keyboard: nothing stays held down in the guest.
    let mut other = host.client();
    other.shown(&mut host, "other", (50, 50), false);
    settle(&mut host, &mut guest);
    client.roundtrip(&mut guest);
    assert_eq!(client.state.keys.last(), Some(&(31, false)));
}

#[test]
fn a_window_that_is_resized_is_another_resolution() {
    let (mut host, mut guest) = nested((400, 300));
    let mut client = guest.client();
    client.shown(&mut guest, "inner", (100, 100), false);
    host.compositor.act(Action::Maximize);
    settle(&mut host, &mut guest);
    let title = host.compositor.look.title_height;
    let whole = (800, 600 - title);
    assert_eq!(size_of(&guest), whole);
    assert_eq!(host.windows()[0].content, [0, title, whole.0, whole.1]);
    guest.compositor.act(Action::Maximize);
    client.roundtrip(&mut guest);
    host.compositor.act(Action::Restore);
    settle(&mut host, &mut guest);
    assert_eq!(size_of(&guest), (400, 300));
}

#[test]
fn closing_the_window_ends_the_session() {
    let (mut host, mut guest) = nested((400, 300));
    assert_eq!(guest.compositor.session.status, None);
    host.compositor.act(Action::Close);
    settle(&mut host, &mut guest);
    assert_eq!(guest.compositor.session.status, Some(0));
}

#[test]
fn a_host_that_is_gone_ends_the_session_with_an_error() {
    let (host, mut guest) = nested((400, 300));
    drop(host);
    guest.turn();
    assert_eq!(guest.compositor.session.status, Some(1));
}
