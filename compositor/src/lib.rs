//! Ochre's Wayland compositor: Smithay's protocol handling, an own software renderer, own backends.
//!
//! Read it in the order a frame takes:
//!
//! - [`state`]: `Compositor`, the one value that everything mutates, and how its event loop turns.
//! - [`handlers`]: what clients say, one file a protocol family.
//! - [`shell`]: windows as people see them: stacking, focus, placement, move and resize, Alt-Tab.
//! - [`config`]: what its user chose, read again whenever it changes.
//! - [`input`]: what hands say: one [`input::InputEvent`] for evdev, nested and injected input.
//! - [`output`]: when a frame is due, and what follows it.
//! - [`render`]: what a frame consists of, and the pixels.
//! - [`backend`]: where frames go: a display card, a window of a host desktop, or memory.
//! - [`control`]: the JSON socket for scripts and tests.
//!
//! The core never knows which backend runs; all of them give it input events and take frames.
//! A client is never trusted: what it can get wrong ends in a protocol error of its own.

#![deny(unsafe_code)] // its exceptions are `render::shm` and `render::mapping`, which read clients' memory

mod arrangement;
pub mod backend;
pub mod clients;
pub mod clock;
pub mod config;
pub mod control;
pub mod error;
pub mod handlers;
pub mod input;
mod listening;
pub mod output;
pub mod render;
pub mod session;
pub mod shell;
pub mod state;

pub use error::Error;
pub use state::Compositor;
