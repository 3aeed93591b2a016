//! The microkernel: policy in safe Rust.
