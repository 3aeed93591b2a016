//! HID usages (HID Usage Tables 1.5) as Linux's event codes.

use ochre_display::evdev::abi::{EV_ABS, EV_KEY, EV_REL, REL_WHEEL, REL_X};

pub const GENERIC_DESKTOP: u16 = 0x01;
pub const KEYBOARD: u16 = 0x07;
const LEDS: u16 = 0x08;
const BUTTONS: u16 = 0x09;
const CONSUMER: u16 = 0x0c;
const DIGITIZER: u16 = 0x0d;

pub const REL_HWHEEL: u16 = 6;
pub const REL_HWHEEL_HI_RES: u16 = 12;
const ABS_PRESSURE: u16 = 0x18;
const BTN_MOUSE: u16 = 0x110;
const BTN_MISC: u16 = 0x100;
const BTN_TOOL_PEN: u16 = 0x140;
const BTN_TOOL_RUBBER: u16 = 0x141;
const BTN_TOUCH: u16 = 0x14a;
const BTN_STYLUS: u16 = 0x14b;
const BTN_STYLUS2: u16 = 0x14c;

/// What an application collection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Keyboard,
    Mouse,
    Consumer,
    System,
    Pen,
    Touchscreen,
}

impl Kind {
    /// The kind of an application's usage; `None` for what is no such device.
    pub fn of(page: u16, usage: u16) -> Option<Kind> {
        Some(match (page, usage) {
            (GENERIC_DESKTOP, 0x01 | 0x02) => Kind::Mouse,
            (GENERIC_DESKTOP, 0x06 | 0x07) => Kind::Keyboard,
            (GENERIC_DESKTOP, 0x80) => Kind::System,
            (CONSUMER, 0x01) => Kind::Consumer,
            (DIGITIZER, 0x01 | 0x02) => Kind::Pen,
            (DIGITIZER, 0x04) => Kind::Touchscreen,
            _ => return None,
        })
    }

    /// What tells a device's nodes apart by name, as in Linux.
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Keyboard => "Keyboard",
            Kind::Mouse => "Mouse",
            Kind::Consumer => "Consumer Control",
            Kind::System => "System Control",
            Kind::Pen => "Pen",
            Kind::Touchscreen => "Touchscreen",
        }
    }
}

/// The event type and code of a control.
pub fn event(kind: Kind, page: u16, usage: u16, relative: bool) -> Option<(u16, u16)> {
    match (page, usage) {
        (KEYBOARD, _) => key(usage).map(|code| (EV_KEY, code)),
        (CONSUMER, 0x238) => relative.then_some((EV_REL, REL_HWHEEL)),
        (CONSUMER, _) => find(&CONSUMER_KEYS, usage),
        (BUTTONS, 1..=16) if kind == Kind::Mouse => Some((EV_KEY, BTN_MOUSE + usage - 1)),
        (BUTTONS, 1..=10) => Some((EV_KEY, BTN_MISC + usage - 1)),
        (GENERIC_DESKTOP, 0x30..=0x35) if relative => Some((EV_REL, REL_X + usage - 0x30)),
        (GENERIC_DESKTOP, 0x30..=0x37) => Some((EV_ABS, usage - 0x30)),
        (GENERIC_DESKTOP, 0x38) if relative => Some((EV_REL, REL_WHEEL)),
        (GENERIC_DESKTOP, 0x38) => Some((EV_ABS, 8)),
        (GENERIC_DESKTOP, 0x81) => Some((EV_KEY, 116)),
        (GENERIC_DESKTOP, 0x82) => Some((EV_KEY, 142)),
        (GENERIC_DESKTOP, 0x83) => Some((EV_KEY, 143)),
        (DIGITIZER, 0x30) => Some((EV_ABS, ABS_PRESSURE)),
        (DIGITIZER, 0x32) if kind == Kind::Pen => Some((EV_KEY, BTN_TOOL_PEN)),
        (DIGITIZER, 0x3c) => Some((EV_KEY, BTN_TOOL_RUBBER)),
        (DIGITIZER, 0x42) => Some((EV_KEY, BTN_TOUCH)),
        (DIGITIZER, 0x44) => Some((EV_KEY, BTN_STYLUS)),
        (DIGITIZER, 0x5a) => Some((EV_KEY, BTN_STYLUS2)),
        _ => None,
    }
}

