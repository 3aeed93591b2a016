//! The menu of a window: what opens it, what its lines do, and what closes it.

mod fixture;

use fixture::{Client, FRAME, Fixture, SIZE, TestWindow};
use ochre_compositor::{
    input::{Action, InputEvent},
    shell::{Entry, Mode, WindowMenu},
};
use wayland_client::protocol::wl_seat::WlSeat;

const LEFT: u32 = 0x110;
const RIGHT: u32 = 0x111;
const KEY_ESCAPE: u32 = 1;
const KEY_TAB: u32 = 15;
const KEY_ENTER: u32 = 28;
const KEY_A: u32 = 30;
const KEY_ALT: u32 = 56;
const KEY_UP: u32 = 103;
const KEY_DOWN: u32 = 108;

/// A client that hears the keyboard, and its window.
fn open(fixture: &mut Fixture, title: &str, framed: bool) -> (Client, TestWindow) {
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    let window = client.shown(fixture, title, (300, 200), framed);
    client.roundtrip(fixture);
    (client, window)
}

fn button(fixture: &mut Fixture, button: u32, pressed: bool) {
    fixture.input(&[InputEvent::Button { button, pressed }]);
}

fn click(fixture: &mut Fixture, which: u32) {
    button(fixture, which, true);
    button(fixture, which, false);
}

fn menu(fixture: &Fixture) -> Option<WindowMenu> {
    fixture.compositor.shell.window_menu.clone()
}

/// Clicks a window's title bar with the right button.
fn open_menu(fixture: &mut Fixture, title: &str) -> WindowMenu {
    let windows = fixture.windows();
    let window = windows.iter().find(|window| window.title == title).unwrap();
    let [x, y, ..] = window.frame;
    fixture.point(x + 30, y + 10);
    click(fixture, RIGHT);
    menu(fixture).unwrap()
}

/// Brings the pointer to a line.
fn point_at(fixture: &mut Fixture, menu: &WindowMenu, entry: Entry) {
    let place = menu.entries.iter().position(|other| *other == entry);
    let line = menu.lines()[place.unwrap()];
    let at = menu.rect.loc + line.loc;
    fixture.point(at.x + line.size.w / 2, at.y + line.size.h / 2);
}

#[test]
fn the_right_button_on_a_title_bar_opens_it_and_a_click_takes_a_line() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", true);
    let opened = open_menu(&mut fixture, "one");
    use Entry::{Close, Maximize, Minimize, Move, Resize, Workspace};
    let workspaces = [1, 2, 3].map(Workspace);
    let all = [Minimize, Maximize, Move, Resize].into_iter();
    let all: Vec<_> = all.chain(workspaces).chain([Close]).collect();
    assert_eq!(opened.entries, all);
    assert_eq!(opened.chosen, None, "letting the button go takes nothing");

    point_at(&mut fixture, &opened, Close);
    assert_eq!(menu(&fixture).unwrap().chosen, Some(7));
    fixture.advance(FRAME);
    let line = opened.rect.loc + opened.lines()[7].loc;
    let selected = fixture.compositor.look.selected.0 & 0x00ff_ffff;
    let ground = fixture.compositor.look.overlay.0 & 0x00ff_ffff;
    assert_eq!(fixture.pixel(line.x + 8, line.y + 3), selected);
    let other = opened.rect.loc + opened.lines()[0].loc;
    assert_eq!(fixture.pixel(other.x + 8, other.y + 3), ground);
    click(&mut fixture, LEFT);
    assert!(menu(&fixture).is_none());
    client.roundtrip(&mut fixture);
    assert!(client.told(&window).closed);
    fixture.advance(FRAME);
    assert_ne!(
        fixture.pixel(other.x + 8, other.y + 3),
        ground,
        "it is gone"
    );
}

#[test]
fn a_line_is_taken_where_the_button_that_opened_it_is_let_go() {
    let mut fixture = Fixture::new();
    let (_client, _window) = open(&mut fixture, "one", true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 30, y + 10);
    button(&mut fixture, RIGHT, true);
    let opened = menu(&fixture).unwrap();
    point_at(&mut fixture, &opened, Entry::Workspace(2));
    button(&mut fixture, RIGHT, false);
    assert!(menu(&fixture).is_none());
    let window = fixture.compositor.shell.iter().next().unwrap();
    assert_eq!(window.workspace, 2);
    assert_eq!(fixture.compositor.shell.workspace, 0);
}

#[test]
fn keys_go_through_its_lines_and_no_client_hears_them() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", true);
    open_menu(&mut fixture, "one");
    for key in [KEY_DOWN, KEY_DOWN, KEY_A, KEY_ENTER] {
        fixture.tap(key);
    }
    assert!(menu(&fixture).is_none());
    client.roundtrip(&mut fixture);
    assert!(client.told(&window).states.contains(&1), "maximized");
    let size = client.told(&window).size;
    client.show(&mut fixture, &window, size, 0xff00_00ff);

    // A maximized window can be restored instead, and not resized.
    let opened = open_menu(&mut fixture, "one");
    assert_eq!(opened.entries[1], Entry::Restore);
    assert!(!opened.entries.contains(&Entry::Resize));
    fixture.tap(KEY_UP);
    assert_eq!(
        menu(&fixture).unwrap().chosen,
        Some(opened.entries.len() - 1)
    );
    fixture.tap(KEY_ESCAPE);
    assert!(menu(&fixture).is_none());
    client.roundtrip(&mut fixture);
    assert!(client.state.keys.is_empty(), "{:?}", client.state.keys);
    assert!(client.has_keyboard(&window));
    fixture.tap(KEY_A);
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.keys, [(KEY_A, true), (KEY_A, false)]);
}

