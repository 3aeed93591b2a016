//! How regularly something happens.

use std::time::{Duration, Instant};

/// Counts what happens, and remembers the longest time between two of them.
#[derive(Default)]
pub struct Pace {
    last: Option<Instant>,
    longest: Duration,
    count: u32,
}

impl Pace {
    /// It happened.
    pub fn step(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last {
            self.longest = self.longest.max(now - last);
        }
        self.last = Some(now);
        self.count += 1;
    }

    /// Counts anew; the next pause is still the one since it last happened.
    pub fn begin(&mut self) {
        (self.longest, self.count) = (Duration::ZERO, 0);
    }

    /// How often it happened, and the longest pause before any of that.
    pub fn seen(&self) -> (u32, Duration) {
        (self.count, self.longest)
    }
}
