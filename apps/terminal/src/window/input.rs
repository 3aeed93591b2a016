//! The keyboard and the mouse: what is the window's own, and what goes to the program.

use alacritty_terminal::grid::Scroll;
use alacritty_terminal::index::{Point, Side};
use alacritty_terminal::term::TermMode;
use smithay_client_toolkit::reexports::client::globals::GlobalList;
use smithay_client_toolkit::reexports::client::protocol::wl_keyboard::WlKeyboard;
use smithay_client_toolkit::reexports::client::protocol::wl_pointer::WlPointer;
use smithay_client_toolkit::reexports::client::protocol::wl_surface::WlSurface;
use smithay_client_toolkit::reexports::client::{Connection, QueueHandle};
use smithay_client_toolkit::reexports::protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::{
    Shape, WpCursorShapeDeviceV1,
};
use smithay_client_toolkit::seat::keyboard::{
    KeyEvent, KeyboardHandler, Keysym, Modifiers, RawModifiers,
};
use smithay_client_toolkit::seat::pointer::cursor_shape::CursorShapeManager;
use smithay_client_toolkit::seat::pointer::{
    AxisScroll, PointerEvent, PointerEventKind, PointerHandler,
};
use smithay_client_toolkit::shell::WaylandSurface;

use super::{PADDING, Terminal};
use crate::keys;
use crate::mouse::{self, Button, Held, Mouse};

/// Clicks that follow each other within this many milliseconds count together.
const DOUBLE_CLICK: u32 = 400;
/// Lines that a step of the wheel scrolls.
const WHEEL_LINES: f64 = 3.0;
/// Steps of zoom, each a pixel of the font's size, down and up.
const ZOOM: std::ops::RangeInclusive<i32> = -8..=40;

pub struct Input {
    pub keyboard: Option<WlKeyboard>,
    pub pointer: Option<WlPointer>,
    pub cursor: Option<WpCursorShapeDeviceV1>,
    pub cursors: Option<CursorShapeManager>,
    modifiers: Modifiers,
    /// Where the pointer is, in logical pixels.
    position: (f64, f64),
    /// The cell that the program was last told of.
    reported: Option<(usize, usize)>,
    held: Option<Button>,
    selecting: bool,
    clicks: u32,
    last_click: Option<(u32, Point)>,
    /// Parts of lines that were scrolled but not shown yet.
    scrolled: f64,
}

impl Input {
    pub fn new(globals: &GlobalList, queue: &QueueHandle<Terminal>) -> Input {
        Input {
            keyboard: None,
            pointer: None,
            cursor: None,
            cursors: CursorShapeManager::bind(globals, queue).ok(),
            modifiers: Modifiers::default(),
            position: (0.0, 0.0),
            reported: None,
            held: None,
            selecting: false,
            clicks: 0,
            last_click: None,
            scrolled: 0.0,
        }
    }

    fn held_keys(&self) -> Held {
        let Modifiers {
            shift, alt, ctrl, ..
        } = self.modifiers;
        Held { shift, alt, ctrl }
    }
}

impl Terminal {
    pub(super) fn key(&mut self, event: &KeyEvent) {
        if self.shortcut(event.keysym) {
            return;
        }
        let text = event.utf8.as_deref();
        let bytes = keys::encode(event.keysym, text, self.input.modifiers, self.screen.mode());
        if let Some(bytes) = bytes {
            self.screen.scroll(Scroll::Bottom);
            self.screen.clear_selection();
            self.changed = true;
            self.send(&bytes);
        }
    }

    /// Does what a key does to the window; whether it does anything.
    fn shortcut(&mut self, keysym: Keysym) -> bool {
        let Modifiers {
            ctrl, shift, alt, ..
        } = self.input.modifiers;
        match (keysym, ctrl, shift, alt) {
            (Keysym::C | Keysym::c, true, true, false) => {
                if let Some(text) = self.screen.selected_text() {
                    self.copy(text);
                }
            }
            (Keysym::V | Keysym::v, true, true, false) => self.paste(),
            (Keysym::Insert, false, true, false) => self.paste_primary(),
            (Keysym::plus | Keysym::equal | Keysym::KP_Add, true, _, false) => self.zoom_by(1),
            (Keysym::minus | Keysym::KP_Subtract, true, false, false) => self.zoom_by(-1),
            (Keysym::_0 | Keysym::KP_0, true, false, false) => self.zoom_by(-self.zoom),
            _ if !shift || ctrl || alt || self.screen.mode().contains(TermMode::ALT_SCREEN) => {
                return false;
            }
            (Keysym::Page_Up, ..) => self.scroll(Scroll::PageUp),
            (Keysym::Page_Down, ..) => self.scroll(Scroll::PageDown),
            (Keysym::Home, ..) => self.scroll(Scroll::Top),
            (Keysym::End, ..) => self.scroll(Scroll::Bottom),
            _ => return false,
        }
        true
    }

