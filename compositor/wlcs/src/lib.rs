//! What WLCS, the Wayland conformance test suite, loads to test the compositor: a module that runs
//! one for each test, headless, on a thread of its own.
//!
//! - [`abi`]: WLCS's structs, as its C headers have them.
//! - [`module`]: the functions behind them. All that is unsafe is there.
//! - [`desk`]: a compositor on its thread, and what a test does to it.
//!
//! `./x test wlcs` runs it.

#![deny(unsafe_code)] // its one exception is `module`, which is called from C++

mod abi;
mod desk;
mod module;
