//! Windows and workspaces on their way, frame by frame, and that the desktop then rests.

mod fixture;

use fixture::{Client, FRAME, Fixture, TestWindow};
use ochre_compositor::{
    backend::Backend,
    input::{Action, InputEvent},
};

const GREEN: u32 = 0x20_8040;

/// A desktop whose windows move.
fn lively() -> (Fixture, Client) {
    let mut fixture = Fixture::new();
    fixture.animate(true);
    let client = fixture.client();
    fixture.point(5, 590); // out of the way
    rest(&mut fixture);
    (fixture, client)
}

/// A window that has come to rest, and a pixel in its middle.
fn settled(fixture: &mut Fixture, client: &mut Client) -> (TestWindow, (i32, i32)) {
    let window = client.shown(fixture, "one", (300, 200), true);
    rest(fixture);
    let [x, y, w, h] = fixture.windows()[0].content;
    (window, (x + w / 2, y + h / 2))
}

/// Lets frames pass until none is asked for; how many were drawn.
fn rest(fixture: &mut Fixture) -> u64 {
    let before = fixture.frames();
    for _ in 0..60 {
        if fixture.compositor.deadlines.soonest().is_none() {
            return fixture.frames() - before;
        }
        fixture.advance(FRAME);
    }
    panic!("the desktop does not come to rest");
}

/// What a pixel is in each frame until the desktop rests, the same only once in a row.
fn shades(fixture: &mut Fixture, (x, y): (i32, i32)) -> Vec<u32> {
    let mut shades = vec![fixture.pixel(x, y)];
    while fixture.compositor.deadlines.soonest().is_some() {
        fixture.advance(FRAME);
        shades.push(fixture.pixel(x, y));
        assert!(shades.len() < 60);
    }
    shades.dedup();
    shades
}

#[test]
fn a_window_fades_in_and_then_nothing_wakes() {
    let (mut fixture, mut client) = lively();
    let wall = fixture.pixel(400, 300);
    client.shown(&mut fixture, "one", (300, 200), true);
    let shades = shades(&mut fixture, (400, 300));
    assert!(shades.len() > 4, "{shades:x?}");
    assert_ne!(shades[0], wall, "the first frame shows some of it");
    assert_eq!(shades.last(), Some(&GREEN));
    assert!(
        shades[..shades.len() - 1]
            .iter()
            .all(|shade| *shade != GREEN)
    );
    let drawn = fixture.frames();
    for _ in 0..100 {
        fixture.advance(FRAME);
        client.roundtrip(&mut fixture);
    }
    assert_eq!(fixture.frames(), drawn);
    assert_eq!(fixture.compositor.deadlines.soonest(), None);
}

#[test]
fn a_closed_window_fades_out_and_is_gone_at_once() {
    let (mut fixture, mut client) = lively();
    let wall = fixture.pixel(400, 300);
    let (window, middle) = settled(&mut fixture, &mut client);
    window.toplevel.destroy();
    window.xdg.destroy();
    window.surface.destroy();
    client.roundtrip(&mut fixture);
    assert!(fixture.windows().is_empty());
    let shades = shades(&mut fixture, middle);
    assert!(shades.len() > 4, "{shades:x?}");
    assert_eq!(shades.last(), Some(&wall));
    assert!(!fixture.compositor.shell.motions.any());
}

#[test]
fn a_killed_client_s_windows_leave_nothing() {
    let (mut fixture, mut client) = lively();
    let wall = fixture.pixel(400, 300);
    let (_window, (x, y)) = settled(&mut fixture, &mut client);
    drop(client);
    fixture.turn();
    fixture.turn();
    rest(&mut fixture);
    assert!(fixture.windows().is_empty());
    assert_eq!(fixture.pixel(x, y), wall);
}

#[test]
fn a_window_that_is_put_away_sinks_and_comes_back() {
    let (mut fixture, mut client) = lively();
    let wall = fixture.pixel(400, 300);
    let (_window, middle) = settled(&mut fixture, &mut client);
    fixture.compositor.act(Action::Minimize);
    fixture.turn();
    let away = shades(&mut fixture, middle);
    assert!(away.len() > 4, "{away:x?}");
    assert_eq!(away.last(), Some(&wall));
    let id = fixture.windows()[0].id;
    fixture.compositor.activate(id);
    fixture.turn();
    let back = shades(&mut fixture, middle);
    assert!(back.len() > 4, "{back:x?}");
    assert_eq!(back.last(), Some(&GREEN));
}