    fn scroll(&mut self, scroll: Scroll) {
        self.screen.scroll(scroll);
        self.changed = true;
    }

    fn zoom_by(&mut self, steps: i32) {
        let zoom = (self.zoom + steps).clamp(*ZOOM.start(), *ZOOM.end());
        if zoom != self.zoom {
            self.zoom = zoom;
            self.relayout();
        }
    }

    fn set_focus(&mut self, focused: bool) {
        if self.focused == focused {
            return;
        }
        self.focused = focused;
        self.screen.set_focused(focused);
        self.changed = true;
        if self.screen.mode().contains(TermMode::FOCUS_IN_OUT) {
            self.send(if focused { b"\x1b[I" } else { b"\x1b[O" });
        }
    }

    /// The cell under the pointer, and the half of it.
    fn cell(&self) -> (usize, usize, Side) {
        let size = self.screen.size();
        let scale = self.scale.factor();
        let place = |logical: f64| (logical - f64::from(PADDING)) * scale;
        let x = place(self.input.position.0) / f64::from(size.cell_width.max(1));
        let y = place(self.input.position.1) / f64::from(size.cell_height.max(1));
        let side = if x.rem_euclid(1.0) < 0.5 {
            Side::Left
        } else {
            Side::Right
        };
        // Casts of floats stop at the ends of the range.
        let column = (x.max(0.0) as usize).min(usize::from(size.columns) - 1);
        (
            column,
            (y.max(0.0) as usize).min(usize::from(size.lines) - 1),
            side,
        )
    }

    /// Tells the program of the mouse, if it asked; Shift keeps the mouse for the window.
    fn report(&mut self, event: Mouse) -> bool {
        if self.input.modifiers.shift {
            return false;
        }
        let (column, line, _) = self.cell();
        let held = self.input.held_keys();
        match mouse::report(event, column, line, held, self.screen.mode()) {
            Some(bytes) => {
                self.input.reported = Some((column, line));
                self.send(&bytes);
                true
            }
            None => self.screen.mode().intersects(TermMode::MOUSE_MODE),
        }
    }

    fn press(&mut self, button: Button, time: u32) {
        if self.report(Mouse::Press(button)) {
            self.input.held = Some(button);
            return;
        }
        let (column, line, side) = self.cell();
        let at = self.screen.point(column, line);
        match button {
            Button::Left => {
                let again = self.input.last_click.is_some_and(|(before, place)| {
                    time.wrapping_sub(before) < DOUBLE_CLICK && place == at
                });
                self.input.clicks = if again { self.input.clicks % 3 + 1 } else { 1 };
                self.input.last_click = Some((time, at));
                self.input.selecting = true;
                self.screen.select(at, side, self.input.clicks);
                self.changed = true;
            }
            Button::Middle => self.paste_primary(),
            Button::Right if self.screen.selected_text().is_some() => {
                self.screen.extend_selection(at, side);
                self.changed = true;
            }
            _ => {}
        }
    }

    fn release(&mut self, button: Button) {
        if self.input.held.take_if(|held| *held == button).is_some() {
            self.report(Mouse::Release(button));
            return;
        }
        if button == Button::Left
            && std::mem::take(&mut self.input.selecting)
            && let Some(text) = self.screen.selected_text()
        {
            self.copy_primary(text);
        }
    }

    fn motion(&mut self) {
        let (column, line, side) = self.cell();
        if self.input.selecting {
            // Beyond the edge the text follows.
            let bottom = f64::from(self.logical.1) - f64::from(PADDING);
            if self.input.position.1 < 0.0 {
                self.screen.scroll(Scroll::Delta(1));
            } else if self.input.position.1 > bottom {
                self.screen.scroll(Scroll::Delta(-1));
            }
            let to = self.screen.point(column, line);
            self.screen.extend_selection(to, side);
            self.changed = true;
        } else if self.input.reported != Some((column, line)) {
            self.report(Mouse::Move(self.input.held));
        }
    }

