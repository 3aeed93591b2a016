//! A range of I/O ports.

use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use core::any::Any;
use ochre_abi::native::PortIo;
use ochre_hal::port::{self, Width};

/// See the module's header.
pub struct PortsFile {
    first: u16,
    count: u16,
}

impl PortsFile {
    /// EPERM for ports that the kernel keeps.
    pub fn new(first: u64, count: u64) -> Result<PortsFile> {
        let (Ok(first), Ok(count)) = (u16::try_from(first), u16::try_from(count)) else {
            return Err(Errno::EINVAL);
        };
        if count == 0 || first.checked_add(count).is_none() {
            return Err(Errno::EINVAL);
        }
        if !port::is_grantable(first, count) {
            return Err(Errno::EPERM);
        }
        Ok(PortsFile { first, count })
    }

    /// One access; the value read, or written.
    pub fn access(&self, io: &PortIo) -> Result<u32> {
        let width = match io.width {
            1 => Width::Byte,
            2 => Width::Word,
            4 => Width::Dword,
            _ => return Err(Errno::EINVAL),
        };
        let inside = io
            .offset
            .checked_add(u16::from(io.width))
            .is_some_and(|end| end <= self.count);
        if !inside {
            return Err(Errno::EPERM);
        }
        let port = self.first + io.offset;
        if io.write != 0 {
            port::output(port, width, io.value).map_err(|_| Errno::EPERM)?;
            return Ok(io.value);
        }
        port::input(port, width).map_err(|_| Errno::EPERM)
    }
}

impl File for PortsFile {
    fn poll(&self) -> Events {
        Events::empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
