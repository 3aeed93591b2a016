//! What goes over the control socket: requests and their answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    input::{Action, InputEvent},
    shell::WindowId,
};

/// A request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "kebab-case")]
pub enum Request {
    /// All windows.
    Windows,
    /// All outputs.
    Outputs,
    /// Writes what an output shows into a PNG file.
    Screenshot {
        /// The file, as the compositor sees the file system.
        path: PathBuf,
        /// With the pointer.
        #[serde(default)]
        cursor: bool,
    },
    /// Answers when nothing was drawn, asked or typed for a while.
    IdleWait {
        /// How long nothing may happen, in milliseconds.
        #[serde(default)]
        quiet: Option<u64>,
        /// How many windows there must be.
        #[serde(default)]
        windows: usize,
        /// When to give up, in milliseconds.
        #[serde(default)]
        timeout: Option<u64>,
    },
    /// Does what a key binding would do.
    Action {
        /// What.
        name: Action,
    },
    /// Does something with one window.
    Window {
        /// Which.
        id: WindowId,
        /// What.
        #[serde(rename = "do")]
        what: WindowRequest,
    },
    /// Acts as if a device had sent these.
    Input {
        /// In this order.
        events: Vec<InputEvent>,
    },
    /// Changes the size of the headless output.
    Resize {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Warms every display, or stops it.
    NightLight {
        /// To this colour temperature; without it, the light goes out.
        #[serde(default)]
        kelvin: Option<u32>,
    },
    /// Reads the theme again.
    ReloadTheme,
    /// Which keys and buttons do what.
    Bindings,
    /// Reads the configuration again; what is wrong with it is the answer's error.
    ReloadConfig,
    /// Keeps the connection for events, each `{"event": NAME}`.
    Subscribe,
    /// Ends the session.
    Quit,
}

/// What can be done with a window.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowRequest {
    /// Raise and focus.
    Activate,
    /// Ask it to close.
    Close,
    /// Fill the work area.
    Maximize,
    /// Back to floating.
    Restore,
    /// Hide.
    Minimize,
    /// Fill the output.
    Fullscreen,
}

/// The answer to a request.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The windows asked for, in the order they were opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Vec<WindowReply>>,
    /// The bindings asked for: keys first, then buttons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindings: Option<Vec<BindingReply>>,
    /// The outputs asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<OutputReply>>,
}

/// A window as the control socket shows it. Rectangles are x, y, width, height.
#[derive(Debug, Serialize, Deserialize)]
pub struct WindowReply {
    /// Its id.
    pub id: WindowId,
    /// Its title.
    pub title: String,
    /// Its application's id.
    pub app_id: String,
    /// What its client draws.
    pub content: [i32; 4],
    /// With the compositor's frame, if it has one.
    pub frame: [i32; 4],
    /// How it fills its output.
    pub mode: String,
    /// Whether it has the keyboard.
    pub active: bool,
    /// Whether it is hidden.
    pub minimized: bool,
    /// The workspace that it is on, from 1.
    pub workspace: usize,
    /// Whether the compositor draws its frame.
    pub decorated: bool,
}

/// A binding as the control socket shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct BindingReply {
    /// What is pressed, as the configuration writes it.
    pub chord: String,
    /// Whether it is a pointer's.
    pub pointer: bool,
    /// The words of what it does.
    pub action: Vec<String>,
}

/// An output as the control socket shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct OutputReply {
    /// Its connector's name.
    pub name: String,
    /// x, y, width, height in logical pixels.
    pub rect: [i32; 4],
    /// Width and height in its own pixels.
    pub pixels: [i32; 2],
    /// Its scale.
    pub scale: f64,
    /// Its refresh rate in mHz.
    pub refresh: i32,
    /// What panels leave of it.
    pub work_area: [i32; 4],
    /// How many frames it has shown.
    pub frames: u64,
    /// Whether its power is on.
    pub lit: bool,
}
