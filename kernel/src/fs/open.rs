//! Open file descriptions: what descriptors point at, shared by dup, fork and SCM_RIGHTS.
//!
//! A description joins a [`File`] with status flags, a cursor and the name it was opened by.
//! The cursor is a sleeping mutex held for the whole of a transfer that uses it, so that two
//! writers through one description do not overwrite each other (POSIX, 2.9.7).

use crate::errno::{Errno, Result};
use crate::file::{File, Io};
use crate::fs::busy::{OpenUse, WriteUse};
use crate::fs::dnotify;
use crate::fs::flock::NodeLocks;
use crate::fs::inotify;
use crate::fs::lease;
use crate::fs::namespace::Path;
use crate::fs::node::{Attributes, Node, OpenFlags};
use crate::fs::sigio::Receiver;
use crate::ipc::epoll::Item;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::mutex::Mutex;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

/// One open file description.
pub struct OpenFile {
    _counted: Counted<{ ObjectKind::OpenFile as usize }>,
    file: Arc<dyn File>,
    /// The name it was opened by; objects without names have none.
    path: Option<Path>,
    flags: AtomicU32,
    cursor: Mutex<u64>,
    id: u64,
    /// Keeps a regular file that it may write from being executed.
    uses: OpenUse,
    /// Who is to have signals of what happens to it, once that was said.
    receiver: SpinLock<Option<Arc<Receiver>>>,
    /// The items of epoll sets that watch this description.
    watchers: SpinLock<Vec<Arc<Item>>>,
    truncatable: AtomicBool,
}

/// What fcntl(F_SETFL) may change.
const CHANGEABLE: OpenFlags = OpenFlags::APPEND
    .union(OpenFlags::NONBLOCK)
    .union(OpenFlags::ASYNC)
    .union(OpenFlags::DIRECT)
    .union(OpenFlags::NO_ATIME);

/// What open keeps of its flags.
const KEPT: OpenFlags = CHANGEABLE
    .union(OpenFlags::WRITE_ONLY)
    .union(OpenFlags::READ_WRITE)
    .union(OpenFlags::DSYNC)
    .union(OpenFlags::SYNC)
    .union(OpenFlags::LARGE_FILE)
    .union(OpenFlags::DIRECTORY)
    .union(OpenFlags::NO_FOLLOW)
    .union(OpenFlags::TMPFILE)
    .union(OpenFlags::PATH);

