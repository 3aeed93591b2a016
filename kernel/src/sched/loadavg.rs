//! How many threads run or are ready, averaged over minutes: /proc/loadavg.
//!
//! Sampled every five seconds, and the averages decay as Linux's do (its kernel/sched/loadavg.c), but
//! no timer wakes an idle machine for it: busy CPUs' ticks and readers take the samples, and those that
//! nobody took while all CPUs were idle found nothing.

use super::cpu;
use crate::lock_order;
use core::sync::atomic::{AtomicU64, Ordering};
use ochre_hal::sync::SpinLock;

/// Nanoseconds from sample to sample.
const INTERVAL: u64 = 5_000_000_000;

/// When the next sample is due.
static NEXT: AtomicU64 = AtomicU64::new(INTERVAL);
static AVERAGES: SpinLock<Averages> = SpinLock::new(lock_order::CELL, Averages::new());

/// Takes the samples that are due.
pub fn sample(now: u64) {
    let due = NEXT.load(Ordering::Relaxed);
    if now < due {
        return;
    }
    let missed = (now - due) / INTERVAL;
    let next = due + (missed + 1) * INTERVAL;
    // Who moves the time takes the samples.
    if NEXT
        .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
        .is_ok()
    {
        AVERAGES.lock().sample(missed, cpu::load() as u64);
    }
}

/// The averages of the last minute, five and fifteen, in parts of [`ONE`].
#[must_use]
pub fn averages() -> [u64; 3] {
    sample(crate::time::monotonic());
    AVERAGES.lock().0
}

/// One thread, in the averages' fixed-point numbers.
pub const ONE: u64 = 1 << 11;
/// What of an average is left at the next sample: `exp(-5/60)` and so on, of [`ONE`].
const DECAY: [u64; 3] = [1884, 2014, 2037];
/// So many samples leave nothing of an average.
const FORGOTTEN: u64 = 15 * 60;

struct Averages([u64; 3]);

impl Averages {
    const fn new() -> Averages {
        Averages([0; 3])
    }

    /// So many samples of nothing, and one of `load` threads.
    fn sample(&mut self, nothing: u64, load: u64) {
        for (average, decay) in self.0.iter_mut().zip(DECAY) {
            for _ in 0..nothing.min(FORGOTTEN) {
                *average = *average * decay / ONE;
            }
            let active = load * ONE;
            let sum = *average * decay + active * (ONE - decay);
            // Rounded towards the load, or it would never be reached.
            let up = if active >= *average { ONE - 1 } else { 0 };
            *average = (sum + up) / ONE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Averages, ONE};

    #[test]
    fn averages_follow_the_load_and_forget_it() {
        let mut averages = Averages::new();
        for _ in 0..12 {
            averages.sample(0, 2);
        }
        // After a minute: 2 * (1 - 1/e), 2 * (1 - exp(-1/5)), 2 * (1 - exp(-1/15)).
        for (seen, wanted) in averages.0.iter().zip([126, 36, 13]) {
            assert!((seen * 100 / ONE).abs_diff(wanted) <= 1, "{:?}", averages.0);
        }
        for _ in 0..5000 {
            averages.sample(0, 2);
        }
        assert_eq!(averages.0, [2 * ONE; 3]);
        averages.sample(u64::MAX, 0);
        assert_eq!(averages.0, [0; 3]);
    }
}
