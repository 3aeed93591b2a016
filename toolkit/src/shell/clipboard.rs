//! Copy and paste of text. Peers are slow or hostile: nothing here waits for one.

use std::io::{Read, Write};

use smithay_client_toolkit::data_device_manager::data_device::{DataDevice, DataDeviceHandler};
use smithay_client_toolkit::data_device_manager::data_offer::{DataOfferHandler, DragOffer};
use smithay_client_toolkit::data_device_manager::data_source::{
    CopyPasteSource, DataSourceHandler,
};
use smithay_client_toolkit::data_device_manager::{DataDeviceManagerState, WritePipe};
use smithay_client_toolkit::reexports::calloop::PostAction;
use smithay_client_toolkit::reexports::client::protocol::wl_data_device::WlDataDevice;
use smithay_client_toolkit::reexports::client::protocol::wl_data_device_manager::DndAction;
use smithay_client_toolkit::reexports::client::protocol::wl_data_source::WlDataSource;
use smithay_client_toolkit::reexports::client::protocol::wl_seat::WlSeat;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};

use crate::app::WindowId;
use crate::event::Event;
use crate::shell::state::Shell;

/// Types of text, best first.
const TYPES: [&str; 3] = ["text/plain;charset=utf-8", "UTF8_STRING", "text/plain"];

/// No paste is longer.
const LONGEST: usize = 8 * 1024 * 1024;

pub(super) struct Clipboard {
    manager: Option<DataDeviceManagerState>,
    device: Option<DataDevice>,
    /// What we offer, as long as we own the selection.
    offered: Option<(CopyPasteSource, String)>,
}

impl Clipboard {
    pub fn new(manager: Option<DataDeviceManagerState>) -> Clipboard {
        Clipboard {
            manager,
            device: None,
            offered: None,
        }
    }

    pub fn seat_added(&mut self, seat: &WlSeat, queue: &QueueHandle<Shell>) {
        if let (Some(manager), None) = (&self.manager, &self.device) {
            self.device = Some(manager.get_data_device(queue, seat));
        }
    }
}

impl Shell {
    pub fn copy(&mut self, text: String) {
        let clipboard = &mut self.clipboard;
        if let (Some(manager), Some(device)) = (&clipboard.manager, &clipboard.device) {
            let source = manager.create_copy_paste_source(&self.queue, TYPES);
            source.set_selection(device, self.serial);
            clipboard.offered = Some((source, text));
        }
    }

    /// Asks for the selection; the text comes later, as an event.
    pub fn start_paste(&mut self, window: WindowId) {
        // Our own text needs no pipe to ourselves, which would wait for us.
        if let Some((_, text)) = &self.clipboard.offered {
            let text = text.clone();
            return self.event(window, &Event::Pasted(text));
        }
        let offer = self
            .clipboard
            .device
            .as_ref()
            .and_then(|device| device.data().selection_offer());
        let Some(offer) = offer else { return };
        let kind = offer.with_mime_types(|offered| {
            TYPES
                .iter()
                .find(|kind| offered.iter().any(|name| name == *kind))
                .copied()
        });
        let Some(pipe) = kind.and_then(|kind| offer.receive(kind.to_owned()).ok()) else {
            return;
        };
        let mut bytes = Vec::new();
        // A source that can't be added means no paste.
        let _ = self
            .handle
            .insert_source(pipe, move |_, file, shell: &mut Shell| {
                let mut part = [0; 4096];
                // Level-triggered: one read a turn never blocks.
                let mut reader: &std::fs::File = file;
                match reader.read(&mut part) {
                    Ok(0) => {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        shell.event(window, &Event::Pasted(text));
                        PostAction::Remove
                    }
                    Ok(count) if bytes.len() + count <= LONGEST => {
                        bytes.extend_from_slice(&part[..count]);
                        PostAction::Continue
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                        PostAction::Continue
                    }
                    _ => PostAction::Remove,
                }
            });
    }
}

impl DataSourceHandler for Shell {
    fn send_request(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        source: &WlDataSource,
        _: String,
        pipe: WritePipe,
    ) {
        let offered = self.clipboard.offered.as_ref();
        let Some((_, text)) = offered.filter(|(offered, _)| offered.inner() == source) else {
            return;
        };
        let (bytes, mut at) = (text.clone().into_bytes(), 0);
        let _ = self
            .handle
            .insert_source(pipe, move |_, file, _: &mut Shell| {
                let mut writer: &std::fs::File = file;
                // At most a pipe's atomic size: a writable pipe takes that without blocking.
                let end = bytes.len().min(at + 4096);
                match writer.write(&bytes[at..end]) {
                    Ok(count) if count > 0 && at + count < bytes.len() => {
                        at += count;
                        PostAction::Continue
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                        PostAction::Continue
                    }
                    _ => PostAction::Remove,
                }
            });
    }

    fn cancelled(&mut self, _: &Connection, _: &QueueHandle<Self>, source: &WlDataSource) {
        let ours = self.clipboard.offered.as_ref();
        if ours.is_some_and(|(offered, _)| offered.inner() == source) {
            self.clipboard.offered = None;
        }
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

/// Nothing is dropped on our windows yet, so dragging over them means nothing.
impl DataDeviceHandler for Shell {
    fn enter(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlDataDevice,
        _: f64,
        _: f64,
        _: &WlSurface,
    ) {
    }

    fn leave(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice) {}

    fn motion(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice, _: f64, _: f64) {}

    fn selection(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice) {}

    fn drop_performed(&mut self, _: &Connection, _: &QueueHandle<Self>, _: &WlDataDevice) {}
}

impl DataOfferHandler for Shell {
    fn source_actions(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &mut DragOffer,
        _: DndAction,
    ) {
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
