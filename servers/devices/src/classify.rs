//! What an input device is, from what it can send: the answers of udev's `input_id`, which libinput
//! goes by.

use crate::device::Pair;
use crate::input::{Abilities, Codes};

const EV_KEY: u16 = 0x01;
const EV_REL: u16 = 0x02;
const EV_SW: u16 = 0x05;
const REL_X: u16 = 0x00;
const REL_Y: u16 = 0x01;
const REL_HWHEEL: u16 = 0x06;
const REL_WHEEL: u16 = 0x08;
const ABS_X: u16 = 0x00;
const ABS_Y: u16 = 0x01;
const ABS_Z: u16 = 0x02;
const ABS_RX: u16 = 0x03;
const ABS_PRESSURE: u16 = 0x18;
const ABS_MT_SLOT: u16 = 0x2f;
const ABS_MT_POSITION_X: u16 = 0x35;
const ABS_MT_POSITION_Y: u16 = 0x36;
const BTN_MISC: u16 = 0x100;
const BTN_0: u16 = 0x100;
const BTN_1: u16 = 0x101;
const BTN_MOUSE: u16 = 0x110;
const BTN_JOYSTICK: u16 = 0x120;
const BTN_TOOL_PEN: u16 = 0x140;
const BTN_TOOL_FINGER: u16 = 0x145;
const BTN_TOUCH: u16 = 0x14a;
const BTN_STYLUS: u16 = 0x14b;
const KEY_OK: u16 = 0x160;
const BTN_DPAD_UP: u16 = 0x220;
const BTN_DPAD_RIGHT: u16 = 0x223;
const KEY_ALS_TOGGLE: u16 = 0x230;
const BTN_TRIGGER_HAPPY: u16 = 0x2c0;
const BTN_TRIGGER_HAPPY40: u16 = 0x2e7;
const PROP_DIRECT: u16 = 0x01;
const PROP_POINTING_STICK: u16 = 0x05;
const PROP_ACCELEROMETER: u16 = 0x06;
/// Escape, the digits and the first letters: who has them all is a keyboard.
const KEYBOARD: std::ops::Range<u16> = 1..32;

/// The properties `ID_INPUT…` that are true of a device.
#[must_use]
pub fn classify(abilities: &Abilities) -> Vec<Pair> {
    let mut found = vec!["ID_INPUT"];
    let pointers = pointers(abilities);
    let keys = keys(abilities);
    let scrolls = has_wheel(abilities) && pointers.is_empty() && keys.is_empty();
    found.extend(pointers);
    found.extend(keys);
    if scrolls {
        found.push("ID_INPUT_KEY");
    }
    if abilities.events.has(EV_SW) {
        found.push("ID_INPUT_SWITCH");
    }
    found
        .into_iter()
        .map(|key| (key.into(), "1".into()))
        .collect()
}

fn has_wheel(abilities: &Abilities) -> bool {
    let relative = &abilities.relative;
    abilities.events.has(EV_REL) && (relative.has(REL_WHEEL) || relative.has(REL_HWHEEL))
}

fn both(codes: &Codes, x: u16, y: u16) -> bool {
    codes.has(x) && codes.has(y)
}

