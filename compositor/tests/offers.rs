//! What a clipboard's owner offers: who is told is not flooded by it.

mod fixture;

use fixture::{Client, ClientSide, Fixture};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
    protocol::{
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::WlDataDeviceManager,
        wl_data_offer::WlDataOffer,
        wl_data_source::WlDataSource,
        wl_seat::WlSeat,
    },
};
use wayland_protocols::{
    ext::data_control::v1::client::{
        ext_data_control_device_v1::{self, ExtDataControlDeviceV1},
        ext_data_control_manager_v1::ExtDataControlManagerV1,
        ext_data_control_offer_v1::ExtDataControlOfferV1,
        ext_data_control_source_v1::ExtDataControlSourceV1,
    },
    wp::primary_selection::zv1::client::{
        zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1,
        zwp_primary_selection_device_v1::{self, ZwpPrimarySelectionDeviceV1},
        zwp_primary_selection_offer_v1::ZwpPrimarySelectionOfferV1,
        zwp_primary_selection_source_v1::ZwpPrimarySelectionSourceV1,
    },
};
use wayland_protocols_wlr::data_control::v1::client::{
    zwlr_data_control_device_v1::{self, ZwlrDataControlDeviceV1},
    zwlr_data_control_manager_v1::ZwlrDataControlManagerV1,
    zwlr_data_control_offer_v1::ZwlrDataControlOfferV1,
    zwlr_data_control_source_v1::ZwlrDataControlSourceV1,
};

delegate_noop!(ClientSide: WlDataDeviceManager);
delegate_noop!(ClientSide: ZwpPrimarySelectionDeviceManagerV1);
delegate_noop!(ClientSide: ZwlrDataControlManagerV1);
delegate_noop!(ClientSide: ExtDataControlManagerV1);
delegate_noop!(ClientSide: ignore WlDataSource);
delegate_noop!(ClientSide: ignore ZwpPrimarySelectionSourceV1);
delegate_noop!(ClientSide: ignore ZwlrDataControlSourceV1);
delegate_noop!(ClientSide: ignore ExtDataControlSourceV1);
note_events!(
    WlDataOffer,
    ZwpPrimarySelectionOfferV1,
    ZwlrDataControlOfferV1,
    ExtDataControlOfferV1,
);

/// Devices, of which only the offers count.
macro_rules! devices {
    ($($device:ident, $module:ident::$opcode:ident => $offer:ty;)*) => {$(
        impl Dispatch<$device, ()> for ClientSide {
            fn event(
                _: &mut Self,
                _: &$device,
                _: <$device as Proxy>::Event,
                (): &(),
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
            }

            event_created_child!(ClientSide, $device, [$module::$opcode => ($offer, ())]);
        }
    )*};
}

devices! {
    WlDataDevice, wl_data_device::EVT_DATA_OFFER_OPCODE => WlDataOffer;
    ZwpPrimarySelectionDeviceV1, zwp_primary_selection_device_v1::EVT_DATA_OFFER_OPCODE
        => ZwpPrimarySelectionOfferV1;
    ZwlrDataControlDeviceV1, zwlr_data_control_device_v1::EVT_DATA_OFFER_OPCODE
        => ZwlrDataControlOfferV1;
    ExtDataControlDeviceV1, ext_data_control_device_v1::EVT_DATA_OFFER_OPCODE
        => ExtDataControlOfferV1;
}

/// One of the four ways to offer what is copied.
#[derive(Debug, Clone, Copy)]
enum Way {
    Clipboard,
    Primary,
    WlrControl,
    ExtControl,
}

/// Offers this in one of the ways.
fn copy(fixture: &mut Fixture, client: &mut Client, way: Way, types: &[String]) {
    let (seat, handle) = (client.bind::<WlSeat>(7), client.handle.clone());
    let serial = client.state.key_serial;
    let mut all = |client: &mut Client, offer: &dyn Fn(String)| {
        for some in types.chunks(16) {
            some.iter().cloned().for_each(offer);
            assert!(client.roundtrip(fixture));
        }
    };
    match way {
        Way::Clipboard => {
            let manager = client.bind::<WlDataDeviceManager>(3);
            let source = manager.create_data_source(&handle, ());
            all(client, &|it| source.offer(it));
            let device = manager.get_data_device(&seat, &handle, ());
            device.set_selection(Some(&source), serial);
        }
        Way::Primary => {
            let manager = client.bind::<ZwpPrimarySelectionDeviceManagerV1>(1);
            let source = manager.create_source(&handle, ());
            all(client, &|it| source.offer(it));
            let device = manager.get_device(&seat, &handle, ());
            device.set_selection(Some(&source), serial);
        }
        Way::WlrControl => {
            let manager = client.bind::<ZwlrDataControlManagerV1>(2);
            let source = manager.create_data_source(&handle, ());
            all(client, &|it| source.offer(it));
            let device = manager.get_data_device(&seat, &handle, ());
            device.set_selection(Some(&source));
        }
        Way::ExtControl => {
            let manager = client.bind::<ExtDataControlManagerV1>(1);
            let source = manager.create_data_source(&handle, ());
            all(client, &|it| source.offer(it));
            let device = manager.get_data_device(&seat, &handle, ());
            device.set_selection(Some(&source));
        }
    }
}

/// What another client is offered when it has the keyboard after that.
fn offered(way: Way, types: &[String]) -> Vec<String> {
    let mut fixture = Fixture::new();
    let mut client = fixture.client();
    client.bind::<WlSeat>(7).get_keyboard(&client.handle, ());
    client.shown(&mut fixture, "copies", (200, 100), false);
    copy(&mut fixture, &mut client, way, types);
    client.roundtrip(&mut fixture);
    let mut user = fixture.client();
    let (seat, handle) = (user.bind::<WlSeat>(7), user.handle.clone());
    let clipboard = user.bind::<WlDataDeviceManager>(3);
    clipboard.get_data_device(&seat, &handle, ());
    let primary = user.bind::<ZwpPrimarySelectionDeviceManagerV1>(1);
    primary.get_device(&seat, &handle, ());
    user.shown(&mut fixture, "pastes", (200, 100), false);
    assert!(user.roundtrip(&mut fixture));
    let mut notes = user.state.notes;
    notes.retain(|note| note.starts_with("Offer"));
    notes
}

#[test]
fn who_is_focused_is_told_of_so_many_types_only() {
    let names = |count, rest: &str| -> Vec<String> {
        (0..count).map(|at| format!("text/{at}{rest}")).collect()
    };
    let (few, many) = (names(60, ""), names(10_000, "-and-more-of-it"));
    let long = names(100, &"x".repeat(3000));
    for way in [
        Way::Clipboard,
        Way::Primary,
        Way::WlrControl,
        Way::ExtControl,
    ] {
        assert_eq!(offered(way, &few).len(), 60, "{way:?}");
        assert_eq!(offered(way, &many).len(), 128, "{way:?}");
        assert_eq!(offered(way, &long).len(), 5, "{way:?}");
    }
}
