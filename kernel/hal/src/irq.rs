//! Device interrupts: vectors, MSI messages and the I/O APICs' pins. The end of interrupt is
//! signalled here; the kernel hears of each through `KernelUpcalls::interrupt`.
//!
//! A level-triggered pin is masked when it fires, before the end of interrupt, as its driver
//! answers later, in user space; the driver's acknowledgement unmasks it.

use crate::cpu::{self, CpuId, MAX_CPUS};
use crate::percpu::PerCpu;
use crate::sync::{Once, SpinLock};
use crate::traps::vector;
use crate::{acpi, rank, smp};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

/// An interrupt vector for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vector(pub u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPin;

const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const MASKED: u32 = 1 << 16;
const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;
/// The PC's usual I/O APIC, for machines without tables.
const USUAL: acpi::IoApic = acpi::IoApic {
    address: 0xfec0_0000,
    first_gsi: 0,
};

struct IoApic {
    /// Address of the index register; the data register follows 16 bytes on.
    registers: usize,
    first_gsi: u32,
    pins: u32,
}

impl IoApic {
    fn read(&self, register: u32) -> u32 {
        // SAFETY: the registers are mapped for good; the caller holds the lock.
        unsafe {
            (self.registers as *mut u32).write_volatile(register);
            ((self.registers + 16) as *const u32).read_volatile()
        }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: as in `read`.
        unsafe {
            (self.registers as *mut u32).write_volatile(register);
            ((self.registers + 16) as *mut u32).write_volatile(value);
        }
    }

    fn redirection(&self, gsi: u32) -> u32 {
        REDIRECTION + 2 * (gsi - self.first_gsi)
    }
}

/// Serializes the index and data registers' use.
static LOCK: SpinLock<[u64; 4]> = SpinLock::new(rank::IRQ, [0; 4]);
static IO_APICS: Once<Vec<IoApic>> = Once::new();

/// How often each CPU was interrupted by each vector.
static COUNTS: PerCpu<[AtomicU32; 256]> =
    PerCpu::new([const { [const { AtomicU32::new(0) }; 256] }; MAX_CPUS]);

/// This CPU was interrupted.
pub(crate) fn count(vector: Vector) {
    let count = &COUNTS.this()[usize::from(vector.0)];
    count.store(
        count.load(Ordering::Relaxed).wrapping_add(1),
        Ordering::Relaxed,
    );
}

/// How often `vector` has interrupted `cpu`.
#[must_use]
pub fn times(vector: Vector, cpu: CpuId) -> u32 {
    COUNTS.on(cpu)[usize::from(vector.0)].load(Ordering::Relaxed)
}

/// What the kernel's own vectors are for, by Linux's names.
pub const OWN: [(&str, Vector, &str); 5] = [
    ("SER", Vector(vector::SERIAL), "Serial console"),
    ("LOC", Vector(vector::TIMER), "Local timer interrupts"),
    ("SPU", Vector(vector::SPURIOUS), "Spurious interrupts"),
    ("RES", Vector(vector::KICK), "Rescheduling interrupts"),
    ("TLB", Vector(vector::SHOOTDOWN), "TLB shootdowns"),
];

/// All vectors that interrupts can have.
pub fn vectors() -> impl Iterator<Item = Vector> {
    (vector::FIRST_INTERRUPT..=u8::MAX).map(Vector)
}

const NO_PIN: u32 = u32::MAX;
/// The level-triggered pin that raises each vector.
static LEVEL_PINS: [AtomicU32; 256] = [const { AtomicU32::new(NO_PIN) }; 256];

/// Finds the I/O APICs, masks all their pins, and silences the old controllers.
pub(crate) fn init() {
    // SAFETY: remaps both 8259s away from the exceptions and masks all lines.
    unsafe {
        for (port, value) in [
            (0x20, 0x11),
            (0xa0, 0x11),
            (0x21, 0x20),
            (0xa1, 0x28),
            (0x21, 4),
            (0xa1, 2),
            (0x21, 1),
            (0xa1, 1),
            (0x21, 0xff),
            (0xa1, 0xff),
        ] {
            crate::x86::outb(port, value);
        }
    }
    let found = acpi::tables()
        .map(|t| t.io_apics.clone())
        .unwrap_or_default();
    let found = if found.is_empty() {
        alloc::vec![USUAL]
    } else {
        found
    };
    let mut all = Vec::new();
    for apic in found {
        let registers = cpu::registers(apic.address, 32).addr();
        let mut apic = IoApic {
            registers,
            first_gsi: apic.first_gsi,
            pins: 0,
        };
        apic.pins = (apic.read(VERSION) >> 16 & 0xff) + 1;
        for gsi in apic.first_gsi..apic.first_gsi + apic.pins {
            apic.write(apic.redirection(gsi), MASKED);
        }
        all.push(apic);
    }
    IO_APICS.set(all);
}

