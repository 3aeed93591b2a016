//! Everybody's windows, for the panel (wlr-foreign-toplevel-management).

use std::sync::Arc;

use smithay_client_toolkit::dispatch2::Dispatch2;
use smithay_client_toolkit::reexports::client::backend::ObjectData;
use smithay_client_toolkit::reexports::client::globals::GlobalList;
use smithay_client_toolkit::reexports::client::{Connection, Proxy, QueueHandle};
use smithay_client_toolkit::reexports::protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_handle_v1::{
    self, ZwlrForeignToplevelHandleV1,
};
use smithay_client_toolkit::reexports::protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_manager_v1::{
    self, ZwlrForeignToplevelManagerV1,
};
use smithay_client_toolkit::seat::SeatState;

use crate::app::Toplevel;
use crate::shell::state::Shell;

/// Marks this protocol's objects.
pub(super) struct ToplevelObject;

struct Known {
    handle: ZwlrForeignToplevelHandleV1,
    toplevel: Toplevel,
    /// Told to the program, after its first `done`.
    told: bool,
}

pub(super) struct Toplevels {
    /// Kept so that it goes on reporting.
    _manager: ZwlrForeignToplevelManagerV1,
    known: Vec<Known>,
    next: u64,
}

impl Toplevels {
    pub fn bind(globals: &GlobalList, queue: &QueueHandle<Shell>) -> Option<Toplevels> {
        let manager = globals.bind(queue, 1..=3, ToplevelObject).ok()?;
        Some(Toplevels {
            _manager: manager,
            known: Vec::new(),
            next: 1,
        })
    }

    fn handle(&self, id: u64) -> Option<&ZwlrForeignToplevelHandleV1> {
        self.known
            .iter()
            .find(|known| known.toplevel.id == id)
            .map(|known| &known.handle)
    }

    pub fn activate(&self, id: u64, seats: &SeatState) {
        if let (Some(handle), Some(seat)) = (self.handle(id), seats.seats().next()) {
            handle.unset_minimized();
            handle.activate(&seat);
        }
    }

    pub fn minimize(&self, id: u64, _: &SeatState) {
        if let Some(handle) = self.handle(id) {
            handle.set_minimized();
        }
    }

    pub fn close(&self, id: u64, _: &SeatState) {
        if let Some(handle) = self.handle(id) {
            handle.close();
        }
    }

    fn list(&self) -> Vec<Toplevel> {
        let told = self.known.iter().filter(|known| known.told);
        told.map(|known| known.toplevel.clone()).collect()
    }
}

impl Dispatch2<ZwlrForeignToplevelManagerV1, Shell> for ToplevelObject {
    fn event(
        &self,
        shell: &mut Shell,
        _: &ZwlrForeignToplevelManagerV1,
        event: zwlr_foreign_toplevel_manager_v1::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        let zwlr_foreign_toplevel_manager_v1::Event::Toplevel { toplevel: handle } = event else {
            return;
        };
        if let Some(toplevels) = &mut shell.toplevels {
            let toplevel = Toplevel {
                id: toplevels.next,
                title: String::new(),
                app_id: String::new(),
                active: false,
                minimized: false,
            };
            toplevels.next += 1;
            toplevels.known.push(Known {
                handle,
                toplevel,
                told: false,
            });
        }
    }

    fn event_created_child(_: u16, queue: &QueueHandle<Shell>) -> Arc<dyn ObjectData> {
        queue.make_data::<ZwlrForeignToplevelHandleV1, _>(ToplevelObject)
    }
}

impl Dispatch2<ZwlrForeignToplevelHandleV1, Shell> for ToplevelObject {
    fn event(
        &self,
        shell: &mut Shell,
        handle: &ZwlrForeignToplevelHandleV1,
        event: zwlr_foreign_toplevel_handle_v1::Event,
        _: &Connection,
        _: &QueueHandle<Shell>,
    ) {
        use zwlr_foreign_toplevel_handle_v1::{Event, State};
        let Some(toplevels) = &mut shell.toplevels else {
            return;
        };
        let found = toplevels
            .known
            .iter()
            .position(|known| known.handle.id() == handle.id());
        let Some(at) = found else { return };
        let known = &mut toplevels.known[at];
        let complete = matches!(event, Event::Done | Event::Closed);
        match event {
            Event::Title { title } => known.toplevel.title = title,
            Event::AppId { app_id } => known.toplevel.app_id = app_id,
            Event::State { state } => {
                let has = |wanted: State| {
                    state.chunks_exact(4).any(|word| {
                        word.try_into()
                            .is_ok_and(|word| u32::from_ne_bytes(word) == wanted as u32)
                    })
                };
                known.toplevel.active = has(State::Activated);
                known.toplevel.minimized = has(State::Minimized);
            }
            Event::Done => known.told = true,
            Event::Closed => {
                handle.destroy();
                toplevels.known.remove(at);
            }
            _ => {}
        }
        if complete {
            let list = toplevels.list();
            shell.program.toplevels_changed(&list);
        }
    }
}
