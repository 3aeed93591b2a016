//! Device events: the kernel's, which are listened to, and udev's, which are sent on to libudev's
//! monitors once /sys and the database tell the same.

use crate::database::Record;
use crate::device::{Device, Pair};
use rustix::io::{Errno, Result};
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};
use std::os::fd::OwnedFd;

const KERNEL_GROUP: u32 = 1;
const UDEV_GROUP: u32 = 2;
const LONGEST: usize = 8192;

/// An event of the kernel's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    pairs: Vec<Pair>,
}

impl Event {
    fn parse(bytes: &[u8]) -> Event {
        let fields = bytes.split(|byte| *byte == 0);
        let pairs = fields.filter_map(|field| {
            let (key, value) = std::str::from_utf8(field).ok()?.split_once('=')?;
            Some((key.to_string(), value.to_string()))
        });
        Event {
            pairs: pairs.collect(),
        }
    }

    /// The value of a key, empty if it has none.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        let found = self.pairs.iter().find(|(one, _)| one == key);
        found.map_or("", |(_, value)| value)
    }
}

/// A socket on which the kernel's events arrive, and from which udev's go out.
pub fn listen() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = socket_with(family, kind, flags, Some(KOBJECT_UEVENT))?;
    bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP))?;
    Ok(socket)
}

/// The next event, none if there is none yet; ENOBUFS where some were lost.
pub fn next(socket: &OwnedFd) -> Result<Option<Event>> {
    let mut bytes = [0; LONGEST];
    match recv(socket, &mut bytes, RecvFlags::DONTWAIT) {
        Ok((length, _)) => Ok(Some(Event::parse(&bytes[..length.min(LONGEST)]))),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells udev's listeners of a device. `cause` is what the kernel said, if it did.
pub fn send(socket: &OwnedFd, device: &Device, action: &str, since: u64, cause: &Event) {
    tell(socket, &device.path, &message(device, action, since, cause));
}

/// Tells udev's listeners that a device is gone of which only the record is left.
pub fn send_removal(socket: &OwnedFd, record: &Record) {
    tell(socket, record.get("DEVPATH"), &removal(record));
}

fn tell(socket: &OwnedFd, path: &str, message: &[u8]) {
    let target = SocketAddrNetlink::new(0, UDEV_GROUP);
    if let Err(error) = sendto(socket, message, SendFlags::empty(), &target) {
        eprintln!("devices: event of {path}: {error}");
    }
}

fn removal(record: &Record) -> Vec<u8> {
    let mut pairs: Vec<Pair> = vec![("ACTION".into(), "remove".into())];
    pairs.extend(record.properties.iter().cloned());
    pairs.push(("SEQNUM".into(), "1".into()));
    pairs.push(("USEC_INITIALIZED".into(), record.since.to_string()));
    let kind = Some(record.get("DEVTYPE")).filter(|kind| !kind.is_empty());
    encode(record.get("SUBSYSTEM"), kind, &pairs)
}

fn message(device: &Device, action: &str, since: u64, cause: &Event) -> Vec<u8> {
    let mut pairs: Vec<Pair> = [
        ("ACTION", action),
        ("DEVPATH", &device.path),
        ("SUBSYSTEM", device.subsystem),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .into();
    for (key, value) in device.kernel_pairs() {
        let value = if key == "DEVNAME" {
            format!("/dev/{value}")
        } else {
            value
        };
        pairs.push((key, value));
    }
    // What this event tells beyond the device's own facts, such as HOTPLUG.
    for (key, value) in &cause.pairs {
        if !pairs.iter().any(|(known, _)| known == key) {
            pairs.push((key.clone(), value.clone()));
        }
    }
    if cause.get("SEQNUM").is_empty() {
        pairs.push(("SEQNUM".into(), "1".into()));
    }
    pairs.push(("USEC_INITIALIZED".into(), since.to_string()));
    pairs.extend(device.properties.iter().cloned());
    let kind = device.facts.iter().find(|(key, _)| key == "DEVTYPE");
    encode(
        device.subsystem,
        kind.map(|(_, kind)| kind.as_str()),
        &pairs,
    )
}

/// The message that libudev expects of udev: a head, then `KEY=value` pairs that end in zeroes. The
/// head has hashes by which listeners filter, in network order; there are no tags.
fn encode(subsystem: &str, kind: Option<&str>, pairs: &[Pair]) -> Vec<u8> {
    const MAGIC: u32 = 0xfeed_cafe;
    const HEAD: u32 = 40;
    let mut body = Vec::new();
    for (key, value) in pairs {
        body.extend_from_slice(key.as_bytes());
        body.push(b'=');
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    let mut message = b"libudev\0".to_vec();
    message.extend_from_slice(&MAGIC.to_be_bytes());
    for number in [HEAD, HEAD, body.len() as u32] {
        message.extend_from_slice(&number.to_ne_bytes());
    }
    let kind = kind.map_or(0, |kind| hash(kind.as_bytes()));
    for number in [hash(subsystem.as_bytes()), kind, 0, 0] {
        message.extend_from_slice(&number.to_be_bytes());
    }
    message.extend_from_slice(&body);
    message
}

/// MurmurHash2 with seed 0.
fn hash(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        let word = (word ^ word >> 24).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ word;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev();
        hash ^= tail.fold(0, |value, byte| value << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Home;

    #[test]
    fn the_kernel_s_text_is_read() {
        let event = Event::parse(b"add@/devices/x\0ACTION=add\0SEQNUM=7\0");
        assert_eq!((event.get("ACTION"), event.get("SEQNUM")), ("add", "7"));
        assert_eq!(event.get("DEVNAME"), "");
    }

    #[test]
    fn a_message_is_as_libudev_reads_it() {
        let device = Device::new("/devices/x/card0".into(), "drm", Home::Class);
        let cause = Event::parse(b"change@/x\0ACTION=change\0HOTPLUG=1\0SEQNUM=9\0");
        let message = message(&device, "change", 5, &cause);
        assert!(message.starts_with(b"libudev\0\xfe\xed\xca\xfe\x28\0\0\0\x28\0\0\0"));
        let body = String::from_utf8_lossy(&message[40..]).into_owned();
        assert_eq!(
            body,
            "ACTION=change\0DEVPATH=/devices/x/card0\0SUBSYSTEM=drm\0HOTPLUG=1\0SEQNUM=9\0\
             USEC_INITIALIZED=5\0"
        );
    }

    #[test]
    fn a_removal_says_what_is_gone() {
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        let record = Record {
            since: 5,
            instance: String::new(),
            properties: vec![
                pair("DEVPATH", "/devices/x/card0"),
                pair("SUBSYSTEM", "drm"),
            ],
        };
        let message = removal(&record);
        assert_eq!(message[24..28], hash(b"drm").to_be_bytes());
        assert_eq!(
            String::from_utf8_lossy(&message[40..]),
            "ACTION=remove\0DEVPATH=/devices/x/card0\0SUBSYSTEM=drm\0SEQNUM=1\0\
             USEC_INITIALIZED=5\0"
        );
    }

    #[test]
    fn hashes_are_murmur_s() {
        // Of an independent implementation of MurmurHash2 (32 bits, seed 0).
        assert_eq!(hash(b"input"), 0xc1a28470);
        assert_eq!(hash(b"drm"), 0x16664179);
        assert_eq!(hash(b""), 0);
    }
}
