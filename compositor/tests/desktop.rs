//! Windows, focus and input, as a client and its user see them.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture, FrameCallback, POINTER};
use ochre_compositor::{
    input::{Action, InputEvent},
    shell::WindowId,
};
use wayland_client::{delegate_noop, protocol::wl_seat::WlSeat};
use wayland_protocols::{
    wp::pointer_gestures::zv1::client::{
        zwp_pointer_gesture_hold_v1::ZwpPointerGestureHoldV1,
        zwp_pointer_gesture_swipe_v1::ZwpPointerGestureSwipeV1,
        zwp_pointer_gestures_v1::ZwpPointerGesturesV1,
    },
    xdg::shell::client::xdg_toplevel::ResizeEdge,
};

const KEY_TAB: u32 = 15;
const KEY_A: u32 = 30;
const KEY_LEFTALT: u32 = 56;

/// The windows in one line each.
fn layout(fixture: &Fixture) -> Vec<String> {
    let line = |window: ochre_compositor::control::WindowReply| {
        let active = if window.active { " active" } else { "" };
        let minimized = if window.minimized { " minimized" } else { "" };
        format!(
            "{} {} {:?}{active}{minimized}",
            window.title, window.mode, window.content
        )
    };
    fixture.windows().into_iter().map(line).collect()
}

fn keyboard(client: &Client) {
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
}

#[test]
fn a_new_window_is_in_the_middle_and_has_the_keyboard() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    keyboard(&client);
    let window = client.shown(&mut fixture, "one", (400, 300), false);
    assert_eq!(
        layout(&fixture),
        ["one floating [200, 150, 400, 300] active"]
    );
    assert!(client.has_keyboard(&window));
    assert_eq!(fixture.pixel(300, 250), 0x20_8040);
    assert_ne!(fixture.pixel(199, 250), 0x20_8040);
}

#[test]
fn a_window_without_content_is_not_there() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    keyboard(&client);
    let window = client.window(&mut fixture, "empty");
    assert!(fixture.windows().is_empty());
    assert!(!client.has_keyboard(&window));
}

#[test]
fn the_frame_is_drawn_by_the_compositor_if_the_client_lets_it() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "framed", (400, 300), true);
    let window = &fixture.windows()[0];
    assert!(window.decorated);
    let title = fixture.compositor.look.title_height;
    assert_eq!(window.frame[3], 300 + title);
    let (x, y) = (window.frame[0] + 40, window.frame[1] + title / 2);
    let ground = fixture.compositor.look.active.ground.0 & 0x00ff_ffff;
    assert_eq!(fixture.pixel(x, y), ground);
}

#[test]
fn maximizing_moves_when_the_client_has_drawn_for_it() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), true);
    let before = layout(&fixture);
    fixture.compositor.act(Action::Maximize);
    client.roundtrip(&mut fixture);
    let title = fixture.compositor.look.title_height;
    assert_eq!(client.told(&window).size, (800, 600 - title));
    assert_eq!(
        fixture.windows()[0].content[2..],
        [400, 300],
        "not before its answer"
    );
    client.show(&mut fixture, &window, (800, 600 - title), 0xff00_00ff);
    assert_eq!(fixture.windows()[0].content, [0, title, 800, 600 - title]);
    fixture.compositor.act(Action::Restore);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (400, 300));
    client.show(&mut fixture, &window, (400, 300), 0xff00_00ff);
    assert_eq!(layout(&fixture), before, "it is back where it was");
}

