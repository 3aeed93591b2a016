//! Who may do what with a node: POSIX permission bits and the capabilities that override them.

use crate::errno::{Errno, Result};
use crate::fs::landlock::Domain;
use crate::fs::node::{Attributes, Node, NodeKind};
use crate::linux::general as raw;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;

bitflags! {
    /// A wish, in the bits of access(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Access: u32 {
        const EXEC = 1;
        const WRITE = 2;
        const READ = 4;
    }
}

/// Whom a file operation is done for: a snapshot of the caller's file system credentials.
#[derive(Clone)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Arc<Vec<u32>>,
    /// CAP_DAC_OVERRIDE.
    pub overrides: bool,
    /// CAP_DAC_READ_SEARCH.
    pub reads_all: bool,
    /// CAP_FOWNER: acts as the owner of every file.
    pub owns_all: bool,
    /// CAP_CHOWN.
    pub chowns: bool,
    /// CAP_FSETID.
    pub keeps_set_id: bool,
    /// CAP_MKNOD.
    pub makes_devices: bool,
    /// What the caller's thread gave up.
    pub domain: Option<Arc<Domain>>,
}

impl Identity {
    /// The kernel's own: may do all.
    #[must_use]
    pub fn kernel() -> Identity {
        Identity {
            uid: 0,
            gid: 0,
            groups: Arc::new(Vec::new()),
            overrides: true,
            reads_all: true,
            owns_all: true,
            chowns: true,
            keeps_set_id: true,
            makes_devices: true,
            domain: None,
        }
    }

    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    #[must_use]
    pub fn owns(&self, attributes: &Attributes) -> bool {
        self.owns_all || self.uid == attributes.uid
    }

    /// EACCES unless `wish` is granted on a node with these attributes.
    pub fn check(&self, attributes: &Attributes, wish: Access) -> Result {
        let bits = if self.uid == attributes.uid {
            attributes.mode >> 6
        } else if self.in_group(attributes.gid) {
            attributes.mode >> 3
        } else {
            attributes.mode
        };
        if wish.bits() & !bits == 0 {
            return Ok(());
        }
        let is_dir = attributes.mode & raw::S_IFMT == raw::S_IFDIR;
        // Even root executes only what somebody may execute.
        let executable = is_dir || attributes.mode & 0o111 != 0;
        if self.overrides && (!wish.contains(Access::EXEC) || executable) {
            return Ok(());
        }
        let harmless = if is_dir {
            Access::READ | Access::EXEC
        } else {
            Access::READ
        };
        if self.reads_all && harmless.contains(wish) {
            return Ok(());
        }
        Err(Errno::EACCES)
    }

    /// EACCES unless the directory may be searched. Asks the file system only when it matters.
    pub fn check_search(&self, node: &Node) -> Result {
        if self.overrides || self.reads_all {
            return Ok(());
        }
        self.check(&node.attributes()?, Access::EXEC)
    }

    pub fn check_node(&self, node: &Node, wish: Access) -> Result {
        if wish.is_empty() || (self.overrides && (!wish.contains(Access::EXEC) || node.is_dir())) {
            return Ok(());
        }
        self.check(&node.attributes()?, wish)
    }

    /// Whether the name of `child` in `dir` may be taken away: write and search permission, and
    /// in a sticky directory ownership of one of both.
    pub fn check_delete(&self, dir: &Node, child: &Node) -> Result {
        self.check_node(dir, Access::WRITE | Access::EXEC)?;
        if self.owns_all {
            return Ok(());
        }
        let attributes = dir.attributes()?;
        if attributes.mode & raw::S_ISVTX != 0
            && self.uid != attributes.uid
            && self.uid != child.attributes()?.uid
        {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// The mode, owner and group of a node made in `dir` (set-group-ID directories hand their
    /// group on).
    pub fn for_new(&self, dir: &Node, kind: NodeKind, mode: u32) -> Result<(u32, u32, u32)> {
        let parent = dir.attributes()?;
        let mut mode = mode & 0o7777;
        let gid = if parent.mode & raw::S_ISGID != 0 {
            if kind.is_dir() {
                mode |= raw::S_ISGID;
            }
            parent.gid
        } else {
            self.gid
        };
        Ok((mode, self.uid, gid))
    }
}
