//! The machine's capability, and what is derived from it.

use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::scheme::dma::DmaFile;
use crate::scheme::framebuffer::FramebufferFile;
use crate::scheme::interrupt::InterruptFile;
use crate::scheme::physical::PhysicalFile;
use crate::scheme::ports::PortsFile;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_abi::native::{Derive, DeriveKind, IRQ_ACTIVE_LOW, IRQ_LEVEL, MAP_WRITE_COMBINING};
use ochre_hal::paging::Cache;

/// Authority over the whole machine.
pub struct MachineFile(());

impl MachineFile {
    /// The only one there ever is.
    pub fn take() -> Result<MachineFile> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(Errno::EBUSY);
        }
        Ok(MachineFile(()))
    }

    /// A narrower capability.
    pub fn derive(&self, what: &Derive) -> Result<Arc<dyn File>> {
        let is = |kind: DeriveKind| what.kind == kind as u32;
        if is(DeriveKind::Physical) {
            let cache = if what.flags & MAP_WRITE_COMBINING != 0 {
                Cache::WriteCombining
            } else {
                Cache::Uncached
            };
            return Ok(Arc::new(PhysicalFile::new(what.start, what.length, cache)?));
        }
        if is(DeriveKind::Ports) {
            return Ok(Arc::new(PortsFile::new(what.start, what.length)?));
        }
        if is(DeriveKind::Gsi) {
            let gsi = u32::try_from(what.start).map_err(|_| Errno::EINVAL)?;
            let (level, low) = (
                what.flags & IRQ_LEVEL != 0,
                what.flags & IRQ_ACTIVE_LOW != 0,
            );
            return Ok(InterruptFile::line(gsi, level, low)?);
        }
        if is(DeriveKind::Msi) {
            return Ok(InterruptFile::message()?);
        }
        if is(DeriveKind::Dma) {
            return Ok(Arc::new(DmaFile::new(what.start, what.length)));
        }
        if is(DeriveKind::Framebuffer) {
            return Ok(Arc::new(FramebufferFile::new()?));
        }
        Err(Errno::EINVAL)
    }
}

impl File for MachineFile {
    fn poll(&self) -> Events {
        Events::empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
