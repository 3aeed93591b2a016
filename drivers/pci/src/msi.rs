//! Message-signalled interrupts: MSI-X (PCI 3.0, 6.8.2) where the function has it, else MSI
//! (6.8.1), which has one message here.

use crate::config::Space;
use crate::function::Function;
use ochre_abi::native::{Derive, DeriveKind, MsiMessage};
use ochre_driver::capability::DeviceMemory;
use ochre_driver::pci::capabilities;
use ochre_driver::{Errno, Result, native};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

const MSI: u8 = 0x05;
const MSI_X: u8 = 0x11;
const MSI_X_ENABLE: u32 = 1 << 31;
const MSI_ENABLE: u32 = 1 << 16;
const MSI_64_BIT: u32 = 1 << 23;
const PAGE: u64 = 4096;

/// The MSI-X table's place.
struct Table {
    capability: u8,
    bar: u32,
    offset: u64,
    entries: u32,
}

fn table(config: &[u8]) -> Option<Table> {
    let at = *capabilities(config, MSI_X).first()?;
    let word = |offset: usize| {
        let bytes = config.get(at + offset..at + offset + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let place = word(4)?;
    Some(Table {
        capability: at as u8,
        bar: place & 7,
        offset: u64::from(place & !7),
        entries: (word(0)? >> 16 & 0x7ff) + 1,
    })
}

/// The pages of register `bar` that hold the interrupt table: no driver may map them, or it could
/// raise other drivers' interrupts.
pub fn table_pages(config: &[u8], bar: u32) -> Option<Range<u64>> {
    let table = table(config).filter(|t| t.bar == bar)?;
    let start = table.offset / PAGE * PAGE;
    let end = (table.offset + u64::from(table.entries) * 16).next_multiple_of(PAGE);
    Some(start..end)
}

/// Makes message `index` of the function an interrupt; the descriptor is for its driver.
pub fn enable(
    machine: &OwnedFd,
    space: &Space,
    function: &Function,
    index: u32,
) -> Result<OwnedFd> {
    let config = space.snapshot(function.at);
    let what = Derive {
        kind: DeriveKind::Msi as u32,
        flags: 0,
        start: 0,
        length: 0,
    };
    let interrupt = native::derive(machine.as_fd(), what)?;
    let message = native::msi_message(interrupt.as_fd())?;
    if let Some(table) = table(&config) {
        enable_msi_x(machine, space, function, &table, index, message)?;
    } else {
        let at = *capabilities(&config, MSI).first().ok_or(Errno::OPNOTSUPP)? as u8;
        if index != 0 {
            return Err(Errno::INVAL);
        }
        enable_msi(space, function, at, message)?;
    }
    Ok(interrupt)
}

fn enable_msi_x(
    machine: &OwnedFd,
    space: &Space,
    function: &Function,
    table: &Table,
    index: u32,
    message: MsiMessage,
) -> Result<()> {
    if index >= table.entries {
        return Err(Errno::INVAL);
    }
    let bar = function
        .bars
        .iter()
        .find(|b| b.index == table.bar)
        .ok_or(Errno::IO)?;
    let entry = table.offset + u64::from(index) * 16;
    let page = entry / PAGE * PAGE;
    if entry + 16 > bar.size {
        return Err(Errno::IO);
    }
    let what = Derive {
        kind: DeriveKind::Physical as u32,
        flags: 0,
        start: bar.address + page,
        length: PAGE,
    };
    let memory = native::derive(machine.as_fd(), what)?;
    let registers = DeviceMemory::map(memory.as_fd(), 0, PAGE as usize)?;
    let at = (entry - page) as usize;
    registers.write(at, message.address as u32);
    registers.write(at + 4, (message.address >> 32) as u32);
    registers.write(at + 8, message.data);
    registers.write(at + 12, 0u32);
    let control = space.read(function.at, table.capability);
    space.write(function.at, table.capability, control | MSI_X_ENABLE)
}

fn enable_msi(space: &Space, function: &Function, at: u8, message: MsiMessage) -> Result<()> {
    let control = space.read(function.at, at);
    space.write(function.at, at + 4, message.address as u32)?;
    let data = if control & MSI_64_BIT != 0 {
        space.write(function.at, at + 8, (message.address >> 32) as u32)?;
        at + 12
    } else {
        at + 8
    };
    let above = space.read(function.at, data) & 0xffff_0000;
    space.write(function.at, data, above | message.data)?;
    space.write(function.at, at, control | MSI_ENABLE)
}

/// Turns all of the function's interrupts off.
pub fn disable(space: &Space, function: &Function) {
    let config = space.snapshot(function.at);
    for (id, bit) in [(MSI, MSI_ENABLE), (MSI_X, MSI_X_ENABLE)] {
        for at in capabilities(&config, id) {
            let control = space.read(function.at, at as u8);
            // A function that cannot be written is gone, and its interrupts with it.
            let _ = space.write(function.at, at as u8, control & !bit);
        }
    }
}