#[test]
fn a_smaller_screen_keeps_windows_in_view_and_a_larger_one_puts_them_back() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), true);
    let title = fixture.compositor.look.title_height;
    let before = layout(&fixture);
    fixture.resize(500, 400);
    let window_now = &fixture.windows()[0];
    assert_eq!(window_now.frame[2..], [400, 300 + title], "there is room");
    assert_eq!(window_now.frame[..2], [100, 400 - 300 - title]);
    fixture.resize(300, 200);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (300, 200 - title));
    client.show(&mut fixture, &window, (300, 200 - title), 0xff00_00ff);
    assert_eq!(fixture.windows()[0].frame, [0, 0, 300, 200]);
    fixture.resize(800, 600);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (400, 300));
    client.show(&mut fixture, &window, (400, 300), 0xff00_00ff);
    assert_eq!(layout(&fixture), before, "it is back where it was");
}

#[test]
fn a_window_dragged_to_an_edge_fills_that_half() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), true);
    let before = layout(&fixture);
    let wall = fixture.pixel(500, 560);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point(500, 200);
    fixture.point(796, 250);
    fixture.advance(FRAME);
    assert_ne!(fixture.pixel(500, 560), wall, "a preview shows");
    fixture.press(false);
    client.roundtrip(&mut fixture);
    let title = fixture.compositor.look.title_height;
    assert_eq!(client.told(&window).size, (400, 600 - title));
    client.show(&mut fixture, &window, (400, 600 - title), 0xff00_00ff);
    assert_eq!(fixture.windows()[0].frame, [400, 0, 400, 600]);
    fixture.compositor.act(Action::Restore);
    client.roundtrip(&mut fixture);
    client.show(&mut fixture, &window, (400, 300), 0xff00_00ff);
    assert_eq!(layout(&fixture), before, "it is back where it was");
}

#[test]
fn alt_tab_goes_to_the_window_before() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    keyboard(&client);
    let one = client.shown(&mut fixture, "one", (200, 100), false);
    let two = client.shown(&mut fixture, "two", (200, 100), false);
    assert!(client.has_keyboard(&two));
    fixture.input(&[InputEvent::Key {
        code: KEY_LEFTALT,
        pressed: true,
    }]);
    fixture.tap(KEY_TAB);
    assert!(fixture.compositor.shell.switcher.is_some());
    fixture.input(&[InputEvent::Key {
        code: KEY_LEFTALT,
        pressed: false,
    }]);
    client.roundtrip(&mut fixture);
    assert!(fixture.compositor.shell.switcher.is_none());
    assert!(client.has_keyboard(&one));
    assert!(
        client.state.keys.iter().all(|(key, _)| *key != KEY_TAB),
        "Tab was the desktop's"
    );
    fixture.tap(KEY_A);
    client.roundtrip(&mut fixture);
    assert!(
        client
            .state
            .keys
            .ends_with(&[(KEY_A, true), (KEY_A, false)])
    );
}

#[test]
fn a_click_raises_and_focuses() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    keyboard(&client);
    let one = client.shown(&mut fixture, "one", (300, 200), false);
    client.shown(&mut fixture, "two", (300, 200), false);
    let [x, y, w, h] = fixture.windows()[0].content;
    fixture.point(x + w / 2, y + h / 2); // the second lies over a corner at most
    fixture.press(true);
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&one));
}

#[test]
fn a_title_bar_moves_its_window() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point(x + 100, y + 45);
    fixture.press(false);
    fixture.point(x + 400, y + 300);
    assert_eq!(fixture.windows()[0].frame[..2], [x + 40, y + 35]);
}

#[test]
fn a_window_that_its_client_hides_comes_back_where_it_was() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    fixture
        .compositor
        .shell
        .get_mut(WindowId(0))
        .unwrap()
        .position = (70, 90).into();
    window.surface.attach(None, 0, 0);
    window.surface.commit();
    client.roundtrip(&mut fixture);
    assert!(fixture.windows().is_empty());
    let other = client.shown(&mut fixture, "two", (500, 300), false);
    other.toplevel.destroy();
    // It begins anew with a commit, whose configure it answers.
    window.surface.commit();
    client.roundtrip(&mut fixture);
    client.show(&mut fixture, &window, (300, 200), 0xff20_8040);
    assert_eq!(layout(&fixture), ["one floating [70, 90, 300, 200] active"]);
}

