//! The run queue of one CPU: real-time threads by priority, then fair ones by virtual deadline. When the
//! real-time ones have used their part of a second, fair ones come first until it is over.
//!
//! A fair thread's virtual run time grows as it runs, slower for heavier weights. When queued, it
//! gets a deadline one weighted slice ahead; the earliest deadline runs next. A sleeper comes back at
//! the queue's clock plus its remembered lag, bounded to a slice either way, so that sleeping can
//! not be used to hoard time.

use super::entity::Entity;
use crate::task::thread::Thread;
use alloc::collections::BinaryHeap;
use alloc::sync::Arc;
use core::cmp::Ordering as Order;
use core::sync::atomic::Ordering;

/// How long a thread runs before an equal one gets its turn, in nanoseconds.
pub const SLICE: u64 = 3_000_000;

/// Of each period, real-time threads have this much of a CPU before the others, in nanoseconds: what
/// Linux gives by default. So a real-time thread that never ends takes nobody the system.
const PERIOD: u64 = 1_000_000_000;
const BUDGET: u64 = 950_000_000;

struct Entry {
    /// 0 … 98 are real-time priorities 99 … 1; 99 is the fair class.
    class: u8,
    /// Fair: virtual deadline. Real-time: nothing, order is by arrival.
    deadline: u64,
    sequence: u64,
    thread: Arc<Thread>,
}

const FAIR: u8 = 99;

impl Entry {
    fn key(&self) -> (u8, u64, u64) {
        (self.class, self.deadline, self.sequence)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    // The heap's top is its greatest: the smallest key.
    fn cmp(&self, other: &Entry) -> Order {
        other.key().cmp(&self.key())
    }
}

pub struct RunQueue {
    heap: BinaryHeap<Entry>,
    /// Virtual time: never goes back, follows the threads that run.
    clock: u64,
    sequence: u64,
    /// When the present period began, and how long real-time threads have run in it.
    period: u64,
    realtime: u64,
}

fn class(entity: &Entity) -> u8 {
    match entity.realtime() {
        0 => FAIR,
        priority => FAIR - priority.min(FAIR),
    }
}

impl RunQueue {
    pub const fn new() -> RunQueue {
        RunQueue {
            heap: BinaryHeap::new(),
            clock: 0,
            sequence: 0,
            period: 0,
            realtime: 0,
        }
    }

    /// Whether real-time threads have used what they have of this period.
    fn is_spent(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.period) >= PERIOD {
            (self.period, self.realtime) = (now / PERIOD * PERIOD, 0);
        }
        self.realtime >= BUDGET
    }

    pub fn push(&mut self, thread: Arc<Thread>) {
        let entity = &thread.sched;
        let bound = SLICE as i64;
        let lag = entity.lag.load(Ordering::Relaxed).clamp(-bound, bound);
        let vruntime = self.clock.saturating_add_signed(lag);
        entity.vruntime.store(vruntime, Ordering::Relaxed);
        let class = class(entity);
        let deadline = if class == FAIR {
            vruntime.saturating_add(entity.to_virtual(SLICE))
        } else {
            0
        };
        self.sequence += 1;
        self.heap.push(Entry {
            class,
            deadline,
            sequence: self.sequence,
            thread,
        });
    }

    /// The thread to run next on `cpu`. Threads that another CPU has not yet let go of stay.
    pub fn pop(&mut self, cpu: usize, now: u64) -> Option<Arc<Thread>> {
        let allowed = |entry: &Entry| {
            let s = &entry.thread.sched;
            s.may_run_on(cpu)
                && (!s.on_cpu.load(Ordering::Acquire)
                    || s.cpu.load(Ordering::Relaxed) == cpu as u32)
        };
        let first = self.heap.peek()?;
        let fair_first = first.class != FAIR && self.is_spent(now);
        let first = self.heap.peek()?;
        let entry = if !fair_first && allowed(first) {
            self.heap.pop()?
        } else {
            // Rare: the best may not run here or now. Take the best of those that may.
            let mut all = core::mem::take(&mut self.heap).into_vec();
            let best = (0..all.len())
                .filter(|&i| allowed(&all[i]))
                .min_by_key(|&i| (fair_first && all[i].class != FAIR, all[i].key()));
            let entry = best.map(|i| all.swap_remove(i));
            self.heap = BinaryHeap::from(all);
            entry?
        };
        if entry.class == FAIR {
            self.clock = self
                .clock
                .max(entry.thread.sched.vruntime.load(Ordering::Relaxed));
        }
        Some(entry.thread)
    }

    /// Books its time on the CPU to a thread that leaves it, and remembers its lag.
    pub fn charge(&mut self, entity: &Entity, now: u64) {
        let nanos = entity.time.stop(now);
        if entity.realtime() > 0 && !self.is_spent(now) {
            self.realtime += nanos.min(now.saturating_sub(self.period));
        }
        let vruntime = entity
            .vruntime
            .load(Ordering::Relaxed)
            .saturating_add(entity.to_virtual(nanos));
        entity
            .lag
            .store(vruntime.wrapping_sub(self.clock) as i64, Ordering::Relaxed);
        if self.heap.is_empty() {
            self.clock = self.clock.max(vruntime);
        }
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Takes a thread out, if it is here.
    pub fn remove(&mut self, thread: &Arc<Thread>) -> bool {
        let before = self.heap.len();
        self.heap
            .retain(|entry| !Arc::ptr_eq(&entry.thread, thread));
        self.heap.len() < before
    }

    /// Whether a thread waits here that `cpu` may run, if not yet.
    pub fn has_for(&self, cpu: usize) -> bool {
        let mut entries = self.heap.iter();
        entries.any(|entry| entry.thread.sched.may_run_on(cpu))
    }

    /// The highest real-time priority that waits here, 0 when only fair threads do.
    pub fn top_realtime(&self) -> u8 {
        self.heap.peek().map_or(0, |e| FAIR - e.class)
    }
}
