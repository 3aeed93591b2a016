//! Menus: who has the keyboard while they are open, and what closes them.

mod fixture;

use fixture::{Client, Fixture, TestWindow};
use ochre_compositor::input::Action;
use wayland_client::protocol::{
    wl_compositor::WlCompositor, wl_seat::WlSeat, wl_surface::WlSurface,
};
use wayland_protocols::xdg::shell::client::xdg_wm_base::XdgWmBase;
use wayland_protocols_wlr::layer_shell::v1::client::zwlr_layer_shell_v1::{
    Layer, ZwlrLayerShellV1,
};

const SMALL: (i32, i32) = (200, 100);
const LARGE: (i32, i32) = (500, 300);

/// A client that hears the keyboard, and its window.
fn open(fixture: &mut Fixture, title: &str, size: (i32, i32)) -> (Client, TestWindow) {
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.shown(fixture, title, size, true);
    client.roundtrip(fixture);
    (client, window)
}

/// A client that hears the keyboard, and a surface of its that is nothing yet.
fn without_a_window(fixture: &mut Fixture) -> (Client, WlSeat, WlSurface) {
    let client = fixture.client();
    let seat = client.bind::<WlSeat>(7);
    seat.get_keyboard(&client.handle, ());
    let compositor = client.bind::<WlCompositor>(6);
    let surface = compositor.create_surface(&client.handle, ());
    (client, seat, surface)
}

/// Brings the pointer over the middle of a window's title bar.
fn point_at_title(fixture: &mut Fixture, title: &str) {
    let windows = fixture.windows();
    let window = windows.iter().find(|window| window.title == title).unwrap();
    let ([x, y, width, _], [_, top, ..]) = (window.content, window.frame);
    fixture.point(x + width / 2, (y + top) / 2);
}

#[test]
fn the_keyboard_is_back_as_soon_as_a_menu_is_closed() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    let menu = client.menu(&mut fixture, &window.xdg);
    assert!(client.types_into(&menu));
    let inner = client.menu(&mut fixture, &menu.xdg);
    assert!(client.types_into(&inner));
    inner.close();
    client.roundtrip(&mut fixture);
    assert!(client.types_into(&menu), "no key was needed");
    menu.close();
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&window), "no key was needed");
    fixture.tap(30);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.keys, [(30, true), (30, false)]);
    assert!(!client.was_dismissed());
}

#[test]
fn a_press_elsewhere_closes_a_menu_and_means_what_it_always_means() {
    let mut fixture = Fixture::new();
    let (mut below, other) = open(&mut fixture, "other", LARGE);
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    client.menu(&mut fixture, &window.xdg);
    point_at_title(&mut fixture, "other");
    fixture.press(true);
    fixture.press(false);
    client.roundtrip(&mut fixture);
    below.roundtrip(&mut fixture);
    assert!(client.was_dismissed());
    assert_eq!(client.state.keyboard_focus, None);
    assert!(below.has_keyboard(&other));
    assert!(
        fixture
            .windows()
            .iter()
            .any(|it| it.title == "other" && it.active)
    );
}

#[test]
fn whoever_takes_the_keyboard_closes_menus() {
    let mut fixture = Fixture::new();
    let (mut below, other) = open(&mut fixture, "other", LARGE);
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    let menu = client.menu(&mut fixture, &window.xdg);
    fixture.compositor.act(Action::Minimize);
    client.roundtrip(&mut fixture);
    below.roundtrip(&mut fixture);
    assert!(client.was_dismissed());
    assert!(
        below.has_keyboard(&other),
        "not the menu of a hidden window"
    );
    menu.close();
    client.roundtrip(&mut fixture);
    below.roundtrip(&mut fixture);
    assert!(below.has_keyboard(&other));
}

#[test]
fn nobody_takes_keys_by_a_menu_in_the_background() {
    let mut fixture = Fixture::new();
    let (mut thief, behind) = open(&mut fixture, "thief", LARGE);
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    thief.menu(&mut fixture, &behind.xdg);
    assert!(thief.was_dismissed());
    fixture.tap(30);
    thief.roundtrip(&mut fixture);
    client.roundtrip(&mut fixture);
    assert!(thief.state.keys.is_empty());
    assert!(client.has_keyboard(&window));
    assert_eq!(client.state.keys, [(30, true), (30, false)]);
}

