//! Displays that are turned: what they show, where it is touched, and what clients are told.

mod fixture;

use std::{fs::File, os::fd::AsFd, os::unix::fs::FileExt};

use fixture::{Client, ClientSide, FRAME, Fixture, SIZE, TestWindow};
use ochre_compositor::{
    input::Action,
    output::{DisplayInfo, OutputId, TURNS},
};
use rustix::fs::{MemfdFlags, memfd_create};
use smithay::utils::Transform;
use wayland_client::{
    Connection, Dispatch, QueueHandle, delegate_noop,
    protocol::{
        wl_compositor::WlCompositor,
        wl_output::{self, WlOutput},
        wl_shm::{self, WlShm},
        wl_surface::WlSurface,
    },
};
use wayland_protocols::xdg::xdg_output::zv1::client::{
    zxdg_output_manager_v1::ZxdgOutputManagerV1,
    zxdg_output_v1::{self, ZxdgOutputV1},
};
use wayland_protocols_wlr::{
    layer_shell::v1::client::{
        zwlr_layer_shell_v1::{Layer, ZwlrLayerShellV1},
        zwlr_layer_surface_v1::Anchor,
    },
    screencopy::v1::client::{
        zwlr_screencopy_frame_v1::{self as copy, ZwlrScreencopyFrameV1},
        zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1,
    },
};

delegate_noop!(ClientSide: ignore ZxdgOutputManagerV1);
delegate_noop!(ClientSide: ignore ZwlrScreencopyManagerV1);

impl Dispatch<WlOutput, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &WlOutput,
        event: wl_output::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_output::Event::Geometry { transform, .. } => {
                let transform = transform.into_result().unwrap();
                state.notes.push(format!("turned {transform:?}"));
            }
            wl_output::Event::Mode { width, height, .. } => {
                state.notes.push(format!("mode {width}x{height}"));
            }
            _ => {}
        }
    }
}

impl Dispatch<ZxdgOutputV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ZxdgOutputV1,
        event: zxdg_output_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zxdg_output_v1::Event::LogicalSize { width, height } = event {
            state.notes.push(format!("logical {width}x{height}"));
        }
    }
}

impl Dispatch<ZwlrScreencopyFrameV1, ()> for ClientSide {
    fn event(
        state: &mut Self,
        _: &ZwlrScreencopyFrameV1,
        event: copy::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            copy::Event::Buffer { width, height, .. } => {
                state.notes.push(format!("copy {width}x{height}"));
            }
            copy::Event::Ready { .. } => state.notes.push("copied".into()),
            copy::Event::Failed => state.notes.push("failed".into()),
            _ => {}
        }
    }
}

fn primary(fixture: &Fixture) -> OutputId {
    fixture.compositor.outputs.primary().unwrap().id
}

fn turn(fixture: &mut Fixture, transform: Transform) {
    let output = primary(fixture);
    fixture
        .compositor
        .place_output(output, None, None, Some(transform));
    fixture.turn();
    fixture.advance(FRAME);
    fixture.advance(FRAME);
}

fn told(fixture: &mut Fixture, client: &mut Client) -> Vec<String> {
    client.roundtrip(fixture);
    std::mem::take(&mut client.state.notes)
}

/// Where a pixel of what is seen upright is in the display's buffer, by the protocol's words: flipped
/// around the vertical axis if so, then turned counter-clockwise by quarters.
fn held_at(transform: Transform, (mut x, mut y): (i32, i32)) -> (i32, i32) {
    let place = TURNS
        .iter()
        .position(|(_, other)| *other == transform)
        .unwrap();
    let (flipped, quarters) = (place >= 4, place % 4);
    let buffer = (SIZE.0 as i32, SIZE.1 as i32);
    let (mut width, mut height) = match quarters % 2 {
        0 => buffer,
        _ => (buffer.1, buffer.0),
    };
    if flipped {
        x = width - 1 - x;
    }
    for _ in 0..quarters {
        (x, y) = (y, width - 1 - x);
        (width, height) = (height, width);
    }
    assert_eq!((width, height), buffer);
    (x, y)
}

/// The colour at a place of what is seen upright, by the display's buffer.
fn seen(fixture: &Fixture, transform: Transform, at: (i32, i32)) -> u32 {
    let (x, y) = held_at(transform, at);
    fixture.pixel(x, y)
}

/// A window whose four quarters differ.
fn quartered(fixture: &mut Fixture, client: &mut Client, colours: [u32; 4]) -> TestWindow {
    let window = client.window(fixture, "quarters");
    show_quarters(fixture, client, &window, colours);
    window
}

