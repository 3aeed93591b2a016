//! timerfd_create(2): a timer that is read.
//!
//! As on Linux, an expired periodic timer stays off until it is read, and the read counts the
//! periods that passed: a program that does not look costs no interrupts.
//!
//! Timers run by monotonic time. Those that are set to a point of real time are listed, and set anew
//! when that is.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::wait_for;
use crate::linux::general as raw;
use crate::lock_order;
use crate::sched::cpu;
use crate::sched::timer::{self, Expire};
use crate::sched::wait::WaitQueue;
use crate::uio::Dest;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

#[derive(Default)]
struct State {
    /// Monotonic time of the next expiration; 0 when disarmed.
    next: u64,
    /// The real time that it stands for, where the timer was set to that.
    real: Option<u64>,
    /// TFD_TIMER_CANCEL_ON_SET: a read fails once real time was set.
    cancels: bool,
    /// What real time had over monotonic time when that was last noticed.
    offset: i64,
    interval: u64,
    /// Expirations since the last read, as far as they were counted.
    ticks: u64,
    armed: Option<timer::Timer>,
    /// Counts settings, so that a timer that was about to fire knows that it is old.
    setting: u64,
}

impl State {
    /// Whether real time was set, where that cancels, since it was last asked.
    fn is_cancelled(&mut self) -> bool {
        let offset = crate::time::realtime_offset();
        self.cancels && core::mem::replace(&mut self.offset, offset) != offset
    }
}

struct Inner {
    clock: u32,
    state: SpinLock<State>,
    queue: WaitQueue,
}

pub struct TimerFd(Arc<Inner>);

/// The timers set to a point of real time, by their address.
static REAL: SpinLock<BTreeMap<usize, Weak<Inner>>> =
    SpinLock::new(lock_order::PIPE, BTreeMap::new());

/// Real time was set.
pub fn realtime_was_set() {
    let mut seen = 0;
    loop {
        let next = {
            let real = REAL.lock();
            let next = real.range(seen + 1..).next();
            next.map(|(&address, timer)| (address, timer.upgrade()))
        };
        let Some((address, timer)) = next else { break };
        seen = address;
        if let Some(timer) = timer {
            timer.realtime_was_set();
        }
        cpu::breathe();
    }
}

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

    /// Sets the timer to when its point of real time is to come now.
    fn realtime_was_set(self: &Arc<Self>) {
        let again = {
            let mut state = self.state.lock();
            if let Some(real) = state.real {
                state.next = crate::time::from_realtime(real).max(1);
            }
            // One that has expired stays off until it is read.
            (state.real.is_some() && state.ticks == 0).then(|| {
                state.setting += 1;
                (state.armed.take(), state.next, state.setting)
            })
        };
        if let Some((armed, next, setting)) = again {
            if let Some(armed) = armed {
                timer::cancel(armed);
            }
            self.arm(next, setting);
        }
        {
            let mut state = self.state.lock();
            if !state.cancels || state.offset == crate::time::realtime_offset() {
                return;
            }
            state.ticks += 1;
        }
        self.queue.wake_all(Events::READABLE);
    }

    /// What waits to be read; a periodic timer goes on from here.
    fn take(self: &Arc<Self>) -> Option<Result<u64>> {
        let now = crate::time::monotonic();
        let (ticks, rearm) = {
            let mut state = self.state.lock();
            if state.is_cancelled() {
                state.ticks = 0;
                return Some(Err(Errno::ECANCELED));
            }
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
                    state.real = state.real.map(|real| real.saturating_add(periods));
                    state.setting += 1;
                    rearm = Some((state.next, state.setting));
                }
                // It has no interval: it fired once.
                None => {
                    state.next = 0;
                    state.real = None;
                }
            }
            (ticks, rearm)
        };
        if let Some((next, setting)) = rearm {
            self.arm(next, setting);
        }
        Some(Ok(ticks))
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
        let state = State {
            offset: crate::time::realtime_offset(),
            ..State::default()
        };
        Ok(TimerFd(Arc::new(Inner {
            clock,
            state: SpinLock::new(lock_order::PIPE, state),
            queue: WaitQueue::new(),
        })))
    }

    /// timerfd_settime(2): the value (0 disarms) and the interval, in nanoseconds. Returns the
    /// old setting; or ECANCELED, of a timer that is set for all that, if it `cancels` and real time was
    /// set since that was last noticed.
    pub fn set(
        &self,
        value: u64,
        interval: u64,
        absolute: bool,
        cancels: bool,
    ) -> Result<(u64, u64)> {
        let inner = &self.0;
        let by_real = absolute && inner.is_realtime();
        let real = (by_real && value > 0).then_some(value);
        let address = Arc::as_ptr(inner).addr();
        if by_real {
            admission::ask()?;
            REAL.lock().insert(address, Arc::downgrade(inner));
        } else {
            let unlisted = REAL.lock().remove(&address);
            drop(unlisted);
        }
        let now = crate::time::monotonic();
        let old = self.get();
        let (armed, next, setting, cancelled) = {
            let mut state = inner.state.lock();
            let next = match (value, real) {
                (0, _) => 0,
                (_, Some(real)) => crate::time::from_realtime(real).max(1),
                (value, None) if absolute => value,
                (value, None) => now.saturating_add(value),
            };
            state.setting += 1;
            state.ticks = 0;
            state.next = next;
            state.real = real;
            state.cancels = cancels && by_real;
            state.interval = interval;
            let cancelled = value > 0 && state.is_cancelled();
            (state.armed.take(), next, state.setting, cancelled)
        };
        if let Some(armed) = armed {
            timer::cancel(armed);
        }
        if next > 0 {
            inner.arm(next, setting);
        }
        if cancelled {
            return Err(Errno::ECANCELED);
        }
        Ok(old)
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
        let unlisted = REAL.lock().remove(&Arc::as_ptr(&self.0).addr());
        drop(unlisted);
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
        let ticks = wait_for(io.nonblock, &self.0.queue, || self.0.take())??;
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