#[test]
fn a_press_elsewhere_closes_it_and_means_what_it_always_means() {
    let mut fixture = Fixture::new();
    let (mut below, other) = open(&mut fixture, "other", false);
    fixture.compositor.act(Action::SnapLeft);
    below.roundtrip(&mut fixture);
    let size = below.told(&other).size;
    below.show(&mut fixture, &other, size, 0xff00_ff00);
    let (mut client, window) = open(&mut fixture, "one", true);
    open_menu(&mut fixture, "one");
    client.roundtrip(&mut fixture);
    assert!(client.has_keyboard(&window));
    fixture.point(5, 590);
    click(&mut fixture, LEFT);
    assert!(menu(&fixture).is_none());
    below.roundtrip(&mut fixture);
    assert!(below.has_keyboard(&other));
}

#[test]
fn keys_that_are_bound_close_it_and_mean_what_they_always_mean() {
    let mut fixture = Fixture::new();
    let (_below, _other) = open(&mut fixture, "other", true);
    let (_client, _window) = open(&mut fixture, "one", true);
    open_menu(&mut fixture, "one");
    let hold = |fixture: &mut Fixture, pressed| {
        let code = KEY_ALT;
        fixture.input(&[InputEvent::Key { code, pressed }]);
    };
    hold(&mut fixture, true);
    fixture.tap(KEY_TAB);
    assert!(menu(&fixture).is_none());
    assert!(fixture.compositor.shell.switcher.is_some());
    hold(&mut fixture, false);
    assert_eq!(fixture.compositor.shell.active().unwrap().title, "other");
}

#[test]
fn a_client_may_ask_for_it_if_its_window_is_used() {
    let mut fixture = Fixture::new();
    let (mut below, other) = open(&mut fixture, "other", false);
    let (mut client, window) = open(&mut fixture, "one", false);
    let ask = |client: &mut Client, fixture: &mut Fixture, window: &TestWindow, (x, y)| {
        let seat = client.bind::<WlSeat>(7);
        window.toplevel.show_window_menu(&seat, 1, x, y);
        client.roundtrip(fixture);
        menu(fixture)
    };
    assert_eq!(ask(&mut below, &mut fixture, &other, (10, 20)), None);
    let opened = ask(&mut client, &mut fixture, &window, (10, 20)).unwrap();
    let windows = fixture.windows();
    let [x, y, ..] = windows.iter().find(|it| it.title == "one").unwrap().content;
    assert_eq!(opened.rect.loc, (x + 10, y + 20).into());
    // Wherever that is, it is on the screen.
    for place in [(i32::MAX, i32::MAX), (i32::MIN, i32::MIN), (700, 300)] {
        let opened = ask(&mut client, &mut fixture, &window, place).unwrap();
        let screen = smithay::utils::Rectangle::from_size((SIZE.0 as i32, SIZE.1 as i32).into());
        assert!(screen.contains_rect(opened.rect), "{place:?}");
    }
    drop((client, window));
    for _ in 0..3 {
        fixture.turn();
    }
    assert_eq!(menu(&fixture), None, "it goes with its window");
}

#[test]
fn a_window_follows_the_pointer_until_a_click_or_a_key_puts_it_down() {
    let mut fixture = Fixture::new();
    let (mut client, window) = open(&mut fixture, "one", true);
    for by_key in [false, true] {
        let opened = open_menu(&mut fixture, "one");
        point_at(&mut fixture, &opened, Entry::Move);
        click(&mut fixture, LEFT);
        let [x, y, ..] = fixture.windows()[0].content;
        let now = fixture
            .compositor
            .seat
            .get_pointer()
            .unwrap()
            .current_location();
        fixture.point_at(now.x as i32 + 20, now.y as i32 + 30);
        let moved = [x + 20, y + 30];
        assert_eq!(fixture.windows()[0].content[..2], moved);
        if by_key {
            fixture.tap(KEY_ENTER);
        } else {
            click(&mut fixture, LEFT);
        }
        fixture.point_at(300, 300);
        assert_eq!(fixture.windows()[0].content[..2], moved, "it is put down");
    }
    client.roundtrip(&mut fixture);
    assert!(client.state.keys.is_empty());
    assert!(client.has_keyboard(&window));
    assert_eq!(
        fixture.compositor.shell.active().unwrap().mode,
        Mode::Floating
    );
}

#[test]
fn another_workspace_closes_it() {
    let mut fixture = Fixture::new();
    let (_client, _window) = open(&mut fixture, "one", true);
    open_menu(&mut fixture, "one");
    fixture.compositor.show_workspace(1);
    assert_eq!(menu(&fixture), None);
}
