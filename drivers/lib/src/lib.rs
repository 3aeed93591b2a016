//! What drivers and servers share: the loop that serves a scheme ([`serve`]), the single-threaded
//! executor its handlers run on ([`executor`]), and the capabilities that a driver is handed
//! ([`capability`]).
//!
//! A driver is a process that implements [`Scheme`] and calls [`serve`]. Each request runs as a
//! future of its own, so a handler that waits for its device never holds up another client.
//! Everything is on one thread: a driver's state needs no locks.

pub mod capability;
pub mod executor;
pub mod ioctl;
pub mod native;
pub mod pci;
mod ring;
pub mod scheme;
mod server;

pub use scheme::{Caller, Mapping, Opened, Scheme};
pub use server::{Levels, Server, serve};

/// Linux's error numbers, which every handler answers with.
pub use rustix::io::Errno;

/// What a handler returns.
pub type Result<T, E = Errno> = std::result::Result<T, E>;
