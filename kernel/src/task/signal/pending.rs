//! Signals that wait. A standard signal waits once, however often it is sent; real-time signals
//! queue, each with its own information.

use super::info::Payload;
use super::{SIGRTMIN, SigInfo, Signal, SignalSet};
use crate::task::limits::Resource;
use crate::task::process::Process;
use crate::task::shares::{Share, Shares};
use alloc::collections::VecDeque;
use ochre_hal::admission::Room;

/// What waits for the processes of each user.
static QUEUED: Shares = Shares::new();

/// One signal that waits.
#[derive(Debug)]
struct Queued {
    info: SigInfo,
    /// A timer's signal has none: there is one for each timer at most.
    _share: Option<Share>,
}

/// Whose limit of waiting signals counts: the receiver's user, and RLIMIT_SIGPENDING.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    uid: u32,
    limit: u64,
}

impl Allowance {
    #[must_use]
    pub fn of(process: &Process) -> Allowance {
        Allowance {
            uid: process.credentials().uid.real,
            limit: process.limit(Resource::PendingSignals),
        }
    }
}

#[derive(Debug, Default)]
pub struct Pending {
    set: SignalSet,
    queue: VecDeque<Queued>,
}

/// si_code of what kill sends.
const SI_USER: i32 = 0;

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

    /// How many wait with information of their own.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Adds a signal for a process with this allowance.
    pub fn add(&mut self, info: SigInfo, allowance: Allowance) -> Result<(), QueueFull> {
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
        let share = match info.payload {
            Payload::Timer { .. } => Ok(None),
            _ => {
                // What the kernel and kill send counts, but is never too much.
                let free = signal < SIGRTMIN && info.code >= 0;
                let limit = if free { u64::MAX } else { allowance.limit };
                let share = QUEUED.take(allowance.uid, 1, limit);
                share.map(Some).ok_or(QueueFull)
            }
        };
        match share {
            Ok(share) if self.queue.room(1).is_ok() => {
                let _share = share;
                self.queue.push_back(Queued { info, _share });
            }
            // It is still marked; only what came with it is lost.
            _ if signal < SIGRTMIN || info.code == SI_USER => {}
            _ => return Err(QueueFull),
        }
        self.set = self.set.with(signal);
        Ok(())
    }

    /// The signal of timer `timer` that waits.
    fn of_timer(&mut self, signal: Signal, timer: i32) -> Option<&mut SigInfo> {
        let mut waiting = self.queue.iter_mut().map(|queued| &mut queued.info);
        waiting.find(|info| {
            info.signal == signal
                && matches!(info.payload, Payload::Timer { id, .. } if id == timer)
        })
    }

    /// Takes `signal`, if it waits.
    pub fn take(&mut self, signal: Signal) -> Option<SigInfo> {
        if !self.set.has(signal) {
            return None;
        }
        let at = self.queue.iter().position(|q| q.info.signal == signal);
        let queued = at.and_then(|at| self.queue.remove(at));
        if !self.queue.iter().any(|q| q.info.signal == signal) {
            self.set = self.set.minus(SignalSet::of(signal));
        }
        Some(queued.map_or_else(|| SigInfo::user(signal, 0, 0), |queued| queued.info))
    }

    /// Forgets all signals of `set`.
    pub fn discard(&mut self, set: SignalSet) {
        if !self.set.intersect(set).is_empty() {
            self.set = self.set.minus(set);
            self.queue.retain(|queued| !set.has(queued.info.signal));
        }
    }

    pub fn clear(&mut self) {
        self.set = SignalSet::EMPTY;
        self.queue.clear();
    }
}
