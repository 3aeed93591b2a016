//! Fingers on a touch screen.
//!
//! A finger that comes down on a client which listens to touches is that client's until it leaves.
//! Any other finger (on a frame, the desktop, a client that knows only pointers) moves the pointer and
//! holds its left button, one finger at a time.

use std::{collections::HashMap, sync::atomic::Ordering};

use smithay::{
    backend::input::TouchSlot,
    input::touch::{DownEvent, MotionEvent, TouchHandle, UpEvent},
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    utils::{Logical, Point, SERIAL_COUNTER},
};

use super::BTN_LEFT;
use crate::state::{ClientState, Compositor};

/// More fingers than two people have are a broken device's.
const MOST_FINGERS: u32 = 20;

/// Who follows a finger.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Follows {
    Surface(WlSurface),
    Pointer,
}

/// A finger that is down.
#[derive(Debug)]
struct Finger {
    follows: Follows,
    at: Point<f64, Logical>,
}

/// The fingers that are down.
#[derive(Debug, Default)]
pub struct Touches {
    fingers: HashMap<u32, Finger>,
}

impl Touches {
    fn pointer_is_held(&self) -> bool {
        let mut all = self.fingers.values();
        all.any(|finger| finger.follows == Follows::Pointer)
    }
}

fn slot(finger: u32) -> TouchSlot {
    Some(finger).into()
}

impl Compositor {
    /// Tells clients that there is a touch screen, if they don't know.
    pub fn add_touch(&mut self) -> TouchHandle<Self> {
        let known = self.seat.get_touch();
        known.unwrap_or_else(|| self.seat.add_touch())
    }

    /// A finger comes down at a share of the primary output.
    pub(super) fn touch_down(&mut self, finger: u32, share: (f64, f64), time: u32) {
        if finger >= MOST_FINGERS || self.touches.fingers.contains_key(&finger) {
            return;
        }
        let Some(at) = self.point_at_share(share.0, share.1) else {
            return;
        };
        let touch = self.add_touch();
        let focus = self.focus_at(at);
        if let Some((surface, _)) = &focus
            && Self::takes_touches(surface)
        {
            let serial = SERIAL_COUNTER.next_serial();
            self.given.add(Some(surface), true, serial);
            let follows = Follows::Surface(surface.clone());
            self.touches.fingers.insert(finger, Finger { follows, at });
            let hit = self.hit(at);
            self.close_menus_by_press(&hit);
            if !touch.is_grabbed() {
                self.focus_by_click(&hit, serial);
            }
            let event = DownEvent {
                slot: slot(finger),
                location: at,
                serial,
                time,
            };
            touch.down(self, focus, &event);
            touch.frame(self);
        } else if !self.touches.pointer_is_held() {
            let follows = Follows::Pointer;
            self.touches.fingers.insert(finger, Finger { follows, at });
            self.pointer_to(at, time);
            self.button(BTN_LEFT, true, time);
        }
    }

    /// A finger that is down moves.
    pub(super) fn touch_motion(&mut self, finger: u32, share: (f64, f64), time: u32) {
        let Some(at) = self.point_at_share(share.0, share.1) else {
            return;
        };
        let Some(known) = self.touches.fingers.get_mut(&finger) else {
            return;
        };
        known.at = at;
        if known.follows == Follows::Pointer {
            self.pointer_to(at, time);
            return;
        }
        let focus = self.focus_at(at);
        if let Some(touch) = self.seat.get_touch() {
            let event = MotionEvent {
                slot: slot(finger),
                location: at,
                time,
            };
            touch.motion(self, focus, &event);
            touch.frame(self);
        }
    }

    /// A finger leaves.
    pub(super) fn touch_up(&mut self, finger: u32, time: u32) {
        match self.touches.fingers.remove(&finger) {
            Some(Finger {
                follows: Follows::Pointer,
                ..
            }) => self.button(BTN_LEFT, false, time),
            Some(Finger {
                follows: Follows::Surface(surface),
                ..
            }) => {
                if let Some(touch) = self.seat.get_touch() {
                    let serial = SERIAL_COUNTER.next_serial();
                    self.given.add(Some(&surface), false, serial);
                    let event = UpEvent {
                        slot: slot(finger),
                        serial,
                        time,
                    };
                    touch.up(self, &event);
                    touch.frame(self);
                }
            }
            None => {}
        }
    }

    /// A surface is gone: the fingers on it have nothing to touch any more.
    pub(crate) fn touched_surface_gone(&mut self, surface: &WlSurface) {
        let on = |finger: &Finger| matches!(&finger.follows, Follows::Surface(it) if it == surface);
        let all = self.touches.fingers.iter();
        let gone = all.filter(|(_, finger)| on(finger));
        for finger in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.touch_up(finger, self.clock.millis());
        }
    }

    /// The pointer takes over from the client the finger that touched first, to drag a window with
    /// it; the client is told that its touches are over.
    pub(crate) fn pointer_takes_touch(&mut self) {
        let Some(touch) = self.seat.get_touch() else {
            return;
        };
        let Some(first) = touch.grab_start_data().map(|start| start.slot) else {
            return;
        };
        for (finger, at) in self.cancel_touches() {
            if slot(finger) == first {
                let follows = Follows::Pointer;
                self.touches.fingers.insert(finger, Finger { follows, at });
                self.pointer_to(at, self.clock.millis());
            }
        }
    }

    /// Tells clients that their touches are over; what is dragged with one is not dropped. The
    /// fingers that were theirs, which are nobody's now.
    pub(crate) fn cancel_touches(&mut self) -> Vec<(u32, Point<f64, Logical>)> {
        let Some(touch) = self.seat.get_touch() else {
            return Vec::new();
        };
        let all = self.touches.fingers.iter();
        let clients = all.filter(|(_, finger)| finger.follows != Follows::Pointer);
        let clients: Vec<_> = clients.map(|(id, finger)| (*id, finger.at)).collect();
        for (finger, at) in &clients {
            // Smithay cancels only what was not yet told in a frame, and drops what is over
            // something.
            let event = MotionEvent {
                slot: slot(*finger),
                location: *at,
                time: self.clock.millis(),
            };
            touch.motion(self, None, &event);
            self.touches.fingers.remove(finger);
        }
        touch.cancel(self);
        clients
    }

    /// Whether a touch on this surface is its client's, and not the pointer's.
    fn takes_touches(surface: &WlSurface) -> bool {
        surface.client().is_some_and(|client| {
            let state = client.get_data::<ClientState>();
            state.is_some_and(|state| state.touches.load(Ordering::Relaxed))
        })
    }
}
