//! The pointer on a plane of the card's: what it looks like, that it costs no frame, and when it is
//! drawn after all.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture, SIZE};
use ochre_compositor::{
    backend::{
        Backend,
        headless::{Headless, Plane},
    },
    config::{Config, OutputChoice},
    render::Extent,
};
use ochre_raster::Bitmap;
use wayland_client::{
    delegate_noop,
    protocol::{
        wl_compositor::WlCompositor,
        wl_output::WlOutput,
        wl_pointer::WlPointer,
        wl_seat::WlSeat,
        wl_shm::{self, WlShm},
        wl_surface::WlSurface,
    },
};
use wayland_protocols_wlr::screencopy::v1::client::{
    zwlr_screencopy_frame_v1::ZwlrScreencopyFrameV1,
    zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1,
};

note_events!(ZwlrScreencopyFrameV1);
delegate_noop!(ClientSide: ignore WlOutput);
delegate_noop!(ClientSide: ignore ZwlrScreencopyManagerV1);

fn headless(fixture: &mut Fixture) -> &mut Headless {
    match &mut fixture.compositor.backend {
        Backend::Headless(headless) => headless,
        _ => panic!("not headless"),
    }
}

fn plane(fixture: &mut Fixture) -> &mut Plane {
    headless(fixture).plane().unwrap()
}

/// A desktop whose card shows pointers of 64×64 pixels, at rest.
fn with_plane() -> Fixture {
    let mut fixture = Fixture::new();
    headless(&mut fixture).lay_plane(Extent::new(64, 64).unwrap());
    fixture.point(400, 300);
    rest(&mut fixture);
    fixture
}

fn rest(fixture: &mut Fixture) {
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    assert!(fixture.compositor.outputs.is_idle());
}

/// What a person sees: the frame, and over it the plane.
fn seen(fixture: &mut Fixture) -> Bitmap {
    let mut seen = headless(fixture).frame().clone();
    if let Some((picture, at)) = &plane(fixture).shown {
        let place = (at.x, at.y);
        let all = picture.bounds();
        seen.canvas().blend(&picture.image(), all, place, 255);
    }
    seen
}

/// Whether a person sees what is there; the plane shows the pointer if it should.
fn check(fixture: &mut Fixture, by_card: bool) {
    assert_eq!(plane(fixture).shown.is_some(), by_card);
    let id = fixture.compositor.outputs.primary().unwrap().id;
    let wanted = fixture.compositor.draw_apart(id, true).unwrap();
    let seen = seen(fixture);
    let colours = |picture: &Bitmap| -> Vec<u32> {
        picture.pixels().iter().map(|it| it & 0x00ff_ffff).collect()
    };
    let (wanted, seen) = (colours(&wanted), colours(&seen));
    let pairs = wanted.iter().zip(&seen).enumerate();
    let other: Vec<_> = pairs.filter(|(_, (a, b))| a != b).collect();
    assert!(
        other.is_empty(),
        "{} {:x?}",
        other.len(),
        &other[..other.len().min(9)]
    );
}

#[test]
fn a_pointer_over_a_still_desktop_costs_no_frame() {
    let mut fixture = with_plane();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (300, 200), false);
    rest(&mut fixture);
    check(&mut fixture, true);
    let frames = fixture.frames();
    for (x, y) in [(410, 310), (100, 50), (0, 0), (799, 599), (798, 2)] {
        fixture.point(x, y);
        assert!(fixture.compositor.outputs.is_idle(), "at {x}, {y}");
        check(&mut fixture, true);
    }
    assert_eq!(fixture.frames(), frames);
    fixture.point_at(400, 300);
    let Plane { shown, hotspot, .. } = plane(&mut fixture);
    let (_, at) = shown.as_ref().unwrap();
    assert_eq!((at.x + hotspot.x, at.y + hotspot.y), (400, 300));
}

