//! Timers: each CPU has a queue for each clock, ordered by deadline, and its one-shot hardware timer is
//! set to the earliest thing that the CPU has to do.
//!
//! Setting real time moves no timer: what comes first by it is only due at another monotonic time, to
//! which each CPU sets its hardware timer anew.

use super::cpu;
use crate::lock_order;
use crate::time::{Clock, Deadline};
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
    deadline: Deadline,
    sequence: u64,
}

impl Timer {
    fn key(&self) -> Key {
        (self.deadline.at, self.sequence)
    }
}

/// Deadline and sequence.
type Key = (u64, u64);
type ByDeadline = BTreeMap<Key, Arc<dyn Expire>>;

struct Timers {
    sequence: u64,
    monotonic: ByDeadline,
    real: ByDeadline,
}

impl Timers {
    fn by(&mut self, clock: Clock) -> &mut ByDeadline {
        match clock {
            Clock::Monotonic => &mut self.monotonic,
            Clock::Real => &mut self.real,
        }
    }

    /// The monotonic time of the earliest deadline.
    fn next(&self) -> Option<u64> {
        let first = |timers: &ByDeadline| timers.first_key_value().map(|(key, _)| key.0);
        let real = first(&self.real).map(|at| Deadline::real(at).to_monotonic());
        first(&self.monotonic).into_iter().chain(real).min()
    }

    /// Takes one out that is due at monotonic time `now`.
    fn take_due(&mut self, now: u64) -> Option<Arc<dyn Expire>> {
        [Clock::Monotonic, Clock::Real]
            .into_iter()
            .find_map(|clock| {
                let now = clock.at(now);
                let first = self.by(clock).first_entry()?;
                (first.key().0 <= now).then(|| first.remove())
            })
    }
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
            monotonic: BTreeMap::new(),
            real: BTreeMap::new(),
        };
        TimerQueue {
            timers: SpinLock::new(lock_order::TIMER, timers),
        }
    }

    /// The monotonic time of the earliest deadline.
    pub fn next(&self) -> Option<u64> {
        self.timers.lock().next()
    }

    /// Runs what is due at `now`.
    pub fn run(&self, now: u64) {
        loop {
            let Some(due) = self.timers.lock().take_due(now) else {
                return;
            };
            due.expire();
        }
    }
}

/// Has `target` called once `deadline` has come.
pub fn arm(deadline: Deadline, target: Arc<dyn Expire>) -> Timer {
    let here = cpu::this();
    let mut timers = here.timers.timers.lock();
    let timer = Timer {
        cpu: ochre_hal::cpu::id(),
        deadline,
        sequence: timers.sequence,
    };
    timers.sequence += 1;
    let at = deadline.to_monotonic();
    let first = timers.next().is_none_or(|next| at < next);
    timers.by(deadline.clock).insert(timer.key(), target);
    drop(timers);
    if first {
        here.program_timer();
    }
    timer
}

/// Whether the timer was still to come; its action does not run any more then.
pub fn cancel(timer: Timer) -> bool {
    let queue = &cpu::on(timer.cpu).timers;
    let mut timers = queue.timers.lock();
    let removed = timers.by(timer.deadline.clock).remove(&timer.key());
    drop(timers);
    removed.is_some()
}

/// Whether the timer is still to come. One of real time may have come before that was set back.
#[must_use]
pub fn is_armed(timer: Timer) -> bool {
    let queue = &cpu::on(timer.cpu).timers;
    let mut timers = queue.timers.lock();
    timers.by(timer.deadline.clock).contains_key(&timer.key())
}

/// Real time was set: has every CPU look when its next timer is due.
pub fn realtime_was_set() {
    cpu::this().program_timer();
    cpu::kick_others();
}
