//! The time as the panel says it, anew each minute.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// What the clock shows.
pub struct Clock {
    pub time: String,
    pub date: String,
    fixed: bool,
}

impl Clock {
    /// The system's time in the system's zone; or `OCHRE_FIXED_TIME` (as RFC 3339 writes it), at which
    /// the clocks of screenshot tests stand still.
    pub fn system() -> Clock {
        let fixed = std::env::var("OCHRE_FIXED_TIME").ok();
        if let Some(Ok(time)) = fixed.map(|time| time.parse::<Timestamp>()) {
            let time = time.to_zoned(TimeZone::UTC);
            let shown = |format| time.strftime(format).to_string();
            return Clock::fixed(&shown("%H:%M"), &shown("%a %-d %b"));
        }
        let mut clock = Clock {
            time: String::new(),
            date: String::new(),
            fixed: false,
        };
        clock.update();
        clock
    }

    /// Stands still, for pictures.
    pub fn fixed(time: &str, date: &str) -> Clock {
        Clock {
            time: time.to_owned(),
            date: date.to_owned(),
            fixed: true,
        }
    }

    /// Takes the time; how long it stays right.
    pub fn update(&mut self) -> Duration {
        if self.fixed {
            return Duration::from_secs(3_600);
        }
        let now = Zoned::now();
        self.time = now.strftime("%H:%M").to_string();
        self.date = now.strftime("%a %-d %b").to_string();
        // A little past the full minute, so that it has come for certain.
        let second = u64::try_from(now.second()).unwrap_or(0).min(59);
        Duration::from_millis((60 - second) * 1_000 + 20)
    }
}
