//! The tablet protocol: who knows tablets, and what their tools look like. What tools do is
//! [`crate::input`]'s.

use std::sync::atomic::Ordering;

use smithay::{
    backend::input::TabletToolDescriptor,
    input::pointer::CursorImageStatus,
    reexports::{
        wayland_protocols::wp::tablet::zv2::server::{
            zwp_tablet_manager_v2::{self as manager, ZwpTabletManagerV2},
            zwp_tablet_seat_v2::{self as tablet_seat, ZwpTabletSeatV2},
            zwp_tablet_tool_v2::ZwpTabletToolV2,
            zwp_tablet_v2::ZwpTabletV2,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource, backend::ClientId,
            delegate_dispatch, delegate_global_dispatch, protocol::wl_surface::WlSurface,
        },
    },
    wayland::tablet_manager::{
        TabletManagerState, TabletSeatHandler, TabletSeatUserData, TabletToolUserData,
        TabletUserData,
    },
};

use crate::state::{ClientState, Compositor};

/// Whether a tool on this surface is its client's, and not the pointer's.
pub fn takes_tablets(surface: &WlSurface) -> bool {
    surface.client().is_some_and(|client| {
        let state = client.get_data::<ClientState>();
        state.is_some_and(|state| state.tablets.load(Ordering::Relaxed) > 0)
    })
}

impl TabletSeatHandler for Compositor {
    fn tablet_tool_image(&mut self, _tool: &TabletToolDescriptor, image: CursorImageStatus) {
        if self.tablets.keep_the_pointer_away() {
            self.cursor = image;
            self.outputs.queue_all();
        }
    }
}

impl Dispatch<ZwpTabletManagerV2, ()> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &ZwpTabletManagerV2,
        request: manager::Request,
        data: &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if matches!(request, manager::Request::GetTabletSeat { .. })
            && let Some(client) = client.get_data::<ClientState>()
        {
            client.tablets.fetch_add(1, Ordering::Relaxed);
        }
        <TabletManagerState as Dispatch<_, _, Self>>::request(
            state, client, object, request, data, display, init,
        );
    }
}

impl Dispatch<ZwpTabletSeatV2, TabletSeatUserData> for Compositor {
    fn request(
        _state: &mut Self,
        _client: &Client,
        _seat: &ZwpTabletSeatV2,
        _request: tablet_seat::Request,
        _data: &TabletSeatUserData,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        // Its only request is its destruction, which `destroyed` sees.
    }

    fn destroyed(
        state: &mut Self,
        client: ClientId,
        seat: &ZwpTabletSeatV2,
        data: &TabletSeatUserData,
    ) {
        // A client that is gone altogether needs no count.
        let known = seat.client();
        if let Some(client) = known
            .as_ref()
            .and_then(|known| known.get_data::<ClientState>())
        {
            client.tablets.fetch_sub(1, Ordering::Relaxed);
        }
        <TabletManagerState as Dispatch<_, _, Self>>::destroyed(state, client, seat, data);
    }
}

delegate_global_dispatch!(Compositor: [ZwpTabletManagerV2: ()] => TabletManagerState);
delegate_dispatch!(Compositor: [ZwpTabletV2: TabletUserData] => TabletManagerState);
delegate_dispatch!(Compositor: [ZwpTabletToolV2: TabletToolUserData] => TabletManagerState);
