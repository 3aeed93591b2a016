//! What is known of each frame of RAM: owners, and what it is used for. One table, indexed by
//! frame number, made at boot for all RAM.

use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// States of a frame.
pub mod state {
    /// Not the allocator's: firmware, holes, the kernel's image.
    pub const RESERVED: u8 = 0;
    /// Head of a free block of the buddy allocator.
    pub const FREE: u8 = 1;
    /// Inside an allocated or free block, or alone: nothing to say.
    pub const PLAIN: u8 = 2;
}

pub struct Meta {
    /// Owners of a frame; of a 2 MiB frame as [`super::huge`] counts them. Of one with small objects
    /// of the heap, what [`crate::heap`] keeps there.
    pub owners: AtomicU32,
    pub state: AtomicU8,
    /// Order of a free block.
    pub order: AtomicU8,
}

static TABLE: AtomicPtr<Meta> = AtomicPtr::new(ptr::null_mut());
static LEN: AtomicUsize = AtomicUsize::new(0);

pub const BYTES: usize = size_of::<Meta>();

/// # Safety
/// `table` points at `len` zeroed entries that live for good. Called once.
pub unsafe fn init(table: *mut Meta, len: usize) {
    LEN.store(len, Ordering::Relaxed);
    TABLE.store(table, Ordering::Release);
}

/// Frames in the table.
pub fn len() -> usize {
    LEN.load(Ordering::Relaxed)
}

/// The metadata of frame number `pfn`, which is below [`len`].
#[inline]
pub fn of(pfn: usize) -> &'static Meta {
    debug_assert!(pfn < len());
    // SAFETY: frame numbers come from allocated or listed frames, all of which the table covers;
    // all fields are atomic, and zero is valid.
    unsafe { &*TABLE.load(Ordering::Relaxed).add(pfn) }
}

/// As [`of`] for a number that may be anything.
pub fn get(pfn: usize) -> Option<&'static Meta> {
    (pfn < len()).then(|| of(pfn))
}
