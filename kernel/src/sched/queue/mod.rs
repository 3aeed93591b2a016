//! The run queue of one CPU: real-time threads by priority, then fair ones ([`fair`]). When the real-time
//! ones have used their part of a second, fair ones come first until it is over.

mod fair;

pub use fair::SLICE;

use super::entity::{Entity, SCHED_RR, WEIGHT_NICE_0};
use crate::task::thread::Thread;
use alloc::collections::BinaryHeap;
use alloc::sync::Arc;
use core::cmp::Ordering as Order;
use core::sync::atomic::Ordering;
use fair::Fair;

/// Of each period, real-time threads have this much of a CPU before the others, in nanoseconds: what
/// Linux gives by default. So a real-time thread that never ends takes nobody the system.
const PERIOD: u64 = 1_000_000_000;
const BUDGET: u64 = 950_000_000;

/// How long a thread of SCHED_RR runs before another one of its priority, in nanoseconds: as on Linux.
pub const QUANTUM: u64 = 100_000_000;

/// A fair thread runs at least for so long before one with an earlier deadline, in nanoseconds.
const PROTECTED: u64 = 250_000;

/// How long a woken thread waits for its waker's CPU, in nanoseconds: most wakers sleep soon, and who wakes
/// another one has often more to say to it.
pub const GRACE: u64 = 30_000;

/// Why a thread that could go on leaves its CPU.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// Its time is over, or somebody more urgent came.
    Way,
    /// It wants the others to run.
    Turn,
}

/// A real-time thread that waits: the greatest priority first, and of equals the smallest place.
struct Urgent {
    priority: u8,
    place: i64,
    thread: Arc<Thread>,
}

impl Urgent {
    fn key(&self) -> (u8, core::cmp::Reverse<i64>) {
        (self.priority, core::cmp::Reverse(self.place))
    }
}

impl PartialEq for Urgent {
    fn eq(&self, other: &Urgent) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Urgent {}

impl PartialOrd for Urgent {
    fn partial_cmp(&self, other: &Urgent) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Urgent {
    fn cmp(&self, other: &Urgent) -> Order {
        self.key().cmp(&other.key())
    }
}

pub struct RunQueue {
    urgent: BinaryHeap<Urgent>,
    /// Places of those that came last, and that were put back first.
    last: i64,
    first: i64,
    fair: Fair<Arc<Thread>>,
    /// Since when what runs does, and up to when it was charged.
    since: u64,
    charged: u64,
    /// Whether that is a real-time thread.
    runs_urgent: bool,
    /// When the present period began, and how long real-time threads have run in it.
    period: u64,
    used: u64,
}

impl RunQueue {
    pub const fn new() -> RunQueue {
        RunQueue {
            urgent: BinaryHeap::new(),
            last: 0,
            first: 0,
            fair: Fair::new(),
            since: 0,
            charged: 0,
            runs_urgent: false,
            period: 0,
            used: 0,
        }
    }

    /// Whether real-time threads have used what they have of this period.
    fn is_spent(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.period) >= PERIOD {
            (self.period, self.used) = (now / PERIOD * PERIOD, 0);
        }
        self.used >= BUDGET
    }

    /// Charges what runs up to now.
    fn charge(&mut self, now: u64) {
        let nanos = now.saturating_sub(self.charged);
        self.charged = now;
        if !self.runs_urgent {
            self.fair.charge(nanos);
        } else if !self.is_spent(now) {
            self.used += nanos.min(now.saturating_sub(self.period));
        }
    }

    fn push_urgent(&mut self, priority: u8, first: bool, thread: Arc<Thread>) {
        let place = if first {
            self.first -= 1;
            self.first
        } else {
            self.last += 1;
            self.last
        };
        self.urgent.push(Urgent {
            priority,
            place,
            thread,
        });
    }

    /// A thread is ready.
    pub fn push(&mut self, thread: Arc<Thread>, now: u64) {
        self.charge(now);
        match thread.sched.realtime() {
            0 => {
                let lag = thread.sched.lag.swap(0, Ordering::Relaxed);
                let weight = thread.sched.weight();
                self.fair.join(thread, weight, lag);
            }
            priority => self.push_urgent(priority, false, thread),
        }
    }

