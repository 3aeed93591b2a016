//! The desktop's panel: the launcher, everybody's windows, the workspaces, and the time.
//!
//! Two layer surfaces: the bar along the bottom edge, and, while it is open, the launcher over the whole
//! screen (transparent but for its card, so that a click beside it closes it).

#![forbid(unsafe_code)]

mod bar;
mod clock;
mod control;
mod entry;
mod icon;
mod launcher;
mod search;

use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Duration;

use ochre_toolkit::app::{Anchor, Command, Context, Toplevel, Workspace};
use ochre_toolkit::event::{Key, KeyEvent};
use ochre_toolkit::theme::{Preferences, Theme};
use ochre_toolkit::{App, Element, Layer, WindowId, WindowKind, WindowSpec};

use crate::control::Control;

pub use crate::clock::Clock;
pub use crate::entry::{Entry, Image};

#[derive(Clone, Debug)]
pub enum Message {
    ToggleLauncher,
    CloseLauncher,
    Search(String),
    /// Starts the first that is found.
    LaunchFirst,
    Launch(String),
    /// Shows the window, or puts it away if it is the active one.
    Window(u64),
    /// Goes to the workspace.
    Workspace(u64),
}

/// The app.
pub struct Panel {
    entries: Vec<Entry>,
    /// Looks for them anew, as programs come and go.
    search: Option<fn() -> Vec<Entry>>,
    toplevels: Vec<Toplevel>,
    workspaces: Vec<Workspace>,
    clock: Clock,
    open: bool,
    /// Without the bar: closing the launcher is the end.
    launcher_only: bool,
    query: String,
    /// Logical width of the bar.
    width: f32,
    /// The compositor, which says when its launcher key is pressed.
    control: Option<Control>,
    /// Programs that were started, until they end.
    children: Vec<Child>,
}

pub const BAR: WindowId = WindowId(0);
pub const LAUNCHER: WindowId = WindowId(1);

/// Logical height of the bar.
const HEIGHT: u32 = 48;

impl Panel {
    pub fn new() -> Panel {
        let panel = Panel::with(entry::installed(), Clock::system());
        Panel {
            control: Control::connect(),
            search: Some(entry::installed),
            ..panel
        }
    }

    /// The launcher by itself.
    pub fn launcher_only() -> Panel {
        Panel {
            launcher_only: true,
            open: true,
            ..Panel::new()
        }
    }

    /// With these apps and this clock.
    pub fn with(entries: Vec<Entry>, clock: Clock) -> Panel {
        Panel {
            entries,
            search: None,
            toplevels: Vec::new(),
            workspaces: Vec::new(),
            clock,
            open: false,
            launcher_only: false,
            query: String::new(),
            width: f32::INFINITY,
            control: None,
            children: Vec::new(),
        }
    }

    fn found(&self) -> Vec<&Entry> {
        search::search(&self.entries, &self.query)
    }

    /// Opens the launcher.
    pub fn open(&mut self) {
        self.open = true;
        self.query.clear();
        if let Some(search) = self.search {
            self.entries = search();
        }
        self.entries.sort_by_key(|entry| entry.name.to_lowercase());
    }

    fn close(&mut self, context: &mut Context) {
        self.open = false;
        if self.launcher_only {
            context.ask(Command::Quit);
        }
    }

    /// Forgets the programs that have ended: whenever there is a reason to run, so that none is made up for it.
    fn bury(&mut self) {
        self.children
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    fn launch(&mut self, id: &str, context: &mut Context) {
        let Some(entry) = self.entries.iter().find(|entry| entry.id == id) else {
            return;
        };
        match entry.start() {
            Ok(child) => self.children.push(child),
            Err(error) => eprintln!("{}: {error}", entry.name),
        }
        self.close(context);
    }
}

impl Default for Panel {
    fn default() -> Panel {
        Panel::new()
    }
}

impl App for Panel {
    type Message = Message;

