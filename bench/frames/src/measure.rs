//! How long all processors were busy.

use anyhow::{Context, Result};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// What something took.
pub struct Measured {
    /// By the clock.
    pub taken: Duration,
    /// Of all processors together.
    pub busy: Duration,
}

/// Does it, and says what it took.
pub fn measured(work: impl FnOnce() -> Result<()>) -> Result<Measured> {
    let processors = thread::available_parallelism()?.get() as u32;
    let (idle, start) = (idle()?, Instant::now());
    work()?;
    let taken = start.elapsed();
    let idle = self::idle()?.saturating_sub(idle);
    Ok(Measured {
        taken,
        busy: (taken * processors).saturating_sub(idle),
    })
}

/// For how long processors have had nothing to do, all together (proc(5), `/proc/uptime`).
fn idle() -> Result<Duration> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds = text.split_whitespace().nth(1).context("no idle time")?;
    Ok(Duration::from_secs_f64(seconds.parse()?))
}

impl Measured {
    /// For another process to [`parse`](Self::parse).
    pub fn text(&self) -> String {
        format!("{} {}", self.taken.as_nanos(), self.busy.as_nanos())
    }

    /// What [`text`](Self::text) has written.
    pub fn parse(text: &str) -> Option<Measured> {
        let (taken, busy) = text.split_once(' ')?;
        let time = |text: &str| Some(Duration::from_nanos(text.trim().parse().ok()?));
        Some(Measured {
            taken: time(taken)?,
            busy: time(busy)?,
        })
    }
}

/// Prints a row of the table.
pub fn row(name: &str, unit: &str, value: f64) {
    println!("{name}\t{unit}\t{value:.1}");
}
