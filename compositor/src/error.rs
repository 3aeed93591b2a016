//! What can go wrong outside any client: sockets, devices, files.

use std::{io, path::PathBuf};

/// An error that the compositor itself has to report or survive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event loop refused a source or failed to turn.
    #[error("event loop: {0}")]
    Loop(String),
    /// The Wayland display or its socket could not be made.
    #[error("wayland socket: {0}")]
    Socket(String),
    /// The keyboard map could not be compiled.
    #[error("keyboard: {0}")]
    Keyboard(String),
    /// The display card refused.
    #[error("display: {0}")]
    Display(String),
    /// A file operation failed.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Drawing failed.
    #[error(transparent)]
    Render(#[from] crate::render::RenderError),
}

impl<T> From<smithay::reexports::calloop::InsertError<T>> for Error {
    fn from(err: smithay::reexports::calloop::InsertError<T>) -> Self {
        Error::Loop(err.error.to_string())
    }
}

impl From<smithay::reexports::calloop::Error> for Error {
    fn from(err: smithay::reexports::calloop::Error) -> Self {
        Error::Loop(err.to_string())
    }
}
