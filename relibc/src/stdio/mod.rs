//! `stdio.h`: streams over descriptors, and formatted text.

pub mod format;
pub mod lines;
pub mod open;
pub mod position;
pub mod print;
pub mod process;
pub mod scan;
pub mod stream;
pub mod transfer;

pub use stream::{flush_all, lock_all, unlock_all};
