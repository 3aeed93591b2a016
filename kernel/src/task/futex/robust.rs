//! Robust lists: the locks that a thread says it holds, in its own memory, to be marked when it
//! ends.

use super::wake_owners_waiter;
use crate::errno::Result;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::uaccess;

/// Entries of a robust list that are looked at, lest it be a ring.
const LIMIT: usize = 2048;
/// Set in an entry's address: its word says who owns it, and is handed on as such.
const OWNED: usize = 1;

/// Marks the locks that the thread still holds as owned by a dead one, and wakes a waiter of each.
pub(super) fn release_list(thread: &Arc<Thread>) {
    let head = thread.robust_list.swap(0, Ordering::Relaxed);
    if head != 0 {
        // A list that can't be read is the program's own affair.
        let _ = walk(thread, head);
    }
}

fn walk(thread: &Arc<Thread>, head: usize) -> Result {
    let word = |addr: usize| UserPtr::<usize>::new(addr).read();
    let offset = word(head.wrapping_add(8))? as isize;
    let pending = word(head.wrapping_add(16))?;
    let mut entry = word(head)?;
    for _ in 0..LIMIT {
        if entry & !OWNED == head || entry == 0 {
            break;
        }
        let next = word(entry & !OWNED);
        if entry & !OWNED != pending & !OWNED {
            release(thread, entry, offset, false)?;
        }
        entry = next?;
    }
    if pending & !OWNED != 0 {
        release(thread, pending, offset, true)?;
    }
    Ok(())
}

/// `pending`: the thread was about to take this lock or to let go of it.
fn release(thread: &Arc<Thread>, entry: usize, offset: isize, pending: bool) -> Result {
    let is_owned = entry & OWNED != 0;
    let addr = (entry & !OWNED).wrapping_add_signed(offset);
    let mut seen = uaccess::load_u32(addr)?;
    loop {
        let owner = seen & raw::FUTEX_TID_MASK;
        if owner != thread.tid() {
            // It may have freed the word, and died before it woke the next.
            if pending && !is_owned && owner == 0 {
                wake_owners_waiter(thread.process(), addr);
            }
            return Ok(());
        }
        let new = (seen & raw::FUTEX_WAITERS) | raw::FUTEX_OWNER_DIED;
        let found = uaccess::cmpxchg_u32(addr, seen, new)?;
        if found == seen {
            break;
        }
        seen = found;
    }
    if seen & raw::FUTEX_WAITERS != 0 && !is_owned {
        wake_owners_waiter(thread.process(), addr);
    }
    Ok(())
}
