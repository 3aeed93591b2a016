//! A device, as /sys and udev tell of it.

use crate::tree::Tree;
use std::fmt::Write;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// Where a subsystem lists its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// `/sys/class/NAME`.
    Class,
    /// `/sys/bus/NAME/devices`.
    Bus,
}

/// A node in /dev.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceNode {
    /// Relative to /dev.
    pub name: String,
    pub major: u32,
    pub minor: u32,
}

/// What tells a device from others with the same node, by what that node is: where it is served,
/// and since when.
#[must_use]
pub fn instance(node: &Metadata) -> String {
    let (seconds, rest) = (node.ctime(), node.ctime_nsec());
    format!("{}-{seconds}.{rest:09}", node.dev())
}

/// `KEY` and value.
pub type Pair = (String, String);

/// See the module's header.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Relative to /sys.
    pub path: String,
    pub subsystem: &'static str,
    pub home: Home,
    pub node: Option<DeviceNode>,
    /// What the kernel says of it: the contents of `uevent`, after the node.
    pub facts: Vec<Pair>,
    /// Files by their names in the device's directory.
    pub attributes: Vec<(String, Arc<[u8]>)>,
    /// What `device` leads to: the device that it is an aspect of.
    pub parent: Option<String>,
    /// What udev's rules find out.
    pub properties: Vec<Pair>,
    /// Which it is of the devices that were there in turn and are alike in all else.
    pub instance: String,
}

impl Device {
    #[must_use]
    pub fn new(path: String, subsystem: &'static str, home: Home) -> Device {
        Device {
            path,
            subsystem,
            home,
            node: None,
            facts: Vec::new(),
            attributes: Vec::new(),
            parent: None,
            properties: Vec::new(),
            instance: String::new(),
        }
    }

    /// The last part of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub fn fact(&mut self, key: &str, value: impl Into<String>) {
        self.facts.push((key.into(), value.into()));
    }

    pub fn property(&mut self, key: &str, value: impl Into<String>) {
        self.properties.push((key.into(), value.into()));
    }

    /// An attribute of one line.
    pub fn line(&mut self, name: &str, text: &str) {
        let content = format!("{text}\n").into_bytes();
        self.attributes.push((name.into(), content.into()));
    }

    /// All that the kernel says of it.
    #[must_use]
    pub fn kernel_pairs(&self) -> Vec<Pair> {
        let node = self.node.iter().flat_map(|node| {
            [
                ("MAJOR".to_string(), node.major.to_string()),
                ("MINOR".to_string(), node.minor.to_string()),
                ("DEVNAME".to_string(), node.name.clone()),
            ]
        });
        node.chain(self.facts.iter().cloned()).collect()
    }

    /// Where its subsystem lists it.
    fn listed_at(&self) -> String {
        let (subsystem, name) = (self.subsystem, self.name());
        match self.home {
            Home::Class => format!("/class/{subsystem}/{name}"),
            Home::Bus => format!("/bus/{subsystem}/devices/{name}"),
        }
    }

    fn listed_by_number(&self) -> Option<String> {
        let node = self.node.as_ref()?;
        Some(format!("/dev/char/{}:{}", node.major, node.minor))
    }

    /// Puts it into the tree.
    pub fn show(&self, tree: &mut Tree) {
        let path = &self.path;
        let mut uevent = String::new();
        for (key, value) in self.kernel_pairs() {
            // A String takes all that is written to it.
            let _ = writeln!(uevent, "{key}={value}");
        }
        tree.attribute(&format!("{path}/uevent"), uevent.into_bytes());
        let subsystem = match self.home {
            Home::Class => format!("/class/{}", self.subsystem),
            Home::Bus => format!("/bus/{}", self.subsystem),
        };
        tree.link(&format!("{path}/subsystem"), &subsystem);
        tree.link(&self.listed_at(), path);
        if let (Some(node), Some(listed)) = (&self.node, self.listed_by_number()) {
            let number = format!("{}:{}\n", node.major, node.minor);
            tree.attribute(&format!("{path}/dev"), number.into_bytes());
            tree.link(&listed, path);
        }
        if let Some(parent) = &self.parent {
            tree.link(&format!("{path}/device"), parent);
        }
        for (name, content) in &self.attributes {
            tree.attribute(&format!("{path}/{name}"), content.clone());
        }
    }

    /// Takes it out of the tree, with what is below it.
    pub fn hide(&self, tree: &mut Tree) {
        tree.remove(&self.listed_at());
        if let Some(listed) = self.listed_by_number() {
            tree.remove(&listed);
        }
        tree.remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;

    #[test]
    fn a_device_is_found_from_everywhere_and_leaves_nothing() {
        let mut device = Device::new("/devices/x/event0".into(), "input", Home::Class);
        device.node = Some(DeviceNode {
            name: "input/event0".into(),
            major: 13,
            minor: 64,
        });
        let mut tree = Tree::default();
        device.show(&mut tree);
        let uevent = b"MAJOR=13\nMINOR=64\nDEVNAME=input/event0\n";
        assert_eq!(
            tree.at("/devices/x/event0/uevent"),
            Some(&Node::Attribute(Arc::from(*uevent)))
        );
        for link in ["/class/input/event0", "/dev/char/13:64"] {
            let target = Node::Link("../../devices/x/event0".into());
            assert_eq!(tree.at(link), Some(&target));
        }
        device.hide(&mut tree);
        assert_eq!(tree.at("/class/input"), Some(&Node::Directory([].into())));
        assert_eq!(tree.at("/dev/char/13:64"), None);
        assert_eq!(tree.at("/devices/x/event0/dev"), None);
    }
}
