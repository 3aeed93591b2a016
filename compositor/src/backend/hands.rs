//! What a device's reports mean: a mouse is accelerated, switches are debounced, a touchpad's contacts
//! become motion, taps and gestures. The meanings are [`ochre_pointer`]'s.

use std::time::Duration;

use evdev::{EventSummary, InputEvent as RawEvent, KeyCode};
use ochre_pointer::{Acceleration, Button, Contact, Debounce, Meaning, Pad, Report, Touchpad};

use super::{
    gather::Gather,
    pen::{Axes, Pen},
    slots::{Said, Slots},
    touch_screen::TouchScreen,
};
use crate::{
    config::Config,
    input::{BTN_LEFT, InputEvent, TabletId},
};

/// The other buttons, as Linux numbers them.
const BTN_RIGHT: u32 = 0x111;
const BTN_MIDDLE: u32 = 0x112;
/// A mouse that does not say how fine it is.
const USUAL_DPI: f64 = 1000.0;
/// A pad that does not say how large it is, in millimetres.
const USUAL_PAD: Pad = Pad {
    width: 100.0,
    height: 60.0,
};
/// The tool type of a palm (linux/input.h: MT_TOOL_PALM).
const TOOL_PALM: i32 = 2;

/// One device.
#[derive(Debug)]
pub(super) struct Hands {
    gather: Gather,
    pad: Option<Fingers>,
    screen: Option<TouchScreen>,
    pen: Option<Pen>,
    /// It is part of the display, or stands for it.
    fixed: bool,
    acceleration: Acceleration,
    natural_scroll: bool,
    debounce: Debounce,
    /// When its last event was made.
    last: Duration,
}

impl Hands {
    /// A keyboard, a mouse, or the absolute pointer of a virtual machine.
    pub(super) fn new(gather: Gather) -> Self {
        Self {
            pad: None,
            screen: None,
            pen: None,
            fixed: gather.tells_places(),
            gather,
            acceleration: Acceleration::new(USUAL_DPI, 0.0),
            natural_scroll: false,
            debounce: Debounce::default(),
            last: Duration::ZERO,
        }
    }

    /// Behaves as its user wants.
    pub(super) fn set_up(&mut self, config: &Config) {
        let wanted = if self.pad.is_some() {
            config.touchpad
        } else {
            config.mouse
        };
        let acceleration = if wanted.accelerated {
            Acceleration::new(USUAL_DPI, wanted.speed)
        } else {
            Acceleration::flat(USUAL_DPI, wanted.speed)
        };
        self.natural_scroll = wanted.natural_scroll;
        match &mut self.pad {
            Some(pad) => pad.touchpad.set_up(acceleration, wanted.tap),
            None => self.acceleration = acceleration,
        }
    }

    /// A touchpad, with what its axes say of themselves.
    pub(super) fn touchpad(x: Axis, y: Axis) -> Self {
        Self {
            pad: Some(Fingers::new(x, y)),
            ..Self::new(Gather::new(None))
        }
    }

    /// A touch screen likewise.
    pub(super) fn touch_screen(x: Axis, y: Axis) -> Self {
        Self {
            screen: Some(TouchScreen::new(x, y)),
            fixed: true,
            ..Self::new(Gather::new(None))
        }
    }

    /// A tablet likewise; it may be the display's own.
    pub(super) fn tablet(id: TabletId, axes: Axes, direct: bool) -> Self {
        Self {
            pen: Some(Pen::new(id, axes)),
            fixed: direct,
            ..Self::new(Gather::new(None))
        }
    }

    /// Whether places on it are the display's: they turn with it.
    pub(super) fn turn_with_display(&self) -> bool {
        self.fixed
    }

    /// Takes an event that was made at `moment` of our clock; gives what it amounts to, and its moment:
    /// no device goes back in time, though clocks are set.
    pub(super) fn take(
        &mut self,
        event: RawEvent,
        moment: Duration,
        out: &mut Vec<InputEvent>,
    ) -> Duration {
        self.last = self.last.max(moment);
        let moment = self.last;
        let first = out.len();
        // What was waited for until then comes first, however late all of it is read.
        if self.deadline().is_some_and(|due| due <= moment) {
            self.expire(moment, out);
        }
        self.understand(event, moment, out);
        if self.natural_scroll {
            out[first..].iter_mut().for_each(turn_round);
        }
        moment
    }

