//! The user half of an address space, as the CPU sees it.
//!
//! Each present entry owns a [`Frame`] (or names device memory). Methods that take `&mut self`
//! are called with the space's lock held. Changes that take rights away flush the TLBs of all
//! CPUs where the space is active before frames are released.

use crate::addr::PhysAddr;
use crate::frame::{Frame, OutOfMemory};
use bitflags::bitflags;
use core::ops::Range;

bitflags! {
    /// What a mapping allows. Empty: the entry keeps its frame, and every access faults.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Perms: u8 {
        const READ = 1;
        const WRITE = 2;
        const EXEC = 4;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    WriteBack,
    WriteCombining,
    Uncached,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    OutOfMemory,
    /// The address is RAM of the frame allocator.
    IsRam,
}

impl From<OutOfMemory> for MapError {
    fn from(_: OutOfMemory) -> MapError {
        MapError::OutOfMemory
    }
}

/// One present mapping.
pub struct Entry {
    /// A new owner of the frame; none for device memory.
    pub frame: Option<Frame>,
    pub phys: PhysAddr,
    pub perms: Perms,
    pub accessed: bool,
    pub dirty: bool,
    /// 4 KiB or 2 MiB.
    pub size: usize,
}

pub struct PageTable {
    _private: (),
}

impl PageTable {
    pub fn new() -> Result<PageTable, OutOfMemory> {
        todo!()
    }

    /// Maps `frame` at `va`, whose slot is empty. A huge frame needs a 2 MiB aligned address with
    /// no small pages in its 2 MiB.
    pub fn map(&mut self, _va: usize, _frame: Frame, _perms: Perms) -> Result<(), OutOfMemory> {
        todo!()
    }

    /// Whether a huge frame can be mapped at `va`: aligned and nothing below it.
    #[must_use]
    pub fn can_map_huge(&self, _va: usize) -> bool {
        todo!()
    }

    /// Maps one page of device memory.
    pub fn map_device(
        &mut self,
        _va: usize,
        _phys: PhysAddr,
        _perms: Perms,
        _cache: Cache,
    ) -> Result<(), MapError> {
        todo!()
    }

    #[must_use]
    pub fn get(&self, _va: usize) -> Option<Entry> {
        todo!()
    }

    /// Puts `frame` in the place of the 4 KiB page at `va` (splitting a huge one).
    pub fn replace(&mut self, _va: usize, _frame: Frame, _perms: Perms) -> Result<(), OutOfMemory> {
        todo!()
    }

    /// Gives the page at `va` new permissions without a remote flush: for faults that only add
    /// rights.
    pub fn raise(&mut self, _va: usize, _perms: Perms) {
        todo!()
    }

    /// Sets the permissions of all present entries of the range.
    pub fn protect(&mut self, range: Range<usize>, perms: Perms) {
        self.protect_with(range, |_, _| perms);
    }

    /// Sets the permissions of each present entry to what `choose` says for its frame (none:
    /// device memory) and its old permissions.
    pub fn protect_with(
        &mut self,
        _range: Range<usize>,
        _choose: impl FnMut(Option<&Frame>, Perms) -> Perms,
    ) {
        todo!()
    }

    pub fn unmap(&mut self, _range: Range<usize>) {
        todo!()
    }

    /// Shares the range's entries with `child`, at the same addresses; with `write_protect`, both
    /// lose WRITE.
    pub fn fork_into(
        &mut self,
        _child: &mut PageTable,
        _range: Range<usize>,
        _write_protect: bool,
    ) -> Result<(), OutOfMemory> {
        todo!()
    }

    /// Moves the entries of `[from, from+len)` to `to`; the target is empty and doesn't overlap.
    pub fn move_range(&mut self, _from: usize, _to: usize, _len: usize) -> Result<(), OutOfMemory> {
        todo!()
    }

    /// Visits the present entries of the range in order.
    pub fn for_each(&self, _range: Range<usize>, _visit: impl FnMut(usize, &Entry)) {
        todo!()
    }

    /// Clears the accessed or dirty bits of the range, reporting those that were set.
    pub fn clear_dirty(&mut self, _range: Range<usize>, _visit: impl FnMut(usize, Option<&Frame>)) {
        todo!()
    }

    /// Makes this the space that user addresses mean on this CPU.
    pub fn activate(&self) {
        todo!()
    }
}

/// Leaves the active space for the kernel's own, in which no user address is mapped.
pub fn deactivate() {
    todo!()
}