fn show_quarters(
    fixture: &mut Fixture,
    client: &mut Client,
    window: &TestWindow,
    colours: [u32; 4],
) {
    window.xdg.ack_configure(client.told(window).serial);
    let file = File::from(memfd_create("quarters", MemfdFlags::CLOEXEC).unwrap());
    let (width, height) = (80, 40);
    for y in 0..height {
        for x in 0..width {
            let quarter = usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
            let colour = (0xff00_0000 | colours[quarter]).to_ne_bytes();
            file.write_all_at(&colour, (y * width + x) * 4).unwrap();
        }
    }
    let shm = client.bind::<WlShm>(1);
    let pool = shm.create_pool(file.as_fd(), 80 * 40 * 4, &client.handle, ());
    let format = wl_shm::Format::Argb8888;
    let buffer = pool.create_buffer(0, 80, 40, 320, format, &client.handle, ());
    window.surface.attach(Some(&buffer), 0, 0);
    window.surface.damage_buffer(0, 0, 80, 40);
    window.surface.commit();
    client.roundtrip(fixture);
    fixture.advance(FRAME);
    client.roundtrip(fixture);
}

const COLOURS: [u32; 4] = [0x10_0000, 0x00_2000, 0x00_0030, 0x40_4040];

#[test]
fn what_is_upright_is_held_turned() {
    for (_, transform) in TURNS {
        let mut fixture = Fixture::new();
        turn(&mut fixture, transform);
        let mut client = fixture.client();
        let window = quartered(&mut fixture, &mut client, COLOURS);
        let [x, y, ..] = fixture.windows()[0].content;
        let corners = [(1, 1), (78, 1), (1, 38), (78, 38)];
        let look =
            |fixture: &Fixture| corners.map(|(dx, dy)| seen(fixture, transform, (x + dx, y + dy)));
        assert_eq!(look(&fixture), COLOURS, "{transform:?}");
        // What changes later, and what moves, is where it belongs, and nothing else is touched.
        let other = [5, 6, 7, 8];
        show_quarters(&mut fixture, &mut client, &window, other);
        assert_eq!(look(&fixture), other, "{transform:?}");
        fixture.point(x + 20, y + 20);
        fixture.advance(FRAME);
        fixture.point(3, 3);
        fixture.advance(FRAME);
        let before: Vec<u32> = all_pixels(&fixture);
        fixture.compositor.outputs.damage_all();
        fixture.advance(FRAME);
        fixture.advance(FRAME);
        assert_eq!(all_pixels(&fixture), before, "{transform:?}");
    }
}

fn all_pixels(fixture: &Fixture) -> Vec<u32> {
    let rows = 0..SIZE.1 as i32;
    let columns = |y| (0..SIZE.0 as i32).map(move |x| (x, y));
    let all = rows.flat_map(columns);
    all.map(|(x, y)| fixture.pixel(x, y)).collect()
}

#[test]
fn an_idle_display_that_is_turned_draws_nothing() {
    let mut fixture = Fixture::new();
    turn(&mut fixture, Transform::_90);
    let frames = fixture.frames();
    for _ in 0..5 {
        fixture.advance(FRAME);
    }
    assert_eq!(fixture.frames(), frames);
    assert!(fixture.compositor.outputs.is_idle());
}

#[test]
fn clients_are_told_and_windows_follow() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (300, 200), false);
    fixture.compositor.act(Action::Maximize);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (800, 600));
    let output = client.bind::<WlOutput>(4);
    let xdg = client.bind::<ZxdgOutputManagerV1>(3);
    xdg.get_xdg_output(&output, &client.handle, ());
    let shell = client.bind::<ZwlrLayerShellV1>(4);
    let surface = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    let top = Layer::Top;
    let layer = shell.get_layer_surface(&surface, None, top, "bar".into(), &client.handle, ());
    layer.set_anchor(Anchor::Top | Anchor::Left | Anchor::Right);
    layer.set_size(0, 20);
    layer.set_exclusive_zone(20);
    surface.commit();
    let first = told(&mut fixture, &mut client);
    for note in [
        "turned Normal",
        "mode 800x600",
        "logical 800x600",
        "layer 800x20",
    ] {
        assert!(first.contains(&note.to_owned()), "{note} of {first:?}");
    }
    turn(&mut fixture, Transform::_270);
    let then = told(&mut fixture, &mut client);
    for note in ["turned _270", "logical 600x800", "layer 600x20"] {
        assert!(then.contains(&note.to_owned()), "{note} of {then:?}");
    }
    assert!(
        !then.iter().any(|note| note.starts_with("mode 600")),
        "the mode is as before"
    );
    assert_eq!(client.told(&window).size, (600, 780));
    let screen = fixture.compositor.outputs.primary().unwrap();
    assert_eq!(screen.rect().size, (600, 800).into());
}

