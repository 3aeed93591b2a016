//! tmpfs's half of a node.

use super::Tmpfs;
use super::data::FileData;
use super::directory::Entries;
use super::file::TmpFile;
use super::xattr::Xattrs;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::file_capabilities;
use crate::fs::node::{
    AttributeChange, Attributes, DeviceNumber, DirEntry, Inode, NewKind, NewName, NewNode, Node,
    NodeKind, OpenFlags, RenameFlags, StatFs, Timestamp,
};
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::allowance::UNLIMITED;
use crate::task::credentials::Capabilities;
use crate::task::thread::Thread;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::admission;
use ochre_hal::sync::{SpinGuard, SpinLock};

struct Meta {
    mode: u32,
    uid: u32,
    gid: u32,
    nlink: u32,
    atime: Timestamp,
    mtime: Timestamp,
    ctime: Timestamp,
    xattrs: Option<Box<Xattrs>>,
}

enum Body {
    File(FileData),
    Directory(SpinLock<Entries>),
    Symlink(Box<[u8]>),
    Device(DeviceNumber),
    /// FIFOs and sockets live in the node's attachment.
    Other,
}

pub struct TmpInode {
    fs: Arc<Tmpfs>,
    ino: u64,
    kind: NodeKind,
    btime: Timestamp,
    meta: SpinLock<Meta>,
    body: Body,
    /// It may have set-id bits or capabilities, for writers to look at.
    privileged: AtomicBool,
}

impl TmpInode {
    pub(super) fn new(fs: Arc<Tmpfs>, new: &NewNode<'_>) -> Result<TmpInode> {
        admission::ask()?;
        fs.inodes.charge(1)?;
        let now = Timestamp::now();
        let body = match new.what {
            NewKind::Regular => Body::File(FileData::new(&fs.pages)),
            NewKind::Directory => {
                Body::Directory(SpinLock::new(lock_order::FS_NAMES, Entries::default()))
            }
            NewKind::Symlink(text) => Body::Symlink(Box::from(text)),
            NewKind::CharDevice(number) | NewKind::BlockDevice(number) => Body::Device(number),
            NewKind::Fifo | NewKind::Socket => Body::Other,
        };
        Ok(TmpInode {
            privileged: AtomicBool::new(new.mode & (raw::S_ISUID | raw::S_ISGID) != 0),
            ino: fs.next_ino(),
            fs,
            kind: new.what.kind(),
            btime: now,
            meta: SpinLock::new(
                lock_order::FS_NODE,
                Meta {
                    mode: new.mode & 0o7777,
                    uid: new.uid,
                    gid: new.gid,
                    nlink: if new.what.kind().is_dir() { 2 } else { 1 },
                    atime: now,
                    mtime: now,
                    ctime: now,
                    xattrs: None,
                },
            ),
            body,
        })
    }

    pub(super) fn fs(&self) -> &Arc<Tmpfs> {
        &self.fs
    }

    /// A regular file's contents.
    #[must_use]
    pub fn data(&self) -> Option<&FileData> {
        match &self.body {
            Body::File(data) => Some(data),
            _ => None,
        }
    }

