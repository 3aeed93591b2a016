//! /proc and /sys: the part that programs read, made from the kernel's own state.
//!
//! Fixed names are a tree built at boot ([`tree`]); processes are looked up by number
//! ([`process`]). Contents are made when a file is read from its start ([`text`]), or, where they may be
//! long, part by part ([`rows`]).

mod fd;
mod interrupts;
mod locks;
mod maps;
mod meminfo;
mod memory;
mod mounts;
mod namespaces;
mod net;
mod objects;
pub mod process;
mod processors;
mod rows;
mod status;
mod sys;
mod sysctl;
mod system;
mod text;
mod tree;
mod vulnerabilities;

use crate::errno::{Errno, Result};
use crate::fs::node::{
    AttributeChange, Attributes, DeviceNumber, DirEntry, Inode, Node, NodeKind, StatFs, Timestamp,
};
use crate::linux::general as raw;
use crate::sched;
use crate::task::trace::calls::By;
use crate::task::trace::calls::Target;
use crate::task::{self, trace};
use alloc::sync::Arc;
use core::any::Any;

const DEVICE: DeviceNumber = DeviceNumber::new(0, 4);

/// What stat shows of a node made up on the spot.
fn attributes(ino: u64, kind: NodeKind, mode: u32, uid: u32, gid: u32) -> Attributes {
    let now = Timestamp::now();
    Attributes {
        dev: DEVICE,
        ino,
        mode: kind.mode_bits() | mode,
        nlink: if kind.is_dir() { 2 } else { 1 },
        uid,
        gid,
        rdev: DeviceNumber::default(),
        size: 0,
        blocks: 0,
        block_size: 1024,
        atime: now,
        mtime: now,
        ctime: now,
        btime: now,
    }
}

/// A made-up file's attributes are as they are; but shells open with O_TRUNC what they write to.
fn change_attributes(change: &AttributeChange) -> Result {
    if change.size == Some(0) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

fn stat_fs() -> StatFs {
    StatFs {
        kind: u64::from(raw::PROC_SUPER_MAGIC),
        block_size: 4096,
        name_max: 255,
        fsid: DEVICE.0,
        ..StatFs::default()
    }
}

/// What `take` has of `process`, if who asks may look into that: EACCES else.
fn access<'a, T>(of: impl Into<Target<'a>>, take: impl FnOnce() -> Result<T>) -> Result<T> {
    let taken = trace::calls::access(&sched::current(), of, By::Fs, || Ok(take()));
    taken.map_err(|_| Errno::EACCES)?
}

/// A number in a directory's name.
fn number(name: &[u8]) -> Option<u32> {
    if name.len() > 1 && name[0] == b'0' {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

/// /proc itself: the fixed names, then the processes.
struct Root {
    fixed: Arc<Node>,
}

/// Positions of processes begin here: after all fixed names.
const FIRST_PROCESS: u64 = 1 << 16;

impl Inode for Root {
    fn attributes(&self) -> Result<Attributes> {
        Ok(attributes(1, NodeKind::Directory, 0o555, 0, 0))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        match number(name) {
            Some(pid) => {
                // Threads can be named, too; they are just not listed.
                let process = task::tree::process(pid)
                    .or_else(|| task::tree::thread(pid).map(|thread| thread.process().clone()));
                process::directory(&process.ok_or(Errno::ENOENT)?, None)
            }
            None => self.fixed.inode().lookup(name),
        }
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let mut more = true;
        if from < FIRST_PROCESS {
            self.fixed.inode().read_dir(from, &mut |entry| {
                more = emit(entry);
                more
            })?;
        }
        let first = from.saturating_sub(FIRST_PROCESS);
        for process in task::tree::processes() {
            let pid = u64::from(process.pid);
            if !more {
                break;
            }
            if pid < first {
                continue;
            }
            let name = alloc::format!("{pid}");
            more = emit(DirEntry {
                ino: process::ino(process.pid, 0),
                kind: NodeKind::Directory,
                name: name.as_bytes(),
                next: FIRST_PROCESS + pid + 1,
            });
        }
        Ok(())
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(stat_fs())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The root of /proc.
#[must_use]
pub fn root() -> Arc<Node> {
    let mut tree = tree::Tree::new();
    system::fill(&mut tree);
    objects::fill(&mut tree);
    tree.link("self", || {
        alloc::format!("{}", sched::current().process().pid).into_bytes()
    });
    tree.link("thread-self", || {
        let thread = sched::current();
        alloc::format!("{}/task/{}", thread.process().pid, thread.tid()).into_bytes()
    });
    tree.link("mounts", || b"self/mounts".to_vec());
    tree.link("net", || b"self/net".to_vec());
    Node::new(
        NodeKind::Directory,
        Root {
            fixed: tree.build(),
        },
    )
}

/// The root of /sys.
#[must_use]
pub fn sys_root() -> Arc<Node> {
    let mut tree = tree::Tree::new();
    sys::fill(&mut tree);
    tree.build()
}
