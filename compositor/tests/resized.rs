//! A screen that gets another size: what it shows until all that is on it is drawn for that.

mod fixture;

use fixture::{Client, FRAME, Fixture, FrameCallback, TestWindow};
use ochre_compositor::input::Action;
use wayland_client::protocol::{wl_compositor::WlCompositor, wl_surface::WlSurface};
use wayland_protocols_wlr::layer_shell::v1::client::{
    zwlr_layer_shell_v1::{Layer, ZwlrLayerShellV1},
    zwlr_layer_surface_v1::{Anchor, ZwlrLayerSurfaceV1},
};

const HEIGHT: i32 = 20;
const PANEL: u32 = 0x0010_1010;
const WINDOW: u32 = 0x0020_8040;
/// The pointer, which is in the upper left corner, covers less than this each way.
const POINTER: i32 = 40;
/// More frames than a screen waits.
const LONG: usize = 200;

/// A panel along the lower edge, whose client answers nothing by itself.
struct Panel {
    layer: ZwlrLayerSurfaceV1,
    surface: WlSurface,
}

impl Panel {
    fn new(fixture: &mut Fixture, client: &mut Client) -> Self {
        client.state.deaf = true;
        let shell = client.bind::<ZwlrLayerShellV1>(4);
        let compositor = client.bind::<WlCompositor>(6);
        let surface = compositor.create_surface(&client.handle, ());
        let (name, layer) = ("panel".to_owned(), Layer::Top);
        let layer = shell.get_layer_surface(&surface, None, layer, name, &client.handle, ());
        layer.set_anchor(Anchor::Bottom | Anchor::Left | Anchor::Right);
        layer.set_size(0, HEIGHT.unsigned_abs());
        layer.set_exclusive_zone(HEIGHT);
        surface.commit();
        client.roundtrip(fixture);
        let panel = Self { layer, surface };
        panel.answer(fixture, client, 800);
        fixture.advance(FRAME);
        panel
    }

    /// Draws it in this width, as it was told.
    fn answer(&self, fixture: &mut Fixture, client: &mut Client, width: i32) {
        let told = format!("layer {width}x{HEIGHT}");
        assert_eq!(client.state.notes.last(), Some(&told));
        self.layer.ack_configure(client.state.serial);
        let (buffer, _file) = client.buffer((width, HEIGHT), PANEL | 0xff00_0000);
        self.surface.attach(Some(&buffer), 0, 0);
        self.surface.commit();
        client.roundtrip(fixture);
    }
}

/// A window that fills what the panel leaves.
fn filling(fixture: &mut Fixture, client: &mut Client) -> TestWindow {
    fixture.point(0, 0);
    let window = client.shown(fixture, "one", (300, 200), false);
    fixture.compositor.act(Action::Maximize);
    client.roundtrip(fixture);
    answer(fixture, client, &window);
    window
}

/// Draws a window as large as it was told, without time passing.
fn answer(fixture: &mut Fixture, client: &mut Client, window: &TestWindow) {
    let told = client.told(window);
    window.xdg.ack_configure(told.serial);
    let (buffer, _file) = client.buffer(told.size, WINDOW | 0xff00_0000);
    window.surface.attach(Some(&buffer), 0, 0);
    window.surface.commit();
    client.roundtrip(fixture);
    assert_eq!(
        fixture.windows()[0].content[2..],
        [told.size.0, told.size.1]
    );
}

/// Whether the screen has this size, and all of it is the window's and the panel's, but for the pointer.
fn is_whole(fixture: &Fixture, (width, height): (i32, i32)) -> bool {
    let edge = height - HEIGHT;
    fixture.screen() == (width, height)
        && (0..height).all(|y| {
            let colour = if y < edge { WINDOW } else { PANEL };
            (0..width).all(|x| (x < POINTER && y < POINTER) || fixture.pixel(x, y) == colour)
        })
}

