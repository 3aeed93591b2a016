//! Timers of a process that end in signals: alarm, setitimer, timer_create.
//!
//! As on Linux, a periodic timer stays off while its signal waits, and goes on when that is taken:
//! a program that doesn't look costs no interrupts, however short the period. The periods that
//! passed meanwhile are the signal's overrun.

use super::cpu_clock::{CpuClock, Measure};
use super::limits::Limits;
use super::process::Process;
use super::signal::info::Payload;
use super::signal::{self, SIGALRM, SIGPROF, SIGVTALRM, SigInfo, Signal};
use super::thread::Thread;
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::account::TICK;
use crate::sched::timer::{self, Expire, Timer};
use crate::time::{Clock, Deadline, monotonic};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// POSIX timers of one process, and timers by its CPU clocks.
pub const MAX_TIMERS: usize = 4096;

/// What an expiry does.
#[derive(Clone)]
pub enum Notify {
    Nothing,
    Process(Signal),
    Thread(Weak<Thread>, Signal),
    /// Ends a sleep.
    Wake(Weak<Thread>),
}

/// By what time a timer goes.
#[derive(Clone)]
pub enum Source {
    /// Time that always goes.
    Time,
    Cpu(CpuClock),
}

struct State {
    armed: Option<Timer>,
    /// The clock of its last setting, where it goes by [`Source::Time`].
    clock: Clock,
    /// Time of the next expiry, by that clock; 0 when disarmed.
    next: u64,
    interval: u64,
    /// Its signal was sent, and is not taken yet.
    waiting: bool,
    /// Counts settings, so that a signal of an old one doesn't start it again.
    setting: u64,
    /// Periods gone since the last signal, less the one that the next signal stands for.
    overrun: i64,
    /// The overrun of the signal that was taken last.
    last_overrun: i32,
}

impl State {
    /// Moves the next expiry of a periodic timer past `now`; returns how many periods that were.
    fn forward(&mut self, now: u64) -> i64 {
        let Some(late) = now.checked_sub(self.next) else {
            return 0;
        };
        let Some(periods) = late.checked_div(self.interval) else {
            return 0;
        };
        let periods = periods + 1;
        self.next = self
            .next
            .saturating_add(periods.saturating_mul(self.interval));
        i64::try_from(periods).unwrap_or(i64::MAX)
    }
}

/// One timer.
pub struct SignalTimer {
    _counted: Counted<{ ObjectKind::Timer as usize }>,
    process: Weak<Process>,
    notify: Notify,
    /// timer_create's identity, to be passed along.
    id: Option<(i32, u64)>,
    /// The number of the clock of absolute times.
    pub clock: u32,
    source: Source,
    state: SpinLock<State>,
}

impl SignalTimer {
    #[must_use]
    pub fn new(
        process: &Arc<Process>,
        notify: Notify,
        id: Option<(i32, u64)>,
        clock: u32,
        source: Source,
    ) -> Arc<SignalTimer> {
        let state = State {
            armed: None,
            clock: Clock::Monotonic,
            next: 0,
            interval: 0,
            waiting: false,
            setting: 0,
            overrun: -1,
            last_overrun: 0,
        };
        Arc::new(SignalTimer {
            _counted: Counted::new(),
            process: Arc::downgrade(process),
            notify,
            id,
            clock,
            source,
            state: SpinLock::new(lock_order::SIGNAL, state),
        })
    }

    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The time it goes by: monotonic time, which the last setting's clock may show as another.
    #[must_use]
    pub fn now(&self) -> u64 {
        match &self.source {
            Source::Time => monotonic(),
            // Its owner is gone: it will never come.
            Source::Cpu(clock) => clock.now().unwrap_or(0),
        }
    }

    fn arm(self: &Arc<Self>, state: &mut State) {
        match &self.source {
            Source::Time => {
                let deadline = Deadline {
                    clock: state.clock,
                    at: state.next,
                };
                state.armed = Some(timer::arm(deadline, self.clone()));
            }
            Source::Cpu(clock) => {
                if let Some(process) = clock.process() {
                    process.timers.watch_cpu_time();
                }
            }
        }
    }

