//! Priority lent to who works for another thread: a server is as urgent as the most urgent of those that wait
//! for it, and the owner of a lock as those that want it, or a thread of middling urgency that never rests could
//! hold up both.

use super::{cpu, placement};
use crate::lock_order;
use crate::task::thread::Thread;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, Ordering};
use ochre_hal::sync::SpinLock;

/// What a thread has been lent.
pub struct Lent {
    /// How many loans there are of each real-time priority.
    loans: SpinLock<BTreeMap<u8, usize>>,
    highest: AtomicU8,
}

impl Default for Lent {
    fn default() -> Lent {
        Lent {
            loans: SpinLock::new(lock_order::CELL, BTreeMap::new()),
            highest: AtomicU8::new(0),
        }
    }
}

impl Lent {
    /// The highest priority that is lent, 0 if none is.
    #[must_use]
    pub fn highest(&self) -> u8 {
        self.highest.load(Ordering::Relaxed)
    }

    /// Changes the loans; whether another priority is the highest now.
    fn change(&self, work: impl FnOnce(&mut BTreeMap<u8, usize>)) -> bool {
        let mut loans = self.loans.lock();
        work(&mut loans);
        let highest = loans.last_key_value().map_or(0, |(priority, _)| *priority);
        self.highest.swap(highest, Ordering::Relaxed) != highest
    }
}

/// A priority, lent until this is dropped.
pub struct Loan {
    to: Arc<Thread>,
    priority: u8,
}

impl Loan {
    /// Lends the real-time priority of the running thread, if it has one. The caller holds no spinlock that
    /// comes after the run queues'.
    #[must_use]
    pub fn of_current(to: &Arc<Thread>) -> Option<Loan> {
        let priority = cpu::current().sched.realtime();
        (priority > 0).then(|| Loan::new(to.clone(), priority))
    }

    /// Lends `priority`, of real time or 0; under the same condition.
    #[must_use]
    pub fn new(to: Arc<Thread>, priority: u8) -> Loan {
        let mut loan = Loan { to, priority: 0 };
        loan.change(priority);
        loan
    }

    /// Who has it.
    #[must_use]
    pub fn to(&self) -> &Arc<Thread> {
        &self.to
    }

    /// Lends another priority from now on.
    pub fn change(&mut self, priority: u8) {
        let old = core::mem::replace(&mut self.priority, priority);
        if old == priority {
            return;
        }
        let differs = self.to.sched.lent.change(|loans| {
            if priority > 0 {
                *loans.entry(priority).or_default() += 1;
            }
            if let Some(count) = loans.get_mut(&old) {
                *count -= 1;
                if *count == 0 {
                    loans.remove(&old);
                }
            }
        });
        if differs {
            placement::reprioritize(&self.to);
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.change(0);
    }
}
