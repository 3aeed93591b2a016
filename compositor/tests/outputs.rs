//! Displays that are plugged in and out, and the windows on them.

mod fixture;

use std::time::Duration;

use fixture::{Client, ClientSide, Fixture, TestWindow};
use ochre_compositor::{
    input::Action,
    output::{DisplayInfo, OutputId},
};
use wayland_client::{delegate_noop, protocol::wl_output::WlOutput};

delegate_noop!(ClientSide: ignore WlOutput);

/// A second display, of 1000x700 pixels.
fn plug(fixture: &mut Fixture, name: &str) -> OutputId {
    let id = fixture.compositor.add_output(&DisplayInfo {
        name: name.into(),
        make: "Ochre".into(),
        model: "Memory".into(),
        millimetres: (0, 0),
        size: (1000, 700),
        refresh: 60_000,
    });
    fixture.turn();
    id
}

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
    let second = plug(&mut fixture, "DP-1");
    let window = on_second(&mut fixture, &mut client);
    let before = fixture.windows()[0].content;
    assert!(before[0] > 800, "{before:?}");
    unplug(&mut fixture, second);
    answer(&mut fixture, &mut client, &window);
    let [x, y, w, h] = fixture.windows()[0].frame;
    assert!(x >= 0 && y >= 0 && x + w <= 800 && y + h <= 600);
    plug(&mut fixture, "DP-1");
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, before);
}

#[test]
fn a_window_that_fills_its_display_returns_with_it() {
    for action in [Action::Maximize, Action::SnapRight, Action::Fullscreen] {
        let mut fixture = Fixture::new();
        let mut client = fixture.client();
        let second = plug(&mut fixture, "DP-1");
        let window = on_second(&mut fixture, &mut client);
        let floating = fixture.windows()[0].content;
        fixture.compositor.act(action.clone());
        answer(&mut fixture, &mut client, &window);
        let before = fixture.windows()[0].content;
        assert!(before[0] >= 800, "{before:?}");
        unplug(&mut fixture, second);
        answer(&mut fixture, &mut client, &window);
        assert!(fixture.windows()[0].content[0] < 800);
        plug(&mut fixture, "DP-1");
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
    let second = plug(&mut fixture, "DP-1");
    let window = on_second(&mut fixture, &mut client);
    unplug(&mut fixture, second);
    answer(&mut fixture, &mut client, &window);
    let here = fixture.windows()[0].content;
    let other = plug(&mut fixture, "DP-2");
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
    plug(&mut fixture, "DP-1");
    answer(&mut fixture, &mut client, &window);
    assert_eq!(fixture.windows()[0].content, moved, "its user has moved it");
}

#[test]
fn the_primary_display_is_primary_again() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    plug(&mut fixture, "DP-1");
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
        let id = plug(&mut fixture, &format!("DP-{n}"));
        unplug(&mut fixture, id);
    }
    assert_eq!(fixture.compositor.outputs.iter().count(), 1);
    assert_eq!(fixture.compositor.outputs.off().count(), 0);
}

#[test]
fn a_client_may_not_have_heard_yet_that_a_display_is_gone() {
    let mut fixture = Fixture::new();
    let second = plug(&mut fixture, "DP-1");
    // Of the two, these know the newer.
    let (mut quick, mut slow) = (fixture.client(), fixture.client());
    unplug(&mut fixture, second);
    quick.bind::<WlOutput>(4);
    assert!(quick.roundtrip(&mut fixture), "{:?}", quick.error);
    fixture.advance(Duration::from_secs(11));
    slow.bind::<WlOutput>(4);
    assert!(!slow.roundtrip(&mut fixture));
}
