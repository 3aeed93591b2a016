//! The kernel's binary: the kernel's policy on the hal's mechanism.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
ochre_hal::entry!(ochre_kernel::Kernel);

/// On a host the crate exists for its unit tests alone.
#[cfg(not(target_os = "none"))]
fn main() {}
