//! A touchpad: contacts in, meanings out.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Acceleration,
    gesture::{Gesture, Shape},
    hold::Hold,
    palm::{self, Judgement},
    tap::{STILL, Taps, button_of},
};

/// Logical pixels a millimetre, before acceleration.
const PIXELS: f64 = 8.0;
/// What acceleration takes a millimetre for: a mouse of this many units an inch.
const UNITS_A_MILLIMETRE: f64 = PIXELS;
/// A finger at rest trembles by this much, in millimetres.
const TREMBLE: f64 = 0.25;

/// The size of a pad, in millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pad {
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
}

/// A finger, or what looks like one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contact {
    /// The same number as long as it touches.
    pub id: i32,
    /// From the left, in millimetres.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Its longer side, in millimetres; 0 if the pad does not say.
    pub breadth: f64,
    /// The pad says that it is a palm.
    pub palm: bool,
}

/// What a pad reports at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// All that touches now.
    pub contacts: Vec<Contact>,
    /// The pad itself is pressed down.
    pub pressed: bool,
}

/// A button of a mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// One finger's.
    Left,
    /// Two fingers'.
    Right,
    /// Three fingers'.
    Middle,
}

/// What was meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// The pointer goes by this many logical pixels.
    Motion {
        /// To the right.
        dx: f64,
        /// Downwards.
        dy: f64,
    },
    /// A button goes down or up.
    Button(Button, bool),
    /// Content scrolls by this much; both zero: the fingers left.
    Scroll {
        /// To the right.
        dx: f64,
        /// Downwards.
        dy: f64,
    },
    /// So many fingers begin to swipe.
    SwipeBegin {
        /// How many.
        fingers: usize,
    },
    /// They swipe on.
    Swipe {
        /// To the right.
        dx: f64,
        /// Downwards.
        dy: f64,
    },
    /// They left.
    SwipeEnd,
    /// So many fingers begin to pinch.
    PinchBegin {
        /// How many.
        fingers: usize,
    },
    /// They pinch on.
    Pinch {
        /// Their middle goes to the right.
        dx: f64,
        /// Downwards.
        dy: f64,
        /// How far apart they are, of what they were.
        scale: f64,
        /// How far they turned since the last time, in degrees clockwise.
        rotation: f64,
    },
    /// They left.
    PinchEnd,
    /// So many fingers rest where they are.
    HoldBegin {
        /// How many.
        fingers: usize,
    },
    /// They left, or do something else (it is cancelled).
    HoldEnd {
        /// Something else.
        cancelled: bool,
    },
}

/// A contact that is followed.
#[derive(Debug, Clone, Copy)]
struct Finger {
    judgement: Judgement,
    began: (f64, f64),
    /// Where it was taken to be.
    at: (f64, f64),
    /// The farthest that it was from where it began.
    moved: f64,
}

/// A touchpad and what is going on on it.
#[derive(Debug)]
pub struct Touchpad {
    pad: Pad,
    fingers: BTreeMap<i32, Finger>,
    /// How many fingers there were, and what they were doing.
    count: usize,
    gesture: Option<Gesture>,
    shape: Shape,
    taps: Taps,
    hold: Hold,
    /// The button that pressing the pad holds down.
    clicked: Option<Button>,
    typed: Option<Duration>,
    acceleration: Acceleration,
}

impl Touchpad {
    /// A pad of this size; `speed` is what a settings slider gives, -1 (slow) to 1 (fast).
    pub fn new(pad: Pad, speed: f64) -> Self {
        Self {
            pad,
            fingers: BTreeMap::new(),
            count: 0,
            gesture: None,
            shape: Shape::of(&[]),
            taps: Taps::new(),
            hold: Hold::new(),
            clicked: None,
            typed: None,
            acceleration: Acceleration::new(1000.0, speed),
        }
    }

    /// How far the pointer goes, and whether a tap clicks.
    pub fn set_up(&mut self, acceleration: Acceleration, tap: bool) {
        self.acceleration = acceleration;
        self.taps.set(tap);
    }

    /// A key was pressed that types: for a while, what begins to touch is a palm.
    pub fn typed(&mut self, time: Duration) {
        self.typed = Some(time);
    }

    /// When to call [`Touchpad::expire`] if nothing is reported before.
    pub fn deadline(&self) -> Option<Duration> {
        let taps = self.taps.deadline();
        taps.into_iter().chain(self.hold.deadline()).min()
    }

    /// Time has passed.
    pub fn expire(&mut self, time: Duration) -> Vec<Meaning> {
        let mut out = Vec::new();
        self.taps.expire(time, &mut out);
        self.hold.expire(time, &mut out);
        out
    }

