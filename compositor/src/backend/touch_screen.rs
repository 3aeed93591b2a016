//! A touch screen's reports: which finger is where.

use std::collections::BTreeMap;

use evdev::InputEvent as RawEvent;

use super::{hands::Axis, slots::Slots};
use crate::input::InputEvent;

/// A finger that is down.
#[derive(Debug)]
struct Finger {
    /// Another one in the same slot has another.
    id: i32,
    /// Shares of the screen's width and height.
    at: (f64, f64),
}

/// The screen.
#[derive(Debug)]
pub(super) struct TouchScreen {
    axes: (Axis, Axis),
    slots: Slots,
    /// As of the last report, by slot.
    fingers: BTreeMap<u32, Finger>,
}

impl TouchScreen {
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self {
            axes: (x, y),
            slots: Slots::default(),
            fingers: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, event: RawEvent, out: &mut Vec<InputEvent>) {
        if self.slots.take(event) {
            self.report(out);
        }
    }

    fn report(&mut self, out: &mut Vec<InputEvent>) {
        let (x, y) = self.axes;
        let contacts = self.slots.contacts().map(|(slot, said)| {
            let at = (x.share(said.x), y.share(said.y));
            (slot, Finger { id: said.id, at })
        });
        let now: BTreeMap<u32, Finger> = contacts.collect();
        let before = std::mem::take(&mut self.fingers);
        for (&finger, old) in &before {
            if now.get(&finger).is_none_or(|new| new.id != old.id) {
                out.push(InputEvent::TouchUp { finger });
            }
        }
        for (&finger, new) in &now {
            let (x, y) = new.at;
            match before.get(&finger).filter(|old| old.id == new.id) {
                None => out.push(InputEvent::TouchDown { finger, x, y }),
                Some(old) if old.at != new.at => {
                    out.push(InputEvent::TouchMotion { finger, x, y });
                }
                Some(_) => {}
            }
        }
        self.fingers = now;
    }

    /// All fingers leave.
    pub(super) fn let_go(&mut self) -> Vec<InputEvent> {
        self.slots.let_go();
        let fingers = std::mem::take(&mut self.fingers).into_keys();
        fingers
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
