//! Programs on Wayland: windows, input, clipboard, and an event loop that sleeps when nothing happens.
//!
//! [`run`] shows an [`App`]. What draws by itself, as a terminal does, implements [`Program`] and calls
//! [`run_program`]. The program says which windows should be there; the shell makes and removes
//! surfaces until that is so, draws only damage, and only when the compositor asks for a frame.

mod clipboard;
mod desktop;
mod handlers;
mod keyboard;
mod scale;
mod state;
mod toplevels;
mod window;
mod workspaces;

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ochre_raster::{Canvas, Region};
use ochre_theme::{Preferences, Store, Theme};

use crate::app::{App, Command, WindowId, WindowSpec};
pub use crate::app::{Toplevel, Workspace};
use crate::event::{Cursor, Event};

#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    #[error("no Wayland compositor answers: {0}")]
    Connect(#[from] smithay_client_toolkit::reexports::client::ConnectError),
    #[error("the compositor offers too little: {0}")]
    Global(String),
    #[error("event loop: {0}")]
    Loop(#[from] smithay_client_toolkit::reexports::calloop::Error),
}

/// What a program asks of the shell while it handles something.
#[derive(Default)]
pub struct Requests {
    pub commands: Vec<Command>,
    /// The window that wants the clipboard's text, as an [`Event::Pasted`].
    pub paste: Option<WindowId>,
}

/// Something with windows that draws itself.
pub trait Program {
    /// The windows that should be there now.
    fn windows(&self) -> Vec<WindowSpec>;

    fn event(&mut self, window: WindowId, event: &Event, requests: &mut Requests);

    /// The window has this size now: physical pixels, and how many of them a logical one has.
    fn resized(&mut self, window: WindowId, width: i32, height: i32, scale: f32);

    /// Whether [`Program::frame`] has something to do.
    fn is_stale(&self, window: WindowId) -> bool;

    /// Brings the window up to date; what must be drawn again, in physical pixels.
    fn frame(&mut self, window: WindowId, now: Duration) -> Region;

    /// Draws at least the region.
    fn draw(&mut self, window: WindowId, canvas: &mut Canvas, region: &Region);

    fn cursor(&self, _window: WindowId) -> Cursor {
        Cursor::Arrow
    }

    fn close_requested(&mut self, _window: WindowId, requests: &mut Requests) {
        requests.commands.push(Command::Quit);
    }

    fn theme_changed(&mut self, _theme: Rc<Theme>, _preferences: &Preferences) {}

    /// Called at the start, after each change of the theme, and when the time it returned has passed.
    fn tick(&mut self, _requests: &mut Requests) -> Option<Duration> {
        None
    }

    /// File descriptors to wait for as well, asked once.
    fn sources(&self) -> Vec<OwnedFd> {
        Vec::new()
    }

    /// One of the sources can be read, or hung up; whether to go on waiting for it.
    fn ready(&mut self, _source: usize, _requests: &mut Requests) -> bool {
        false
    }

    fn watches_toplevels(&self) -> bool {
        false
    }

    fn toplevels_changed(&mut self, _toplevels: &[Toplevel]) {}

    fn workspaces_changed(&mut self, _workspaces: &[Workspace]) {}
}

/// Shows the app until it quits.
pub fn run<A: App + 'static>(app: A) -> Result<(), ShellError> {
    let store = Store::new();
    let theme = Rc::new(store.active_or_usual());
    let desktop = desktop::Desktop::new(app, theme, store.preferences());
    run_program(Box::new(desktop))
}

/// Runs the program until it quits.
pub fn run_program(program: Box<dyn Program>) -> Result<(), ShellError> {
    state::run(program, Store::new())
}
