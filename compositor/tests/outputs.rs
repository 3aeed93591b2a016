//! Displays that are plugged in and out, and the windows on them.

mod fixture;

use std::time::Duration;

use fixture::{Client, ClientSide, FRAME, Fixture, FrameCallback, TestWindow};
use ochre_compositor::{
    config::{Config, OutputChoice},
    input::Action,
    output::OutputId,
};
use smithay::utils::Transform;
use wayland_client::{Proxy, delegate_noop, protocol::wl_output::WlOutput};

delegate_noop!(ClientSide: ignore WlOutput);

fn unplug(fixture: &mut Fixture, id: OutputId) {
    fixture.compositor.remove_output(id);
    fixture.turn();
}

/// Draws a window as large as it was told.
fn answer(fixture: &mut Fixture, client: &mut Client, window: &TestWindow) {
    client.roundtrip(fixture);
    let (w, h) = client.told(window).size;
    if (w, h) != (0, 0) {
        client.show(fixture, window, (w, h), 0xff20_8040);
    }
}

/// A window on the display that lies at the right of the first.
fn on_second(fixture: &mut Fixture, client: &mut Client) -> TestWindow {
    let window = client.shown(fixture, "one", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point_at(1200, 300);
    fixture.press(false);
    window
}

#[test]
fn a_floating_window_returns_with_its_display() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let second = fixture.plug("DP-1");
    let window = on_second(&mut fixture, &mut client);
    let before = fixture.windows()[0].content;
    assert!(before[0] > 800, "{before:?}");
    unplug(&mut fixture, second);
    answer(&mut fixture, &mut client, &window);
    let [x, y, w, h] = fixture.windows()[0].frame;
    assert!(x >= 0 && y >= 0 && x + w <= 800 && y + h <= 600);
    fixture.plug("DP-1");
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, before);
}

#[test]
fn a_window_that_fills_its_display_returns_with_it() {
    for action in [Action::Maximize, Action::SnapRight, Action::Fullscreen] {
        let mut fixture = Fixture::new();
        let mut client = fixture.client();
        let second = fixture.plug("DP-1");
        let window = on_second(&mut fixture, &mut client);
        let floating = fixture.windows()[0].content;
        fixture.compositor.act(action.clone());
        answer(&mut fixture, &mut client, &window);
        let before = fixture.windows()[0].content;
        assert!(before[0] >= 800, "{before:?}");
        unplug(&mut fixture, second);
        answer(&mut fixture, &mut client, &window);
        assert!(fixture.windows()[0].content[0] < 800);
        fixture.plug("DP-1");
        answer(&mut fixture, &mut client, &window);
        assert_eq!(fixture.windows()[0].content, before, "{action:?}");
        fixture.compositor.act(match action {
            Action::Fullscreen => action,
            _ => Action::Restore,
        });
        answer(&mut fixture, &mut client, &window);
        assert_eq!(fixture.windows()[0].content, floating);
    }
}

#[test]
fn another_display_and_a_moved_window_change_nothing() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let second = fixture.plug("DP-1");
    let window = on_second(&mut fixture, &mut client);
    unplug(&mut fixture, second);
    answer(&mut fixture, &mut client, &window);
    let here = fixture.windows()[0].content;
    let other = fixture.plug("DP-2");
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, here, "it is another display");
    unplug(&mut fixture, other);
    fixture.advance(Duration::from_secs(1)); // or the press would be a double click
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point(x + 50, y + 30);
    fixture.press(false);
    let moved = fixture.windows()[0].content;
    fixture.plug("DP-1");
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, moved, "its user has moved it");
}

#[test]
fn the_primary_display_is_primary_again() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug("DP-1");
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    let before = fixture.windows()[0].content;
    let first = fixture.compositor.outputs.primary().unwrap().id;
    fixture.compositor.switch_output(first, false).unwrap();
    answer(&mut fixture, &mut client, &window);
    assert!(fixture.windows()[0].content[0] >= 800);
    fixture.compositor.switch_output(first, true).unwrap();
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.compositor.outputs.primary().unwrap().id, first);
    assert_eq!(fixture.windows()[0].content, before);
}

