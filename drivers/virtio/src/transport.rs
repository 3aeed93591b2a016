//! The PCI transport (virtio 1.2, 4.1).

use crate::queue::Queue;
use ochre_driver::capability::{DeviceMemory, Dma, Interrupt};
use ochre_driver::pci::PciDevice;
use ochre_driver::{Errno, Result};
use std::rc::Rc;

/// A feature bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature(pub u32);

impl Feature {
    /// Compliant with version 1: required of every device here.
    pub const VERSION_1: Feature = Feature(32);
}

const VENDOR_CAPABILITY: u8 = 0x09;
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const DEVICE: u8 = 4;

/// Device status bits (2.1).
const ACKNOWLEDGE: u8 = 1;
const DRIVER: u8 = 2;
const DRIVER_OK: u8 = 4;
const FEATURES_OK: u8 = 8;

/// Offsets in the common configuration (4.1.4.3).
mod common {
    pub const DEVICE_FEATURE_SELECT: usize = 0;
    pub const DEVICE_FEATURE: usize = 4;
    pub const DRIVER_FEATURE_SELECT: usize = 8;
    pub const DRIVER_FEATURE: usize = 12;
    pub const CONFIG_VECTOR: usize = 16;
    pub const STATUS: usize = 20;
    pub const QUEUE_SELECT: usize = 22;
    pub const QUEUE_SIZE: usize = 24;
    pub const QUEUE_VECTOR: usize = 26;
    pub const QUEUE_ENABLE: usize = 28;
    pub const QUEUE_NOTIFY_OFF: usize = 30;
    pub const QUEUE_DESC: usize = 32;
    pub const QUEUE_DRIVER: usize = 40;
    pub const QUEUE_DEVICE: usize = 48;
}

/// A window into a register's memory, as a capability names it.
#[derive(Clone)]
struct Window {
    memory: Rc<DeviceMemory>,
    offset: usize,
    len: usize,
}

/// Of the common configuration.
impl Window {
    fn status(&self) -> u8 {
        self.memory.read(self.offset + common::STATUS)
    }

    fn set_status(&self, status: u8) {
        self.memory.write(self.offset + common::STATUS, status);
    }

