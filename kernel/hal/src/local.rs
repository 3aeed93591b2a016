//! What each CPU keeps for itself: found through the GS base, laid out for the assembly.
//!
//! Plain `Cell`s are touched by their own CPU only (kernel code is never interrupted, so no access
//! overlaps another); what other CPUs touch is atomic.

use crate::context::Context;
use crate::cpu::MAX_CPUS;
use crate::fpu::FpuState;
use crate::paging::Root;
use crate::x86;
use core::arch::asm;
use core::cell::Cell;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64};

/// Hardware task state (Intel SDM 3A, 8.7): only the stack pointers matter in 64-bit mode.
#[repr(C, packed(4))]
#[derive(Clone, Copy)]
pub struct Tss {
    reserved0: u32,
    pub rsp: [u64; 3],
    reserved1: u64,
    pub ist: [u64; 7],
    reserved2: u64,
    reserved3: u16,
    pub io_map_base: u16,
}

#[repr(C, align(128))]
pub struct CpuLocal {
    /// Address of this struct, so that one load makes a pointer of the GS base.
    this: Cell<*const CpuLocal>,
    /// Holds the user's rsp for the first instructions of a system call.
    scratch: Cell<usize>,
    /// The kernel's rsp while user code runs: where the saved registers of `enter_user` are.
    kernel_rsp: Cell<usize>,
    id: Cell<usize>,
    /// Makes `tss.rsp[0]` 8-byte aligned.
    _pad: u32,
    pub tss: Cell<Tss>,
    pub gdt: Cell<[u64; 10]>,
    pub apic_id: Cell<u32>,

    /// The running context, as a raw `Arc`.
    pub context: Cell<*const Context>,
    /// The context that was just left, until the next one has let go of it.
    pub previous: Cell<*const Context>,
    pub idle: Cell<*const Context>,

    /// The state whose newest form is in the FPU's registers; null: memory is as new.
    pub fpu_live: Cell<*mut FpuState>,
    /// The state that was in the FPU's registers last, saved or not.
    pub fpu_loaded: Cell<*mut FpuState>,

    /// The active user space; null: the kernel's own table.
    pub root: Cell<*const Root>,
    /// CPUs whose shootdown request waits for this one.
    pub shootdowns: AtomicU64,
    /// In the idle loop: TLB flushes may be left for later, in `flush_late`.
    pub idling: AtomicBool,
    pub flush_late: AtomicBool,
    pub online: AtomicBool,

    /// Faults on user memory end the access: it is made under a spinlock.
    pub no_paging: Cell<bool>,
    /// Ranks of the spinlocks held, for the check of their order.
    pub held_ranks: Cell<[u64; 4]>,
    /// When `KernelUpcalls::timer` is to be called; `u64::MAX`: never.
    pub deadline: Cell<u64>,
    /// Feeds `cpu::random_u64` where the CPU has no generator.
    pub jitter: Cell<u64>,
}

// SAFETY: see the module's rule: each `Cell` is touched by its own CPU only.
unsafe impl Sync for CpuLocal {}

impl CpuLocal {
    const fn new() -> CpuLocal {
        CpuLocal {
            this: Cell::new(ptr::null()),
            scratch: Cell::new(0),
            kernel_rsp: Cell::new(0),
            id: Cell::new(0),
            _pad: 0,
            tss: Cell::new(Tss {
                reserved0: 0,
                rsp: [0; 3],
                reserved1: 0,
                ist: [0; 7],
                reserved2: 0,
                reserved3: 0,
                io_map_base: size_of::<Tss>() as u16,
            }),
            gdt: Cell::new([0; 10]),
            apic_id: Cell::new(0),
            context: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
            idle: Cell::new(ptr::null()),
            fpu_live: Cell::new(ptr::null_mut()),
            fpu_loaded: Cell::new(ptr::null_mut()),
            root: Cell::new(ptr::null()),
            shootdowns: AtomicU64::new(0),
            idling: AtomicBool::new(false),
            flush_late: AtomicBool::new(false),
            online: AtomicBool::new(false),
            no_paging: Cell::new(false),
            held_ranks: Cell::new([0; 4]),
            deadline: Cell::new(u64::MAX),
            jitter: Cell::new(0),
        }
    }

    #[inline]
    pub fn id(&self) -> usize {
        self.id.get()
    }
}

static LOCALS: [CpuLocal; MAX_CPUS] = [const { CpuLocal::new() }; MAX_CPUS];

/// Offsets for the assembly.
pub const SCRATCH: usize = offset_of!(CpuLocal, scratch);
pub const KERNEL_RSP: usize = offset_of!(CpuLocal, kernel_rsp);
pub const RSP0: usize = offset_of!(CpuLocal, tss) + offset_of!(Tss, rsp);
const ID: usize = offset_of!(CpuLocal, id);

/// This CPU's own.
#[inline]
#[must_use]
pub fn this() -> &'static CpuLocal {
    let pointer: *const CpuLocal;
    // SAFETY: `install` set the GS base to a static CpuLocal before anything else ran on this
    // CPU, and its first word is its own address. In the kernel the base is always the kernel's.
    unsafe {
        asm!("mov {}, gs:[0]", out(reg) pointer, options(pure, readonly, nostack, preserves_flags));
        &*pointer
    }
}

#[inline]
#[must_use]
pub fn id() -> usize {
    let id: usize;
    // SAFETY: as in `this`.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) id, const ID,
            options(pure, readonly, nostack, preserves_flags));
    }
    id
}

/// Another CPU's; its `Cell`s are not to be touched.
#[must_use]
pub fn of(cpu: usize) -> &'static CpuLocal {
    &LOCALS[cpu]
}

/// Makes CPU `id`'s block this CPU's.
///
/// # Safety
/// Called once for each id, by the CPU that it names, before any other use of this module there.
pub unsafe fn install(id: usize) {
    let local = &LOCALS[id];
    local.this.set(local);
    local.id.set(id);
    // SAFETY: the register exists in 64-bit mode; the block is static.
    unsafe {
        x86::wrmsr(x86::msr::GS_BASE, ptr::from_ref(local) as u64);
        x86::wrmsr(x86::msr::KERNEL_GS_BASE, 0);
    }
}
