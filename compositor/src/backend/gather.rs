//! A device's events, gathered until they are complete: what they amount to, and what it holds down.

use evdev::{
    AbsoluteAxisCode, EventSummary, InputEvent as RawEvent, KeyCode, RelativeAxisCode,
    SynchronizationCode,
};

use super::hands::Axis;
use crate::input::InputEvent;

/// One axis of a pointer that says where it is: its range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    low: i32,
    high: i32,
}

impl Range {
    pub(super) fn of(axis: Axis) -> Self {
        Self {
            low: axis.low,
            high: axis.high,
        }
    }

    fn share(self, value: i32) -> f64 {
        let length = f64::from(self.high) - f64::from(self.low);
        let from_low = f64::from(value) - f64::from(self.low);
        if length > 0.0 {
            (from_low / length).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }
}

/// Gathers a device's events until they are complete (SYN_REPORT).
#[derive(Debug)]
pub(super) struct Gather {
    place: Option<(Range, Range)>,
    /// The last share of each axis: a report names only what changed.
    at: (f64, f64),
    moved: bool,
    relative: (i32, i32),
    wheel: (i32, i32),
    fine_wheel: (i32, i32),
    presses: Vec<InputEvent>,
    /// The keys and buttons that are down.
    held: Vec<InputEvent>,
    /// Events were lost: nothing counts until the next report.
    dropped: bool,
}

impl Gather {
    pub(super) fn new(place: Option<(Range, Range)>) -> Self {
        Self {
            place,
            at: (0.5, 0.5),
            moved: false,
            relative: (0, 0),
            wheel: (0, 0),
            fine_wheel: (0, 0),
            presses: Vec::new(),
            held: Vec::new(),
            dropped: false,
        }
    }

    /// Whether it says where the pointer is.
    pub(super) fn tells_places(&self) -> bool {
        self.place.is_some()
    }

