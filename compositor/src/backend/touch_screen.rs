//! A touch screen's reports (multi-touch protocol, type B): which finger is where.

use std::collections::BTreeMap;

use evdev::{AbsoluteAxisCode, EventSummary, InputEvent as RawEvent, SynchronizationCode};

use super::hands::{Axis, MOST_SLOTS};
use crate::input::InputEvent;

/// A finger on the screen.
#[derive(Debug, Default)]
struct Finger {
    /// It was told that it is down.
    told: bool,
    moved: bool,
}

/// The screen.
#[derive(Debug)]
pub(super) struct TouchScreen {
    axes: (Axis, Axis),
    slot: i32,
    /// Where each slot's finger was last, as shares of the screen's width and height: a coordinate that
    /// stays the same is not told again, be it another finger's.
    places: BTreeMap<u32, (f64, f64)>,
    fingers: BTreeMap<u32, Finger>,
    /// Fingers that left since the last report.
    lifted: Vec<u32>,
    /// Events were lost: nothing counts until the next report.
    dropped: bool,
}

impl TouchScreen {
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self {
            axes: (x, y),
            slot: 0,
            places: BTreeMap::new(),
            fingers: BTreeMap::new(),
            lifted: Vec::new(),
            dropped: false,
        }
    }

    pub(super) fn take(&mut self, event: RawEvent, out: &mut Vec<InputEvent>) {
        match event.destructure() {
            EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                // What touches now is not known: all is lifted until it says so again.
                out.extend(self.let_go());
                self.dropped = true;
            }
            EventSummary::Synchronization(_, SynchronizationCode::SYN_REPORT, _) => {
                let complete = !std::mem::take(&mut self.dropped);
                if complete {
                    self.report(out);
                }
            }
            EventSummary::AbsoluteAxis(_, axis, value) if !self.dropped => self.axis(axis, value),
            _ => {}
        }
    }

    fn axis(&mut self, axis: AbsoluteAxisCode, value: i32) {
        if axis == AbsoluteAxisCode::ABS_MT_SLOT {
            self.slot = value;
            return;
        }
        let Some(slot) = u32::try_from(self.slot)
            .ok()
            .filter(|_| self.slot < MOST_SLOTS)
        else {
            return;
        };
        if axis == AbsoluteAxisCode::ABS_MT_TRACKING_ID {
            if self.fingers.remove(&slot).is_some_and(|finger| finger.told) {
                self.lifted.push(slot);
            }
            if value >= 0 {
                self.fingers.insert(slot, Finger::default());
            }
            return;
        }
        let place = self.places.entry(slot).or_default();
        match axis {
            AbsoluteAxisCode::ABS_MT_POSITION_X => place.0 = self.axes.0.share(value),
            AbsoluteAxisCode::ABS_MT_POSITION_Y => place.1 = self.axes.1.share(value),
            _ => return,
        }
        if let Some(finger) = self.fingers.get_mut(&slot) {
            finger.moved = true;
        }
    }

    fn report(&mut self, out: &mut Vec<InputEvent>) {
        let lifted = self.lifted.drain(..);
        out.extend(lifted.map(|finger| InputEvent::TouchUp { finger }));
        for (&finger, state) in &mut self.fingers {
            let (x, y) = self.places.get(&finger).copied().unwrap_or_default();
            let moved = std::mem::take(&mut state.moved);
            if !std::mem::replace(&mut state.told, true) {
                out.push(InputEvent::TouchDown { finger, x, y });
            } else if moved {
                out.push(InputEvent::TouchMotion { finger, x, y });
            }
        }
    }

    /// All fingers leave.
    pub(super) fn let_go(&mut self) -> Vec<InputEvent> {
        let fingers = std::mem::take(&mut self.fingers).into_iter();
        let told = fingers
            .filter(|(_, state)| state.told)
            .map(|(finger, _)| finger);
        let lifted = std::mem::take(&mut self.lifted).into_iter().chain(told);
        lifted
            .map(|finger| InputEvent::TouchUp { finger })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evdev::EventType;

    const SLOT: u16 = 0x2f;
    const X: u16 = 0x35;
    const Y: u16 = 0x36;
    const ID: u16 = 0x39;

    fn play(screen: &mut TouchScreen, events: &[(u16, i32)]) -> Vec<InputEvent> {
        let mut out = Vec::new();
        for (code, value) in events {
            screen.take(
                RawEvent::new(EventType::ABSOLUTE.0, *code, *value),
                &mut out,
            );
        }
        screen.take(RawEvent::new(EventType::SYNCHRONIZATION.0, 0, 0), &mut out);
        out
    }

    fn screen() -> TouchScreen {
        let axis = Axis {
            low: 0,
            high: 1000,
            resolution: 0,
        };
        TouchScreen::new(axis, axis)
    }

    #[test]
    fn slots_are_fingers() {
        let mut screen = screen();
        let down = [
            (SLOT, 0),
            (ID, 7),
            (X, 500),
            (Y, 250),
            (SLOT, 1),
            (ID, 8),
            (X, 1000),
            (Y, 0),
        ];
        let [finger, other] = [0, 1];
        let (x, y) = (0.5, 0.25);
        let first = InputEvent::TouchDown { finger, x, y };
        let second = InputEvent::TouchDown {
            finger: other,
            x: 1.0,
            y: 0.0,
        };
        assert_eq!(play(&mut screen, &down), [first, second]);
        let moved = InputEvent::TouchMotion { finger, x: 0.6, y };
        assert_eq!(play(&mut screen, &[(SLOT, 0), (X, 600)]), [moved]);
        assert_eq!(
            play(&mut screen, &[(ID, -1)]),
            [InputEvent::TouchUp { finger }]
        );
        assert_eq!(screen.let_go(), [InputEvent::TouchUp { finger: other }]);
        assert_eq!(screen.let_go(), []);
    }

    #[test]
    fn a_slot_that_is_used_again_at_once_is_another_finger() {
        let mut screen = screen();
        play(&mut screen, &[(ID, 1), (X, 0), (Y, 0)]);
        let again = play(&mut screen, &[(ID, 2), (X, 1000), (Y, 1000)]);
        let finger = 0;
        let down = InputEvent::TouchDown {
            finger,
            x: 1.0,
            y: 1.0,
        };
        assert_eq!(again, [InputEvent::TouchUp { finger }, down]);
    }

    #[test]
    fn a_finger_that_comes_down_beside_where_the_last_one_was_is_told_less() {
        let mut screen = screen();
        play(&mut screen, &[(ID, 1), (X, 500), (Y, 250)]);
        play(&mut screen, &[(ID, -1)]);
        let (finger, x, y) = (0, 0.5, 0.75);
        let down = InputEvent::TouchDown { finger, x, y };
        assert_eq!(play(&mut screen, &[(ID, 2), (Y, 750)]), [down]);
    }

    #[test]
    fn slots_that_no_screen_has_are_ignored() {
        let mut screen = screen();
        assert_eq!(play(&mut screen, &[(SLOT, -5), (ID, 1), (X, 1)]), []);
        assert_eq!(play(&mut screen, &[(SLOT, i32::MAX), (ID, 1), (X, 1)]), []);
    }
}
