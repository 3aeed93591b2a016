//! Timers: each CPU has a queue ordered by deadline, and its one-shot hardware timer is set to the
//! earliest thing that the CPU has to do.

use super::cpu;
use crate::lock_order;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use ochre_hal::sync::SpinLock;

/// What a timer does. Runs from the timer interrupt, which finds no lock held: it may take
/// spinlocks and wake threads, and must not sleep.
pub trait Expire: Send + Sync {
    fn expire(self: Arc<Self>);
}

/// An armed timer, for [`cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    cpu: usize,
    deadline: u64,
    sequence: u64,
}

struct Timers {
    sequence: u64,
    by_deadline: BTreeMap<(u64, u64), Arc<dyn Expire>>,
}

/// The timers of one CPU.
pub struct TimerQueue {
    timers: SpinLock<Timers>,
}

impl Default for TimerQueue {
    fn default() -> TimerQueue {
        TimerQueue::new()
    }
}

impl TimerQueue {
    pub const fn new() -> TimerQueue {
        let timers = Timers {
            sequence: 0,
            by_deadline: BTreeMap::new(),
        };
        TimerQueue {
            timers: SpinLock::new(lock_order::TIMER, timers),
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<u64> {
        self.timers
            .lock()
            .by_deadline
            .first_key_value()
            .map(|(key, _)| key.0)
    }

    /// Runs what is due at `now`.
    pub fn run(&self, now: u64) {
        loop {
            let due = {
                let mut timers = self.timers.lock();
                match timers.by_deadline.first_entry() {
                    Some(first) if first.key().0 <= now => first.remove(),
                    _ => return,
                }
            };
            due.expire();
        }
    }
}

/// Has `target` called once monotonic time reaches `deadline`.
pub fn arm(deadline: u64, target: Arc<dyn Expire>) -> Timer {
    let here = cpu::this();
    let mut timers = here.timers.timers.lock();
    let sequence = timers.sequence;
    timers.sequence += 1;
    let first = timers
        .by_deadline
        .first_key_value()
        .is_none_or(|(key, _)| deadline < key.0);
    timers.by_deadline.insert((deadline, sequence), target);
    drop(timers);
    if first {
        here.program_timer();
    }
    Timer {
        cpu: ochre_hal::cpu::id(),
        deadline,
        sequence,
    }
}

/// Whether the timer was still to come; its action does not run any more then.
pub fn cancel(timer: Timer) -> bool {
    let queue = &cpu::on(timer.cpu).timers;
    let removed = queue
        .timers
        .lock()
        .by_deadline
        .remove(&(timer.deadline, timer.sequence));
    removed.is_some()
}