#[test]
fn a_second_click_on_the_title_maximizes() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    for _ in 0..2 {
        fixture.press(true);
        fixture.press(false);
    }
    assert_eq!(fixture.windows()[0].mode, "maximized");
}

#[test]
fn an_edge_resizes_and_the_other_stays() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, w, h] = fixture.windows()[0].content;
    fixture.point(x - 3, y + 100);
    fixture.press(true);
    fixture.point(x - 33, y + 100);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (w + 30, h));
    client.show(&mut fixture, &window, (w + 30, h), 0xff00_ff00);
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert_eq!(fixture.windows()[0].content, [x - 30, y, w + 30, h]);
}

/// Toolkits wait for some pixels before they ask, and a busy client is late.
#[test]
fn a_client_s_drag_counts_from_where_its_button_went_down() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let seat = client.bind::<WlSeat>(7);
    let _pointer = seat.get_pointer(&client.handle, ());
    let window = client.shown(&mut fixture, "one", (300, 200), false);
    let [x, y, w, h] = fixture.windows()[0].content;
    let press = |fixture: &mut Fixture, client: &mut Client, (x, y): (i32, i32)| {
        fixture.point(x, y);
        fixture.press(true);
        fixture.point(x + 30, y + 20);
        client.roundtrip(fixture);
        client.state.serial
    };
    let serial = press(&mut fixture, &mut client, (x + 50, y + 10));
    window.toplevel._move(&seat, serial);
    client.roundtrip(&mut fixture);
    assert_eq!(fixture.windows()[0].content, [x + 30, y + 20, w, h]);
    fixture.press(false);

    let corner = (x + 30 + w - 2, y + 20 + h - 2);
    let serial = press(&mut fixture, &mut client, corner);
    window
        .toplevel
        .resize(&seat, serial, ResizeEdge::BottomRight);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (w + 30, h + 20));
    fixture.press(false);
}

/// A film's window keeps its proportions, and a busy one draws when its user has long let go.
#[test]
fn a_client_may_take_another_size_than_it_is_dragged_to_and_late() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (320, 180), true);
    let [x, y, w, h] = fixture.windows()[0].content;
    let [left, top, ..] = fixture.windows()[0].frame;
    fixture.point(left - 2, top - 2);
    fixture.press(true);
    fixture.point(left - 34, top - 66);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (w + 32, h + 64));
    client.show(&mut fixture, &window, (w + 32, h + 18), 0xff00_ff00);
    let half_way = fixture.windows()[0].content;
    assert_eq!(half_way, [x - 32, y - 18, w + 32, h + 18]);
    fixture.point(left - 66, top - 66);
    client.roundtrip(&mut fixture);
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (w + 64, h + 64));
    assert_eq!(fixture.windows()[0].content, half_way, "nothing came yet");
    client.show(&mut fixture, &window, (w + 64, h + 36), 0xff00_ff00);
    let corner = [x - 64, y - 36, w + 64, h + 36];
    assert_eq!(fixture.windows()[0].content, corner);
}

#[test]
fn the_close_button_asks_the_client() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, w, _] = fixture.windows()[0].frame;
    let middle = fixture.compositor.look.title_height / 2;
    fixture.point(x + w - 8 - middle / 2, y + middle);
    fixture.press(true);
    client.roundtrip(&mut fixture);
    assert!(!client.told(&window).closed, "a press alone does nothing");
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert!(client.told(&window).closed);
}

#[test]
fn a_minimized_window_comes_back() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (300, 200), false);
    client.shown(&mut fixture, "two", (100, 100), false);
    fixture.compositor.act(Action::Minimize);
    let windows = fixture.windows();
    assert!(windows[1].minimized && windows[0].active);
    let id = windows[1].id;
    fixture.compositor.activate(id);
    assert!(fixture.windows()[1].active);
}

