//! The user's choices for the desktop: `compositor.toml` (docs/compositor.md has one with everything).
//!
//! - [`file`]: from text to a [`Config`], or to the mistake in it.
//! - [`reader`]: one table of it, and where what is wrong stands.
//! - [`night`]: when the night light is on.
//! - [`live`]: reading it again when it changes, and what follows.
//!
//! A file is taken whole or not at all: with a mistake in it everything stays as it was before.

mod file;
mod live;
mod night;
mod reader;

use std::path::PathBuf;

use smithay::utils::Transform;

pub(crate) use live::{ConfigFile, xkb_config};
pub use night::NightLight;

use crate::input::Bindings;

/// The file's name, in the user's `ochre` directory.
pub const NAME: &str = "compositor.toml";

/// Everything that can be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The keyboard.
    pub keyboard: Keyboard,
    /// Mice.
    pub mouse: Pointing,
    /// Touchpads.
    pub touchpad: Pointing,
    /// The night light, if there is to be one.
    pub night_light: Option<NightLight>,
    /// Whether windows move in and out, where the theme does not reduce motion.
    pub animations: bool,
    /// Whether the card shows the pointer, where it can, and it isn't drawn.
    pub pointer_by_card: bool,
    /// Displays by name.
    pub outputs: Vec<(String, OutputChoice)>,
    /// Keys and buttons.
    pub bindings: Bindings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keyboard: Keyboard::default(),
            mouse: Pointing::default(),
            touchpad: Pointing {
                natural_scroll: true,
                ..Pointing::default()
            },
            night_light: None,
            animations: true,
            pointer_by_card: true,
            outputs: Vec::new(),
            bindings: Bindings::default(),
        }
    }
}

impl Config {
    /// What is chosen for the display of this name.
    pub(crate) fn output(&self, name: &str) -> OutputChoice {
        let mut outputs = self.outputs.iter();
        let chosen = outputs.find(|(other, _)| other == name);
        chosen.map_or(OutputChoice::default(), |(_, chosen)| *chosen)
    }
}

/// The keyboard's choices; names are xkb's.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyboard {
    /// Layouts, comma-separated (`us`, `de,us`).
    pub layout: String,
    /// Variants of the layouts, comma-separated.
    pub variant: String,
    /// Options, comma-separated (`caps:escape`).
    pub options: String,
    /// Repeated characters a second; 0: none.
    pub repeat_rate: i32,
    /// Milliseconds before they start.
    pub repeat_delay: i32,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self {
            layout: "us".into(),
            variant: String::new(),
            options: String::new(),
            repeat_rate: 30,
            repeat_delay: 350,
        }
    }
}

/// How a kind of pointing device behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pointing {
    /// -1 (slow) to 1 (fast).
    pub speed: f64,
    /// Fast hands go further for their way.
    pub accelerated: bool,
    /// Content follows the fingers.
    pub natural_scroll: bool,
    /// A touchpad's tap is a click.
    pub tap: bool,
}

impl Default for Pointing {
    fn default() -> Self {
        Self {
            speed: 0.0,
            accelerated: true,
            natural_scroll: false,
            tap: true,
        }
    }
}

/// What is chosen for a display; what is not stays as it comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputChoice {
    /// Whether it shows anything.
    pub on: bool,
    /// Its size in pixels, and its refresh rate in mHz.
    pub mode: Option<((i32, i32), Option<i32>)>,
    /// Its scale.
    pub scale: Option<f64>,
    /// How it is turned.
    pub transform: Option<Transform>,
    /// Where it is among the others, in logical pixels.
    pub position: Option<(i32, i32)>,
}

impl Default for OutputChoice {
    fn default() -> Self {
        Self {
            on: true,
            mode: None,
            scale: None,
            transform: None,
            position: None,
        }
    }
}

/// A mistake in the file: where, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}\n  fix: {fix}", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// Counted from 1, as editors do.
    pub line: usize,
    /// Likewise.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}
