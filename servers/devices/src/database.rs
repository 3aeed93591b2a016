//! udev's database: a file for each device in /run/udev/data, as libudev reads it.
//!
//! It outlives this process: what the next one finds in it, programs have been told of already. So
//! beside what udev's rules find out it has what names the device, as properties: that does libudev
//! no harm, as each device has them anyway. A line `T:` tells a device from one before it that was
//! alike; libudev passes over lines that it doesn't know.

use crate::device::{Device, Pair};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

const DIRECTORY: &str = "/run/udev/data";

/// What a process before this one wrote of a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub since: u64,
    pub instance: String,
    pub properties: Vec<Pair>,
}

impl Record {
    fn parse(text: &str) -> Record {
        let mut record = Record::default();
        for line in text.lines() {
            match line.split_once(':') {
                Some(("I", since)) => record.since = since.parse().unwrap_or(0),
                Some(("T", instance)) => record.instance = instance.into(),
                Some(("E", pair)) => {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    record.properties.push((key.into(), value.into()));
                }
                _ => {}
            }
        }
        record
    }

    fn is_of(&self, device: &Device) -> bool {
        self.instance == device.instance && self.properties == properties(device)
    }

    /// The value of a property, empty if there is none.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        let found = self.properties.iter().find(|(one, _)| one == key);
        found.map_or("", |(_, value)| value)
    }
}

/// The records of a process before this one that nobody has looked after yet, by their files' names.
#[derive(Default)]
pub struct Left(BTreeMap<String, Record>);

impl Left {
    /// Takes the device's record out: when it was first seen, if it is the same device still, else
    /// what was there in its place.
    pub fn take(&mut self, device: &Device) -> Result<u64, Option<Record>> {
        match self.0.remove(&name(device)) {
            Some(record) if record.is_of(device) => Ok(record.since),
            other => Err(other),
        }
    }

    /// Takes all that are left, devices before what they are part of.
    pub fn take_all(&mut self) -> Vec<(String, Record)> {
        let mut all: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        all.sort_by(|(_, a), (_, b)| b.get("DEVPATH").cmp(a.get("DEVPATH")));
        all
    }
}

/// Makes the database, or takes over what there is.
pub fn begin() -> io::Result<Left> {
    std::fs::create_dir_all(DIRECTORY)?;
    let mut left = Left::default();
    for entry in std::fs::read_dir(DIRECTORY)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(['c', '+']) {
            // What can't be read is of no known device.
            let text = std::fs::read(entry.path()).unwrap_or_default();
            let record = Record::parse(&String::from_utf8_lossy(&text));
            left.0.insert(name, record);
        }
    }
    Ok(left)
}

fn name(device: &Device) -> String {
    match &device.node {
        Some(node) => format!("c{}:{}", node.major, node.minor),
        None => format!("+{}:{}", device.subsystem, device.name()),
    }
}

/// What names the device, and what udev's rules find out.
fn properties(device: &Device) -> Vec<Pair> {
    let mut all: Vec<Pair> = vec![
        ("DEVPATH".into(), device.path.clone()),
        ("SUBSYSTEM".into(), device.subsystem.into()),
    ];
    for (key, value) in device.kernel_pairs() {
        match &*key {
            "DEVNAME" => all.push((key, format!("/dev/{value}"))),
            "MAJOR" | "MINOR" | "DEVTYPE" => all.push((key, value)),
            _ => {}
        }
    }
    all.extend(device.properties.iter().cloned());
    all
}

fn text(device: &Device, since: u64) -> String {
    let mut text = format!("I:{since}\n");
    if !device.instance.is_empty() {
        text += &format!("T:{}\n", device.instance);
    }
    for (key, value) in properties(device) {
        // A String takes all that is written to it.
        let _ = writeln!(text, "E:{key}={value}");
    }
    text + "V:1\n"
}

/// Says that the device is there, `since` that many microseconds after the start of the machine.
/// Who reads meanwhile finds the old file or the new one.
pub fn put(device: &Device, since: u64) -> io::Result<()> {
    let directory = PathBuf::from(DIRECTORY);
    let (file, new) = (directory.join(name(device)), directory.join(".new"));
    std::fs::write(&new, text(device, since))?;
    std::fs::rename(new, file)
}

pub fn remove(device: &Device) -> io::Result<()> {
    remove_file(&name(device))
}

pub fn remove_file(name: &str) -> io::Result<()> {
    match std::fs::remove_file(PathBuf::from(DIRECTORY).join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceNode, Home};

    #[test]
    fn a_file_is_as_libudev_reads_it() {
        let mut device = Device::new("/devices/x/event0".into(), "input", Home::Class);
        assert_eq!(name(&device), "+input:event0");
        device.node = Some(DeviceNode {
            name: "input/event0".into(),
            major: 13,
            minor: 64,
        });
        device.property("ID_INPUT", "1");
        assert_eq!(name(&device), "c13:64");
        assert_eq!(
            text(&device, 7),
            "I:7\nE:DEVPATH=/devices/x/event0\nE:SUBSYSTEM=input\nE:MAJOR=13\nE:MINOR=64\n\
             E:DEVNAME=/dev/input/event0\nE:ID_INPUT=1\nV:1\n"
        );
    }

    fn mouse(number: u32) -> Device {
        let path = format!("/devices/x/input{number}/event{number}");
        let mut device = Device::new(path, "input", Home::Class);
        device.node = Some(DeviceNode {
            name: format!("input/event{number}"),
            major: 13,
            minor: 64 + number,
        });
        device.property("ID_INPUT_MOUSE", "1");
        device
    }

    fn left(devices: &[Device]) -> Left {
        let record = |d: &Device| (name(d), Record::parse(&text(d, 7)));
        Left(devices.iter().map(record).collect())
    }

    #[test]
    fn a_device_that_is_still_there_is_known_to_all() {
        let mut left = left(&[mouse(0)]);
        assert_eq!(left.take(&mouse(0)), Ok(7));
        assert_eq!(left.take(&mouse(1)), Err(None), "a new one");
        assert!(left.take_all().is_empty());
    }

    #[test]
    fn what_came_again_is_another() {
        let mut before = mouse(0);
        before.instance = "256-12.5".into();
        assert_eq!(left(&[before.clone()]).take(&before), Ok(7));
        let mut again = before.clone();
        again.instance = "256-13.5".into();
        let gone = left(&[before]).take(&again).unwrap_err();
        let gone = gone.expect("a record");
        assert_eq!(gone.get("DEVNAME"), "/dev/input/event0");
    }

    #[test]
    fn what_took_a_device_s_place_is_another() {
        let mut left = left(&[mouse(0)]);
        let mut keyboard = mouse(0);
        keyboard.properties.clear();
        keyboard.property("ID_INPUT_KEYBOARD", "1");
        let gone = left.take(&keyboard).unwrap_err().expect("a record");
        assert_eq!(gone.get("DEVNAME"), "/dev/input/event0");
        assert_eq!(gone.get("ID_INPUT_MOUSE"), "1");
    }

    #[test]
    fn what_vanished_is_told_from_below() {
        let input = Device::new("/devices/x/input0".into(), "input", Home::Class);
        let mut left = left(&[input, mouse(0)]);
        let gone = left.take_all();
        let names: Vec<&str> = gone.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["c13:64", "+input:input0"]);
    }
}
