//! Each CPU's local APIC: interrupts between CPUs, the end of interrupts, the one-shot timer.
//! Through memory (xAPIC) or, where the CPU has it, registers (x2APIC).

use crate::cpu::{self, CpuId, Features};
use crate::local;
use crate::sync::Once;
use crate::traps::vector;
use crate::x86::{self, msr};
use core::sync::atomic::{AtomicBool, Ordering};

const ID: u32 = 0x20;
const END_OF_INTERRUPT: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
const COMMAND: u32 = 0x300;
const COMMAND_HIGH: u32 = 0x310;
const LVT_TIMER: u32 = 0x320;
const LVT_LINT0: u32 = 0x350;
const LVT_LINT1: u32 = 0x360;
const LVT_ERROR: u32 = 0x370;
const TIMER_INITIAL: u32 = 0x380;
const TIMER_CURRENT: u32 = 0x390;
const TIMER_DIVIDE: u32 = 0x3e0;
const TASK_PRIORITY: u32 = 0x80;

const MASKED: u32 = 1 << 16;
const DELIVER_NMI: u32 = 4 << 8;
const DELIVER_INIT: u32 = 5 << 8;
const DELIVER_STARTUP: u32 = 6 << 8;
const ASSERT: u32 = 1 << 14;
const PENDING: u32 = 1 << 12;
const ALL_OTHERS: u32 = 3 << 18;
const TSC_DEADLINE_MODE: u32 = 2 << 17;
const X2APIC_BASE: u32 = 0x800;

#[derive(Clone, Copy)]
enum Access {
    Memory(usize),
    Registers,
}

static ACCESS: Once<Access> = Once::new();
static TSC_DEADLINE: AtomicBool = AtomicBool::new(false);

#[inline]
fn access() -> Access {
    *ACCESS.get().expect("the APIC is set up before interrupts")
}

fn read(register: u32) -> u32 {
    match access() {
        // SAFETY: the page of registers is mapped for good.
        Access::Memory(base) => unsafe {
            ((base + register as usize) as *const u32).read_volatile()
        },
        // SAFETY: x2APIC is on.
        Access::Registers => unsafe { x86::rdmsr(X2APIC_BASE + (register >> 4)) as u32 },
    }
}

#[inline]
fn write(register: u32, value: u32) {
    match access() {
        // SAFETY: as in `read`.
        Access::Memory(base) => unsafe {
            ((base + register as usize) as *mut u32).write_volatile(value);
        },
        // SAFETY: as in `read`.
        Access::Registers => unsafe {
            x86::wrmsr(X2APIC_BASE + (register >> 4), u64::from(value));
        },
    }
}

/// Turns this CPU's APIC on.
pub fn init_cpu() {
    const ENABLE: u64 = 1 << 11;
    const ENABLE_X2: u64 = 1 << 10;
    // SAFETY: every 64-bit CPU has the register.
    let base = unsafe { x86::rdmsr(msr::APIC_BASE) };
    let x2 = cpu::features().contains(Features::X2APIC);
    ACCESS.get_or_init(|| {
        if x2 {
            Access::Registers
        } else {
            Access::Memory(cpu::registers(base & 0x000f_ffff_ffff_f000, 4096).addr())
        }
    });
    // SAFETY: turns on what CPUID says is there.
    unsafe {
        x86::wrmsr(
            msr::APIC_BASE,
            base | ENABLE | if x2 { ENABLE_X2 } else { 0 },
        )
    };
    write(TASK_PRIORITY, 0);
    write(LVT_LINT0, MASKED);
    write(LVT_LINT1, DELIVER_NMI);
    write(LVT_ERROR, MASKED);
    write(SPURIOUS, 0x100 | u32::from(vector::SPURIOUS));
    let id = read(ID);
    local::this().apic_id.set(if x2 { id } else { id >> 24 });
    local::this().online.store(true, Ordering::Release);
    write(TIMER_DIVIDE, 0b1011);
    if cpu::features().contains(Features::TSC_DEADLINE) {
        TSC_DEADLINE.store(true, Ordering::Relaxed);
        write(LVT_TIMER, TSC_DEADLINE_MODE | u32::from(vector::TIMER));
        // Intel SDM 3A, 11.5.4.1: a fence keeps the mode change before the first deadline.
        core::sync::atomic::fence(Ordering::SeqCst);
    } else {
        write(LVT_TIMER, u32::from(vector::TIMER));
    }
}

#[inline]
pub fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// This CPU's APIC ID.
pub fn id() -> u32 {
    local::this().apic_id.get()
}

fn command(target: u32, what: u32) {
    match access() {
        Access::Memory(_) => {
            write(COMMAND_HIGH, target << 24);
            write(COMMAND, what);
            while read(COMMAND) & PENDING != 0 {
                core::hint::spin_loop();
            }
        }
        // SAFETY: x2APIC is on. The fence: its register writes don't wait for earlier stores.
        Access::Registers => unsafe {
            core::arch::asm!("mfence", "lfence", options(nostack, preserves_flags));
            x86::wrmsr(
                X2APIC_BASE + (COMMAND >> 4),
                u64::from(target) << 32 | u64::from(what),
            );
        },
    }
}

fn apic_id_of(cpu: CpuId) -> u32 {
    // Written before the CPU went online, never again.
    crate::smp::apic_id(cpu)
}

pub fn send_shootdown(cpu: CpuId) {
    command(apic_id_of(cpu), ASSERT | u32::from(vector::SHOOTDOWN));
}

pub fn send_kick(cpu: CpuId) {
    command(apic_id_of(cpu), ASSERT | u32::from(vector::KICK));
}

/// Sends the APIC with this ID back to its start.
pub fn send_init(target: u32) {
    command(target, ASSERT | DELIVER_INIT);
}

/// Starts it in real mode at `page`·4096.
pub fn send_startup(target: u32, page: u8) {
    command(target, ASSERT | DELIVER_STARTUP | u32::from(page));
}

/// Stops all other CPUs, which run with interrupts off, by NMI.
pub fn stop_others() {
    if ACCESS.get().is_some() && cpu::count() > 1 {
        command(0, ASSERT | DELIVER_NMI | ALL_OTHERS);
    }
}

/// Whether the timer compares with the TSC itself.
pub fn has_tsc_deadline() -> bool {
    TSC_DEADLINE.load(Ordering::Relaxed)
}

pub fn set_tsc_deadline(tsc: u64) {
    // SAFETY: the register exists where `has_tsc_deadline`; 0 disarms.
    unsafe { x86::wrmsr(msr::TSC_DEADLINE, tsc) };
}

/// Interrupts once after `ticks`; 0 disarms.
pub fn set_countdown(ticks: u32) {
    write(TIMER_INITIAL, ticks);
}

/// What is left of the countdown.
pub fn countdown() -> u32 {
    read(TIMER_CURRENT)
}
