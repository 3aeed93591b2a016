//! Time, and what is due when.
//!
//! Every deadline of the compositor (the next vblank, an animation's end, a device to look for
//! again) goes through [`Deadlines`], so that one timer wakes the loop and a test can own time: with
//! a manual clock nothing happens until the test moves it.

use std::{cell::Cell, rc::Rc, time::Duration};

use crate::output::OutputId;

/// The compositor's monotonic clock.
#[derive(Debug, Clone)]
pub enum Clock {
    /// CLOCK_MONOTONIC.
    Real,
    /// Stands still until [`Clock::advance`].
    Manual(Rc<Cell<Duration>>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn manual(start: Duration) -> Self {
        Clock::Manual(Rc::new(Cell::new(start)))
    }

    /// Time since boot (or since the manual clock's zero).
    pub fn now(&self) -> Duration {
        match self {
            Clock::Real => {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
                Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
            }
            Clock::Manual(now) => now.get(),
        }
    }

    /// Now in the milliseconds that input events and frame callbacks carry.
    pub fn millis(&self) -> u32 {
        self.now().as_millis() as u32 // wraps after 49 days, as the protocol allows
    }

    /// How many seconds of the day have passed where its user is.
    pub fn second_of_day(&self) -> u32 {
        match self {
            Clock::Real => {
                let time = jiff::Zoned::now().time();
                let part = |value: i8| u32::from(value.unsigned_abs());
                (part(time.hour()) * 60 + part(time.minute())) * 60 + part(time.second())
            }
            Clock::Manual(now) => (now.get().as_secs() % 86_400) as u32,
        }
    }

    /// The date and time as files are named by it.
    pub fn stamp(&self) -> String {
        match self {
            Clock::Real => jiff::Zoned::now().strftime("%Y-%m-%d %H-%M-%S").to_string(),
            Clock::Manual(now) => now.get().as_secs().to_string(),
        }
    }

    /// Whether a test owns this clock.
    pub fn is_manual(&self) -> bool {
        matches!(self, Clock::Manual(_))
    }

    /// Moves a manual clock; a real one does not listen.
    pub fn advance(&self, by: Duration) {
        if let Clock::Manual(now) = self {
            now.set(now.get() + by);
        }
    }
}

/// What happens when a deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// An output's (real or estimated) vblank.
    Vblank(OutputId),
    /// The next step of an animation, or the end of a hover's delay.
    Animate,
    /// Look again for a display card or input devices that went away.
    Rescan,
    /// The session's helper program may be started again.
    RestartShell,
    /// A tap or a switch that is waited for.
    Hands,
    /// The night light changes, or the time of day is to be looked at.
    Night,
    /// A bell's blink is over.
    Bell,
    /// Content that waits for its time is nearly due.
    Content,
    /// Clients have heard of a display that is gone.
    Retired,
    /// Keys that were typed ahead wait no longer for the launcher.
    TypedAhead,
    /// Sockets that no connection could be taken from are listened on again.
    Listen,
    /// Somebody on the control socket waits for things to be quiet.
    Quiet,
}

/// The pending deadlines, soonest first.
#[derive(Debug, Default)]
pub struct Deadlines {
    pending: Vec<(Duration, Due)>,
}

impl Deadlines {
    /// Adds a deadline; a second one of the same kind replaces the first.
    pub fn set(&mut self, at: Duration, due: Due) {
        self.pending.retain(|(_, other)| *other != due);
        let place = self.pending.partition_point(|(other, _)| *other <= at);
        self.pending.insert(place, (at, due));
    }

    /// Drops a deadline if it is pending.
    pub fn cancel(&mut self, due: Due) {
        self.pending.retain(|(_, other)| *other != due);
    }

    /// When the soonest is due.
    pub fn soonest(&self) -> Option<Duration> {
        self.pending.first().map(|(at, _)| *at)
    }

    /// Takes the soonest if it is due by `now`.
    pub fn pop(&mut self, now: Duration) -> Option<Due> {
        (self.soonest()? <= now).then(|| self.pending.remove(0).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_once() {
        let mut deadlines = Deadlines::default();
        let ms = Duration::from_millis;
        deadlines.set(ms(30), Due::Rescan);
        deadlines.set(ms(10), Due::Animate);
        deadlines.set(ms(20), Due::Rescan);
        assert_eq!(deadlines.soonest(), Some(ms(10)));
        assert_eq!(deadlines.pop(ms(9)), None);
        assert_eq!(deadlines.pop(ms(25)), Some(Due::Animate));
        assert_eq!(deadlines.pop(ms(25)), Some(Due::Rescan));
        assert_eq!(deadlines.pop(ms(99)), None);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(Duration::from_secs(5));
        assert_eq!(clock.millis(), 5000);
        clock.advance(Duration::from_millis(16));
        assert_eq!(clock.millis(), 5016);
    }
}
