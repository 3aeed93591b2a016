//! The keys that are the desktop's own.

use serde::{Deserialize, Serialize};
use smithay::input::keyboard::{Keysym, ModifiersState};

use crate::{shell::Mode, state::Compositor};

/// Something that a key, a script or a panel can make the desktop do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Ask the active window to close.
    Close,
    /// Maximize the active window.
    Maximize,
    /// Restore the active window, or minimize it if it floats.
    Restore,
    /// Hide the active window.
    Minimize,
    /// Fill the screen with the active window, or stop it.
    Fullscreen,
    /// The active window takes the left half.
    SnapLeft,
    /// The active window takes the right half.
    SnapRight,
    /// Alt-Tab, one step on.
    SwitchNext,
    /// Alt-Tab, one step back.
    SwitchPrevious,
    /// Take the window that Alt-Tab has chosen.
    SwitchTake,
    /// Leave Alt-Tab as it was before.
    SwitchCancel,
    /// Go to the next workspace.
    NextWorkspace,
    /// Go to the one before.
    PreviousWorkspace,
    /// Take the active window to the next workspace.
    MoveToNextWorkspace,
    /// Take it to the one before.
    MoveToPreviousWorkspace,
    /// Go to workspace 1.
    #[serde(rename = "workspace-1")]
    Workspace1,
    /// Take the active window to workspace 1.
    #[serde(rename = "move-to-workspace-1")]
    MoveToWorkspace1,
    /// Go to workspace 2.
    #[serde(rename = "workspace-2")]
    Workspace2,
    /// Take the active window to workspace 2.
    #[serde(rename = "move-to-workspace-2")]
    MoveToWorkspace2,
    /// Go to workspace 3.
    #[serde(rename = "workspace-3")]
    Workspace3,
    /// Take the active window to workspace 3.
    #[serde(rename = "move-to-workspace-3")]
    MoveToWorkspace3,
    /// Go to workspace 4.
    #[serde(rename = "workspace-4")]
    Workspace4,
    /// Take the active window to workspace 4.
    #[serde(rename = "move-to-workspace-4")]
    MoveToWorkspace4,
    /// The next keyboard layout.
    NextLayout,
    /// Open a terminal.
    Terminal,
    /// Open the launcher.
    Launcher,
    /// End the session.
    Quit,
}

/// The action of a key press, if it is the desktop's.
pub(super) fn action_of(
    modifiers: &ModifiersState,
    key: Keysym,
    switching: bool,
) -> Option<Action> {
    let ModifiersState {
        alt,
        ctrl,
        logo,
        shift,
        ..
    } = *modifiers;
    if switching && key == Keysym::Escape {
        return Some(Action::SwitchCancel);
    }
    let action = match (key, alt, ctrl, logo, shift) {
        (Keysym::Tab, true, false, false, false) => Action::SwitchNext,
        (Keysym::Tab | Keysym::ISO_Left_Tab, true, false, false, true) => Action::SwitchPrevious,
        (Keysym::F4, true, false, false, false) | (Keysym::q, false, false, true, false) => {
            Action::Close
        }
        (Keysym::Up, false, false, true, false) => Action::Maximize,
        (Keysym::Down, false, false, true, false) => Action::Restore,
        (Keysym::Left, false, false, true, false) => Action::SnapLeft,
        (Keysym::Right, false, false, true, false) => Action::SnapRight,
        (Keysym::h, false, false, true, false) => Action::Minimize,
        (Keysym::f, false, false, true, false) => Action::Fullscreen,
        (Keysym::Page_Down, false, false, true, false) => Action::NextWorkspace,
        (Keysym::Page_Up, false, false, true, false) => Action::PreviousWorkspace,
        (Keysym::Page_Down, false, false, true, true) => Action::MoveToNextWorkspace,
        (Keysym::Page_Up, false, false, true, true) => Action::MoveToPreviousWorkspace,
        (Keysym::_1, false, false, true, false) => Action::Workspace1,
        (Keysym::_2, false, false, true, false) => Action::Workspace2,
        (Keysym::_3, false, false, true, false) => Action::Workspace3,
        (Keysym::_4, false, false, true, false) => Action::Workspace4,
        (Keysym::_1, false, false, true, true) => Action::MoveToWorkspace1,
        (Keysym::_2, false, false, true, true) => Action::MoveToWorkspace2,
        (Keysym::_3, false, false, true, true) => Action::MoveToWorkspace3,
        (Keysym::_4, false, false, true, true) => Action::MoveToWorkspace4,
        (Keysym::space, false, false, true, false) => Action::NextLayout,
        (Keysym::Return, false, false, true, false) => Action::Terminal,
        (Keysym::BackSpace, true, true, false, false) => Action::Quit,
        _ => return None,
    };
    Some(action)
}

