//! Devices of the clipboard and the primary selection whose clients are gone.
//!
//! Smithay keeps the handle of each device until its client releases it, which who is killed never
//! does. It is released here in that client's stead, when the next one asks for a device: only then
//! is there all that a request needs. So no more of them are kept than there were clients at once.

use smithay::{
    reexports::{
        wayland_protocols::{
            ext::data_control::v1::server::{
                ext_data_control_device_v1::{self, ExtDataControlDeviceV1},
                ext_data_control_manager_v1::ExtDataControlManagerV1,
            },
            wp::primary_selection::zv1::server::{
                zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1,
                zwp_primary_selection_device_v1::{self, ZwpPrimarySelectionDeviceV1},
            },
        },
        wayland_protocols_wlr::data_control::v1::server::{
            zwlr_data_control_device_v1::{self, ZwlrDataControlDeviceV1},
            zwlr_data_control_manager_v1::ZwlrDataControlManagerV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource,
            backend::ClientId,
            delegate_global_dispatch,
            protocol::{
                wl_data_device::{self, WlDataDevice},
                wl_data_device_manager::WlDataDeviceManager,
            },
        },
    },
    wayland::selection::{
        data_device::{DataDeviceState, DataDeviceUserData},
        ext_data_control::{
            self, ExtDataControlDeviceUserData, ExtDataControlManagerGlobalData,
            ExtDataControlManagerUserData,
        },
        primary_selection::{
            PrimaryDeviceManagerGlobalData, PrimaryDeviceUserData, PrimarySelectionState,
        },
        wlr_data_control::{
            self, DataControlDeviceUserData, DataControlManagerGlobalData,
            DataControlManagerUserData,
        },
    },
};

use crate::state::Compositor;

/// Devices that are gone, and that Smithay knows still.
#[derive(Debug, Default)]
pub struct GoneDevices {
    clipboard: Vec<WlDataDevice>,
    primary: Vec<ZwpPrimarySelectionDeviceV1>,
    wlr_control: Vec<ZwlrDataControlDeviceV1>,
    ext_control: Vec<ExtDataControlDeviceV1>,
}

/// A protocol's manager, its devices and how one is released.
macro_rules! devices {
    ($state:ty, $gone:ident: $manager:ty, $manager_data:ty; $device:ty, $data:ty, $release:expr) => {
        impl Dispatch<$manager, $manager_data> for Compositor {
            fn request(
                state: &mut Self,
                client: &Client,
                manager: &$manager,
                request: <$manager as Resource>::Request,
                data: &$manager_data,
                display: &DisplayHandle,
                init: &mut DataInit<'_, Self>,
            ) {
                for device in std::mem::take(&mut state.protocols.gone_devices.$gone) {
                    if let Some(data) = device.data::<$data>() {
                        <$state as Dispatch<$device, $data, Self>>::request(
                            state, client, &device, $release, data, display, init,
                        );
                    }
                }
                <$state as Dispatch<$manager, $manager_data, Self>>::request(
                    state, client, manager, request, data, display, init,
                );
            }
        }

        impl Dispatch<$device, $data> for Compositor {
            fn request(
                state: &mut Self,
                client: &Client,
                device: &$device,
                request: <$device as Resource>::Request,
                data: &$data,
                display: &DisplayHandle,
                init: &mut DataInit<'_, Self>,
            ) {
                <$state as Dispatch<$device, $data, Self>>::request(
                    state, client, device, request, data, display, init,
                );
            }

            fn destroyed(state: &mut Self, client: ClientId, device: &$device, data: &$data) {
                state.protocols.gone_devices.$gone.push(device.clone());
                <$state as Dispatch<$device, $data, Self>>::destroyed(state, client, device, data);
            }
        }
    };
}

devices!(DataDeviceState, clipboard: WlDataDeviceManager, ();
    WlDataDevice, DataDeviceUserData, wl_data_device::Request::Release);
devices!(PrimarySelectionState, primary: ZwpPrimarySelectionDeviceManagerV1, ();
    ZwpPrimarySelectionDeviceV1, PrimaryDeviceUserData,
    zwp_primary_selection_device_v1::Request::Destroy);
devices!(wlr_data_control::DataControlState,
    wlr_control: ZwlrDataControlManagerV1, DataControlManagerUserData;
    ZwlrDataControlDeviceV1, DataControlDeviceUserData,
    zwlr_data_control_device_v1::Request::Destroy);
devices!(ext_data_control::DataControlState,
    ext_control: ExtDataControlManagerV1, ExtDataControlManagerUserData;
    ExtDataControlDeviceV1, ExtDataControlDeviceUserData,
    ext_data_control_device_v1::Request::Destroy);

delegate_global_dispatch!(Compositor: [WlDataDeviceManager: ()] => DataDeviceState);
delegate_global_dispatch!(Compositor:
    [ZwpPrimarySelectionDeviceManagerV1: PrimaryDeviceManagerGlobalData] => PrimarySelectionState);
delegate_global_dispatch!(Compositor:
    [ZwlrDataControlManagerV1: DataControlManagerGlobalData] => wlr_data_control::DataControlState);
delegate_global_dispatch!(Compositor:
    [ExtDataControlManagerV1: ExtDataControlManagerGlobalData]
    => ext_data_control::DataControlState);