#[test]
fn a_client_that_dies_with_its_menu_open_leaves_the_keyboard() {
    let mut fixture = Fixture::new();
    let (mut below, other) = open(&mut fixture, "other", LARGE);
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    client.menu(&mut fixture, &window.xdg);
    drop((client, window));
    fixture.turn();
    below.roundtrip(&mut fixture);
    assert!(below.has_keyboard(&other));
    fixture.tap(30);
    below.roundtrip(&mut fixture);
    assert_eq!(below.state.keys, [(30, true), (30, false)]);
}

#[test]
fn a_menu_that_comes_while_the_window_is_moved_is_closed_and_takes_nothing() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", LARGE);
    point_at_title(&mut fixture, "one");
    fixture.press(true);
    client.menu(&mut fixture, &window.xdg);
    assert!(client.was_dismissed());
    assert!(client.has_keyboard(&window));
    fixture.press(false);
    fixture.tap(30);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.keys, [(30, true), (30, false)]);
}

#[test]
fn a_menu_opens_while_a_button_is_down_though_a_key_came_after_it() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", LARGE);
    let [x, y, ..] = fixture.windows()[0].content;
    fixture.point(x + 200, y + 200);
    fixture.press(true);
    fixture.tap(30);
    client.roundtrip(&mut fixture);
    let menu = client.menu(&mut fixture, &window.xdg);
    assert!(!client.was_dismissed());
    assert!(client.types_into(&menu));
    fixture.press(false);
    client.roundtrip(&mut fixture);
    assert!(!client.was_dismissed());
}

/// The next key is the window's, and nobody else's.
fn assert_types_into(
    fixture: &mut Fixture,
    (client, window): (&mut Client, &TestWindow),
    thief: &mut Client,
) {
    client.state.keys.clear();
    fixture.tap(30);
    thief.roundtrip(fixture);
    client.roundtrip(fixture);
    assert!(thief.state.keys.is_empty());
    assert!(client.has_keyboard(window));
    assert_eq!(client.state.keys, [(30, true), (30, false)]);
}

#[test]
fn nobody_takes_keys_by_a_menu_of_what_is_no_window() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    let (mut thief, seat, surface) = without_a_window(&mut fixture);
    let base = thief.bind::<XdgWmBase>(6);
    let parent = base.get_xdg_surface(&surface, &thief.handle, ());
    let menu = thief.popup(Some(&parent), (0, 0));
    menu.popup.grab(&seat, 1);
    thief.roundtrip(&mut fixture);
    assert_types_into(&mut fixture, (&mut client, &window), &mut thief);
    assert_eq!(thief.error.unwrap().object_interface, "xdg_popup");
}

#[test]
fn nobody_takes_keys_by_a_menu_of_a_window_that_is_gone() {
    for opened_before in [true, false] {
        let mut fixture = Fixture::new();
        let (mut client, window) = open(&mut fixture, "one", SMALL);
        let (mut thief, its) = open(&mut fixture, "thief", SMALL);
        let seat = thief.bind::<WlSeat>(7);
        let menu = if opened_before {
            thief.menu(&mut fixture, &its.xdg)
        } else {
            thief.popup(Some(&its.xdg), (0, 0))
        };
        its.toplevel.destroy();
        thief.roundtrip(&mut fixture);
        if !opened_before {
            menu.popup.grab(&seat, 1);
            thief.roundtrip(&mut fixture);
        }
        assert_types_into(&mut fixture, (&mut client, &window), &mut thief);
    }
}

#[test]
fn nobody_takes_keys_by_a_menu_of_a_panel_that_does_not_show() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", SMALL);
    let (mut thief, seat, surface) = without_a_window(&mut fixture);
    let shell = thief.bind::<ZwlrLayerShellV1>(4);
    let name = "panel".to_owned();
    let panel = shell.get_layer_surface(&surface, None, Layer::Top, name, &thief.handle, ());
    let menu = thief.popup(None, (0, 0));
    panel.get_popup(&menu.popup);
    menu.popup.grab(&seat, 1);
    thief.roundtrip(&mut fixture);
    assert!(thief.was_dismissed());
    assert_types_into(&mut fixture, (&mut client, &window), &mut thief);
}
