//! The allocator.
//!
//! Every thread has a [`Heap`]; a heap owns segments of 4 MiB, cut into slots of 64 KiB, which form pages of blocks of one
//! size (segment.rs). Allocating and freeing on the same thread takes no lock and no atomic operation. A block that
//! another thread frees goes onto its page's remote list, and the first of a batch also puts the page onto the owner's
//! list of pages to look at. When a thread ends, its heap waits for the next thread to take it over, blocks and all, so
//! a heap is never freed and a page's owner is always valid memory.
//!
//! Over 1 MiB a block is a mapping of its own (huge.rs).

mod class;
mod heap;
mod huge;
mod map;
mod segment;

pub use heap::{Heap, abandon, lock, unlock};

use crate::errno;
use class::{Class, LARGEST, SPAN_LARGEST};
use core::ffi::{c_int, c_void};
use core::ptr;
use segment::{Page, Segment, SegmentKind};

/// What an allocation brings along: whether its memory is known to be zero.
pub struct Block {
    at: *mut u8,
    zero: bool,
}

#[inline(always)]
unsafe fn allocate(size: usize) -> Block {
    let heap = heap::current();
    if size <= LARGEST {
        return (*heap).allocate(Class::of(size));
    }
    large(heap, size)
}

#[cold]
unsafe fn large(heap: *mut Heap, size: usize) -> Block {
    if size <= SPAN_LARGEST {
        (*heap).allocate_span(size)
    } else {
        huge::allocate(size, 16)
    }
}

fn out_of_memory() -> *mut c_void {
    errno::set(libc::ENOMEM);
    ptr::null_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let block = allocate(size).at;
    if block.is_null() {
        out_of_memory()
    } else {
        block.cast()
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(bytes) = count.checked_mul(size) else {
        return out_of_memory();
    };
    let block = allocate(bytes);
    if block.at.is_null() {
        return out_of_memory();
    }
    if !block.zero {
        crate::string::mem::memset(block.at.cast(), 0, bytes);
    }
    block.at.cast()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    let segment = Segment::of(block.cast());
    if (*segment).kind == SegmentKind::Huge {
        return huge::free(segment.cast());
    }
    let page = Segment::page_of(segment, block.cast());
    let heap = heap::current();
    if (*page).heap == heap {
        (*heap).free(page, block.cast());
    } else {
        Page::free_remote(page, block.cast());
    }
}

/// The bytes that a block really has.
unsafe fn capacity(block: *mut c_void) -> usize {
    let segment = Segment::of(block.cast());
    if (*segment).kind == SegmentKind::Huge {
        return huge::capacity(segment.cast(), block.cast());
    }
    (*Segment::page_of(segment, block.cast())).block_size
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    let old = capacity(block);
    let segment = Segment::of(block.cast());
    // A block that would be more than half empty is given up for a smaller one; a kept mapping may be larger from the start.
    let least = if (*segment).kind == SegmentKind::Huge {
        old / 8
    } else {
        old / 2
    };
    if size <= old && (size >= least || old <= 64) {
        return block;
    }
    if (*segment).kind == SegmentKind::Huge && size > SPAN_LARGEST {
        if let Some(moved) = huge::resize(segment.cast(), block.cast(), size) {
            return moved.cast();
        }
    } else if old > LARGEST && (*segment).kind == SegmentKind::Slots && size <= SPAN_LARGEST {
        let page = Segment::page_of(segment, block.cast());
        if (*page).heap == heap::current() && Segment::resize_span(segment, page, size) {
            return block;
        }
    }
    let moved = malloc(size);
    if !moved.is_null() {
        crate::string::mem::memcpy(moved, block, old.min(size));
        free(block);
    }
    moved
}

unsafe fn aligned(align: usize, size: usize) -> *mut u8 {
    let align = align.max(16);
    // A block of a power-of-two size lies at a multiple of it, as its page begins at a multiple of 64 KiB.
    let Some(natural) = size.max(align).checked_next_power_of_two() else {
        return ptr::null_mut();
    };
    if align == 16 {
        allocate(size).at
    } else if natural <= LARGEST {
        allocate(natural).at
    } else if align <= segment::SLOT && size <= SPAN_LARGEST {
        // A span of one block lies at a multiple of a slot.
        (*heap::current()).allocate_span(size.max(LARGEST + 1)).at
    } else {
        huge::allocate(size, align).at
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return libc::EINVAL;
    }
    let block = aligned(align, size);
    if block.is_null() {
        return libc::ENOMEM;
    }
    *out = block.cast();
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        errno::set(libc::EINVAL);
        return ptr::null_mut();
    }
    let block = aligned(align, size);
    if block.is_null() {
        out_of_memory()
    } else {
        block.cast()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    aligned_alloc(align, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    aligned_alloc(crate::auxv::PAGE, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => realloc(block, bytes),
        None => out_of_memory(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if block.is_null() { 0 } else { capacity(block) }
}
