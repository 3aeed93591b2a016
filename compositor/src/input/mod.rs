//! What hands say: keys, pointers, and what they mean to the desktop before any client hears of it.

mod action;
mod bindings;
mod buttons;
mod constraint;
mod gestures;
mod given;
mod keyboard;
pub(crate) mod pointer;
mod scroll;
mod tablet;
mod touch;

pub use action::{Action, NoAction};
pub(crate) use bindings::nearest_of;
pub use bindings::{Bindings, Chord, Modifiers, NoChord, Trigger, Wheel};
pub(crate) use given::Given;
pub(crate) use keyboard::LAST_KEY;
pub use scroll::ScrollAs;
pub(crate) use scroll::ScrollFrame;
pub use tablet::{PenReport, TabletId, TabletInfo, Tablets, Tool};
pub use touch::Touches;

use serde::{Deserialize, Serialize};

use crate::state::Compositor;

/// The left button, as Linux numbers it.
pub const BTN_LEFT: u32 = 0x110;
/// The right one.
pub const BTN_RIGHT: u32 = 0x111;

/// One input event, whichever backend it came from. Times are microseconds of CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum InputEvent {
    /// A key went down or up; `code` is Linux's KEY_*.
    Key {
        /// Linux's key code.
        code: u32,
        /// Down or up.
        pressed: bool,
    },
    /// The pointer moved by this much.
    Motion {
        /// To the right, in logical pixels.
        dx: f64,
        /// Downwards.
        dy: f64,
    },
    /// The pointer is at this share of the output's width and height.
    MotionAbsolute {
        /// 0 is the left edge, 1 the right.
        x: f64,
        /// 0 is the upper edge, 1 the lower.
        y: f64,
    },
    /// A button went down or up; `button` is Linux's BTN_*.
    Button {
        /// Linux's button code.
        button: u32,
        /// Down or up.
        pressed: bool,
    },
    /// The wheel turned, in 120ths of a notch.
    Wheel {
        /// To the right.
        horizontal: i32,
        /// Towards the user.
        vertical: i32,
    },
    /// Fingers on a touchpad begin to swipe.
    SwipeBegin {
        /// How many.
        fingers: u32,
    },
    /// They swipe on, by logical pixels.
    Swipe {
        /// To the right.
        dx: f64,
        /// Downwards.
        dy: f64,
    },
    /// They left.
    SwipeEnd,
    /// Fingers on a touchpad begin to pinch.
    PinchBegin {
        /// How many.
        fingers: u32,
    },
    /// They pinch on.
    Pinch {
        /// Their middle goes to the right, in logical pixels.
        dx: f64,
        /// Downwards.
        dy: f64,
        /// How far apart they are, of what they were.
        scale: f64,
        /// How far they turned, in degrees clockwise.
        rotation: f64,
    },
    /// They left.
    PinchEnd,
    /// Fingers on a touchpad rest where they are.
    HoldBegin {
        /// How many.
        fingers: u32,
    },
    /// They left, or do something else.
    HoldEnd {
        /// Something else.
        cancelled: bool,
    },
    /// A finger came down on a touch screen.
    TouchDown {
        /// Which, for as long as it stays.
        finger: u32,
        /// The share of the output's width.
        x: f64,
        /// The share of its height.
        y: f64,
    },
    /// It is elsewhere.
    TouchMotion {
        /// Which.
        finger: u32,
        /// The share of the output's width.
        x: f64,
        /// The share of its height.
        y: f64,
    },
    /// It left.
    TouchUp {
        /// Which.
        finger: u32,
    },
    /// A tool is near a tablet.
    Pen(PenReport),
    /// It left.
    PenAway {
        /// Which tablet.
        tablet: TabletId,
    },
    /// A button on it went down or up; `button` is Linux's BTN_STYLUS and its like.
    PenButton {
        /// Which tablet.
        tablet: TabletId,
        /// Linux's button code.
        button: u32,
        /// Down or up.
        pressed: bool,
    },
    /// Fingers scrolled by this much, in logical pixels; both zero: they let go.
    Scroll {
        /// To the right.
        horizontal: f64,
        /// Downwards.
        vertical: f64,
    },
    /// A program scrolls, and says how.
    #[serde(skip)]
    ScrollAs(ScrollAs),
}

impl Compositor {
    /// Takes one input event at `time` (milliseconds).
    pub fn input(&mut self, event: InputEvent, time: u32) {
        self.protocols.idle.notify_activity(&self.seat);
        match event {
            InputEvent::Key { code, pressed } => self.key(code, pressed, time),
            InputEvent::Motion { dx, dy } => self.pointer_by((dx, dy).into(), time),
            InputEvent::MotionAbsolute { x, y } => self.pointer_at_share(x, y, time),
            InputEvent::Button { button, pressed } => self.button(button, pressed, time),
            InputEvent::Wheel {
                horizontal,
                vertical,
            } => self.wheel(horizontal, vertical, time),
            InputEvent::Scroll {
                horizontal,
                vertical,
            } => self.scroll(horizontal, vertical, time),
            InputEvent::ScrollAs(how) => self.scroll_as(how, time),
            InputEvent::TouchDown { finger, x, y } => self.touch_down(finger, (x, y), time),
            InputEvent::TouchMotion { finger, x, y } => self.touch_motion(finger, (x, y), time),
            InputEvent::TouchUp { finger } => self.touch_up(finger, time),
            InputEvent::Pen(report) => self.pen(report, time),
            InputEvent::PenAway { tablet } => self.pen_away(tablet, time),
            InputEvent::PenButton {
                tablet,
                button,
                pressed,
            } => self.pen_button(tablet, button, pressed, time),
            gesture => self.gesture(gesture, time),
        }
    }

    /// Releases every key that is down: whoever told of keys tells no more.
    pub fn release_all(&mut self) {
        let time = self.clock.millis();
        let keys = self
            .seat
            .get_keyboard()
            .map(|keyboard| keyboard.pressed_keys());
        for key in keys.unwrap_or_default() {
            self.key(key.raw().saturating_sub(keyboard::XKB_OFFSET), false, time);
        }
    }
}

/// A wheel's notch in the pixels that clients without notches scroll by.
const NOTCH_PIXELS: f64 = 15.0;

/// The wl_pointer axis values of a wheel event: (pixels, 120ths).
fn wheel_values(steps: i32) -> (f64, i32) {
    (f64::from(steps) / 120.0 * NOTCH_PIXELS, steps)
}
