//! All unsafe code of the kernel.
