//! Clocks that go while a process or thread is on a CPU, and what ends by them: timers, and the
//! limit RLIMIT_CPU.
//!
//! What ends by such a clock is looked for where a tick fell, by the thread that it fell on, before
//! it goes back to user mode: ends are seen as late as a tick, as on Linux, and processes without
//! such timers and limits pay one flag a tick.

use super::limits::{INFINITY, Resource};
use super::process::Process;
use super::signal::{self, SIGKILL, SIGXCPU, SigInfo};
use super::thread::Thread;
use super::timers::SignalTimer;
use super::{Pid, tree};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::sched::account::TICK;
use crate::time::NANOS_PER_SECOND;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

/// What such a clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// User and system time, sampled.
    Both,
    /// User time, sampled.
    User,
    /// Time on a CPU, exact.
    Exact,
}

#[derive(Clone)]
enum Owner {
    Process(Weak<Process>),
    Thread(Weak<Thread>),
}

#[derive(Clone)]
pub struct CpuClock {
    owner: Owner,
    measure: Measure,
}

impl CpuClock {
    #[must_use]
    pub fn of_process(process: &Arc<Process>, measure: Measure) -> CpuClock {
        CpuClock {
            owner: Owner::Process(Arc::downgrade(process)),
            measure,
        }
    }

    /// What `clock` names as seen by `thread`, if it is a CPU clock; `EINVAL` when there is none of
    /// that name. `read`: it is to be read only.
    pub fn parse(thread: &Arc<Thread>, clock: u32, read: bool) -> Result<Option<CpuClock>> {
        let (id, of_thread, measure) = match clock {
            raw::CLOCK_PROCESS_CPUTIME_ID => (0, false, Measure::Exact),
            raw::CLOCK_THREAD_CPUTIME_ID => (0, true, Measure::Exact),
            // Negative: the number inverted above three bits.
            n if n >> 31 != 0 => {
                let measure = match n & 3 {
                    0 => Measure::Both,
                    1 => Measure::User,
                    2 => Measure::Exact,
                    _ => return Err(Errno::EINVAL),
                };
                (!n >> 3, n & 4 != 0, measure)
            }
            _ => return Ok(None),
        };
        let owner = if of_thread {
            let found = match id {
                0 => Some(thread.clone()),
                id => tree::thread(id as Pid)
                    .filter(|other| Arc::ptr_eq(other.process(), thread.process())),
            };
            Owner::Thread(Arc::downgrade(&found.ok_or(Errno::EINVAL)?))
        } else {
            let own = id == 0 || read && id == thread.tid();
            let found = if own {
                Some(thread.process().clone())
            } else {
                tree::process(id as Pid)
            };
            Owner::Process(Arc::downgrade(&found.ok_or(Errno::EINVAL)?))
        };
        Ok(Some(CpuClock { owner, measure }))
    }

    /// Its time; none once its owner is gone.
    #[must_use]
    pub fn now(&self) -> Option<u64> {
        let (ticks, exact) = match &self.owner {
            Owner::Process(process) => {
                let process = process.upgrade()?;
                if self.measure == Measure::Exact {
                    return Some(process.runtime());
                }
                return Some(self.sampled(&process.ticks));
            }
            Owner::Thread(thread) => {
                let thread = thread.upgrade()?;
                let exact = thread.sched.time.total();
                (self.sampled(&thread.sched.ticks), exact)
            }
        };
        Some(if self.measure == Measure::Exact {
            exact
        } else {
            ticks
        })
    }

    fn sampled(&self, ticks: &crate::sched::account::Ticks) -> u64 {
        match self.measure {
            Measure::User => ticks.user(),
            _ => ticks.both(),
        }
    }

    #[must_use]
    pub fn resolution(&self) -> u64 {
        match self.measure {
            Measure::Exact => 1,
            _ => TICK,
        }
    }

    /// Whether it is the calling thread's own, which can't sleep by it.
    #[must_use]
    pub fn is_of(&self, thread: &Arc<Thread>) -> bool {
        matches!(&self.owner, Owner::Thread(t) if t.as_ptr() == Arc::as_ptr(thread))
    }

    /// The process whose ticks move it.
    #[must_use]
    pub fn process(&self) -> Option<Arc<Process>> {
        match &self.owner {
            Owner::Process(process) => process.upgrade(),
            Owner::Thread(thread) => Some(thread.upgrade()?.process().clone()),
        }
    }
}

/// Serves what has come to its end by the process's CPU clocks. Called by one of its threads.
pub fn check(thread: &Thread) {
    let process = thread.process();
    // Whoever arms a timer from here on is not overlooked.
    process.timers.forget_cpu_time();
    let timers: Vec<Arc<SignalTimer>> = process.timers.by_cpu_time();
    let mut more = false;
    for timer in timers {
        timer.serve();
        more |= timer.is_armed();
    }
    let limited = check_limit(process) | check_realtime(thread);
    if limited || more {
        process.timers.watch_cpu_time();
    }
}

/// SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. Whether there is a
/// limit.
fn check_limit(process: &Arc<Process>) -> bool {
    let Ok(limit) = process.limits().get(Resource::Cpu as u32) else {
        return false;
    };
    let used = process.ticks.both();
    let reached =
        |seconds: u64| seconds != INFINITY && used >= seconds.saturating_mul(NANOS_PER_SECOND);
    if reached(limit.hard) {
        signal::send_to_process(process, SigInfo::kernel(SIGKILL));
    } else if reached(limit.soft) {
        process.with_limits(|limits| limits.raise_cpu());
        signal::send_to_process(process, SigInfo::kernel(SIGXCPU));
    }
    limit.soft != INFINITY || limit.hard != INFINITY
}

/// The same for how long one of the real-time threads has run since it slept last, in microseconds.
fn check_realtime(thread: &Thread) -> bool {
    let process = thread.process();
    let Ok(limit) = process.limits().get(Resource::RealtimeTime as u32) else {
        return false;
    };
    if limit.soft == INFINITY {
        return false;
    }
    let run = thread.unslept.load(Ordering::Relaxed) * (TICK / 1000);
    if limit.hard != INFINITY && run >= limit.hard {
        signal::send_to_process(process, SigInfo::kernel(SIGKILL));
    } else if run >= limit.soft {
        process.with_limits(|limits| limits.raise_realtime());
        signal::send_to_process(process, SigInfo::kernel(SIGXCPU));
    }
    true
}