    /// What runs leaves the CPU, charged; its real-time priority.
    fn stop(&mut self, entity: &Entity, now: u64) -> u8 {
        self.charge(now);
        let priority = self.follow(entity);
        let nanos = entity.time.stop(now);
        if core::mem::take(&mut self.runs_urgent) {
            entity.turn.fetch_add(nanos, Ordering::Relaxed);
        }
        priority
    }

    /// What runs goes to sleep, or ends.
    pub fn leave(&mut self, entity: &Entity, now: u64) {
        if self.stop(entity, now) == 0 {
            entity.lag.store(self.fair.leave(), Ordering::Relaxed);
        }
    }

    /// What runs waits again.
    pub fn put_back(&mut self, thread: Arc<Thread>, gives: Gives, now: u64) {
        let sched = &thread.sched;
        let priority = self.stop(sched, now);
        if priority == 0 {
            let weight = sched.weight();
            return self.fair.put_back(thread, weight, gives == Gives::Turn);
        }
        let is_over = sched.policy.load(Ordering::Relaxed) == SCHED_RR
            && sched.turn.load(Ordering::Relaxed) >= QUANTUM;
        if is_over {
            sched.turn.store(0, Ordering::Relaxed);
        }
        let keeps_turn = gives == Gives::Way && !is_over;
        self.push_urgent(priority, keeps_turn, thread);
    }

    /// The thread to run next on `cpu`, whose queue this is. Threads that another CPU has not yet let go of
    /// stay.
    pub fn pop(&mut self, cpu: usize, now: u64) -> Option<Arc<Thread>> {
        let allowed = |thread: &Arc<Thread>| is_allowed(thread, cpu);
        let fair_first = self.urgent.is_empty() || self.is_spent(now);
        let fair = fair_first.then(|| self.fair.pick(allowed)).flatten();
        let (urgent, thread) = match fair {
            Some(thread) => (false, thread),
            None => match self.take_urgent(allowed) {
                Some(thread) => (true, thread),
                None => (false, self.fair.pick(allowed)?),
            },
        };
        self.begin(urgent, now);
        Some(thread)
    }

    fn begin(&mut self, urgent: bool, now: u64) {
        self.runs_urgent = urgent;
        (self.since, self.charged) = (now, now);
    }

    fn take_urgent(&mut self, may: impl Fn(&Arc<Thread>) -> bool) -> Option<Arc<Thread>> {
        if self.urgent.peek().is_some_and(|first| may(&first.thread)) {
            return self.urgent.pop().map(|first| first.thread);
        }
        // Rare: the best may not run here or now. Take the best of those that may.
        let best = self.urgent.iter().filter(|u| may(&u.thread)).max()?;
        let best = best.thread.clone();
        self.urgent.retain(|u| !Arc::ptr_eq(&u.thread, &best));
        Some(best)
    }

    /// The thread that `cpu` may best have of this queue, which is another CPU's.
    pub fn take(&mut self, cpu: usize) -> Option<Arc<Thread>> {
        self.take_most_urgent(cpu)
            .or_else(|| self.take_fair(cpu, u64::MAX))
    }

    /// As [`take`](Self::take), of the real-time threads.
    pub fn take_most_urgent(&mut self, cpu: usize) -> Option<Arc<Thread>> {
        self.take_urgent(|thread| is_allowed(thread, cpu))
    }

    /// As [`take`](Self::take), of the fair threads that weigh no more than `most`.
    pub fn take_fair(&mut self, cpu: usize, most: u64) -> Option<Arc<Thread>> {
        let allowed =
            |thread: &Arc<Thread>| is_allowed(thread, cpu) && thread.sched.weight() <= most;
        let (thread, lag) = self.fair.take(allowed)?;
        thread.sched.lag.store(lag, Ordering::Relaxed);
        Some(thread)
    }

    /// The highest real-time priority that waits here, 0 when only fair threads do.
    pub fn top_urgent(&self) -> u8 {
        self.urgent.peek().map_or(0, |urgent| urgent.priority)
    }

