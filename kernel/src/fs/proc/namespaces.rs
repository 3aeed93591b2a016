//! /proc/PID/ns: the namespaces that a process is in, as files that can be compared by their numbers.
//! Of all kinds but that of mounts there is one.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::context::FsContext;
use crate::fs::namespace::Path;
use crate::fs::node::{Attributes, DeviceNumber, Inode, Node, NodeKind, OpenFlags, StatFs};
use crate::fs::unnamed;
use crate::linux::general as raw;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;

/// `st_dev` of them all.
const DEVICE: DeviceNumber = DeviceNumber::new(0, 5);
/// What statfs says of them (NSFS_MAGIC).
const MAGIC: u64 = 0x6e73_6673;
/// ioctl_ns(2): which kind it is.
const NS_GET_NSTYPE: u32 = 0xb703;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cgroup,
    Ipc,
    Mount,
    Net,
    Pid,
    Time,
    User,
    Uts,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Cgroup => "cgroup",
            Kind::Ipc => "ipc",
            Kind::Mount => "mnt",
            Kind::Net => "net",
            Kind::Pid => "pid",
            Kind::Time => "time",
            Kind::User => "user",
            Kind::Uts => "uts",
        }
    }

    /// The flag by which clone makes a new one.
    fn flag(self) -> u32 {
        match self {
            Kind::Cgroup => raw::CLONE_NEWCGROUP,
            Kind::Ipc => raw::CLONE_NEWIPC,
            Kind::Mount => raw::CLONE_NEWNS,
            Kind::Net => raw::CLONE_NEWNET,
            Kind::Pid => raw::CLONE_NEWPID,
            Kind::Time => raw::CLONE_NEWTIME,
            Kind::User => raw::CLONE_NEWUSER,
            Kind::Uts => raw::CLONE_NEWUTS,
        }
    }

    /// The number of the one that somebody with these directories is in; where there is but one, Linux's.
    fn number(self, fs: Option<&FsContext>) -> Result<u64> {
        Ok(match self {
            Kind::Mount => fs.ok_or(Errno::ENOENT)?.view().namespace.number(),
            Kind::Net => 0xf000_0000,
            Kind::Ipc => 0xefff_ffff,
            Kind::Uts => 0xefff_fffe,
            Kind::User => 0xefff_fffd,
            Kind::Pid => 0xefff_fffc,
            Kind::Cgroup => 0xefff_fffb,
            Kind::Time => 0xefff_fffa,
        })
    }

    /// What the link says.
    pub fn text(self, fs: Option<&FsContext>) -> Result<String> {
        Ok(format!("{}:[{}]", self.name(), self.number(fs)?))
    }

    /// Where it leads.
    pub fn place(self, fs: Option<&FsContext>) -> Result<Path> {
        let number = self.number(fs)?;
        let node = Node::new(NodeKind::Regular, Namespace { kind: self, number });
        Ok(Path::unnamed(node, self.text(fs)?.as_bytes()))
    }
}

#[derive(Clone, Copy)]
struct Namespace {
    kind: Kind,
    number: u64,
}

impl Inode for Namespace {
    fn attributes(&self) -> Result<Attributes> {
        let mode = NodeKind::Regular.mode_bits() | 0o444;
        let base = unnamed::attributes_of(self.number, mode, crate::fs::node::Timestamp::now());
        Ok(Attributes {
            dev: DEVICE,
            ..base
        })
    }

    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        if flags.writes() {
            return Err(Errno::EPERM);
        }
        Ok(Arc::new(NamespaceFile(node.clone(), *self)))
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(StatFs {
            kind: MAGIC,
            block_size: 4096,
            name_max: 255,
            ..StatFs::default()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// There is nothing to read.
struct NamespaceFile(Arc<Node>, Namespace);

impl File for NamespaceFile {
    fn ioctl(&self, cmd: u32, _arg: usize) -> Result<usize> {
        match cmd {
            NS_GET_NSTYPE => Ok(self.1.kind.flag() as usize),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.0.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
