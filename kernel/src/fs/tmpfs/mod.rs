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
mod options;
mod xattr;

pub use data::{FileData, Seals};
pub use file::TmpFile;
pub use inode::TmpInode;
pub use options::Options;

use crate::errno::Result;
use crate::fs::node::{DeviceNumber, NewKind, NewNode, Node, NodeKind};
use crate::mm::allowance::{Allowance, UNLIMITED};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// One instance: what its inodes share.
pub struct Tmpfs {
    dev: DeviceNumber,
    next_ino: AtomicU64,
    /// Pages of its files.
    pages: Arc<Allowance>,
    /// Inodes, and names beyond an inode's first.
    inodes: Allowance,
}

/// Pages of RAM: a number that stays.
fn ram() -> u64 {
    ochre_hal::frame::stats().total as u64
}

impl Tmpfs {
    fn new(dev: DeviceNumber, pages: u64, inodes: u64) -> Arc<Tmpfs> {
        Arc::new(Tmpfs {
            dev,
            next_ino: AtomicU64::new(1),
            pages: Arc::new(Allowance::new(pages)),
            inodes: Allowance::new(inodes),
        })
    }

    fn next_device() -> DeviceNumber {
        static NEXT_MINOR: AtomicU32 = AtomicU32::new(20);
        DeviceNumber::new(0, NEXT_MINOR.fetch_add(1, Ordering::Relaxed))
    }

    /// A new instance that is bounded by memory alone; returns its root directory, with `mode` for
    /// permissions.
    pub fn root(mode: u32) -> Result<Arc<Node>> {
        let fs = Tmpfs::new(Tmpfs::next_device(), ram(), UNLIMITED);
        fs.make(&NewNode {
            what: NewKind::Directory,
            mode,
            uid: 0,
            gid: 0,
        })
    }

    /// A new instance as mount(2) makes it: within half of the memory unless it says otherwise.
    pub fn mounted(options: &str) -> Result<Arc<Node>> {
        let options = Options::parse(options, ram())?;
        let half = ram() / 2;
        let fs = Tmpfs::new(
            Tmpfs::next_device(),
            options.size.unwrap_or(half),
            options.inodes.unwrap_or(half),
        );
        fs.make(&NewNode {
            what: NewKind::Directory,
            mode: options.mode.unwrap_or(0o1777),
            uid: options.uid.unwrap_or(0),
            gid: options.gid.unwrap_or(0),
        })
    }

    /// The instance of memfds: mounted nowhere, without limits.
    fn nameless() -> Arc<Tmpfs> {
        Tmpfs::new(DeviceNumber::new(0, 2), UNLIMITED, UNLIMITED)
    }

    /// Changes the limits of the instance whose root `node` is: a remount. Others have none.
    pub fn remount(node: &Node, options: &str) -> Result {
        let Some(inode) = node.downcast::<TmpInode>() else {
            return Ok(());
        };
        let options = Options::parse(options, ram())?;
        let fs = inode.fs();
        if let Some(size) = options.size {
            fs.pages.set_limit(size)?;
        }
        if let Some(inodes) = options.inodes {
            fs.inodes.set_limit(inodes)?;
        }
        Ok(())
    }

    fn make(self: &Arc<Self>, new: &NewNode<'_>) -> Result<Arc<Node>> {
        let kind: NodeKind = new.what.kind();
        let inode = TmpInode::new(self.clone(), new)?;
        Ok(Node::new(kind, inode))
    }

    fn next_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }
}
