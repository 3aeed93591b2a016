//! Futexes: sleeping on a word of user memory.
//!
//! A word is named by where it is: private ones by address space and address, shared ones by memory
//! object and offset, so that all who map it meet. Names hash to buckets ([`table`]). In [`wait`]
//! the words mean nothing to the kernel. In [`owned`] they say who has a lock (FUTEX_LOCK_PI), and
//! who waits for it is handed it.

mod calls;
mod owned;
mod robust;
mod table;
mod urgency;
mod wait;

pub use calls::{call, dispatch};
pub use owned::Owned;

use super::process::Process;
use super::thread::Thread;
use crate::linux::general as raw;
use alloc::sync::Arc;
use ochre_hal::uaccess;

/// The thread ends: its tid word becomes zero, and one waiter (pthread_join) wakes.
pub(super) fn clear_and_wake(process: &Process, addr: usize) {
    if uaccess::store_u32(addr, 0).is_ok() {
        wake_owners_waiter(process, addr);
    }
}

/// Wakes one who waits for a word, be it as a private or as a shared one.
fn wake_owners_waiter(process: &Process, addr: usize) {
    for private in [false, true] {
        let _ = wait::wake(process, addr, private, 1, raw::FUTEX_BITSET_MATCH_ANY);
    }
}

/// The thread has another priority: whom it waits for is as urgent.
pub(super) fn reprioritized(thread: &Arc<Thread>) {
    urgency::pass_on(thread);
}

/// The thread ends, or leaves its program: the locks that it still holds are others'.
pub(super) fn release_all(thread: &Arc<Thread>) {
    robust::release_list(thread);
    owned::release(thread);
}
