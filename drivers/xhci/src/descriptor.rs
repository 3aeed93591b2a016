//! Descriptors (USB 2.0, 9.6; HID 1.11, 6.2.1). All of it is the device's word: lengths are checked
//! before a byte is looked at, and what is too short is not there.

pub const DEVICE: u8 = 1;
pub const CONFIGURATION: u8 = 2;
pub const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const HID: u8 = 0x21;
pub const HID_REPORT: u8 = 0x22;
const COMPANION: u8 = 0x30;

pub const CLASS_HID: u8 = 3;
pub const CLASS_HUB: u8 = 9;

/// A longer configuration is not read to its end.
pub const CONFIGURATION_MAX: u16 = 4096;
/// A longer report descriptor is refused.
pub const REPORT_MAX: u16 = 4096;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// What of a device descriptor is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceDescriptor {
    pub class: u8,
    /// 1 for a high-speed hub with one translator, 2 with one for each port.
    pub protocol: u8,
    pub vendor: u16,
    pub product: u16,
    pub version: u16,
    pub manufacturer_string: u8,
    pub product_string: u8,
    pub serial_string: u8,
}

impl DeviceDescriptor {
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<DeviceDescriptor> {
        if bytes.len() < 18 || bytes[0] < 18 || bytes[1] != DEVICE {
            return None;
        }
        Some(DeviceDescriptor {
            class: bytes[4],
            protocol: bytes[6],
            vendor: word(bytes, 8)?,
            product: word(bytes, 10)?,
            version: word(bytes, 12)?,
            manufacturer_string: bytes[14],
            product_string: bytes[15],
            serial_string: bytes[16],
        })
    }
}

/// Packet size of the control endpoint, from the first eight bytes of a device descriptor.
#[must_use]
pub fn control_packet(bytes: &[u8], is_super: bool) -> Option<u16> {
    let [_, DEVICE, _, _, _, _, _, size, ..] = *bytes else {
        return None;
    };
    match (is_super, size) {
        (true, 9) => Some(512),
        (false, 8 | 16 | 32 | 64) => Some(size.into()),
        _ => None,
    }
}

/// An interrupt endpoint towards us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptIn {
    /// As in the descriptor, with bit 7 set.
    pub address: u8,
    pub packet: u16,
    pub interval: u8,
    /// Packets of a burst, less one.
    pub burst: u8,
}

impl InterruptIn {
    /// The number by which the controller knows it.
    #[must_use]
    pub fn context(&self) -> u8 {
        (self.address & 15) * 2 + 1
    }

    fn parse(bytes: &[u8]) -> Option<InterruptIn> {
        let address = *bytes.get(2)?;
        let packet = word(bytes, 4)?;
        let good = address & 0x80 != 0 && address & 15 != 0 && bytes.get(3)? & 3 == 3;
        let endpoint = InterruptIn {
            address,
            packet: packet & 0x7ff,
            interval: *bytes.get(6)?,
            // Of a high-speed endpoint: further packets in a micro-frame.
            burst: (packet >> 11 & 3).min(2) as u8,
        };
        (good && (1..=1024).contains(&endpoint.packet)).then_some(endpoint)
    }
}

/// An interface in its first setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub number: u8,
    pub class: u8,
    /// 1: it has a boot protocol, and may start in it.
    pub subclass: u8,
    /// Length of the HID report descriptor.
    pub report_length: u16,
    pub interrupt_in: Option<InterruptIn>,
}

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    pub value: u8,
    pub interfaces: Vec<Interface>,
}

/// The length of the whole configuration, from its first nine bytes.
#[must_use]
pub fn configuration_length(bytes: &[u8]) -> Option<u16> {
    if bytes.len() < 9 || bytes[1] != CONFIGURATION {
        return None;
    }
    Some(word(bytes, 2)?.clamp(9, CONFIGURATION_MAX))
}

impl Configuration {
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Configuration> {
        configuration_length(bytes)?;
        let mut configuration = Configuration {
            value: bytes[5],
            interfaces: Vec::new(),
        };
        // Whether the descriptors that come now are of the last interface of the list.
        let mut current = false;
        for descriptor in split(bytes) {
            match descriptor[1] {
                INTERFACE => {
                    let [_, _, number, alternate, _, class, subclass, ..] = *descriptor else {
                        current = false;
                        continue;
                    };
                    current = alternate == 0;
                    if current {
                        configuration.interfaces.push(Interface {
                            number,
                            class,
                            subclass,
                            ..Interface::default()
                        });
                    }
                }
                kind if current => {
                    if let Some(interface) = configuration.interfaces.last_mut() {
                        interface.take(kind, descriptor);
                    }
                }
                _ => {}
            }
        }
        Some(configuration)
    }
}