#[test]
fn what_no_plane_can_show_is_drawn() {
    let mut fixture = with_plane();
    let scale = |scale| {
        let chosen = OutputChoice {
            scale: Some(scale),
            ..OutputChoice::default()
        };
        Config {
            outputs: vec![("HEADLESS-1".into(), chosen)],
            ..Config::default()
        }
    };
    for (factor, by_card) in [(2.0, true), (2.5, false), (1.5, true), (1.0, true)] {
        fixture.compositor.apply_config(scale(factor));
        rest(&mut fixture);
        check(&mut fixture, by_card);
        let frames = fixture.frames();
        fixture.point(200, 200);
        fixture.point(500, 300);
        rest(&mut fixture);
        check(&mut fixture, by_card);
        assert_eq!(
            fixture.frames() == frames,
            by_card,
            "at a scale of {factor}"
        );
    }
    plane(&mut fixture).refuses = true;
    fixture.point(100, 100);
    rest(&mut fixture);
    check(&mut fixture, false);
    fixture.point(300, 100);
    rest(&mut fixture);
    check(&mut fixture, false);
}

#[test]
fn its_user_may_want_it_drawn() {
    let mut fixture = with_plane();
    for by_card in [false, true] {
        fixture.compositor.apply_config(Config {
            pointer_by_card: by_card,
            ..Config::default()
        });
        rest(&mut fixture);
        check(&mut fixture, by_card);
    }
}

#[test]
fn it_has_the_tone_of_what_is_around_it() {
    let mut fixture = with_plane();
    let blue = |fixture: &mut Fixture| {
        let (picture, _) = plane(fixture).shown.as_ref().unwrap();
        let strongest = picture.pixels().iter().map(|pixel| pixel & 0xff).max();
        strongest.unwrap()
    };
    assert_eq!(blue(&mut fixture), 255, "its rim is white");
    fixture.compositor.set_night_light(Some(2500));
    rest(&mut fixture);
    assert!(blue(&mut fixture) < 150);
    fixture.compositor.set_night_light(None);
    rest(&mut fixture);
    check(&mut fixture, true);
}

/// A client whose window is under the pointer, and what it sets the pointer's picture by.
fn client_under(fixture: &mut Fixture) -> (Client, WlPointer, WlSurface) {
    let mut client = fixture.client();
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let window = client.shown(fixture, "one", (300, 200), false);
    let at = fixture.windows()[0].content;
    fixture.point(at[0] + 50, at[1] + 50);
    client.roundtrip(fixture);
    assert_ne!(client.state.serial, 0);
    std::mem::forget(window);
    let compositor = client.bind::<WlCompositor>(6);
    let picture = compositor.create_surface(&client.handle, ());
    (client, pointer, picture)
}

fn draw(client: &mut Client, fixture: &mut Fixture, picture: &WlSurface, side: i32, colour: u32) {
    let (buffer, _file) = client.buffer((side, side), colour);
    picture.attach(Some(&buffer), 0, 0);
    picture.damage_buffer(0, 0, side, side);
    picture.commit();
    client.roundtrip(fixture);
    rest(fixture);
}

#[test]
fn a_client_s_pointer_is_shown_as_it_draws_it() {
    let mut fixture = with_plane();
    let (mut client, pointer, picture) = client_under(&mut fixture);
    pointer.set_cursor(client.state.serial, Some(&picture), 5, 7);
    for (side, colour, by_card) in [
        (24, 0xffff_0000, true),
        (24, 0xff00_00ff, true),
        (64, 0x8000_8000, true),
        (65, 0xffff_ffff, false),
        (16, 0xff12_3456, true),
    ] {
        draw(&mut client, &mut fixture, &picture, side, colour);
        check(&mut fixture, by_card);
    }
    assert_eq!(plane(&mut fixture).hotspot, (5, 7).into());
    let frames = fixture.frames();
    draw(&mut client, &mut fixture, &picture, 16, 0xff65_4321);
    check(&mut fixture, true);
    assert_eq!(fixture.frames(), frames, "it is no part of the frame");
    pointer.set_cursor(client.state.serial, None, 0, 0);
    client.roundtrip(&mut fixture);
    rest(&mut fixture);
    check(&mut fixture, false);
    let at = fixture.windows()[0].content;
    fixture.point(at[0] - 30, at[1] - 30);
    check(&mut fixture, true);
}