/// The light of a usage: num lock, caps lock, scroll lock, compose, kana.
pub fn led(page: u16, usage: u16) -> Option<u16> {
    (page == LEDS && (1..=5).contains(&usage)).then(|| usage - 1)
}

fn find(table: &[(u16, u16)], usage: u16) -> Option<(u16, u16)> {
    let found = table.iter().find(|(from, _)| *from == usage)?;
    Some((EV_KEY, found.1))
}

fn key(usage: u16) -> Option<u16> {
    let code = match usage {
        0xe0..=0xe7 => MODIFIERS[usize::from(usage - 0xe0)],
        _ => *KEYS.get(usize::from(usage))?,
    };
    (code != 0).then_some(u16::from(code))
}

/// Keyboard usages from 0; 0 where there is no key.
#[rustfmt::skip]
const KEYS: [u8; 0xa5] = [
    0, 0, 0, 0, 30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, // errors, A to L
    50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44, 2, 3, // M to Z, 1, 2
    4, 5, 6, 7, 8, 9, 10, 11, 28, 1, 14, 15, 57, 12, 13, 26, // 3 to 0, Enter to [
    27, 43, 43, 39, 40, 41, 51, 52, 53, 58, 59, 60, 61, 62, 63, 64, // ] to F6
    65, 66, 67, 68, 87, 88, 99, 70, 119, 110, 102, 104, 111, 107, 109, 106, // F7 to Right
    105, 108, 103, 69, 98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, // Left to keypad 7
    72, 73, 82, 83, 86, 127, 116, 117, 183, 184, 185, 186, 187, 188, 189, 190, // to F20
    191, 192, 193, 194, 134, 138, 130, 132, 128, 129, 131, 137, 133, 135, 136, 113, // to Mute
    115, 114, 0, 0, 0, 121, 0, 89, 93, 124, 92, 94, 95, 0, 0, 0, // volume, Japanese keys
    122, 123, 90, 91, 85, 0, 0, 0, 0, 0, 111, 0, 0, 0, 0, 0, // Korean and Japanese keys
    0, 0, 0, 0, 0,
];

const MODIFIERS: [u8; 8] = [29, 42, 56, 125, 97, 54, 100, 126];

/// Consumer usages that are keys.
const CONSUMER_KEYS: [(u16, u16); 38] = [
    (0x30, 116),  // power
    (0x32, 142),  // sleep
    (0x40, 139),  // menu
    (0x6f, 225),  // brighter
    (0x70, 224),  // darker
    (0xb0, 207),  // play
    (0xb1, 201),  // pause
    (0xb2, 167),  // record
    (0xb3, 208),  // fast forward
    (0xb4, 168),  // rewind
    (0xb5, 163),  // next
    (0xb6, 165),  // previous
    (0xb7, 166),  // stop
    (0xb8, 161),  // eject
    (0xcd, 164),  // play or pause
    (0xe2, 113),  // mute
    (0xe9, 115),  // louder
    (0xea, 114),  // quieter
    (0x183, 171), // settings
    (0x18a, 155), // mail
    (0x192, 140), // calculator
    (0x194, 144), // files
    (0x196, 150), // browser
    (0x19e, 152), // lock
    (0x1a6, 138), // help
    (0x201, 181), // new
    (0x202, 134), // open
    (0x203, 206), // close
    (0x207, 234), // save
    (0x208, 210), // print
    (0x221, 217), // search
    (0x223, 172), // home page
    (0x224, 158), // back
    (0x225, 159), // forward
    (0x226, 128), // stop loading
    (0x227, 173), // reload
    (0x22a, 156), // bookmarks
    (0x279, 182), // redo
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_where_linux_has_them() {
        let code = |usage| event(Kind::Keyboard, KEYBOARD, usage, false);
        for (usage, expected) in [
            (0x04, 30),
            (0x1d, 44),
            (0x27, 11),
            (0x28, 28),
            (0x2c, 57),
            (0x39, 58),
            (0x45, 88),
            (0x4f, 106),
            (0x52, 103),
            (0x62, 82),
            (0x65, 127),
            (0x73, 194),
            (0x7f, 113),
            (0xe0, 29),
            (0xe7, 126),
        ] {
            assert_eq!(code(usage), Some((EV_KEY, expected)), "{usage:#x}");
        }
        assert_eq!(code(1), None);
        assert_eq!(code(0xffff), None);
    }
}
