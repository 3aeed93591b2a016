//! What keeps the screen awake: surfaces that are seen and whose clients asked for it (idle-inhibit).
//! A film that is minimized, locked away or dead doesn't.

use smithay::{
    desktop::find_popup_root_surface, reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::IsAlive,
};

use crate::{
    handlers::{has_buffer, root_of},
    state::Compositor,
};

impl Compositor {
    /// A client asks for the screen to stay awake while a surface is seen.
    pub(crate) fn keep_awake(&mut self, surface: WlSurface) {
        self.shell.idle_inhibitors.push(surface);
    }

    /// It takes one such wish back.
    pub(crate) fn let_sleep(&mut self, surface: &WlSurface) {
        let inhibitors = &mut self.shell.idle_inhibitors;
        if let Some(place) = inhibitors.iter().position(|other| other == surface) {
            inhibitors.swap_remove(place);
        }
    }

    /// Whether the screen may sleep follows what is seen now. Clients that die take nothing back.
    pub(crate) fn follow_inhibitors(&mut self) {
        self.shell.idle_inhibitors.retain(IsAlive::alive);
        let awake = self.is_kept_awake();
        self.protocols.idle.set_is_inhibited(awake);
    }

    /// Whether something keeps the screen awake.
    pub fn is_kept_awake(&self) -> bool {
        let inhibitors = &self.shell.idle_inhibitors;
        inhibitors.iter().any(|surface| self.is_seen(surface))
    }

    fn is_seen(&self, surface: &WlSurface) -> bool {
        let mut root = root_of(surface);
        if let Some(lock) = &self.shell.lock {
            return lock.surfaces().any(|shown| *shown == root);
        }
        if let Some(popup) = self.popups.find_popup(&root) {
            match find_popup_root_surface(&popup) {
                Ok(below) if has_buffer(&root) => root = below,
                _ => return false,
            }
        }
        match self.shell.id_of(&root) {
            Some(id) => self.shell.visible().any(|window| window.id == id),
            None => self.shows_layer(&root),
        }
    }
}
