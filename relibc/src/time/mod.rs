//! Time: the clocks.

pub mod clock;
pub mod timer;
pub mod vdso;
