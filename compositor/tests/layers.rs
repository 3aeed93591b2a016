//! Layers: panels, and what hangs on them.

mod fixture;

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
};

use fixture::{Client, ClientSide, FRAME, Fixture, LITTLE};
use ochre_compositor::{input::Action, shell::Hit};
use wayland_client::{
    delegate_noop,
    protocol::{
        wl_compositor::WlCompositor, wl_output::WlOutput, wl_seat::WlSeat,
        wl_subcompositor::WlSubcompositor, wl_subsurface::WlSubsurface, wl_surface::WlSurface,
    },
};
use wayland_protocols_wlr::layer_shell::v1::client::{
    zwlr_layer_shell_v1::{Layer, ZwlrLayerShellV1},
    zwlr_layer_surface_v1::{Anchor, KeyboardInteractivity, ZwlrLayerSurfaceV1},
};

delegate_noop!(ClientSide: ignore WlOutput);
delegate_noop!(ClientSide: ignore WlSubcompositor);
delegate_noop!(ClientSide: ignore WlSubsurface);

/// A panel of 60 by 20 pixels in the upper left corner.
fn panel(
    fixture: &mut Fixture,
    client: &mut Client,
    layer: Layer,
) -> (ZwlrLayerSurfaceV1, WlSurface) {
    let shell = client.bind::<ZwlrLayerShellV1>(4);
    let surface = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    let name = "panel".to_owned();
    let panel = shell.get_layer_surface(&surface, None, layer, name, &client.handle, ());
    panel.set_anchor(Anchor::Top | Anchor::Left);
    panel.set_size(60, 20);
    surface.commit();
    client.roundtrip(fixture);
    let (buffer, _file) = client.buffer((60, 20), 0xff10_1010);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    client.roundtrip(fixture);
    fixture.advance(FRAME);
    (panel, surface)
}

#[test]
fn what_hangs_on_a_panel_is_above_windows_though_the_panel_is_below() {
    for layer in [Layer::Top, Layer::Bottom] {
        let mut fixture = Fixture::new();
        let mut user = fixture.client();
        user.bind::<WlSeat>(7).get_keyboard(&user.handle, ());
        let window = user.shown(&mut fixture, "window", (700, 500), false);
        assert_eq!(fixture.pixel(310, 290), 0x20_8040);
        let mut client = fixture.client();
        let (panel, _) = panel(&mut fixture, &mut client, layer);
        let menu = client.popup(None, (300, 300));
        panel.get_popup(&menu.popup);
        client.show_popup(&mut fixture, &menu);
        assert_eq!(fixture.pixel(310, 290), 0x80_2040, "{layer:?}");
        // A press there is the menu's, not the window's.
        user.menu(&mut fixture, &window.xdg);
        fixture.point(300, 300);
        fixture.press(true);
        user.roundtrip(&mut fixture);
        assert!(user.was_dismissed(), "{layer:?}");
        // A fullscreen window has the screen to itself.
        window.toplevel.set_fullscreen(None);
        user.roundtrip(&mut fixture);
        user.show(&mut fixture, &window, (800, 600), 0xff20_8040);
        assert_eq!(fixture.pixel(310, 290), 0x20_8040, "{layer:?}");
    }
}

#[test]
fn a_fullscreen_window_hides_the_panels_of_its_own_display_only() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let second = fixture.plug("DP-1");
    let _panel = panel(&mut fixture, &mut client, Layer::Top);
    let mut user = fixture.client();
    let window = user.shown(&mut fixture, "window", (300, 200), true);
    let [x, y, ..] = fixture.windows()[0].frame;
    fixture.point(x + 60, y + 10);
    fixture.press(true);
    fixture.point_at(1200, 300);
    fixture.press(false);
    let fill = |fixture: &mut Fixture, user: &mut Client, size| {
        fixture.compositor.act(Action::Fullscreen);
        user.roundtrip(fixture);
        user.show(fixture, &window, size, 0xff20_8040);
    };
    let panel_is_hit = |fixture: &Fixture| match fixture.compositor.hit((5.0, 5.0).into()) {
        Hit::Surface { layer, .. } => layer.is_some(),
        _ => false,
    };
    fill(&mut fixture, &mut user, (1000, 700));
    assert_eq!(fixture.windows()[0].content, [800, 0, 1000, 700]);
    assert_eq!(fixture.pixel(5, 5), 0x10_1010);
    assert!(panel_is_hit(&fixture));
    // On the panel's own it is above it.
    fixture.compositor.remove_output(second);
    fixture.turn();
    user.roundtrip(&mut fixture);
    user.show(&mut fixture, &window, (800, 600), 0xff20_8040);
    assert_eq!(fixture.windows()[0].content, [0, 0, 800, 600]);
    assert_eq!(fixture.pixel(5, 5), 0x20_8040);
    assert!(!panel_is_hit(&fixture));
}