#[test]
fn no_frame_shows_what_is_drawn_for_the_size_before() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let panel = Panel::new(&mut fixture, &mut client);
    let window = filling(&mut fixture, &mut client);
    fixture.advance(FRAME);
    assert!(is_whole(&fixture, (800, 600)));
    for size in [(900, 700), (640, 480), (1000, 480)] {
        let (before, frames) = (fixture.screen(), fixture.frames());
        fixture.resize(size.0 as u32, size.1 as u32);
        let waits = |fixture: &mut Fixture, client: &mut Client| {
            client.roundtrip(fixture);
            fixture.advance(FRAME);
            fixture.advance(FRAME);
            assert!(is_whole(fixture, before), "{size:?}");
        };
        waits(&mut fixture, &mut client);
        // Programs that draw only when they are asked to are asked.
        window.surface.frame(&client.handle, FrameCallback);
        window.surface.commit();
        let asked = client.state.frames;
        waits(&mut fixture, &mut client);
        client.roundtrip(&mut fixture);
        assert_eq!(client.state.frames, asked + 1);
        if size.0 > 700 {
            panel.answer(&mut fixture, &mut client, size.0);
            waits(&mut fixture, &mut client);
            answer(&mut fixture, &mut client, &window);
        } else {
            answer(&mut fixture, &mut client, &window);
            waits(&mut fixture, &mut client);
            panel.answer(&mut fixture, &mut client, size.0);
        }
        fixture.advance(FRAME);
        assert!(is_whole(&fixture, size), "{size:?}");
        assert_eq!(fixture.frames(), frames + 1);
    }
}

#[test]
fn a_size_that_is_taken_back_is_not_shown() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let panel = Panel::new(&mut fixture, &mut client);
    let window = filling(&mut fixture, &mut client);
    fixture.advance(FRAME);
    fixture.resize(900, 700);
    client.roundtrip(&mut fixture);
    panel.answer(&mut fixture, &mut client, 900);
    fixture.resize(800, 600);
    client.roundtrip(&mut fixture);
    answer(&mut fixture, &mut client, &window);
    fixture.advance(FRAME);
    assert!(is_whole(&fixture, (800, 600)));
    panel.answer(&mut fixture, &mut client, 800);
    for _ in 0..3 {
        fixture.advance(FRAME);
        assert!(is_whole(&fixture, (800, 600)));
    }
}

#[test]
fn who_never_answers_is_waited_for_once() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = filling(&mut fixture, &mut client);
    let wait = |fixture: &mut Fixture, client: &mut Client, size| {
        fixture.resize(size, 500);
        client.roundtrip(fixture);
        let mut frames = (0..LONG).map(|_| {
            fixture.advance(FRAME);
            fixture.screen().0
        });
        frames.position(|width| width == size as i32)
    };
    let first = wait(&mut fixture, &mut client, 900);
    assert!(first.is_some_and(|frames| frames > 10), "{first:?}");
    assert_eq!(wait(&mut fixture, &mut client, 700), Some(0));
    answer(&mut fixture, &mut client, &window);
    let again = wait(&mut fixture, &mut client, 900);
    assert!(again.is_some_and(|frames| frames > 10), "{again:?}");
}

#[test]
fn who_is_not_seen_is_not_waited_for() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    filling(&mut fixture, &mut client);
    fixture.compositor.act(Action::Minimize);
    fixture.advance(FRAME);
    fixture.resize(900, 700);
    fixture.advance(FRAME);
    assert_eq!(fixture.screen(), (900, 700));
}

#[test]
fn who_has_gone_is_not_waited_for() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    filling(&mut fixture, &mut client);
    fixture.resize(900, 700);
    fixture.advance(FRAME);
    assert_eq!(fixture.screen(), (800, 600));
    drop(client);
    fixture.turn();
    fixture.advance(FRAME);
    assert_eq!(fixture.screen(), (900, 700));
}