    /// Resets, and waits for the device to say so (4.1.4.3.1); one that doesn't is broken.
    fn reset(&self) -> Result<()> {
        self.set_status(0);
        for _ in 0..1_000_000 {
            if self.status() == 0 {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        Err(Errno::IO)
    }
}

/// A device that has been reset and has agreed to features.
pub struct Transport {
    common: Window,
    notify: Window,
    notify_multiplier: usize,
    device: Option<Window>,
    features: u64,
    dma: Dma,
    interrupt: Interrupt,
}

/// The window of the first capability of `kind`, and the word that follows it in the list.
fn window(
    pci: &PciDevice,
    bars: &mut Vec<(u32, Rc<DeviceMemory>)>,
    kind: u8,
) -> Result<(Window, u32)> {
    for at in pci.capabilities(VENDOR_CAPABILITY) {
        if pci.config().get(at + 3) != Some(&kind) {
            continue;
        }
        let bar = u32::from(*pci.config().get(at + 4).ok_or(Errno::IO)?);
        let offset = pci.config_u32(at + 8) as usize;
        let len = pci.config_u32(at + 12) as usize;
        let known = bars
            .iter()
            .find(|(index, _)| *index == bar)
            .map(|(_, memory)| memory.clone());
        let memory = match known {
            Some(memory) => memory,
            None => {
                let memory = Rc::new(pci.bar(bar)?);
                bars.push((bar, memory.clone()));
                memory
            }
        };
        if offset.checked_add(len).is_none_or(|end| end > memory.len()) {
            return Err(Errno::IO);
        }
        return Ok((
            Window {
                memory,
                offset,
                len,
            },
            pci.config_u32(at + 16),
        ));
    }
    Err(Errno::NODEV)
}

impl Transport {
    /// Resets the device and agrees on those of `wanted` that it offers. Its interrupt is message 0
    /// for everything.
    pub fn new(pci: &PciDevice, wanted: &[Feature]) -> Result<Transport> {
        let mut bars = Vec::new();
        let (common, _) = window(pci, &mut bars, COMMON)?;
        let (notify, multiplier) = window(pci, &mut bars, NOTIFY)?;
        let device = window(pci, &mut bars, DEVICE)
            .ok()
            .map(|(window, _)| window);
        if common.len < 56 {
            return Err(Errno::IO);
        }
        // Not before it has forgotten the queues of a driver that died may it reach memory again, as
        // the next two let it: those are someone else's now.
        common.reset()?;
        let mut transport = Transport {
            common,
            notify,
            notify_multiplier: multiplier as usize,
            device,
            features: 0,
            dma: pci.dma()?,
            interrupt: pci.interrupt(0)?,
        };
        transport.add_status(ACKNOWLEDGE);
        transport.add_status(DRIVER);
        transport.negotiate(wanted)?;
        transport.write_u16(common::CONFIG_VECTOR, 0);
        Ok(transport)
    }

    fn read_u16(&self, offset: usize) -> u16 {
        self.common.memory.read(self.common.offset + offset)
    }

    fn write_u16(&self, offset: usize, value: u16) {
        self.common.memory.write(self.common.offset + offset, value);
    }

    fn read_u32(&self, offset: usize) -> u32 {
        self.common.memory.read(self.common.offset + offset)
    }

    fn write_u32(&self, offset: usize, value: u32) {
        self.common.memory.write(self.common.offset + offset, value);
    }

    fn write_u64(&self, offset: usize, value: u64) {
        self.write_u32(offset, value as u32);
        self.write_u32(offset + 4, (value >> 32) as u32);
    }

    fn status(&self) -> u8 {
        self.common.status()
    }

    fn add_status(&self, bits: u8) {
        self.common.set_status(self.status() | bits);
    }

    fn negotiate(&mut self, wanted: &[Feature]) -> Result<()> {
        let mut offered = 0u64;
        for half in 0..2 {
            self.write_u32(common::DEVICE_FEATURE_SELECT, half);
            offered |= u64::from(self.read_u32(common::DEVICE_FEATURE)) << (32 * half);
        }
        let bits = wanted
            .iter()
            .chain([&Feature::VERSION_1])
            .fold(0u64, |all, f| all | 1 << f.0);
        self.features = offered & bits;
        if self.features >> Feature::VERSION_1.0 & 1 == 0 {
            return Err(Errno::OPNOTSUPP);
        }
        for half in 0..2 {
            self.write_u32(common::DRIVER_FEATURE_SELECT, half);
            self.write_u32(
                common::DRIVER_FEATURE,
                (self.features >> (32 * half)) as u32,
            );
        }
        self.add_status(FEATURES_OK);
        if self.status() & FEATURES_OK == 0 {
            return Err(Errno::OPNOTSUPP);
        }
        Ok(())
    }

    /// Whether the feature was agreed on.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.features >> feature.0 & 1 != 0
    }

    /// Sets up queue `index` with at most `max` entries. Before [`Transport::start`].
    pub fn queue(&self, index: u16, max: u16) -> Result<Queue> {
        self.write_u16(common::QUEUE_SELECT, index);
        let offered = self.read_u16(common::QUEUE_SIZE);
        if offered == 0 {
            return Err(Errno::NODEV);
        }
        // A power of two (2.7), whatever the device offers.
        let size = offered.min(max);
        let size = if size.is_power_of_two() {
            size
        } else {
            size.next_power_of_two() / 2
        };
        let notify = usize::from(self.read_u16(common::QUEUE_NOTIFY_OFF)) * self.notify_multiplier;
        if notify + 2 > self.notify.len {
            return Err(Errno::IO);
        }
        let door = (self.notify.memory.clone(), self.notify.offset + notify);
        let queue = Queue::new(&self.dma, size, index, door)?;
        let [desc, driver, device] = queue.addresses();
        self.write_u16(common::QUEUE_SIZE, size);
        self.write_u16(common::QUEUE_VECTOR, 0);
        self.write_u64(common::QUEUE_DESC, desc);
        self.write_u64(common::QUEUE_DRIVER, driver);
        self.write_u64(common::QUEUE_DEVICE, device);
        self.write_u16(common::QUEUE_ENABLE, 1);
        Ok(queue)
    }

    /// The driver is ready: the device may work.
    pub fn start(&self) {
        self.add_status(DRIVER_OK);
    }

    #[must_use]
    pub fn dma(&self) -> &Dma {
        &self.dma
    }

    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The byte at `offset` of the device's own configuration; 0 beyond its end.
    #[must_use]
    pub fn config_u8(&self, offset: usize) -> u8 {
        match &self.device {
            Some(window) if offset < window.len => window.memory.read(window.offset + offset),
            _ => 0,
        }
    }

    /// The aligned word at `offset` of the device's own configuration; 0 beyond its end.
    #[must_use]
    pub fn config_u32(&self, offset: usize) -> u32 {
        match &self.device {
            Some(window) if offset + 4 <= window.len => window.memory.read(window.offset + offset),
            _ => 0,
        }
    }

    pub fn set_config_u8(&self, offset: usize, value: u8) {
        if let Some(window) = self.device.as_ref().filter(|w| offset < w.len) {
            window.memory.write(window.offset + offset, value);
        }
    }

    pub fn set_config_u32(&self, offset: usize, value: u32) {
        if let Some(window) = self.device.as_ref().filter(|w| offset + 4 <= w.len) {
            window.memory.write(window.offset + offset, value);
        }
    }
}
