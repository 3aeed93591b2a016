//! Objects without a name in any directory: pipes, sockets, eventfds, memfds. They share a device
//! number and draw inode numbers from one counter.

use crate::errno::Result;
use crate::file::File;
use crate::fs::node::{
    AttributeChange, Attributes, DeviceNumber, Inode, Node, NodeKind, OpenFlags, Timestamp,
};
use crate::fs::open::OpenFile;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

/// `st_dev` of unnamed objects.
pub const DEVICE: DeviceNumber = DeviceNumber::new(0, 1);

/// A number for a new object.
#[must_use]
pub fn next_ino() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What fstat shows of an anonymous inode; `mode` with its type bits, which may be none.
#[must_use]
pub fn attributes(mode: u32) -> Attributes {
    attributes_of(1, mode, Timestamp(0))
}

/// What fstat shows of the unnamed object `ino`.
#[must_use]
pub fn attributes_of(ino: u64, mode: u32, time: Timestamp) -> Attributes {
    Attributes {
        dev: DEVICE,
        ino,
        mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: DeviceNumber::default(),
        size: 0,
        blocks: 0,
        block_size: 4096,
        atime: time,
        mtime: time,
        ctime: time,
        btime: time,
    }
}

struct Unnamed {
    kind: NodeKind,
    ino: u64,
}

impl Inode for Unnamed {
    fn attributes(&self) -> Result<Attributes> {
        Ok(attributes_of(
            self.ino,
            self.kind.mode_bits() | 0o600,
            Timestamp(0),
        ))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A node for an object that needs one without having a name.
#[must_use]
pub fn node(kind: NodeKind) -> Arc<Node> {
    Node::new(
        kind,
        Unnamed {
            kind,
            ino: next_ino(),
        },
    )
}

/// The node of an open object, for those who reach it through /proc/PID/fd.
struct Reopened {
    open: Arc<OpenFile>,
}

/// The node of a socket, which can't be opened anew. It does not keep the socket: a place in its own
/// queue would, for ever.
struct Socket(Attributes);

impl Inode for Socket {
    fn attributes(&self) -> Result<Attributes> {
        Ok(self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Inode for Reopened {
    fn attributes(&self) -> Result<Attributes> {
        self.open.attributes()
    }

    fn open(&self, _node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        self.open.file().reopen(flags)
    }

    fn serves_devices(&self) -> bool {
        true
    }

    fn set_attributes(&self, change: &AttributeChange) -> Result {
        match self.open.file().node() {
            Some(node) => node.inode().set_attributes(change),
            None => Err(crate::errno::Errno::EPERM),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The node through which `open`'s object is opened anew.
#[must_use]
pub fn reopened(open: &Arc<OpenFile>) -> Arc<Node> {
    let attributes = open.attributes();
    let mode = attributes.as_ref().map_or(0, |attributes| attributes.mode);
    let kind = NodeKind::from_mode(mode).unwrap_or(NodeKind::CharDevice);
    if let (NodeKind::Socket, Ok(attributes)) = (kind, attributes) {
        return Node::new(kind, Socket(attributes));
    }
    Node::new(kind, Reopened { open: open.clone() })
}

/// The node of the file itself, where `node` is one by which a file without a name is opened anew.
#[must_use]
pub fn underlying(node: &Arc<Node>) -> Arc<Node> {
    node.downcast::<Reopened>()
        .and_then(|reopened| reopened.open.file().node())
        .unwrap_or_else(|| node.clone())
}
