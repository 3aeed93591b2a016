//! Scan code set 1 to Linux key codes. Codes 1 to 0x58 are the same in both; codes behind 0xe0 are
//! in a table.

use ochre_display::evdev::abi::{BUS_I8042, EV_KEY, EV_MSC, InputId, MSC_SCAN};
use ochre_display::evdev::{Description, Device};

const PREFIX: u8 = 0xe0;
/// Pause sends 0xe1 and five more bytes, and no release.
const PAUSE: u8 = 0xe1;
const PAUSE_BYTES: u8 = 5;
const KEY_PAUSE: u16 = 119;
const RELEASE: u8 = 0x80;
/// The last code that is the same in both.
const LAST_PLAIN: u8 = 0x58;

/// Scan code behind 0xe0 → key code (`linux/input-event-codes.h`).
const EXTENDED: [(u8, u16); 38] = [
    (0x10, 165),
    (0x19, 163),
    (0x1c, 96),
    (0x1d, 97),
    (0x20, 113),
    (0x21, 140),
    (0x22, 164),
    (0x24, 166),
    (0x2e, 114),
    (0x30, 115),
    (0x32, 172),
    (0x35, 98),
    (0x37, 99),
    (0x38, 100),
    (0x47, 102),
    (0x48, 103),
    (0x49, 104),
    (0x4b, 105),
    (0x4d, 106),
    (0x4f, 107),
    (0x50, 108),
    (0x51, 109),
    (0x52, 110),
    (0x53, 111),
    (0x5b, 125),
    (0x5c, 126),
    (0x5d, 127),
    (0x5e, 116),
    (0x5f, 142),
    (0x63, 143),
    (0x65, 217),
    (0x66, 156),
    (0x67, 173),
    (0x68, 128),
    (0x69, 159),
    (0x6a, 158),
    (0x6b, 157),
    (0x6c, 155),
];

pub fn description() -> Description {
    let plain = 1..=u16::from(LAST_PLAIN);
    let extended = EXTENDED.iter().map(|(_, key)| *key);
    Description {
        name: "AT Translated Set 2 keyboard".into(),
        phys: "isa0060/serio0/input0".into(),
        id: InputId {
            bus: BUS_I8042,
            vendor: 1,
            product: 1,
            version: 0xab41,
        },
        ..Description::default()
    }
    .with(EV_KEY, plain.chain(extended).chain([KEY_PAUSE]))
    .with(EV_MSC, [MSC_SCAN])
}

/// What the last bytes were.
#[derive(Default)]
pub struct Decoder {
    extended: bool,
    /// Bytes of a Pause to pass over.
    pause: u8,
}

impl Decoder {
    /// Takes one byte; a key that it completes is sent.
    pub fn byte(&mut self, byte: u8, device: &Device) {
        if let Some((key, pressed)) = self.decode(byte) {
            device.event(EV_MSC, MSC_SCAN, i32::from(byte & !RELEASE));
            device.event(EV_KEY, key, i32::from(pressed));
            if key == KEY_PAUSE {
                device.sync();
                device.event(EV_KEY, key, 0);
            }
            device.sync();
        }
    }

    fn decode(&mut self, byte: u8) -> Option<(u16, bool)> {
        if self.pause > 0 {
            self.pause -= 1;
            return (self.pause == 0).then_some((KEY_PAUSE, true));
        }
        let extended = std::mem::take(&mut self.extended);
        match byte {
            PREFIX => {
                self.extended = true;
                return None;
            }
            PAUSE => {
                self.pause = PAUSE_BYTES;
                return None;
            }
            _ => {}
        }
        let (code, pressed) = (byte & !RELEASE, byte & RELEASE == 0);
        let key = if extended {
            EXTENDED.iter().find(|(scan, _)| *scan == code)?.1
        } else {
            (1..=LAST_PLAIN)
                .contains(&code)
                .then_some(u16::from(code))?
        };
        Some((key, pressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<(u16, bool)> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|b| decoder.decode(*b)).collect()
    }

    #[test]
    fn plain_and_extended_keys() {
        assert_eq!(keys(&[0x1e, 0x9e]), [(30, true), (30, false)]);
        assert_eq!(keys(&[0xe0, 0x48, 0xe0, 0xc8]), [(103, true), (103, false)]);
    }

    #[test]
    fn pause_is_one_key() {
        assert_eq!(
            keys(&[0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e]),
            [(119, true), (30, true)]
        );
    }

    #[test]
    fn unknown_codes_are_no_keys() {
        assert!(keys(&[0x00, 0x80, 0x7f, 0xe0, 0x2a, 0xfa]).is_empty());
    }
}
