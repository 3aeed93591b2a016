//! Timing: how often to do a thing, and which of the times to believe.

use anyhow::Result;
use std::time::{Duration, Instant};

/// A line of the table.
pub struct Row {
    /// Its name: area first.
    pub name: &'static str,
    /// Measures it, in nanoseconds.
    pub measure: fn() -> Result<f64>,
}

/// One sample takes at least so long, so that the clock's own cost doesn't matter; and hardly
/// longer, so that some samples are left alone by whatever else the host does.
const SAMPLE: Duration = Duration::from_millis(2);
/// How many samples there are. The least of them counts: other work on the host only ever adds.
const SAMPLES: usize = 60;

/// Nanoseconds that one of the things takes that `work(n)` does `n` times.
pub fn each(mut work: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    let mut count = 1;
    // This warms caches up, too. A single sample may be long by what the host did meanwhile.
    while least(&mut work, count, 3)? < SAMPLE {
        count *= 2;
    }
    Ok(least(&mut work, count, SAMPLES)?.as_nanos() as f64 / count as f64)
}

fn least(work: &mut impl FnMut(u64) -> Result<()>, count: u64, samples: usize) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..samples {
        least = least.min(time(work, count)?);
    }
    Ok(least)
}

fn time(work: &mut impl FnMut(u64) -> Result<()>, count: u64) -> Result<Duration> {
    let start = Instant::now();
    work(count)?;
    Ok(start.elapsed())
}