    fn understand(&mut self, event: RawEvent, moment: Duration, out: &mut Vec<InputEvent>) {
        if let Some(pad) = &mut self.pad {
            pad.take(event, moment, out);
            return;
        }
        if let Some(screen) = &mut self.screen {
            screen.take(event, out);
            return;
        }
        if let Some(pen) = &mut self.pen {
            pen.take(event, out);
            return;
        }
        let mut gathered = Vec::new();
        self.gather.take(event, &mut gathered);
        for event in gathered {
            match event {
                InputEvent::Motion { dx, dy } => {
                    let (dx, dy) = self.acceleration.apply(dx, dy, moment);
                    out.push(InputEvent::Motion { dx, dy });
                }
                InputEvent::Button { button, pressed } => {
                    if self.debounce.change(button, pressed, moment) {
                        out.push(event);
                    }
                }
                other => out.push(other),
            }
        }
    }

    /// The device is gone: what it held down is let go.
    pub(super) fn let_go(&mut self, out: &mut Vec<InputEvent>) {
        let keys = self.gather.let_go().into_iter();
        out.extend(keys.filter(|event| !matches!(event, InputEvent::Button { .. })));
        let pressed = false;
        let buttons = self.debounce.let_go().into_iter();
        out.extend(buttons.map(|button| InputEvent::Button { button, pressed }));
        if let Some(pad) = &mut self.pad {
            out.extend(pad.touchpad.let_go().into_iter().map(event_of));
        }
        if let Some(screen) = &mut self.screen {
            out.extend(screen.let_go());
        }
        if let Some(pen) = &mut self.pen {
            out.extend(pen.let_go());
        }
    }

    /// A key that types went down on another device.
    pub(super) fn typed(&mut self, now: Duration) {
        if let Some(pad) = &mut self.pad {
            pad.touchpad.typed(now);
        }
    }

    /// When to come back without an event.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let pad = self.pad.as_ref().and_then(|pad| pad.touchpad.deadline());
        pad.into_iter().chain(self.debounce.deadline()).min()
    }

    /// Time has passed.
    pub(super) fn expire(&mut self, now: Duration, out: &mut Vec<InputEvent>) {
        for (button, pressed) in self.debounce.expire(now) {
            out.push(InputEvent::Button { button, pressed });
        }
        if let Some(pad) = &mut self.pad {
            out.extend(pad.touchpad.expire(now).into_iter().map(event_of));
        }
    }
}

/// Content goes where the fingers go, not the view of it.
fn turn_round(event: &mut InputEvent) {
    match event {
        InputEvent::Wheel {
            horizontal,
            vertical,
        } => {
            *horizontal = horizontal.saturating_neg();
            *vertical = vertical.saturating_neg();
        }
        InputEvent::Scroll {
            horizontal,
            vertical,
        } => (*horizontal, *vertical) = (-*horizontal, -*vertical),
        _ => {}
    }
}

/// An axis of a pad: its range, and units a millimetre (0: it does not say).
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) low: i32,
    pub(super) high: i32,
    pub(super) resolution: i32,
}

impl Axis {
    /// Its length in millimetres.
    fn length(self, usual: f64) -> f64 {
        let units = f64::from(self.high) - f64::from(self.low);
        if self.resolution > 0 && units > 0.0 {
            units / f64::from(self.resolution)
        } else {
            usual
        }
    }

    /// How far along it a value is.
    pub(super) fn share(self, value: i32) -> f64 {
        self.place(value, 1.0).clamp(0.0, 1.0)
    }

    fn place(self, value: i32, length: f64) -> f64 {
        let units = f64::from(self.high) - f64::from(self.low);
        (f64::from(value) - f64::from(self.low)) / units.max(1.0) * length
    }
}

/// The fingers on a touchpad.
#[derive(Debug)]
struct Fingers {
    touchpad: Touchpad,
    pad: Pad,
    axes: (Axis, Axis),
    slots: Slots,
    pressed: bool,
}

impl Fingers {
    fn new(x: Axis, y: Axis) -> Self {
        let pad = Pad {
            width: x.length(USUAL_PAD.width),
            height: y.length(USUAL_PAD.height),
        };
        Self {
            touchpad: Touchpad::new(pad, 0.0),
            pad,
            axes: (x, y),
            slots: Slots::default(),
            pressed: false,
        }
    }

