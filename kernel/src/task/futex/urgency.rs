//! Who has a lock is as urgent as those that wait for it: each waiter lends the owner its real-time priority, or what
//! it was lent itself, until it has the lock or waits no more.
//!
//! A waiter's loan is made, moved and changed under the bucket's lock of its lock, by the priority that its thread has
//! then. Whoever changes what a thread is lent looks, afterwards and with no bucket locked, whether that thread waits
//! too ([`pass_on`]): so the last one to look sees all changes.

use super::owned::waits_for_lock;
use super::table::{self, Waiter};
use crate::lock_order;
use crate::sched::lend::Loan;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::sync::SpinLock;

/// How many owners that wait for each other a priority goes through.
const DEPTH: usize = 64;

/// As what a thread waits to be given a lock.
pub(super) struct Waits(SpinLock<Option<Arc<Waiter>>>);

impl Waits {
    pub const fn new() -> Waits {
        Waits(SpinLock::new(lock_order::CELL, None))
    }

    /// It is about to wait; before it is queued.
    pub fn begin(&self, waiter: &Arc<Waiter>) {
        let before = self.0.lock().replace(waiter.clone());
        drop(before);
    }

    /// It waits no more, and has left the queue.
    pub fn end(&self, waiter: &Waiter) {
        let ended = self.0.lock().take();
        drop(ended);
        if let Some(owner) = take_back(waiter) {
            pass_on(&owner);
        }
    }
}

/// Lends what the waiter has to `owner`, instead of whom it was lent to. Under the lock's bucket's lock.
pub(super) fn lend(waiter: &Waiter, owner: &Arc<Thread>) {
    let Some(lock) = &waiter.lock else { return };
    // Who is given the lock itself waits for nobody.
    let loan = (!Arc::ptr_eq(&waiter.thread, owner))
        .then(|| Loan::new(owner.clone(), waiter.priority.load(Ordering::Relaxed)));
    let before = core::mem::replace(&mut *lock.loan.lock(), loan);
    drop(before);
}

/// Ends the waiter's loan: whose that was.
pub(super) fn take_back(waiter: &Waiter) -> Option<Arc<Thread>> {
    let loan = waiter.lock.as_ref()?.loan.lock().take()?;
    Some(loan.to().clone())
}

/// The thread's priority has changed, or what it was lent: if it waits for a lock, so it is with the owner, and so on.
/// The caller has locked no bucket.
pub(super) fn pass_on(thread: &Arc<Thread>) {
    let mut thread = thread.clone();
    for _ in 0..DEPTH {
        let waiter = thread.owned.waits.0.lock().clone();
        let Some(waiter) = waiter else { return };
        let Some(owner) = renew(&waiter) else { return };
        thread = owner;
    }
}

/// Lends what the waiter's thread has now: to whom, if that is another priority than before.
fn renew(waiter: &Arc<Waiter>) -> Option<Arc<Thread>> {
    let mut bucket = waiter.lock.as_ref()?.key.bucket();
    let lock = waits_for_lock(waiter)?;
    if waiter.is_woken() || !bucket.iter().any(|w| Arc::ptr_eq(w, waiter)) {
        return None;
    }
    let priority = waiter.thread.sched.realtime();
    if waiter.priority.swap(priority, Ordering::Relaxed) == priority {
        return None;
    }
    table::take(&mut bucket, waiter);
    waiter.enter(&mut bucket);
    let mut loan = lock.loan.lock().take()?;
    loan.change(priority);
    let owner = loan.to().clone();
    *lock.loan.lock() = Some(loan);
    Some(owner)
}
