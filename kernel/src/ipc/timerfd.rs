//! timerfd_create(2): a timer that is read.
//!
//! As on Linux, an expired periodic timer stays off until it is read, and the read counts the
//! periods that passed: a program that does not look costs no interrupts.
//!
//! Those that are cancelled when real time is set are listed.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::wait_for;
use crate::linux::general as raw;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::cpu;
use crate::sched::timer::{self, Expire};
use crate::sched::wait::WaitQueue;
use crate::time::{Clock, Deadline, NANOS_PER_SECOND, realtime_offset};
use crate::uio::Dest;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

#[derive(Default)]
struct State {
    /// The clock of the last setting.
    clock: Clock,
    /// Time of the next expiration by that clock; 0 when disarmed.
    next: u64,
    /// How it was set: TFD_TIMER_ABSTIME and TFD_TIMER_CANCEL_ON_SET.
    flags: u32,
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
    fn deadline(&self) -> Deadline {
        Deadline {
            clock: self.clock,
            at: self.next,
        }
    }

    /// Whether real time was set, where that cancels, since it was last asked.
    fn is_cancelled(&mut self) -> bool {
        let offset = realtime_offset();
        self.cancels && core::mem::replace(&mut self.offset, offset) != offset
    }
}

struct Inner {
    _counted: Counted<{ ObjectKind::TimerDescriptor as usize }>,
    clock: u32,
    state: SpinLock<State>,
    queue: WaitQueue,
}

pub struct TimerFd(Arc<Inner>);

/// The timers that setting real time cancels, by their address.
static CANCELLED: SpinLock<BTreeMap<usize, Weak<Inner>>> =
    SpinLock::new(lock_order::PIPE, BTreeMap::new());

/// Real time was set.
pub fn realtime_was_set() {
    let mut seen = 0;
    loop {
        let next = {
            let cancelled = CANCELLED.lock();
            let next = cancelled.range(seen + 1..).next();
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

    /// Sets the hardware's half for the state's next expiration. The caller holds no lock.
    fn arm(self: &Arc<Self>, next: Deadline, setting: u64) {
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

    fn realtime_was_set(&self) {
        {
            let mut state = self.state.lock();
            if !state.cancels || state.offset == realtime_offset() {
                return;
            }
            state.ticks += 1;
        }
        self.queue.wake_all(Events::READABLE);
    }

    /// What waits to be read; a periodic timer goes on from here.
    fn take(self: &Arc<Self>) -> Option<Result<u64>> {
        let (ticks, rearm) = {
            let mut state = self.state.lock();
            let now = state.clock.now();
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
                    state.setting += 1;
                    rearm = Some((state.deadline(), state.setting));
                }
                // It has no interval: it fired once.
                None => state.next = 0,
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
            offset: realtime_offset(),
            ..State::default()
        };
        Ok(TimerFd(Arc::new(Inner {
            _counted: Counted::new(),
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
        let flags = u32::from(absolute) | u32::from(cancels) << 1;
        let cancels = cancels && by_real;
        let address = Arc::as_ptr(inner).addr();
        if cancels {
            admission::ask()?;
            CANCELLED.lock().insert(address, Arc::downgrade(inner));
        } else {
            let unlisted = CANCELLED.lock().remove(&address);
            drop(unlisted);
        }
        // What is to come after a while does so however real time is set.
        let next = match value {
            value if by_real => Deadline::real(value),
            value if absolute || value == 0 => Deadline::monotonic(value),
            value => Deadline::after(value),
        };
        let old = self.get();
        let (armed, setting, cancelled) = {
            let mut state = inner.state.lock();
            state.setting += 1;
            state.ticks = 0;
            state.clock = next.clock;
            state.next = next.at;
            state.cancels = cancels;
            state.flags = flags;
            state.interval = interval;
            let cancelled = value > 0 && state.is_cancelled();
            (state.armed.take(), state.setting, cancelled)
        };
        if let Some(armed) = armed {
            timer::cancel(armed);
        }
        if value > 0 {
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
        let state = self.0.state.lock();
        let now = state.clock.now();
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
        let unlisted = CANCELLED.lock().remove(&Arc::as_ptr(&self.0).addr());
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

    fn details(&self) -> Result<Vec<u8>> {
        let (value, interval) = self.get();
        let (ticks, flags) = {
            let state = self.0.state.lock();
            (state.ticks, state.flags)
        };
        let pair = |nanos| (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
        let text = format!(
            "clockid: {}\nticks: {ticks}\nsettime flags: 0{flags:o}\nit_value: {:?}\n\
             it_interval: {:?}\n",
            self.0.clock,
            pair(value),
            pair(interval),
        );
        Ok(text.into_bytes())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
