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
        (Keysym::space, false, false, true, false) => Action::NextLayout,
        (Keysym::Return, false, false, true, false) => Action::Terminal,
        (Keysym::BackSpace, true, true, false, false) => Action::Quit,
        _ => return None,
    };
    Some(action)
}

impl Compositor {
    /// Does what a key or a script asks for.
    pub fn act(&mut self, action: Action) {
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
