//! Input devices: what one says of itself by evdev's ioctls, as Linux's two devices `inputN` (what
//! it can do) and `eventN` (its node).

use crate::classify::classify;
use crate::device::{Device, DeviceNode, Home, instance};
use ochre_display::evdev::abi::{
    AbsInfo, EV_ABS, EV_KEY, EV_LED, EV_MSC, EV_REL, EV_SND, EV_SW, EVIOCGID, InputId, NR_ABS,
    NR_BIT, NR_NAME, NR_PHYS, NR_PROP, NR_UNIQ, sized,
};
use ochre_display::uevent::Subsystem;
use ochre_driver::{Errno, Result, native};
use rustix::fs::{Mode, OFlags, open};
use std::fmt::Write;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

const EV_FF: u16 = 0x15;
/// Room for the largest set, that of keys: 0x300 bits.
const SET: usize = 96;
const TEXT: usize = 256;
/// The lowest key that a modalias names: those below are on every keyboard.
const KEY_MIN_INTERESTING: u16 = 0x71;

/// A set of codes.
#[derive(Clone, Copy, Debug)]
pub struct Codes(pub [u8; SET]);

impl Default for Codes {
    fn default() -> Codes {
        Codes([0; SET])
    }
}

impl Codes {
    #[must_use]
    pub fn has(&self, code: u16) -> bool {
        self.0
            .get(usize::from(code / 8))
            .is_some_and(|byte| byte & 1 << (code % 8) != 0)
    }

    #[must_use]
    pub fn any(&self, mut codes: std::ops::Range<u16>) -> bool {
        codes.any(|code| self.has(code))
    }

