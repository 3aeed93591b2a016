//! The few facts that the kernel itself takes from the firmware's ACPI tables: CPUs, interrupt
//! controllers, the HPET, and how to reset and switch off. AML is user space's business, but for
//! one constant: the value that enters soft-off.
//!
//! Tables are hostile input: lengths are bounded and every field is read through a slice.

use crate::addr::{PAGE_SIZE, PhysAddr};
use crate::paging::{Cache, kernel};
use crate::sync::Once;
use alloc::vec::Vec;

const MAX_TABLE: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
pub struct IoApic {
    pub address: u64,
    pub first_gsi: u32,
}

/// An ISA line that isn't wired as usual.
#[derive(Clone, Copy, Debug)]
pub struct Override {
    pub line: u8,
    pub gsi: u32,
    pub flags: u16,
}

#[derive(Default)]
pub struct Tables {
    /// APIC IDs of the CPUs that may be started.
    pub cpus: Vec<u32>,
    pub io_apics: Vec<IoApic>,
    pub overrides: Vec<Override>,
    /// Physical address of the HPET's registers.
    pub hpet: Option<u64>,
    /// Port and value that reset the machine.
    reset: Option<(u16, u8)>,
    /// Port and value that switch it off.
    sleep: Option<(u16, u16)>,
}

static TABLES: Once<Tables> = Once::new();

/// What was found; nothing before [`init`].
pub fn tables() -> Option<&'static Tables> {
    TABLES.get()
}

pub fn reset_register() -> Option<(u16, u8)> {
    tables()?.reset
}

pub fn sleep_register() -> Option<(u16, u16)> {
    tables()?.sleep
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Physical memory of the firmware, mapped for good: boot only, a few dozen pages.
fn map(phys: u64, len: usize) -> Option<&'static [u8]> {
    if phys == 0 || len > MAX_TABLE {
        return None;
    }
    let at = kernel::map_kernel_device(PhysAddr(phys), len, Cache::WriteBack).ok()?;
    // SAFETY: the range was just mapped and is never unmapped; the firmware is done with it.
    Some(unsafe { core::slice::from_raw_parts(at, len) })
}

/// A whole table, by the length in its header.
fn table(phys: u64) -> Option<&'static [u8]> {
    let in_page = PAGE_SIZE - (phys as usize & (PAGE_SIZE - 1));
    let header = map(phys, in_page.max(36))?;
    let len = u32_at(header, 4)? as usize;
    match header.get(..len) {
        Some(whole) if len >= 36 => Some(whole),
        _ if len >= 36 => map(phys, len),
        _ => None,
    }
}

fn sums_to_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0u8, |sum, b| sum.wrapping_add(*b)) == 0
}

/// The RSDP where the BIOS leaves it, if the loader didn't say.
fn find_rsdp() -> Option<u64> {
    let area = map(0xe_0000, 0x2_0000)?;
    (0..area.len() - 36)
        .step_by(16)
        .find(|&at| &area[at..at + 8] == b"RSD PTR " && sums_to_zero(&area[at..at + 20]))
        .map(|at| 0xe_0000 + at as u64)
}

/// The tables' addresses, by the RSDT or XSDT.
fn roots(rsdp: u64) -> Option<Vec<u64>> {
    let rsdp = map(rsdp, 36)?;
    let revision = *rsdp.get(15)?;
    let (root, width) = match u64_at(rsdp, 24) {
        Some(xsdt) if revision >= 2 && xsdt != 0 => (xsdt, 8),
        _ => (u64::from(u32_at(rsdp, 16)?), 4),
    };
    let entries = table(root)?.get(36..)?.chunks_exact(width);
    Some(
        entries
            .filter_map(|e| {
                if width == 8 {
                    u64_at(e, 0)
                } else {
                    u32_at(e, 0).map(u64::from)
                }
            })
            .collect(),
    )
}