#[test]
fn displays_that_come_and_go_leave_nothing() {
    let mut fixture = Fixture::new();
    for n in 0..40 {
        let id = fixture.plug(&format!("DP-{n}"));
        unplug(&mut fixture, id);
    }
    assert_eq!(fixture.compositor.outputs.iter().count(), 1);
    assert_eq!(fixture.compositor.outputs.off().count(), 0);
}

#[test]
fn a_client_may_not_have_heard_yet_that_a_display_is_gone() {
    let mut fixture = Fixture::new();
    let second = fixture.plug("DP-1");
    // Of the two, these know the newer.
    let (mut quick, mut slow) = (fixture.client(), fixture.client());
    unplug(&mut fixture, second);
    quick.bind::<WlOutput>(4);
    assert!(quick.roundtrip(&mut fixture), "{:?}", quick.error);
    fixture.advance(Duration::from_secs(11));
    slow.bind::<WlOutput>(4);
    assert!(!slow.roundtrip(&mut fixture));
}

/// Where the displays are, and how wide.
fn placed(fixture: &Fixture) -> Vec<(String, i32, i32)> {
    let screens = fixture.compositor.outputs.iter();
    let placed = screens.map(|screen| {
        let rect = screen.rect();
        (screen.output.name(), rect.loc.x, rect.size.w)
    });
    placed.collect()
}

#[test]
fn displays_close_up_with_what_is_on_them() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug("DP-1");
    on_second(&mut fixture, &mut client);
    let before = fixture.windows()[0].content;
    fixture.point_at(1300, 350);
    fixture.resize(640, 480);
    let narrow = [("HEADLESS-1", 0, 640), ("DP-1", 640, 1000)];
    assert_eq!(placed(&fixture), narrow.map(|(n, x, w)| (n.into(), x, w)));
    let [x, y, w, h] = before;
    assert_eq!(fixture.windows()[0].content, [x - 160, y, w, h]);
    let pointer = fixture.compositor.seat.get_pointer().unwrap();
    assert_eq!(pointer.current_location(), (1140.0, 350.0).into());
    // It gets from one to the other by small steps.
    fixture.point_at(638, 200);
    for _ in 0..4 {
        let (dx, dy) = (1.0, 0.0);
        fixture.input(&[ochre_compositor::input::InputEvent::Motion { dx, dy }]);
    }
    assert_eq!(pointer.current_location(), (642.0, 200.0).into());
    fixture.resize(900, 600);
    let wide = [("HEADLESS-1", 0, 900), ("DP-1", 900, 1000)];
    assert_eq!(placed(&fixture), wide.map(|(n, x, w)| (n.into(), x, w)));
    assert_eq!(fixture.windows()[0].content, [x + 100, y, w, h]);
}

#[test]
fn a_window_stays_on_the_display_that_shrinks_beneath_it() {
    for action in [None, Some(Action::SnapRight), Some(Action::Maximize)] {
        let mut fixture = Fixture::new();
        let mut client = fixture.client();
        fixture.plug("DP-1");
        let window = client.shown(&mut fixture, "one", (300, 200), true);
        let [x, y, ..] = fixture.windows()[0].frame;
        fixture.point(x + 60, y + 10);
        fixture.press(true);
        fixture.point(540, 100);
        fixture.press(false);
        if let Some(action) = action {
            fixture.compositor.act(action);
        }
        answer(&mut fixture, &mut client, &window);
        let before = fixture.windows()[0].content;
        fixture.resize(380, 300);
        fixture.resize(360, 300);
        answer(&mut fixture, &mut client, &window);
        let [x, _, w, _] = fixture.windows()[0].content;
        assert!(x >= 0 && x + w <= 360, "{x} {w}");
        fixture.resize(800, 600);
        answer(&mut fixture, &mut client, &window);
        assert_eq!(fixture.windows()[0].content, before);
    }
}

