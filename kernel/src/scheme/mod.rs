//! Schemes: objects that user-space servers answer for.
//!
//! The reading order: [`life`] is one server's attachment, with the calls in flight on its
//! [`ring`]; [`instance`] is the scheme itself, which outlives servers; [`node`] and [`file`] are
//! what clients hold; [`ioctl`] moves arguments; [`server`] is the server's descriptor and
//! [`control`] the supervisor's; [`machine`] and what follows it are the capabilities that drivers
//! are handed; [`calls`] are the native system calls.
//!
//! A client's call: take a slot, put the request and its small data into the ring, wake the server,
//! sleep; the server's next [`SCHEME_ENTER`](ochre_abi::native::SCHEME_ENTER) delivers the answer.
//! Everything a server writes is read once, by copy, and checked: a hostile server can only lie to
//! its own clients.

pub mod calls;
pub mod control;
pub mod dma;
pub mod file;
pub mod framebuffer;
pub mod instance;
pub mod interrupt;
pub mod ioctl;
pub mod life;
pub mod machine;
pub mod node;
pub mod physical;
pub mod ports;
pub mod ring;
pub mod server;

pub use calls::dispatch;
