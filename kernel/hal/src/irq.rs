//! Device interrupts: vectors, MSI messages and the I/O APICs' pins. The end of interrupt is
//! signalled here; the kernel hears of each through `KernelUpcalls::interrupt`.

use crate::cpu::CpuId;

/// An interrupt vector for a device, between 0x30 and 0xdf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vector(pub u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPin;

/// A vector that nobody else uses.
#[must_use]
pub fn alloc_vector() -> Option<Vector> {
    todo!()
}

pub fn free_vector(_vector: Vector) {
    todo!()
}

/// The address and data of an MSI that raises `vector` at `cpu`.
#[must_use]
pub fn msi_message(_vector: Vector, _cpu: CpuId) -> (u64, u32) {
    todo!()
}

/// Routes an I/O APIC pin to `vector`, masked. Level-triggered pins are masked by the hal when
/// they fire and opened again by [`unmask`].
pub fn route(_gsi: u32, _vector: Vector, _level: bool, _active_low: bool) -> Result<(), NoSuchPin> {
    todo!()
}

pub fn mask(_gsi: u32) {
    todo!()
}

pub fn unmask(_gsi: u32) {
    todo!()
}

/// The pin, trigger and polarity of an ISA interrupt line, after the firmware's overrides:
/// (gsi, level, active low).
#[must_use]
pub fn isa_irq(_line: u8) -> (u32, bool, bool) {
    todo!()
}
