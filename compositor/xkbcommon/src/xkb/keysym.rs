//! Keysyms: their names and the characters they stand for.

use super::{KEYCODE_MAX, KEYSYM_CASE_INSENSITIVE, Keysym, KeysymFlags};

/// Whether `key` can be a keycode at all.
#[must_use]
pub fn keycode_is_legal_ext(key: u32) -> bool {
    key <= KEYCODE_MAX
}

/// Whether X11 could send `key` as a keycode.
#[must_use]
pub fn keycode_is_legal_x11(key: u32) -> bool {
    (8..=255).contains(&key)
}

/// The keysym's name, `U1F600` for one that only has a character, else its number in hexadecimal.
#[must_use]
pub fn keysym_get_name(keysym: Keysym) -> String {
    let raw = keysym.raw();
    match kbvm::Keysym(raw).name() {
        Some(name) => name.to_owned(),
        None if raw > 0x1fff_ffff => String::new(),
        None if (0x0100_0100..=0x0100_ffff).contains(&raw) => format!("U{:04X}", raw & 0xffff),
        None if (0x0101_0000..=0x0110_ffff).contains(&raw) => format!("U{:08X}", raw & 0xff_ffff),
        None => format!("0x{raw:08x}"),
    }
}

/// The keysym of that name, or NoSymbol.
#[must_use]
pub fn keysym_from_name(name: &str, flags: KeysymFlags) -> Keysym {
    let found = match flags {
        0 => kbvm::Keysym::from_str(name),
        KEYSYM_CASE_INSENSITIVE => kbvm::Keysym::from_str_insensitive(name),
        _ => None,
    };
    Keysym::new(found.map_or(0, |sym| sym.0))
}

/// The keysym's character in UTF-8, or nothing.
#[must_use]
pub fn keysym_to_utf8(keysym: Keysym) -> String {
    character(keysym).map_or_else(String::new, String::from)
}

/// The keysym's code point, or 0.
#[must_use]
pub fn keysym_to_utf32(keysym: Keysym) -> u32 {
    character(keysym).map_or(0, u32::from)
}

/// The keysym that stands for a code point, or NoSymbol.
#[must_use]
pub fn utf32_to_keysym(ucs: u32) -> Keysym {
    let sym = char::from_u32(ucs).map(kbvm::Keysym::from_char);
    Keysym::new(sym.map_or(0, |sym| sym.0))
}

pub(super) fn character(keysym: Keysym) -> Option<char> {
    kbvm::Keysym(keysym.raw()).char()
}

/// The capital of a letter, and every other keysym as it is.
pub(super) fn uppercase(keysym: Keysym) -> Keysym {
    let sym = kbvm::Keysym(keysym.raw());
    let upper = sym.to_uppercase();
    match upper.char() {
        Some(capital) if sym.char() != Some(capital) => Keysym::new(upper.0),
        _ => keysym,
    }
}

pub(super) fn is_modifier(keysym: Keysym) -> bool {
    kbvm::Keysym(keysym.raw()).is_modifier()
}