/// A transfer must not reach beyond what a file offset can say.
pub fn check_range(offset: u64, bytes: usize) -> Result {
    match offset.checked_add(bytes as u64) {
        Some(end) if i64::try_from(end).is_ok() => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

/// What one transfer asks for beside its description's flags: RWF_NOWAIT and RWF_APPEND.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    pub nonblock: bool,
    pub append: bool,
}

impl Wish {
    #[must_use]
    pub fn on(self, io: Io) -> Io {
        Io {
            nonblock: io.nonblock || self.nonblock,
            append: io.append || self.append,
            ..io
        }
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl OpenFile {
    pub fn new(file: Arc<dyn File>, path: Option<Path>, flags: OpenFlags) -> Result<Arc<OpenFile>> {
        OpenFile::with_use(file, path, flags, OpenUse::default())
    }

    /// A description whose use of a regular file is counted by `uses`.
    pub fn with_use(
        file: Arc<dyn File>,
        path: Option<Path>,
        flags: OpenFlags,
        uses: OpenUse,
    ) -> Result<Arc<OpenFile>> {
        admission::ask()?;
        Ok(Arc::new(OpenFile {
            _counted: Counted::new(),
            uses,
            file,
            path,
            flags: AtomicU32::new((flags & KEPT).bits()),
            cursor: Mutex::new(lock_order::sleeping::CURSOR, 0),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            receiver: SpinLock::new(lock_order::CELL, None),
            watchers: SpinLock::new(lock_order::FILE, Vec::new()),
            truncatable: AtomicBool::new(true),
        }))
    }

    /// A description of an object without a name (pipe, socket, eventfd).
    pub fn unnamed(file: Arc<dyn File>, flags: OpenFlags) -> Result<Arc<OpenFile>> {
        OpenFile::new(file, None, flags)
    }

    /// Who opened it had given up the right to truncate (Landlock).
    pub(super) fn forbid_truncation(&self) {
        self.truncatable.store(false, Ordering::Relaxed);
    }

    /// EACCES where who opened it had given up the right to.
    pub fn check_truncation(&self) -> Result {
        if self.truncatable.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// For mappings made by this description, which may outlive it.
    #[must_use]
    pub fn writing(&self) -> Option<&WriteUse> {
        self.uses.writing.as_ref()
    }

    /// The object, when it is a `T`.
    #[must_use]
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        self.file.as_any().downcast_ref()
    }

    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_ref()
    }

    #[must_use]
    pub fn node(&self) -> Option<Arc<Node>> {
        match &self.path {
            Some(path) => Some(path.node().clone()),
            None => self.file.node(),
        }
    }

    pub fn attributes(&self) -> Result<Attributes> {
        match &self.path {
            Some(path) => path.node().attributes(),
            None => self.file.attributes(),
        }
    }

    /// Unique over the life of the kernel: what flock and F_OFD_SETLK locks belong to.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    #[must_use]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// F_SETFL.
    pub fn set_status(&self, flags: OpenFlags) {
        let kept = self.flags() - CHANGEABLE;
        self.flags
            .store((kept | (flags & CHANGEABLE)).bits(), Ordering::Relaxed);
    }

    /// F_SETOWN's and F_SETSIG's side of it, if any of it was asked for.
    #[must_use]
    pub fn known_receiver(&self) -> Option<Arc<Receiver>> {
        self.receiver.lock().clone()
    }

    #[must_use]
    pub fn receiver(&self) -> Arc<Receiver> {
        if let Some(known) = self.known_receiver() {
            return known;
        }
        let new = Receiver::new();
        self.receiver.lock().get_or_insert(new).clone()
    }

    /// Sends signals from now on, or no longer: O_ASYNC as F_SETFL and FIOASYNC set it, by the
    /// descriptor `fd`. Objects that don't know of it take the flag and do nothing.
    pub fn set_async(&self, on: bool, fd: i32) {
        let was = self.flags().contains(OpenFlags::ASYNC);
        let Some(queue) = self.file.wait_queue() else {
            return;
        };
        if on == was || !self.file.signals_events() {
            return;
        }
        let receiver = self.receiver();
        let entry = on.then(|| {
            receiver.set_fd(fd);
            queue.add(receiver.clone())
        });
        if let Some(old) = receiver.set_entry(entry) {
            queue.remove(old);
        }
    }

    #[must_use]
    pub fn is_path_only(&self) -> bool {
        self.flags().contains(OpenFlags::PATH)
    }

    #[must_use]
    pub fn readable(&self) -> bool {
        self.flags().reads() && !self.is_path_only()
    }

    #[must_use]
    pub fn writable(&self) -> bool {
        self.flags().writes() && !self.is_path_only()
    }

    #[must_use]
    pub fn nonblocking(&self) -> bool {
        self.flags().contains(OpenFlags::NONBLOCK)
    }

    #[must_use]
    pub fn cursor(&self) -> &Mutex<u64> {
        &self.cursor
    }

    /// The request at `offset` with this description's flags.
    #[must_use]
    pub fn io(&self, offset: u64) -> Io {
        let flags = self.flags();
        Io {
            offset,
            nonblock: flags.contains(OpenFlags::NONBLOCK),
            append: flags.contains(OpenFlags::APPEND),
            packets: flags.contains(OpenFlags::DIRECT),
        }
    }

    /// read(2): at the cursor, which moves.
    pub fn read(&self, dst: &mut Dest<'_>) -> Result<usize> {
        self.read_with(None, Wish::default(), dst)
    }

    /// write(2): at the cursor (or the end, with O_APPEND), which moves.
    pub fn write(&self, src: &mut Source<'_>) -> Result<usize> {
        self.write_with(None, Wish::default(), src)
    }

    /// pread(2).
    pub fn read_at(&self, offset: u64, dst: &mut Dest<'_>) -> Result<usize> {
        self.read_with(Some(offset), Wish::default(), dst)
    }

    /// pwrite(2). As on Linux, O_APPEND wins over the offset.
    pub fn write_at(&self, offset: u64, src: &mut Source<'_>) -> Result<usize> {
        self.write_with(Some(offset), Wish::default(), src)
    }

    /// Reads at an offset, or at the cursor, which moves.
    pub fn read_with(&self, at: Option<u64>, wish: Wish, dst: &mut Dest<'_>) -> Result<usize> {
        if !self.readable() {
            return Err(Errno::EBADF);
        }
        let read_at = |offset: u64, dst: &mut Dest<'_>| {
            check_range(offset, dst.remaining())?;
            self.file.read(wish.on(self.io(offset)), dst)
        };
        let read = match at {
            None if !self.file.is_seekable() => self.file.read(wish.on(self.io(0)), dst)?,
            None => {
                let mut cursor = self.cursor.lock();
                let read = read_at(*cursor, dst)?;
                *cursor += read as u64;
                read
            }
            Some(_) if !self.file.is_seekable() => return Err(Errno::ESPIPE),
            Some(offset) => read_at(offset, dst)?,
        };
        self.accessed(read);
        Ok(read)
    }

    /// Writes at an offset, or at the cursor, which moves; or at the end.
    pub fn write_with(&self, at: Option<u64>, wish: Wish, src: &mut Source<'_>) -> Result<usize> {
        if !self.writable() {
            return Err(Errno::EBADF);
        }
        let write_at = |offset: u64, src: &mut Source<'_>| {
            check_range(offset, src.remaining())?;
            self.file.write(wish.on(self.io(offset)), src)
        };
        let written = match at {
            None if !self.file.is_seekable() => self.file.write(wish.on(self.io(0)), src)?,
            None => {
                let mut cursor = self.cursor.lock();
                let written = write_at(*cursor, src)?;
                let after = *cursor + written as u64;
                *cursor = if wish.on(self.io(0)).append {
                    // The file chose the offset under its own lock; its end is at least there now.
                    self.attributes().map_or(after, |a| a.size)
                } else {
                    after
                };
                written
            }
            Some(_) if !self.file.is_seekable() => return Err(Errno::ESPIPE),
            Some(offset) => write_at(offset, src)?,
        };
        self.modified(written);
        Ok(written)
    }

    fn accessed(&self, bytes: usize) {
        if bytes > 0
            && let Some(path) = &self.path
        {
            inotify::notify(path, inotify::Mask::ACCESS);
        }
    }

    fn modified(&self, bytes: usize) {
        if bytes > 0
            && let Some(path) = &self.path
        {
            inotify::notify(path, inotify::Mask::MODIFY);
        }
    }

    /// What /proc/PID/fd shows for an object without a name.
    #[must_use]
    pub fn description(&self) -> Vec<u8> {
        self.file.description()
    }

    /// An epoll set watches this description: its item ends with it.
    pub fn watched_by(&self, item: Arc<Item>) {
        self.watchers.lock().push(item);
    }

    pub fn not_watched_by(&self, item: &Arc<Item>) {
        let mut watchers = self.watchers.lock();
        let at = watchers.iter().position(|known| Arc::ptr_eq(known, item));
        let gone = at.map(|at| watchers.swap_remove(at));
        drop(watchers);
        drop(gone);
    }

    /// A process closed a descriptor of this description.
    pub fn closed_by(&self, process: u64) {
        self.file.flush();
        if let Some(path) = &self.path
            && path.node().is_dir()
        {
            dnotify::forget(process, self);
        }
        self.release_locks(|locks| locks.release_process(process));
    }

    /// Has what it is open on let go of locks: a memfd's node, which no path leads to, has them, too.
    fn release_locks(&self, release: impl FnOnce(&NodeLocks)) {
        if let Some(path) = &self.path {
            release(&path.node().locks);
        } else if let Some(node) = self.file.node() {
            release(&node.locks);
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        for item in core::mem::take(self.watchers.get_mut()) {
            item.file_closed(&*self.file);
        }
        if let Some(receiver) = self.receiver.get_mut().take() {
            if let Some(entry) = receiver.set_entry(None)
                && let Some(queue) = self.file.wait_queue()
            {
                queue.remove(entry);
            }
            // Who has a lease has a receiver, too.
            if let Some(node) = self.node() {
                lease::release(&node, self.id);
            }
        }
        self.release_locks(|locks| locks.release_open(self.id));
        if let Some(path) = &self.path
            && !self.flags().contains(OpenFlags::PATH)
        {
            let mask = if self.flags().writes() {
                inotify::Mask::CLOSE_WRITE
            } else {
                inotify::Mask::CLOSE_NOWRITE
            };
            inotify::notify(path, mask);
        }
    }
}
