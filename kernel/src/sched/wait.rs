//! Waiting for a condition.
//!
//! A [`WaitQueue`] belongs to the object whose condition can change; whoever changes it calls
//! [`WaitQueue::wake_all`] or [`WaitQueue::wake_one`] after the change. A sleeper queues itself,
//! declares that it is about to sleep, checks the condition, and sleeps: a wake-up between check
//! and sleep finds the declaration and cancels the sleep, so none is lost.
//!
//! Wakers run with no lock of the queue held, on copies of the entries: an entry may be woken once
//! after it was removed, which every [`Wake`] must bear.

use super::cpu;
use super::timer;
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::lock_order;
use crate::time::{Clock, Deadline};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::sync::SpinLock;

/// Something to be told that a condition may have changed: a sleeping thread, an epoll set.
pub trait Wake: Send + Sync {
    /// Whether a sleeper was woken by this call. `events` says what happened ([`Events::all`] when
    /// the source does not say).
    fn wake(self: Arc<Self>, events: Events) -> bool;
}

/// Names an entry, for its removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u64);

struct Entries {
    next: u64,
    /// In order of arrival, so sorted by number.
    list: Vec<(u64, Arc<dyn Wake>)>,
}

/// How many entries are copied out at a time.
const BATCH: usize = 8;

pub struct WaitQueue {
    entries: SpinLock<Entries>,
}

impl WaitQueue {
    #[must_use]
    pub const fn new() -> WaitQueue {
        let entries = Entries {
            next: 0,
            list: Vec::new(),
        };
        WaitQueue {
            entries: SpinLock::new(lock_order::WAIT_QUEUE, entries),
        }
    }

    /// Has `waker` called at every wake-up from now on.
    pub fn add(&self, waker: Arc<dyn Wake>) -> Entry {
        let mut entries = self.entries.lock();
        let number = entries.next;
        entries.next += 1;
        entries.list.push((number, waker));
        Entry(number)
    }

    pub fn remove(&self, entry: Entry) {
        let mut entries = self.entries.lock();
        let removed = match entries.list.binary_search_by_key(&entry.0, |e| e.0) {
            Ok(at) => Some(entries.list.remove(at)),
            Err(_) => None,
        };
        drop(entries);
        drop(removed);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.lock().list.is_empty()
    }

    /// Wakes everyone.
    pub fn wake_all(&self, events: Events) {
        self.wake(events, usize::MAX);
    }

    /// Wakes sleepers in order of arrival until one was really asleep. Entries that never report a
    /// woken sleeper (epoll sets) are all told.
    pub fn wake_one(&self, events: Events) -> bool {
        self.wake(events, 1) > 0
    }

    /// Wakes at most `limit` sleepers; returns how many.
    pub fn wake(&self, events: Events, limit: usize) -> usize {
        let mut woken = 0;
        let mut from = 0;
        loop {
            let mut batch: [Option<Arc<dyn Wake>>; BATCH] = [const { None }; BATCH];
            let full = {
                let entries = self.entries.lock();
                let start = entries.list.partition_point(|e| e.0 < from);
                let mut count = 0;
                for (number, waker) in entries.list[start..].iter().take(BATCH) {
                    batch[count] = Some(waker.clone());
                    from = number + 1;
                    count += 1;
                }
                count == BATCH
            };
            for waker in batch.into_iter().flatten() {
                if waker.wake(events) {
                    woken += 1;
                    if woken >= limit {
                        return woken;
                    }
                }
            }
            if !full {
                return woken;
            }
        }
    }

    /// Sleeps until `condition` gives a value; a signal ends it with [`Errno::RESTART`].
    pub fn wait<T>(&self, condition: impl FnMut() -> Option<T>) -> Result<T> {
        wait_until(&[self], None, Interrupt::Signals, condition)
    }

    /// As [`WaitQueue::wait`], but signals wait too: for waits that end soon by themselves.
    pub fn wait_uninterrupted<T>(&self, condition: impl FnMut() -> Option<T>) -> T {
        match wait_until(&[self], None, Interrupt::Never, condition) {
            Ok(value) => value,
            Err(_) => unreachable!("a wait without deadline and signals ends by its condition"),
        }
    }
}

impl Default for WaitQueue {
    fn default() -> WaitQueue {
        WaitQueue::new()
    }
}

/// What, besides its condition, ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Any signal that the thread does not block, with [`Errno::RESTART`].
    Signals,
    /// Only a signal that kills the process, with [`Errno::RESTART`].
    Kill,
    Never,
}

/// Sleeps until `condition` gives a value. It is checked at once, then after each wake-up of one of
/// `queues`; it may take any lock. Past the deadline, `ETIMEDOUT`.
pub fn wait_until<T>(
    queues: &[&WaitQueue],
    deadline: Option<Deadline>,
    interrupt: Interrupt,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    let thread = cpu::current();
    let mut entries: [Option<Entry>; 4] = [None; 4];
    let mut more: Vec<Entry> = Vec::new();
    for (i, queue) in queues.iter().enumerate() {
        let entry = queue.add(thread.clone());
        match entries.get_mut(i) {
            Some(slot) => *slot = Some(entry),
            None => more.push(entry),
        }
    }
    let arm = || deadline.map(|at| timer::arm(at, thread.clone()));
    let mut timer = arm();
    let result = loop {
        thread.prepare_to_sleep();
        if let Some(value) = condition() {
            break Ok(value);
        }
        if thread.is_interrupted(interrupt) {
            break Err(Errno::RESTART);
        }
        if deadline.is_some_and(Deadline::has_come) {
            break Err(Errno::ETIMEDOUT);
        }
        let is_real = deadline.is_some_and(|at| at.clock == Clock::Real);
        if is_real && !timer.is_some_and(timer::is_armed) {
            timer = arm();
        }
        cpu::sleep(&thread);
    };
    let woken = thread.cancel_sleep();
    // Who was woken for the condition's sake takes what it was woken for, or nobody would.
    let result = match result {
        Err(error) if woken => condition().ok_or(error),
        other => other,
    };
    if let Some(timer) = timer {
        timer::cancel(timer);
    }
    let all = entries.into_iter().flatten().chain(more);
    for (queue, entry) in queues.iter().zip(all) {
        queue.remove(entry);
    }
    result
}

/// Sleeps until the deadline.
pub fn sleep_until(deadline: Deadline, interrupt: Interrupt) -> Result {
    match wait_until(&[], Some(deadline), interrupt, || None::<()>) {
        Err(Errno::ETIMEDOUT) => Ok(()),
        other => other,
    }
}
