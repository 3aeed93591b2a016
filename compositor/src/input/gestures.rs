//! Swipes, pinches and holds of a touchpad, for the client under the pointer.

use smithay::{
    input::pointer::{
        GestureHoldBeginEvent, GestureHoldEndEvent, GesturePinchBeginEvent, GesturePinchEndEvent,
        GesturePinchUpdateEvent, GestureSwipeBeginEvent, GestureSwipeEndEvent,
        GestureSwipeUpdateEvent,
    },
    utils::SERIAL_COUNTER,
};

use super::InputEvent;
use crate::state::Compositor;

impl Compositor {
    /// Passes a gesture on; other events are none.
    pub(super) fn gesture(&mut self, event: InputEvent, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let serial = SERIAL_COUNTER.next_serial();
        let cancelled = false;
        match event {
            InputEvent::SwipeBegin { fingers } => {
                let event = GestureSwipeBeginEvent {
                    serial,
                    time,
                    fingers,
                };
                pointer.gesture_swipe_begin(self, &event);
            }
            InputEvent::Swipe { dx, dy } if dx.is_finite() && dy.is_finite() => {
                let delta = (dx, dy).into();
                pointer.gesture_swipe_update(self, &GestureSwipeUpdateEvent { time, delta });
            }
            InputEvent::SwipeEnd => {
                let event = GestureSwipeEndEvent {
                    serial,
                    time,
                    cancelled,
                };
                pointer.gesture_swipe_end(self, &event);
            }
            InputEvent::PinchBegin { fingers } => {
                let event = GesturePinchBeginEvent {
                    serial,
                    time,
                    fingers,
                };
                pointer.gesture_pinch_begin(self, &event);
            }
            InputEvent::Pinch {
                dx,
                dy,
                scale,
                rotation,
            } if [dx, dy, scale, rotation].iter().all(|n| n.is_finite()) => {
                let event = GesturePinchUpdateEvent {
                    time,
                    delta: (dx, dy).into(),
                    scale,
                    rotation,
                };
                pointer.gesture_pinch_update(self, &event);
            }
            InputEvent::PinchEnd => {
                let event = GesturePinchEndEvent {
                    serial,
                    time,
                    cancelled,
                };
                pointer.gesture_pinch_end(self, &event);
            }
            InputEvent::HoldBegin { fingers } => {
                let event = GestureHoldBeginEvent {
                    serial,
                    time,
                    fingers,
                };
                pointer.gesture_hold_begin(self, &event);
            }
            InputEvent::HoldEnd { cancelled } => {
                let event = GestureHoldEndEvent {
                    serial,
                    time,
                    cancelled,
                };
                pointer.gesture_hold_end(self, &event);
            }
            _ => {}
        }
    }
}
