//! Segments: 4 MiB, aligned to their size, so that a block finds its segment by masking its address. Slot 0 holds the
//! header, the others pages: runs of slots that hold blocks of one size, or one block (a span).
//!
//! A new segment is mapped in part, so that a small program neither reserves nor gets huge-page backed memory that it
//! will not use; the rest follows at first need. A heap's first segments are never backed by huge pages.

use super::heap::{FreeBlock, Heap};
use super::map;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

pub const SEGMENT: usize = 4 << 20;
pub const SLOT: usize = 64 << 10;
const SLOTS: usize = SEGMENT / SLOT;
/// Slots mapped at first.
const INITIAL: usize = 16;
/// How many segments of a heap are small pages only: what a program of middling size leaves unused of each would
/// count as its own.
const SMALL: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum SegmentKind {
    Slots,
    Huge,
}

/// A run of slots. Owned by one heap; other threads touch `remote` and `next_notified` only.
pub struct Page {
    pub free: *mut FreeBlock,
    /// Memory from here to `limit` was never handed out.
    pub fresh: *mut u8,
    pub limit: *mut u8,
    pub used: usize,
    pub block_size: usize,
    pub heap: *mut Heap,
    pub next: *mut Page,
    pub previous: *mut Page,
    pub class: u8,
    /// Off its class's list, because nothing in it is free.
    pub full: bool,
    /// The never handed out part is zero, as the kernel gave it.
    pub clean: bool,
    slots: u8,
    /// How many slots before this one the page begins.
    back: u8,
    pub remote: AtomicPtr<FreeBlock>,
    pub next_notified: *mut Page,
}

#[repr(C)]
pub struct Segment {
    pub kind: SegmentKind,
    pub next: *mut Segment,
    pub previous: *mut Segment,
    /// One bit per slot: mapped and in no page.
    free: u64,
    /// One bit per slot: was in a page before, so its memory is not zero.
    dirty: u64,
    mapped: usize,
    /// May be backed by huge pages.
    large: bool,
    pages: [Page; SLOTS],
}

const _: () = assert!(size_of::<Segment>() <= SLOT);

impl Segment {
    /// The header of the segment that holds `block`. A block may end up at the very end of an area (huge.rs), never at
    /// the start of one.
    #[inline(always)]
    pub fn of(block: *mut u8) -> *mut Segment {
        ((block as usize - 1) & !(SEGMENT - 1)) as *mut Segment
    }

    #[inline(always)]
    pub unsafe fn page_of(segment: *mut Segment, block: *mut u8) -> *mut Page {
        let slot = (block as usize - segment as usize) / SLOT;
        let page = (&raw mut (*segment).pages).cast::<Page>().add(slot);
        page.sub((*page).back as usize)
    }

    /// A segment for a heap that has so many others.
    pub unsafe fn create(others: usize) -> *mut Segment {
        let segment = map::aligned(INITIAL * SLOT, SEGMENT, 0).cast::<Segment>();
        if !segment.is_null() {
            (*segment).kind = SegmentKind::Slots;
            (*segment).large = others >= SMALL;
            (*segment).mapped = INITIAL;
            (*segment).free = bits(1, INITIAL - 1);
        }
        segment
    }

    pub unsafe fn destroy(segment: *mut Segment) {
        let size = (*segment).mapped * SLOT;
        map::unmap(segment.cast(), size);
    }

    /// Nothing of it is in use.
    pub unsafe fn is_empty(segment: *mut Segment) -> bool {
        (*segment).free == bits(1, (*segment).mapped - 1)
    }

    /// A page of `count` free slots for `heap`, or null.
    pub unsafe fn take(segment: *mut Segment, heap: *mut Heap, count: usize) -> *mut Page {
        let Some(first) = find((*segment).free, count).or_else(|| Self::grow(segment, count))
        else {
            return ptr::null_mut();
        };
        let run = bits(first, count);
        let dirty = (*segment).dirty & run;
        (*heap).kept -= dirty.count_ones() as usize;
        (*segment).free &= !run;
        (*segment).dirty |= run;
        let pages = (&raw mut (*segment).pages).cast::<Page>();
        for slot in 0..count {
            (*pages.add(first + slot)).back = slot as u8;
        }
        let page = pages.add(first);
        let start = segment.cast::<u8>().add(first * SLOT);
        (*page).free = ptr::null_mut();
        (*page).fresh = start;
        (*page).limit = start.add(count * SLOT);
        (*page).used = 0;
        (*page).heap = heap;
        (*page).slots = count as u8;
        (*page).clean = dirty == 0;
        (*page).full = false;
        (*page).next = ptr::null_mut();
        (*page).previous = ptr::null_mut();
        page
    }

