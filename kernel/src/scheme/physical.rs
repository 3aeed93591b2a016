//! A range of physical memory that is no RAM: device registers, for mmap.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, View};
use crate::mm::object::MemoryObject;
use alloc::sync::Arc;
use core::any::Any;
use ochre_hal::addr::{PAGE_SIZE, PhysAddr};
use ochre_hal::paging::Cache;

/// See the module's header.
pub struct PhysicalFile {
    memory: Arc<MemoryObject>,
    length: u64,
}

impl PhysicalFile {
    /// EPERM for RAM, which no driver maps by its address.
    pub fn new(start: u64, length: u64, cache: Cache) -> Result<PhysicalFile> {
        let page = PAGE_SIZE as u64;
        let length = length.checked_next_multiple_of(page).ok_or(Errno::EINVAL)?;
        let end = start.checked_add(length).ok_or(Errno::EINVAL)?;
        if length == 0 || !start.is_multiple_of(page) || end > 1 << 46 {
            return Err(Errno::EINVAL);
        }
        let memory = MemoryObject::device(PhysAddr(start), length, cache);
        Ok(PhysicalFile { memory, length })
    }
}

impl File for PhysicalFile {
    fn poll(&self) -> Events {
        Events::empty()
    }

    fn memory(&self, offset: u64, len: usize, _write: bool) -> Result<View> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.length => Ok(View::new(self.memory.clone(), offset)),
            _ => Err(Errno::ENXIO),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
