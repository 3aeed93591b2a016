//! Layers: panels, and what hangs on them.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture};
use wayland_client::{
    Connection, Dispatch, QueueHandle, delegate_noop,
    protocol::{wl_compositor::WlCompositor, wl_seat::WlSeat},
};
use wayland_protocols_wlr::layer_shell::v1::client::{
    zwlr_layer_shell_v1::{Layer, ZwlrLayerShellV1},
    zwlr_layer_surface_v1::{self, Anchor, ZwlrLayerSurfaceV1},
};

delegate_noop!(ClientSide: ignore ZwlrLayerShellV1);

impl Dispatch<ZwlrLayerSurfaceV1, ()> for ClientSide {
    fn event(
        _: &mut Self,
        layer: &ZwlrLayerSurfaceV1,
        event: zwlr_layer_surface_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zwlr_layer_surface_v1::Event::Configure { serial, .. } = event {
            layer.ack_configure(serial);
        }
    }
}

/// A panel of 60 by 20 pixels in the upper left corner.
fn panel(fixture: &mut Fixture, client: &mut Client, layer: Layer) -> ZwlrLayerSurfaceV1 {
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
    panel
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
        let panel = panel(&mut fixture, &mut client, layer);
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
