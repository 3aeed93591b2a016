//! Screenshot tests of the desktop, and of any app that runs on it.
//!
//! A [`Scene`] is a function that uses a [`Desk`] as a person would, and [`Desk::check`]s what is
//! to be seen against a picture that was approved before:
//!
//! ```no_run
//! use ochre_ui_tests::{Scene, runner};
//!
//! fn main() -> anyhow::Result<std::process::ExitCode> {
//!     let greeting = Scene::new("my app greets", |desk| {
//!         desk.open("my-app")?;
//!         desk.type_text("Ada\n")?;
//!         desk.check("greeting")
//!     });
//!     runner::main(&[greeting], env!("CARGO_MANIFEST_DIR"))
//! }
//! ```
//!
//! Each scene has a desktop of its own: the headless compositor, with a fixed theme, fonts and
//! clock, no animations, and settings that nobody else sees. Nothing sleeps: a check looks when every
//! program of the desktop has gone to sleep. The failed checks' pictures are put into a report, one
//! HTML file, and beside it; `--update` approves what is on screen.
//!
//! Scenes that only use keyboard, mouse and screen also run in a virtual machine ([`guest`]).
#![forbid(unsafe_code)]

pub mod compare;
pub mod control;
pub mod desk;
pub mod error;
pub mod golden;
pub mod guest;
pub mod host;
pub mod keys;
pub mod picture;
mod processes;
mod report;
pub mod runner;
pub mod scene;
pub mod scenes;

pub use compare::Tolerance;
pub use desk::Desk;
pub use error::Error;
pub use picture::Picture;
pub use scene::Scene;