#[test]
fn the_keyboard_leaves_a_layer_whose_display_goes() {
    let mut fixture = Fixture::new();
    let second = fixture.plug("DP-1");
    let mut user = fixture.client();
    user.bind::<WlSeat>(7).get_keyboard(&user.handle, ());
    let window = user.shown(&mut fixture, "window", (300, 200), true);
    let mut client = fixture.client();
    let surface = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    let shell = client.bind::<ZwlrLayerShellV1>(4);
    let output = client.bind::<WlOutput>(4); // the newer of both
    let (layer, name) = (Layer::Top, "search".to_owned());
    let search = shell.get_layer_surface(&surface, Some(&output), layer, name, &client.handle, ());
    search.set_size(60, 20);
    search.set_keyboard_interactivity(KeyboardInteractivity::OnDemand);
    surface.commit();
    client.roundtrip(&mut fixture);
    let (buffer, _file) = client.buffer((60, 20), 0xff10_1010);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    client.roundtrip(&mut fixture);
    user.roundtrip(&mut fixture);
    assert!(!user.has_keyboard(&window));
    fixture.compositor.remove_output(second);
    user.roundtrip(&mut fixture);
    assert!(user.has_keyboard(&window));
}

#[test]
fn a_panel_that_takes_its_buffer_away_makes_room_and_may_come_back() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let (panel, surface) = panel(&mut fixture, &mut client, Layer::Top);
    panel.set_anchor(Anchor::Top);
    panel.set_exclusive_zone(20);
    surface.commit();
    client.roundtrip(&mut fixture);
    let free = |fixture: &Fixture| {
        let area = fixture.compositor.outputs.work_area(None);
        (area.loc.y, area.size.h)
    };
    assert_eq!(free(&fixture), (20, 580));

    surface.attach(None, 0, 0);
    surface.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(free(&fixture), (0, 600));
    // It begins anew: what it wants, its size, its buffer.
    client.state.notes.clear();
    surface.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(client.state.notes, ["layer 60x20"]);
    assert_eq!(free(&fixture), (20, 580));
}

#[test]
fn a_layer_is_told_its_size_as_often_as_it_answers() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let (panel, surface) = panel(&mut fixture, &mut client, Layer::Top);
    client.state.deaf = true;
    client.state.notes.clear();
    for width in 61..360 {
        panel.set_size(width, 20);
        surface.commit();
        client.roundtrip(&mut fixture);
    }
    assert!(
        client.state.notes.len() < LITTLE,
        "{:?}",
        client.state.notes
    );
    let mut answer = |client: &mut Client| {
        client.state.notes.clear();
        panel.ack_configure(client.state.serial);
        client.roundtrip(&mut fixture);
        std::mem::take(&mut client.state.notes)
    };
    // Who answers hears the rest, as one.
    assert_eq!(answer(&mut client), ["layer 359x20"]);
    assert!(answer(&mut client).is_empty());
    panel.set_size(90, 20);
    surface.commit();
    client.roundtrip(&mut fixture);
    assert_eq!(
        client.state.notes,
        ["layer 90x20"],
        "and is told at once again"
    );
}

#[test]
fn a_layer_s_content_before_its_first_configure_is_a_protocol_error() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let (_panel, surface) = panel(&mut fixture, &mut client, Layer::Top);
    client.state.deaf = true;
    let (buffer, _file) = client.buffer((60, 20), 0xff10_1010);
    // It goes, and comes back without having answered anew.
    surface.attach(None, 0, 0);
    surface.commit();
    surface.commit();
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    assert!(!client.roundtrip(&mut fixture));
    assert_eq!(
        client.error.unwrap().object_interface,
        "zwlr_layer_surface_v1"
    );
}

#[test]
fn a_layer_s_subsurface_that_sticks_out_does_not_move_it() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let (panel, surface) = panel(&mut fixture, &mut client, Layer::Top);
    panel.set_margin(50, 0, 0, 50);
    let flag = client
        .bind::<WlCompositor>(6)
        .create_surface(&client.handle, ());
    let shell = client.bind::<WlSubcompositor>(1);
    let place = shell.get_subsurface(&flag, &surface, &client.handle, ());
    place.set_position(-30, -30);
    let (buffer, _file) = client.buffer((10, 10), 0xff80_8080);
    flag.attach(Some(&buffer), 0, 0);
    flag.commit();
    surface.commit();
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    assert_eq!(fixture.pixel(25, 25), 0x80_8080);
    assert_eq!(fixture.pixel(55, 55), 0x10_1010);
}

#[test]
fn a_layer_may_ask_for_more_than_there_is() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let (panel, surface) = panel(&mut fixture, &mut client, Layer::Top);
    panel.set_anchor(Anchor::Bottom);
    panel.set_size(u32::MAX, 1 << 31);
    panel.set_margin(i32::MIN, i32::MAX, i32::MIN, i32::MAX);
    panel.set_exclusive_zone(i32::MAX);
    surface.commit();
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    assert!(client.error.is_none());
}

#[test]
fn who_waits_for_a_window_is_content_with_a_launcher() {
    let mut fixture = Fixture::new();
    let folder = std::env::temp_dir().join(format!("ochre-layers-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let socket = fixture.compositor.open_control(&folder).unwrap();
    let mut waiter = UnixStream::connect(socket).unwrap();
    fs::remove_dir_all(folder).unwrap();
    let request = b"{\"cmd\":\"idle-wait\",\"quiet\":0,\"windows\":1}\n";
    waiter.write_all(request).unwrap();
    waiter.set_nonblocking(true).unwrap();
    let mut answer = [0; 64];

    // Connecting, and a roundtrip of a client, are turns enough to take it.
    let mut client = fixture.client();
    let nothing = waiter.read(&mut answer).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    panel(&mut fixture, &mut client, Layer::Top);
    let length = waiter.read(&mut answer).unwrap();
    assert_eq!(answer[..length], *b"{\"ok\":true}\n");
}
