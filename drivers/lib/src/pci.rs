//! The PCI server's protocol, and a driver's side of it.
//!
//! `/dev/pci/BB:DD.F` is one function: read is its configuration space, mmap at `bar << 32` its
//! memory, and the ioctls below hand out its interrupts and the right to DMA. The server alone
//! writes configuration space; when the last descriptor of a function is closed it stops the device
//! (bus mastering and interrupts off), so that a dead driver's device cannot write to memory.

use crate::capability::{DeviceMemory, Dma, Interrupt};
use crate::{Errno, Result, native};
use bytemuck::{Pod, Zeroable};
use ochre_abi::ioctl::Command;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

/// [`BarInfo`] of a base address register.
pub const IOC_BAR: u32 = 0xc018_5001;
/// [`FdReply`]: `index` is the message number; the descriptor is an interrupt.
pub const IOC_INTERRUPT: u32 = 0xc008_5002;
/// [`FdReply`]: `index` is 0; the descriptor is the right to allocate DMA memory.
pub const IOC_DMA: u32 = 0xc008_5003;

/// The ioctl table of the PCI server.
pub const IOCTLS: [Command; 3] = [
    Command::new(IOC_BAR, &[]),
    Command::new(IOC_INTERRUPT, &[]).fd_out(4),
    Command::new(IOC_DMA, &[]).fd_out(4),
];

/// What [`IOC_BAR`] tells.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct BarInfo {
    /// 0 to 5, set by the caller.
    pub index: u32,
    /// 1: prefetchable.
    pub prefetchable: u32,
    pub address: u64,
    /// Bytes; 0 for a register that is absent or in I/O space.
    pub size: u64,
}

/// What [`IOC_INTERRUPT`] and [`IOC_DMA`] exchange.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct FdReply {
    pub index: u32,
    pub fd: i32,
}

/// A PCI function, as the driver that was given it sees it.
#[derive(Debug)]
pub struct PciDevice {
    fd: OwnedFd,
    config: Vec<u8>,
}

impl PciDevice {
    /// The device that the supervisor handed to this process.
    pub fn inherited() -> Result<PciDevice> {
        PciDevice::new(native::inherited("device").ok_or(Errno::NODEV)?)
    }

    /// A function from an open descriptor of `/dev/pci/…`.
    pub fn new(fd: OwnedFd) -> Result<PciDevice> {
        let mut config = vec![0; 256];
        let len = rustix::io::pread(&fd, &mut config, 0)?;
        if len < 64 {
            return Err(Errno::NODEV);
        }
        Ok(PciDevice { fd, config })
    }

    /// Configuration space as it was when the device was opened (header and capabilities).
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The little-endian word at `offset` of the configuration space, 0 beyond its end.
    #[must_use]
    pub fn config_u32(&self, offset: usize) -> u32 {
        let bytes = self.config.get(offset..offset + 4);
        bytes.map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    #[must_use]
    pub fn vendor(&self) -> u16 {
        self.config_u32(0) as u16
    }

    #[must_use]
    pub fn device(&self) -> u16 {
        (self.config_u32(0) >> 16) as u16
    }

    /// Offsets of the capabilities with this id (PCI 3.0, 6.7).
    #[must_use]
    pub fn capabilities(&self, id: u8) -> Vec<usize> {
        capabilities(&self.config, id)
    }

    /// Address and size of a base address register.
    pub fn bar_info(&self, index: u32) -> Result<BarInfo> {
        let mut info = BarInfo {
            index,
            ..BarInfo::default()
        };
        native::ioctl(self.fd.as_fd(), IOC_BAR, &mut info)?;
        Ok(info)
    }

    /// Maps a base address register's memory.
    pub fn bar(&self, index: u32) -> Result<DeviceMemory> {
        let info = self.bar_info(index)?;
        if info.size == 0 {
            return Err(Errno::NXIO);
        }
        self.bar_part(index, 0, info.size as usize)
    }

    /// Maps `len` bytes of a register's memory from `offset`, a multiple of 4096.
    pub fn bar_part(&self, index: u32, offset: u64, len: usize) -> Result<DeviceMemory> {
        DeviceMemory::map(self.fd.as_fd(), (u64::from(index) << 32) + offset, len)
    }

    /// The descriptor that stands for a register's memory: for passing it on to a client's mmap.
    #[must_use]
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The device's message-signalled interrupt number `index`, enabled.
    pub fn interrupt(&self, index: u32) -> Result<Interrupt> {
        self.fd_reply(IOC_INTERRUPT, index).map(Interrupt::new)
    }

    /// The right to allocate DMA memory; lets the device master the bus.
    pub fn dma(&self) -> Result<Dma> {
        self.fd_reply(IOC_DMA, 0).map(Dma::new)
    }

    fn fd_reply(&self, command: u32, index: u32) -> Result<OwnedFd> {
        let mut reply = FdReply { index, fd: -1 };
        native::ioctl(self.fd.as_fd(), command, &mut reply)?;
        if reply.fd < 0 {
            return Err(Errno::IO);
        }
        // SAFETY: the kernel installed this descriptor for the call that has just returned.
        Ok(unsafe { OwnedFd::from_raw_fd(reply.fd) })
    }
}

/// Offsets of the capabilities with this id in a configuration space. The list's links come from the
/// device: each is followed once at most.
#[must_use]
pub fn capabilities(config: &[u8], id: u8) -> Vec<usize> {
    const STATUS_HAS_LIST: u8 = 1 << 4;
    let mut found = Vec::new();
    if config.len() < 256 || config[6] & STATUS_HAS_LIST == 0 {
        return found;
    }
    let mut next = usize::from(config[0x34] & !3);
    for _ in 0..48 {
        if next < 64 {
            break;
        }
        if config[next] == id {
            found.push(next);
        }
        next = usize::from(config[next + 1] & !3);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_list_that_loops_ends() {
        let mut config = vec![0u8; 256];
        config[6] = 1 << 4;
        config[0x34] = 0x40;
        config[0x40..0x42].copy_from_slice(&[9, 0x40]);
        let found = capabilities(&config, 9);
        assert!(found.iter().all(|at| *at == 0x40) && found.len() <= 48);
        assert!(capabilities(&config, 5).is_empty());
    }
}
