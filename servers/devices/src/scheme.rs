//! /sys as a scheme.

use crate::tree::{Node, Tree, number};
use ochre_abi::scheme::{Attr, StatFs};
use ochre_driver::scheme::{Entry, directory, regular, symlink};
use ochre_driver::{Caller, Errno, Opened, Result, Scheme, native};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// SYSFS_MAGIC: what libudev takes for /sys.
const MAGIC: u64 = 0x6265_6572;
/// What every attribute's size is, whatever it says.
const ATTRIBUTE_SIZE: u64 = 4096;
const DT_DIR: u8 = 4;
const DT_REG: u8 = 8;
const DT_LNK: u8 = 10;
const WRITE_ONLY_OR_BOTH: u32 = 3;
/// The file that tells a device's event again when an action is written to it.
const UEVENT: &str = "/uevent";
const ACTIONS: [&str; 7] = [
    "add", "remove", "change", "move", "online", "offline", "bind",
];

/// An attribute as it was when it was opened.
struct Open {
    path: String,
    content: Arc<[u8]>,
}

/// See the module's header.
pub struct Sysfs {
    tree: Arc<Mutex<Tree>>,
    /// The server's descriptor, for events.
    server: OwnedFd,
    open: RefCell<(u64, BTreeMap<u64, Open>)>,
}

impl Sysfs {
    pub fn new(tree: Arc<Mutex<Tree>>, server: OwnedFd) -> Sysfs {
        Sysfs {
            tree,
            server,
            open: RefCell::default(),
        }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event of the device whose `uevent` file is at `path`.
    fn event(&self, path: &str, action: &str) -> Result<String> {
        let device = path.strip_suffix(UEVENT).ok_or(Errno::ACCESS)?;
        let tree = self.tree();
        let subsystem = match tree.at(&format!("{device}/subsystem")) {
            Some(Node::Link(target)) => target.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => return Err(Errno::NODEV),
        };
        let mut text = format!("{action}@{device}\0ACTION={action}\0DEVPATH={device}\0");
        text += &format!("SUBSYSTEM={subsystem}\0SYNTH_UUID=0\0");
        if let Some(Node::Attribute(pairs)) = tree.at(path) {
            text += &String::from_utf8_lossy(pairs).replace('\n', "\0");
        }
        Ok(text)
    }
}

fn attributes(path: &str, node: &Node) -> Attr {
    let id = number(path);
    match node {
        Node::Directory(_) => Attr {
            mode: 0o040_755,
            ..directory(id)
        },
        Node::Attribute(_) if path.ends_with(UEVENT) => regular(id, ATTRIBUTE_SIZE, 0o644),
        Node::Attribute(_) => regular(id, ATTRIBUTE_SIZE, 0o444),
        Node::Link(target) => symlink(id, target),
    }
}

impl Scheme for Sysfs {
    async fn lookup(&self, dir: u64, name: &str) -> Result<Attr> {
        let tree = self.tree();
        let (path, node) = tree.get(dir).ok_or(Errno::NOENT)?;
        if !matches!(node, Node::Directory(_)) {
            return Err(Errno::NOTDIR);
        }
        let path = format!("{path}/{name}");
        let node = tree.at(&path).ok_or(Errno::NOENT)?;
        Ok(attributes(&path, node))
    }

    async fn getattr(&self, node: u64) -> Result<Attr> {
        let tree = self.tree();
        let (path, node) = tree.get(node).ok_or(Errno::NOENT)?;
        Ok(attributes(path, node))
    }

    async fn readdir(&self, dir: u64) -> Result<Vec<Entry>> {
        let tree = self.tree();
        let (path, node) = tree.get(dir).ok_or(Errno::NOENT)?;
        let Node::Directory(names) = node else {
            return Err(Errno::NOTDIR);
        };
        let entries = names.iter().filter_map(|name| {
            let path = format!("{path}/{name}");
            let kind = match tree.at(&path)? {
                Node::Directory(_) => DT_DIR,
                Node::Attribute(_) => DT_REG,
                Node::Link(_) => DT_LNK,
            };
            Some(Entry {
                node: number(&path),
                kind,
                name: name.clone(),
            })
        });
        Ok(entries.collect())
    }

    async fn readlink(&self, node: u64) -> Result<String> {
        match self.tree().get(node).ok_or(Errno::NOENT)?.1 {
            Node::Link(target) => Ok(target.clone()),
            _ => Err(Errno::INVAL),
        }
    }

    async fn open(&self, caller: Caller, node: u64, flags: u32) -> Result<Opened> {
        let tree = self.tree();
        let (path, node) = tree.get(node).ok_or(Errno::NOENT)?;
        let Node::Attribute(content) = node else {
            return Err(Errno::NODEV);
        };
        if flags & WRITE_ONLY_OR_BOTH != 0 && (caller.uid != 0 || !path.ends_with(UEVENT)) {
            return Err(Errno::ACCESS);
        }
        let (last, open) = &mut *self.open.borrow_mut();
        *last += 1;
        let file = Open {
            path: path.into(),
            content: content.clone(),
        };
        open.insert(*last, file);
        Ok(Opened {
            file: *last,
            level: 0x5,
        })
    }

    fn close(&self, file: u64) {
        self.open.borrow_mut().1.remove(&file);
    }

    async fn read(&self, file: u64, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let open = self.open.borrow();
        let content = &open.1.get(&file).ok_or(Errno::BADF)?.content;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = content.get(start..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    async fn write(&self, file: u64, _offset: u64, data: &[u8]) -> Result<usize> {
        let path = {
            let open = self.open.borrow();
            open.1.get(&file).ok_or(Errno::BADF)?.path.clone()
        };
        let text = std::str::from_utf8(data).map_err(|_| Errno::INVAL)?;
        // A UUID and further pairs may follow, which only mark the event as this writer's.
        let action = text.split_whitespace().next().unwrap_or_default();
        if !ACTIONS.contains(&action) {
            return Err(Errno::INVAL);
        }
        let event = self.event(&path, action)?;
        native::uevent(self.server.as_fd(), event.as_bytes())?;
        Ok(data.len())
    }

    async fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs {
            magic: MAGIC,
            block_size: 4096,
            name_max: 255,
            ..StatFs::default()
        })
    }
}
