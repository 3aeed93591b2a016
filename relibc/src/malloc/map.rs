//! Address space for segments: aligned by asking for aligned places, which costs one call where they are free.

use super::segment::SEGMENT;
use crate::auxv;
use crate::sys::sys;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Where the next segment would like to be; 0 until the first. Far from where the kernel places mappings itself.
static NEXT: AtomicUsize = AtomicUsize::new(0);
const FIRST: usize = 0x2000_0000_0000;
const END: usize = 0x6000_0000_0000;

const PROT: i32 = libc::PROT_READ | libc::PROT_WRITE;
const FLAGS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// Reserves the place for `size` bytes; a random one per process.
fn hint(size: usize) -> usize {
    let size = (size + SEGMENT - 1) & !(SEGMENT - 1);
    let mut next = NEXT.load(Relaxed);
    loop {
        let from = if next == 0 || next + size > END {
            // SAFETY: AT_RANDOM points at 16 bytes.
            let random =
                auxv::get(libc::AT_RANDOM).map_or(0, |at| unsafe { *((at + 8) as *const u32) });
            FIRST + (random as usize & 0xf_ffff) * SEGMENT
        } else {
            next
        };
        match NEXT.compare_exchange_weak(next, from + size, Relaxed, Relaxed) {
            Ok(_) => return from,
            Err(now) => next = now,
        }
    }
}

fn map(at: usize, size: usize, flags: i32) -> Option<*mut u8> {
    // SAFETY: new anonymous memory; MAP_FIXED is not among the flags, so nothing is replaced.
    let result = unsafe { sys!(SYS_mmap, at, size, PROT, FLAGS | flags, -1i32, 0usize) };
    if result as usize > -4096isize as usize {
        None
    } else {
        Some(result as *mut u8)
    }
}

/// Fresh memory wherever the kernel likes.
pub fn anywhere(size: usize) -> Option<*mut u8> {
    map(0, size, 0)
}

/// # Safety
/// Nobody uses the range any more.
pub unsafe fn unmap(at: *mut u8, size: usize) {
    if size != 0 {
        sys!(SYS_munmap, at, size);
    }
}

/// Gives the range's memory back: it reads as zero from now on. Whether the kernel did so.
///
/// # Safety
/// Nobody uses what the range holds any more.
pub unsafe fn discard(at: *mut u8, size: usize) -> bool {
    sys!(SYS_madvise, at, size, libc::MADV_DONTNEED) == 0
}

/// Has the kernel back the range by small pages only.
///
/// # Safety
/// The range is the caller's.
pub unsafe fn keep_small(at: *mut u8, size: usize) {
    // Where the kernel knows no others, all is as it should be.
    sys!(SYS_madvise, at, size, libc::MADV_NOHUGEPAGE);
}

/// Maps `size` bytes that begin as a segment does. `ahead` is how far before a multiple of `align` that is: 0 where a
/// segment's own alignment is enough, else a segment.
pub fn aligned(size: usize, align: usize, ahead: usize) -> *mut u8 {
    let align = align.max(SEGMENT);
    if align == SEGMENT {
        match map(hint(size), size, 0) {
            None => return ptr::null_mut(),
            Some(at) if (at as usize).is_multiple_of(SEGMENT) => return at,
            // SAFETY: just mapped.
            Some(at) => unsafe { unmap(at, size) },
        }
    }
    // Somebody is in the way, or the kernel takes no hints: map more and cut.
    let Some(total) = size.checked_add(align + ahead) else {
        return ptr::null_mut();
    };
    let Some(raw) = map(0, total, libc::MAP_NORESERVE) else {
        return ptr::null_mut();
    };
    let start = ((raw as usize + ahead + align - 1) & !(align - 1)) - ahead;
    let before = start - raw as usize;
    let start = start as *mut u8;
    // SAFETY: both ends of the new mapping lie outside what is returned.
    unsafe {
        unmap(raw, before);
        unmap(start.add(size), total - before - size);
    }
    start
}

/// Maps the range if nothing is there yet.
pub fn extend(at: *mut u8, size: usize) -> bool {
    match map(at as usize, size, libc::MAP_FIXED_NOREPLACE) {
        Some(got) if got == at => true,
        Some(got) => {
            // SAFETY: a kernel without MAP_FIXED_NOREPLACE took it for a hint; the mapping is new.
            unsafe { unmap(got, size) };
            false
        }
        None => false,
    }
}
