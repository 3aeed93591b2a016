//! What a key sends to the program: xterm's sequences.

use alacritty_terminal::term::TermMode;
use smithay_client_toolkit::seat::keyboard::{Keysym, Modifiers};

/// The bytes that a key sends; None if it sends nothing.
///
/// `text` is what the keyboard's layout makes of the key, Control's characters included.
pub fn encode(
    keysym: Keysym,
    text: Option<&str>,
    modifiers: Modifiers,
    mode: TermMode,
) -> Option<Vec<u8>> {
    if let Some(sequence) = function_key(keysym, modifiers, mode) {
        return Some(sequence.into_bytes());
    }
    let mut bytes = Vec::new();
    if modifiers.alt {
        bytes.push(0x1b);
    }
    match keysym {
        Keysym::BackSpace => bytes.push(if modifiers.ctrl { 0x08 } else { 0x7f }),
        Keysym::Tab => bytes.push(b'\t'),
        Keysym::ISO_Left_Tab => return Some(b"\x1b[Z".to_vec()),
        Keysym::Return | Keysym::KP_Enter => bytes.push(b'\r'),
        Keysym::Escape => bytes.push(0x1b),
        Keysym::space if modifiers.ctrl => bytes.push(0),
        _ => {
            let text = text.filter(|text| !text.is_empty())?;
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    Some(bytes)
}

/// Keys that have a sequence of their own. xterm's control sequences, "PC-Style Function Keys".
fn function_key(keysym: Keysym, modifiers: Modifiers, mode: TermMode) -> Option<String> {
    let held = u8::from(modifiers.shift)
        + 2 * u8::from(modifiers.alt)
        + 4 * u8::from(modifiers.ctrl)
        + 8 * u8::from(modifiers.logo);
    // A letter ends the sequence, or a tilde after a number.
    let (number, end) = match keysym {
        Keysym::Up | Keysym::KP_Up => (1, 'A'),
        Keysym::Down | Keysym::KP_Down => (1, 'B'),
        Keysym::Right | Keysym::KP_Right => (1, 'C'),
        Keysym::Left | Keysym::KP_Left => (1, 'D'),
        Keysym::Begin | Keysym::KP_Begin => (1, 'E'),
        Keysym::End | Keysym::KP_End => (1, 'F'),
        Keysym::Home | Keysym::KP_Home => (1, 'H'),
        Keysym::F1 => (1, 'P'),
        Keysym::F2 => (1, 'Q'),
        Keysym::F3 => (1, 'R'),
        Keysym::F4 => (1, 'S'),
        Keysym::Insert | Keysym::KP_Insert => (2, '~'),
        Keysym::Delete | Keysym::KP_Delete => (3, '~'),
        Keysym::Page_Up | Keysym::KP_Page_Up => (5, '~'),
        Keysym::Page_Down | Keysym::KP_Page_Down => (6, '~'),
        Keysym::F5 => (15, '~'),
        Keysym::F6 => (17, '~'),
        Keysym::F7 => (18, '~'),
        Keysym::F8 => (19, '~'),
        Keysym::F9 => (20, '~'),
        Keysym::F10 => (21, '~'),
        Keysym::F11 => (23, '~'),
        Keysym::F12 => (24, '~'),
        _ => return None,
    };
    Some(match (held, end) {
        (0, '~') => format!("\x1b[{number}~"),
        (0, 'P'..='S') => format!("\x1bO{end}"),
        (0, _) if mode.contains(TermMode::APP_CURSOR) => format!("\x1bO{end}"),
        (0, _) => format!("\x1b[{end}"),
        (_, '~') => format!("\x1b[{number};{}~", held + 1),
        (_, _) => format!("\x1b[1;{}{end}", held + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Modifiers = Modifiers {
        ctrl: false,
        alt: false,
        shift: false,
        caps_lock: false,
        logo: false,
        num_lock: false,
    };
    const CTRL: Modifiers = Modifiers { ctrl: true, ..NONE };
    const ALT: Modifiers = Modifiers { alt: true, ..NONE };
    const SHIFT: Modifiers = Modifiers {
        shift: true,
        ..NONE
    };

    fn sent(keysym: Keysym, text: &str, modifiers: Modifiers, mode: TermMode) -> String {
        let bytes = encode(keysym, Some(text), modifiers, mode).unwrap_or_default();
        String::from_utf8(bytes).unwrap().replace('\x1b', "ESC ")
    }

    #[test]
    fn keys_send_what_xterm_sends() {
        let plain = TermMode::default();
        let app = plain | TermMode::APP_CURSOR;
        for (keysym, text, modifiers, mode, expected) in [
            (Keysym::a, "a", NONE, plain, "a"),
            (Keysym::eacute, "é", NONE, plain, "é"),
            (Keysym::c, "\x03", CTRL, plain, "\x03"),
            (Keysym::x, "x", ALT, plain, "ESC x"),
            (Keysym::Return, "\r", NONE, plain, "\r"),
            (Keysym::BackSpace, "\x08", NONE, plain, "\x7f"),
            (Keysym::BackSpace, "\x08", ALT, plain, "ESC \x7f"),
            (Keysym::ISO_Left_Tab, "", SHIFT, plain, "ESC [Z"),
            (Keysym::space, " ", CTRL, plain, "\0"),
            (Keysym::Up, "", NONE, plain, "ESC [A"),
            (Keysym::Up, "", NONE, app, "ESC OA"),
            (Keysym::Up, "", CTRL, app, "ESC [1;5A"),
            (Keysym::F1, "", NONE, plain, "ESC OP"),
            (Keysym::F1, "", SHIFT, plain, "ESC [1;2P"),
            (Keysym::F5, "", NONE, plain, "ESC [15~"),
            (Keysym::Delete, "\x7f", NONE, plain, "ESC [3~"),
            (Keysym::Page_Up, "", ALT, plain, "ESC [5;3~"),
            (Keysym::Shift_L, "", SHIFT, plain, ""),
        ] {
            assert_eq!(sent(keysym, text, modifiers, mode), expected, "{keysym:?}");
        }
    }
}