#[test]
fn who_comes_back_stands_where_it_stood() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let second = fixture.plug("DP-1");
    fixture.plug("DP-2");
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point_at(2200, 300);
    fixture.press(false);
    let before = (placed(&fixture), fixture.windows()[0].content);
    unplug(&mut fixture, second);
    answer(&mut fixture, &mut client, &window);
    let closed = [("HEADLESS-1", 0, 800), ("DP-2", 800, 1000)];
    assert_eq!(placed(&fixture), closed.map(|(n, x, w)| (n.into(), x, w)));
    assert_eq!(fixture.windows()[0].content[0], before.1[0] - 1000);
    fixture.plug("DP-1");
    answer(&mut fixture, &mut client, &window);
    let mut now = placed(&fixture);
    now.sort_by_key(|(_, x, _)| *x);
    assert_eq!((now, fixture.windows()[0].content), before);
}

#[test]
fn a_window_is_dragged_to_the_top_of_any_display() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug("DP-1");
    let higher = OutputChoice {
        position: Some((800, -300)),
        ..OutputChoice::default()
    };
    fixture.compositor.apply_config(Config {
        outputs: vec![("DP-1".into(), higher)],
        ..Config::default()
    });
    client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point_at(x + 60, y + 10);
    fixture.press(true);
    fixture.point_at(1260, -190);
    assert_eq!(fixture.windows()[0].frame[..2], [1200, -200]);
    fixture.point_at(1260, -300);
    assert_eq!(fixture.windows()[0].frame[..2], [1200, -300], "no higher");
}

#[test]
fn a_shadow_stays_on_its_window_s_displays() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug("DP-1");
    client.shown(&mut fixture, "one", (300, 200), true);
    fixture.point(0, 0);
    let edge = |fixture: &mut Fixture| {
        fixture.advance(FRAME);
        fixture.pixel(799, 300)
    };
    let wall = edge(&mut fixture);
    let drag = |fixture: &mut Fixture, to: i32| {
        let [x, y, ..] = fixture.windows()[0].frame;
        fixture.advance(Duration::from_secs(1)); // or the press would be a double click
        fixture.point_at(x + 60, y + 10);
        fixture.press(true);
        fixture.point_at(to + 60, 210);
        fixture.press(false);
        fixture.point_at(0, 0);
        assert_eq!(fixture.windows()[0].frame[..2], [to, 200]);
    };
    drag(&mut fixture, 801);
    assert_eq!(edge(&mut fixture), wall, "it is all on the other");
    // Its shadow falls on the one that it is on beside.
    drag(&mut fixture, 480);
    assert_ne!(edge(&mut fixture), wall);
}

#[test]
fn a_window_is_told_which_displays_it_is_on() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let first = client.bind::<WlOutput>(4).id().protocol_id();
    let other = fixture.plug("DP-1");
    client.roundtrip(&mut fixture);
    let second = client.bind::<WlOutput>(4).id().protocol_id();
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    let displays = |fixture: &mut Fixture, client: &mut Client| {
        fixture.advance(FRAME);
        client.roundtrip(fixture);
        let on = &client.state.displays[&window.surface.id().protocol_id()];
        on.iter().copied().collect::<Vec<u32>>()
    };
    assert_eq!(displays(&mut fixture, &mut client), [first]);
    for (to, on) in [
        (600, vec![first, second]),
        (900, vec![second]),
        (799, vec![first, second]),
        (100, vec![first]),
        (900, vec![second]),
    ] {
        let [x, y, ..] = fixture.windows()[0].frame;
        fixture.advance(Duration::from_secs(1)); // or the press would be a double click
        fixture.point_at(x + 60, y + 10);
        fixture.press(true);
        fixture.point_at(to + 60, 210);
        fixture.press(false);
        assert_eq!(fixture.windows()[0].frame[..2], [to, 200]);
        assert_eq!(displays(&mut fixture, &mut client), on, "{to}");
    }
    unplug(&mut fixture, other);
    assert!(displays(&mut fixture, &mut client).contains(&first));
}