    /// Arms it for `next` (0: disarm), then every `interval`. Returns the old (time left, interval).
    pub fn set(self: &Arc<Self>, next: u64, interval: u64) -> (u64, u64) {
        self.set_by(Clock::Monotonic, next, interval)
    }

    /// As [`SignalTimer::set`], by a clock.
    pub fn set_by(self: &Arc<Self>, clock: Clock, next: u64, interval: u64) -> (u64, u64) {
        let now = self.now();
        let old = {
            let mut state = self.state.lock();
            let old = self.left(&mut state, now);
            if let Some(armed) = state.armed.take() {
                timer::cancel(armed);
            }
            state.setting += 1;
            state.waiting = false;
            state.clock = clock;
            state.next = next;
            state.interval = interval;
            state.overrun = -1;
            state.last_overrun = 0;
            // Without a notification there is nothing to wake up for.
            if next != 0 && !matches!(self.notify, Notify::Nothing) {
                self.arm(&mut state);
            }
            old
        };
        if matches!(self.source, Source::Cpu(_)) {
            self.serve();
        }
        old
    }

    /// Time left until the next expiry (0 when disarmed), and the interval.
    #[must_use]
    pub fn get(&self) -> (u64, u64) {
        let now = self.now();
        self.left(&mut self.state.lock(), now)
    }

    #[must_use]
    pub fn overrun(&self) -> i32 {
        self.state.lock().last_overrun
    }

    #[must_use]
    pub fn is_armed(&self) -> bool {
        let state = self.state.lock();
        state.next != 0 && !state.waiting
    }

    fn left(&self, state: &mut State, now: u64) -> (u64, u64) {
        let now = state.clock.at(now);
        let silent = matches!(self.notify, Notify::Nothing);
        if state.next == 0 || self.id.is_none() && state.waiting {
            return (0, state.interval);
        }
        if state.interval != 0 && (state.waiting || silent) {
            state.overrun = state.overrun.saturating_add(state.forward(now));
        }
        // A timer that is due but not yet served is not yet disarmed.
        let least = u64::from(!silent);
        (state.next.saturating_sub(now).max(least), state.interval)
    }

    /// Does what is due: sends the signal.
    pub fn serve(self: &Arc<Self>) {
        let now = self.now();
        let setting = {
            let mut state = self.state.lock();
            if state.next == 0 || state.waiting {
                return;
            }
            let now = state.clock.at(now);
            if state.next > now {
                // Real time was set back as it came.
                if state.armed.is_some_and(|armed| !timer::is_armed(armed)) {
                    self.arm(&mut state);
                }
                return;
            }
            state.armed = None;
            match (&self.source, self.id, state.interval) {
                (_, _, 0) => state.next = 0,
                // ITIMER_VIRTUAL and ITIMER_PROF just go on: ticks bound how often they come.
                (Source::Cpu(_), None, _) => {
                    state.forward(now);
                }
                _ => state.waiting = true,
            }
            state.setting
        };
        if !self.notify(setting) {
            self.ignored(setting);
        }
    }

    /// Whether a signal is on its way.
    fn notify(&self, setting: u64) -> bool {
        let info = |signal| match self.id {
            Some((id, value)) => SigInfo {
                signal,
                errno: 0,
                code: raw::SI_TIMER,
                payload: Payload::Timer {
                    id,
                    overrun: 0,
                    value,
                    setting,
                },
            },
            None => SigInfo::kernel(signal),
        };
        match &self.notify {
            Notify::Nothing => true,
            Notify::Process(s) => {
                let process = self.process.upgrade();
                process.is_none_or(|process| signal::send::timer_signal(&process, None, info(*s)))
            }
            Notify::Thread(thread, s) => thread.upgrade().is_none_or(|thread| {
                signal::send::timer_signal(thread.process(), Some(&thread), info(*s))
            }),
            Notify::Wake(thread) => {
                if let Some(thread) = thread.upgrade() {
                    thread.unpark();
                }
                true
            }
        }
    }

