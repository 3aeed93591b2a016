//! Memory that devices reach: RAM whose addresses its driver is told.
//!
//! A device knows nothing of processes: it writes to this memory until it is told to stop, also when
//! its driver has been killed, and the PCI server with it. So the memory belongs to the device, not to who has
//! mapped it, and is let go either by the driver (which has told the device before), or, all of it, by who holds
//! the right to allocate it and has stopped the device.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, View};
use crate::fs::node::Attributes;
use crate::fs::unnamed;
use crate::lock_order;
use crate::mm::object::MemoryObject;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_abi::native::DmaSegment;
use ochre_hal::addr::PAGE_SIZE;
use ochre_hal::admission::Room;
use ochre_hal::frame::{self, Frame};
use ochre_hal::sync::SpinLock;

/// The right to allocate memory for a device.
pub struct DmaFile(Arc<Pool>);

/// What has been allocated for a device.
struct Pool {
    device: u64,
    limit: u64,
    held: SpinLock<Held>,
}

/// Those of devices that may be at work.
static POOLS: SpinLock<BTreeMap<u64, Arc<Pool>>> =
    SpinLock::new(lock_order::SCHEME, BTreeMap::new());

#[derive(Default)]
struct Held {
    bytes: u64,
    /// By the allocation's inode number.
    memory: BTreeMap<u64, (Arc<MemoryObject>, u64)>,
}

/// One allocation.
pub struct DmaMemory {
    memory: Arc<MemoryObject>,
    length: u64,
    ino: u64,
    pool: Arc<Pool>,
}

impl DmaFile {
    /// For the device of this number. Who asks again gets the right to what there is.
    #[must_use]
    pub fn new(device: u64, limit: u64) -> DmaFile {
        let mut pools = POOLS.lock();
        let pool = pools.entry(device).or_insert_with(|| {
            Arc::new(Pool {
                device,
                limit,
                held: SpinLock::new(lock_order::SCHEME, Held::default()),
            })
        });
        DmaFile(pool.clone())
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
        if length == 0 || length > self.0.limit {
            return Err(Errno::EINVAL);
        }
        let reservation = Reservation::new(&self.0, length)?;
        let frames = frames((length / PAGE_SIZE as u64) as usize, contiguous)?;
        let segments = segments(&frames);
        if segments.len() > pieces {
            return Err(Errno::ENOSPC);
        }
        let memory = MemoryObject::from_frames(frames);
        Ok((reservation.keep(memory), segments))
    }

    /// The device has been stopped; see [`ochre_abi::native::DMA_FREE`].
    pub fn free(&self) {
        let mut pools = POOLS.lock();
        let listed = pools.get(&self.0.device);
        let mine = listed.is_some_and(|pool| Arc::ptr_eq(pool, &self.0));
        let pool = mine.then(|| pools.remove(&self.0.device));
        drop(pools);
        let mut held = self.0.held.lock();
        let memory = core::mem::take(&mut held.memory);
        held.bytes -= memory.values().map(|(_, length)| length).sum::<u64>();
        drop(held);
        // Many frames may go: not under a lock.
        drop((pool, memory));
    }
}

/// Bytes counted before there is memory for them.
struct Reservation<'a> {
    pool: &'a Arc<Pool>,
    length: u64,
}

impl Reservation<'_> {
    fn new(pool: &Arc<Pool>, length: u64) -> Result<Reservation<'_>> {
        let mut held = pool.held.lock();
        let bytes = held.bytes.checked_add(length);
        held.bytes = bytes
            .filter(|bytes| *bytes <= pool.limit)
            .ok_or(Errno::ENOMEM)?;
        Ok(Reservation { pool, length })
    }

    fn keep(self, memory: Arc<MemoryObject>) -> DmaMemory {
        let allocation = DmaMemory {
            memory: memory.clone(),
            length: self.length,
            ino: unnamed::next_ino(),
            pool: self.pool.clone(),
        };
        let kept = (memory, self.length);
        self.pool.held.lock().memory.insert(allocation.ino, kept);
        core::mem::forget(self);
        allocation
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.pool.held.lock().bytes -= self.length;
    }
}

impl DmaMemory {
    /// The device has been told; see [`ochre_abi::native::DMA_FREE`].
    pub fn free(&self) {
        let mut held = self.pool.held.lock();
        let removed = held.memory.remove(&self.ino);
        if let Some((_, length)) = &removed {
            held.bytes -= length;
        }
        // The last reference may free many frames: not under the lock.
        drop(held);
        drop(removed);
    }
}

/// Zeroed frames, in runs as long as they come: a device follows few long pieces faster.
fn frames(pages: usize, contiguous: bool) -> Result<Vec<Frame>> {
    if contiguous {
        return Ok(frame::alloc_contiguous(pages, None)?);
    }
    let mut all = Vec::new();
    all.room_exact(pages)?;
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

    /// Clients are given display memory as dma-bufs, whose size they ask so.
    fn length_to_seek(&self) -> Option<u64> {
        Some(self.length)
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
