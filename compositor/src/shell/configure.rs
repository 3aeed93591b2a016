//! Telling windows, popups, layers and lock surfaces their state, no faster than their clients answer.
//!
//! A client that has some configures to answer is told nothing more until it does; then what has changed meanwhile is
//! told as one. So one that never answers makes nothing grow, and one that is late is not made later.

use std::sync::{Mutex, PoisonError};

use smithay::{
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::Serial,
    wayland::{
        compositor::{SurfaceData, with_states},
        shell::xdg::{PopupSurface, ToplevelSurface, XdgPopupSurfaceData, XdgToplevelSurfaceData},
    },
};

use crate::state::Compositor;

/// As many configures may wait for their answer. It is more than a pointer's moves between two frames.
const MOST_UNANSWERED: usize = 32;

/// Configures that wait for their answer, where Smithay keeps to itself how many do.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Vec<Serial>);

impl Unanswered {
    /// Whether nothing more is told.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_UNANSWERED
    }

    /// A configure was sent.
    pub(super) fn sent(&mut self, serial: Serial) {
        self.0.push(serial);
    }

    /// An answer came. If it is to one of these it is to all before, too.
    pub(super) fn answered(&mut self, serial: Serial) {
        if self.0.contains(&serial) {
            self.0.retain(|sent| *sent > serial);
        }
    }
}

/// What a surface is told as soon as its client has answered.
#[derive(Debug, Default)]
struct Owed(Mutex<Debt>);

#[derive(Debug, Default)]
struct Debt {
    /// A toplevel's configure, even if it says nothing new.
    configure: bool,
    /// A popup's new place, and its client's last token if that asked for one.
    place: bool,
    token: Option<u32>,
}

fn debt<T>(states: &SurfaceData, change: impl FnOnce(&mut Debt) -> T) -> T {
    let owed = states.data_map.get_or_insert_threadsafe(Owed::default);
    let mut debt = owed.0.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut debt)
}

/// The last of a toplevel's configures that wait for an answer, if there are too many.
fn full(states: &SurfaceData) -> Option<Serial> {
    let data = states
        .data_map
        .get::<XdgToplevelSurfaceData>()?
        .lock()
        .ok()?;
    let unanswered = data.pending_configures();
    let last = unanswered.last()?;
    (unanswered.len() >= MOST_UNANSWERED).then_some(last.serial)
}

fn popup_is_full(states: &SurfaceData) -> bool {
    let data = states.data_map.get::<XdgPopupSurfaceData>();
    let data = data.and_then(|data| data.lock().ok());
    data.is_some_and(|data| data.pending_configures().len() >= MOST_UNANSWERED)
}

/// Tells a window its state. The answer to this serial is the answer to it, or comes right before that.
pub(crate) fn configure(toplevel: &ToplevelSurface) -> Serial {
    let last = with_states(toplevel.wl_surface(), |states| {
        let last = full(states)?;
        debt(states, |debt| debt.configure = true);
        Some(last)
    });
    last.unwrap_or_else(|| toplevel.send_configure())
}

/// Tells a window its state if that changed.
pub(crate) fn configure_changed(toplevel: &ToplevelSurface) -> Option<Serial> {
    toplevel.has_pending_changes().then(|| configure(toplevel))
}

/// Tells a popup its new place; with the token if its client asked for that.
pub(crate) fn place_popup(popup: &PopupSurface, token: Option<u32>) {
    let waits = with_states(popup.wl_surface(), |states| {
        let full = popup_is_full(states);
        if full {
            // Of several places that a client asked for all but the last may be left out.
            debt(states, |debt| {
                debt.place = true;
                debt.token = token.or(debt.token);
            });
        }
        full
    });
    match token {
        _ if waits => {}
        Some(token) => _ = popup.send_repositioned(token),
        // It fails only for popups that are not reactive.
        None => _ = popup.send_configure(),
    }
}

impl Compositor {
    /// A client has answered: it is told the rest.
    pub(crate) fn configure_answered(&mut self, surface: &WlSurface) {
        let owed = with_states(surface, |states| {
            let waits = full(states).is_some() || popup_is_full(states);
            (!waits).then(|| debt(states, std::mem::take))
        });
        let Some(owed) = owed else {
            return;
        };
        let xdg = &self.protocols.xdg_shell;
        let mut toplevels = xdg.toplevel_surfaces().iter();
        if owed.configure
            && let Some(toplevel) = toplevels.find(|one| one.wl_surface() == surface)
        {
            toplevel.send_configure();
        }
        if owed.place
            && let Some(popup) = xdg
                .popup_surfaces()
                .iter()
                .find(|one| one.wl_surface() == surface)
        {
            place_popup(popup, owed.token);
        }
    }
}
