//! The list of windows for panels: wlr-foreign-toplevel-management and ext-foreign-toplevel-list.
//!
//! Both are fed from one comparison of what was last told with what is: [`Compositor::follow_windows`], at the
//! end of a turn: who renames its window ever so often floods no panel.

use std::collections::HashMap;

use smithay::{
    delegate_foreign_toplevel_list,
    reexports::{
        wayland_protocols_wlr::foreign_toplevel::v1::server::{
            zwlr_foreign_toplevel_handle_v1::{self as wlr_handle, ZwlrForeignToplevelHandleV1},
            zwlr_foreign_toplevel_manager_v1::{self as wlr_manager, ZwlrForeignToplevelManagerV1},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
            backend::ClientId,
        },
    },
    wayland::foreign_toplevel_list::{
        ForeignToplevelHandle, ForeignToplevelListHandler, ForeignToplevelListState,
    },
};

use crate::{
    shell::{WindowId, WindowInfo},
    state::Compositor,
};

/// Who is told about windows, and what they were last told.
#[derive(Debug, Default)]
pub struct WindowHandles {
    managers: Vec<ZwlrForeignToplevelManagerV1>,
    told: HashMap<WindowId, Told>,
    /// Something changed since.
    stale: bool,
}

#[derive(Debug)]
struct Told {
    info: WindowInfo,
    wlr: Vec<ZwlrForeignToplevelHandleV1>,
    ext: ForeignToplevelHandle,
}

impl WindowHandles {
    /// Creates the wlr global; the ext one is Smithay's.
    pub fn new(display: &DisplayHandle) -> Self {
        display.create_global::<Compositor, ZwlrForeignToplevelManagerV1, ()>(3, ());
        Self::default()
    }
}

impl Compositor {
    /// The window that an ext-foreign-toplevel handle stands for.
    pub(super) fn window_of_handle(&self, handle: &ForeignToplevelHandle) -> Option<WindowId> {
        let mut told = self.protocols.window_handles.told.iter();
        told.find(|(_, told)| told.ext.identifier() == handle.identifier())
            .map(|(id, _)| *id)
    }

    /// Something about the windows changed that panels are to be told.
    pub(crate) fn tell_windows(&mut self) {
        self.protocols.window_handles.stale = true;
    }

    /// Tells panels what changed about the windows since the last time.
    pub(crate) fn follow_windows(&mut self) {
        if !std::mem::take(&mut self.protocols.window_handles.stale) {
            return;
        }
        let infos: Vec<WindowInfo> = self.shell.infos();
        let gone: Vec<WindowId> = self
            .protocols
            .window_handles
            .told
            .keys()
            .filter(|id| !infos.iter().any(|info| info.id == **id))
            .copied()
            .collect();
        for id in gone {
            if let Some(told) = self.protocols.window_handles.told.remove(&id) {
                told.wlr.iter().for_each(|handle| handle.closed());
                self.protocols.foreign_list.remove_toplevel(&told.ext);
            }
        }
        for info in infos {
            let output = self.outputs.primary().map(|screen| screen.output.clone());
            let display = self.display.clone();
            match self.protocols.window_handles.told.get_mut(&info.id) {
                Some(told) if told.info == info => {}
                Some(told) => {
                    for handle in &told.wlr {
                        describe(handle, &info, Some(&told.info));
                    }
                    if told.info.title != info.title {
                        told.ext.send_title(&info.title);
                    }
                    if told.info.app_id != info.app_id {
                        told.ext.send_app_id(&info.app_id);
                    }
                    told.ext.send_done();
                    told.info = info;
                }
                None => {
                    let ext = self
                        .protocols
                        .foreign_list
                        .new_toplevel::<Compositor>(&info.title, &info.app_id);
                    let managers = self.protocols.window_handles.managers.clone();
                    let wlr = managers
                        .iter()
                        .filter_map(|manager| announce(&display, manager, &info, output.as_ref()))
                        .collect();
                    self.protocols
                        .window_handles
                        .told
                        .insert(info.id, Told { info, wlr, ext });
                }
            }
        }
    }
}

