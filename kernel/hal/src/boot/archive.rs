//! The boot archive where the loader put it: a file of whole frames.

use crate::addr::PAGE_SIZE;
use crate::frame::{self, Frame};
use crate::mem;
use crate::memory::direct;

/// The boot module's memory, owned page by page: a page goes back to the allocator when the
/// archive and all that took [`BootArchive::frame`] of it are gone.
pub struct BootArchive {
    phys: u64,
    len: usize,
}

impl BootArchive {
    /// # Safety
    /// `[phys, phys+len)` is RAM inside the frames' table that nobody else uses; `phys` is
    /// page-aligned, and the rest of the last page is nobody's either.
    pub(super) unsafe fn new(phys: u64, len: usize) -> BootArchive {
        let pages = len.div_ceil(PAGE_SIZE);
        // SAFETY: by the caller's promise.
        unsafe {
            mem::zero(direct(phys + len as u64), pages * PAGE_SIZE - len);
            frame::adopt(phys, pages);
        }
        BootArchive { phys, len }
    }

    /// Length in bytes. The archive starts at a page boundary; what follows its last byte in the
    /// last page is zero.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn pages(&self) -> usize {
        self.len.div_ceil(PAGE_SIZE)
    }

    /// Copies from `offset`; stops at the archive's end. Returns the bytes copied.
    pub fn read(&self, offset: usize, dst: &mut [u8]) -> usize {
        let len = self.len.saturating_sub(offset).min(dst.len());
        // SAFETY: the range lies inside the archive, whose frames this value owns.
        unsafe { mem::copy(dst.as_mut_ptr(), direct(self.phys + offset as u64), len) };
        len
    }

    /// A shared owner of the archive's page `index`, usable as a page-cache page.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<Frame> {
        (index < self.pages()).then(|| {
            let phys = self.phys + (index * PAGE_SIZE) as u64;
            // SAFETY: the reference that `adopt` made stays the archive's, the clone is new.
            Frame::clone(&core::mem::ManuallyDrop::new(unsafe {
                Frame::from_raw(phys, false)
            }))
        })
    }
}

impl Drop for BootArchive {
    fn drop(&mut self) {
        for index in 0..self.pages() {
            let phys = self.phys + (index * PAGE_SIZE) as u64;
            // SAFETY: gives up the reference that `adopt` made.
            drop(unsafe { Frame::from_raw(phys, false) });
        }
    }
}
