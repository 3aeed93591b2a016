//! Where CPU time goes.
//!
//! How long a thread was on CPUs is known to the nanosecond: the switch takes the time. How much of
//! it was the kernel's is sampled by a tick, as by Linux without exact accounting, so that no system
//! call takes the time. A sample is worth a whole [`TICK`]; a tick that falls into the kernel, which
//! takes no interrupts, is booked when it is done.

use crate::lock_order;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use ochre_hal::sync::SpinLock;

/// How often a busy CPU samples what it does: Debian's Linux ticks as often.
pub const TICK: u64 = 4_000_000;

/// Time on CPUs, or a CPU's time without work. Only the CPU that runs the thread writes it.
#[derive(Debug, Default)]
pub struct RunTime {
    /// Odd while the two below are changed, so that others read them as a pair.
    sequence: AtomicU32,
    charged: AtomicU64,
    /// When the stretch began that isn't charged yet; 0 while off the CPUs.
    since: AtomicU64,
}

impl RunTime {
    #[must_use]
    pub const fn new() -> RunTime {
        RunTime {
            sequence: AtomicU32::new(0),
            charged: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }

    fn change(&self, charged: u64, since: u64) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.charged.store(charged, Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// Begins a stretch on a CPU.
    pub fn start(&self, now: u64) {
        self.change(self.charged.load(Ordering::Relaxed), now.max(1));
    }

    /// Ends the stretch; returns its length.
    pub fn stop(&self, now: u64) -> u64 {
        let nanos = now.saturating_sub(self.since.load(Ordering::Relaxed));
        self.change(
            self.charged.load(Ordering::Relaxed).saturating_add(nanos),
            0,
        );
        nanos
    }

    /// When the present stretch began.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// All of it, up to now.
    #[must_use]
    pub fn total(&self) -> u64 {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let charged = self.charged.load(Ordering::Relaxed);
            let since = self.since.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                let running = match since {
                    0 => 0,
                    since => crate::time::monotonic().saturating_sub(since),
                };
                return charged.saturating_add(running);
            }
            core::hint::spin_loop();
        }
    }
}

/// Samples of a thread, a process or a CPU.
pub struct Ticks {
    user: AtomicU64,
    system: AtomicU64,
    /// The parts as they were told last: neither may shrink when the samples' ratio changes.
    told: SpinLock<(u64, u64)>,
}

impl Ticks {
    #[must_use]
    pub const fn new() -> Ticks {
        Ticks {
            user: AtomicU64::new(0),
            system: AtomicU64::new(0),
            told: SpinLock::new(lock_order::CELL, (0, 0)),
        }
    }

    pub fn add(&self, ticks: u64, kernel: bool) {
        let part = if kernel { &self.system } else { &self.user };
        part.fetch_add(ticks, Ordering::Relaxed);
    }

    /// User time by samples alone, in nanoseconds: what ITIMER_VIRTUAL counts.
    #[must_use]
    pub fn user(&self) -> u64 {
        self.user.load(Ordering::Relaxed) * TICK
    }

    /// User and system time by samples alone: what ITIMER_PROF and RLIMIT_CPU count.
    #[must_use]
    pub fn both(&self) -> u64 {
        (self.user.load(Ordering::Relaxed) + self.system.load(Ordering::Relaxed)) * TICK
    }

    /// `runtime` as user and system time, in the samples' ratio.
    #[must_use]
    pub fn split(&self, runtime: u64) -> (u64, u64) {
        let user = self.user.load(Ordering::Relaxed);
        let system = self.system.load(Ordering::Relaxed);
        let mut told = self.told.lock();
        *told = divide(runtime, user, system, *told);
        *told
    }
}

impl Default for Ticks {
    fn default() -> Ticks {
        Ticks::new()
    }
}

/// `runtime` in the ratio of `user` to `system`, neither part below what it was in `last`.
fn divide(runtime: u64, user: u64, system: u64, last: (u64, u64)) -> (u64, u64) {
    if last.0 + last.1 >= runtime {
        return last;
    }
    let of_system = if system == 0 {
        0
    } else {
        let part = u128::from(runtime) * u128::from(system) / u128::from(user + system);
        u64::try_from(part).unwrap_or(runtime)
    };
    let of_system = of_system.max(last.1);
    let of_user = runtime.saturating_sub(of_system).max(last.0);
    (of_user, runtime - of_user)
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn time_is_split_by_samples() {
        assert_eq!(divide(100, 0, 0, (0, 0)), (100, 0));
        assert_eq!(divide(100, 3, 0, (0, 0)), (100, 0));
        assert_eq!(divide(100, 0, 3, (0, 0)), (0, 100));
        assert_eq!(divide(100, 3, 1, (0, 0)), (75, 25));
    }

    #[test]
    fn no_part_ever_shrinks() {
        let mut last = (0, 0);
        let samples = [(1, 0), (1, 3), (9, 3), (9, 90), (500, 90), (500, 90)];
        for (step, (user, system)) in samples.into_iter().enumerate() {
            let runtime = 10 * (step as u64 + 1);
            let next = divide(runtime, user, system, last);
            assert!(next.0 >= last.0 && next.1 >= last.1, "{last:?} {next:?}");
            assert_eq!(next.0 + next.1, runtime);
            last = next;
        }
        assert_eq!(divide(5, 1, 1, last), last);
    }
}