    /// How much the fair threads ask of this CPU, the running one included.
    pub fn load(&self) -> u64 {
        if self.runs_urgent {
            // They have the twentieth part that is left to them.
            (self.fair.weight() + WEIGHT_NICE_0) * (PERIOD / (PERIOD - BUDGET))
        } else {
            self.fair.weight()
        }
    }

    /// Has a thread run that did not wait here.
    pub fn run(&mut self, entity: &Entity, now: u64) {
        let urgent = entity.realtime() > 0;
        if !urgent {
            let lag = entity.lag.swap(0, Ordering::Relaxed);
            self.fair.run(entity.weight(), lag);
        }
        self.begin(urgent, now);
    }

    pub fn len(&self) -> usize {
        self.urgent.len() + self.fair.len()
    }

    /// Takes a thread out, if it is here.
    pub fn remove(&mut self, thread: &Arc<Thread>) -> bool {
        if let Some((thread, lag)) = self.fair.remove(|other| Arc::ptr_eq(other, thread)) {
            thread.sched.lag.store(lag, Ordering::Relaxed);
            return true;
        }
        let before = self.urgent.len();
        self.urgent
            .retain(|urgent| !Arc::ptr_eq(&urgent.thread, thread));
        self.urgent.len() < before
    }

    /// Whether a thread waits here that `cpu` may run, if not yet.
    pub fn has_for(&self, cpu: usize) -> bool {
        let urgent = self.urgent.iter().map(|urgent| &urgent.thread);
        let mut all = urgent.chain(self.fair.waiting());
        all.any(|thread| thread.sched.may_run_on(cpu))
    }

    /// What runs may be of another class than it was when it began: the real-time priority that it has now.
    fn follow(&mut self, running: &Entity) -> u8 {
        let priority = running.realtime();
        let urgent = priority > 0;
        if urgent != self.runs_urgent {
            self.runs_urgent = urgent;
            if urgent {
                running.lag.store(self.fair.leave(), Ordering::Relaxed);
            } else {
                let lag = running.lag.swap(0, Ordering::Relaxed);
                self.fair.run(running.weight(), lag);
            }
        }
        priority
    }

    /// When the thread that runs, as `running` says, is to make room for one that waits: never, if none does.
    pub fn turn_ends(&mut self, running: &Entity, now: u64) -> Option<u64> {
        self.charge(now);
        let mine = self.follow(running);
        let top = self.top_urgent();
        if top == 0 && self.fair.len() == 0 {
            return None;
        }
        let spent = self.is_spent(now);
        // Among themselves they go by urgency, spent or not.
        if top > mine && (mine > 0 || !spent) {
            let grace = if mine == 0 { GRACE } else { 0 };
            return Some(now.saturating_add(grace));
        }
        if mine > 0 {
            let budget = match self.fair.len() {
                0 => u64::MAX,
                _ => BUDGET.saturating_sub(self.used),
            };
            let quantum = if top == mine && running.policy.load(Ordering::Relaxed) == SCHED_RR {
                let ran = running.turn.load(Ordering::Relaxed) + now.saturating_sub(self.since);
                QUANTUM.saturating_sub(ran)
            } else {
                u64::MAX
            };
            return Some(now.saturating_add(budget.min(quantum)));
        }
        if self.fair.len() == 0 {
            // Who waits has used up its part of the period.
            return Some(now.saturating_add(SLICE));
        }
        let mut left = self.fair.left();
        if self.fair.presses() {
            let ran = now.saturating_sub(self.since);
            left = left.min(PROTECTED.saturating_sub(ran));
        }
        Some(now.saturating_add(left))
    }
}

/// Whether `cpu` may run it, and no other one is still on its stack.
fn is_allowed(thread: &Arc<Thread>, cpu: usize) -> bool {
    let sched = &thread.sched;
    sched.may_run_on(cpu)
        && (!sched.on_cpu.load(Ordering::Acquire)
            || sched.cpu.load(Ordering::Relaxed) == cpu as u32)
}
