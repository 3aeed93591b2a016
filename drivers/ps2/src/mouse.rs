//! Mouse packets: three bytes, four with a wheel.

use ochre_display::evdev::abi::{
    BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, BUS_I8042, EV_KEY, EV_REL, InputId, REL_WHEEL,
    REL_WHEEL_HI_RES, REL_X, REL_Y,
};
use ochre_display::evdev::{Description, Device};

/// Set in every first byte: how the decoder finds back into step.
const ALWAYS: u8 = 1 << 3;
const X_SIGN: u8 = 1 << 4;
const Y_SIGN: u8 = 1 << 5;
const OVERFLOW: u8 = 0xc0;
/// INPUT_PROP_POINTER.
const POINTER: u16 = 0;
/// High-resolution wheel units of one notch.
const NOTCH: i32 = 120;

pub fn description(wheel: bool) -> Description {
    let axes = [REL_X, REL_Y].into_iter();
    let axes = axes.chain(
        wheel
            .then_some([REL_WHEEL, REL_WHEEL_HI_RES])
            .into_iter()
            .flatten(),
    );
    Description {
        name: if wheel {
            "ImPS/2 Generic Wheel Mouse"
        } else {
            "PS/2 Generic Mouse"
        }
        .into(),
        phys: "isa0060/serio1/input0".into(),
        id: InputId {
            bus: BUS_I8042,
            vendor: 2,
            product: if wheel { 5 } else { 1 },
            version: 0,
        },
        properties: [POINTER].into(),
        ..Description::default()
    }
    .with(EV_KEY, [BTN_LEFT, BTN_RIGHT, BTN_MIDDLE])
    .with(EV_REL, axes)
}

/// A packet, decoded.
#[derive(Debug, PartialEq, Eq)]
struct Motion {
    buttons: u8,
    x: i32,
    /// Downwards, as evdev counts.
    y: i32,
    /// Away from the user, as evdev counts.
    wheel: i32,
}

/// The packet so far.
pub struct Decoder {
    packet: Vec<u8>,
    len: usize,
}

impl Decoder {
    #[must_use]
    pub fn new(wheel: bool) -> Decoder {
        Decoder {
            packet: Vec::new(),
            len: if wheel { 4 } else { 3 },
        }
    }

    /// Takes one byte; a packet that it completes is sent.
    pub fn byte(&mut self, byte: u8, device: &Device) {
        let Some(motion) = self.decode(byte) else {
            return;
        };
        for (bit, button) in [BTN_LEFT, BTN_RIGHT, BTN_MIDDLE].into_iter().enumerate() {
            device.event(EV_KEY, button, i32::from(motion.buttons >> bit & 1));
        }
        device.event(EV_REL, REL_X, motion.x);
        device.event(EV_REL, REL_Y, motion.y);
        device.event(EV_REL, REL_WHEEL, motion.wheel);
        device.event(EV_REL, REL_WHEEL_HI_RES, motion.wheel * NOTCH);
        device.sync();
    }

    fn decode(&mut self, byte: u8) -> Option<Motion> {
        if self.packet.is_empty() && byte & ALWAYS == 0 {
            return None;
        }
        self.packet.push(byte);
        if self.packet.len() < self.len {
            return None;
        }
        let packet = std::mem::take(&mut self.packet);
        let signed =
            |value: u8, sign: u8| i32::from(value) - if packet[0] & sign != 0 { 256 } else { 0 };
        let moved = packet[0] & OVERFLOW == 0;
        Some(Motion {
            buttons: packet[0] & 7,
            x: if moved { signed(packet[1], X_SIGN) } else { 0 },
            y: if moved { -signed(packet[2], Y_SIGN) } else { 0 },
            wheel: packet.get(3).map_or(0, |b| -i32::from(*b as i8)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_a_wheel() {
        let mut decoder = Decoder::new(true);
        assert_eq!(decoder.decode(0x29), None);
        assert_eq!(decoder.decode(5), None);
        assert_eq!(decoder.decode(0xfe), None);
        let motion = Motion {
            buttons: 1,
            x: 5,
            y: 2,
            wheel: 1,
        };
        assert_eq!(decoder.decode(0xff), Some(motion));
    }

    #[test]
    fn a_stray_byte_is_passed_over() {
        let mut decoder = Decoder::new(false);
        assert_eq!(decoder.decode(0x00), None);
        decoder.decode(0x08);
        decoder.decode(1);
        assert_eq!(
            decoder.decode(0),
            Some(Motion {
                buttons: 0,
                x: 1,
                y: 0,
                wheel: 0
            })
        );
    }
}
