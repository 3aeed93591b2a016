//! Memory that devices reach: RAM whose addresses its driver is told.

use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::fs::node::Attributes;
use crate::fs::unnamed;
use crate::mm::object::MemoryObject;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use ochre_abi::native::DmaSegment;
use ochre_hal::addr::PAGE_SIZE;
use ochre_hal::frame::{self, Frame};

/// The right to allocate.
pub struct DmaFile {
    limit: u64,
    /// Bytes allocated through this descriptor and still in use.
    used: Arc<AtomicU64>,
}

/// One allocation.
pub struct DmaMemory {
    memory: Arc<MemoryObject>,
    length: u64,
    used: Arc<AtomicU64>,
    ino: u64,
}

impl DmaFile {
    #[must_use]
    pub fn new(limit: u64) -> DmaFile {
        DmaFile {
            limit,
            used: Arc::default(),
        }
    }

    /// `length` bytes, rounded up to pages, zeroed, in `pieces` pieces at most.
    pub fn alloc(
        &self,
        length: u64,
        contiguous: bool,
        pieces: usize,
    ) -> Result<(DmaMemory, Vec<DmaSegment>)> {
        let length = length
            .checked_next_multiple_of(PAGE_SIZE as u64)
            .ok_or(Errno::EINVAL)?;
        if length == 0 || length > self.limit {
            return Err(Errno::EINVAL);
        }
        let used = self.used.fetch_add(length, Ordering::AcqRel);
        let release = |error| {
            self.used.fetch_sub(length, Ordering::AcqRel);
            error
        };
        if used + length > self.limit {
            return Err(release(Errno::ENOMEM));
        }
        let pages = (length / PAGE_SIZE as u64) as usize;
        let frames = frames(pages, contiguous).map_err(release)?;
        let segments = segments(&frames);
        if segments.len() > pieces {
            return Err(release(Errno::ENOSPC));
        }
        let memory = MemoryObject::from_frames(frames);
        let used = self.used.clone();
        Ok((
            DmaMemory {
                memory,
                length,
                used,
                ino: unnamed::next_ino(),
            },
            segments,
        ))
    }
}

/// Zeroed frames, in runs as long as they come: a device follows few long pieces faster.
fn frames(pages: usize, contiguous: bool) -> Result<Vec<Frame>> {
    if contiguous {
        return Ok(frame::alloc_contiguous(pages, None)?);
    }
    let mut all = Vec::new();
    all.try_reserve_exact(pages)?;
    let mut run = 256;
    while all.len() < pages {
        let wanted = run.min(pages - all.len());
        match frame::alloc_contiguous(wanted, None) {
            Ok(frames) => all.extend(frames),
            Err(error) if run == 1 => return Err(error.into()),
            Err(_) => run /= 4,
        }
    }
    Ok(all)
}

fn segments(frames: &[Frame]) -> Vec<DmaSegment> {
    let mut list: Vec<DmaSegment> = Vec::new();
    for frame in frames {
        let bus_address = frame.addr().0;
        match list.last_mut() {
            Some(last) if last.bus_address + last.length == bus_address => {
                last.length += PAGE_SIZE as u64;
            }
            _ => list.push(DmaSegment {
                bus_address,
                length: PAGE_SIZE as u64,
            }),
        }
    }
    list
}

impl File for DmaFile {
    fn poll(&self) -> Events {
        Events::empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl File for DmaMemory {
    fn attributes(&self) -> Result<Attributes> {
        let mut attributes = unnamed::attributes(0o600);
        attributes.ino = self.ino;
        attributes.size = self.length;
        Ok(attributes)
    }

    fn memory(&self, offset: u64, len: usize, _write: bool) -> Result<(Arc<MemoryObject>, u64)> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.length => Ok((self.memory.clone(), offset)),
            _ => Err(Errno::ENXIO),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for DmaMemory {
    fn drop(&mut self) {
        self.used.fetch_sub(self.length, Ordering::AcqRel);
    }
}