    /// Nobody will take the signal: a POSIX timer goes on by itself, with a tick at least from
    /// expiry to expiry. ITIMER_REAL doesn't.
    fn ignored(self: &Arc<Self>, setting: u64) {
        if self.id.is_none() {
            return;
        }
        let now = self.now();
        let mut state = self.state.lock();
        if state.setting != setting || !state.waiting {
            return;
        }
        let now = state.clock.at(now);
        state.waiting = false;
        let pause = if state.interval < TICK { TICK } else { 0 };
        let periods = state.forward(now.saturating_add(pause));
        state.overrun = state.overrun.saturating_add(periods);
        self.arm(&mut state);
    }

    /// Its signal was taken: goes on. Returns the overrun that the signal tells; None when it was
    /// sent by an earlier setting than the one in force.
    fn taken(self: &Arc<Self>, setting: Option<u64>) -> Option<i32> {
        let now = self.now();
        let mut state = self.state.lock();
        if setting.is_some_and(|setting| setting != state.setting) {
            return None;
        }
        if !state.waiting {
            return Some(0);
        }
        state.waiting = false;
        let now = state.clock.at(now);
        let periods = state.forward(now);
        let overrun = state.overrun.saturating_add(periods).max(0);
        state.last_overrun = i32::try_from(overrun).unwrap_or(i32::MAX);
        state.overrun = -1;
        self.arm(&mut state);
        Some(state.last_overrun)
    }
}

impl Expire for SignalTimer {
    fn expire(self: Arc<Self>) {
        self.serve();
    }
}

/// A signal was taken by a thread of `process`: the timer that it is of goes on. False when that
/// timer was deleted or set anew since: the signal is to be dropped, as Linux does since 6.13. No
/// lock is held.
#[must_use]
pub fn signal_taken(process: &Process, info: &mut SigInfo) -> bool {
    if let Payload::Timer {
        id,
        overrun,
        setting,
        ..
    } = &mut info.payload
    {
        let timer = process.timers.posix.lock().get(*id).cloned();
        let Some(told) = timer.and_then(|timer| timer.taken(Some(*setting))) else {
            return false;
        };
        *overrun = told;
    } else if info.signal == SIGALRM {
        let timer = process.timers.real.lock().clone();
        if let Some(timer) = timer {
            timer.taken(None);
        }
    }
    true
}

/// The timers of timer_create, by their ids.
pub struct PosixTimers {
    timers: BTreeMap<i32, Arc<SignalTimer>>,
    /// The id to look at first: a new timer has none that was in use lately, so that a signal of
    /// a deleted one is not taken for its own.
    next: i32,
}

impl PosixTimers {
    /// Adds what `make` makes of its id. `EAGAIN` when there are too many.
    pub fn add(
        &mut self,
        make: impl FnOnce(i32) -> Result<Arc<SignalTimer>>,
    ) -> Result<(i32, Arc<SignalTimer>)> {
        if self.timers.len() >= MAX_TIMERS {
            return Err(Errno::EAGAIN);
        }
        let after = |id: i32| id.checked_add(1).unwrap_or(0);
        let mut id = self.next;
        while self.timers.contains_key(&id) {
            id = after(id);
        }
        let timer = make(id)?;
        self.next = after(id);
        self.timers.insert(id, timer.clone());
        Ok((id, timer))
    }

    #[must_use]
    pub fn get(&self, id: i32) -> Option<&Arc<SignalTimer>> {
        self.timers.get(&id)
    }

    pub fn remove(&mut self, id: i32) -> Option<Arc<SignalTimer>> {
        self.timers.remove(&id)
    }
}

type Slot = SpinLock<Option<Arc<SignalTimer>>>;

