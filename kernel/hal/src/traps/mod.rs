//! Traps: what interrupts user code or the kernel, and the table of who handles it.
//!
//! The kernel runs with interrupts off, so in kernel mode only three things arrive: interrupts in
//! the idle loop and at poll points, faults of user-memory access ([`uaccess`]), and bugs.

mod entry;
mod idt;

pub use entry::{SYSCALL, enter_user};

use crate::cpu::Features;
use crate::gdt::{KERNEL_CS, SYSRET_BASE};
use crate::irq::{self, Vector};
use crate::paging::{kernel, tlb};
use crate::upcalls::upcalls;
use crate::user::UserRegs;
use crate::x86::{self, msr, rflags};
use crate::{apic, context, cpu, panic, time, uaccess};

/// Vectors by number.
pub mod vector {
    pub const DEBUG: u8 = 1;
    pub const NMI: u8 = 2;
    pub const BREAKPOINT: u8 = 3;
    pub const OVERFLOW: u8 = 4;
    pub const DOUBLE_FAULT: u8 = 8;
    pub const GENERAL_PROTECTION: u8 = 13;
    pub const PAGE_FAULT: u8 = 14;
    pub const MACHINE_CHECK: u8 = 18;
    pub const FIRST_INTERRUPT: u8 = 0x20;
    pub const FIRST_DEVICE: u8 = 0x30;
    pub const LAST_DEVICE: u8 = 0xdf;
    pub const SERIAL: u8 = 0xe0;
    pub const TIMER: u8 = 0xf0;
    pub const KICK: u8 = 0xf1;
    pub const SHOOTDOWN: u8 = 0xf2;
    pub const SPURIOUS: u8 = 0xff;
}

/// Fills the table of handlers.
///
/// # Safety
/// Called once, by the boot CPU, before interrupts or other CPUs.
pub unsafe fn init() {
    // SAFETY: by the caller's promise.
    unsafe { idt::fill() };
}

/// Sets this CPU's ways into the kernel.
pub fn init_cpu() {
    idt::load();
    let star = u64::from(SYSRET_BASE) << 48 | u64::from(KERNEL_CS) << 32;
    // SAFETY: `syscall` enters at our entry with the flags cleared that the kernel relies on.
    unsafe {
        x86::wrmsr(msr::EFER, x86::rdmsr(msr::EFER) | 1);
        x86::wrmsr(msr::STAR, star);
        x86::wrmsr(msr::LSTAR, entry::ochre_syscall_entry as *const () as u64);
        x86::wrmsr(msr::SFMASK, rflags::SYSCALL_MASK);
    }
}

/// Serves an interrupt; false if it was the hal's own affair. `kernel`: it waited for the kernel to
/// be done, or came at a poll point.
pub fn interrupt(number: u8, kernel: bool) -> bool {
    irq::count(Vector(number));
    match number {
        vector::SHOOTDOWN => {
            apic::end_of_interrupt();
            tlb::serve();
            return false;
        }
        vector::KICK => {
            apic::end_of_interrupt();
            (upcalls().kick)();
        }
        vector::TIMER => {
            apic::end_of_interrupt();
            if !time::deadline_passed() {
                return false;
            }
            (upcalls().timer)(kernel);
        }
        vector::SERIAL => {
            apic::end_of_interrupt();
            crate::serial::interrupt();
        }
        vector::FIRST_DEVICE..=vector::LAST_DEVICE => {
            irq::before_end(Vector(number));
            apic::end_of_interrupt();
            (upcalls().interrupt)(Vector(number));
        }
        _ => return false,
    }
    true
}

/// A trap in kernel mode.
extern "C" fn kernel_trap(number: usize, regs: &mut UserRegs) {
    if cpu::features().contains(Features::SMAP) {
        uaccess::close();
    }
    let number = number as u8;
    if number >= vector::FIRST_INTERRUPT {
        interrupt(number, true);
        return;
    }
    let error = regs.orig_rax;
    if number == vector::PAGE_FAULT {
        let address = x86::read_cr2() as usize;
        if uaccess::handle_fault(regs, address, error & 2 != 0) {
            return;
        }
        let what = if kernel::is_stack_guard(address, context::STACK_SIZE) {
            "kernel stack overflow"
        } else if error & 2 != 0 {
            "kernel page fault writing"
        } else {
            "kernel page fault reading"
        };
        panic::trap(regs, format_args!("{what} {address:#x}"));
    }
    if uaccess::fail(regs) {
        return;
    }
    panic::trap(
        regs,
        format_args!("exception {number} in the kernel, error {error:#x}"),
    );
}

/// A trap that may come anywhere, on its own stack.
extern "C" fn paranoid_trap(number: usize, regs: &mut UserRegs) {
    match number as u8 {
        // What user code met on its way in is for nobody.
        vector::DEBUG => {}
        // The one use of NMIs is to stop CPUs while another one panics; others are noise.
        vector::NMI => panic::stop_if_panicking(),
        vector::DOUBLE_FAULT => {
            let address = x86::read_cr2() as usize;
            if kernel::is_stack_guard(address, context::STACK_SIZE) {
                panic::trap(regs, format_args!("kernel stack overflow at {address:#x}"));
            }
            panic::trap(regs, format_args!("double fault, cr2 {address:#x}"));
        }
        _ => panic::trap(regs, format_args!("machine check")),
    }
}
