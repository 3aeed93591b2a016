//! Frames of 2 MiB, and how they become 512 small ones.
//!
//! A huge frame begins whole: the first part's metadata counts the owners of all of it, marked by
//! [`WHOLE`]. When one of its owners needs the parts by themselves (a page table that unmaps some
//! of them, or copies one), it is broken up: each part counts its own owners from then on, as many
//! at first as the whole had. Other owners need not know: one of a broken frame owns each part once.
//! So memory comes back part by part, and a part that one owner is left of is known to be its alone.

use super::{For, Frame, HUGE, OutOfMemory, add_owner, drop_owner, may_take, meta, with_buddy};
use crate::addr::{HUGE_SIZE, PAGE_SIZE};
use crate::sync::SpinLock;
use crate::{admission, mem, rank};
use core::mem::ManuallyDrop;
use core::num::NonZeroU64;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

const ORDER: usize = 9;
const PARTS: usize = 1 << ORDER;

/// The first part's count of owners has this bit while the frame is whole.
pub(super) const WHOLE: u32 = 1 << 30;

/// Whole ones that have an owner.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// One breaks up at a time: two would write different counts to the same parts.
static BREAKING: SpinLock<()> = SpinLock::new(rank::BREAKING, ());

/// How readily a huge frame is given out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Eagerness {
    /// Nobody asked for it: only while a quarter of all memory is free, as much of it may stay unused.
    WhilePlenty,
    /// Whenever there is one.
    Always,
}

impl Frame {
    /// A 2 MiB frame. Callers fall back to small ones.
    pub fn alloc_huge_zeroed(eagerness: Eagerness) -> Result<Frame, OutOfMemory> {
        if admission::refused() {
            return Err(OutOfMemory);
        }
        let first = with_buddy(|buddy| {
            let free = buddy.free_frames();
            let plenty = eagerness == Eagerness::Always || free >= buddy.total_frames() / 4;
            if !plenty || !may_take(buddy, For::User, PARTS) {
                return Err(OutOfMemory);
            }
            buddy.alloc(ORDER).ok_or(OutOfMemory)
        })?;
        meta::of(first).owners.store(WHOLE | 1, Ordering::Relaxed);
        COUNT.fetch_add(1, Ordering::Relaxed);
        let phys = (first * PAGE_SIZE) as u64 | HUGE;
        let frame = Frame(NonZeroU64::new(phys).expect("the bit is set"));
        // SAFETY: the frame is new, so nobody else reads or writes it.
        unsafe { mem::zero(frame.pointer(), HUGE_SIZE) };
        Ok(frame)
    }

    /// Gives this owner of a huge frame up for one of each of its parts, which are owned one by one
    /// from now on, by all.
    pub(crate) fn break_up(self) {
        assert!(self.is_huge());
        let first = ManuallyDrop::new(self).pfn();
        let _alone = BREAKING.lock();
        let owners = &meta::of(first).owners;
        let mut old = owners.load(Ordering::Acquire);
        while old & WHOLE != 0 {
            for part in first + 1..first + PARTS {
                meta::of(part).owners.store(old - WHOLE, Ordering::Relaxed);
            }
            match owners.compare_exchange(old, old - WHOLE, Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    COUNT.fetch_sub(1, Ordering::Relaxed);
                    return;
                }
                Err(now) => old = now,
            }
        }
    }
}

/// 4 KiB frames that are parts of whole ones.
pub(super) fn frames() -> usize {
    COUNT.load(Ordering::Relaxed) * PARTS
}

fn parts(first: usize) -> Range<usize> {
    first..first + PARTS
}

/// How many own the frame, or the part of it that has most owners.
pub(super) fn owners(first: usize) -> u32 {
    match meta::of(first).owners.load(Ordering::Acquire) {
        whole if whole & WHOLE != 0 => whole - WHOLE,
        _ => {
            let owners = parts(first).map(|part| meta::of(part).owners.load(Ordering::Acquire));
            owners.max().unwrap_or(0)
        }
    }
}

/// One owner more of the whole.
pub(super) fn add_owner_of_all(first: usize) {
    match change_whole(first, |owners| owners + 1) {
        Some(owners) => assert!(owners < WHOLE - 1, "a frame's owners overflow"),
        None => parts(first).for_each(add_owner),
    }
}

/// One owner less of the whole; the last frees it.
pub(super) fn drop_owner_of_all(first: usize) {
    match change_whole(first, |owners| owners - 1) {
        Some(1) => {
            fence(Ordering::Acquire);
            COUNT.fetch_sub(1, Ordering::Relaxed);
            with_buddy(|buddy| buddy.free(first, ORDER));
        }
        Some(_) => {}
        None => parts(first).for_each(drop_owner),
    }
}

/// Changes the count of owners while the frame is whole; what it was before, `None` if it is broken.
/// (The caller owns it, so it cannot become another meanwhile.)
fn change_whole(first: usize, change: impl Fn(u32) -> u32) -> Option<u32> {
    let update = |old: u32| (old & WHOLE != 0).then(|| WHOLE | change(old - WHOLE));
    let owners = &meta::of(first).owners;
    let old = owners.fetch_update(Ordering::Release, Ordering::Acquire, update);
    old.ok().map(|old| old - WHOLE)
}
