//! RAM frames: 4 KiB or 2 MiB of memory, shared by reference counting.
//!
//! Contents are only ever copied or touched by atomics, never borrowed, so a frame is safe to use
//! while user space maps and writes it.

use crate::addr::PhysAddr;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// No memory is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// A shared owner of one frame. Cloning adds an owner; the last drop frees.
pub struct Frame {
    _bits: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct FrameStats {
    /// 4 KiB frames that the allocator ever had.
    pub total: usize,
    pub free: usize,
}

impl Frame {
    /// A 4 KiB frame with whatever it held before: the caller overwrites all of it before user
    /// space can see it.
    pub fn alloc() -> Result<Frame, OutOfMemory> {
        todo!()
    }

    pub fn alloc_zeroed() -> Result<Frame, OutOfMemory> {
        todo!()
    }

    /// A 2 MiB frame. Callers fall back to small ones.
    pub fn alloc_huge_zeroed() -> Result<Frame, OutOfMemory> {
        todo!()
    }

    #[must_use]
    pub fn addr(&self) -> PhysAddr {
        todo!()
    }

    #[must_use]
    pub fn size(&self) -> usize {
        todo!()
    }

    /// Whether this is the only owner.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        todo!()
    }

    /// A 4 KiB part of a huge frame (or the frame itself); it shares the whole's ownership, so
    /// the memory is freed when all parts are gone.
    #[must_use]
    pub fn part(&self, _index: usize) -> Frame {
        todo!()
    }

    /// Whether both own the same memory.
    #[must_use]
    pub fn same(&self, other: &Frame) -> bool {
        self.addr() == other.addr()
    }

    pub fn read(&self, _off: usize, _dst: &mut [u8]) {
        todo!()
    }

    pub fn write(&self, _off: usize, _src: &[u8]) {
        todo!()
    }

    pub fn zero(&self, _off: usize, _len: usize) {
        todo!()
    }

    /// Overwrites all of this frame by `src`, which has the same size.
    pub fn copy_from(&self, _src: &Frame) {
        todo!()
    }

    #[must_use]
    pub fn atomic_u32(&self, _off: usize) -> &AtomicU32 {
        todo!()
    }

    #[must_use]
    pub fn atomic_u64(&self, _off: usize) -> &AtomicU64 {
        todo!()
    }
}

impl Clone for Frame {
    fn clone(&self) -> Frame {
        todo!()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        todo!()
    }
}

/// Physically consecutive zeroed frames for DMA, all below `below` if given.
pub fn alloc_contiguous(
    _pages: usize,
    _below: Option<PhysAddr>,
) -> Result<Vec<Frame>, OutOfMemory> {
    todo!()
}

#[must_use]
pub fn stats() -> FrameStats {
    todo!()
}