#[test]
fn windows_fit_a_display_that_shrinks() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (400, 300), false);
    fixture.compositor.act(Action::Maximize);
    client.roundtrip(&mut fixture);
    client.show(&mut fixture, &window, (800, 600), 0xff00_00ff);
    let smaller = ochre_compositor::render::Extent::new(640, 400).unwrap();
    fixture.compositor.resize_headless(smaller).unwrap();
    client.roundtrip(&mut fixture);
    assert_eq!(client.told(&window).size, (640, 400));
}

#[test]
fn an_idle_desktop_draws_nothing_and_waits_for_nothing() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.shown(&mut fixture, "one", (300, 200), true);
    for _ in 0..5 {
        fixture.advance(FRAME);
    }
    let drawn = fixture.frames();
    for _ in 0..60 {
        fixture.advance(FRAME);
        client.roundtrip(&mut fixture);
    }
    assert_eq!(fixture.frames(), drawn);
    assert_eq!(fixture.compositor.deadlines.soonest(), None);
}

#[test]
fn frame_callbacks_come_with_vblank() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "one", (300, 200), false);
    for _ in 0..3 {
        fixture.advance(FRAME);
    }
    window.surface.frame(&client.handle, FrameCallback);
    window.surface.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.frames, 0, "the frame is not on screen yet");
    fixture.advance(FRAME);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.frames, 1);
}

#[test]
fn a_closed_window_leaves_no_pixel() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let before: Vec<u32> = (0..600).map(|y| fixture.pixel(300, y)).collect();
    let window = client.shown(&mut fixture, "one", (400, 300), true);
    assert_ne!(fixture.pixel(300, 300), before[300]);
    window.toplevel.destroy();
    window.xdg.destroy();
    window.surface.destroy();
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    let after: Vec<u32> = (0..600).map(|y| fixture.pixel(300, y)).collect();
    assert!(fixture.windows().is_empty());
    assert_eq!(after, before);
}

note_events!(ZwpPointerGestureHoldV1, ZwpPointerGestureSwipeV1);
delegate_noop!(ClientSide: ignore ZwpPointerGesturesV1);

#[test]
fn swipes_go_to_the_window_under_the_pointer() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let gestures = client.bind::<ZwpPointerGesturesV1>(1);
    gestures.get_swipe_gesture(&pointer, &client.handle, ());
    client.shown(&mut fixture, "one", (400, 300), false);
    fixture.point(300, 300);
    fixture.input(&[
        InputEvent::SwipeBegin { fingers: 3 },
        InputEvent::Swipe { dx: 5.0, dy: 0.0 },
        InputEvent::SwipeEnd,
    ]);
    client.roundtrip(&mut fixture);
    client.state.notes.retain(|note| !note.starts_with(POINTER));
    let told: Vec<&str> = client
        .state
        .notes
        .iter()
        .filter_map(|note| note.split(' ').next())
        .collect();
    assert_eq!(told, ["Begin", "Update", "End"]);
    assert!(client.state.notes[0].contains("fingers: 3"));
    assert!(client.state.notes[1].contains("dx: 5.0"));
}

#[test]
fn holds_go_to_the_window_under_the_pointer() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    let gestures = client.bind::<ZwpPointerGesturesV1>(3);
    gestures.get_hold_gesture(&pointer, &client.handle, ());
    client.shown(&mut fixture, "one", (400, 300), false);
    fixture.point(300, 300);
    fixture.input(&[
        InputEvent::HoldBegin { fingers: 2 },
        InputEvent::HoldEnd { cancelled: true },
    ]);
    client.roundtrip(&mut fixture);
    client.state.notes.retain(|note| !note.starts_with(POINTER));
    let told = &client.state.notes;
    assert!(told[0].starts_with("Begin") && told[0].contains("fingers: 2"));
    assert!(told[1].starts_with("End") && told[1].contains("cancelled: 1"));
    assert_eq!(told.len(), 2);
}
