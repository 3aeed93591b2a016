//! Buttons and wheels that are the desktop's: with modifiers held they are no client's.

use smithay::{
    input::pointer::MotionEvent,
    utils::{Logical, Point, SERIAL_COUNTER, Serial},
};

use super::{Action, Chord, Modifiers, Trigger, Wheel};
use crate::{
    shell::{Edges, Hit, WindowId},
    state::Compositor,
};

/// A wheel's notch.
const NOTCH: i32 = 120;

impl Compositor {
    /// What a trigger of the pointer does now, if it is the desktop's.
    fn bound(&self, trigger: Trigger) -> Option<Action> {
        if self.keys_are_a_client_s() {
            return None;
        }
        let state = self.seat.get_keyboard()?.modifier_state();
        let chord = Chord {
            modifiers: Modifiers::from(&state),
            trigger,
        };
        let action = self.config.bindings.of(chord)?;
        self.allows(action).then(|| action.clone())
    }

    /// Takes a button that is bound; whether it is no client's.
    pub(super) fn bound_button(&mut self, button: u32, pressed: bool, time: u32) -> bool {
        if !pressed {
            return self.swallowed_buttons.remove(&button);
        }
        let Some(pointer) = self.seat.get_pointer().filter(|it| !it.is_grabbed()) else {
            return false;
        };
        let Some(action) = self.bound(Trigger::Button(button)) else {
            return false;
        };
        let at = pointer.current_location();
        let window = match self.hit(at) {
            Hit::Surface { window, .. } => window,
            Hit::Title(id, _) | Hit::Edge(id, _) => Some(id),
            Hit::Lock { .. } | Hit::Menu | Hit::Desktop => None,
        };
        if let Some(id) = window {
            self.activate(id);
        }
        if matches!(action, Action::Move | Action::Resize) {
            let Some(id) = window else { return false };
            self.hold_window(id, &action, at, (button, time));
            return true;
        }
        self.swallowed_buttons.insert(button);
        self.act(action);
        true
    }

    /// Takes a button while a window's menu is open; whether it means nothing else.
    pub(super) fn window_menu_button(&mut self, button: u32, pressed: bool, time: u32) -> bool {
        let Some(menu) = &self.shell.window_menu else {
            return false;
        };
        let Some(pointer) = self.seat.get_pointer() else {
            return false;
        };
        let inside = menu.rect.to_f64().contains(pointer.current_location());
        if pressed && !inside {
            self.close_window_menu();
            return false;
        }
        if pressed {
            self.swallowed_buttons.insert(button);
            return true;
        }
        // The button that opened it may be let go over a line, too.
        if !self.swallowed_buttons.remove(&button) {
            self.send_button(button, false, SERIAL_COUNTER.next_serial(), time);
        }
        if inside {
            self.take_from_window_menu();
        }
        true
    }

    /// Moves or resizes a window until the button is let go, which the drag itself sees.
    fn hold_window(
        &mut self,
        id: WindowId,
        action: &Action,
        at: Point<f64, Logical>,
        (button, time): (u32, u32),
    ) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let serial: Serial = SERIAL_COUNTER.next_serial();
        // The client under the pointer loses it first: the press is none of its.
        let event = MotionEvent {
            location: at,
            serial,
            time,
        };
        pointer.motion(self, None, &event);
        self.send_button(button, true, serial, time);
        match action {
            Action::Move => self.start_move(id, at, serial),
            _ => {
                let rect = self.shell.get(id).map(|window| window.rect().to_f64());
                let rect = rect.unwrap_or_default();
                self.start_resize(id, Edges::nearest(rect, at), at, serial);
            }
        }
    }

    /// Takes the notches of a wheel that are bound; gives what is left for clients.
    pub(super) fn bound_wheel(&mut self, horizontal: i32, vertical: i32) -> (i32, i32) {
        let (x, left) =
            self.bound_notches(self.wheel_turned.0, horizontal, (Wheel::Left, Wheel::Right));
        let (y, up) = self.bound_notches(self.wheel_turned.1, vertical, (Wheel::Up, Wheel::Down));
        self.wheel_turned = (x, y);
        (left, up)
    }

    /// Does what a wheel's whole notches are bound to: what is left of one, and what is not bound.
    fn bound_notches(&mut self, before: i32, steps: i32, ways: (Wheel, Wheel)) -> (i32, i32) {
        let way = if steps < 0 { ways.0 } else { ways.1 };
        let action = (steps != 0)
            .then(|| self.bound(Trigger::Wheel(way)))
            .flatten();
        let Some(action) = action else {
            return (0, steps);
        };
        // Who turns back begins a new notch.
        let before = if before.signum() == steps.signum() {
            before
        } else {
            0
        };
        let turned = before.saturating_add(steps);
        for _ in 0..(turned / NOTCH).unsigned_abs().min(MOST_NOTCHES) {
            self.act(action.clone());
        }
        (turned % NOTCH, 0)
    }
}

/// No hand turns a wheel further between two reports.
const MOST_NOTCHES: u32 = 16;
