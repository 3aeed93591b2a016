//! What keys, buttons, scripts and panels can make the desktop do, by name.
//!
//! An action is written as words: its name, then what it needs (`workspace 2`, `spawn foot -e top`).

use std::{ffi::OsString, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::bindings::nearest_of;
use crate::{
    shell::{Mode, WORKSPACES},
    state::Compositor,
};

/// Something that a key, a button, a script or a panel can make the desktop do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the active window to close.
    Close,
    /// Maximize the active window.
    Maximize,
    /// Maximize the active window, or restore it.
    ToggleMaximized,
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
    /// With a button: move the window under the pointer until it is let go.
    Move,
    /// With a button: resize the window under the pointer until it is let go.
    Resize,
    /// Alt-Tab, one step on.
    SwitchNext,
    /// Alt-Tab, one step back.
    SwitchPrevious,
    /// Take the window that Alt-Tab has chosen.
    SwitchTake,
    /// Leave Alt-Tab as it was before.
    SwitchCancel,
    /// Go to a workspace, counted from 0.
    Workspace(usize),
    /// Take the active window to a workspace, counted from 0.
    MoveToWorkspace(usize),
    /// Go to the next workspace.
    NextWorkspace,
    /// Go to the one before.
    PreviousWorkspace,
    /// Take the active window to the next workspace.
    MoveToNextWorkspace,
    /// Take it to the one before.
    MoveToPreviousWorkspace,
    /// The next keyboard layout.
    NextLayout,
    /// A keyboard layout, counted from 0.
    Layout(usize),
    /// Open a terminal.
    Terminal,
    /// Open the launcher.
    Launcher,
    /// Write what the primary display shows into a file.
    Screenshot,
    /// Write what the active window shows into a file.
    ScreenshotWindow,
    /// Start a program.
    Spawn(Vec<String>),
    /// Read the configuration again.
    ReloadConfig,
    /// Nothing: the key is its client's.
    Nothing,
    /// End the session.
    Quit,
}

/// The actions that need nothing but their name.
static PLAIN: [(&str, Action); 26] = [
    ("close", Action::Close),
    ("maximize", Action::Maximize),
    ("toggle-maximized", Action::ToggleMaximized),
    ("restore", Action::Restore),
    ("minimize", Action::Minimize),
    ("fullscreen", Action::Fullscreen),
    ("snap-left", Action::SnapLeft),
    ("snap-right", Action::SnapRight),
    ("move", Action::Move),
    ("resize", Action::Resize),
    ("switch-next", Action::SwitchNext),
    ("switch-previous", Action::SwitchPrevious),
    ("switch-take", Action::SwitchTake),
    ("switch-cancel", Action::SwitchCancel),
    ("next-workspace", Action::NextWorkspace),
    ("previous-workspace", Action::PreviousWorkspace),
    ("move-to-next-workspace", Action::MoveToNextWorkspace),
    (
        "move-to-previous-workspace",
        Action::MoveToPreviousWorkspace,
    ),
    ("next-layout", Action::NextLayout),
    ("terminal", Action::Terminal),
    ("launcher", Action::Launcher),
    ("screenshot", Action::Screenshot),
    ("screenshot-window", Action::ScreenshotWindow),
    ("reload-config", Action::ReloadConfig),
    ("none", Action::Nothing),
    ("quit", Action::Quit),
];

/// The actions that need more, and what.
const WORKSPACE: &str = "workspace";
const MOVE_TO_WORKSPACE: &str = "move-to-workspace";
const LAYOUT: &str = "layout";
const SPAWN: &str = "spawn";

/// xkb has no more layouts at a time.
const LAYOUTS: usize = 4;

/// Why words are no action, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoAction {
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub fix: String,
}

impl Action {
    /// The action that words mean.
    pub fn from_words(words: &[String]) -> Result<Self, NoAction> {
        let Some((name, rest)) = words.split_first() else {
            return Err(NoAction {
                message: "an action is named by a word".into(),
                fix: "\"none\" leaves the key to its window".into(),
            });
        };
        if name == SPAWN {
            return match rest.first() {
                Some(program) if !program.is_empty() => Ok(Action::Spawn(rest.to_vec())),
                _ => Err(NoAction {
                    message: "spawn needs a program to start".into(),
                    fix: "[\"spawn\", \"foot\", \"-e\", \"top\"]".into(),
                }),
            };
        }
        type Numbered = (&'static str, usize, fn(usize) -> Action);
        let numbered: [Numbered; 3] = [
            (WORKSPACE, WORKSPACES, Action::Workspace),
            (MOVE_TO_WORKSPACE, WORKSPACES, Action::MoveToWorkspace),
            (LAYOUT, LAYOUTS, Action::Layout),
        ];
        for (which, most, make) in numbered {
            // The number may be written as a word of its own or with a hyphen.
            let number = match (name.strip_prefix(which), rest) {
                (Some(""), [number]) => Some(number.as_str()),
                (Some(""), _) => Some(""),
                (Some(end), []) => end.strip_prefix('-'),
                _ => None,
            };
            let Some(number) = number else { continue };
            return match number.parse::<usize>() {
                Ok(number) if (1..=most).contains(&number) => Ok(make(number - 1)),
                _ => Err(NoAction {
                    message: format!("{which} needs a number from 1 to {most}"),
                    fix: format!("\"{which} 1\""),
                }),
            };
        }
        let plain = PLAIN.iter().find(|(plain, _)| plain == name);
        match (plain, rest) {
            (Some((_, action)), []) => Ok(action.clone()),
            (Some((plain, _)), _) => Err(NoAction {
                message: format!("{plain} takes nothing after it"),
                fix: format!("\"{plain}\""),
            }),
            (None, _) => {
                let others = [WORKSPACE, MOVE_TO_WORKSPACE, LAYOUT, SPAWN];
                let names: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).chain(others).collect();
                let fix = match nearest_of(name, &names) {
                    Some(near) => format!("\"{near}\""),
                    None => format!("one of: {}", names.join(", ")),
                };
                let shown: String = name.chars().take(40).collect();
                Err(NoAction {
                    message: format!("no action is called {shown}"),
                    fix,
                })
            }
        }
    }

