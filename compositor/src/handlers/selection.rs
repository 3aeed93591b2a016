//! Clipboard, primary selection, drag and drop. The compositor offers nothing of its own.

use smithay::{
    input::Seat,
    reexports::wayland_server::protocol::{wl_data_source::WlDataSource, wl_surface::WlSurface},
    wayland::selection::{
        SelectionHandler,
        data_device::{
            ClientDndGrabHandler, DataDeviceHandler, DataDeviceState, ServerDndGrabHandler,
        },
        ext_data_control,
        primary_selection::{PrimarySelectionHandler, PrimarySelectionState},
        wlr_data_control,
    },
};

use crate::state::Compositor;

impl SelectionHandler for Compositor {
    type SelectionUserData = ();
}

impl DataDeviceHandler for Compositor {
    fn data_device_state(&self) -> &DataDeviceState {
        &self.protocols.data_device
    }
}

impl ClientDndGrabHandler for Compositor {
    fn started(
        &mut self,
        _source: Option<WlDataSource>,
        icon: Option<WlSurface>,
        _seat: Seat<Self>,
    ) {
        // Its corner is where the pointer is, until its client moves it from there.
        self.drag_icon = icon.map(|icon| (icon, (0, 0).into()));
        self.outputs.queue_all();
    }

    fn dropped(&mut self, _target: Option<WlSurface>, _validated: bool, _seat: Seat<Self>) {
        self.drag_icon = None;
        self.outputs.queue_all();
    }
}

impl ServerDndGrabHandler for Compositor {}

impl PrimarySelectionHandler for Compositor {
    fn primary_selection_state(&self) -> &PrimarySelectionState {
        &self.protocols.primary_selection
    }
}

impl wlr_data_control::DataControlHandler for Compositor {
    fn data_control_state(&self) -> &wlr_data_control::DataControlState {
        &self.protocols.wlr_data_control
    }
}

impl ext_data_control::DataControlHandler for Compositor {
    fn data_control_state(&self) -> &ext_data_control::DataControlState {
        &self.protocols.ext_data_control
    }
}
