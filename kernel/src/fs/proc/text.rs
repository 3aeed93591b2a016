//! Files whose contents are made when they are read.

use super::attributes;
use super::rows::{BindRows, RowsFile};
use crate::errno::{Errno, Result};
use crate::file::{File, Io};
use crate::fs::node::{AttributeChange, Attributes, Inode, Node, NodeKind, OpenFlags, StatFs};
use crate::lock_order;
use crate::sched::mutex::Mutex;
use crate::task::footprint::Look;
use crate::uio::{Dest, Source};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission;

pub type Make = dyn Fn() -> Result<Vec<u8>> + Send + Sync;
/// Makes what makes the contents for one opening of the file.
pub type Bind = dyn Fn() -> Result<Box<Make>> + Send + Sync;
pub type Take = dyn Fn(&[u8]) -> Result + Send + Sync;

/// Where a file's contents come from.
pub enum Contents {
    /// The same for whoever opens it.
    Made(Box<Make>),
    /// Who opens it is judged then, and has what was there then.
    Bound(Box<Bind>),
    /// As Bound, made part by part.
    Rows(Box<BindRows>),
}

/// A file's making: what it says, and what a write does.
pub struct Text {
    pub ino: u64,
    pub mode: u32,
    pub owner: (u32, u32),
    pub contents: Contents,
    pub take: Option<Box<Take>>,
    /// Of what can't be set, as /proc/sys has it: nobody opens it for writing, whoever he is.
    pub constant: bool,
}

impl Text {
    /// A file of the system's, for everybody to read.
    #[must_use]
    pub fn new(ino: u64, make: Box<Make>) -> Text {
        Text {
            ino,
            mode: 0o444,
            owner: (0, 0),
            contents: Contents::Made(make),
            take: None,
            constant: false,
        }
    }

    #[must_use]
    pub fn node(self) -> Arc<Node> {
        Node::new(NodeKind::Regular, self)
    }
}

impl Inode for Text {
    fn attributes(&self) -> Result<Attributes> {
        let (uid, gid) = self.owner;
        Ok(attributes(self.ino, NodeKind::Regular, self.mode, uid, gid))
    }

    fn set_attributes(&self, change: &AttributeChange) -> Result {
        super::change_attributes(change)
    }

    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        if self.constant && flags.writes() {
            return Err(Errno::EACCES);
        }
        let bound = match &self.contents {
            Contents::Made(_) => None,
            Contents::Bound(bind) => Some(bind()?),
            Contents::Rows(bind) => return Ok(Arc::new(RowsFile::new(node.clone(), bind()?))),
        };
        Ok(Arc::new(TextFile {
            node: node.clone(),
            bound,
            contents: Mutex::new(lock_order::sleeping::TEXT, None),
        }))
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(super::stat_fs())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct TextFile {
    node: Arc<Node>,
    bound: Option<Box<Make>>,
    /// Made by the last read from the start.
    contents: Mutex<Option<Vec<u8>>>,
}

/// The longest write any of these files understands.
const WRITE_MAX: usize = 4096;

impl TextFile {
    fn text(&self) -> Result<&Text> {
        self.node.downcast().ok_or(Errno::EIO)
    }

    fn make(&self) -> Result<Vec<u8>> {
        match (&self.bound, &self.text()?.contents) {
            (Some(make), _) | (None, Contents::Made(make)) => make(),
            (None, Contents::Bound(_) | Contents::Rows(_)) => Err(Errno::EIO),
        }
    }
}

impl File for TextFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let mut contents = self.contents.lock();
        let bytes = match &mut *contents {
            Some(bytes) if io.offset > 0 => bytes,
            slot => slot.insert(self.make()?),
        };
        let start = usize::try_from(io.offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let n = (bytes.len() - start).min(dst.remaining());
        dst.put(&bytes[start..start + n])?;
        Ok(n)
    }

    fn write(&self, _io: Io, src: &mut Source<'_>) -> Result<usize> {
        let take = self.text()?.take.as_ref().ok_or(Errno::EINVAL)?;
        let len = src.remaining();
        if len > WRITE_MAX {
            return Err(Errno::EINVAL);
        }
        let mut bytes = admission::zeroes(len)?;
        src.take(&mut bytes)?;
        take(&bytes)?;
        Ok(len)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn truncate(&self, _size: u64) -> Result {
        Ok(())
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn held_bytes(&self, _look: &mut Look) -> usize {
        let contents = self.contents.try_lock();
        contents.map_or(0, |text| text.as_ref().map_or(0, Vec::capacity))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