    fn take(&mut self, event: RawEvent, now: Duration, out: &mut Vec<InputEvent>) {
        if let EventSummary::Key(_, KeyCode::BTN_LEFT, value) = event.destructure()
            && !self.slots.is_lost()
        {
            self.pressed = value != 0;
        }
        if self.slots.take(event) {
            let contacts = self.slots.contacts();
            let report = Report {
                contacts: contacts.map(|(_, said)| self.contact(said)).collect(),
                pressed: self.pressed,
            };
            let meanings = self.touchpad.report(&report, now);
            out.extend(meanings.into_iter().map(event_of));
        }
    }

    fn contact(&self, said: Said) -> Contact {
        let (x, y) = self.axes;
        Contact {
            id: said.id,
            x: x.place(said.x, self.pad.width),
            y: y.place(said.y, self.pad.height),
            // Only a pad that knows millimetres knows how broad a contact is.
            breadth: match x.resolution {
                1.. => f64::from(said.breadth) / f64::from(x.resolution),
                _ => 0.0,
            },
            palm: said.tool == TOOL_PALM,
        }
    }
}

/// What was meant, as input.
fn event_of(meaning: Meaning) -> InputEvent {
    let count = |fingers: usize| u32::try_from(fingers).unwrap_or(u32::MAX);
    match meaning {
        Meaning::Motion { dx, dy } => InputEvent::Motion { dx, dy },
        Meaning::Button(button, pressed) => InputEvent::Button {
            button: match button {
                Button::Left => BTN_LEFT,
                Button::Right => BTN_RIGHT,
                Button::Middle => BTN_MIDDLE,
            },
            pressed,
        },
        Meaning::Scroll { dx, dy } => InputEvent::Scroll {
            horizontal: dx,
            vertical: dy,
        },
        Meaning::SwipeBegin { fingers } => InputEvent::SwipeBegin {
            fingers: count(fingers),
        },
        Meaning::Swipe { dx, dy } => InputEvent::Swipe { dx, dy },
        Meaning::SwipeEnd => InputEvent::SwipeEnd,
        Meaning::HoldBegin { fingers } => InputEvent::HoldBegin {
            fingers: count(fingers),
        },
        Meaning::HoldEnd { cancelled } => InputEvent::HoldEnd { cancelled },
        Meaning::PinchBegin { fingers } => InputEvent::PinchBegin {
            fingers: count(fingers),
        },
        Meaning::Pinch {
            dx,
            dy,
            scale,
            rotation,
        } => InputEvent::Pinch {
            dx,
            dy,
            scale,
            rotation,
        },
        Meaning::PinchEnd => InputEvent::PinchEnd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evdev::EventType;

    const AXIS: Axis = Axis {
        low: 0,
        high: 1000,
        resolution: 10,
    };

    fn play(hands: &mut Hands, at: u64, events: &[(EventType, u16, i32)]) -> Vec<InputEvent> {
        let mut out = Vec::new();
        for (kind, code, value) in events {
            let event = RawEvent::new(kind.0, *code, *value);
            hands.take(event, Duration::from_millis(at), &mut out);
        }
        out
    }

    const ABS: EventType = EventType::ABSOLUTE;
    const SYN: (EventType, u16, i32) = (EventType::SYNCHRONIZATION, 0, 0);
    const SLOT: u16 = 0x2f;
    const X: u16 = 0x35;
    const Y: u16 = 0x36;
    const ID: u16 = 0x39;

    #[test]
    fn a_pad_s_slots_are_fingers() {
        let mut hands = Hands::touchpad(AXIS, AXIS);
        let down = [
            (ABS, SLOT, 0),
            (ABS, ID, 7),
            (ABS, X, 500),
            (ABS, Y, 300),
            SYN,
        ];
        assert!(play(&mut hands, 0, &down).is_empty());
        let out = play(&mut hands, 10, &[(ABS, X, 540), SYN]);
        assert!(matches!(out[..], [InputEvent::Motion { dx, dy }] if dx > 0.0 && dy == 0.0));
        assert!(play(&mut hands, 20, &[(ABS, ID, -1), SYN]).is_empty());
    }

    #[test]
    fn a_finger_that_comes_down_where_the_last_one_was_does_not_leap() {
        let mut hands = Hands::touchpad(AXIS, AXIS);
        let down = [(ABS, ID, 7), (ABS, X, 500), (ABS, Y, 300), SYN];
        play(&mut hands, 0, &down);
        play(&mut hands, 500, &[(ABS, ID, -1), SYN]);
        play(&mut hands, 1000, &[(ABS, ID, 8), (ABS, X, 510), SYN]);
        let out = play(&mut hands, 1010, &[(ABS, Y, 340), SYN]);
        assert!(matches!(out[..], [InputEvent::Motion { dx, dy }] if dx == 0.0 && dy > 0.0));
        let small =
            |event: &InputEvent| matches!(event, InputEvent::Motion { dy, .. } if *dy < 100.0);
        assert!(out.iter().all(small));
    }

    #[test]
    fn a_tap_s_release_comes_by_its_deadline() {
        let mut hands = Hands::touchpad(AXIS, AXIS);
        play(
            &mut hands,
            0,
            &[(ABS, ID, 7), (ABS, X, 500), (ABS, Y, 300), SYN],
        );
        let out = play(&mut hands, 60, &[(ABS, ID, -1), SYN]);
        let (button, pressed) = (BTN_LEFT, true);
        assert_eq!(out, [InputEvent::Button { button, pressed }]);
        let due = hands.deadline().unwrap();
        let mut out = Vec::new();
        hands.expire(due, &mut out);
        let pressed = false;
        assert_eq!(out, [InputEvent::Button { button, pressed }]);
        assert_eq!(hands.deadline(), None);
    }

    #[test]
    fn a_device_that_vanishes_lets_go() {
        let mut hands = Hands::new(Gather::new(None));
        let down = [(EventType::KEY, 0x110, 1), (EventType::KEY, 30, 1), SYN];
        assert_eq!(play(&mut hands, 0, &down).len(), 2);
        let mut out = Vec::new();
        hands.let_go(&mut out);
        let pressed = false;
        let (code, button) = (30, BTN_LEFT);
        assert_eq!(
            out,
            [
                InputEvent::Key { code, pressed },
                InputEvent::Button { button, pressed }
            ]
        );

        let mut hands = Hands::touchpad(AXIS, AXIS);
        let press = (EventType::KEY, 0x110, 1);
        let down = [(ABS, ID, 7), (ABS, X, 500), (ABS, Y, 300), press, SYN];
        assert_eq!(play(&mut hands, 0, &down).len(), 1);
        let mut out = Vec::new();
        hands.let_go(&mut out);
        assert_eq!(out, [InputEvent::Button { button, pressed }]);
    }

    #[test]
    fn slots_and_ids_that_cannot_be_are_not_followed() {
        let mut hands = Hands::touchpad(AXIS, AXIS);
        for slot in [-1, 99, i32::MAX] {
            let out = play(
                &mut hands,
                0,
                &[(ABS, SLOT, slot), (ABS, ID, 1), (ABS, X, 9), SYN],
            );
            assert!(out.is_empty());
        }
        assert_eq!(hands.pad.unwrap().slots.contacts().count(), 0);
    }

    #[test]
    fn a_mouse_does_as_its_user_wants() {
        let mut hands = Hands::new(Gather::new(None));
        let mut config = Config::default();
        config.mouse.natural_scroll = true;
        config.mouse.accelerated = false;
        config.mouse.speed = -0.5;
        hands.set_up(&config);
        let events = [
            (EventType::RELATIVE, 8, 1),
            (EventType::RELATIVE, 0, 40),
            SYN,
        ];
        let out = play(&mut hands, 0, &events);
        let wheel = InputEvent::Wheel {
            horizontal: 0,
            vertical: 120,
        };
        assert_eq!(out, [InputEvent::Motion { dx: 20.0, dy: 0.0 }, wheel]);
    }

    #[test]
    fn a_touchpad_may_be_told_not_to_tap() {
        let mut hands = Hands::touchpad(AXIS, AXIS);
        let mut config = Config::default();
        config.touchpad.tap = false;
        hands.set_up(&config);
        let down = [(ABS, ID, 7), (ABS, X, 500), (ABS, Y, 300), SYN];
        assert!(play(&mut hands, 0, &down).is_empty());
        assert!(play(&mut hands, 60, &[(ABS, ID, -1), SYN]).is_empty());
        assert_eq!(hands.deadline(), None);
    }

    #[test]
    fn a_worn_switch_clicks_once() {
        let mut hands = Hands::new(Gather::new(None));
        let key = |value| (EventType::KEY, 0x110, value);
        assert_eq!(play(&mut hands, 0, &[key(1), SYN]).len(), 1);
        assert!(play(&mut hands, 4, &[key(0), SYN, key(1), SYN]).is_empty());
        assert_eq!(play(&mut hands, 90, &[key(0), SYN]).len(), 1);
    }
}