#[test]
fn a_chosen_place_stays_chosen() {
    let mut fixture = Fixture::new();
    fixture.plug("DP-1");
    let config = |position| {
        let chosen = OutputChoice {
            position,
            ..OutputChoice::default()
        };
        Config {
            outputs: vec![("DP-1".into(), chosen)],
            ..Config::default()
        }
    };
    fixture.compositor.apply_config(config(Some((800, 0))));
    fixture.resize(640, 480);
    assert_eq!(placed(&fixture)[1], ("DP-1".into(), 800, 1000));
    fixture.compositor.apply_config(config(None));
    assert_eq!(placed(&fixture)[1], ("DP-1".into(), 640, 1000));
    fixture.resize(700, 480);
    assert_eq!(placed(&fixture)[1], ("DP-1".into(), 700, 1000));
}

/// A display's scale, and how it is turned.
fn look(fixture: &Fixture, name: &str) -> (f64, Transform) {
    let mut screens = fixture.compositor.outputs.iter();
    let output = screens.find(|it| it.output.name() == name).unwrap();
    let scale = output.output.current_scale().fractional_scale();
    (scale, output.output.current_transform())
}

#[test]
fn a_display_comes_back_as_a_script_set_it() {
    let mut fixture = Fixture::new();
    let second = fixture.plug("DP-1");
    let (scale, turn) = (Some(2.0), Some(Transform::_90));
    fixture.compositor.place_output(second, None, scale, turn);
    let set = (2.0, Transform::_90);
    unplug(&mut fixture, second);
    let second = fixture.plug("DP-1");
    assert_eq!(look(&fixture, "DP-1"), set);
    let config = |name: &str, scale| {
        let chosen = OutputChoice {
            scale,
            ..OutputChoice::default()
        };
        Config {
            outputs: vec![(name.into(), chosen)],
            ..Config::default()
        }
    };
    fixture
        .compositor
        .apply_config(config("HEADLESS-1", Some(1.5)));
    assert_eq!(look(&fixture, "DP-1"), set, "that was about another");
    fixture.compositor.apply_config(config("DP-1", Some(1.5)));
    assert_eq!(look(&fixture, "HEADLESS-1"), (1.0, Transform::Normal));
    assert_eq!(look(&fixture, "DP-1"), (1.5, Transform::_90));
    fixture.compositor.apply_config(config("DP-1", None));
    assert_eq!(look(&fixture, "DP-1"), (1.0, Transform::_90));
    fixture.compositor.apply_config(config("DP-1", Some(1.5)));
    unplug(&mut fixture, second);
    fixture.compositor.apply_config(Config::default());
    fixture.plug("DP-1");
    assert_eq!(look(&fixture, "DP-1"), (1.0, Transform::_90));
}

/// Lets everything come to rest.
fn rest(fixture: &mut Fixture) {
    for _ in 0..20 {
        fixture.advance(Duration::from_millis(100));
    }
    assert!(fixture.compositor.outputs.is_idle());
}

#[test]
fn a_window_is_told_of_the_frames_of_the_display_that_it_is_on() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug_at("DP-1", 10_000);
    let window = on_second(&mut fixture, &mut client);
    rest(&mut fixture);
    window.surface.frame(&client.handle, FrameCallback);
    window.surface.commit();
    client.roundtrip(&mut fixture);
    for _ in 0..3 {
        fixture.advance(FRAME);
        client.roundtrip(&mut fixture);
        assert_eq!(client.state.frames, 0, "that was the other's");
    }
    fixture.advance(Duration::from_millis(100));
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.frames, 1);
}