impl Compositor {
    /// Whether an action may be done now: a locked session only lets its keyboard layout be changed.
    pub(super) fn allows(&self, action: &Action) -> bool {
        !self.is_locked() || *action == Action::NextLayout
    }

    /// Does what a key or a script asks for.
    pub fn act(&mut self, action: Action) {
        if !self.allows(&action) {
            return;
        }
        let active = self.shell.active().map(|window| (window.id, window.mode));
        match (action, active) {
            (Action::Close, Some((id, _))) => self.close(id),
            (Action::Maximize, Some((id, _))) => self.maximize(id),
            (Action::Restore, Some((id, Mode::Floating))) => self.minimize(id),
            (Action::Restore, Some((id, _))) => self.set_mode(id, Mode::Floating),
            (Action::Minimize, Some((id, _))) => self.minimize(id),
            (Action::Fullscreen, Some((id, Mode::Fullscreen))) => self.unfullscreen(id),
            (Action::Fullscreen, Some((id, _))) => self.fullscreen(id),
            (Action::SnapLeft, Some((id, _))) => self.set_mode(id, Mode::SnappedLeft),
            (Action::SnapRight, Some((id, _))) => self.set_mode(id, Mode::SnappedRight),
            (Action::SwitchNext, _) => self.switch_windows(true),
            (Action::SwitchPrevious, _) => self.switch_windows(false),
            (Action::SwitchTake, _) => self.end_switch(true),
            (Action::SwitchCancel, _) => self.end_switch(false),
            (Action::NextWorkspace, _) => self.step_workspace(true, false),
            (Action::PreviousWorkspace, _) => self.step_workspace(false, false),
            (Action::MoveToNextWorkspace, _) => self.step_workspace(true, true),
            (Action::MoveToPreviousWorkspace, _) => self.step_workspace(false, true),
            (Action::Workspace1, _) => self.go_to_workspace(0, false),
            (Action::Workspace2, _) => self.go_to_workspace(1, false),
            (Action::Workspace3, _) => self.go_to_workspace(2, false),
            (Action::Workspace4, _) => self.go_to_workspace(3, false),
            (Action::MoveToWorkspace1, _) => self.go_to_workspace(0, true),
            (Action::MoveToWorkspace2, _) => self.go_to_workspace(1, true),
            (Action::MoveToWorkspace3, _) => self.go_to_workspace(2, true),
            (Action::MoveToWorkspace4, _) => self.go_to_workspace(3, true),
            (Action::NextLayout, _) => self.next_keyboard_layout(),
            (Action::Terminal, _) => self.start_terminal(),
            (Action::Launcher, _) => self.open_launcher(),
            (Action::Quit, _) => self.stop.stop(),
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_keep_their_keys() {
        let none = ModifiersState::default();
        assert_eq!(action_of(&none, Keysym::Tab, false), None);
        assert_eq!(action_of(&none, Keysym::Escape, false), None);
        let ctrl = ModifiersState { ctrl: true, ..none };
        assert_eq!(action_of(&ctrl, Keysym::q, false), None);
    }

    #[test]
    fn the_desktop_s_keys_are_its_own() {
        let alt = ModifiersState {
            alt: true,
            ..ModifiersState::default()
        };
        assert_eq!(
            action_of(&alt, Keysym::Tab, false),
            Some(Action::SwitchNext)
        );
        assert_eq!(
            action_of(&alt, Keysym::Escape, true),
            Some(Action::SwitchCancel)
        );
        let back = ModifiersState { shift: true, ..alt };
        assert_eq!(
            action_of(&back, Keysym::ISO_Left_Tab, true),
            Some(Action::SwitchPrevious)
        );
    }
}