    /// Takes a report.
    pub fn report(&mut self, report: &Report, time: Duration) -> Vec<Meaning> {
        let mut out = Vec::new();
        self.follow(report, time);
        let places: Vec<(f64, f64)> = self.real().map(|finger| finger.at).collect();
        let moved = self.real().map(|finger| finger.moved).fold(0.0, f64::max);
        let count = places.len();
        self.click(report.pressed, count, &mut out);
        let shape = Shape::of(&places);
        if count != self.count {
            if let Some(gesture) = self.gesture.take() {
                gesture.end(&mut out);
            }
            // What the middle does when a finger comes or goes is no motion.
            self.gesture = (count >= 2).then_some(Gesture::Unclear(shape));
            self.acceleration.rest();
        } else if let Some(gesture) = self.gesture.filter(|_| self.clicked.is_none()) {
            let next = gesture.go_on(count, shape, self.shape, PIXELS, &mut out);
            if next != gesture && !matches!(next, Gesture::Pinch { .. }) {
                self.taps.spoil(&mut out);
            }
            self.gesture = Some(next);
        } else if count >= 1 {
            let (dx, dy) = (
                (shape.middle.0 - self.shape.middle.0) * UNITS_A_MILLIMETRE,
                (shape.middle.1 - self.shape.middle.1) * UNITS_A_MILLIMETRE,
            );
            if (dx, dy) != (0.0, 0.0) {
                let (dx, dy) = self.acceleration.apply(dx, dy, time);
                self.taps
                    .report(count, moved, self.clicked.is_some(), time, &mut out);
                out.push(Meaning::Motion { dx, dy });
            }
        }
        self.taps
            .report(count, moved, self.clicked.is_some(), time, &mut out);
        (self.count, self.shape) = (count, shape);
        let moves = out.iter().any(|it| !matches!(it, Meaning::Button(..)));
        let rest = !moves && moved <= STILL && self.clicked.is_none() && !self.taps.drags();
        // A hold ends before what comes of it begins.
        let mut all = Vec::new();
        self.hold.report(count, rest, time, &mut all);
        all.append(&mut out);
        all
    }

    /// The pad is gone: what was under way ends, and nothing is clicked by that.
    pub fn let_go(&mut self) -> Vec<Meaning> {
        let mut out = Vec::new();
        if let Some(gesture) = self.gesture.take() {
            gesture.end(&mut out);
        }
        self.hold.end(true, &mut out);
        self.hold = Hold::new();
        self.taps.spoil(&mut out);
        self.click(false, 0, &mut out);
        self.fingers.clear();
        out
    }

    fn real(&self) -> impl Iterator<Item = &Finger> {
        self.fingers
            .values()
            .filter(|finger| finger.judgement == Judgement::Finger)
    }

    /// Matches contacts with those of the report before.
    fn follow(&mut self, report: &Report, time: Duration) {
        self.fingers
            .retain(|id, _| report.contacts.iter().any(|contact| contact.id == *id));
        for contact in &report.contacts {
            if !contact.x.is_finite() || !contact.y.is_finite() {
                continue;
            }
            let place = (contact.x, contact.y);
            let Some(finger) = self.fingers.get_mut(&contact.id) else {
                let judgement = palm::judge(contact, &self.pad, self.typed, time);
                let finger = Finger {
                    judgement,
                    began: place,
                    at: place,
                    moved: 0.0,
                };
                self.fingers.insert(contact.id, finger);
                continue;
            };
            finger.judgement = palm::judge_again(finger.judgement, contact, finger.began);
            let (x, y) = (place.0 - finger.began.0, place.1 - finger.began.1);
            finger.moved = finger.moved.max(x.hypot(y));
            // A finger at rest does not move the pointer, and one that moves loses nothing by it.
            let (dx, dy) = (place.0 - finger.at.0, place.1 - finger.at.1);
            if finger.moved > STILL || dx.hypot(dy) > TREMBLE {
                finger.at = place;
            }
        }
    }

    /// The pad was pressed or let go: as many fingers as are on it say which button that is.
    fn click(&mut self, pressed: bool, fingers: usize, out: &mut Vec<Meaning>) {
        match (self.clicked, pressed) {
            (None, true) => {
                self.taps.spoil(out);
                let button = button_of(fingers.max(1)).unwrap_or(Button::Left);
                self.clicked = Some(button);
                out.push(Meaning::Button(button, true));
            }
            (Some(button), false) => {
                self.clicked = None;
                out.push(Meaning::Button(button, false));
            }
            _ => {}
        }
    }
}
