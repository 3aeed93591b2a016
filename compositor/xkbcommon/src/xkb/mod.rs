//! The module that users of the bindings import: types, constants and functions under their names.

pub mod compose;
mod context;
pub mod ffi;
mod filter;
mod keymap;
mod keysym;
#[rustfmt::skip]
pub mod keysyms;
mod state;
mod table;
#[cfg(test)]
mod tests;

pub use self::compose::*;
pub use self::context::{Context, ContextIncludePaths, LogLevel};
pub use self::keymap::{Keymap, KeymapLayouts, KeymapLeds, KeymapMods};
pub use self::keysym::{
    keycode_is_legal_ext, keycode_is_legal_x11, keysym_from_name, keysym_get_name, keysym_to_utf8,
    keysym_to_utf32, utf32_to_keysym,
};
pub use self::state::{KeyDirection, State};
pub use xkeysym::{KeyCode as Keycode, Keysym};

/// Index of a keyboard layout ("group" in XKB), from 0.
pub type LayoutIndex = u32;
/// A mask of layout indices.
pub type LayoutMask = u32;
/// Index of a shift level of a key, from 0.
pub type LevelIndex = u32;
/// Index of a modifier: 0 to 7 are the real ones, virtual ones follow.
pub type ModIndex = u32;
/// A mask of modifier indices.
pub type ModMask = u32;
/// Index of a keyboard LED, from 0.
pub type LedIndex = u32;
/// A mask of LED indices.
pub type LedMask = u32;

pub const KEYCODE_INVALID: u32 = 0xffff_ffff;
pub const LAYOUT_INVALID: u32 = 0xffff_ffff;
pub const LEVEL_INVALID: u32 = 0xffff_ffff;
pub const MOD_INVALID: u32 = 0xffff_ffff;
pub const LED_INVALID: u32 = 0xffff_ffff;
pub const KEYCODE_MAX: u32 = 0xffff_fffe;

/// How [`keysym_from_name`] searches.
pub type KeysymFlags = u32;
pub const KEYSYM_NO_FLAGS: u32 = 0;
pub const KEYSYM_CASE_INSENSITIVE: u32 = 1 << 0;

/// How a [`Context`] is made.
pub type ContextFlags = u32;
pub const CONTEXT_NO_FLAGS: u32 = 0;
/// Start with an empty include path.
pub const CONTEXT_NO_DEFAULT_INCLUDES: u32 = 1 << 0;
/// Take no default names from `XKB_DEFAULT_*`.
pub const CONTEXT_NO_ENVIRONMENT_NAMES: u32 = 1 << 1;

/// How a [`Keymap`] is compiled; there are no flags yet.
pub type KeymapCompileFlags = u32;
pub const KEYMAP_COMPILE_NO_FLAGS: u32 = 0;

/// Text format of a keymap.
pub type KeymapFormat = u32;
pub const KEYMAP_FORMAT_TEXT_V1: u32 = 1;
pub const KEYMAP_FORMAT_USE_ORIGINAL: u32 = 0xffff_ffff;

/// A mask of the parts of a [`State`].
pub type StateComponent = u32;
/// Modifiers that a key holds down.
pub const STATE_MODS_DEPRESSED: u32 = 1 << 0;
/// Modifiers that last until the next key.
pub const STATE_MODS_LATCHED: u32 = 1 << 1;
/// Modifiers that last until they are unlocked.
pub const STATE_MODS_LOCKED: u32 = 1 << 2;
/// All modifiers that count.
pub const STATE_MODS_EFFECTIVE: u32 = 1 << 3;
pub const STATE_LAYOUT_DEPRESSED: u32 = 1 << 4;
pub const STATE_LAYOUT_LATCHED: u32 = 1 << 5;
pub const STATE_LAYOUT_LOCKED: u32 = 1 << 6;
/// The layout that counts.
pub const STATE_LAYOUT_EFFECTIVE: u32 = 1 << 7;
pub const STATE_LEDS: u32 = 1 << 8;

/// How modifiers are matched.
pub type StateMatch = u32;
pub const STATE_MATCH_ANY: u32 = 1 << 0;
pub const STATE_MATCH_ALL: u32 = 1 << 1;
pub const STATE_MATCH_NON_EXCLUSIVE: u32 = 1 << 16;

pub const MOD_NAME_SHIFT: &str = "Shift";
pub const MOD_NAME_CAPS: &str = "Lock";
pub const MOD_NAME_CTRL: &str = "Control";
pub const MOD_NAME_ALT: &str = "Mod1";
pub const MOD_NAME_NUM: &str = "Mod2";
pub const MOD_NAME_MOD3: &str = "Mod3";
pub const MOD_NAME_LOGO: &str = "Mod4";
pub const MOD_NAME_ISO_LEVEL3_SHIFT: &str = "Mod5";
pub const LED_NAME_CAPS: &str = "Caps Lock";
pub const LED_NAME_NUM: &str = "Num Lock";
pub const LED_NAME_SCROLL: &str = "Scroll Lock";
