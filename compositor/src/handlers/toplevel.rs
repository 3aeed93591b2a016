//! xdg-shell: windows and popups as clients ask for them.

use smithay::{
    desktop::{
        PopupKind, PopupManager, Window, find_popup_root_surface, get_popup_toplevel_coords,
    },
    output::Output,
    reexports::{
        wayland_protocols::xdg::shell::server::{xdg_toplevel::ResizeEdge, xdg_wm_base},
        wayland_server::{
            Resource,
            protocol::{wl_output::WlOutput, wl_seat::WlSeat, wl_surface::WlSurface},
        },
    },
    utils::{Logical, Point, Rectangle, Serial},
    wayland::{
        compositor::with_states,
        shell::xdg::{
            Configure, PopupSurface, PositionerState, ToplevelSurface, XdgPopupSurfaceData,
            XdgShellHandler, XdgShellState,
        },
    },
};

use super::{guard::near, has_buffer, subsurface::DEEPEST};
use crate::{
    shell::{Edges, configure, place_popup},
    state::Compositor,
};

impl XdgShellHandler for Compositor {
    fn xdg_shell_state(&mut self) -> &mut XdgShellState {
        &mut self.protocols.xdg_shell
    }

    fn new_toplevel(&mut self, surface: ToplevelSurface) {
        self.add_window(Window::new_wayland_window(surface));
    }

    fn toplevel_destroyed(&mut self, surface: ToplevelSurface) {
        self.remove_window(surface.wl_surface());
    }

    fn new_popup(&mut self, surface: PopupSurface, positioner: PositionerState) {
        if let Err(reason) = self.may_hang(surface.wl_surface()) {
            // Whoever looks for what it hangs on would look for ever.
            forget_parent(surface.wl_surface());
            let error = xdg_wm_base::Error::InvalidPopupParent as u32;
            surface.xdg_popup().post_error(error, reason);
            return;
        }
        self.popups.cleanup(); // those that are gone still hold what hung on them
        surface.with_pending_state(|state| {
            state.geometry = positioner.get_geometry();
            state.positioner = positioner;
        });
        self.keep_popup_on_screen(&surface);
        // It fails only for a surface that is dead already.
        let _ = self.popups.track_popup(PopupKind::from(surface));
    }

    fn reposition_request(
        &mut self,
        surface: PopupSurface,
        positioner: PositionerState,
        token: u32,
    ) {
        surface.with_pending_state(|state| {
            state.geometry = positioner.get_geometry();
            state.positioner = positioner;
        });
        self.keep_popup_on_screen(&surface);
        place_popup(&surface, Some(token));
    }

    fn grab(&mut self, surface: PopupSurface, _seat: WlSeat, serial: Serial) {
        self.open_menu(surface, serial);
    }

    fn popup_destroyed(&mut self, _surface: PopupSurface) {
        // While the surface is still there to be left.
        self.pointer_moved_under();
        self.refresh_pointer();
        self.outputs.queue_all();
    }

    fn move_request(&mut self, surface: ToplevelSurface, _seat: WlSeat, serial: Serial) {
        if let Some(id) = self.shell.id_of(surface.wl_surface())
            && let Some(press) = self.press_of(surface.wl_surface(), serial)
        {
            self.start_move(id, press, serial);
        }
    }

    fn resize_request(
        &mut self,
        surface: ToplevelSurface,
        _seat: WlSeat,
        serial: Serial,
        edges: ResizeEdge,
    ) {
        if let Some(id) = self.shell.id_of(surface.wl_surface())
            && let Some(press) = self.press_of(surface.wl_surface(), serial)
        {
            self.start_resize(id, Edges::from(edges), press, serial);
        }
    }

    fn show_window_menu(
        &mut self,
        surface: ToplevelSurface,
        _seat: WlSeat,
        serial: Serial,
        location: Point<i32, Logical>,
    ) {
        // Who asks by a key has no press to show, but the keyboard.
        let root = surface.wl_surface();
        let Some(window) = self.shell.by_surface(root) else {
            return;
        };
        let (id, active, corner) = (window.id, window.active, window.position);
        if active || self.press_of(root, serial).is_some() {
            let place = (near(location.x), near(location.y));
            self.open_window_menu(id, corner + Point::from(place));
        }
    }

    fn maximize_request(&mut self, surface: ToplevelSurface) {
        match self.shell.id_of(surface.wl_surface()) {
            Some(id) => self.maximize(id),
            None => _ = configure(&surface),
        }
    }

    fn unmaximize_request(&mut self, surface: ToplevelSurface) {
        if let Some(id) = self.shell.id_of(surface.wl_surface()) {
            self.unmaximize(id);
        }
    }

    fn fullscreen_request(&mut self, surface: ToplevelSurface, output: Option<WlOutput>) {
        let output = output.as_ref().and_then(Output::from_resource);
        let mut screens = self.outputs.iter();
        let on = screens
            .find(|screen| Some(&screen.output) == output.as_ref())
            .map(|screen| screen.id);
        drop(screens);
        match self.shell.id_of(surface.wl_surface()) {
            Some(id) => self.fullscreen_on(id, on),
            None => _ = configure(&surface),
        }
    }

    fn unfullscreen_request(&mut self, surface: ToplevelSurface) {
        if let Some(id) = self.shell.id_of(surface.wl_surface()) {
            self.unfullscreen(id);
        }
    }

    fn minimize_request(&mut self, surface: ToplevelSurface) {
        if let Some(id) = self.shell.id_of(surface.wl_surface()) {
            self.minimize(id);
        }
    }

