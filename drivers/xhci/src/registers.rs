//! The controller's registers (xHCI 1.2, 5): capability, operational, runtime, doorbells.
//!
//! They lie in one BAR, whose pages with the interrupt table no driver may map: so each group is a
//! window of its own. Where the groups lie is the device's word, and checked.

use ochre_driver::capability::DeviceMemory;
use ochre_driver::pci::PciDevice;
use ochre_driver::{Errno, Result};

const PAGE: u64 = 4096;

const HCSPARAMS1: usize = 0x04;
const HCSPARAMS2: usize = 0x08;
const HCCPARAMS1: usize = 0x10;
const DBOFF: usize = 0x14;
const RTSOFF: usize = 0x18;

pub const USBCMD: usize = 0x00;
pub const USBSTS: usize = 0x04;
pub const PAGESIZE: usize = 0x08;
pub const CRCR: usize = 0x18;
pub const DCBAAP: usize = 0x30;
pub const CONFIG: usize = 0x38;
const PORTSC: usize = 0x400;

pub const RUN: u32 = 1 << 0;
pub const RESET: u32 = 1 << 1;
pub const INTERRUPTS: u32 = 1 << 2;
pub const HALTED: u32 = 1 << 0;
pub const EVENT_PENDING: u32 = 1 << 3;
/// Host system error, host controller error.
pub const FAILED: u32 = 1 << 2 | 1 << 12;
pub const NOT_READY: u32 = 1 << 11;

/// Interrupter 0, in the runtime window.
pub const IMAN: usize = 0x20;
pub const IMOD: usize = 0x24;
pub const ERSTSZ: usize = 0x28;
pub const ERSTBA: usize = 0x30;
pub const ERDP: usize = 0x38;
const RUNTIME_BYTES: u64 = 0x40;

/// The capability that passes the controller from the firmware to us (7.1).
const LEGACY: u8 = 1;
const FIRMWARE_OWNS: u32 = 1 << 16;
const SYSTEM_OWNS: u32 = 1 << 24;
/// More extended capabilities than any controller has: a list that loops ends here.
const CAPABILITIES_MAX: usize = 64;

/// A part of the BAR.
struct Window {
    memory: DeviceMemory,
    /// Where the part begins in the memory mapped.
    start: usize,
}

impl Window {
    fn map(pci: &PciDevice, bar_size: u64, offset: u64, len: u64) -> Result<Window> {
        let end = offset.checked_add(len).ok_or(Errno::IO)?;
        if end > bar_size || !offset.is_multiple_of(4) {
            return Err(Errno::IO);
        }
        let first = offset / PAGE * PAGE;
        let mapped = end.next_multiple_of(PAGE) - first;
        Ok(Window {
            memory: pci.bar_part(0, first, mapped as usize)?,
            start: (offset - first) as usize,
        })
    }

    fn read(&self, at: usize) -> u32 {
        self.memory.read(self.start + at)
    }

    fn write(&self, at: usize, value: u32) {
        self.memory.write(self.start + at, value);
    }
}

/// What the controller is capable of.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub slots: u8,
    pub ports: u8,
    pub scratchpads: usize,
    /// Bytes of a context: 32 or 64.
    pub context: usize,
    /// It reaches memory beyond 4 GiB.
    pub wide: bool,
}

/// See the module's header.
pub struct Registers {
    operational: Window,
    runtime: Window,
    doorbells: Window,
    pub limits: Limits,
}

impl Registers {
    pub fn map(pci: &PciDevice) -> Result<Registers> {
        let size = pci.bar_info(0)?.size;
        let capability = Window::map(pci, size, 0, 0x20)?;
        let params = [HCSPARAMS1, HCSPARAMS2, HCCPARAMS1].map(|at| capability.read(at));
        let limits = limits(params).ok_or(Errno::IO)?;
        let length = u64::from(capability.read(0) & 0xff);
        let operational_bytes = PORTSC as u64 + u64::from(limits.ports) * 16;
        let doorbell_bytes = (u64::from(limits.slots) + 1) * 4;
        let runtime = u64::from(capability.read(RTSOFF) & !0x1f);
        let doorbells = u64::from(capability.read(DBOFF) & !0x3);
        let extended = u64::from(params[2] >> 16) * 4;
        if extended != 0 {
            take_from_firmware(pci, size, extended)?;
        }
        Ok(Registers {
            operational: Window::map(pci, size, length, operational_bytes)?,
            runtime: Window::map(pci, size, runtime, RUNTIME_BYTES)?,
            doorbells: Window::map(pci, size, doorbells, doorbell_bytes)?,
            limits,
        })
    }