/// Gives one manager a handle to a window.
fn announce(
    display: &DisplayHandle,
    manager: &ZwlrForeignToplevelManagerV1,
    info: &WindowInfo,
    output: Option<&smithay::output::Output>,
) -> Option<ZwlrForeignToplevelHandleV1> {
    let client = manager.client()?;
    let handle = client
        .create_resource::<ZwlrForeignToplevelHandleV1, WindowId, Compositor>(
            display,
            manager.version(),
            info.id,
        )
        .ok()?;
    manager.toplevel(&handle);
    if let Some(output) = output {
        output
            .client_outputs(&client)
            .for_each(|output| handle.output_enter(&output));
    }
    describe(&handle, info, None);
    Some(handle)
}

/// Sends what differs from `before` (or everything).
fn describe(handle: &ZwlrForeignToplevelHandleV1, info: &WindowInfo, before: Option<&WindowInfo>) {
    if before.is_none_or(|before| before.title != info.title) {
        handle.title(info.title.clone());
    }
    if before.is_none_or(|before| before.app_id != info.app_id) {
        handle.app_id(info.app_id.clone());
    }
    let states = [
        (info.maximized, wlr_handle::State::Maximized),
        (info.minimized, wlr_handle::State::Minimized),
        (info.active, wlr_handle::State::Activated),
        (
            info.fullscreen && handle.version() >= 2,
            wlr_handle::State::Fullscreen,
        ),
    ];
    let bytes = states
        .into_iter()
        .filter(|(set, _)| *set)
        .flat_map(|(_, state)| (state as u32).to_ne_bytes())
        .collect();
    handle.state(bytes);
    handle.done();
}

impl GlobalDispatch<ZwlrForeignToplevelManagerV1, ()> for Compositor {
    fn can_view(client: Client, _data: &()) -> bool {
        super::trusted(&client)
    }

    fn bind(
        state: &mut Self,
        display: &DisplayHandle,
        _client: &Client,
        resource: New<ZwlrForeignToplevelManagerV1>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        let manager = init.init(resource, ());
        let output = state.outputs.primary().map(|screen| screen.output.clone());
        let handles = &mut state.protocols.window_handles;
        let mut told: Vec<_> = handles.told.values_mut().collect();
        told.sort_by_key(|told| told.info.id);
        for told in told {
            told.wlr
                .extend(announce(display, &manager, &told.info, output.as_ref()));
        }
        handles.managers.push(manager);
    }
}

impl Dispatch<ZwlrForeignToplevelManagerV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        manager: &ZwlrForeignToplevelManagerV1,
        request: wlr_manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        if let wlr_manager::Request::Stop = request {
            manager.finished();
            state
                .protocols
                .window_handles
                .managers
                .retain(|other| other != manager);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        manager: &ZwlrForeignToplevelManagerV1,
        _data: &(),
    ) {
        state
            .protocols
            .window_handles
            .managers
            .retain(|other| other != manager);
    }
}

impl Dispatch<ZwlrForeignToplevelHandleV1, WindowId> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _handle: &ZwlrForeignToplevelHandleV1,
        request: wlr_handle::Request,
        id: &WindowId,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        use wlr_handle::Request;
        let id = *id;
        if state.shell.get(id).is_none() {
            return; // it closed while the request was under way
        }
        match request {
            Request::SetMaximized => {
                state.maximize(id);
                state.show_again(id);
            }
            Request::UnsetMaximized => state.unmaximize(id),
            Request::SetMinimized => state.minimize(id),
            Request::UnsetMinimized | Request::Activate { .. } => state.activate(id),
            Request::Close => state.close(id),
            Request::SetFullscreen { .. } => {
                state.fullscreen(id);
                state.show_again(id);
            }
            Request::UnsetFullscreen => state.unfullscreen(id),
            _ => {} // destroy, and rectangles for minimize animations
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        handle: &ZwlrForeignToplevelHandleV1,
        id: &WindowId,
    ) {
        if let Some(told) = state.protocols.window_handles.told.get_mut(id) {
            told.wlr.retain(|other| other != handle);
        }
    }
}

impl ForeignToplevelListHandler for Compositor {
    fn foreign_toplevel_list_state(&mut self) -> &mut ForeignToplevelListState {
        &mut self.protocols.foreign_list
    }
}

delegate_foreign_toplevel_list!(Compositor);