    fn ack_configure(&mut self, surface: WlSurface, _configure: Configure) {
        self.configure_answered(&surface);
    }

    fn title_changed(&mut self, surface: ToplevelSurface) {
        self.window_renamed(surface.wl_surface());
    }

    fn app_id_changed(&mut self, surface: ToplevelSurface) {
        self.window_renamed(surface.wl_surface());
    }

    fn parent_changed(&mut self, surface: ToplevelSurface) {
        self.window_renamed(surface.wl_surface());
        self.follow_modals();
    }
}

/// The parent of a popup, as long as it is one.
fn parent_of(surface: &WlSurface) -> Option<WlSurface> {
    with_states(surface, |states| {
        let data = states.data_map.get::<XdgPopupSurfaceData>()?;
        data.lock().ok()?.parent.clone()
    })
}

fn forget_parent(surface: &WlSurface) {
    with_states(surface, |states| {
        let data = states.data_map.get::<XdgPopupSurfaceData>();
        if let Some(mut data) = data.and_then(|data| data.lock().ok()) {
            data.parent = None;
        }
    });
}

impl Compositor {
    /// Whether a popup that was just made may have its parent, or why not. As nothing hangs on it yet, it is
    /// no parent of its parents, and chains grow at their end, where they are counted.
    fn may_hang(&self, popup: &WlSurface) -> Result<(), &'static str> {
        let popups = self.protocols.xdg_shell.popup_surfaces();
        // One that has none yet is a layer's, which says so later.
        if let Some(parent) = parent_of(popup)
            && !self.holds_menus(&parent)
            && !popups.iter().any(|other| *other.wl_surface() == parent)
        {
            return Err("a popup's parent is a window, a layer or another popup");
        }
        let parents = std::iter::successors(parent_of(popup), parent_of);
        if parents.take(DEEPEST).count() == DEEPEST {
            return Err("popups are nested too deep");
        }
        let hangs_on_it = |other: &PopupSurface| other.get_parent_surface().as_ref() == Some(popup);
        if popups.iter().any(hangs_on_it) {
            return Err("a popup is not made below what hangs on it");
        }
        Ok(())
    }

    /// A client may start a move or resize only with the press or touch that it was given; a touch or
    /// a pen's tip is then the pointer's. Gives where that was: the pointer may have gone on since, as toolkits wait for
    /// some pixels of it, and a busy client for longer.
    fn press_of(&mut self, surface: &WlSurface, serial: Serial) -> Option<Point<f64, Logical>> {
        let own = |focus: WlSurface| focus.id().same_client_as(&surface.id());
        if let Some(touch) = self.seat.get_touch()
            && touch.has_grab(serial)
        {
            let start = touch.grab_start_data()?;
            start.focus.is_some_and(|(focus, _)| own(focus)).then(|| {
                self.pointer_takes_touch();
                start.location
            })
        } else if let Some(own) = self.pointer_takes_pen(surface, serial) {
            let pointer = self.seat.get_pointer()?;
            own.then(|| pointer.current_location())
        } else {
            let pointer = self.seat.get_pointer()?;
            let start = pointer
                .has_grab(serial)
                .then(|| pointer.grab_start_data())??;
            let own = start.focus.is_some_and(|(focus, _)| own(focus));
            own.then_some(start.location)
        }
    }

    /// A window is elsewhere: of its popups, those that asked for it are placed anew.
    pub fn place_popups(&self, root: &WlSurface) {
        for (popup, _) in PopupManager::popups_for_surface(root) {
            if let PopupKind::Xdg(popup) = popup
                && popup.with_pending_state(|state| state.positioner.reactive)
            {
                self.keep_popup_on_screen(&popup);
                place_popup(&popup, None);
            }
        }
    }

    /// Slides or flips a popup so that it stays on its output.
    pub(crate) fn keep_popup_on_screen(&self, popup: &PopupSurface) {
        let kind = PopupKind::Xdg(popup.clone());
        let Ok(root) = find_popup_root_surface(&kind) else {
            return;
        };
        let Some((origin, screen)) = self.origin_and_screen(&root) else {
            return;
        };
        let mut target = screen;
        target.loc -= origin + get_popup_toplevel_coords(&kind);
        popup.with_pending_state(|state| {
            state.geometry = state.positioner.get_unconstrained_geometry(target);
        });
    }

    /// Where a root surface's geometry starts, and the rectangle of its output.
    fn origin_and_screen(
        &self,
        root: &WlSurface,
    ) -> Option<(Point<i32, Logical>, Rectangle<i32, Logical>)> {
        if let Some(window) = self.shell.by_surface(root) {
            let screen = self.outputs.rect_at(window.rect())?;
            return Some((window.position, screen));
        }
        self.outputs.iter().find_map(|screen| {
            let (_, at) = screen.layers.of(root)?;
            Some((screen.rect().loc + at, screen.rect()))
        })
    }

    /// A popup's first commit is answered with its first configure.
    pub(crate) fn popup_committed(&mut self, surface: &WlSurface) {
        let Some(PopupKind::Xdg(popup)) = self.popups.find_popup(surface) else {
            return;
        };
        if has_buffer(surface) && !self.options.early_buffers && !popup.ensure_configured() {
            return;
        }
        if !popup.is_initial_configure_sent() {
            place_popup(&popup, None);
        }
        if has_buffer(surface) && self.options.early_buffers {
            with_states(surface, |states| {
                let data = states.data_map.get::<XdgPopupSurfaceData>();
                if let Some(mut data) = data.and_then(|data| data.lock().ok())
                    && !data.configured
                {
                    data.configured = true;
                    data.current = *data.current_server_state();
                }
            });
        }
    }
}
