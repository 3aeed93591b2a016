//! Ochre's microkernel: address spaces, threads, IPC, capabilities and the caches of what servers
//! hold. Policy only, in safe Rust; all mechanism that needs `unsafe` is in `ochre-hal`.
//!
//! How it runs: kernel code is never interrupted (interrupts are off); a user thread's kernel half
//! is the loop in [`task::run`](crate::task), and everything else is called from there, from the
//! idle loop, or from the timer.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod boot;
pub mod errno;
pub mod file;
pub mod fs;
pub mod ipc;
pub mod lock_order;
pub mod mm;
pub mod population;
pub mod random;
pub mod sched;
pub mod scheme;
pub mod syscall;
pub mod task;
pub mod time;
pub mod uio;

pub use boot::Kernel;

/// Linux's numbers, structs and flags.
pub use linux_raw_sys as linux;
