//! What the mouse sends to a program that asked for it: xterm's mouse tracking.

use alacritty_terminal::term::TermMode;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    Press(Button),
    Release(Button),
    /// Moved, with this button held.
    Move(Option<Button>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    Left,
    Middle,
    Right,
    WheelUp,
    WheelDown,
    WheelLeft,
    WheelRight,
}

impl Button {
    fn code(self) -> u8 {
        match self {
            Button::Left => 0,
            Button::Middle => 1,
            Button::Right => 2,
            Button::WheelUp => 64,
            Button::WheelDown => 65,
            Button::WheelLeft => 66,
            Button::WheelRight => 67,
        }
    }

    /// The button of Linux' input codes (BTN_LEFT…).
    pub fn from_linux(code: u32) -> Option<Button> {
        match code {
            0x110 => Some(Button::Left),
            0x111 => Some(Button::Right),
            0x112 => Some(Button::Middle),
            _ => None,
        }
    }
}

/// Keys that are held meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub shift: bool,
    pub alt: bool,
    pub ctrl: bool,
}

/// The report of an event at a cell; None if the program did not ask for it.
pub fn report(
    event: Mouse,
    column: usize,
    line: usize,
    held: Held,
    mode: TermMode,
) -> Option<Vec<u8>> {
    let wanted = match event {
        Mouse::Press(_) | Mouse::Release(_) => mode.intersects(TermMode::MOUSE_MODE),
        Mouse::Move(Some(_)) => mode.intersects(TermMode::MOUSE_DRAG | TermMode::MOUSE_MOTION),
        Mouse::Move(None) => mode.contains(TermMode::MOUSE_MOTION),
    };
    if !wanted {
        return None;
    }
    let button = match event {
        Mouse::Press(button) | Mouse::Release(button) => button.code(),
        Mouse::Move(button) => 32 + button.map_or(3, Button::code),
    };
    let keys = 4 * u8::from(held.shift) + 8 * u8::from(held.alt) + 16 * u8::from(held.ctrl);
    if mode.contains(TermMode::SGR_MOUSE) {
        let end = if matches!(event, Mouse::Release(_)) {
            'm'
        } else {
            'M'
        };
        let text = format!("\x1b[<{};{};{}{end}", button + keys, column + 1, line + 1);
        return Some(text.into_bytes());
    }
    // The old form has no names for released buttons, and no room beyond cell 223 (2015 in UTF-8).
    let button = if matches!(event, Mouse::Release(_)) {
        3
    } else {
        button
    };
    let mut bytes = b"\x1b[M".to_vec();
    bytes.push(32 + button + keys);
    for position in [column, line] {
        let value = u32::try_from(position).ok()?.checked_add(33)?;
        if mode.contains(TermMode::UTF8_MOUSE) && value < 0x800 {
            let character = char::from_u32(value)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            bytes.push(u8::try_from(value).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLICK: TermMode = TermMode::MOUSE_REPORT_CLICK;

    #[test]
    fn reports_are_xterms() {
        let sgr = CLICK | TermMode::SGR_MOUSE;
        let none = Held::default();
        let ctrl = Held { ctrl: true, ..none };
        for (event, held, mode, expected) in [
            (Mouse::Press(Button::Left), none, sgr, &b"\x1b[<0;5;3M"[..]),
            (Mouse::Release(Button::Left), none, sgr, b"\x1b[<0;5;3m"),
            (Mouse::Press(Button::WheelUp), ctrl, sgr, b"\x1b[<80;5;3M"),
            (
                Mouse::Press(Button::Right),
                none,
                CLICK,
                b"\x1b[M\x22\x25\x23",
            ),
            (
                Mouse::Release(Button::Right),
                none,
                CLICK,
                b"\x1b[M\x23\x25\x23",
            ),
            (
                Mouse::Move(Some(Button::Left)),
                none,
                sgr | TermMode::MOUSE_DRAG,
                b"\x1b[<32;5;3M",
            ),
            (
                Mouse::Move(None),
                none,
                sgr | TermMode::MOUSE_MOTION,
                b"\x1b[<35;5;3M",
            ),
        ] {
            assert_eq!(
                report(event, 4, 2, held, mode).as_deref(),
                Some(expected),
                "{event:?}"
            );
        }
    }

    #[test]
    fn nothing_is_sent_unasked_or_where_it_can_not_be_said() {
        let held = Held::default();
        let press = Mouse::Press(Button::Left);
        assert_eq!(report(press, 0, 0, held, TermMode::default()), None);
        assert_eq!(report(Mouse::Move(None), 0, 0, held, CLICK), None);
        assert_eq!(report(press, 300, 0, held, CLICK), None);
        assert!(report(press, 300, 0, held, CLICK | TermMode::UTF8_MOUSE).is_some());
        assert!(report(press, usize::MAX - 1, 0, held, CLICK).is_none());
    }
}