#[test]
fn a_maximized_window_s_old_picture_fades_over_it() {
    let (mut fixture, mut client) = lively();
    let (window, middle) = settled(&mut fixture, &mut client);
    fixture.compositor.act(Action::Maximize);
    client.roundtrip(&mut fixture);
    rest(&mut fixture);
    let (x, y) = middle;
    assert_eq!(
        fixture.pixel(x, y),
        GREEN,
        "nothing moves before its client has drawn"
    );
    let (w, h) = client.told(&window).size;
    let serial = client.told(&window).serial;
    window.xdg.ack_configure(serial);
    let (buffer, _file) = client.buffer((w, h), 0xff00_00ff);
    window.surface.attach(Some(&buffer), 0, 0);
    window.surface.damage_buffer(0, 0, w, h);
    window.surface.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(fixture.windows()[0].mode, "maximized");
    let there = shades(&mut fixture, middle);
    assert!(there.len() > 4, "{there:x?}");
    assert_eq!(there.last(), Some(&0xff));
    assert!(
        there
            .iter()
            .all(|shade| *shade == 0xff || shade & 0xff00 != 0),
        "{there:x?}"
    );
}

#[test]
fn workspaces_slide_and_may_turn_round_on_their_way() {
    let (mut fixture, mut client) = lively();
    let (_window, (x, y)) = settled(&mut fixture, &mut client);
    let right_end = |fixture: &Fixture| (0..800).rev().find(|x| fixture.pixel(*x, y) == GREEN);
    let at_rest = right_end(&fixture);
    fixture.compositor.act(Action::Workspace(1));
    fixture.turn();
    rest(&mut fixture);
    assert_eq!(right_end(&fixture), None);
    fixture.compositor.act(Action::Workspace(0));
    fixture.turn();
    let mut places = Vec::new();
    for _ in 0..3 {
        fixture.advance(FRAME);
        places.push(right_end(&fixture));
    }
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    assert!(places[2] < at_rest, "{places:?}");
    fixture.compositor.act(Action::Workspace(1));
    fixture.turn();
    fixture.advance(FRAME);
    let turned = right_end(&fixture);
    assert!(
        turned.is_some() && turned < places[2],
        "{turned:?} after {places:?}"
    );
    fixture.compositor.act(Action::Workspace(0));
    fixture.turn();
    rest(&mut fixture);
    assert_eq!(right_end(&fixture), at_rest);
    assert_eq!(fixture.pixel(x, y), GREEN);
}

#[test]
fn only_what_moves_is_drawn() {
    let (mut fixture, mut client) = lively();
    client.shown(&mut fixture, "one", (300, 200), false);
    let [x, y, w, h] = fixture.windows()[0].content;
    for _ in 0..5 {
        fixture.advance(FRAME);
        let Backend::Headless(headless) = &fixture.compositor.backend else {
            panic!("not headless")
        };
        for part in headless.damage() {
            // It rises, so a few rows below it are drawn, too.
            let inside = part.loc.x >= x
                && part.loc.y >= y
                && part.loc.x + part.size.w <= x + w
                && part.loc.y + part.size.h <= y + h + 16;
            assert!(inside, "{part:?} of {x},{y} {w}x{h}");
        }
    }
}

#[test]
fn reduced_motion_is_none() {
    let frames = |lively: bool| {
        let mut fixture = Fixture::new();
        fixture.animate(lively);
        let mut client = fixture.client();
        fixture.point(5, 590);
        rest(&mut fixture);
        client.shown(&mut fixture, "one", (300, 200), true);
        let drawn = rest(&mut fixture);
        assert_eq!(fixture.pixel(400, 300), GREEN);
        fixture.compositor.act(Action::Workspace(2));
        fixture.turn();
        drawn + rest(&mut fixture)
    };
    let (lively, calm) = (frames(true), frames(false));
    assert!(calm < 4, "{calm}");
    assert!(lively > calm + 4, "{lively} and {calm}");
}

#[test]
fn hands_go_on_while_windows_move() {
    let (mut fixture, mut client) = lively();
    let (_window, (x, y)) = settled(&mut fixture, &mut client);
    fixture.compositor.act(Action::Workspace(1));
    fixture.turn();
    fixture.point(x, y);
    fixture.input(&[InputEvent::Button {
        button: 0x110,
        pressed: true,
    }]);
    assert!(
        fixture.compositor.shell.active().is_none(),
        "what slides away cannot be clicked"
    );
}
