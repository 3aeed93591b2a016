//! The interrupt descriptor table: one for all CPUs, all gates closing interrupts.

use super::{entry, vector};
use crate::gdt::{IST_DEBUG, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_NMI, KERNEL_CS};
use core::arch::asm;
use core::cell::UnsafeCell;

const GATES: usize = 256;
const STUB_SIZE: usize = 16;

struct Table(UnsafeCell<[[u64; 2]; GATES]>);

// SAFETY: written once, by the boot CPU before any other runs, then only read by CPUs.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([[0; 2]; GATES]));

/// An interrupt gate (Intel SDM 3A, 6.14.1).
fn gate(handler: usize, stack: usize, user: bool) -> [u64; 2] {
    let handler = handler as u64;
    let privilege = if user { 3 } else { 0 };
    let attributes = 0x8e00 | privilege << 13;
    [
        handler & 0xffff
            | u64::from(KERNEL_CS) << 16
            | (stack as u64) << 32
            | attributes << 32
            | (handler >> 16 & 0xffff) << 48,
        handler >> 32,
    ]
}

/// Fills the table.
///
/// # Safety
/// Called once, by the boot CPU, before interrupts or other CPUs.
pub unsafe fn fill() {
    let stubs = (&raw const entry::ochre_trap_stubs).addr();
    // SAFETY: nobody uses the table yet.
    let table = unsafe { &mut *TABLE.0.get() };
    for (number, slot) in table.iter_mut().enumerate() {
        let user = matches!(number as u8, vector::BREAKPOINT | vector::OVERFLOW);
        *slot = gate(stubs + number * STUB_SIZE, 0, user);
    }
    let own_stack: [(u8, unsafe extern "C" fn(), usize); 4] = [
        (vector::DEBUG, entry::ochre_debug_entry, IST_DEBUG),
        (vector::NMI, entry::ochre_nmi_entry, IST_NMI),
        (
            vector::DOUBLE_FAULT,
            entry::ochre_double_fault_entry,
            IST_DOUBLE_FAULT,
        ),
        (
            vector::MACHINE_CHECK,
            entry::ochre_machine_check_entry,
            IST_MACHINE_CHECK,
        ),
    ];
    for (number, handler, stack) in own_stack {
        table[usize::from(number)] = gate(handler as usize, stack, false);
    }
}

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Makes this CPU use the table.
pub fn load() {
    let pointer = Pointer {
        limit: (GATES * 16 - 1) as u16,
        base: TABLE.0.get().addr() as u64,
    };
    // SAFETY: the table is static and was filled by `fill`.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack)) };
}