    fn windows(&self) -> Vec<WindowSpec> {
        let layer = |id, title: &str, layer, transparent| WindowSpec {
            id,
            title: title.to_owned(),
            kind: WindowKind::Layer(layer),
            transparent,
        };
        let bar = Layer {
            anchor: Anchor {
                bottom: true,
                left: true,
                right: true,
                top: false,
            },
            width: 0,
            height: HEIGHT,
            exclusive: HEIGHT as i32,
            keyboard: false,
            overlay: false,
        };
        let launcher = Layer {
            anchor: Anchor {
                bottom: true,
                left: true,
                right: true,
                top: true,
            },
            width: 0,
            height: 0,
            exclusive: 0,
            keyboard: true,
            overlay: true,
        };
        let mut windows = Vec::new();
        if !self.launcher_only {
            windows.push(layer(BAR, "Panel", bar, false));
        }
        if self.open {
            windows.push(layer(LAUNCHER, "Launcher", launcher, true));
        }
        windows
    }

    fn update(&mut self, message: Message, context: &mut Context) {
        match message {
            Message::ToggleLauncher if self.open => self.close(context),
            Message::ToggleLauncher => self.open(),
            Message::CloseLauncher => self.close(context),
            Message::Search(query) => self.query = query,
            Message::LaunchFirst => {
                let first = self.found().first().map(|entry| entry.id.clone());
                if let Some(id) = first {
                    self.launch(&id, context);
                }
            }
            Message::Workspace(id) => context.ask(Command::ActivateWorkspace(id)),
            Message::Launch(id) => self.launch(&id, context),
            Message::Window(id) => {
                let active = self
                    .toplevels
                    .iter()
                    .any(|other| other.id == id && other.active);
                context.ask(if active {
                    Command::MinimizeToplevel(id)
                } else {
                    Command::ActivateToplevel(id)
                });
            }
        }
    }

    fn view(&self, window: WindowId, _: &Theme, preferences: &Preferences) -> Element<Message> {
        if window == BAR {
            bar::view(
                &self.toplevels,
                &self.workspaces,
                &self.entries,
                preferences.clock.then_some(&self.clock),
                self.open,
                self.width,
            )
        } else {
            launcher::view(&self.found(), &self.query)
        }
    }

    fn key(&mut self, window: WindowId, key: &KeyEvent, context: &mut Context) {
        if window != LAUNCHER {
            return;
        }
        match key.key {
            Key::Escape if !self.query.is_empty() => self.query.clear(),
            Key::Escape => self.close(context),
            // Typing searches, wherever the focus is.
            Key::Backspace => {
                self.query.pop();
            }
            _ if !key.modifiers.control && !key.modifiers.alt => self.query.push_str(&key.text),
            _ => {}
        }
    }

    fn close_requested(&mut self, window: WindowId, context: &mut Context) {
        if window == LAUNCHER {
            self.close(context);
        }
    }

    fn resized(&mut self, window: WindowId, width: f32, _: f32) {
        if window == BAR {
            self.width = width;
        }
    }

    fn focused(&mut self, window: WindowId, focused: bool, context: &mut Context) {
        if window == LAUNCHER && !focused {
            self.close(context);
        }
    }

    fn tick(&mut self, preferences: &Preferences) -> Option<Duration> {
        self.bury();
        preferences.clock.then(|| self.clock.update())
    }

    fn sources(&self) -> Vec<OwnedFd> {
        self.control
            .as_ref()
            .and_then(Control::source)
            .into_iter()
            .collect()
    }

    fn ready(&mut self, _: usize, context: &mut Context) -> bool {
        let Some(asked) = self.control.as_mut().and_then(Control::launcher_asked) else {
            return false;
        };
        if asked {
            self.update(Message::ToggleLauncher, context);
        }
        true
    }

    fn watches_toplevels(&self) -> bool {
        !self.launcher_only
    }

    fn toplevels_changed(&mut self, toplevels: &[Toplevel]) {
        self.bury();
        self.toplevels = toplevels.to_vec();
    }

    fn workspaces_changed(&mut self, workspaces: &[Workspace]) {
        self.workspaces = workspaces.to_vec();
    }
}
