//! The framebuffer that the firmware set up, for the driver of machines without a better one.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, View};
use crate::scheme::physical::PhysicalFile;
use core::any::Any;
use ochre_abi::native::Framebuffer;
use ochre_hal::boot::{FramebufferInfo, PixelFormat};
use ochre_hal::paging::Cache;
use ochre_hal::sync::Once;

/// See the module's header.
pub struct FramebufferFile {
    memory: PhysicalFile,
    pub info: Framebuffer,
}

/// What the boot loader reported.
static FIRMWARE: Once<FramebufferInfo> = Once::new();

/// Takes what the boot loader reported, at the start.
pub fn init(found: FramebufferInfo) {
    FIRMWARE.set(found);
}

impl FramebufferFile {
    /// ENODEV when the firmware left none, or one of another pixel format.
    pub fn new() -> Result<FramebufferFile> {
        let found = FIRMWARE.get().ok_or(Errno::ENODEV)?;
        if !matches!(found.format, PixelFormat::Bgrx) {
            return Err(Errno::ENODEV);
        }
        let bytes = u64::from(found.stride) * u64::from(found.height);
        let memory = PhysicalFile::new(found.addr.0, bytes, Cache::WriteCombining)?;
        let info = Framebuffer {
            width: found.width,
            height: found.height,
            stride: found.stride,
            _reserved: 0,
        };
        Ok(FramebufferFile { memory, info })
    }
}

impl File for FramebufferFile {
    fn poll(&self) -> Events {
        Events::empty()
    }

    fn memory(&self, offset: u64, len: usize, write: bool) -> Result<View> {
        self.memory.memory(offset, len, write)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