    /// Registers in memory of a test's, of a controller with one port and eight slots.
    #[cfg(test)]
    pub fn of(
        operational: DeviceMemory,
        runtime: DeviceMemory,
        doorbells: DeviceMemory,
    ) -> Registers {
        let window = |memory| Window { memory, start: 0 };
        Registers {
            operational: window(operational),
            runtime: window(runtime),
            doorbells: window(doorbells),
            limits: limits([1 << 24 | 8, 0, 1]).expect("sensible"),
        }
    }

    #[must_use]
    pub fn operational(&self, at: usize) -> u32 {
        self.operational.read(at)
    }

    pub fn set_operational(&self, at: usize, value: u32) {
        self.operational.write(at, value);
    }

    /// Sets a register of 64 bits, as two of 32: not every controller takes it whole.
    pub fn set_operational_wide(&self, at: usize, value: u64) {
        self.operational.write(at, value as u32);
        self.operational.write(at + 4, (value >> 32) as u32);
    }

    pub fn set_runtime(&self, at: usize, value: u32) {
        self.runtime.write(at, value);
    }

    pub fn set_runtime_wide(&self, at: usize, value: u64) {
        self.runtime.write(at, value as u32);
        self.runtime.write(at + 4, (value >> 32) as u32);
    }

    /// PORTSC of root port `port`, from 1.
    #[must_use]
    pub fn port(&self, port: u8) -> u32 {
        self.operational.read(PORTSC + (usize::from(port) - 1) * 16)
    }

    pub fn set_port(&self, port: u8, value: u32) {
        let at = PORTSC + (usize::from(port) - 1) * 16;
        self.operational.write(at, value);
    }

    /// Tells the controller that a ring has news. Slot 0 is the command ring.
    pub fn ring(&self, slot: u8, endpoint: u8) {
        self.doorbells
            .write(usize::from(slot) * 4, u32::from(endpoint));
    }
}

/// HCSPARAMS1, HCSPARAMS2, HCCPARAMS1 (5.3); `None` where they make no sense.
fn limits([one, two, three]: [u32; 3]) -> Option<Limits> {
    let limits = Limits {
        slots: one as u8,
        ports: (one >> 24) as u8,
        scratchpads: ((two >> 21 & 0x1f) << 5 | two >> 27) as usize,
        context: if three & 1 << 2 != 0 { 64 } else { 32 },
        wide: three & 1 != 0,
    };
    (limits.slots > 0 && limits.ports > 0).then_some(limits)
}

/// Asks the firmware to let the controller go, if it holds it (4.22.1). One that does not answer
/// loses it all the same.
fn take_from_firmware(pci: &PciDevice, size: u64, first: u64) -> Result<()> {
    let mut offset = first;
    for _ in 0..CAPABILITIES_MAX {
        let window = Window::map(pci, size, offset, 8)?;
        let word = window.read(0);
        if word as u8 == LEGACY {
            window.write(0, word | SYSTEM_OWNS);
            for _ in 0..100 {
                if window.read(0) & FIRMWARE_OWNS == 0 {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            window.write(0, window.read(0) & !FIRMWARE_OWNS);
            // No more system management interrupts; pending ones are cleared (7.1.2).
            window.write(4, window.read(4) & 0x001f_1fee | 0xe000_0000);
            return Ok(());
        }
        match word >> 8 & 0xff {
            0 => return Ok(()),
            next => offset += u64::from(next) * 4,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_nonsense_refused() {
        let found = limits([0x0800_0840, 0x0c20_0004, 0x0008_0005]).expect("sensible");
        assert_eq!((found.slots, found.ports, found.context), (0x40, 8, 64));
        assert_eq!(found.scratchpads, 0x21);
        assert!(limits([0, 0, 0]).is_none());
        assert!(limits([u32::MAX, 0, 0]).is_some());
    }
}