/// Reads the tables. Without them the machine is one CPU with the PC's usual wiring.
pub fn init(rsdp: Option<PhysAddr>) {
    let mut found = Tables::default();
    let rsdp = rsdp.map(|r| r.0).or_else(find_rsdp);
    for phys in rsdp.and_then(roots).unwrap_or_default() {
        let Some(table) = table(phys) else { continue };
        // A table cut short yields what could be read of it.
        let _ = match &table[..4] {
            b"APIC" => madt(table, &mut found),
            b"FACP" => fadt(table, &mut found),
            b"HPET" => hpet(table, &mut found),
            _ => Some(()),
        };
    }
    TABLES.set(found);
}

/// ACPI 6.5, 5.2.12.
fn madt(table: &[u8], found: &mut Tables) -> Option<()> {
    const ENABLED: u32 = 1;
    let mut rest = table.get(44..)?;
    while rest.len() >= 2 {
        let len = usize::from(rest[1]);
        let entry = rest.get(..len).filter(|e| e.len() >= 2)?;
        match entry[0] {
            0 if u32_at(entry, 4)? & ENABLED != 0 => found.cpus.push(u32::from(entry[3])),
            1 => found.io_apics.push(IoApic {
                address: u64::from(u32_at(entry, 4)?),
                first_gsi: u32_at(entry, 8)?,
            }),
            2 => found.overrides.push(Override {
                line: *entry.get(3)?,
                gsi: u32_at(entry, 4)?,
                flags: u16_at(entry, 8)?,
            }),
            9 if u32_at(entry, 8)? & ENABLED != 0 => found.cpus.push(u32_at(entry, 4)?),
            _ => {}
        }
        rest = &rest[len..];
    }
    Some(())
}

/// ACPI 6.5, 5.2.9: the reset register, PM1a control, and the DSDT for `\_S5`.
fn fadt(table: &[u8], found: &mut Tables) -> Option<()> {
    const RESET_SUPPORTED: u32 = 1 << 10;
    const IO_SPACE: u8 = 1;
    const SLEEP_ENABLE: u16 = 1 << 13;
    let pm1a = u32_at(table, 64)? as u16;
    let dsdt = match u64_at(table, 140) {
        Some(x) if x != 0 => x,
        _ => u64::from(u32_at(table, 40)?),
    };
    if let Some(kind) = self::table(dsdt).and_then(soft_off_type)
        && pm1a != 0
    {
        found.sleep = Some((pm1a, u16::from(kind) << 10 | SLEEP_ENABLE));
    }
    if u32_at(table, 112)? & RESET_SUPPORTED != 0 && *table.get(116)? == IO_SPACE {
        found.reset = Some((u64_at(table, 120)? as u16, *table.get(128)?));
    }
    Some(())
}

/// The first element of the package `\_S5` in the DSDT's AML: NameOp, name, PackageOp, length,
/// count, then a byte constant or ZeroOp, OneOp.
fn soft_off_type(dsdt: &[u8]) -> Option<u8> {
    const PACKAGE: u8 = 0x12;
    const BYTE: u8 = 0x0a;
    let at = dsdt.windows(4).position(|w| w == b"_S5_")? + 4;
    if *dsdt.get(at)? != PACKAGE {
        return None;
    }
    let length_bytes = usize::from(dsdt.get(at + 1)? >> 6);
    let element = at + 2 + length_bytes + 1;
    match *dsdt.get(element)? {
        BYTE => dsdt.get(element + 1).copied(),
        constant @ 0..=1 => Some(constant),
        _ => None,
    }
}

/// IA-PC HPET 1.0a, 3.2.4.
fn hpet(table: &[u8], found: &mut Tables) -> Option<()> {
    const MEMORY_SPACE: u8 = 0;
    if *table.get(40)? == MEMORY_SPACE {
        found.hpet = Some(u64_at(table, 44)?);
    }
    Some(())
}
