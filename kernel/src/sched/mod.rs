//! Who runs where. Each CPU has a run queue; a thread that becomes ready is queued on the CPU that
//! woke it, and an idle CPU takes it over if that CPU does not get to it at once (see
//! [`placement`]). Sleeping is always on a condition ([`wait`]); time is [`timer`].

pub mod account;
pub mod cpu;
pub mod entity;
pub mod lend;
pub mod loadavg;
pub mod mutex;
pub mod placement;
mod queue;
pub mod timer;
pub mod wait;

pub use cpu::{current, idle_loop, yield_now};

/// How long equal threads run in turn, in nanoseconds: fair ones, and those of SCHED_RR.
pub use queue::{QUANTUM, SLICE};
