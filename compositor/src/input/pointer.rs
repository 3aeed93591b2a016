//! The pointer: where it goes, what it is over, and what a click means before a client hears of it.

use std::time::Duration;

use smithay::{
    backend::input::{Axis, AxisSource, ButtonState},
    input::pointer::{
        AxisFrame, ButtonEvent, CursorIcon, CursorImageStatus, MotionEvent, RelativeMotionEvent,
    },
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point, SERIAL_COUNTER, Serial},
    wayland::shell::wlr_layer::KeyboardInteractivity,
};

use super::{BTN_LEFT, BTN_RIGHT, InputEvent, ScrollAs};
use crate::{
    shell::{FrameButton, Hit, WindowId},
    state::Compositor,
};

/// Two presses within this time are a double click.
const DOUBLE_CLICK: u32 = 400;

/// The last press on a title bar, to tell a double click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TitlePress {
    window: WindowId,
    time: u32,
}

impl Compositor {
    /// Moves the pointer by `delta`, as far as outputs and constraints let it.
    pub(super) fn pointer_by(&mut self, delta: Point<f64, Logical>, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        if !delta.x.is_finite() || !delta.y.is_finite() {
            return;
        }
        let location = pointer.current_location();
        let focus = self.focus_at(location);
        let event = RelativeMotionEvent {
            delta,
            delta_unaccel: delta,
            utime: Duration::from_millis(u64::from(time)).as_micros() as u64,
        };
        pointer.relative_motion(self, focus.clone(), &event);
        let mut to = self.outputs.clamp(location + delta);
        if let Some(focus) = &focus {
            match self.constrained(focus, to) {
                Some(point) => to = point,
                None => {
                    self.end_pointer_frame();
                    return;
                }
            }
        }
        self.pointer_to(to, time);
    }

    /// Moves the pointer to a share of the primary output.
    pub(super) fn pointer_at_share(&mut self, x: f64, y: f64, time: u32) {
        let Some(point) = self.point_at_share(x, y) else {
            return;
        };
        let before = self.absolute.replace(point).unwrap_or(point);
        if self.is_constrained() {
            self.pointer_by(point - before, time);
        } else {
            self.pointer_to(point, time);
        }
    }

    /// Where a share of the primary output is.
    pub(super) fn point_at_share(&self, x: f64, y: f64) -> Option<Point<f64, Logical>> {
        if !x.is_finite() || !y.is_finite() {
            return None;
        }
        let rect = self.outputs.primary()?.rect().to_f64();
        let point = rect.loc + Point::from((x * rect.size.w, y * rect.size.h));
        Some(self.outputs.clamp(point))
    }

    /// Puts the pointer to a place and tells who is under it.
    pub(super) fn pointer_to(&mut self, to: Point<f64, Logical>, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let grabbed = pointer.is_grabbed();
        let focus = self.focus_at(to);
        let before = self.shell.hovered;
        if !grabbed {
            self.hover(to, focus.is_some());
        }
        let event = MotionEvent {
            location: to,
            serial: SERIAL_COUNTER.next_serial(),
            time,
        };
        pointer.motion(self, focus.clone(), &event);
        self.end_pointer_frame();
        self.under.clone_from(&focus);
        self.update_constraint();
        if before != self.shell.hovered {
            self.outputs.queue_all();
        }
    }

    /// What was said of the pointer belongs together, unless more of it comes at once.
    pub(super) fn end_pointer_frame(&mut self) {
        if self.in_batch {
            self.batch_spoke = true;
        } else if let Some(pointer) = self.seat.get_pointer() {
            pointer.frame(self);
        }
    }

    /// Takes events that happen at once: clients see them as one.
    pub(crate) fn input_at_once(
        &mut self,
        events: impl IntoIterator<Item = InputEvent>,
        time: u32,
    ) {
        self.in_batch = true;
        for event in events {
            self.input(event, time);
        }
        self.in_batch = false;
        if std::mem::take(&mut self.batch_spoke) {
            self.end_pointer_frame();
        }
    }

    /// Something may have moved under a resting pointer.
    pub(crate) fn pointer_moved_under(&mut self) {
        self.pointer_stale = true;
    }