    fn wheel(&mut self, scroll: AxisScroll, vertical: bool) {
        let size = self.screen.size();
        let line = f64::from(size.cell_height) / self.scale.factor();
        let lines = match scroll {
            AxisScroll { value120, .. } if value120 != 0 => {
                f64::from(value120) / 120.0 * WHEEL_LINES
            }
            AxisScroll { discrete, .. } if discrete != 0 => f64::from(discrete) * WHEEL_LINES,
            AxisScroll { absolute, .. } => absolute / line,
        };
        if lines == 0.0 {
            return;
        }
        self.input.scrolled += lines;
        let whole = self.input.scrolled.trunc().clamp(-200.0, 200.0);
        self.input.scrolled = (self.input.scrolled - whole).clamp(-1.0, 1.0);
        let whole = whole as i32;
        let mode = self.screen.mode();
        if mode.intersects(TermMode::MOUSE_MODE) && !self.input.modifiers.shift {
            let button = match (vertical, whole < 0) {
                (true, true) => Button::WheelUp,
                (true, false) => Button::WheelDown,
                (false, true) => Button::WheelLeft,
                (false, false) => Button::WheelRight,
            };
            // A step of the wheel is one press, as programs scroll by lines themselves.
            let presses = (whole.unsigned_abs()).div_ceil(WHEEL_LINES as u32);
            for _ in 0..presses {
                self.report(Mouse::Press(button));
            }
        } else if vertical && mode.contains(TermMode::ALT_SCREEN | TermMode::ALTERNATE_SCROLL) {
            let key: &[u8] = match (mode.contains(TermMode::APP_CURSOR), whole < 0) {
                (true, true) => b"\x1bOA",
                (true, false) => b"\x1bOB",
                (false, true) => b"\x1b[A",
                (false, false) => b"\x1b[B",
            };
            self.send(&key.repeat(whole.unsigned_abs() as usize));
        } else if vertical && whole != 0 {
            self.scroll(Scroll::Delta(-whole));
        }
    }
}

impl KeyboardHandler for Terminal {
    fn enter(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlKeyboard,
        surface: &WlSurface,
        _: u32,
        _: &[u32],
        _: &[Keysym],
    ) {
        if surface == self.window.wl_surface() {
            self.set_focus(true);
        }
    }

    fn leave(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlKeyboard,
        surface: &WlSurface,
        _: u32,
    ) {
        if surface == self.window.wl_surface() {
            self.set_focus(false);
        }
    }

    fn press_key(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlKeyboard,
        serial: u32,
        event: KeyEvent,
    ) {
        self.clipboard.note_serial(serial);
        self.key(&event);
    }

    fn repeat_key(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlKeyboard,
        _: u32,
        event: KeyEvent,
    ) {
        self.key(&event);
    }

    fn release_key(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlKeyboard,
        _: u32,
        _: KeyEvent,
    ) {
    }

    fn update_modifiers(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlKeyboard,
        _: u32,
        modifiers: Modifiers,
        _: RawModifiers,
        _: u32,
    ) {
        self.input.modifiers = modifiers;
    }
}

impl PointerHandler for Terminal {
    fn pointer_frame(
        &mut self,
        _: &Connection,
        _: &QueueHandle<Self>,
        _: &WlPointer,
        events: &[PointerEvent],
    ) {
        for event in events {
            if event.surface != *self.window.wl_surface() {
                continue;
            }
            self.input.position = event.position;
            match event.kind {
                PointerEventKind::Enter { serial } => {
                    if let Some(cursor) = &self.input.cursor {
                        cursor.set_shape(serial, Shape::Text);
                    }
                }
                PointerEventKind::Leave { .. } => self.input.reported = None,
                PointerEventKind::Motion { .. } => self.motion(),
                PointerEventKind::Press {
                    button,
                    serial,
                    time,
                } => {
                    self.clipboard.note_serial(serial);
                    if let Some(button) = Button::from_linux(button) {
                        self.press(button, time);
                    }
                }
                PointerEventKind::Release { button, serial, .. } => {
                    self.clipboard.note_serial(serial);
                    if let Some(button) = Button::from_linux(button) {
                        self.release(button);
                    }
                }
                PointerEventKind::Axis {
                    horizontal,
                    vertical,
                    ..
                } => {
                    self.wheel(vertical, true);
                    self.wheel(horizontal, false);
                }
            }
        }
    }
}
