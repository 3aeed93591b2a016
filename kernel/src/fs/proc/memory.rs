//! /proc/PID/mem: a process's memory, for who may trace it.

use super::{access, attributes};
use crate::errno::{Errno, Result};
use crate::file::{File, Io};
use crate::fs::node::{AttributeChange, Attributes, Inode, Node, NodeKind, OpenFlags, StatFs};
use crate::mm::remote;
use crate::mm::space::AddressSpace;
use crate::sched::cpu;
use crate::task::process::Process;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use core::any::Any;
use ochre_hal::PAGE_SIZE;

/// The name's target.
pub struct Memory {
    pub process: Arc<Process>,
    pub ino: u64,
    pub owner: (u32, u32),
}

impl Inode for Memory {
    fn attributes(&self) -> Result<Attributes> {
        let (uid, gid) = self.owner;
        Ok(attributes(self.ino, NodeKind::Regular, 0o600, uid, gid))
    }

    fn set_attributes(&self, change: &AttributeChange) -> Result {
        super::change_attributes(change)
    }

    fn open(&self, node: &Arc<Node>, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(Arc::new(MemoryFile {
            node: node.clone(),
            space: access(&self.process, || Ok(self.process.space()))?,
        }))
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(super::stat_fs())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The memory that the process had when this was opened; what it executes later has another.
struct MemoryFile {
    node: Arc<Node>,
    space: Option<Arc<AddressSpace>>,
}

impl MemoryFile {
    /// None when nobody lives in it any more.
    fn space(&self) -> Option<&Arc<AddressSpace>> {
        self.space.as_ref().filter(|space| space.user_count() > 0)
    }

    /// Moves up to `len` bytes at `offset`, a page's at a time; the error when there are none.
    fn by_pages(
        offset: u64,
        len: usize,
        mut part: impl FnMut(usize, &mut [u8]) -> Result<usize>,
    ) -> Result<usize> {
        let start = usize::try_from(offset).map_err(|_| Errno::EIO)?;
        let mut page = [0_u8; PAGE_SIZE];
        let mut done = 0;
        while done < len {
            let at = start.checked_add(done).ok_or(Errno::EIO)?;
            let n = (PAGE_SIZE - at % PAGE_SIZE).min(len - done);
            match part(at, &mut page[..n]) {
                Ok(moved) if moved == n => {
                    done += n;
                    cpu::breathe();
                }
                Ok(moved) => return Ok(done + moved),
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

impl File for MemoryFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let Some(space) = self.space() else {
            return Ok(0);
        };
        MemoryFile::by_pages(io.offset, dst.remaining(), |at, bytes| {
            // What the process itself must not read can be read all the same.
            let read =
                remote::fetch(space, at, bytes).or_else(|_| remote::read(space, at, bytes))?;
            dst.put(&bytes[..read])?;
            Ok(read)
        })
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        let Some(space) = self.space() else {
            return Ok(0);
        };
        MemoryFile::by_pages(io.offset, src.remaining(), |at, bytes| {
            src.take(bytes)?;
            remote::store(space, at, bytes, true)
        })
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
