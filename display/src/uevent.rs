//! What listeners are told of a device: Linux's uevent text (`lib/kobject_uevent.c`).

use ochre_driver::native;
use std::os::fd::{AsFd, OwnedFd};

/// A device node, as its events name it.
#[derive(Clone, Debug)]
pub struct DeviceName {
    /// `drm` or `input`.
    pub subsystem: &'static str,
    /// Relative to /dev.
    pub node: String,
    pub major: u32,
    pub minor: u32,
}

impl DeviceName {
    /// Tells all listeners of `action` (`add`, `change`); `more` are further `KEY=value` pairs. A
    /// failure is reported: nobody but the listeners depends on it.
    pub fn announce(&self, server: &OwnedFd, action: &str, more: &[&str]) {
        let text = self.text(action, more);
        if let Err(error) = native::uevent(server.as_fd(), text.as_bytes()) {
            eprintln!("display: device event: {error}");
        }
    }

    fn text(&self, action: &str, more: &[&str]) -> String {
        let name = self.node.rsplit('/').next().unwrap_or_default();
        let path = format!("/devices/virtual/{}/{name}", self.subsystem);
        let mut text = format!("{action}@{path}\0ACTION={action}\0DEVPATH={path}\0");
        text += &format!("SUBSYSTEM={}\0DEVNAME={}\0", self.subsystem, self.node);
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
            subsystem: "drm",
            node: "dri/card0".into(),
            major: 226,
            minor: 0,
        };
        let text = name.text("change", &["HOTPLUG=1"]);
        assert!(
            text.starts_with("change@/devices/virtual/drm/card0\0ACTION=change\0"),
            "{text:?}"
        );
        assert!(text.ends_with("\0HOTPLUG=1\0"), "{text:?}");
    }
}
