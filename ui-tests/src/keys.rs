//! Which keys of an American keyboard type a text.

use crate::error::Error;

/// Linux's code of a key, as evdev and the control socket use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub u16);

impl Key {
    pub const ESCAPE: Key = Key(1);
    pub const EQUAL: Key = Key(13);
    pub const BACKSPACE: Key = Key(14);
    pub const TAB: Key = Key(15);
    pub const ENTER: Key = Key(28);
    pub const CTRL: Key = Key(29);
    pub const SHIFT: Key = Key(42);
    pub const ALT: Key = Key(56);
    pub const F: Key = Key(33);
    pub const C: Key = Key(46);
    pub const V: Key = Key(47);
    pub const SPACE: Key = Key(57);
    pub const F4: Key = Key(62);
    pub const HOME: Key = Key(102);
    pub const UP: Key = Key(103);
    pub const PAGE_UP: Key = Key(104);
    pub const LEFT: Key = Key(105);
    pub const RIGHT: Key = Key(106);
    pub const END: Key = Key(107);
    pub const DOWN: Key = Key(108);
    pub const PAGE_DOWN: Key = Key(109);
    pub const DELETE: Key = Key(111);
    pub const SUPER: Key = Key(125);

    /// The key that types a character, and whether with Shift.
    pub fn typing(character: char) -> Result<(Key, bool), Error> {
        /// Rows of keys from left to right: the first key's code, and what they type.
        const ROWS: [(u16, &str, &str); 5] = [
            (2, "1234567890-=", "!@#$%^&*()_+"),
            (16, "qwertyuiop[]", "QWERTYUIOP{}"),
            (30, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
            (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
            (57, " ", " "),
        ];
        match character {
            '\n' => return Ok((Key::ENTER, false)),
            '\t' => return Ok((Key::TAB, false)),
            _ => {}
        }
        for (first, plain, shifted) in ROWS {
            for (row, shift) in [(plain, false), (shifted, true)] {
                if let Some(at) = row.chars().position(|c| c == character) {
                    return Ok((Key(first + at as u16), shift));
                }
            }
        }
        Err(Error::NoKey(character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_linuxs() {
        for (character, code, shift) in [
            ('a', 30, false),
            ('Z', 44, true),
            ('0', 11, false),
            ('~', 41, true),
            ('|', 43, true),
            ('/', 53, false),
            ('\n', 28, false),
        ] {
            assert_eq!(
                Key::typing(character).unwrap(),
                (Key(code), shift),
                "{character}"
            );
        }
        assert!(matches!(Key::typing('é'), Err(Error::NoKey('é'))));
    }
}
