//! Processes and threads: their life (clone, exec, exit, wait), their relations ([`tree`]), what
//! they may do ([`credentials`], [`limits`]), and what is done to them ([`signal`]).

pub mod calls;
pub mod clock;
mod clone;
pub mod cpu_clock;
pub mod credentials;
pub mod dump;
pub mod exec;
pub mod exit;
pub mod footprint;
pub mod futex;
pub mod holdings;
mod identity;
mod kcmp;
pub mod limits;
pub mod misc;
pub mod oom;
pub mod pidfd;
pub mod process;
pub mod resources;
mod run;
mod scheduling;
pub mod seccomp;
pub mod session;
pub mod shares;
pub mod signal;
pub mod thread;
pub mod timers;
mod timex;
pub mod trace;
pub mod transfers;
pub mod tree;
pub mod user_dispatch;
mod wait;

/// A process, thread, group or session number.
pub type Pid = u32;
