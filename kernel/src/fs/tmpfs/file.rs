//! An open regular file of tmpfs; memfds are such files without a name.

use super::Tmpfs;
use super::data::{FileData, Seals};
use super::inode::TmpInode;
use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io, View};
use crate::fs::node::{Attributes, Inode, NewKind, NewNode, Node, OpenFlags};
use crate::task::footprint::Look;
use crate::uio::{Dest, Source};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::PAGE_SIZE;
use ochre_hal::sync::Once;

pub struct TmpFile {
    node: Arc<Node>,
    /// A memfd's name.
    name: Option<Box<[u8]>>,
}

impl TmpFile {
    pub(super) fn new(node: Arc<Node>) -> Result<TmpFile> {
        node.downcast::<TmpInode>()
            .and_then(TmpInode::data)
            .ok_or(Errno::EIO)?;
        Ok(TmpFile { node, name: None })
    }

    fn inode(&self) -> Result<&TmpInode> {
        self.node.downcast::<TmpInode>().ok_or(Errno::EIO)
    }

    pub fn data(&self) -> Result<&FileData> {
        self.inode()?.data().ok_or(Errno::EIO)
    }

    /// memfd_create(2): a file without a name in an instance that is mounted nowhere.
    pub fn memfd(name: &[u8], sealable: bool, uid: u32, gid: u32) -> Result<TmpFile> {
        static INSTANCE: Once<Arc<Tmpfs>> = Once::new();
        let fs = INSTANCE.get_or_init(Tmpfs::nameless);
        let node = fs.make(&NewNode {
            what: NewKind::Regular,
            mode: 0o777,
            uid,
            gid,
        })?;
        let inode = node.downcast::<TmpInode>().ok_or(Errno::EIO)?;
        inode.unname();
        if sealable {
            inode.data().ok_or(Errno::EIO)?.allow_seals();
        }
        Ok(TmpFile {
            node,
            name: Some(Box::from(name)),
        })
    }
}

impl File for TmpFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let inode = self.inode()?;
        let read = self.data()?.read(io, dst)?;
        inode.accessed();
        Ok(read)
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        let inode = self.inode()?;
        let written = self.data()?.write(io, src)?;
        inode.modified();
        inode.drop_privileges();
        Ok(written)
    }

    fn splices(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn memory(&self, offset: u64, _len: usize, write: bool) -> Result<View> {
        let data = self.data()?;
        let writable = !data.seals().intersects(Seals::WRITE | Seals::FUTURE_WRITE);
        if write && !writable {
            return Err(Errno::EPERM);
        }
        Ok(View {
            writable,
            ..View::new(data.object().clone(), offset)
        })
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn attributes(&self) -> Result<Attributes> {
        self.inode()?.attributes()
    }

    fn description(&self) -> Vec<u8> {
        let mut text = b"/memfd:".to_vec();
        text.extend_from_slice(self.name.as_deref().unwrap_or_default());
        text.extend_from_slice(b" (deleted)");
        text
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(usize::try_from(self.data()?.size()).unwrap_or(usize::MAX))
    }

    fn sync(&self, _data_only: bool) -> Result {
        Ok(())
    }

    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result {
        let inode = self.inode()?;
        self.data()?.allocate(mode, offset, len)?;
        inode.modified();
        Ok(())
    }

    fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        let object = self.data()?.object();
        let found = if hole {
            object.next_hole(offset)
        } else {
            object.next_data(offset)
        };
        found.ok_or(Errno::ENXIO)
    }

    fn truncate(&self, size: u64) -> Result {
        let change = crate::fs::node::AttributeChange {
            size: Some(size),
            ..Default::default()
        };
        self.inode()?.set_attributes(&change)
    }

    fn reopen(&self, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(Arc::new(TmpFile {
            node: self.node.clone(),
            name: self.name.clone(),
        }))
    }

    fn held_bytes(&self, _look: &mut Look) -> usize {
        // Of what has a name nothing goes with its descriptors.
        match (&self.name, self.data()) {
            (Some(_), Ok(data)) => data.pages() as usize * PAGE_SIZE,
            _ => 0,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
