//! All unsafe code of the kernel: the CPU, page tables, traps, frames, user-memory access, context
//! switch, interrupt controllers, clocks. Nothing but mechanism; what to do with it is the
//! kernel's, which this crate calls through [`upcalls::KernelUpcalls`].
//!
//! In the order of the boot: [`boot`] (entries and set-up), [`memory`], [`paging`], [`frame`] and
//! the heap, [`traps`], [`context`] and [`user`], then clocks, interrupts and the other CPUs.
//!
//! The rule that carries most SAFETY comments: kernel code runs with interrupts off and is never
//! preempted, so what belongs to one CPU is touched by one piece of code at a time.
#![no_std]

extern crate alloc;

mod acpi;
pub mod addr;
pub mod admission;
mod apic;
pub mod boot;
pub mod context;
pub mod cpu;
mod debug;
mod fpu;
pub mod frame;
mod gdt;
pub mod heap;
pub mod irq;
mod local;
pub mod log;
mod mem;
mod memory;
pub mod paging;
mod panic;
pub mod percpu;
pub mod port;
mod rank;
mod screen;
pub mod serial;
mod smp;
pub mod sync;
pub mod time;
mod traps;
pub mod uaccess;
pub mod upcalls;
pub mod user;
pub mod vdso;
mod x86;

pub use addr::{HUGE_SIZE, PAGE_SIZE, PhysAddr, USER_END, VirtAddr};
pub use percpu::PerCpu;

/// The kernel's allocator; on a host, where unit tests run, the host's own serves.
#[cfg_attr(target_os = "none", global_allocator)]
pub static HEAP: heap::Heap = heap::Heap;
