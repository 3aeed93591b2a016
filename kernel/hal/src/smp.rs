//! Starting the other CPUs (Intel SDM 3A, 9.4): INIT, then two start-up messages that name the page
//! of real-mode code below.
//!
//! CPUs are started one after the other; each takes its number, its stack and its blocks from
//! [`START`], says that it is up, and enters the kernel's `secondary` when all are.

use crate::addr::{PAGE_SIZE, PhysAddr};
use crate::cpu::{self, MAX_CPUS};
use crate::gdt::FaultStacks;
use crate::memory::{self, direct};
use crate::paging::kernel;
use crate::upcalls::upcalls;
use crate::{acpi, apic, context, fpu, gdt, local, log, time, traps};
use alloc::boxed::Box;
use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Page of low memory for the real-mode code.
pub const TRAMPOLINE: u64 = 0x8000;

static APIC_IDS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];

/// What the CPU being started needs.
struct Start {
    number: AtomicUsize,
    stacks: AtomicPtr<FaultStacks>,
    up: AtomicBool,
}

static START: Start = Start {
    number: AtomicUsize::new(0),
    stacks: AtomicPtr::new(core::ptr::null_mut()),
    up: AtomicBool::new(false),
};
/// All CPUs are up: those that wait go on.
static GO: AtomicBool = AtomicBool::new(false);

#[inline]
pub fn apic_id(cpu: usize) -> u32 {
    APIC_IDS[cpu].load(Ordering::Relaxed)
}

unsafe extern "C" {
    static ochre_trampoline: u8;
    static ochre_trampoline_end: u8;
    static ochre_trampoline_root: u8;
    static ochre_trampoline_stack: u8;
}

/// The trampoline's variable, in its copy in low memory.
fn variable(symbol: *const u8) -> *const AtomicU64 {
    let offset = symbol.addr() - (&raw const ochre_trampoline).addr();
    direct(TRAMPOLINE + offset as u64).cast()
}

/// Starts all CPUs that the firmware lists.
pub fn start_others() {
    APIC_IDS[0].store(apic::id(), Ordering::Relaxed);
    let listed = acpi::tables()
        .map(|t| t.cpus.as_slice())
        .unwrap_or_default();
    let others = listed
        .iter()
        .copied()
        .filter(|&id| id != apic::id())
        .take(MAX_CPUS - 1);
    let limit = if memory::is_ram(PhysAddr(TRAMPOLINE)) {
        crate::boot::max_cpus()
    } else {
        log!("no RAM for the other CPUs' first code: going on with one");
        1
    };
    let mut count = 1;
    let mut prepared = false;
    for id in others {
        if count >= limit {
            break;
        }
        if !prepared {
            prepare();
            prepared = true;
        }
        if start_one(count, id) {
            count += 1;
        } else {
            log!("CPU with APIC ID {id} does not start");
            // It might still come up and use what was laid out for it: no further attempts.
            break;
        }
    }
    if prepared {
        kernel::unmap_trampoline(TRAMPOLINE);
    }
    cpu::set_count(count);
}

/// Lets the other CPUs into the kernel.
pub fn release_others() {
    GO.store(true, Ordering::Release);
}

fn prepare() {
    let code = &raw const ochre_trampoline;
    let len = (&raw const ochre_trampoline_end).addr() - code.addr();
    assert!(len <= PAGE_SIZE);
    // SAFETY: low memory is kept out of the allocator; the page is RAM in every PC.
    unsafe {
        direct(TRAMPOLINE).copy_from_nonoverlapping(code, len);
        kernel::map_trampoline(TRAMPOLINE).expect("boot has memory for page tables");
        // SAFETY (both): the variables lie inside the copy, aligned to 8 bytes.
        (*variable(&raw const ochre_trampoline_root)).store(kernel::root(), Ordering::Relaxed);
    }
}

fn start_one(number: usize, id: u32) -> bool {
    let Ok(stack) = context::idle_stack() else {
        return false;
    };
    let stacks = Box::into_raw(Box::new(FaultStacks::new()));
    START.number.store(number, Ordering::Relaxed);
    START.stacks.store(stacks, Ordering::Relaxed);
    START.up.store(false, Ordering::Relaxed);
    APIC_IDS[number].store(id, Ordering::Relaxed);
    // SAFETY: as in `prepare`.
    unsafe { &*variable(&raw const ochre_trampoline_stack) }.store(stack as u64, Ordering::Release);
    apic::send_init(id);
    // The SDM asks for 10 ms, which emulators and CPUs of the last 15 years don't need.
    time::spin_nanos(200_000);
    for patience in [1_000_000, 200_000_000] {
        apic::send_startup(id, (TRAMPOLINE >> 12) as u8);
        let start = time::now();
        while time::now() - start < patience {
            if START.up.load(Ordering::Acquire) {
                return true;
            }
            core::hint::spin_loop();
        }
    }
    false
}

/// The first Rust code of another CPU, on its idle context's stack.
extern "C" fn secondary() -> ! {
    let number = START.number.load(Ordering::Relaxed);
    // SAFETY: this CPU's number, stack and fault stacks are its own: CPUs start one at a time.
    unsafe {
        local::install(number);
        gdt::init(START.stacks.load(Ordering::Relaxed));
    }
    init_cpu();
    apic::init_cpu();
    context::adopt_idle();
    START.up.store(true, Ordering::Release);
    while !GO.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    (upcalls().secondary)()
}

/// What each CPU sets up for itself, given its block and segments.
pub fn init_cpu() {
    traps::init_cpu();
    cpu::init_cpu();
    kernel::init_cpu();
    fpu::init_cpu();
}

// Real mode at TRAMPOLINE:0. Straight to long mode: protection, PAE, LME, NX and paging at once.
global_asm!(
    r#"
    .section .rodata.trampoline, "a"
    .balign 16
    .globl ochre_trampoline
    ochre_trampoline:
    // Where things lie in the copy.
    .set trampoline_root_at, {BASE} + ochre_trampoline_root - ochre_trampoline
    .set trampoline_gdt_at, {BASE} + trampoline_gdt - ochre_trampoline
    .set trampoline_pointer_at, {BASE} + trampoline_pointer - ochre_trampoline
    .set trampoline_long_at, {BASE} + trampoline_long - ochre_trampoline
    .code16
        cli
        cld
        xor ax, ax
        mov ds, ax
        mov eax, 0xa0
        mov cr4, eax
        mov eax, dword ptr [trampoline_root_at]
        mov cr3, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x901
        wrmsr
        mov eax, 0x80010033
        mov cr0, eax
        lgdt [trampoline_pointer_at]
        .byte 0x66, 0xea
        .long trampoline_long_at
        .word 0x10
    .code64
    trampoline_long:
        mov ax, 0x18
        mov ds, ax
        mov es, ax
        mov ss, ax
        xor eax, eax
        mov fs, ax
        mov gs, ax
        mov rsp, [rip + ochre_trampoline_stack]
        movabs rax, offset {secondary}
        push 0
        jmp rax
    .balign 8
    trampoline_gdt:
        .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
    trampoline_pointer:
        .word 31
        .long trampoline_gdt_at
    .balign 8
    .globl ochre_trampoline_root
    ochre_trampoline_root:
        .quad 0
    .globl ochre_trampoline_stack
    ochre_trampoline_stack:
        .quad 0
    .globl ochre_trampoline_end
    ochre_trampoline_end:
    "#,
    BASE = const TRAMPOLINE,
    secondary = sym secondary,
);
