//! The constants of the bindings' `ffi` module under their C names; there are no C functions.

pub const XKB_KEYCODE_INVALID: u32 = super::KEYCODE_INVALID;
pub const XKB_LAYOUT_INVALID: u32 = super::LAYOUT_INVALID;
pub const XKB_LEVEL_INVALID: u32 = super::LEVEL_INVALID;
pub const XKB_MOD_INVALID: u32 = super::MOD_INVALID;
pub const XKB_LED_INVALID: u32 = super::LED_INVALID;
pub const XKB_KEYCODE_MAX: u32 = super::KEYCODE_MAX;

pub const XKB_STATE_MODS_DEPRESSED: u32 = super::STATE_MODS_DEPRESSED;
pub const XKB_STATE_MODS_LATCHED: u32 = super::STATE_MODS_LATCHED;
pub const XKB_STATE_MODS_LOCKED: u32 = super::STATE_MODS_LOCKED;
pub const XKB_STATE_MODS_EFFECTIVE: u32 = super::STATE_MODS_EFFECTIVE;
pub const XKB_STATE_LAYOUT_DEPRESSED: u32 = super::STATE_LAYOUT_DEPRESSED;
pub const XKB_STATE_LAYOUT_LATCHED: u32 = super::STATE_LAYOUT_LATCHED;
pub const XKB_STATE_LAYOUT_LOCKED: u32 = super::STATE_LAYOUT_LOCKED;
pub const XKB_STATE_LAYOUT_EFFECTIVE: u32 = super::STATE_LAYOUT_EFFECTIVE;
pub const XKB_STATE_LEDS: u32 = super::STATE_LEDS;
