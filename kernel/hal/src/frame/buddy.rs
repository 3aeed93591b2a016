//! The buddy allocator: free blocks of 2^order frames, aligned to their size.
//!
//! The links of the free lists lie in the free blocks themselves, reached through the direct map;
//! the metadata of a block's first frame says that it is free, and its order. All under one lock;
//! single frames go through the CPUs' caches and seldom come here.

use super::meta::{self, state};
use crate::addr::PAGE_SIZE;
use crate::memory::direct;
use core::sync::atomic::Ordering;

/// Largest block: 32 MiB.
pub const MAX_ORDER: usize = 13;

const NONE: usize = 0;

/// The first bytes of a free block.
struct Links {
    next: usize,
    previous: usize,
}

pub struct Buddy {
    /// First frame number of each order's list; 0: empty (frame 0 is never free).
    heads: [usize; MAX_ORDER + 1],
    free: usize,
    total: usize,
}

fn links(pfn: usize) -> *mut Links {
    direct((pfn * PAGE_SIZE) as u64).cast()
}

impl Buddy {
    pub const fn new() -> Buddy {
        Buddy {
            heads: [NONE; MAX_ORDER + 1],
            free: 0,
            total: 0,
        }
    }

    pub fn free_frames(&self) -> usize {
        self.free
    }

    pub fn total_frames(&self) -> usize {
        self.total
    }

    fn push(&mut self, pfn: usize, order: usize) {
        let next = self.heads[order];
        // SAFETY: both blocks are free, so their memory is this list's to write.
        unsafe {
            links(pfn).write(Links {
                next,
                previous: NONE,
            });
            if next != NONE {
                (*links(next)).previous = pfn;
            }
        }
        self.heads[order] = pfn;
        let meta = meta::of(pfn);
        meta.order.store(order as u8, Ordering::Relaxed);
        meta.state.store(state::FREE, Ordering::Relaxed);
    }

    fn unlink(&mut self, pfn: usize, order: usize) {
        // SAFETY: the block is on the list, so its links are valid, and so are its neighbours'.
        unsafe {
            let Links { next, previous } = links(pfn).read();
            if previous == NONE {
                self.heads[order] = next;
            } else {
                (*links(previous)).next = next;
            }
            if next != NONE {
                (*links(next)).previous = previous;
            }
        }
        meta::of(pfn).state.store(state::PLAIN, Ordering::Relaxed);
    }

    /// Splits the block down to `order`; returns the lowest part.
    fn split(&mut self, pfn: usize, from: usize, order: usize) -> usize {
        for half in (order..from).rev() {
            self.push(pfn + (1 << half), half);
        }
        self.free -= 1 << order;
        pfn
    }

    /// Takes a block of 2^`order` frames.
    pub fn alloc(&mut self, order: usize) -> Option<usize> {
        let from = (order..=MAX_ORDER).find(|&o| self.heads[o] != NONE)?;
        let pfn = self.heads[from];
        self.unlink(pfn, from);
        Some(self.split(pfn, from, order))
    }

    /// As [`Self::alloc`], with all of the block below frame number `below`.
    pub fn alloc_below(&mut self, order: usize, below: usize) -> Option<usize> {
        for from in order..=MAX_ORDER {
            let mut pfn = self.heads[from];
            while pfn != NONE {
                if pfn + (1 << order) <= below {
                    self.unlink(pfn, from);
                    return Some(self.split(pfn, from, order));
                }
                // SAFETY: the block is on the list.
                pfn = unsafe { (*links(pfn)).next };
            }
        }
        None
    }

    /// Gives a block back, joining it with its free buddies.
    pub fn free(&mut self, mut pfn: usize, mut order: usize) {
        self.free += 1 << order;
        while order < MAX_ORDER {
            let buddy = pfn ^ (1 << order);
            let joins = meta::get(buddy).is_some_and(|m| {
                m.state.load(Ordering::Relaxed) == state::FREE
                    && usize::from(m.order.load(Ordering::Relaxed)) == order
            });
            if !joins {
                break;
            }
            self.unlink(buddy, order);
            pfn &= !(1 << order);
            order += 1;
        }
        self.push(pfn, order);
    }

    /// Gives frames of any range to the allocator for the first time.
    pub fn add_range(&mut self, mut pfn: usize, end: usize) {
        while pfn < end {
            let by_alignment = (pfn.trailing_zeros() as usize).min(MAX_ORDER);
            let by_length = (end - pfn).ilog2() as usize;
            let order = by_alignment.min(by_length);
            self.total += 1 << order;
            self.free(pfn, order);
            pfn += 1 << order;
        }
    }
}

impl Buddy {
    /// Counts frames that others hold now and will give back one day.
    pub fn adopt(&mut self, frames: usize) {
        self.total += frames;
    }
}
