//! Fingers that rest: a hold, which stops what coasts, and from which other gestures may begin.

use std::time::Duration;

use crate::{tap::TOUCH, touchpad::Meaning};

/// Where a hold is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// There are no fingers.
    Idle,
    /// They have rested since then: a hold begins when that is too long for a tap.
    Resting { since: Duration },
    /// They hold.
    Holding,
    /// They do something else, until one comes or leaves.
    Over,
}

/// Holds of one touchpad.
#[derive(Debug)]
pub(crate) struct Hold {
    state: State,
    fingers: usize,
}

impl Hold {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Idle,
            fingers: 0,
        }
    }

    /// When to come back without a report.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Resting { since } => Some(since + TOUCH),
            _ => None,
        }
    }

    /// A deadline may have passed.
    pub(crate) fn expire(&mut self, time: Duration, out: &mut Vec<Meaning>) {
        if self.deadline().is_some_and(|at| time >= at) {
            self.state = State::Holding;
            out.push(Meaning::HoldBegin {
                fingers: self.fingers,
            });
        }
    }

    /// How many fingers are down, and whether they do nothing but rest.
    pub(crate) fn report(
        &mut self,
        fingers: usize,
        rest: bool,
        time: Duration,
        out: &mut Vec<Meaning>,
    ) {
        if fingers != self.fingers {
            self.end(fingers > 0, out);
            self.fingers = fingers;
            self.state = match fingers {
                0 => State::Idle,
                _ => State::Resting { since: time },
            };
        } else {
            self.expire(time, out);
        }
        if !rest && fingers > 0 {
            self.end(true, out);
            self.state = State::Over;
        }
    }

    /// A hold that is under way is over: something else came of it, or the fingers just left.
    pub(crate) fn end(&mut self, cancelled: bool, out: &mut Vec<Meaning>) {
        if std::mem::replace(&mut self.state, State::Over) == State::Holding {
            out.push(Meaning::HoldEnd { cancelled });
        }
    }
}
