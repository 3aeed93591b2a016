//! What an app is: a struct, its messages, and the windows it wants.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ochre_theme::{Preferences, Theme};

use crate::element::Element;
use crate::event::KeyEvent;

/// An app's own name for one of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowId(pub u32);

/// A surface of the desktop shell.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub anchor: Anchor,
    /// Logical size; 0 for as large as the anchors allow.
    pub width: u32,
    pub height: u32,
    /// Room along the edge that windows keep free.
    pub exclusive: i32,
    /// Takes the keyboard while it shows.
    pub keyboard: bool,
    /// Above panels and windows.
    pub overlay: bool,
}

/// The edges that a layer keeps to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    pub top: bool,
    pub bottom: bool,
    pub left: bool,
    pub right: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WindowKind {
    /// An ordinary window.
    Toplevel {
        app_id: String,
        width: u32,
        height: u32,
        min_width: u32,
        min_height: u32,
    },
    Layer(Layer),
}

/// A window that should be there.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    pub id: WindowId,
    pub title: String,
    pub kind: WindowKind,
    /// Shows what is behind it where nothing is painted.
    pub transparent: bool,
}

/// Somebody's window, as the panel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toplevel {
    pub id: u64,
    pub title: String,
    pub app_id: String,
    pub active: bool,
    pub minimized: bool,
}

/// A workspace, as the panel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub id: u64,
    pub name: String,
    /// It is the one that is shown.
    pub active: bool,
}

/// What an app asks of its surroundings.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Puts text on the clipboard.
    Copy(String),
    /// Changes the desktop's appearance.
    SetPreferences(Preferences),
    ActivateToplevel(u64),
    MinimizeToplevel(u64),
    CloseToplevel(u64),
    ActivateWorkspace(u64),
    Quit,
}

/// Passed to `update`: what it may ask for.
pub struct Context {
    pub theme: Rc<Theme>,
    pub preferences: Preferences,
    pub(crate) commands: Vec<Command>,
}

impl Context {
    pub(crate) fn new(theme: Rc<Theme>, preferences: Preferences) -> Context {
        Context {
            theme,
            preferences,
            commands: Vec::new(),
        }
    }

    pub fn ask(&mut self, command: Command) {
        self.commands.push(command);
    }
}

/// An app.
pub trait App {
    type Message: Clone + 'static;

    /// The windows that should be there now.
    fn windows(&self) -> Vec<WindowSpec>;

    /// Takes a message.
    fn update(&mut self, message: Self::Message, context: &mut Context);

    /// Describes a window.
    fn view(
        &self,
        window: WindowId,
        theme: &Theme,
        preferences: &Preferences,
    ) -> Element<Self::Message>;

    /// A key that no widget wanted.
    fn key(&mut self, _window: WindowId, _key: &KeyEvent, _context: &mut Context) {}

    /// The user wants the window gone.
    fn close_requested(&mut self, _window: WindowId, context: &mut Context) {
        context.ask(Command::Quit);
    }

    /// A window has this size now, in logical pixels.
    fn resized(&mut self, _window: WindowId, _width: f32, _height: f32) {}

    /// A window got or lost the keyboard.
    fn focused(&mut self, _window: WindowId, _focused: bool, _context: &mut Context) {}

    /// Called at the start, when the preferences have changed, and when the time it returned has passed.
    fn tick(&mut self, _preferences: &Preferences) -> Option<Duration> {
        None
    }

    /// File descriptors to wait for as well, asked once.
    fn sources(&self) -> Vec<OwnedFd> {
        Vec::new()
    }

    /// One of the sources can be read, or hung up; whether to go on waiting for it.
    fn ready(&mut self, _source: usize, _context: &mut Context) -> bool {
        false
    }

    /// Whether it wants to know of everybody's windows, and of workspaces.
    fn watches_toplevels(&self) -> bool {
        false
    }

    fn toplevels_changed(&mut self, _toplevels: &[Toplevel]) {}

    fn workspaces_changed(&mut self, _workspaces: &[Workspace]) {}
}
