//! Timers of a process that end in signals: alarm, setitimer, timer_create.

use super::process::Process;
use super::signal::info::Payload;
use super::signal::{self, SigInfo, Signal};
use super::thread::Thread;
use crate::linux::general as raw;
use crate::lock_order;
use crate::sched::timer::{self, Expire, Timer};
use crate::time::monotonic;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use ochre_hal::sync::SpinLock;

/// POSIX timers of one process.
pub const MAX_TIMERS: usize = 4096;

/// What an expiry does.
#[derive(Clone)]
pub enum Notify {
    Nothing,
    Process(Signal),
    Thread(Weak<Thread>, Signal),
}

struct State {
    armed: Option<Timer>,
    /// Monotonic time of the next expiry; 0 when disarmed.
    next: u64,
    interval: u64,
    overrun: i32,
}

/// One timer. Expiry is by monotonic time; the caller converts.
pub struct SignalTimer {
    process: Weak<Process>,
    notify: Notify,
    /// timer_create's identity, to be passed along.
    id: Option<(i32, u64)>,
    pub clock: u32,
    state: SpinLock<State>,
}

impl SignalTimer {
    #[must_use]
    pub fn new(
        process: &Arc<Process>,
        notify: Notify,
        id: Option<(i32, u64)>,
        clock: u32,
    ) -> Arc<SignalTimer> {
        let state = State {
            armed: None,
            next: 0,
            interval: 0,
            overrun: 0,
        };
        Arc::new(SignalTimer {
            process: Arc::downgrade(process),
            notify,
            id,
            clock,
            state: SpinLock::new(lock_order::SIGNAL, state),
        })
    }

    /// Arms it for `next` (0: disarm), then every `interval`. Returns the old (time left, interval).
    pub fn set(self: &Arc<Self>, next: u64, interval: u64) -> (u64, u64) {
        let mut state = self.state.lock();
        let old = (Self::left(&state), state.interval);
        if let Some(armed) = state.armed.take() {
            timer::cancel(armed);
        }
        state.next = next;
        state.interval = interval;
        state.overrun = 0;
        if next != 0 {
            state.armed = Some(timer::arm(next, self.clone()));
        }
        old
    }

    /// Time left until the next expiry (0 when disarmed), and the interval.
    #[must_use]
    pub fn get(&self) -> (u64, u64) {
        let state = self.state.lock();
        (Self::left(&state), state.interval)
    }

    #[must_use]
    pub fn overrun(&self) -> i32 {
        self.state.lock().overrun
    }

    fn left(state: &State) -> u64 {
        // A timer that is due but not yet served is not yet disarmed.
        if state.next == 0 {
            0
        } else {
            state.next.saturating_sub(monotonic()).max(1)
        }
    }
}

impl Expire for SignalTimer {
    fn expire(self: Arc<Self>) {
        let overrun = {
            let mut state = self.state.lock();
            let now = monotonic();
            state.armed = None;
            if state.next == 0 || state.next > now {
                return;
            }
            match (now - state.next).checked_div(state.interval) {
                None => {
                    state.next = 0;
                    state.overrun = 0;
                }
                Some(missed) => {
                    let step = (missed + 1).saturating_mul(state.interval);
                    state.next = state.next.saturating_add(step);
                    state.overrun = i32::try_from(missed).unwrap_or(i32::MAX);
                    state.armed = Some(timer::arm(state.next, self.clone()));
                }
            }
            state.overrun
        };
        let info = |signal| match self.id {
            Some((id, value)) => SigInfo {
                signal,
                errno: 0,
                code: raw::SI_TIMER,
                payload: Payload::Timer { id, overrun, value },
            },
            None => SigInfo::kernel(signal),
        };
        match &self.notify {
            Notify::Nothing => {}
            Notify::Process(s) => {
                if let Some(process) = self.process.upgrade() {
                    signal::send_to_process(&process, info(*s));
                }
            }
            Notify::Thread(thread, s) => {
                if let Some(thread) = thread.upgrade() {
                    signal::send_to_thread(&thread, info(*s));
                }
            }
        }
    }
}

/// A process's timers.
pub struct ProcessTimers {
    /// setitimer(ITIMER_REAL) and alarm.
    pub real: SpinLock<Option<Arc<SignalTimer>>>,
    pub posix: SpinLock<BTreeMap<i32, Arc<SignalTimer>>>,
}

impl ProcessTimers {
    #[must_use]
    pub const fn new() -> ProcessTimers {
        ProcessTimers {
            real: SpinLock::new(lock_order::CELL, None),
            posix: SpinLock::new(lock_order::PROCESS, BTreeMap::new()),
        }
    }

    /// Ends all but ITIMER_REAL, which survives execve.
    pub fn clear_posix(&self) {
        let timers = core::mem::take(&mut *self.posix.lock());
        for timer in timers.values() {
            timer.set(0, 0);
        }
    }

    pub fn clear(&self) {
        self.clear_posix();
        let real = self.real.lock().take();
        if let Some(real) = real {
            real.set(0, 0);
        }
    }
}

impl Default for ProcessTimers {
    fn default() -> ProcessTimers {
        ProcessTimers::new()
    }
}
