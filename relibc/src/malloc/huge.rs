//! Blocks over 1 MiB: a mapping each, with its header one page or one alignment before the block. A few freed ones are
//! kept: programs that draw allocate and free the same frame-sized buffers again and again.

use super::Block;
use super::map;
use super::segment::{SEGMENT, SegmentKind};
use crate::auxv::PAGE;
use crate::futex::Lock;
use crate::sys::sys;
use core::ptr;

#[repr(C)]
pub struct Huge {
    /// Where a segment has its kind.
    kind: SegmentKind,
    size: usize,
}

const KEPT: usize = 4;
const KEPT_BYTES: usize = 32 << 20;

struct Cache {
    list: [*mut Huge; KEPT],
    bytes: usize,
}

// SAFETY: the cached mappings are reached only under the lock.
unsafe impl Send for Cache {}

static CACHE: Lock<Cache> = Lock::new(Cache {
    list: [ptr::null_mut(); KEPT],
    bytes: 0,
});

pub fn lock() {
    CACHE.acquire();
}

/// # Safety
/// After [`lock`], by the same thread or its fork's child.
pub unsafe fn unlock() {
    CACHE.release();
}

pub unsafe fn allocate(size: usize, align: usize) -> Block {
    const NONE: Block = Block {
        at: ptr::null_mut(),
        zero: false,
    };
    let offset = align.clamp(PAGE, SEGMENT);
    let Some(total) = size
        .checked_add(offset + PAGE - 1)
        .map(|total| total & !(PAGE - 1))
    else {
        return NONE;
    };
    if total > isize::MAX as usize {
        return NONE;
    }
    if offset == PAGE
        && let Some(kept) = take_cached(total)
    {
        return Block {
            at: kept.cast::<u8>().add(PAGE),
            zero: false,
        };
    }
    let ahead = if align > SEGMENT { SEGMENT } else { 0 };
    let huge = map::aligned(total, align, ahead).cast::<Huge>();
    if huge.is_null() {
        return NONE;
    }
    huge.write(Huge {
        kind: SegmentKind::Huge,
        size: total,
    });
    Block {
        at: huge.cast::<u8>().add(offset),
        zero: true,
    }
}

/// The tightest kept mapping that is not four times too large: its pages are there already, and what grows step by step grows
/// into it.
unsafe fn take_cached(total: usize) -> Option<*mut Huge> {
    let mut cache = CACHE.lock();
    if cache.bytes < total {
        return None;
    }
    let mut best: Option<usize> = None;
    for (index, &huge) in cache.list.iter().enumerate() {
        if !huge.is_null() && (*huge).size >= total && (*huge).size / 4 <= total {
            let tighter = best.is_none_or(|best| (*huge).size < (*cache.list[best]).size);
            if tighter {
                best = Some(index);
            }
        }
    }
    let index = best?;
    let huge = core::mem::replace(&mut cache.list[index], ptr::null_mut());
    cache.bytes -= (*huge).size;
    Some(huge)
}

pub unsafe fn free(huge: *mut Huge) {
    let size = (*huge).size;
    {
        let mut cache = CACHE.lock();
        if cache.bytes + size <= KEPT_BYTES {
            for index in 0..KEPT {
                if cache.list[index].is_null() {
                    cache.list[index] = huge;
                    cache.bytes += size;
                    return;
                }
            }
        }
    }
    map::unmap(huge.cast(), size);
}

pub unsafe fn capacity(huge: *mut Huge, block: *mut u8) -> usize {
    (*huge).size - (block as usize - huge as usize)
}

/// Grows or shrinks in place, or moves the pages instead of their contents.
pub unsafe fn resize(huge: *mut Huge, block: *mut u8, size: usize) -> Option<*mut u8> {
    let offset = block as usize - huge as usize;
    let total = size.checked_add(offset + PAGE - 1)? & !(PAGE - 1);
    if total > isize::MAX as usize {
        return None;
    }
    let old = (*huge).size;
    if sys!(SYS_mremap, huge, old, total, 0i32) >= 0 {
        (*huge).size = total;
        return Some(block);
    }
    if offset != PAGE {
        return None;
    }
    let place = map::aligned(total, SEGMENT, 0);
    if place.is_null() {
        return None;
    }
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    if sys!(SYS_mremap, huge, old, total, flags, place) < 0 {
        map::unmap(place, total);
        return None;
    }
    (*place.cast::<Huge>()).size = total;
    Some(place.add(PAGE))
}