    /// Its words.
    pub fn words(&self) -> Vec<String> {
        let numbered = |name: &str, place: &usize| vec![name.to_owned(), (place + 1).to_string()];
        match self {
            Action::Workspace(place) => numbered(WORKSPACE, place),
            Action::MoveToWorkspace(place) => numbered(MOVE_TO_WORKSPACE, place),
            Action::Layout(place) => numbered(LAYOUT, place),
            Action::Spawn(command) => {
                let mut words = vec![SPAWN.to_owned()];
                words.extend(command.iter().cloned());
                words
            }
            plain => {
                let name = PLAIN.iter().find(|(_, action)| action == plain);
                vec![name.map_or("none", |(name, _)| name).to_owned()]
            }
        }
    }
}

impl FromStr for Action {
    type Err = NoAction;

    fn from_str(text: &str) -> Result<Self, NoAction> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Action::from_words(&words)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let told = |err: NoAction| D::Error::custom(format!("{}; fix: {}", err.message, err.fix));
        text.parse().map_err(told)
    }
}

impl Compositor {
    /// Whether an action may be done now: a locked session only lets its keyboard layout be changed.
    pub(super) fn allows(&self, action: &Action) -> bool {
        !self.is_locked() || matches!(action, Action::NextLayout | Action::Layout(_))
    }

    /// Does what a key or a script asks for.
    pub fn act(&mut self, action: Action) {
        if !self.allows(&action) {
            return;
        }
        self.close_window_menu();
        let active = self.shell.active().map(|window| (window.id, window.mode));
        match (action, active) {
            (Action::Close, Some((id, _))) => self.close(id),
            (Action::Maximize, Some((id, _))) => self.maximize(id),
            (Action::ToggleMaximized, Some((id, _))) => self.toggle_maximized(id),
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
            (Action::Workspace(to), _) => self.go_to_workspace(to, false),
            (Action::MoveToWorkspace(to), _) => self.go_to_workspace(to, true),
            (Action::NextWorkspace, _) => self.step_workspace(true, false),
            (Action::PreviousWorkspace, _) => self.step_workspace(false, false),
            (Action::MoveToNextWorkspace, _) => self.step_workspace(true, true),
            (Action::MoveToPreviousWorkspace, _) => self.step_workspace(false, true),
            (Action::NextLayout, _) => self.next_keyboard_layout(),
            (Action::Layout(place), _) => self.choose_keyboard_layout(place),
            (Action::Terminal, _) => self.start_terminal(),
            (Action::Launcher, _) => self.open_launcher(),
            (Action::Screenshot, _) => self.save_screenshot(None),
            (Action::ScreenshotWindow, Some((id, _))) => self.save_screenshot(Some(id)),
            (Action::Spawn(command), _) => self.start_command(&command),
            (Action::ReloadConfig, _) => _ = self.reload_config(),
            (Action::Quit, _) => self.stop.stop(),
            // Moving and resizing are a button's, which says where.
            (Action::Move | Action::Resize | Action::Nothing, _) | (_, None) => {}
        }
    }

    fn start_command(&mut self, command: &[String]) {
        let Some((program, arguments)) = command.split_first() else {
            return;
        };
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        if let Err(err) = self.spawn(program.as_ref(), &arguments) {
            eprintln!("ochre-compositor: {program}: {err}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_read_as_it_is_written() {
        let more = [
            Action::Workspace(3),
            Action::MoveToWorkspace(0),
            Action::Layout(1),
            Action::Spawn(vec!["foot".into(), "-e".into(), "top".into()]),
        ];
        for action in PLAIN.iter().map(|(_, action)| action.clone()).chain(more) {
            assert_eq!(action.to_string().parse(), Ok(action));
        }
        assert_eq!("workspace-2".parse(), Ok(Action::Workspace(1)));
        let spaced = ["spawn", "my program", "an argument"].map(String::from);
        let action = Action::from_words(&spaced).unwrap();
        assert_eq!(action.words(), spaced);
    }

    #[test]
    fn what_is_no_action_says_what_would_be() {
        let error = |text: &str| {
            let error = text.parse::<Action>().unwrap_err();
            format!("{}: {}", error.message, error.fix)
        };
        assert_eq!(error("clsoe"), "no action is called clsoe: \"close\"");
        assert_eq!(
            error("workspace 9"),
            "workspace needs a number from 1 to 4: \"workspace 1\""
        );
        assert_eq!(
            error("workspace"),
            "workspace needs a number from 1 to 4: \"workspace 1\""
        );
        assert_eq!(error("quit now"), "quit takes nothing after it: \"quit\"");
        assert!(error("spawn").starts_with("spawn needs a program"));
        assert!(error(&"x".repeat(100_000)).len() < 800);
        assert!(error("").starts_with("an action is named by a word"));
    }
}