#[test]
fn a_frame_is_asked_for_only_where_a_window_is() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug_at("DP-1", 10_000); // whose frame would not be over yet
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    rest(&mut fixture);
    let (buffer, _file) = client.buffer((300, 200), 0xff00_00ff);
    let draw = |fixture: &mut Fixture, client: &mut Client| {
        window.surface.attach(Some(&buffer), 0, 0);
        window.surface.damage_buffer(0, 0, 300, 200);
        window.surface.commit();
        client.roundtrip(fixture);
    };
    let before = fixture.frames();
    draw(&mut fixture, &mut client);
    fixture.advance(FRAME);
    assert_eq!(fixture.frames(), before + 1);
    assert!(
        fixture.compositor.outputs.is_idle(),
        "it is not on the other"
    );
    fixture.compositor.act(Action::Minimize);
    rest(&mut fixture);
    draw(&mut fixture, &mut client);
    assert!(fixture.compositor.outputs.is_idle(), "nobody sees it");
}

#[test]
fn a_title_bar_is_kept_for_each_scale() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug("DP-1");
    let finer = OutputChoice {
        scale: Some(2.0),
        ..OutputChoice::default()
    };
    fixture.compositor.apply_config(Config {
        outputs: vec![("DP-1".into(), finer)],
        ..Config::default()
    });
    client.shown(&mut fixture, "one", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point_at(700, 100);
    fixture.press(false);
    rest(&mut fixture);
    let before = fixture.frames();
    for _ in 0..3 {
        fixture.compositor.outputs.queue_all();
        rest(&mut fixture);
    }
    assert_eq!(fixture.frames(), before, "nothing has changed");
}

/// Gives the first display a scale.
fn scale(fixture: &mut Fixture, factor: f64) {
    let chosen = OutputChoice {
        scale: Some(factor),
        ..OutputChoice::default()
    };
    fixture.compositor.apply_config(Config {
        outputs: vec![("HEADLESS-1".into(), chosen)],
        ..Config::default()
    });
    rest(fixture);
}

#[test]
fn what_fills_a_display_reaches_its_edges_at_every_scale() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.resize(1280, 800);
    let window = client.shown(&mut fixture, "one", (300, 200), false);
    for factor in [1.0, 1.25, 1.5, 1.75, 2.25, 2.5] {
        scale(&mut fixture, factor);
        for mode in [Action::Maximize, Action::SnapRight, Action::Fullscreen] {
            fixture.compositor.act(mode.clone());
            answer(&mut fixture, &mut client, &window);
            rest(&mut fixture);
            let last = fixture.pixel(1279, 799);
            assert_eq!(last, 0x20_8040, "{mode:?} at {factor}");
        }
        let (width, height) = client.told(&window).size;
        let over = |told: i32, pixels: i32| f64::from(told) * factor - f64::from(pixels);
        assert!(over(width, 1280) < factor && over(height, 800) < factor);
        fixture.compositor.act(Action::Fullscreen);
        answer(&mut fixture, &mut client, &window);
    }
}

#[test]
fn what_fits_a_display_hangs_over_no_edge() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.resize(1280, 800);
    scale(&mut fixture, 1.5);
    let window = client.shown(&mut fixture, "one", (300, 200), false);
    for mode in [Action::Maximize, Action::Fullscreen] {
        fixture.compositor.act(mode);
        answer(&mut fixture, &mut client, &window);
        // 1279.5 pixels by 799.5, which are drawn as 1280 by 800.
        assert_eq!(client.told(&window).size, (853, 533));
    }
}

#[test]
fn a_window_fills_the_display_that_it_names() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    fixture.plug("DP-1");
    client.roundtrip(&mut fixture);
    let second = client.bind::<WlOutput>(4); // the newer of both
    let window = client.shown(&mut fixture, "one", (300, 200), true);
    let before = fixture.windows()[0].content;
    window.toplevel.set_fullscreen(Some(&second));
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, [800, 0, 1000, 700]);
    window.toplevel.unset_fullscreen();
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, before);
    // Without a name it fills the one that it is on.
    window.toplevel.set_fullscreen(None);
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, [0, 0, 800, 600]);
}
