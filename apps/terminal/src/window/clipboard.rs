//! Copy and paste, of the clipboard and of the primary selection.
//!
//! The other side of a transfer may be slow or never finish, so each has a thread of its own that
//! waits for it; a transfer is bounded.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use smithay_client_toolkit::data_device_manager::data_device::{DataDevice, DataDeviceHandler};
use smithay_client_toolkit::data_device_manager::data_offer::{DataOfferHandler, DragOffer};
use smithay_client_toolkit::data_device_manager::data_source::{
    CopyPasteSource, DataSourceHandler,
};
use smithay_client_toolkit::data_device_manager::{DataDeviceManagerState, WritePipe};
use smithay_client_toolkit::primary_selection::PrimarySelectionManagerState;
use smithay_client_toolkit::primary_selection::device::{
    PrimarySelectionDevice, PrimarySelectionDeviceHandler,
};
use smithay_client_toolkit::primary_selection::selection::{
    PrimarySelectionSource, PrimarySelectionSourceHandler,
};
use smithay_client_toolkit::reexports::calloop::channel::Sender;
use smithay_client_toolkit::reexports::client::globals::GlobalList;
use smithay_client_toolkit::reexports::client::protocol::wl_data_device::WlDataDevice;
use smithay_client_toolkit::reexports::client::protocol::wl_data_device_manager::DndAction;
use smithay_client_toolkit::reexports::client::protocol::wl_data_source::WlDataSource;
use smithay_client_toolkit::reexports::client::protocol::wl_seat::WlSeat;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};
use smithay_client_toolkit::reexports::protocols::wp::primary_selection::zv1::client::{
    zwp_primary_selection_device_v1::ZwpPrimarySelectionDeviceV1,
    zwp_primary_selection_source_v1::ZwpPrimarySelectionSourceV1,
};

use super::Terminal;

/// Forms of text, the best first.
const MIME_TYPES: [&str; 4] = [
    "text/plain;charset=utf-8",
    "UTF8_STRING",
    "text/plain",
    "STRING",
];

/// A larger paste is cut.
const MAX_PASTE: u64 = 16 << 20;

pub struct Clipboard {
    manager: Option<DataDeviceManagerState>,
    primary_manager: Option<PrimarySelectionManagerState>,
    device: Option<DataDevice>,
    primary_device: Option<PrimarySelectionDevice>,
    source: Option<(CopyPasteSource, Arc<str>)>,
    primary_source: Option<(PrimarySelectionSource, Arc<str>)>,
    pastes: Sender<String>,
    /// Of the last input: a compositor lets only who is used set the clipboard.
    serial: u32,
}

impl Clipboard {
    pub fn new(
        globals: &GlobalList,
        queue: &QueueHandle<Terminal>,
        pastes: Sender<String>,
    ) -> Clipboard {
        Clipboard {
            manager: DataDeviceManagerState::bind(globals, queue).ok(),
            primary_manager: PrimarySelectionManagerState::bind(globals, queue).ok(),
            device: None,
            primary_device: None,
            source: None,
            primary_source: None,
            pastes,
            serial: 0,
        }
    }

    pub fn add_seat(&mut self, queue: &QueueHandle<Terminal>, seat: &WlSeat) {
        if self.device.is_none() {
            self.device = self
                .manager
                .as_ref()
                .map(|m| m.get_data_device(queue, seat));
        }
        if self.primary_device.is_none() {
            let manager = self.primary_manager.as_ref();
            self.primary_device = manager.map(|m| m.get_selection_device(queue, seat));
        }
    }

    pub fn note_serial(&mut self, serial: u32) {
        self.serial = serial;
    }
}

impl Terminal {
    pub(super) fn copy(&mut self, text: String) {
        let clipboard = &mut self.clipboard;
        if let (Some(manager), Some(device)) = (&clipboard.manager, &clipboard.device) {
            let source = manager.create_copy_paste_source(&self.queue, MIME_TYPES);
            source.set_selection(device, clipboard.serial);
            clipboard.source = Some((source, text.into()));
        }
    }

    pub(super) fn copy_primary(&mut self, text: String) {
        let clipboard = &mut self.clipboard;
        if let (Some(manager), Some(device)) =
            (&clipboard.primary_manager, &clipboard.primary_device)
        {
            let source = manager.create_selection_source(&self.queue, MIME_TYPES);
            source.set_selection(device, clipboard.serial);
            clipboard.primary_source = Some((source, text.into()));
        }
    }

