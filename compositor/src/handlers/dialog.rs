//! xdg-dialog: which dialogs their window waits for.
//!
//! Smithay's own keeps each dialog for ever whose client ends without destroying it.

use smithay::reexports::{
    wayland_protocols::xdg::dialog::v1::server::{
        xdg_dialog_v1::{self as dialog, XdgDialogV1},
        xdg_wm_dialog_v1::{self as manager, XdgWmDialogV1},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, backend::ClientId,
    },
};

use crate::{shell::WindowId, state::Compositor};

/// Creates the global.
pub(super) fn create(display: &DisplayHandle) {
    display.create_global::<Compositor, XdgWmDialogV1, ()>(1, ());
}

impl GlobalDispatch<XdgWmDialogV1, ()> for Compositor {
    fn bind(
        _state: &mut Self,
        _display: &DisplayHandle,
        _client: &Client,
        resource: New<XdgWmDialogV1>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, ());
    }
}

impl Dispatch<XdgWmDialogV1, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        manager: &XdgWmDialogV1,
        request: manager::Request,
        _data: &(),
        _display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let manager::Request::GetXdgDialog { id, toplevel } = request else {
            return;
        };
        let toplevel = state.protocols.xdg_shell.get_toplevel(&toplevel);
        let window = toplevel.and_then(|toplevel| state.shell.id_of(toplevel.wl_surface()));
        init.init(id, window);
        let window = window.and_then(|id| state.shell.get_mut(id));
        if window.is_some_and(|window| std::mem::replace(&mut window.dialog, true)) {
            manager.post_error(manager::Error::AlreadyUsed, "it is a dialog already");
        }
    }
}

/// The window is none if its toplevel was gone from the start.
impl Dispatch<XdgDialogV1, Option<WindowId>> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _dialog: &XdgDialogV1,
        request: dialog::Request,
        window: &Option<WindowId>,
        _display: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let modal = match request {
            dialog::Request::SetModal => true,
            dialog::Request::UnsetModal => false,
            _ => return,
        };
        if let Some(id) = window {
            state.set_modal(*id, modal);
        }
    }

    fn destroyed(
        state: &mut Self,
        _client: ClientId,
        _dialog: &XdgDialogV1,
        window: &Option<WindowId>,
    ) {
        if let Some(window) = window.and_then(|id| state.shell.get_mut(id)) {
            window.dialog = false;
            window.modal = false;
        }
    }
}