fn pointers(abilities: &Abilities) -> Vec<&'static str> {
    let (keys, absolute) = (&abilities.keys, &abilities.absolute);
    let coordinates = both(absolute, ABS_X, ABS_Y);
    let no_keys = !abilities.events.has(EV_KEY);
    if abilities.properties.has(PROP_ACCELEROMETER)
        || (no_keys && coordinates && absolute.has(ABS_Z))
    {
        return vec!["ID_INPUT_ACCELEROMETER"];
    }
    let pen = keys.has(BTN_STYLUS) || keys.has(BTN_TOOL_PEN);
    let finger = keys.has(BTN_TOOL_FINGER) && !keys.has(BTN_TOOL_PEN);
    let buttons = keys.any(BTN_MOUSE..BTN_JOYSTICK);
    let moves = abilities.events.has(EV_REL) && both(&abilities.relative, REL_X, REL_Y);
    let direct = abilities.properties.has(PROP_DIRECT);
    let touch = keys.has(BTN_TOUCH) || direct;
    // Some devices claim all axes there are.
    let contacts = both(absolute, ABS_MT_POSITION_X, ABS_MT_POSITION_Y)
        && !(absolute.has(ABS_MT_SLOT) && absolute.has(ABS_MT_SLOT - 1));
    let pad = both(keys, BTN_0, BTN_1) && !keys.has(BTN_TOOL_PEN);
    let stick = keys.any(BTN_JOYSTICK..BTN_TOOL_PEN)
        || keys.any(BTN_DPAD_UP..BTN_DPAD_RIGHT + 1)
        || keys.any(BTN_TRIGGER_HAPPY..BTN_TRIGGER_HAPPY40 + 1)
        || absolute.any(ABS_RX..ABS_PRESSURE);
    let points = coordinates || contacts;

    let mut tablet = points && pen;
    let touchpad = points && !pen && finger && !direct;
    // A virtual machine's pointer: places like a tablet's, buttons like a mouse's.
    let absolute_mouse = coordinates && !pen && !touchpad && buttons;
    let touchscreen = points && !pen && !touchpad && !absolute_mouse && touch;
    let joystick = !tablet && !touchpad && !absolute_mouse && !touchscreen && stick;
    let mut tablet_pad = tablet && pad;
    if pad && has_wheel(abilities) && !moves {
        (tablet, tablet_pad) = (true, true);
    }
    let mouse =
        absolute_mouse || (!tablet && !touchpad && !joystick && buttons && (moves || !coordinates));
    [
        (
            abilities.properties.has(PROP_POINTING_STICK),
            "ID_INPUT_POINTINGSTICK",
        ),
        (mouse, "ID_INPUT_MOUSE"),
        (touchpad, "ID_INPUT_TOUCHPAD"),
        (touchscreen, "ID_INPUT_TOUCHSCREEN"),
        (joystick, "ID_INPUT_JOYSTICK"),
        (tablet, "ID_INPUT_TABLET"),
        (tablet_pad, "ID_INPUT_TABLET_PAD"),
    ]
    .into_iter()
    .filter_map(|(is, name)| is.then_some(name))
    .collect()
}

fn keys(abilities: &Abilities) -> Vec<&'static str> {
    let keys = &abilities.keys;
    let mut found = Vec::new();
    if !abilities.events.has(EV_KEY) {
        return found;
    }
    if keys.any(0..BTN_MISC)
        || keys.any(KEY_OK..BTN_DPAD_UP)
        || keys.any(KEY_ALS_TOGGLE..BTN_TRIGGER_HAPPY)
    {
        found.push("ID_INPUT_KEY");
    }
    if KEYBOARD.clone().all(|code| keys.has(code)) {
        found.push("ID_INPUT_KEYBOARD");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::set;

    fn names(abilities: &Abilities) -> String {
        let pairs = classify(abilities);
        let names = pairs
            .iter()
            .map(|(key, _)| key.trim_start_matches("ID_INPUT"));
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keyboards_and_what_only_has_keys() {
        let keyboard = Abilities {
            events: set([0, 1, 4, 0x11]),
            keys: set(1..0x80),
            ..Abilities::default()
        };
        assert_eq!(names(&keyboard), " _KEY _KEYBOARD");
        let power_button = Abilities {
            keys: set([116]),
            ..keyboard
        };
        assert_eq!(names(&power_button), " _KEY");
    }

    #[test]
    fn pointers_by_what_they_send() {
        let mouse = Abilities {
            events: set([0, 1, 2]),
            keys: set(0x110..0x113),
            relative: set([0, 1, 8]),
            ..Abilities::default()
        };
        assert_eq!(names(&mouse), " _MOUSE");
        let virtual_machine_s = Abilities {
            events: set([0, 1, 3]),
            relative: set([]),
            absolute: set([0, 1]),
            ..mouse.clone()
        };
        assert_eq!(names(&virtual_machine_s), " _MOUSE");
        let touchpad = Abilities {
            events: set([0, 1, 3]),
            keys: set([0x110, 0x145, 0x14a]),
            absolute: set([0, 1, 0x2f, 0x35, 0x36]),
            ..Abilities::default()
        };
        assert_eq!(names(&touchpad), " _TOUCHPAD");
        let screen = Abilities {
            keys: set([0x14a]),
            properties: set([1]),
            ..touchpad.clone()
        };
        assert_eq!(names(&screen), " _TOUCHSCREEN");
        let pen = Abilities {
            keys: set([0x140, 0x14a, 0x14b]),
            absolute: set([0, 1, 0x18]),
            ..touchpad
        };
        assert_eq!(names(&pen), " _TABLET");
        let joystick = Abilities {
            keys: set([0x120, 0x121]),
            absolute: set([0, 1, 5]),
            ..pen
        };
        assert_eq!(names(&joystick), " _JOYSTICK");
    }
}
