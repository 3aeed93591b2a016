//! Processes: running programs, waiting for them, who they are, what they may use.

pub mod exec;
pub mod identity;
pub mod shell;
pub mod spawn;
pub mod wait;
