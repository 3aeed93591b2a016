//! udev's database: a file for each device in /run/udev/data, as libudev reads it.

use crate::device::Device;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

const DIRECTORY: &str = "/run/udev/data";

/// Makes an empty database: what a process before this one wrote may not be true any more.
pub fn begin() -> io::Result<()> {
    match std::fs::remove_dir_all(DIRECTORY) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(DIRECTORY)
}

fn name(device: &Device) -> String {
    match &device.node {
        Some(node) => format!("c{}:{}", node.major, node.minor),
        None => format!("+{}:{}", device.subsystem, device.name()),
    }
}

fn text(device: &Device, since: u64) -> String {
    let mut text = format!("I:{since}\n");
    for (key, value) in &device.properties {
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
    match std::fs::remove_file(PathBuf::from(DIRECTORY).join(name(device))) {
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
        assert_eq!(text(&device, 7), "I:7\nE:ID_INPUT=1\nV:1\n");
    }
}