    pub(super) fn paste(&mut self) {
        // Our own text takes no way round, and is there before the compositor has told us so.
        if let Some((_, text)) = &self.clipboard.source {
            let bytes = self.screen.paste(text);
            return self.send(&bytes);
        }
        let device = self.clipboard.device.as_ref();
        let Some(offer) = device.and_then(|device| device.data().selection_offer()) else {
            return;
        };
        let Some(mime) = offer.with_mime_types(best) else {
            return;
        };
        if let Ok(pipe) = offer.receive(mime) {
            fetch(pipe.into(), self.clipboard.pastes.clone());
        }
    }

    pub(super) fn paste_primary(&mut self) {
        if let Some((_, text)) = &self.clipboard.primary_source {
            let bytes = self.screen.paste(text);
            return self.send(&bytes);
        }
        let device = self.clipboard.primary_device.as_ref();
        let Some(offer) = device.and_then(|device| device.data().selection_offer()) else {
            return;
        };
        let Some(mime) = offer.with_mime_types(best) else {
            return;
        };
        if let Ok(pipe) = offer.receive(mime) {
            fetch(pipe.into(), self.clipboard.pastes.clone());
        }
    }
}

fn best(offered: &[String]) -> Option<String> {
    let mut wanted = MIME_TYPES.iter();
    wanted
        .find(|mime| offered.iter().any(|o| o == *mime))
        .map(|mime| (*mime).to_owned())
}

fn fetch(pipe: OwnedFd, pastes: Sender<String>) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What has come until an error is what there is to paste.
        let _ = File::from(pipe).take(MAX_PASTE).read_to_end(&mut bytes);
        // Nobody listens any more when the window has been closed.
        let _ = pastes.send(String::from_utf8_lossy(&bytes).into_owned());
    });
}

fn offer(pipe: WritePipe, text: Arc<str>) {
    std::thread::spawn(move || {
        // A receiver that goes away has had enough.
        let _ = File::from(OwnedFd::from(pipe)).write_all(text.as_bytes());
    });
}

impl DataSourceHandler for Terminal {
    fn send_request(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        source: &WlDataSource,
        _: String,
        pipe: WritePipe,
    ) {
        if let Some((own, text)) = &self.clipboard.source
            && own.inner() == source
        {
            offer(pipe, Arc::clone(text));
        }
    }

    fn cancelled(&mut self, _: &Connection, _: &QueueHandle<Self>, source: &WlDataSource) {
        self.clipboard
            .source
            .take_if(|(own, _)| own.inner() == source);
    }

    fn accept_mime(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlDataSource,
        _: Option<String>,
    ) {
    }

    fn dnd_dropped(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataSource) {}

    fn dnd_finished(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataSource) {}

    fn action(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataSource, _: DndAction) {}
}

impl PrimarySelectionSourceHandler for Terminal {
    fn send_request(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        source: &ZwpPrimarySelectionSourceV1,
        _: String,
        pipe: WritePipe,
    ) {
        if let Some((own, text)) = &self.clipboard.primary_source
            && own.inner() == source
        {
            offer(pipe, Arc::clone(text));
        }
    }

    fn cancelled(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        source: &ZwpPrimarySelectionSourceV1,
    ) {
        self.clipboard
            .primary_source
            .take_if(|(own, _)| own.inner() == source);
    }
}

/// Text dragged onto the window is pasted.
impl DataDeviceHandler for Terminal {
    fn enter(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlDataDevice,
        _: f64,
        _: f64,
        _: &WlSurface,
    ) {
        if let Some(offer) = self.drag() {
            offer.accept_mime_type(offer.serial, offer.with_mime_types(best));
            offer.set_actions(DndAction::Copy, DndAction::Copy);
        }
    }

    fn leave(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice) {}

    fn motion(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice, _: f64, _: f64) {}

    fn selection(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice) {}

    fn drop_performed(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice) {
        let Some(offer) = self.drag() else { return };
        let mime = offer.with_mime_types(best);
        if let Some(pipe) = mime.and_then(|mime| offer.receive(mime).ok()) {
            fetch(pipe.into(), self.clipboard.pastes.clone());
            offer.finish();
        }
        offer.destroy();
    }
}

impl Terminal {
    fn drag(&self) -> Option<DragOffer> {
        self.clipboard
            .device
            .as_ref()
            .and_then(|device| device.data().drag_offer())
    }
}

impl DataOfferHandler for Terminal {
    fn source_actions(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        offer: &mut DragOffer,
        _: DndAction,
    ) {
        offer.set_actions(DndAction::Copy, DndAction::Copy);
    }

    fn selected_action(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &mut DragOffer,
        _: DndAction,
    ) {
    }
}

impl PrimarySelectionDeviceHandler for Terminal {
    fn selection(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &ZwpPrimarySelectionDeviceV1,
    ) {
    }
}