#[test]
fn programs_are_given_a_copy_as_the_display_holds_it() {
    for (_, transform) in TURNS {
        let mut fixture = Fixture::new();
        turn(&mut fixture, transform);
        let mut client = fixture.client();
        quartered(&mut fixture, &mut client, COLOURS);
        fixture.point(0, 0);
        fixture.advance(FRAME);
        let [x, y, ..] = fixture.windows()[0].content;
        let output = client.bind::<WlOutput>(4);
        let copies = client.bind::<ZwlrScreencopyManagerV1>(1);
        told(&mut fixture, &mut client);
        // All of it, and the window's right half.
        let cases = [None, Some((x + 40, y, 40, 40))];
        for region in cases {
            let frame = match region {
                None => copies.capture_output(0, &output, &client.handle, ()),
                Some((x, y, w, h)) => {
                    copies.capture_output_region(0, &output, x, y, w, h, &client.handle, ())
                }
            };
            let (width, height) = region.map_or((800, 600), |_| (40, 40));
            assert_eq!(
                told(&mut fixture, &mut client),
                [format!("copy {width}x{height}")]
            );
            let (pixels, got) = plain_buffer(&client, width, height);
            frame.copy(&pixels);
            assert_eq!(told(&mut fixture, &mut client), ["copied"]);
            let (left, top, right, bottom) = region.map_or(
                (0, 0, fixture_size(transform).0, fixture_size(transform).1),
                |(x, y, w, h)| (x, y, x + w, y + h),
            );
            let ends = [(left, top), (right - 1, bottom - 1)].map(|at| held_at(transform, at));
            let origin = (ends[0].0.min(ends[1].0), ends[0].1.min(ends[1].1));
            for (dx, dy) in [(41, 1), (78, 1), (41, 38), (78, 38)] {
                let (hx, hy) = held_at(transform, (x + dx, y + dy));
                let at = (hy - origin.1) * width + hx - origin.0;
                let mut word = [0; 4];
                got.read_exact_at(&mut word, at as u64 * 4).unwrap();
                let colour = u32::from_ne_bytes(word) & 0x00ff_ffff;
                assert_eq!(colour, fixture.pixel(hx, hy), "{transform:?} {region:?}");
            }
        }
    }
}

fn fixture_size(transform: Transform) -> (i32, i32) {
    let place = TURNS
        .iter()
        .position(|(_, other)| *other == transform)
        .unwrap();
    match place % 2 {
        0 => (SIZE.0 as i32, SIZE.1 as i32),
        _ => (SIZE.1 as i32, SIZE.0 as i32),
    }
}

fn plain_buffer(
    client: &Client,
    width: i32,
    height: i32,
) -> (wayland_client::protocol::wl_buffer::WlBuffer, File) {
    let file = File::from(memfd_create("copy", MemfdFlags::CLOEXEC).unwrap());
    let length = width * height * 4;
    file.set_len(length as u64).unwrap();
    let shm = client.bind::<WlShm>(1);
    let pool = shm.create_pool(file.as_fd(), length, &client.handle, ());
    let format = wl_shm::Format::Xrgb8888;
    let buffer = pool.create_buffer(0, width, height, width * 4, format, &client.handle, ());
    (buffer, file)
}

#[test]
fn a_client_that_draws_turned_is_shown_upright() {
    // The buffer is what is upright, turned as the protocol says.
    for (transform, quarters) in [
        (wl_output::Transform::_90, [1, 3, 0, 2]),
        (wl_output::Transform::_180, [3, 2, 1, 0]),
        (wl_output::Transform::_270, [2, 0, 3, 1]),
        (wl_output::Transform::Flipped, [1, 0, 3, 2]),
        (wl_output::Transform::Flipped90, [0, 2, 1, 3]),
        (wl_output::Transform::Flipped180, [2, 3, 0, 1]),
        (wl_output::Transform::Flipped270, [3, 1, 2, 0]),
    ] {
        let mut fixture = Fixture::new();
        let mut client = fixture.client();
        let window = client.window(&mut fixture, "turned");
        let surface: &WlSurface = &window.surface;
        surface.set_buffer_transform(transform);
        show_quarters(
            &mut fixture,
            &mut client,
            &window,
            quarters.map(|at| COLOURS[at]),
        );
        fixture.point(0, 0);
        fixture.advance(FRAME);
        let [x, y, w, h] = fixture.windows()[0].content;
        let at = |x: i32, y: i32| fixture.pixel(x, y);
        let corners = [(1, 1), (w - 2, 1), (1, h - 2), (w - 2, h - 2)];
        let shown = corners.map(|(dx, dy)| at(x + dx, y + dy));
        assert_eq!(shown, COLOURS, "{transform:?} {w}x{h}");
    }
}

#[test]
fn a_display_that_comes_back_is_turned_as_before() {
    let mut fixture = Fixture::new();
    let info = DisplayInfo {
        name: "DP-1".into(),
        make: "Ochre".into(),
        model: "Memory".into(),
        millimetres: (0, 0),
        size: (1000, 700),
        refresh: 60_000,
    };
    let second = fixture.compositor.add_output(&info);
    let transform = Some(Transform::_90);
    fixture
        .compositor
        .place_output(second, None, None, transform);
    fixture.compositor.remove_output(second);
    let second = fixture.compositor.add_output(&info);
    let screen = fixture.compositor.outputs.get(second).unwrap();
    assert_eq!(screen.rect().size, (700, 1000).into());
}
