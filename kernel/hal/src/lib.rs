//! All unsafe code of the kernel: the CPU, page tables, traps, frames, user-memory access, context
//! switch, interrupt controllers, clocks. Nothing but mechanism; what to do with it is the
//! kernel's, which this crate calls through [`upcalls::KernelUpcalls`].
#![no_std]

extern crate alloc;

pub mod addr;
pub mod boot;
pub mod context;
pub mod cpu;
pub mod frame;
pub mod irq;
pub mod log;
pub mod paging;
pub mod percpu;
pub mod port;
pub mod serial;
pub mod sync;
pub mod time;
pub mod uaccess;
pub mod upcalls;
pub mod user;
pub mod vdso;

pub use addr::{HUGE_SIZE, PAGE_SIZE, PhysAddr, USER_END, VirtAddr};
pub use percpu::PerCpu;