fn pin_of(gsi: u32) -> Option<&'static IoApic> {
    let apics = IO_APICS.get()?;
    apics
        .iter()
        .find(|a| gsi >= a.first_gsi && gsi - a.first_gsi < a.pins)
}

/// A vector that nobody else uses.
#[must_use]
pub fn alloc_vector() -> Option<Vector> {
    let mut used = LOCK.lock();
    (vector::FIRST_DEVICE..=vector::LAST_DEVICE).find_map(|number| {
        let (word, bit) = (usize::from(number / 64), number % 64);
        let free = used[word] & 1 << bit == 0;
        used[word] |= 1 << bit;
        free.then_some(Vector(number))
    })
}

pub fn free_vector(vector: Vector) {
    LEVEL_PINS[usize::from(vector.0)].store(NO_PIN, Ordering::Relaxed);
    LOCK.lock()[usize::from(vector.0 / 64)] &= !(1 << (vector.0 % 64));
}

/// The address and data of an MSI that raises `vector` at `cpu`.
#[must_use]
pub fn msi_message(vector: Vector, cpu: CpuId) -> (u64, u32) {
    (
        0xfee0_0000 | u64::from(smp::apic_id(cpu) & 0xff) << 12,
        u32::from(vector.0),
    )
}

/// Routes an I/O APIC pin to `vector` at the boot CPU, masked. Level-triggered pins are masked
/// again whenever they fire, until [`unmask`].
pub fn route(gsi: u32, vector: Vector, level: bool, active_low: bool) -> Result<(), NoSuchPin> {
    let apic = pin_of(gsi).ok_or(NoSuchPin)?;
    let mut low = u32::from(vector.0) | MASKED;
    if level {
        low |= LEVEL;
    }
    if active_low {
        low |= ACTIVE_LOW;
    }
    let _guard = LOCK.lock();
    LEVEL_PINS[usize::from(vector.0)].store(if level { gsi } else { NO_PIN }, Ordering::Relaxed);
    let register = apic.redirection(gsi);
    apic.write(register, MASKED);
    apic.write(register + 1, smp::apic_id(0) << 24);
    apic.write(register, low);
    Ok(())
}

fn set_masked(gsi: u32, masked: bool) {
    if let Some(apic) = pin_of(gsi) {
        let _guard = LOCK.lock();
        let register = apic.redirection(gsi);
        let low = apic.read(register);
        apic.write(register, if masked { low | MASKED } else { low & !MASKED });
    }
}

pub fn mask(gsi: u32) {
    set_masked(gsi, true);
}

pub fn unmask(gsi: u32) {
    set_masked(gsi, false);
}

/// The pin, trigger and polarity of an ISA interrupt line, after the firmware's overrides:
/// (gsi, level, active low).
#[must_use]
pub fn isa_irq(line: u8) -> (u32, bool, bool) {
    let overrides = acpi::tables()
        .map(|t| t.overrides.as_slice())
        .unwrap_or_default();
    match overrides.iter().find(|o| o.line == line) {
        // ACPI 6.5, table 5.26: 3 is active low, level; 0 is the bus's own, high and edge.
        Some(o) => (o.gsi, o.flags >> 2 & 3 == 3, o.flags & 3 == 3),
        None => (u32::from(line), false, false),
    }
}

/// What must be done to the pin of `vector` before the end of interrupt.
pub(crate) fn before_end(vector: Vector) {
    let gsi = LEVEL_PINS[usize::from(vector.0)].load(Ordering::Relaxed);
    if gsi != NO_PIN {
        mask(gsi);
    }
}
