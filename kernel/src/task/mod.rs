//! Processes and threads: their life (clone, exec, exit, wait), their relations ([`tree`]), what
//! they may do ([`credentials`], [`limits`]), and what is done to them ([`signal`]).

pub mod calls;
pub mod credentials;
pub mod exit;
pub mod futex;
pub mod limits;
pub mod process;
mod run;
pub mod session;
pub mod signal;
pub mod thread;
pub mod timers;
pub mod tree;

/// A process, thread, group or session number.
pub type Pid = u32;