impl Interface {
    fn take(&mut self, kind: u8, descriptor: &[u8]) {
        match kind {
            HID => {
                let class_descriptors = descriptor.get(6..).unwrap_or_default();
                let report = class_descriptors
                    .chunks_exact(3)
                    .find(|chunk| chunk[0] == HID_REPORT);
                self.report_length = report.and_then(|chunk| word(chunk, 1)).unwrap_or(0);
            }
            ENDPOINT if self.interrupt_in.is_none() => {
                self.interrupt_in = InterruptIn::parse(descriptor);
            }
            COMPANION => {
                if let (Some(endpoint), Some(burst)) = (&mut self.interrupt_in, descriptor.get(2)) {
                    endpoint.burst = (*burst).min(15);
                }
            }
            _ => {}
        }
    }
}

/// The descriptors of a sequence, up to the first that lies about its length.
fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = usize::from(*bytes.first()?);
        if length < 2 || length > bytes.len() {
            return None;
        }
        let (descriptor, rest) = bytes.split_at(length);
        bytes = rest;
        Some(descriptor)
    })
}

/// A string descriptor's text, without what a terminal or a log would stumble over.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let length = bytes
        .first()
        .map_or(0, |l| usize::from(*l))
        .min(bytes.len());
    if length < 2 || bytes[1] != STRING {
        return String::new();
    }
    let units = bytes[2..length]
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|c| !c.is_control())
        .collect();
    text.trim().to_string()
}

/// What of a hub descriptor is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubDescriptor {
    pub ports: u8,
    /// 0 to 3.
    pub think_time: u8,
    /// Milliseconds from a port's power to its being good.
    pub power_good: u64,
}

/// Its type: of USB 2 hubs, and of SuperSpeed hubs.
pub const HUB: u8 = 0x29;
pub const SUPER_HUB: u8 = 0x2a;
/// The route string has no room for more (xHCI 1.2, 8.9).
const HUB_PORTS_MAX: u8 = 15;

impl HubDescriptor {
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<HubDescriptor> {
        if bytes.len() < 6 || !matches!(bytes[1], HUB | SUPER_HUB) || bytes[2] == 0 {
            return None;
        }
        Some(HubDescriptor {
            ports: bytes[2].min(HUB_PORTS_MAX),
            think_time: (bytes[3] >> 5) & 3,
            power_good: u64::from(bytes[5]) * 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// QEMU's usb-kbd.
    const KEYBOARD: [u8; 34] = [
        9, 2, 34, 0, 1, 1, 8, 0xa0, 50, // configuration
        9, 4, 0, 0, 1, 3, 1, 1, 0, // interface
        9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0, // HID
        7, 5, 0x81, 3, 8, 0, 10, // endpoint
    ];

    #[test]
    fn a_keyboard_s_configuration() {
        let found = Configuration::parse(&KEYBOARD).expect("a configuration");
        let [interface] = &found.interfaces[..] else {
            panic!("{found:?}");
        };
        assert_eq!((interface.class, interface.subclass), (3, 1));
        assert_eq!(interface.report_length, 63);
        let endpoint = interface.interrupt_in.expect("an endpoint");
        assert_eq!((endpoint.context(), endpoint.packet), (3, 8));
    }

    #[test]
    fn other_settings_are_passed_over() {
        let mut bytes = KEYBOARD.to_vec();
        bytes.extend([9, 4, 0, 1, 1, 3, 1, 1, 0]);
        bytes.extend([7, 5, 0x82, 3, 64, 0, 1]);
        let found = Configuration::parse(&bytes).expect("a configuration");
        assert_eq!(found, Configuration::parse(&KEYBOARD).expect("one"));
    }

    #[test]
    fn no_prefix_and_no_changed_byte_does_harm() {
        for length in 0..KEYBOARD.len() {
            let _ = Configuration::parse(&KEYBOARD[..length]);
        }
        for at in 0..KEYBOARD.len() {
            for value in 0..=255 {
                let mut bytes = KEYBOARD;
                bytes[at] = value;
                if let Some(found) = Configuration::parse(&bytes) {
                    for interface in &found.interfaces {
                        let endpoint = interface.interrupt_in;
                        assert!(endpoint.is_none_or(|e| (3..32).contains(&e.context())));
                    }
                }
            }
        }
        assert!(DeviceDescriptor::parse(&[18, 1, 0]).is_none());
        assert!(HubDescriptor::parse(&[9, 0x29]).is_none());
        assert_eq!(control_packet(&[18, 1, 0, 2, 0, 0, 0, 7], false), None);
        assert_eq!(control_packet(&[18, 1, 0, 2, 0, 0, 0, 64], false), Some(64));
    }

    #[test]
    fn strings_lose_control_characters_and_lies() {
        assert_eq!(text(&[8, 3, b'Q', 0, 27, 0, b'x', 0]), "Qx");
        assert_eq!(text(&[200, 3, b'Q', 0]), "Q");
        assert_eq!(text(&[1]), "");
        assert_eq!(text(&[]), "");
    }
}