/// A process's timers.
pub struct ProcessTimers {
    /// setitimer(ITIMER_REAL) and alarm.
    pub real: Slot,
    user: Slot,
    profiling: Slot,
    pub posix: SpinLock<PosixTimers>,
    /// All that go by a CPU clock of this process or its threads, whoever owns them.
    by_cpu_time: SpinLock<Vec<Weak<SignalTimer>>>,
    /// One of those is armed, or CPU time is limited.
    watches_cpu_time: AtomicBool,
}

impl ProcessTimers {
    #[must_use]
    pub fn new(limits: &Limits) -> ProcessTimers {
        let slot = || SpinLock::new(lock_order::CELL, None);
        ProcessTimers {
            real: slot(),
            user: slot(),
            profiling: slot(),
            posix: SpinLock::new(
                lock_order::PROCESS,
                PosixTimers {
                    timers: BTreeMap::new(),
                    next: 0,
                },
            ),
            by_cpu_time: SpinLock::new(lock_order::PROCESS, Vec::new()),
            watches_cpu_time: AtomicBool::new(limits.bound_cpu_time()),
        }
    }

    /// The interval timer `which` of `process`, whose these timers are.
    pub fn interval(&self, process: &Arc<Process>, which: u32) -> Result<Arc<SignalTimer>> {
        let (slot, signal, measure) = match which {
            raw::ITIMER_REAL => (&self.real, SIGALRM, None),
            raw::ITIMER_VIRTUAL => (&self.user, SIGVTALRM, Some(Measure::User)),
            raw::ITIMER_PROF => (&self.profiling, SIGPROF, Some(Measure::Both)),
            _ => return Err(Errno::EINVAL),
        };
        if let Some(timer) = &*slot.lock() {
            return Ok(timer.clone());
        }
        let source = measure.map_or(Source::Time, |measure| {
            Source::Cpu(CpuClock::of_process(process, measure))
        });
        let notify = Notify::Process(signal);
        let timer = SignalTimer::new(process, notify, None, raw::CLOCK_MONOTONIC, source);
        let timer = slot.lock().get_or_insert(timer).clone();
        enlist(&timer)?;
        Ok(timer)
    }

    #[must_use]
    pub fn watches_cpu_time(&self) -> bool {
        self.watches_cpu_time.load(Ordering::Relaxed)
    }

    pub fn watch_cpu_time(&self) {
        self.watches_cpu_time.store(true, Ordering::SeqCst);
    }

    pub(super) fn forget_cpu_time(&self) {
        self.watches_cpu_time.store(false, Ordering::SeqCst);
    }

    /// The timers that go by CPU time of this process.
    pub(super) fn by_cpu_time(&self) -> Vec<Arc<SignalTimer>> {
        let mut list = self.by_cpu_time.lock();
        list.retain(|timer| timer.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends all but the interval timers, which survive execve.
    pub fn clear_posix(&self) {
        let timers = core::mem::take(&mut self.posix.lock().timers);
        for timer in timers.values() {
            timer.set(0, 0);
        }
    }

    pub fn clear(&self) {
        self.clear_posix();
        for slot in [&self.real, &self.user, &self.profiling] {
            let timer = slot.lock().take();
            if let Some(timer) = timer {
                timer.set(0, 0);
            }
        }
    }
}

/// Has the process whose CPU clock a timer goes by look after it.
pub fn enlist(timer: &Arc<SignalTimer>) -> Result {
    let Source::Cpu(clock) = timer.source() else {
        return Ok(());
    };
    let process = clock.process().ok_or(Errno::EINVAL)?;
    let mut list = process.timers.by_cpu_time.lock();
    if list
        .iter()
        .any(|known| known.as_ptr() == Arc::as_ptr(timer))
    {
        return Ok(());
    }
    list.retain(|timer| timer.strong_count() > 0);
    if list.len() >= MAX_TIMERS {
        return Err(Errno::EAGAIN);
    }
    list.room(1)?;
    list.push(Arc::downgrade(timer));
    Ok(())
}
