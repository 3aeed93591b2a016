//! Workspaces: as many desktops as there are, one on screen, shared by all displays.
//!
//! A window is on the workspace where it first showed, until it is moved. Its dialogs go with it, also those
//! that come while another one is shown: they take nobody there.

use super::WindowId;
use crate::state::Compositor;

/// How many there are.
pub const WORKSPACES: usize = 4;

impl Compositor {
    /// Shows a workspace.
    pub fn show_workspace(&mut self, workspace: usize) {
        if workspace >= WORKSPACES || workspace == self.shell.workspace || self.is_locked() {
            return;
        }
        self.end_switch(false);
        self.close_window_menu();
        self.slide_workspaces(self.shell.workspace, workspace);
        self.shell.workspace = workspace;
        self.shell.hovered = None;
        self.refocus();
        self.workspaces_changed();
    }

    /// Moves a window and its dialogs to a workspace, without going there.
    pub fn move_to_workspace(&mut self, id: WindowId, workspace: usize) {
        if workspace >= WORKSPACES {
            return;
        }
        let surface = self.shell.get(id).and_then(|window| window.surface());
        for window in &mut self.shell.windows {
            if window.id == id || (surface.is_some() && window.parent() == surface) {
                window.workspace = workspace;
            }
        }
        self.refocus();
        self.workspaces_changed();
    }

    /// Goes a step on (or back), taking the active window along or not; there is no going round.
    pub(crate) fn step_workspace(&mut self, forward: bool, with_window: bool) {
        let now = self.shell.workspace;
        let to = if forward {
            (now + 1).min(WORKSPACES - 1)
        } else {
            now.saturating_sub(1)
        };
        self.go_to_workspace(to, with_window);
    }

    /// Goes to a workspace, taking the active window along or not.
    pub(crate) fn go_to_workspace(&mut self, to: usize, with_window: bool) {
        let taken = self.shell.active().map(|window| window.id);
        let taken = taken.filter(|_| with_window && to != self.shell.workspace);
        if let Some(id) = taken {
            self.move_to_workspace(id, to);
        }
        self.show_workspace(to);
        if let Some(id) = taken {
            self.activate(id);
        }
    }

    fn workspaces_changed(&mut self) {
        self.tell_windows();
        self.tell_workspaces();
        self.pointer_moved_under();
        self.outputs.queue_all();
    }
}