    /// Takes an event; at the end of a report gives what it amounts to.
    pub(super) fn take(&mut self, event: RawEvent, out: &mut Vec<InputEvent>) {
        match event.destructure() {
            EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                // Which keys went up is lost too: one that seems to stay down would be worse.
                out.extend(self.let_go());
                *self = Self {
                    at: self.at,
                    dropped: true,
                    ..Self::new(self.place)
                };
            }
            EventSummary::Synchronization(_, SynchronizationCode::SYN_REPORT, _) => {
                let complete = !std::mem::take(&mut self.dropped);
                out.extend(complete.then(|| self.report()).into_iter().flatten());
            }
            _ if self.dropped => {}
            EventSummary::Key(_, key, value) => self.press(key, value),
            EventSummary::RelativeAxis(_, axis, value) => match axis {
                RelativeAxisCode::REL_X => self.relative.0 = self.relative.0.saturating_add(value),
                RelativeAxisCode::REL_Y => self.relative.1 = self.relative.1.saturating_add(value),
                RelativeAxisCode::REL_HWHEEL => self.wheel.0 = value.saturating_mul(120),
                RelativeAxisCode::REL_WHEEL => self.wheel.1 = value.saturating_mul(-120),
                RelativeAxisCode::REL_HWHEEL_HI_RES => self.fine_wheel.0 = value,
                RelativeAxisCode::REL_WHEEL_HI_RES => self.fine_wheel.1 = value.saturating_neg(),
                _ => {}
            },
            EventSummary::AbsoluteAxis(_, axis, value) => match (axis, self.place) {
                (AbsoluteAxisCode::ABS_X, Some((x, _))) => {
                    (self.at.0, self.moved) = (x.share(value), true);
                }
                (AbsoluteAxisCode::ABS_Y, Some((_, y))) => {
                    (self.at.1, self.moved) = (y.share(value), true);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn press(&mut self, key: KeyCode, value: i32) {
        let pressed = match value {
            0 => false,
            1 => true,
            _ => return, // repeats are the clients' own
        };
        let code = u32::from(key.code());
        match key {
            // The contact of a screen that knows one finger is its left button.
            KeyCode::BTN_TOUCH => self.presses.push(InputEvent::Button {
                button: crate::input::BTN_LEFT,
                pressed,
            }),
            _ if (0x110..0x118).contains(&code) => {
                self.presses.push(InputEvent::Button {
                    button: code,
                    pressed,
                });
            }
            // Other buttons (0x100 to 0x15f) are of devices that nobody listens to.
            _ if !(0x100..0x160).contains(&code) => {
                self.presses.push(InputEvent::Key { code, pressed });
            }
            _ => {}
        }
    }

    /// The releases of all that is down.
    pub(super) fn let_go(&mut self) -> Vec<InputEvent> {
        self.held.drain(..).map(opposite).collect()
    }

    fn report(&mut self) -> Vec<InputEvent> {
        let mut out = Vec::new();
        if std::mem::take(&mut self.moved) {
            out.push(InputEvent::MotionAbsolute {
                x: self.at.0,
                y: self.at.1,
            });
        }
        let (dx, dy) = std::mem::take(&mut self.relative);
        if (dx, dy) != (0, 0) {
            out.push(InputEvent::Motion {
                dx: f64::from(dx),
                dy: f64::from(dy),
            });
        }
        for press in self.presses.drain(..) {
            let down = opposite(press);
            self.held.retain(|held| ![press, down].contains(held));
            if matches!(
                press,
                InputEvent::Key { pressed: true, .. } | InputEvent::Button { pressed: true, .. }
            ) {
                self.held.push(press);
            }
            out.push(press);
        }
        // A wheel that reports fine steps reports the coarse ones too.
        let coarse = std::mem::take(&mut self.wheel);
        let fine = std::mem::take(&mut self.fine_wheel);
        let (horizontal, vertical) = if fine == (0, 0) { coarse } else { fine };
        if (horizontal, vertical) != (0, 0) {
            out.push(InputEvent::Wheel {
                horizontal,
                vertical,
            });
        }
        out
    }
}

/// A press's release, and the other way round.
fn opposite(press: InputEvent) -> InputEvent {
    match press {
        InputEvent::Key { code, pressed } => InputEvent::Key {
            code,
            pressed: !pressed,
        },
        InputEvent::Button { button, pressed } => InputEvent::Button {
            button,
            pressed: !pressed,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evdev::EventType;

    fn gathered(gather: &mut Gather, events: &[(EventType, u16, i32)]) -> Vec<InputEvent> {
        let mut out = Vec::new();
        for (kind, code, value) in events {
            gather.take(RawEvent::new(kind.0, *code, *value), &mut out);
        }
        out
    }

    const SYN: (EventType, u16, i32) = (EventType::SYNCHRONIZATION, 0, 0);

    #[test]
    fn a_report_is_one_motion_and_then_its_buttons() {
        let mut gather = Gather::new(None);
        let out = gathered(
            &mut gather,
            &[
                (EventType::KEY, 0x110, 1),
                (EventType::RELATIVE, 0, 3),
                (EventType::RELATIVE, 1, -2),
                SYN,
            ],
        );
        assert_eq!(
            out,
            [
                InputEvent::Motion { dx: 3.0, dy: -2.0 },
                InputEvent::Button {
                    button: 0x110,
                    pressed: true
                }
            ]
        );
        assert!(gathered(&mut gather, &[SYN]).is_empty());
    }

    #[test]
    fn a_tablet_s_place_is_a_share_of_its_range() {
        let range = Range {
            low: 0,
            high: 32767,
        };
        let mut gather = Gather::new(Some((range, range)));
        let out = gathered(
            &mut gather,
            &[
                (EventType::ABSOLUTE, 0, 32767),
                (EventType::ABSOLUTE, 1, 0),
                SYN,
            ],
        );
        assert_eq!(out, [InputEvent::MotionAbsolute { x: 1.0, y: 0.0 }]);
        let out = gathered(&mut gather, &[(EventType::ABSOLUTE, 1, 32767), SYN]);
        assert_eq!(
            out,
            [InputEvent::MotionAbsolute { x: 1.0, y: 1.0 }],
            "x is remembered"
        );
        assert_eq!(Range { low: 5, high: 5 }.share(9), 0.5);
    }

    #[test]
    fn repeats_and_foreign_buttons_are_nobody_s() {
        let mut gather = Gather::new(None);
        let out = gathered(
            &mut gather,
            &[
                (EventType::KEY, 30, 1),
                (EventType::KEY, 30, 2),
                (EventType::KEY, 0x130, 1),
                SYN,
            ],
        );
        assert_eq!(
            out,
            [InputEvent::Key {
                code: 30,
                pressed: true
            }]
        );
    }

    #[test]
    fn a_wheel_counts_once() {
        let mut gather = Gather::new(None);
        let out = gathered(
            &mut gather,
            &[
                (EventType::RELATIVE, 8, 1),
                (EventType::RELATIVE, 11, 120),
                SYN,
            ],
        );
        assert_eq!(
            out,
            [InputEvent::Wheel {
                horizontal: 0,
                vertical: -120
            }]
        );
    }

    #[test]
    fn what_is_held_is_let_go_once() {
        let mut gather = Gather::new(None);
        let press = |code, value| (EventType::KEY, code, value);
        gathered(
            &mut gather,
            &[press(30, 1), press(0x110, 1), SYN, press(30, 0), SYN],
        );
        let left = InputEvent::Button {
            button: 0x110,
            pressed: false,
        };
        assert_eq!(gather.let_go(), [left]);
        assert!(gather.let_go().is_empty());
        let dropped = (EventType::SYNCHRONIZATION, 3, 0);
        let out = gathered(&mut gather, &[press(0x110, 1), SYN, dropped]);
        assert_eq!(out.last(), Some(&left));
    }

    #[test]
    fn what_came_before_a_loss_does_not_count() {
        let mut gather = Gather::new(None);
        let dropped = (EventType::SYNCHRONIZATION, 3, 0);
        let out = gathered(
            &mut gather,
            &[
                (EventType::RELATIVE, 0, 3),
                dropped,
                (EventType::RELATIVE, 0, 5),
                SYN,
            ],
        );
        assert!(out.is_empty());
        let out = gathered(&mut gather, &[(EventType::RELATIVE, 0, 7), SYN]);
        assert_eq!(out, [InputEvent::Motion { dx: 7.0, dy: 0.0 }]);
    }
}
