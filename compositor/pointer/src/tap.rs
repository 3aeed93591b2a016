//! Taps, double taps and tap-and-drag.
//!
//! A tap's press is reported when the finger is lifted, its release when no other touch followed in
//! time; a touch that follows keeps the button down, so that a second tap is a double click and a
//! touch that moves drags.

use std::time::Duration;

use crate::touchpad::{Button, Meaning};

/// The longest that a tap touches.
pub(crate) const TOUCH: Duration = Duration::from_millis(180);
/// The longest between a tap and the touch that drags.
const GAP: Duration = Duration::from_millis(180);
/// The farthest that a tap's finger moves, in millimetres.
pub(crate) const STILL: f64 = 1.3;

/// Where a tap is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// No touch that could be a tap.
    Idle,
    /// Fingers are down since then; so many at most.
    Touching { since: Duration, fingers: usize },
    /// A tap pressed the button; it is let go then.
    Tapped { button: Button, until: Duration },
    /// A touch follows a tap.
    Again { button: Button, since: Duration },
    /// It moves: it drags.
    Dragging { button: Button },
    /// It took too long or moved: no tap, until all fingers are up.
    Spoilt,
}

/// Taps of one touchpad.
#[derive(Debug)]
pub(crate) struct Taps {
    state: State,
    on: bool,
}

/// The button that so many fingers tap.
pub(crate) fn button_of(fingers: usize) -> Option<Button> {
    match fingers {
        1 => Some(Button::Left),
        2 => Some(Button::Right),
        3 => Some(Button::Middle),
        _ => None,
    }
}

impl Taps {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Idle,
            on: true,
        }
    }

    /// Whether a tap clicks. One that is under way ends as it began.
    pub(crate) fn set(&mut self, on: bool) {
        self.on = on;
    }

    /// When to come back without a report.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Tapped { until, .. } => Some(until),
            State::Again { since, .. } => Some(since + TOUCH),
            _ => None,
        }
    }

    /// A deadline may have passed.
    pub(crate) fn expire(&mut self, time: Duration, out: &mut Vec<Meaning>) {
        match self.state {
            State::Tapped { button, until } if time >= until => {
                out.push(Meaning::Button(button, false));
                self.state = State::Idle;
            }
            // It rests where it is: what comes is dragging.
            State::Again { button, since } if time >= since + TOUCH => {
                self.state = State::Dragging { button };
            }
            _ => {}
        }
    }

    /// How many fingers are down, the most that any has moved, and whether the pad itself is pressed.
    pub(crate) fn report(
        &mut self,
        fingers: usize,
        moved: f64,
        clicked: bool,
        time: Duration,
        out: &mut Vec<Meaning>,
    ) {
        self.expire(time, out);
        if clicked {
            self.spoil(out);
            return;
        }
        match (self.state, fingers) {
            (State::Idle, 1..) if self.on => {
                self.state = State::Touching {
                    since: time,
                    fingers,
                };
            }
            (State::Touching { since, .. }, 1..) if moved > STILL || time > since + TOUCH => {
                self.state = State::Spoilt;
            }
            (
                State::Touching {
                    since,
                    fingers: most,
                },
                1..,
            ) => {
                let fingers = most.max(fingers);
                self.state = State::Touching { since, fingers };
            }
            (State::Touching { since, fingers }, 0) => {
                let tap = button_of(fingers).filter(|_| time <= since + TOUCH && moved <= STILL);
                self.state = match tap {
                    Some(button) => {
                        out.push(Meaning::Button(button, true));
                        let until = time + GAP;
                        State::Tapped { button, until }
                    }
                    None => State::Idle,
                };
            }
            (
                State::Tapped {
                    button: Button::Left,
                    ..
                },
                1,
            ) => {
                let button = Button::Left;
                self.state = State::Again {
                    button,
                    since: time,
                };
            }
            (State::Tapped { button, .. }, 1..) => {
                out.push(Meaning::Button(button, false));
                self.state = State::Touching {
                    since: time,
                    fingers,
                };
            }
            (State::Again { button, .. }, 1) if moved > STILL => {
                self.state = State::Dragging { button };
            }
            (State::Again { button, .. } | State::Dragging { button }, 2..) => {
                out.push(Meaning::Button(button, false));
                self.state = State::Spoilt;
            }
            // A second tap: the first ends here, and it presses again.
            (State::Again { button, .. }, 0) => {
                out.push(Meaning::Button(button, false));
                out.push(Meaning::Button(button, true));
                let until = time + GAP;
                self.state = State::Tapped { button, until };
            }
            (State::Dragging { button }, 0) => {
                out.push(Meaning::Button(button, false));
                self.state = State::Idle;
            }
            (State::Spoilt, 0) => self.state = State::Idle,
            _ => {}
        }
    }

    /// Whether a touch holds the button that a tap pressed.
    pub(crate) fn drags(&self) -> bool {
        matches!(self.state, State::Again { .. } | State::Dragging { .. })
    }

    /// What is under way is no tap.
    pub(crate) fn spoil(&mut self, out: &mut Vec<Meaning>) {
        if let State::Tapped { button, .. }
        | State::Again { button, .. }
        | State::Dragging { button } = self.state
        {
            out.push(Meaning::Button(button, false));
        }
        self.state = State::Spoilt;
    }
}
