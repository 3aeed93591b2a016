//! How much the owner of a clipboard may offer.
//!
//! Whoever is focused is told of each type at once, unasked, and the protocol library disconnects a client
//! that has no room for what it is told. So types past what any program has are left out.

use std::collections::HashMap;

use smithay::{
    reexports::{
        wayland_protocols::{
            ext::data_control::v1::server::ext_data_control_source_v1::{
                self, ExtDataControlSourceV1,
            },
            wp::primary_selection::zv1::server::zwp_primary_selection_source_v1::{
                self, ZwpPrimarySelectionSourceV1,
            },
        },
        wayland_protocols_wlr::data_control::v1::server::zwlr_data_control_source_v1::{
            self, ZwlrDataControlSourceV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource,
            backend::{ClientId, ObjectId},
            protocol::wl_data_source::{self, WlDataSource},
        },
    },
    wayland::selection::{
        data_device::{DataDeviceState, DataSourceUserData},
        ext_data_control::{self, ExtDataControlSourceUserData},
        primary_selection::{PrimarySelectionState, PrimarySourceUserData},
        wlr_data_control::{self, DataControlSourceUserData},
    },
};

use crate::state::Compositor;

/// An office suite offers half as many.
const MOST_TYPES: usize = 128;
/// And of all their names together, so many bytes.
const MOST_BYTES: usize = 16 * 1024;

/// What each source offers: how many types, and the bytes of their names.
#[derive(Debug, Default)]
pub struct Offers(HashMap<ObjectId, (usize, usize)>);

impl Offers {
    /// Whether a source may offer one more.
    fn add(&mut self, source: ObjectId, mime_type: &str) -> bool {
        let (types, bytes) = self.0.entry(source).or_default();
        let longer = *bytes + mime_type.len();
        let fits = *types < MOST_TYPES && longer <= MOST_BYTES;
        if fits {
            (*types, *bytes) = (*types + 1, longer);
        }
        fits
    }
}

/// The sources of a protocol.
macro_rules! sources {
    ($state:ty: $module:ident, $source:ty, $data:ty) => {
        impl Dispatch<$source, $data> for Compositor {
            fn request(
                state: &mut Self,
                client: &Client,
                source: &$source,
                request: $module::Request,
                data: &$data,
                display: &DisplayHandle,
                init: &mut DataInit<'_, Self>,
            ) {
                if let $module::Request::Offer { mime_type } = &request
                    && !state.protocols.offers.add(source.id(), mime_type)
                {
                    return;
                }
                <$state as Dispatch<$source, $data, Self>>::request(
                    state, client, source, request, data, display, init,
                );
            }

            fn destroyed(state: &mut Self, client: ClientId, source: &$source, data: &$data) {
                state.protocols.offers.0.remove(&source.id());
                <$state as Dispatch<$source, $data, Self>>::destroyed(state, client, source, data);
            }
        }
    };
}

sources!(DataDeviceState: wl_data_source, WlDataSource, DataSourceUserData);
sources!(PrimarySelectionState:
    zwp_primary_selection_source_v1, ZwpPrimarySelectionSourceV1, PrimarySourceUserData);
sources!(wlr_data_control::DataControlState:
    zwlr_data_control_source_v1, ZwlrDataControlSourceV1, DataControlSourceUserData);
sources!(ext_data_control::DataControlState:
    ext_data_control_source_v1, ExtDataControlSourceV1, ExtDataControlSourceUserData);
