//! What listeners are told of a device: Linux's uevent text (`lib/kobject_uevent.c`), and where in
//! /sys a device is.

use ochre_driver::native;
use std::os::fd::{AsFd, OwnedFd};

/// What kind of device node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsystem {
    Drm,
    Input,
}

impl Subsystem {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Subsystem::Drm => "drm",
            Subsystem::Input => "input",
        }
    }

    /// The path in /sys of the device whose node is called `node` (`card0`, `event3`) and which
    /// the unit `owner` serves.
    #[must_use]
    pub fn device_path(self, owner: &str, node: &str) -> String {
        let parent = parent_path(owner);
        match self {
            Subsystem::Drm => format!("{parent}/drm/{node}"),
            Subsystem::Input => {
                // Linux has two devices for one: what sends events, and how they are read.
                let number = node.trim_start_matches("event");
                format!("{parent}/input/input{number}/{node}")
            }
        }
    }
}

/// The path in /sys of the device that the unit `owner` drives: a function of the PCI bus if it is
/// called `NAME@BB:DD.F`, else a part of the machine.
#[must_use]
pub fn parent_path(owner: &str) -> String {
    match owner.split_once('@') {
        Some((_, place)) => pci_path(place),
        None if owner.is_empty() => "/devices/virtual".into(),
        None => format!("/devices/platform/{owner}"),
    }
}

/// The path in /sys of the PCI function at `BB:DD.F`.
#[must_use]
pub fn pci_path(place: &str) -> String {
    let bus = place.split(':').next().unwrap_or_default();
    format!("/devices/pci0000:{bus}/0000:{place}")
}

/// A device node, as its events name it.
#[derive(Clone, Debug)]
pub struct DeviceName {
    pub subsystem: Subsystem,
    /// Relative to /dev.
    pub node: String,
    pub major: u32,
    pub minor: u32,
}

impl DeviceName {
    /// Tells all listeners of `action` (`add`, `change`); `more` are further `KEY=value` pairs. A
    /// failure is reported: nobody but the listeners depends on it.
    pub fn announce(&self, server: &OwnedFd, action: &str, more: &[&str]) {
        let text = self.text(&native::unit(), action, more);
        if let Err(error) = native::uevent(server.as_fd(), text.as_bytes()) {
            eprintln!("display: device event: {error}");
        }
    }

    fn text(&self, owner: &str, action: &str, more: &[&str]) -> String {
        let name = self.node.rsplit('/').next().unwrap_or_default();
        let path = self.subsystem.device_path(owner, name);
        let mut text = format!("{action}@{path}\0ACTION={action}\0DEVPATH={path}\0");
        text += &format!(
            "SUBSYSTEM={}\0DEVNAME={}\0",
            self.subsystem.name(),
            self.node
        );
        text += &format!("MAJOR={}\0MINOR={}\0", self.major, self.minor);
        for pair in more {
            text += pair;
            text.push('\0');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_linux_s() {
        let name = DeviceName {
            subsystem: Subsystem::Drm,
            node: "dri/card0".into(),
            major: 226,
            minor: 0,
        };
        let text = name.text("bochs@00:02.0", "change", &["HOTPLUG=1"]);
        let path = "/devices/pci0000:00/0000:00:02.0/drm/card0";
        assert!(
            text.starts_with(&format!("change@{path}\0ACTION=change\0DEVPATH={path}\0")),
            "{text:?}"
        );
        assert!(text.ends_with("\0HOTPLUG=1\0"), "{text:?}");
    }

    #[test]
    fn a_device_is_below_what_its_driver_drives() {
        assert_eq!(
            Subsystem::Input.device_path("ps2", "event1"),
            "/devices/platform/ps2/input/input1/event1"
        );
        assert_eq!(parent_path(""), "/devices/virtual");
    }
}