    fn entries(&self) -> Result<SpinGuard<'_, Entries>> {
        match &self.body {
            Body::Directory(entries) => Ok(entries.lock()),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// A second directory's entries while another's are held; the caller orders the two.
    fn second_entries(&self) -> Result<SpinGuard<'_, Entries>> {
        match &self.body {
            Body::Directory(entries) => Ok(entries.lock_same_rank()),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The contents changed.
    pub(super) fn modified(&self) {
        let now = Timestamp::now();
        let mut meta = self.meta.lock();
        meta.mtime = now;
        meta.ctime = now;
    }

    /// The contents were read (relatime: once after each change).
    pub(super) fn accessed(&self) {
        let mut meta = self.meta.lock();
        if meta.atime <= meta.mtime || meta.atime <= meta.ctime {
            meta.atime = Timestamp::now();
        }
    }

    /// A write takes what the file gives to who executes it; if it isn't by somebody with CAP_FSETID, also its
    /// set-id bits.
    pub(super) fn drop_privileges(&self) {
        if !self.privileged.load(Ordering::Relaxed) {
            return;
        }
        if let Some(xattrs) = &mut self.meta.lock().xattrs {
            let _ = xattrs.remove(file_capabilities::NAME);
        }
        let writer = crate::sched::cpu::try_current();
        let keeps = |writer: &Arc<Thread>| writer.credentials().can(Capabilities::FSETID);
        if writer.as_ref().is_none_or(keeps) {
            return;
        }
        let mut meta = self.meta.lock();
        meta.mode &= !raw::S_ISUID;
        if meta.mode & raw::S_IXGRP != 0 {
            meta.mode &= !raw::S_ISGID;
        }
    }

    fn change_links(&self, by: i32) {
        let now = Timestamp::now();
        let mut meta = self.meta.lock();
        meta.nlink = meta.nlink.saturating_add_signed(by);
        meta.ctime = now;
    }

    /// A name went.
    fn lose_name(&self) {
        if self.links() > 1 {
            self.fs.inodes.release(1);
        }
        self.change_links(-1);
    }

    /// The number of names, for the kernel's own bookkeeping of unlinked files.
    #[must_use]
    pub fn links(&self) -> u32 {
        self.meta.lock().nlink
    }

    /// Takes the names away from a new file: O_TMPFILE, memfd.
    pub(super) fn unname(&self) {
        self.meta.lock().nlink = 0;
    }

    fn own(node: &Node) -> Result<&TmpInode> {
        node.downcast::<TmpInode>().ok_or(Errno::EXDEV)
    }

    /// A directory under `name` came (`by` 1) or went (−1), or something else did (0).
    fn entry_changed(&self, by: i32) {
        self.modified();
        if by != 0 {
            self.change_links(by);
        }
    }
}

impl Drop for TmpInode {
    fn drop(&mut self) {
        self.fs.inodes.release(1);
        // A whole tree may go with its root: take it apart in a loop, as it may be deeper than a
        // kernel stack.
        let Body::Directory(entries) = &mut self.body else {
            return;
        };
        let mut pending: Vec<Arc<Node>> = entries.get_mut().take_all().collect();
        while let Some(node) = pending.pop() {
            if Arc::strong_count(&node) == 1
                && let Some(inode) = node.downcast::<TmpInode>()
                && let Ok(mut entries) = inode.entries()
            {
                pending.extend(entries.take_all());
            }
        }
    }
}

impl Inode for TmpInode {
    fn attributes(&self) -> Result<Attributes> {
        let (size, blocks) = match &self.body {
            Body::File(data) => (data.size(), data.pages() * 8),
            Body::Directory(entries) => (entries.lock().len() as u64 * 20 + 40, 0),
            Body::Symlink(text) => (text.len() as u64, 0),
            Body::Device(_) | Body::Other => (0, 0),
        };
        let rdev = match &self.body {
            Body::Device(number) => *number,
            _ => DeviceNumber::default(),
        };
        let meta = self.meta.lock();
        Ok(Attributes {
            dev: self.fs.dev,
            ino: self.ino,
            mode: self.kind.mode_bits() | meta.mode,
            nlink: meta.nlink,
            uid: meta.uid,
            gid: meta.gid,
            rdev,
            size,
            blocks,
            block_size: 4096,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
            btime: self.btime,
        })
    }

    fn set_attributes(&self, change: &AttributeChange) -> Result {
        if let Some(size) = change.size {
            match &self.body {
                Body::File(data) => data.set_size(size)?,
                Body::Directory(_) => return Err(Errno::EISDIR),
                _ => return Err(Errno::EINVAL),
            }
            self.drop_privileges();
        }
        let now = Timestamp::now();
        let mut meta = self.meta.lock();
        if let Some(mode) = change.mode {
            meta.mode = mode & 0o7777;
            let set_id = mode & (raw::S_ISUID | raw::S_ISGID) != 0;
            let gives = |xattrs: &Xattrs| xattrs.get(file_capabilities::NAME).is_ok();
            let privileged = set_id || meta.xattrs.as_deref().is_some_and(gives);
            self.privileged.store(privileged, Ordering::Relaxed);
        }
        if let Some(uid) = change.uid {
            meta.uid = uid;
        }
        if let Some(gid) = change.gid {
            meta.gid = gid;
        }
        if change.size.is_some() {
            meta.mtime = now;
        }
        if let Some(atime) = change.atime {
            meta.atime = atime;
        }
        if let Some(mtime) = change.mtime {
            meta.mtime = mtime;
        }
        meta.ctime = now;
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        self.entries()?.get(name).cloned().ok_or(Errno::ENOENT)
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<Node>> {
        let node = self.fs.make(new)?;
        self.entries()?.insert(name, node.clone())?;
        self.entry_changed(i32::from(new.what.kind().is_dir()));
        Ok(node)
    }

    fn create_unnamed(&self, new: &NewNode<'_>) -> Result<Arc<Node>> {
        let node = self.fs.make(new)?;
        TmpInode::own(&node)?.unname();
        Ok(node)
    }

    fn link(&self, name: &[u8], target: &Arc<Node>) -> Result {
        let inode = TmpInode::own(target)?;
        if !Arc::ptr_eq(&inode.fs, &self.fs) {
            return Err(Errno::EXDEV);
        }
        // A further name takes memory as an inode does.
        let further = inode.links() > 0;
        if further {
            self.fs.inodes.charge(1)?;
        }
        inode.change_links(1);
        let inserted = self
            .entries()
            .and_then(|mut entries| entries.insert(name, target.clone()));
        if let Err(error) = inserted {
            if further {
                self.fs.inodes.release(1);
            }
            inode.change_links(-1);
            return Err(error);
        }
        self.entry_changed(0);
        Ok(())
    }

    fn unlink(&self, name: &[u8], target: &Arc<Node>) -> Result {
        let inode = TmpInode::own(target)?;
        let removed = self.entries()?.remove(name, target)?;
        inode.lose_name();
        self.entry_changed(0);
        drop(removed);
        Ok(())
    }

    fn rmdir(&self, name: &[u8], target: &Arc<Node>) -> Result {
        let inode = TmpInode::own(target)?;
        let removed = {
            // Two locks without an order of their own: the rename mutex, which the caller holds,
            // keeps everybody else from taking two.
            let mut here = self.entries()?;
            let mut there = inode.second_entries()?;
            if !there.is_empty() {
                return Err(Errno::ENOTEMPTY);
            }
            let removed = here.remove(name, target)?;
            there.kill();
            removed
        };
        inode.change_links(-2);
        self.entry_changed(-1);
        drop(removed);
        Ok(())
    }

    fn rename(
        &self,
        name: &[u8],
        node: &Arc<Node>,
        to: NewName<'_>,
        whiteout: Option<&NewNode<'_>>,
        flags: RenameFlags,
    ) -> Result {
        let NewName {
            dir: to_dir,
            name: to_name,
            replaced,
        } = to;
        let to = TmpInode::own(to_dir)?;
        let moved_inode = TmpInode::own(node)?;
        if !Arc::ptr_eq(&to.fs, &self.fs) {
            return Err(Errno::EXDEV);
        }
        let left = whiteout.map(|new| self.fs.make(new)).transpose()?;
        // Nothing may fail once the first name is gone.
        admission::ask()?;
        let same = core::ptr::eq(to, self);
        let mut dropped = [None, None];
        {
            let (mut here, mut there) = if same {
                (self.entries()?, None)
            } else if self.ino < to.ino {
                let here = self.entries()?;
                (here, Some(to.second_entries()?))
            } else {
                let there = to.entries()?;
                (self.second_entries()?, Some(there))
            };
            if here.get(name) != Some(node) {
                return Err(Errno::ENOENT);
            }
            let target = there.as_deref().unwrap_or(&here).get(to_name);
            if target != replaced {
                // Somebody was faster between the caller's look and our locks.
                return Err(if target.is_some() {
                    Errno::EEXIST
                } else {
                    Errno::ENOENT
                });
            }
            if there.as_ref().is_some_and(|there| there.is_dead()) {
                return Err(Errno::ENOENT);
            }
            if flags.contains(RenameFlags::EXCHANGE) {
                let other = replaced.ok_or(Errno::ENOENT)?.clone();
                let target = there.as_deref_mut().unwrap_or(&mut here);
                dropped[0] = target.exchange(to_name, node.clone());
                dropped[1] = here.exchange(name, other);
            } else {
                if let Some(replaced) = replaced {
                    let inode = TmpInode::own(replaced)?;
                    if replaced.is_dir() {
                        let mut inner = inode.second_entries()?;
                        if !inner.is_empty() {
                            return Err(Errno::ENOTEMPTY);
                        }
                        inner.kill();
                    }
                    let target = there.as_deref_mut().unwrap_or(&mut here);
                    dropped[0] = Some(target.remove(to_name, replaced)?);
                }
                let moved = here.remove(name, node)?;
                there
                    .as_deref_mut()
                    .unwrap_or(&mut here)
                    .put(to_name, moved);
                if let Some(left) = left {
                    here.put(name, left);
                }
            }
        }
        let is_dir = |node: &Arc<Node>| i32::from(node.is_dir());
        if flags.contains(RenameFlags::EXCHANGE) {
            let other = replaced.map_or(0, is_dir);
            if !same {
                self.entry_changed(other - is_dir(node));
                to.entry_changed(is_dir(node) - other);
            }
        } else {
            if let Some(replaced) = replaced {
                let inode = TmpInode::own(replaced)?;
                if replaced.is_dir() {
                    inode.change_links(-2);
                } else {
                    inode.lose_name();
                }
            }
            self.entry_changed(-is_dir(node));
            to.entry_changed(is_dir(node) - replaced.map_or(0, is_dir));
        }
        moved_inode.change_links(0);
        drop(dropped);
        Ok(())
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let entries = self.entries()?;
        for (position, name, node) in entries.from(from) {
            let ino = TmpInode::own(node)?.ino;
            if !emit(DirEntry {
                ino,
                kind: node.kind(),
                name,
                next: position + 1,
            }) {
                break;
            }
        }
        drop(entries);
        self.accessed();
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.body {
            Body::Symlink(text) => Ok(text.to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(&self, node: &Arc<Node>, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        match &self.body {
            Body::File(_) => Ok(Arc::new(TmpFile::new(node.clone())?)),
            _ => Err(Errno::ENXIO),
        }
    }

    fn stat_fs(&self) -> Result<StatFs> {
        let frames = ochre_hal::frame::stats();
        let known = |count: u64, limit: u64| if limit == UNLIMITED { 0 } else { count };
        let (pages, inodes) = (&self.fs.pages, &self.fs.inodes);
        // What a file may use of free memory, see [`FileData`].
        let free = frames.free.saturating_sub(frames.total / 32) as u64;
        Ok(StatFs {
            kind: u64::from(raw::TMPFS_MAGIC),
            block_size: 4096,
            blocks: known(pages.limit(), pages.limit()),
            blocks_free: known(pages.free().min(free), pages.limit()),
            files: known(inodes.limit(), inodes.limit()),
            files_free: known(inodes.free(), inodes.limit()),
            name_max: 255,
            fsid: self.fs.dev.0,
        })
    }

    fn caches_names(&self) -> bool {
        true
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        match &self.meta.lock().xattrs {
            Some(xattrs) => xattrs.get(name),
            None => Xattrs::default().get(name),
        }
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], must: Option<bool>) -> Result {
        let now = Timestamp::now();
        let mut meta = self.meta.lock();
        meta.xattrs.get_or_insert_default().set(name, value, must)?;
        if name == file_capabilities::NAME {
            self.privileged.store(true, Ordering::Relaxed);
        }
        meta.ctime = now;
        Ok(())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result {
        match &mut self.meta.lock().xattrs {
            Some(xattrs) => xattrs.remove(name),
            None => Xattrs::default().remove(name),
        }
    }

    fn list_xattr(&self) -> Result<Vec<u8>> {
        Ok(self
            .meta
            .lock()
            .xattrs
            .as_ref()
            .map_or_else(Vec::new, |xattrs| xattrs.list()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
