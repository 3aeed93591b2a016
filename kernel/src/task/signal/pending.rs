//! Signals that wait. A standard signal waits once, however often it is sent; real-time signals
//! queue, each with its own information.

use super::info::Payload;
use super::{SIGRTMIN, SigInfo, Signal, SignalSet};
use alloc::collections::VecDeque;
use ochre_hal::admission::Room;

/// Queued instances of one process, beyond which a real-time signal is refused (EAGAIN).
pub const MAX_QUEUED: usize = 4096;

#[derive(Debug, Default)]
pub struct Pending {
    set: SignalSet,
    queue: VecDeque<SigInfo>,
}

/// The queue is full.
#[derive(Debug)]
pub struct QueueFull;

impl Pending {
    #[must_use]
    pub fn new() -> Pending {
        Pending::default()
    }

    #[must_use]
    pub fn set(&self) -> SignalSet {
        self.set
    }

    pub fn add(&mut self, info: SigInfo) -> Result<(), QueueFull> {
        let signal = info.signal;
        if let Payload::Timer { id, .. } = info.payload {
            // A timer's signal waits once, even behind others of the same number.
            if let Some(known) = self.of_timer(signal, id) {
                *known = info;
                return Ok(());
            }
        } else if signal < SIGRTMIN && self.set.has(signal) {
            return Ok(());
        }
        if self.queue.len() >= MAX_QUEUED || self.queue.room(1).is_err() {
            // A standard signal is still marked; only what came with it is lost.
            if signal < SIGRTMIN {
                self.set = self.set.with(signal);
                return Ok(());
            }
            return Err(QueueFull);
        }
        self.set = self.set.with(signal);
        self.queue.push_back(info);
        Ok(())
    }

    /// The signal of timer `timer` that waits.
    fn of_timer(&mut self, signal: Signal, timer: i32) -> Option<&mut SigInfo> {
        self.queue.iter_mut().find(|info| {
            info.signal == signal
                && matches!(info.payload, Payload::Timer { id, .. } if id == timer)
        })
    }

    /// Takes `signal`, if it waits.
    pub fn take(&mut self, signal: Signal) -> Option<SigInfo> {
        if !self.set.has(signal) {
            return None;
        }
        let at = self.queue.iter().position(|i| i.signal == signal);
        let info = at.and_then(|at| self.queue.remove(at));
        if !self.queue.iter().any(|i| i.signal == signal) {
            self.set = self.set.minus(SignalSet::of(signal));
        }
        Some(info.unwrap_or_else(|| SigInfo::user(signal, 0, 0)))
    }

    /// Forgets all signals of `set`.
    pub fn discard(&mut self, set: SignalSet) {
        if !self.set.intersect(set).is_empty() {
            self.set = self.set.minus(set);
            self.queue.retain(|i| !set.has(i.signal));
        }
    }

    pub fn clear(&mut self) {
        self.set = SignalSet::EMPTY;
        self.queue.clear();
    }
}
