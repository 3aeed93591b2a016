//! The hal's tests, run on the machine itself (`qemu -kernel`): user mode, faults, user-memory
//! access, contexts, several CPUs. Ends QEMU by its debug exit: status 33 when all passed.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod code;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod processors;
#[cfg(target_os = "none")]
mod user;

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
ochre_hal::entry!(kernel::Kernel);
