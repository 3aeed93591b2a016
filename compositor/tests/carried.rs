//! What goes with the pointer: the image that a client draws of it, and what is dragged.

mod fixture;

use fixture::{Client, ClientSide, FRAME, Fixture};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
    protocol::{
        wl_compositor::WlCompositor,
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::WlDataDeviceManager,
        wl_data_offer::WlDataOffer,
        wl_data_source::WlDataSource,
        wl_output::WlOutput,
        wl_seat::WlSeat,
        wl_surface::WlSurface,
    },
};

delegate_noop!(ClientSide: ignore WlOutput);
delegate_noop!(ClientSide: ignore WlDataDeviceManager);
delegate_noop!(ClientSide: ignore WlDataOffer);
delegate_noop!(ClientSide: ignore WlDataSource);

impl Dispatch<WlDataDevice, ()> for ClientSide {
    fn event(
        _: &mut Self,
        _: &WlDataDevice,
        _: wl_data_device::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }

    event_created_child!(ClientSide, WlDataDevice, [
        wl_data_device::EVT_DATA_OFFER_OPCODE => (WlDataOffer, ()),
    ]);
}

fn draw(client: &mut Client, fixture: &mut Fixture, icon: &WlSurface) {
    let (buffer, _file) = client.buffer((10, 10), 0xffff_0000);
    icon.attach(Some(&buffer), 0, 0);
    icon.damage(0, 0, 10, 10);
    icon.commit();
    client.roundtrip(fixture);
    fixture.advance(FRAME);
    fixture.advance(FRAME);
}

/// The icon of what is dragged from a window.
fn dragged(fixture: &mut Fixture, client: &mut Client, version: u32) -> WlSurface {
    let seat = client.bind::<WlSeat>(7);
    seat.get_pointer(&client.handle, ());
    let window = client.shown(fixture, "source", (300, 200), false);
    let [x, y, ..] = fixture.windows().last().unwrap().content;
    fixture.point(x + 40, y + 40);
    fixture.press(true);
    client.roundtrip(fixture);
    let manager = client.bind::<WlDataDeviceManager>(3);
    let device = manager.get_data_device(&seat, &client.handle, ());
    let source = manager.create_data_source(&client.handle, ());
    let compositor = client.bind::<WlCompositor>(version);
    let icon = compositor.create_surface(&client.handle, ());
    let serial = client.state.serial;
    device.start_drag(Some(&source), &window.surface, Some(&icon), serial);
    client.roundtrip(fixture);
    icon
}

#[test]
fn what_is_dragged_is_where_its_client_puts_it() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let icon = dragged(&mut fixture, &mut client, 6);
    fixture.point(400, 300);
    icon.offset(-30, -20);
    draw(&mut client, &mut fixture, &icon);
    let shows = |fixture: &Fixture, x, y| fixture.pixel(x, y) == 0xff_0000;
    assert!(shows(&fixture, 371, 281) && shows(&fixture, 379, 289));
    assert!(!shows(&fixture, 369, 281) && !shows(&fixture, 381, 281));
    // It goes from where it is.
    icon.offset(0, 5);
    draw(&mut client, &mut fixture, &icon);
    assert!(shows(&fixture, 379, 294) && !shows(&fixture, 371, 281));
    for _ in 0..3 {
        icon.offset(i32::MIN, i32::MAX);
        draw(&mut client, &mut fixture, &icon);
    }
}

#[test]
fn what_was_attached_aside_is_dragged_aside() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let icon = dragged(&mut fixture, &mut client, 4);
    fixture.point(400, 300);
    let (buffer, _file) = client.buffer((10, 10), 0xffff_0000);
    icon.attach(Some(&buffer), -30, -20);
    icon.damage(0, 0, 10, 10);
    icon.commit();
    client.roundtrip(&mut fixture);
    fixture.advance(FRAME);
    fixture.advance(FRAME);
    assert_eq!(fixture.pixel(375, 285), 0xff_0000);
}

/// The displays that a surface is on.
fn displays(client: &mut Client, fixture: &mut Fixture, surface: &WlSurface) -> Vec<u32> {
    client.roundtrip(fixture);
    let on = client.state.displays.get(&surface.id().protocol_id());
    on.into_iter().flatten().copied().collect()
}

#[test]
fn what_goes_with_the_pointer_is_told_its_display() {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    let first = client.bind::<WlOutput>(4).id().protocol_id();
    fixture.plug("DP-1");
    client.roundtrip(&mut fixture);
    let second = client.bind::<WlOutput>(4).id().protocol_id();
    let pointer = client.bind::<WlSeat>(7).get_pointer(&client.handle, ());
    client.shown(&mut fixture, "one", (300, 200), false);
    let [x, y, ..] = fixture.windows()[0].content;
    fixture.point(x + 40, y + 40);
    client.roundtrip(&mut fixture);
    let compositor = client.bind::<WlCompositor>(5);
    let image = compositor.create_surface(&client.handle, ());
    pointer.set_cursor(client.state.serial, Some(&image), 5, 7);
    assert_eq!(displays(&mut client, &mut fixture, &image), [first]);
    pointer.set_cursor(client.state.serial, None, 0, 0);
    assert!(displays(&mut client, &mut fixture, &image).is_empty());
    let icon = dragged(&mut fixture, &mut client, 5);
    assert_eq!(displays(&mut client, &mut fixture, &icon), [first]);
    fixture.point_at(1200, 100);
    assert_eq!(displays(&mut client, &mut fixture, &icon), [second]);
    fixture.press(false);
    assert!(displays(&mut client, &mut fixture, &icon).is_empty());
}