    /// As /sys shows it: words of 64 bits, the highest that is not zero first.
    #[must_use]
    pub fn text(&self) -> String {
        let words = self.0.chunks_exact(8).map(|word| {
            word.iter()
                .rev()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
        });
        let words: Vec<u64> = words.collect();
        let used = words.iter().rposition(|word| *word != 0).unwrap_or(0);
        let words = words[..=used].iter().rev().map(|word| format!("{word:x}"));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The codes from `first` on, as a modalias lists them.
    fn alias(&self, first: u16) -> String {
        let codes = (first..SET as u16 * 8).filter(|code| self.has(*code));
        codes.fold(String::new(), |mut text, code| {
            // A String takes all that is written to it.
            let _ = write!(text, "{code:X},");
            text
        })
    }
}

/// What a device says of itself.
#[derive(Clone, Debug, Default)]
pub struct Abilities {
    pub name: String,
    pub phys: String,
    pub uniq: String,
    pub id: InputId,
    pub properties: Codes,
    /// The event types.
    pub events: Codes,
    pub keys: Codes,
    pub relative: Codes,
    pub absolute: Codes,
    pub misc: Codes,
    pub leds: Codes,
    pub sounds: Codes,
    pub effects: Codes,
    pub switches: Codes,
    /// Millimetres in both directions, where the axes tell.
    pub size: Option<(u32, u32)>,
}

fn with_size(nr: u32, bytes: usize) -> u32 {
    sized(nr) | (bytes as u32) << 16
}

/// Text that the device may lack.
fn text(fd: &OwnedFd, nr: u32) -> String {
    let mut bytes = [0_u8; TEXT];
    if native::ioctl(fd.as_fd(), with_size(nr, TEXT), &mut bytes).is_err() {
        return String::new();
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(TEXT);
    let text = String::from_utf8_lossy(&bytes[..end]);
    // It goes into files of lines: a device is not to write any of its own.
    text.replace(|c: char| c.is_control(), " ")
}

fn codes(fd: &OwnedFd, nr: u32) -> Result<Codes> {
    let mut codes = Codes::default();
    native::ioctl(fd.as_fd(), with_size(nr, SET), &mut codes.0)?;
    Ok(codes)
}

fn millimetres(fd: &OwnedFd, axis: u32) -> Option<u32> {
    let mut info = AbsInfo::default();
    let command = with_size(NR_ABS + axis, size_of::<AbsInfo>());
    native::ioctl(fd.as_fd(), command, &mut info).ok()?;
    let length = i64::from(info.maximum) - i64::from(info.minimum);
    if info.resolution <= 0 {
        return None;
    }
    u32::try_from(length / i64::from(info.resolution)).ok()
}

impl Abilities {
    fn ask(fd: &OwnedFd) -> Result<Abilities> {
        let mut id = InputId::default();
        native::ioctl(fd.as_fd(), EVIOCGID, &mut id)?;
        let of = |kind: u16| codes(fd, NR_BIT + u32::from(kind));
        Ok(Abilities {
            name: text(fd, NR_NAME),
            phys: text(fd, NR_PHYS),
            uniq: text(fd, NR_UNIQ),
            id,
            properties: codes(fd, NR_PROP)?,
            events: of(0)?,
            keys: of(EV_KEY)?,
            relative: of(EV_REL)?,
            absolute: of(EV_ABS)?,
            misc: of(EV_MSC)?,
            leds: of(EV_LED)?,
            sounds: of(EV_SND)?,
            effects: of(EV_FF)?,
            switches: of(EV_SW)?,
            size: millimetres(fd, 0).zip(millimetres(fd, 1)),
        })
    }

    /// Linux's name for all devices like this one.
    fn modalias(&self) -> String {
        let InputId {
            bus,
            vendor,
            product,
            version,
        } = self.id;
        let mut text = format!("input:b{bus:04X}v{vendor:04X}p{product:04X}e{version:04X}-");
        for (letter, codes, first) in [
            ('e', &self.events, 0),
            ('k', &self.keys, KEY_MIN_INTERESTING),
            ('r', &self.relative, 0),
            ('a', &self.absolute, 0),
            ('m', &self.misc, 0),
            ('l', &self.leds, 0),
            ('s', &self.sounds, 0),
            ('f', &self.effects, 0),
            ('w', &self.switches, 0),
        ] {
            text.push(letter);
            text += &codes.alias(first);
        }
        text
    }

    fn sets(&self) -> [(&'static str, &Codes); 9] {
        [
            ("EV", &self.events),
            ("KEY", &self.keys),
            ("REL", &self.relative),
            ("ABS", &self.absolute),
            ("MSC", &self.misc),
            ("LED", &self.leds),
            ("SND", &self.sounds),
            ("FF", &self.effects),
            ("SW", &self.switches),
        ]
    }
}

/// The two devices of the node `/dev/input/NAME`, which `owner` serves: first what it can do.
pub fn describe(name: &str, owner: &str) -> Result<Vec<Device>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(format!("/dev/input/{name}"), flags, Mode::empty())?);
    let metadata = file
        .metadata()
        .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    let node = DeviceNode {
        name: format!("input/{name}"),
        major: rustix::fs::major(metadata.rdev()),
        minor: rustix::fs::minor(metadata.rdev()),
    };
    let path = Subsystem::Input.device_path(owner, name);
    let mut both = devices(&path, node, &Abilities::ask(&file.into())?);
    for device in &mut both {
        device.instance = instance(&metadata);
    }
    Ok(both)
}

fn devices(path: &str, node: DeviceNode, abilities: &Abilities) -> Vec<Device> {
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    let parent = above
        .rsplit_once("/input/")
        .map_or("", |(parent, _)| parent);
    let mut input = Device::new(above.into(), Subsystem::Input.name(), Home::Class);
    input.parent = Some(parent.into());
    let id = abilities.id;
    input.fact(
        "PRODUCT",
        format!(
            "{:x}/{:x}/{:x}/{:x}",
            id.bus, id.vendor, id.product, id.version
        ),
    );
    for (key, attribute, text) in [
        ("NAME", "name", &abilities.name),
        ("PHYS", "phys", &abilities.phys),
        ("UNIQ", "uniq", &abilities.uniq),
    ] {
        input.fact(key, format!("\"{text}\""));
        input.line(attribute, text);
    }
    input.fact("PROP", abilities.properties.text());
    input.line("properties", &abilities.properties.text());
    for (key, codes) in abilities.sets() {
        if key == "EV" || abilities.events.has(event_type(key)) {
            input.fact(key, codes.text());
        }
        input.line(
            &format!("capabilities/{}", key.to_lowercase()),
            &codes.text(),
        );
    }
    for (name, value) in [
        ("bustype", id.bus),
        ("vendor", id.vendor),
        ("product", id.product),
        ("version", id.version),
    ] {
        input.line(&format!("id/{name}"), &format!("{value:04x}"));
    }
    input.fact("MODALIAS", abilities.modalias());
    input.line("modalias", &abilities.modalias());
    input.properties = classify(abilities);

    let mut event = Device::new(path.into(), Subsystem::Input.name(), Home::Class);
    event.node = Some(node);
    event.parent = Some(above.into());
    event.properties.clone_from(&input.properties);
    if let Some((width, height)) = abilities.size {
        event.property("ID_INPUT_WIDTH_MM", width.to_string());
        event.property("ID_INPUT_HEIGHT_MM", height.to_string());
    }
    vec![input, event]
}

fn event_type(key: &str) -> u16 {
    match key {
        "KEY" => EV_KEY,
        "REL" => EV_REL,
        "ABS" => EV_ABS,
        "MSC" => EV_MSC,
        "SW" => EV_SW,
        "LED" => EV_LED,
        "SND" => EV_SND,
        "FF" => EV_FF,
        _ => 0,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn set(codes: impl IntoIterator<Item = u16>) -> Codes {
        codes.into_iter().fold(Codes::default(), |mut set, code| {
            set.0[usize::from(code / 8)] |= 1 << (code % 8);
            set
        })
    }

    #[test]
    fn sets_read_as_linux_writes_them() {
        assert_eq!(set([]).text(), "0");
        assert_eq!(set([0, 1, 4, 0x11, 0x14]).text(), "120013");
        // A wheel mouse's buttons.
        assert_eq!(set(0x110..0x115).text(), "1f0000 0 0 0 0");
    }

    #[test]
    fn a_mouse_as_linux_tells_of_it() {
        let abilities = Abilities {
            name: "A \"mouse\"".into(),
            id: InputId {
                bus: 3,
                vendor: 0x627,
                product: 1,
                version: 1,
            },
            events: set([0, 1, 2]),
            keys: set(0x110..0x113),
            relative: set([0, 1, 8]),
            ..Abilities::default()
        };
        let node = DeviceNode {
            name: "input/event2".into(),
            major: 13,
            minor: 66,
        };
        let both = devices("/devices/x/input/input2/event2", node, &abilities);
        assert_eq!(both[0].path, "/devices/x/input/input2");
        assert_eq!(both[0].parent.as_deref(), Some("/devices/x"));
        let fact = |key: &str| {
            let found = both[0].facts.iter().find(|(one, _)| one == key);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(fact("PRODUCT"), Some("3/627/1/1"));
        assert_eq!(fact("REL"), Some("103"));
        assert_eq!(fact("ABS"), None);
        assert_eq!(
            fact("MODALIAS"),
            Some("input:b0003v0627p0001e0001-e0,1,2,k110,111,112,r0,1,8,amlsfw")
        );
        assert_eq!(both[1].parent.as_deref(), Some("/devices/x/input/input2"));
        let mouse = ("ID_INPUT_MOUSE".to_string(), "1".to_string());
        assert!(both[1].properties.contains(&mouse));
    }
}
