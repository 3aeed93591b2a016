//! Maximize, snap, fullscreen, minimize, close: what a window is told, and where it then goes.
//!
//! A window changes place only when its client has drawn for the new size, so that no frame shows
//! the old content at the new place.

use smithay::{
    reexports::wayland_protocols::xdg::shell::server::xdg_toplevel::State,
    utils::{Logical, Rectangle},
};

use super::{Going, Mode, WindowId, configure, configure_changed};
use crate::{
    output::{OutputId, Screen},
    state::Compositor,
};

impl Compositor {
    /// Fills the work area.
    pub fn maximize(&mut self, id: WindowId) {
        if !self.change_beneath(id, Mode::Maximized) {
            self.set_mode(id, Mode::Maximized);
        }
    }

    /// Goes back to floating from maximized or snapped.
    pub fn unmaximize(&mut self, id: WindowId) {
        if !self.change_beneath(id, Mode::Floating) {
            self.set_mode(id, Mode::Floating);
        }
    }

    /// Maximizes, or goes back.
    pub fn toggle_maximized(&mut self, id: WindowId) {
        match self.shell.get(id).map(|window| window.mode) {
            Some(Mode::Maximized) => self.set_mode(id, Mode::Floating),
            Some(_) => self.set_mode(id, Mode::Maximized),
            None => {}
        }
    }

    /// Fills the output, above panels.
    pub fn fullscreen(&mut self, id: WindowId) {
        self.fullscreen_on(id, None);
    }

    /// Fills the output that its client names, or the one that it is on.
    pub(crate) fn fullscreen_on(&mut self, id: WindowId, output: Option<OutputId>) {
        if let Some(window) = self.shell.get_mut(id) {
            window.fills = output;
            if window.mode != Mode::Fullscreen {
                window.beneath = window.mode;
            }
        }
        self.set_mode(id, Mode::Fullscreen);
    }

    /// Goes back from fullscreen to what it was before.
    pub fn unfullscreen(&mut self, id: WindowId) {
        if let Some(window) = self.shell.get(id)
            && window.mode == Mode::Fullscreen
        {
            self.set_mode(id, window.beneath);
        }
    }

    /// What a fullscreen window will go back to; it is told, as it may wait for an answer.
    fn change_beneath(&mut self, id: WindowId, mode: Mode) -> bool {
        let Some(window) = self.shell.get_mut(id) else {
            return false;
        };
        if window.mode != Mode::Fullscreen {
            return false;
        }
        window.beneath = mode;
        if let Some(toplevel) = window.window.toplevel()
            && toplevel.is_initial_configure_sent()
        {
            configure(toplevel);
        }
        true
    }

    /// Shows a window that was minimized.
    pub(crate) fn show_again(&mut self, id: WindowId) {
        if self.shell.get(id).is_some_and(|window| window.minimized) {
            self.activate(id);
        }
    }

    /// Hides a window until it is activated again.
    pub fn minimize(&mut self, id: WindowId) {
        self.window_goes(id, Going::Minimized);
        if let Some(window) = self.shell.get_mut(id) {
            window.minimized = true;
            self.refocus();
            self.pointer_moved_under();
        }
    }

    /// Asks a window to close.
    pub fn close(&mut self, id: WindowId) {
        if let Some(toplevel) = self
            .shell
            .get(id)
            .and_then(|window| window.window.toplevel())
        {
            toplevel.send_close();
        }
    }

    /// Puts a window into a mode.
    pub fn set_mode(&mut self, id: WindowId, mode: Mode) {
        if self.shell.get(id).is_some_and(|window| window.mode != mode) {
            self.remember_picture(id);
        }
        let Some(window) = self.shell.get_mut(id) else {
            return;
        };
        if window.mode == Mode::Floating && window.mapped {
            window.restore = Some(window.wanted.take().unwrap_or(window.rect()));
        }
        window.mode = mode;
        window.resizing = None;
        window.home = None;
        let configured = window
            .window
            .toplevel()
            .is_some_and(|toplevel| toplevel.is_initial_configure_sent());
        if configured {
            self.apply_mode(id, true);
        }
        self.tell_windows();
        self.outputs.queue_all();
    }

    /// Tells a window its mode's size; it moves when it has answered.
    pub(super) fn apply_mode(&mut self, id: WindowId, must_answer: bool) {
        let Some(rect) = self.mode_rect(id) else {
            return;
        };
        let Some(window) = self.shell.get_mut(id) else {
            return;
        };
        let Some(toplevel) = window.window.toplevel().cloned() else {
            return;
        };
        let mode = window.mode;
        toplevel.with_pending_state(|state| {
            let mut set = |flag, on| {
                _ = if on {
                    state.states.set(flag)
                } else {
                    state.states.unset(flag)
                }
            };
            set(State::Maximized, mode == Mode::Maximized);
            set(State::Fullscreen, mode == Mode::Fullscreen);
            let snapped = matches!(mode, Mode::SnappedLeft | Mode::SnappedRight);
            set(State::TiledTop, snapped);
            set(State::TiledBottom, snapped);
            set(State::TiledLeft, mode == Mode::SnappedLeft);
            set(State::TiledRight, mode == Mode::SnappedRight);
            state.size = rect.map(|rect| rect.size);
        });
        let serial = if must_answer {
            Some(configure(&toplevel))
        } else {
            configure_changed(&toplevel)
        };
        match (rect, serial, window.arrival) {
            (Some(rect), Some(serial), _) => window.arrival = Some((serial, rect.loc)),
            // Its size is right, or will be: only the place is another.
            (Some(rect), None, Some((serial, _))) => window.arrival = Some((serial, rect.loc)),
            (Some(rect), None, None) if window.mapped => window.move_to(rect.loc),
            _ => {}
        }
    }

    /// The content rectangle that a window's mode gives it; none when it may choose.
    fn mode_rect(&self, id: WindowId) -> Option<Option<Rectangle<i32, Logical>>> {
        let window = self.shell.get(id)?;
        let near = window.mapped.then(|| window.rect());
        let area = self.work_area_of(id, near);
        match window.mode {
            Mode::Floating => {
                return Some(window.restore.map(|rect| self.fitted(window, rect)));
            }
            Mode::Maximized | Mode::SnappedLeft | Mode::SnappedRight => {}
            Mode::Fullscreen => {
                let named = window.fills.and_then(|output| self.outputs.get(output));
                let named = named.or_else(|| self.noted_display(id)).map(Screen::rect);
                let screen = named.or_else(|| self.outputs.rect_at(near.unwrap_or(area)));
                return Some(Some(screen.unwrap_or(area)));
            }
        }
        let mut area = window.mode.share(area);
        if window.decorated {
            let title = self.look.title_height.min(area.size.h - 1);
            area.loc.y += title;
            area.size.h -= title;
        }
        Some(Some(area))
    }

    /// Panels or displays changed: windows that fill something fill it anew, others stay in reach.
    pub(crate) fn work_area_changed(&mut self) {
        self.close_window_menu(); // where it is may be nowhere now
        self.note_displays();
        let ids: Vec<_> = self
            .shell
            .iter()
            .map(|window| (window.id, window.mode))
            .collect();
        for (id, mode) in ids {
            if mode == Mode::Floating {
                self.keep_in_view(id);
            } else {
                self.apply_mode(id, false);
            }
        }
        self.shell.lying = None;
        self.tell_outputs();
        self.outputs.note_work_areas();
        self.outputs.queue_all();
    }
}
