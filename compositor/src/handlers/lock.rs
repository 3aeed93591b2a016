//! ext-session-lock. What a lock means is in [`crate::shell`].
//!
//! Smithay's dispatch posts an error for an unlock by somebody who holds no lock, and then unlocks
//! all the same; so a lock's requests pass here first. Of a lock surface's answers it tells only what
//! it has no name for; so they pass here, too.

use smithay::{
    output::Output,
    reexports::{
        wayland_protocols::ext::session_lock::v1::server::{
            ext_session_lock_manager_v1::ExtSessionLockManagerV1,
            ext_session_lock_surface_v1::{self as lock_surface, ExtSessionLockSurfaceV1},
            ext_session_lock_v1::{Error, ExtSessionLockV1, Request},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, delegate_dispatch, delegate_global_dispatch,
            protocol::wl_output::WlOutput,
        },
    },
    utils::Serial,
    wayland::session_lock::{
        ExtLockSurfaceUserData, LockSurface, SessionLockHandler, SessionLockManagerGlobalData,
        SessionLockManagerState, SessionLockState, SessionLocker,
    },
};

use crate::state::Compositor;

impl SessionLockHandler for Compositor {
    fn lock_state(&mut self) -> &mut SessionLockManagerState {
        &mut self.protocols.session_lock
    }

    fn lock(&mut self, confirmation: SessionLocker) {
        self.lock_session(confirmation);
    }

    fn unlock(&mut self) {
        self.unlock_session();
    }

    fn new_surface(&mut self, surface: LockSurface, output: WlOutput) {
        let output = Output::from_resource(&output);
        let screen =
            output.and_then(|output| self.outputs.iter().find(|screen| screen.output == output));
        if let Some(id) = screen.map(|screen| screen.id) {
            self.add_lock_surface(id, surface);
        }
    }
}

impl Dispatch<ExtSessionLockV1, SessionLockState> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        lock: &ExtSessionLockV1,
        request: Request,
        data: &SessionLockState,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let holds = state
            .shell
            .lock
            .as_ref()
            .is_some_and(|held| held.is_held_by(lock));
        if matches!(request, Request::UnlockAndDestroy) && !holds {
            use smithay::reexports::wayland_server::Resource;
            lock.post_error(Error::InvalidUnlock, "this lock does not hold the session");
            return;
        }
        <SessionLockManagerState as Dispatch<_, _, Self>>::request(
            state, client, lock, request, data, display, init,
        );
    }
}

impl Dispatch<ExtSessionLockSurfaceV1, ExtLockSurfaceUserData> for Compositor {
    fn request(
        state: &mut Self,
        client: &Client,
        surface: &ExtSessionLockSurfaceV1,
        request: lock_surface::Request,
        data: &ExtLockSurfaceUserData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let answer = match request {
            lock_surface::Request::AckConfigure { serial } => Some(Serial::from(serial)),
            _ => None,
        };
        <SessionLockManagerState as Dispatch<_, _, Self>>::request(
            state, client, surface, request, data, display, init,
        );
        if let Some(serial) = answer {
            state.lock_surface_answered(serial);
        }
    }
}

delegate_global_dispatch!(Compositor: [ExtSessionLockManagerV1: SessionLockManagerGlobalData] => SessionLockManagerState);
delegate_dispatch!(Compositor: [ExtSessionLockManagerV1: ()] => SessionLockManagerState);