#[test]
fn what_is_dragged_and_the_pointer_go_together() {
    let mut fixture = with_plane();
    let (mut client, _pointer, picture) = client_under(&mut fixture);
    draw(&mut client, &mut fixture, &picture, 20, 0xff00_ff00);
    let icon = {
        let compositor = &fixture.compositor;
        let window = compositor.shell.iter().next().unwrap();
        window.surface().unwrap()
    };
    fixture.compositor.drag_icon = Some((icon, (0, 0).into()));
    fixture.turn();
    rest(&mut fixture);
    check(&mut fixture, false);
    fixture.compositor.drag_icon = None;
    fixture.turn();
    rest(&mut fixture);
    check(&mut fixture, true);
}

#[test]
fn a_recording_with_the_pointer_hears_of_its_moves_and_one_without_does_not() {
    let mut fixture = with_plane();
    let mut client = fixture.client();
    let output = client.bind::<WlOutput>(4);
    let (_, file) = client.buffer((SIZE.0 as i32, SIZE.1 as i32), 0);
    let shm = client.bind::<WlShm>(1);
    let (width, height) = (SIZE.0 as i32, SIZE.1 as i32);
    let fd = std::os::fd::AsFd::as_fd(&file);
    let pool = shm.create_pool(fd, width * height * 4, &client.handle, ());
    let plain = wl_shm::Format::Xrgb8888;
    let handle = client.handle.clone();
    let buffer = pool.create_buffer(0, width, height, width * 4, plain, &handle, ());
    let screencopy = client.bind::<ZwlrScreencopyManagerV1>(3);
    for (with_pointer, hears) in [(0, false), (1, true)] {
        for _ in 0..2 {
            let shot = screencopy.capture_output(with_pointer, &output, &client.handle, ());
            client.roundtrip(&mut fixture);
            rest(&mut fixture);
            client.state.notes.clear();
            shot.copy_with_damage(&buffer);
            client.roundtrip(&mut fixture);
        }
        let frames = fixture.frames();
        fixture.point(200 + 100 * with_pointer, 150);
        fixture.advance(FRAME);
        client.roundtrip(&mut fixture);
        let ready = client.state.notes.iter().any(|it| it.starts_with("Ready"));
        assert_eq!(ready, hears, "{:?}", client.state.notes);
        assert_eq!(fixture.frames(), frames);
    }
}

#[test]
fn a_pointer_s_offset_moves_what_it_points_with() {
    let mut fixture = with_plane();
    let (mut client, pointer, picture) = client_under(&mut fixture);
    pointer.set_cursor(client.state.serial, Some(&picture), 5, 7);
    draw(&mut client, &mut fixture, &picture, 24, 0xffff_0000);
    picture.offset(-2, 3);
    draw(&mut client, &mut fixture, &picture, 24, 0xffff_0000);
    check(&mut fixture, true);
    assert_eq!(plane(&mut fixture).hotspot, (7, 4).into());
}

#[test]
fn another_mode_has_it_at_its_place() {
    let mut fixture = with_plane();
    fixture.point(700, 500);
    fixture.resize(640, 480);
    rest(&mut fixture);
    check(&mut fixture, true);
    fixture.resize(1000, 700);
    rest(&mut fixture);
    check(&mut fixture, true);
}

#[test]
fn it_is_on_the_display_that_it_points_to() {
    let mut fixture = with_plane();
    let second = fixture
        .compositor
        .add_output(&ochre_compositor::output::DisplayInfo {
            name: "DP-1".into(),
            make: "Ochre".into(),
            model: "Memory".into(),
            millimetres: (0, 0),
            size: (1000, 700),
            refresh: 60_000,
        });
    rest(&mut fixture);
    fixture.point_at(790, 100);
    check(&mut fixture, true);
    fixture.point_at(1200, 100);
    assert!(plane(&mut fixture).shown.is_none());
    fixture.compositor.remove_output(second);
    rest(&mut fixture);
    check(&mut fixture, true);
}
