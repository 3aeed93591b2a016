//! What keeps the screen awake (idle-inhibit).

mod fixture;

use fixture::{Client, ClientSide, Fixture};
use ochre_compositor::input::Action;
use wayland_client::{
    delegate_noop,
    protocol::{wl_compositor::WlCompositor, wl_surface::WlSurface},
};
use wayland_protocols::wp::idle_inhibit::zv1::client::{
    zwp_idle_inhibit_manager_v1::ZwpIdleInhibitManagerV1, zwp_idle_inhibitor_v1::ZwpIdleInhibitorV1,
};

delegate_noop!(ClientSide: ignore ZwpIdleInhibitManagerV1);
delegate_noop!(ClientSide: ignore ZwpIdleInhibitorV1);

fn inhibit(client: &Client, surface: &WlSurface) -> ZwpIdleInhibitorV1 {
    let manager = client.bind::<ZwpIdleInhibitManagerV1>(1);
    manager.create_inhibitor(surface, &client.handle, ())
}

#[test]
fn each_wish_counts_until_it_is_taken_back() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "film", (200, 100), true);
    let (one, two) = (
        inhibit(&client, &window.surface),
        inhibit(&client, &window.surface),
    );
    client.roundtrip(&mut fixture);
    assert!(fixture.compositor.is_kept_awake());
    one.destroy();
    client.roundtrip(&mut fixture);
    assert!(fixture.compositor.is_kept_awake());
    two.destroy();
    client.roundtrip(&mut fixture);
    assert!(!fixture.compositor.is_kept_awake());
}

#[test]
fn only_what_is_seen_keeps_the_screen_awake() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let hidden = client.window(&mut fixture, "not shown");
    inhibit(&client, &hidden.surface);
    client.roundtrip(&mut fixture);
    assert!(!fixture.compositor.is_kept_awake());
    let window = client.shown(&mut fixture, "film", (200, 100), true);
    inhibit(&client, &window.surface);
    client.roundtrip(&mut fixture);
    assert!(fixture.compositor.is_kept_awake());
    fixture.compositor.act(Action::Minimize);
    fixture.turn();
    assert!(!fixture.compositor.is_kept_awake());
}

#[test]
fn a_client_that_dies_lets_the_screen_sleep() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "film", (200, 100), true);
    inhibit(&client, &window.surface);
    client.roundtrip(&mut fixture);
    assert!(fixture.compositor.is_kept_awake());
    drop((client, window));
    fixture.turn();
    assert!(!fixture.compositor.is_kept_awake());
}

#[test]
fn what_has_no_role_is_seen_nowhere() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let compositor = client.bind::<WlCompositor>(6);
    let surface = compositor.create_surface(&client.handle, ());
    let (buffer, _file) = client.buffer((50, 50), 0xff80_2040);
    surface.attach(Some(&buffer), 0, 0);
    surface.commit();
    inhibit(&client, &surface);
    client.roundtrip(&mut fixture);
    assert!(!fixture.compositor.is_kept_awake());
}

#[test]
fn a_popup_is_seen_as_long_as_its_window() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let window = client.shown(&mut fixture, "film", (200, 100), true);
    let popup = client.popup(Some(&window.xdg), (0, 0));
    client.show_popup(&mut fixture, &popup);
    let inner = client.popup(Some(&popup.xdg), (0, 0));
    client.show_popup(&mut fixture, &inner);
    inhibit(&client, &inner.surface);
    client.roundtrip(&mut fixture);
    assert!(fixture.compositor.is_kept_awake());
    fixture.compositor.act(Action::Minimize);
    fixture.turn();
    assert!(!fixture.compositor.is_kept_awake());
}
