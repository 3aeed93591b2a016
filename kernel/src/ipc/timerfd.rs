//! timerfd_create(2): a timer that is read.
//!
//! As on Linux, an expired periodic timer stays off until it is read, and the read counts the
//! periods that passed: a program that does not look costs no interrupts.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::wait_for;
use crate::linux::general as raw;
use crate::lock_order;
use crate::sched::timer::{self, Expire};
use crate::sched::wait::WaitQueue;
use crate::uio::Dest;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::sync::SpinLock;

#[derive(Default)]
struct State {
    /// Monotonic time of the next expiration; 0 when disarmed.
    next: u64,
    interval: u64,
    /// Expirations since the last read, as far as they were counted.
    ticks: u64,
    armed: Option<timer::Timer>,
    /// Counts settings, so that a timer that was about to fire knows that it is old.
    setting: u64,
}

struct Inner {
    clock: u32,
    state: SpinLock<State>,
    queue: WaitQueue,
}

pub struct TimerFd(Arc<Inner>);

/// One arming of the timer.
struct Arming {
    timer: Arc<Inner>,
    setting: u64,
}

impl Expire for Arming {
    fn expire(self: Arc<Self>) {
        {
            let mut state = self.timer.state.lock();
            if state.setting != self.setting {
                return;
            }
            state.ticks += 1;
            state.armed = None;
        }
        self.timer.queue.wake_all(Events::READABLE);
    }
}

impl Inner {
    fn is_realtime(&self) -> bool {
        matches!(self.clock, raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_ALARM)
    }

    /// Sets the hardware's half for `state.next`. The caller holds no lock.
    fn arm(self: &Arc<Self>, next: u64, setting: u64) {
        let armed = timer::arm(
            next,
            Arc::new(Arming {
                timer: self.clone(),
                setting,
            }),
        );
        let mut state = self.state.lock();
        if state.setting == setting && state.ticks == 0 {
            state.armed = Some(armed);
        } else if state.setting != setting {
            drop(state);
            timer::cancel(armed);
        }
    }

    /// What waits to be read; a periodic timer goes on from here.
    fn take(self: &Arc<Self>) -> Option<u64> {
        let now = crate::time::monotonic();
        let (ticks, rearm) = {
            let mut state = self.state.lock();
            if state.ticks == 0 {
                return None;
            }
            let mut ticks = core::mem::take(&mut state.ticks);
            let mut rearm = None;
            match now.saturating_sub(state.next).checked_div(state.interval) {
                Some(late) => {
                    ticks = ticks.saturating_add(late);
                    let periods = (late + 1).saturating_mul(state.interval);
                    state.next = state.next.saturating_add(periods);
                    state.setting += 1;
                    rearm = Some((state.next, state.setting));
                }
                // It has no interval: it fired once.
                None => state.next = 0,
            }
            (ticks, rearm)
        };
        if let Some((next, setting)) = rearm {
            self.arm(next, setting);
        }
        Some(ticks)
    }
}

impl TimerFd {
    pub fn new(clock: u32) -> Result<TimerFd> {
        match clock {
            raw::CLOCK_REALTIME
            | raw::CLOCK_MONOTONIC
            | raw::CLOCK_BOOTTIME
            | raw::CLOCK_REALTIME_ALARM
            | raw::CLOCK_BOOTTIME_ALARM => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(TimerFd(Arc::new(Inner {
            clock,
            state: SpinLock::new(lock_order::PIPE, State::default()),
            queue: WaitQueue::new(),
        })))
    }

    /// timerfd_settime(2): the value (0 disarms) and the interval, in nanoseconds. Returns the
    /// old setting.
    #[must_use]
    pub fn set(&self, value: u64, interval: u64, absolute: bool) -> (u64, u64) {
        let inner = &self.0;
        let now = crate::time::monotonic();
        let next = match (value, absolute) {
            (0, _) => 0,
            (value, false) => now.saturating_add(value),
            (value, true) if inner.is_realtime() => value
                .saturating_add_signed(crate::time::realtime_offset().saturating_neg())
                .max(1),
            (value, true) => value,
        };
        let old = self.get();
        let (cancelled, setting) = {
            let mut state = inner.state.lock();
            state.setting += 1;
            state.ticks = 0;
            state.next = next;
            state.interval = interval;
            (state.armed.take(), state.setting)
        };
        if let Some(armed) = cancelled {
            timer::cancel(armed);
        }
        if next > 0 {
            inner.arm(next, setting);
        }
        old
    }

    /// timerfd_gettime(2): (time until the next expiration, interval).
    #[must_use]
    pub fn get(&self) -> (u64, u64) {
        let now = crate::time::monotonic();
        let state = self.0.state.lock();
        let rest = match state.next {
            0 => 0,
            next if next > now => next - now,
            next if state.interval > 0 => {
                // Off until it is read, but its periods go on.
                state.interval - (now - next) % state.interval
            }
            _ if state.ticks == 0 => 1,
            _ => 0,
        };
        (rest, state.interval)
    }
}

impl Drop for TimerFd {
    fn drop(&mut self) {
        let armed = {
            let mut state = self.0.state.lock();
            state.setting += 1;
            state.armed.take()
        };
        if let Some(armed) = armed {
            timer::cancel(armed);
        }
    }
}

impl File for TimerFd {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        if dst.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let ticks = wait_for(io.nonblock, &self.0.queue, || self.0.take())?;
        dst.put(&ticks.to_ne_bytes())?;
        Ok(8)
    }

    fn poll(&self) -> Events {
        if self.0.state.lock().ticks > 0 {
            Events::IN
        } else {
            Events::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:[timerfd]".to_vec()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
