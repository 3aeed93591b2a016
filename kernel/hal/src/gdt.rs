//! Segments and the task state of each CPU. The selectors are Linux's, as user code sees them in
//! signal frames.

use crate::local;
use core::arch::asm;
use core::cell::UnsafeCell;

pub const KERNEL_CS: u16 = 0x10;
pub const KERNEL_DS: u16 = 0x18;
/// `sysret` takes SS from here + 8 and CS from here + 16.
pub const SYSRET_BASE: u16 = 0x23;
pub const USER_DS: u16 = 0x2b;
pub const USER_CS: u16 = 0x33;
const TSS: u16 = 0x40;

/// Interrupt stack table slots (numbered from 1 in a gate).
pub const IST_DOUBLE_FAULT: usize = 1;
pub const IST_NMI: usize = 2;
pub const IST_MACHINE_CHECK: usize = 3;
pub const IST_DEBUG: usize = 4;

const IST_STACK: usize = 8192;

/// The stacks of faults that can't trust the current one; each CPU has a set of its own.
#[repr(C, align(16))]
pub struct FaultStacks([[u8; IST_STACK]; 4]);

struct BootStacks(UnsafeCell<FaultStacks>);

// SAFETY: only the boot CPU ever uses it, by the address in its task state.
unsafe impl Sync for BootStacks {}

static BOOT_STACKS: BootStacks = BootStacks(UnsafeCell::new(FaultStacks::new()));

impl FaultStacks {
    pub const fn new() -> FaultStacks {
        FaultStacks([[0; IST_STACK]; 4])
    }

    pub fn boot() -> *mut FaultStacks {
        BOOT_STACKS.0.get()
    }
}

const CODE64: u64 = 0x00af_9b00_0000_ffff;
const DATA: u64 = 0x00cf_9300_0000_ffff;
const USER_CODE64: u64 = 0x00af_fb00_0000_ffff;
const USER_DATA: u64 = 0x00cf_f300_0000_ffff;

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Loads this CPU's descriptor table, segments and task register.
///
/// # Safety
/// `stacks` is this CPU's own from now on.
pub unsafe fn init(stacks: *mut FaultStacks) {
    let local = local::this();
    let mut tss = local.tss.get();
    let stacks = stacks as usize;
    let numbers = [IST_DOUBLE_FAULT, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG];
    for (slot, number) in numbers.into_iter().enumerate() {
        let top = stacks + (slot + 1) * IST_STACK - 16;
        // The paranoid entry finds the CPU's block at the top of its stack, whatever GS holds.
        // SAFETY: the word lies in this CPU's own stack block, which nothing runs on yet.
        unsafe { (top as *mut *const local::CpuLocal).write(local) };
        tss.ist[number - 1] = top as u64;
    }
    local.tss.set(tss);
    let tss_base = local.tss.as_ptr() as u64;
    let tss_limit = size_of::<local::Tss>() as u64 - 1;
    let tss_low =
        tss_limit | (tss_base & 0xff_ffff) << 16 | 0x89 << 40 | (tss_base >> 24 & 0xff) << 56;
    local.gdt.set([
        0,
        0,
        CODE64,
        DATA,
        USER_CODE64,
        USER_DATA,
        USER_CODE64,
        0,
        tss_low,
        tss_base >> 32,
    ]);
    let pointer = Pointer {
        limit: 10 * 8 - 1,
        base: local.gdt.as_ptr() as u64,
    };
    // SAFETY: the table is static and holds the descriptors that the selectors name. Loading
    // FS and GS selectors would clear their bases, so they are left alone.
    unsafe {
        asm!(
            "lgdt [{pointer}]",
            "push {cs}",
            "lea {tmp}, [rip + 2f]",
            "push {tmp}",
            "retfq",
            "2:",
            "mov ds, {ds:e}",
            "mov es, {ds:e}",
            "mov ss, {ds:e}",
            "ltr {tss:x}",
            pointer = in(reg) &raw const pointer,
            cs = const KERNEL_CS as u64,
            ds = in(reg) u64::from(KERNEL_DS),
            tss = in(reg) u64::from(TSS),
            tmp = out(reg) _,
        );
    }
}
