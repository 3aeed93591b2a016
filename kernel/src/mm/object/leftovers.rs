//! Pages of large objects that are gone. The last owner may go with locks held and interrupts off: its
//! thread keeps the pages, and lets go of them bit by bit when it holds no lock.

use super::Dropped;
use crate::lock_order;
use crate::sched::cpu;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// What a thread has yet to let go of.
pub struct Leftovers {
    some: AtomicBool,
    dropped: SpinLock<Vec<Dropped>>,
}

impl Leftovers {
    #[must_use]
    pub fn none() -> Leftovers {
        Leftovers {
            some: AtomicBool::new(false),
            dropped: SpinLock::new(lock_order::CELL, Vec::new()),
        }
    }

    /// Keeps it; without memory for that it goes at once.
    fn put(&self, dropped: Dropped) {
        let mut all = self.dropped.lock();
        if all.room(1).is_ok() {
            all.push(dropped);
            self.some.store(true, Ordering::Relaxed);
        }
    }

    /// Lets go of all; other threads run meanwhile. Called by the thread itself, which holds no spinlock.
    #[inline]
    pub fn let_go(&self) {
        if self.some.load(Ordering::Relaxed) {
            self.let_go_of_some();
        }
    }

    #[cold]
    fn let_go_of_some(&self) {
        self.some.store(false, Ordering::Relaxed);
        let all = core::mem::take(&mut *self.dropped.lock());
        for dropped in all {
            dropped.let_go();
            cpu::breathe();
        }
    }
}

/// Leaves the pages to the current thread, if there is one.
pub(super) fn leave(dropped: Dropped) {
    if let Some(thread) = cpu::try_current() {
        thread.leftovers.put(dropped);
    }
}

/// The current thread lets go of what it has. The caller holds no spinlock.
pub fn let_go() {
    if let Some(thread) = cpu::try_current() {
        thread.leftovers.let_go();
    }
}
