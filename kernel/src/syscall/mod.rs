//! From a trap to the code that answers: the dispatch of system calls.

pub mod table;

pub use table::{SyscallCtx, dispatch};
