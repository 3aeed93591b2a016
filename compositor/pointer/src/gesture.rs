//! What several fingers do together: two scroll or pinch, three and four swipe or pinch.

use crate::touchpad::Meaning;

/// How far fingers move before it is clear what they do, in millimetres.
const CLEAR: f64 = 1.5;

/// What a group of fingers does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Gesture {
    /// It is not clear yet: since they were here.
    Unclear(Shape),
    /// Two fingers scroll.
    Scroll,
    /// They swipe.
    Swipe,
    /// They pinch; they began like this, and were told to have grown and turned so much.
    Pinch { began: Shape, turned: f64 },
}

/// Where fingers are as a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// Their middle.
    pub(crate) middle: (f64, f64),
    /// How far they are from it.
    pub(crate) radius: f64,
    /// Which way the first is from it, in degrees.
    pub(crate) angle: f64,
}

impl Shape {
    /// The shape of at least one finger.
    pub(crate) fn of(places: &[(f64, f64)]) -> Self {
        let count = places.len().max(1) as f64;
        let sum = places
            .iter()
            .fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
        let middle = (sum.0 / count, sum.1 / count);
        let from_middle = |at: &(f64, f64)| (at.0 - middle.0, at.1 - middle.1);
        let distances = places.iter().map(from_middle).map(|(x, y)| x.hypot(y));
        let (x, y) = places.first().map(from_middle).unwrap_or_default();
        Self {
            middle,
            radius: distances.sum::<f64>() / count,
            angle: y.atan2(x).to_degrees(),
        }
    }
}

/// The shorter way round, in degrees.
fn turn(from: f64, to: f64) -> f64 {
    (to - from + 180.0).rem_euclid(360.0) - 180.0
}

impl Gesture {
    /// Fingers are now like this, and were like that in the report before. `pixels` makes motion of
    /// millimetres.
    pub(crate) fn go_on(
        self,
        fingers: usize,
        now: Shape,
        before: Shape,
        pixels: f64,
        out: &mut Vec<Meaning>,
    ) -> Self {
        let (dx, dy) = (
            (now.middle.0 - before.middle.0) * pixels,
            (now.middle.1 - before.middle.1) * pixels,
        );
        match self {
            Gesture::Unclear(began) => {
                let moved = (now.middle.0 - began.middle.0).hypot(now.middle.1 - began.middle.1);
                let grown = (now.radius - began.radius).abs();
                if moved < CLEAR && grown < CLEAR {
                    return self;
                }
                if grown > moved {
                    out.push(Meaning::PinchBegin { fingers });
                    return Gesture::Pinch {
                        began,
                        turned: began.angle,
                    };
                }
                if fingers == 2 {
                    return Gesture::Scroll;
                }
                out.push(Meaning::SwipeBegin { fingers });
                Gesture::Swipe
            }
            Gesture::Scroll => {
                if (dx, dy) != (0.0, 0.0) {
                    // Content follows the fingers.
                    out.push(Meaning::Scroll { dx: -dx, dy: -dy });
                }
                self
            }
            Gesture::Swipe => {
                if (dx, dy) != (0.0, 0.0) {
                    out.push(Meaning::Swipe { dx, dy });
                }
                self
            }
            Gesture::Pinch { began, turned } => {
                let scale = now.radius / began.radius.max(0.1);
                let rotation = turn(turned, now.angle);
                out.push(Meaning::Pinch {
                    dx,
                    dy,
                    scale,
                    rotation,
                });
                let turned = now.angle;
                Gesture::Pinch { began, turned }
            }
        }
    }

    /// The fingers are fewer or more now.
    pub(crate) fn end(self, out: &mut Vec<Meaning>) {
        match self {
            Gesture::Unclear(_) => {}
            Gesture::Scroll => out.push(Meaning::Scroll { dx: 0.0, dy: 0.0 }),
            Gesture::Swipe => out.push(Meaning::SwipeEnd),
            Gesture::Pinch { .. } => out.push(Meaning::PinchEnd),
        }
    }
}