    /// Tells clients what is now under the resting pointer, if that may have changed.
    pub(crate) fn refresh_pointer(&mut self) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        // Who holds a button keeps the pointer until it is let go, and a pen keeps it away.
        if pointer.is_grabbed() || self.tablets.keep_the_pointer_away() {
            return;
        }
        if !std::mem::take(&mut self.pointer_stale) {
            return;
        }
        let location = pointer.current_location();
        let focus = self.focus_at(location);
        if focus != self.under || pointer.current_focus() != focus.clone().map(|(over, _)| over) {
            self.pointer_to(location, self.clock.millis());
        } else if focus.is_none() {
            let before = self.shell.hovered;
            self.hover(location, false);
            if before != self.shell.hovered {
                self.outputs.queue_all();
            }
        }
        self.update_constraint();
    }

    pub(super) fn focus_at(
        &self,
        point: Point<f64, Logical>,
    ) -> Option<(WlSurface, Point<f64, Logical>)> {
        if self.shell.switcher.is_some() || self.shell.window_menu.is_some() {
            return None;
        }
        match self.hit(point) {
            Hit::Surface {
                surface, origin, ..
            }
            | Hit::Lock { surface, origin } => Some((surface, origin)),
            _ => None,
        }
    }

    /// Lights up the frame button under the pointer and shows what a press would do.
    fn hover(&mut self, point: Point<f64, Logical>, over_client: bool) {
        let hit = self.hit(point);
        let hovered = match hit {
            Hit::Title(id, Some(button)) => {
                let held = self
                    .shell
                    .hovered
                    .is_some_and(|(other, which, held)| (other, which) == (id, button) && held);
                Some((id, button, held))
            }
            _ => None,
        };
        self.shell.hovered = hovered;
        self.point_in_window_menu(point);
        if !over_client {
            let icon = match hit {
                Hit::Edge(_, edges) => edges.cursor(),
                _ => CursorIcon::Default,
            };
            self.cursor = CursorImageStatus::Named(icon);
        }
    }

    pub(super) fn button(&mut self, button: u32, pressed: bool, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        self.meta_alone = false;
        if self.window_menu_button(button, pressed, time)
            || self.bound_button(button, pressed, time)
        {
            return;
        }
        let serial = SERIAL_COUNTER.next_serial();
        let hit = self.hit(pointer.current_location());
        if pressed {
            self.close_menus_by_press(&hit);
        }
        let grabbed = pointer.is_grabbed();
        if pressed && !grabbed {
            self.focus_by_click(&hit, serial);
        }
        self.send_button(button, pressed, serial, time);
        if pressed && !grabbed {
            self.press_frame(&hit, button, serial, time);
        } else if !pressed {
            self.release_frame(&hit, button);
        }
    }

    /// Tells whoever has the pointer of a button.
    pub(super) fn send_button(&mut self, button: u32, pressed: bool, serial: Serial, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let state = if pressed {
            ButtonState::Pressed
        } else {
            ButtonState::Released
        };
        let event = ButtonEvent {
            serial,
            time,
            button,
            state,
        };
        let focus = pointer.current_focus();
        self.given.add(focus.as_ref(), pressed, serial);
        pointer.button(self, &event);
        self.end_pointer_frame();
    }

    /// Click to focus: raises a window, or gives a layer that wants it the keyboard.
    pub(super) fn focus_by_click(&mut self, hit: &Hit, serial: Serial) {
        if self.shell.menus.is_some() {
            return; // the click is theirs
        }
        match hit {
            Hit::Surface {
                window: Some(id), ..
            }
            | Hit::Title(id, _)
            | Hit::Edge(id, _) => {
                self.activate(*id);
            }
            Hit::Surface {
                layer: Some(layer), ..
            } => {
                if layer.cached_state().keyboard_interactivity != KeyboardInteractivity::None {
                    self.focus_surface(Some(layer.wl_surface().clone()), serial);
                }
            }
            Hit::Lock { .. } => self.focus_surface(None, serial), // whose, the lock knows
            Hit::Surface { .. } | Hit::Menu | Hit::Desktop => {}
        }
    }

    fn press_frame(&mut self, hit: &Hit, button: u32, serial: Serial, time: u32) {
        let Some(at) = self.seat.get_pointer().map(|it| it.current_location()) else {
            return;
        };
        if let (BTN_RIGHT, Hit::Title(id, _)) = (button, hit) {
            self.open_window_menu(*id, at.to_i32_floor());
        }
        if button != BTN_LEFT {
            return;
        }
        match *hit {
            Hit::Edge(id, edges) => self.start_resize(id, edges, at, serial),
            Hit::Title(id, Some(which)) => {
                self.shell.hovered = Some((id, which, true));
                self.outputs.queue_all();
            }
            Hit::Title(id, None) => {
                let before = self.title_press.replace(TitlePress { window: id, time });
                let double = before.is_some_and(|before| {
                    before.window == id && time.wrapping_sub(before.time) <= DOUBLE_CLICK
                });
                if double {
                    self.title_press = None;
                    self.toggle_maximized(id);
                } else {
                    self.start_move(id, at, serial);
                }
            }
            _ => {}
        }
    }

    /// A frame button acts when it is let go over itself.
    fn release_frame(&mut self, hit: &Hit, button: u32) {
        if button != BTN_LEFT {
            return;
        }
        let Some((id, held, true)) = self.shell.hovered else {
            return;
        };
        self.shell.hovered = Some((id, held, false));
        self.outputs.queue_all();
        if !matches!(hit, Hit::Title(over, Some(which)) if (*over, *which) == (id, held)) {
            return;
        }
        match held {
            FrameButton::Close => self.close(id),
            FrameButton::Maximize => self.toggle_maximized(id),
            FrameButton::Minimize => self.minimize(id),
        }
    }

    pub(super) fn wheel(&mut self, horizontal: i32, vertical: i32, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        self.meta_alone = false;
        let (horizontal, vertical) = self.bound_wheel(horizontal, vertical);
        if (horizontal, vertical) == (0, 0) {
            return;
        }
        let mut frame = AxisFrame::new(time).source(AxisSource::Wheel);
        for (axis, steps) in [(Axis::Horizontal, horizontal), (Axis::Vertical, vertical)] {
            if steps != 0 {
                let (pixels, steps) = super::wheel_values(steps);
                frame = frame.value(axis, pixels).v120(axis, steps);
            }
        }
        pointer.axis(self, frame);
        self.end_pointer_frame();
    }

    /// Fingers on a touchpad; the end of their scrolling is what lets clients coast on.
    pub(super) fn scroll(&mut self, horizontal: f64, vertical: f64, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        if !horizontal.is_finite() || !vertical.is_finite() {
            return;
        }
        let mut frame = AxisFrame::new(time).source(AxisSource::Finger);
        let ended = horizontal == 0.0 && vertical == 0.0;
        for (axis, pixels) in [(Axis::Horizontal, horizontal), (Axis::Vertical, vertical)] {
            if ended {
                frame = frame.stop(axis);
            } else if pixels != 0.0 {
                frame = frame.value(axis, pixels);
            }
        }
        pointer.axis(self, frame);
        self.end_pointer_frame();
    }

    /// A program scrolls, and says how; notches that are bound to something are not the client's.
    pub(super) fn scroll_as(&mut self, how: ScrollAs, time: u32) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        self.meta_alone = false;
        let left = match how.steps {
            (0, 0) => how.steps,
            (horizontal, vertical) => self.bound_wheel(horizontal, vertical),
        };
        let mut frame = AxisFrame::new(time).source(how.source);
        let axes = [
            (Axis::Horizontal, how.pixels.0, how.steps.0, left.0),
            (Axis::Vertical, how.pixels.1, how.steps.1, left.1),
        ];
        let mut scrolls = how.stopped;
        for (axis, pixels, said, steps) in axes {
            let taken = said != 0 && steps == 0;
            if how.stopped {
                frame = frame.stop(axis);
            } else if pixels != 0.0 && !taken {
                frame = frame.value(axis, pixels);
                scrolls = true;
            }
            if steps != 0 {
                frame = frame.v120(axis, steps);
                scrolls = true;
            }
        }
        if scrolls {
            pointer.axis(self, frame);
            self.end_pointer_frame();
        }
    }
}
