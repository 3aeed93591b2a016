//! Which devices there are, found on a thread of its own: it asks the PCI server, and process 1
//! waits for no server.

use ochre_driver::Result;
use ochre_driver::pci::PciDevice;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::Sender;

/// A function of the PCI bus.
#[derive(Clone, Debug)]
pub struct Device {
    pub path: String,
    /// `vendor:device` in hexadecimal.
    pub id: String,
    /// `class:CCSS`.
    pub class: String,
    /// `class:CCSSPP`: with the programming interface.
    pub interface: String,
}

/// Reads `/dev/pci` and sends what is there, then wakes the supervisor through `wake`.
pub fn start(found: Sender<Vec<Device>>, wake: OwnedFd) {
    std::thread::spawn(move || {
        let devices = scan(Path::new("/dev/pci"));
        // The supervisor never ends, so neither fails.
        let _ = found.send(devices);
        let _ = rustix::io::write(&wake, &1u64.to_ne_bytes());
    });
}

fn scan(directory: &Path) -> Vec<Device> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut devices: Vec<Device> = entries
        .flatten()
        .filter_map(|entry| describe(&entry.path()).ok())
        .collect();
    devices.sort_by(|a, b| a.path.cmp(&b.path));
    devices
}

fn describe(path: &Path) -> Result<Device> {
    use rustix::fs::{Mode, OFlags, open};
    let fd = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let pci = PciDevice::new(fd)?;
    Ok(Device {
        path: path.to_string_lossy().into_owned(),
        id: format!("{:04x}:{:04x}", pci.vendor(), pci.device()),
        class: format!("class:{:04x}", pci.config_u32(8) >> 16),
        interface: format!("class:{:06x}", pci.config_u32(8) >> 8),
    })
}
