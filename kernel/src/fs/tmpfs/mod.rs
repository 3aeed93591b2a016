//! The built-in file system: everything in memory. /, /tmp, /dev and memfds are tmpfs; the boot
//! archive is unpacked into one.
//!
//! A file's bytes are the pages of a [`MemoryObject`](crate::mm::object::MemoryObject)
//! ([`data`]), shared with every mapping. Directories are ordered by a hash of the name
//! ([`directory`]), which is also the position that readers go on from.
//!
//! Locks: a directory's entries are one spinlock; two directories are locked in the order of
//! their inode numbers. Attributes are a leaf spinlock. File contents need none to be read; writers
//! and changes of size hold the file's sleeping mutex.

pub mod data;
mod directory;
mod file;
mod hash;
mod inode;
mod xattr;

pub use data::{FileData, Seals};
pub use file::TmpFile;
pub use inode::TmpInode;

use crate::fs::node::{DeviceNumber, NewKind, NewNode, Node, NodeKind};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// One instance: what its inodes share.
pub struct Tmpfs {
    dev: DeviceNumber,
    next_ino: AtomicU64,
    files: AtomicU64,
}

impl Tmpfs {
    /// A new instance; returns its root directory, with `mode` for permissions.
    #[must_use]
    pub fn root(mode: u32) -> Arc<Node> {
        static NEXT_MINOR: AtomicU32 = AtomicU32::new(20);
        let minor = NEXT_MINOR.fetch_add(1, Ordering::Relaxed);
        let fs = Arc::new(Tmpfs {
            dev: DeviceNumber::new(0, minor),
            next_ino: AtomicU64::new(1),
            files: AtomicU64::new(0),
        });
        fs.make(&NewNode {
            what: NewKind::Directory,
            mode,
            uid: 0,
            gid: 0,
        })
    }

    fn make(self: &Arc<Self>, new: &NewNode<'_>) -> Arc<Node> {
        let kind: NodeKind = new.what.kind();
        let inode = TmpInode::new(self.clone(), new);
        Node::new(kind, inode)
    }

    fn next_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }
}