    unsafe fn grow(segment: *mut Segment, count: usize) -> Option<usize> {
        let mapped = (*segment).mapped;
        if mapped == SLOTS {
            return None;
        }
        let rest = (SLOTS - mapped) * SLOT;
        if !map::extend(segment.cast::<u8>().add(mapped * SLOT), rest) {
            return None;
        }
        if !(*segment).large {
            map::keep_small(segment.cast(), SEGMENT);
        }
        (*segment).mapped = SLOTS;
        (*segment).free |= bits(mapped, SLOTS - mapped);
        find((*segment).free, count)
    }

    /// Gives a page's slots back.
    pub unsafe fn give(segment: *mut Segment, page: *mut Page) {
        let first = Self::slot(segment, page);
        let count = (*page).slots as usize;
        (*segment).free |= bits(first, count);
        (*(*page).heap).kept += count;
    }

    /// How many free slots have memory.
    pub unsafe fn kept(segment: *mut Segment) -> usize {
        ((*segment).free & (*segment).dirty).count_ones() as usize
    }

    /// Gives the memory of free slots back to the kernel; returns how many still have some.
    pub unsafe fn purge(segment: *mut Segment) -> usize {
        let mut rest = (*segment).free & (*segment).dirty;
        while rest != 0 {
            let first = rest.trailing_zeros() as usize;
            let count = (rest >> first).trailing_ones() as usize;
            let run = bits(first, count);
            // Where the kernel refuses, the slots are as they were.
            if map::discard(segment.cast::<u8>().add(first * SLOT), count * SLOT) {
                (*segment).dirty &= !run;
            }
            rest &= !run;
        }
        Self::kept(segment)
    }

    unsafe fn slot(segment: *mut Segment, page: *mut Page) -> usize {
        page.offset_from((&raw mut (*segment).pages).cast::<Page>()) as usize
    }

    /// Makes a span longer or shorter where it is, if it can.
    pub unsafe fn resize_span(segment: *mut Segment, page: *mut Page, size: usize) -> bool {
        let (old, new) = ((*page).slots as usize, size.div_ceil(SLOT).max(2));
        let first = Self::slot(segment, page);
        let heap = (*page).heap;
        if new <= old {
            (*segment).free |= bits(first + new, old - new);
            (*heap).kept += old - new;
        } else {
            if first + new > (*segment).mapped {
                return false;
            }
            let more = bits(first + old, new - old);
            if (*segment).free & more != more {
                return false;
            }
            (*heap).kept -= ((*segment).dirty & more).count_ones() as usize;
            (*segment).free &= !more;
            (*segment).dirty |= more;
            let pages = (&raw mut (*segment).pages).cast::<Page>();
            for slot in old..new {
                (*pages.add(first + slot)).back = slot as u8;
            }
        }
        (*page).slots = new as u8;
        (*page).block_size = new * SLOT;
        true
    }
}

impl Page {
    /// Called by a thread that does not own the page.
    #[cold]
    pub unsafe fn free_remote(page: *mut Page, block: *mut FreeBlock) {
        let heap = (*page).heap;
        let mut head = (*page).remote.load(Ordering::Relaxed);
        loop {
            (*block).next = head;
            match (*page).remote.compare_exchange_weak(
                head,
                block,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        // The first block of a batch tells the owner; until it has looked, the page is not notified again.
        if head.is_null() {
            Heap::notify(heap, page);
        }
    }
}

const fn bits(first: usize, count: usize) -> u64 {
    if count == 0 {
        return 0;
    }
    (u64::MAX >> (64 - count)) << first
}

/// The first run of `count` set bits.
fn find(free: u64, count: usize) -> Option<usize> {
    let mut runs = free;
    // After n steps a bit stands for n + 1 set bits from it on.
    for _ in 1..count {
        runs &= runs >> 1;
    }
    if runs == 0 {
        None
    } else {
        Some(runs.trailing_zeros() as usize)
    }
}
