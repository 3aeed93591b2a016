//! /proc/PID/fd and fdinfo: a process's or a thread's descriptors as links and texts.

use super::text::{Contents, Make, Text};
use super::{access, attributes, number};
use crate::errno::{Errno, Result};
use crate::fs::fd_table::FdTable;
use crate::fs::namespace::Path;
use crate::fs::node::{Attributes, DirEntry, Inode, Node, NodeKind, OpenFlags};
use crate::fs::open::OpenFile;
use crate::fs::opening;
use crate::fs::path::PATH_MAX;
use crate::sched;
use crate::task::process::Process;
use crate::task::thread::Thread;
use crate::task::trace::calls::Target;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission;

/// Which of the two directories.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Links,
    Infos,
}

/// Whose table it is: the thread's, or that of the process's first.
pub struct Descriptors {
    pub process: Arc<Process>,
    pub thread: Option<Arc<Thread>>,
    pub shows: Shows,
}

impl Descriptors {
    fn owner(&self) -> (u32, u32) {
        let target = Target {
            process: &self.process,
            thread: self.thread.as_deref(),
        };
        let credentials = target.credentials();
        (credentials.uid.effective, credentials.gid.effective)
    }

    fn ino(&self, fd: u32) -> u64 {
        super::process::ino(
            self.process.pid,
            if self.shows == Shows::Links { 100 } else { 200 },
        ) + (u64::from(fd) << 40)
    }
}

impl Inode for Descriptors {
    fn attributes(&self) -> Result<Attributes> {
        let (uid, gid) = self.owner();
        let index = if self.shows == Shows::Links { 98 } else { 99 };
        let ino = super::process::ino(self.process.pid, index);
        Ok(attributes(ino, NodeKind::Directory, 0o500, uid, gid))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        let fd = number(name).ok_or(Errno::ENOENT)?;
        let fd_index = i32::try_from(fd).map_err(|_| Errno::ENOENT)?;
        let descriptor = Descriptor {
            process: self.process.clone(),
            thread: self.thread.clone(),
            fd: fd_index,
            ino: self.ino(fd),
            mode: 0,
            owner: self.owner(),
        };
        let open = descriptor.open()?;
        let ino = descriptor.ino;
        if self.shows == Shows::Infos {
            let descriptor = Arc::new(descriptor);
            let bind = move || -> Result<Box<Make>> {
                // What another program has opened there since is not for who was judged by this one.
                let judged = access(descriptor.target(), || descriptor.open())?;
                let judged = Arc::downgrade(&judged);
                let descriptor = descriptor.clone();
                Ok(Box::new(move || {
                    let open = descriptor.open()?;
                    let is_same = core::ptr::eq(Arc::as_ptr(&open), judged.as_ptr());
                    if !is_same {
                        return Err(Errno::ENOENT);
                    }
                    info(&descriptor, &open)
                }))
            };
            let text = Text {
                ino,
                mode: 0o400,
                owner: self.owner(),
                contents: Contents::Bound(Box::new(bind)),
                take: None,
                constant: false,
            };
            return Ok(text.node());
        }
        let mut mode = 0;
        if open.readable() {
            mode |= 0o500;
        }
        if open.writable() {
            mode |= 0o300;
        }
        Ok(Node::new(
            NodeKind::Symlink,
            Descriptor { mode, ..descriptor },
        ))
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let kind = match self.shows {
            Shows::Links => NodeKind::Symlink,
            Shows::Infos => NodeKind::Regular,
        };
        // Position 3 is descriptor 0.
        let mut next = usize::try_from(from.saturating_sub(3)).unwrap_or(usize::MAX);
        let files = files_of(&self.process, self.thread.as_ref());
        while let Some(fd) = files.next_used(next) {
            let name = format!("{fd}");
            let entry = DirEntry {
                ino: self.ino(fd as u32),
                kind,
                name: name.as_bytes(),
                next: fd as u64 + 4,
            };
            if !emit(entry) {
                break;
            }
            next = fd as usize + 1;
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn files_of(process: &Process, thread: Option<&Arc<Thread>>) -> Arc<FdTable> {
    thread.map_or_else(|| process.files(), |thread| thread.files())
}

fn info(descriptor: &Descriptor, open: &OpenFile) -> Result<Vec<u8>> {
    let files = files_of(&descriptor.process, descriptor.thread.as_ref());
    let mount = open.path().map_or(0, |path| path.mount.id);
    let ino = open.attributes().map_or(0, |a| a.ino);
    let position = open.cursor().try_lock().map_or(0, |cursor| *cursor);
    let mut flags = open.flags();
    flags.set(OpenFlags::CLOEXEC, files.flag(descriptor.fd)?);
    let flags = flags.bits();
    let mut text = format!("pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{ino}\n")
        .into_bytes();
    if let Some(node) = open.node() {
        let identity = node.inode().identity().unwrap_or_default();
        let held = node.locks.held()?.into_iter();
        let ours = held.filter(|lock| lock.is_of(files.id(), open.id()));
        for (lock, number) in ours.zip(1..) {
            let line = format!("lock:\t{number}: {}", lock.line(identity));
            admission::append(&mut text, line.as_bytes())?;
        }
    }
    admission::append(&mut text, &open.file().details()?)?;
    Ok(text)
}

/// The text of a link to `path`, as the caller sees names.
pub fn text_of(path: &Path) -> Result<Vec<u8>> {
    let root = sched::current().fs().view().root;
    let (mut name, _) = path.name_from(&root, PATH_MAX)?;
    if path.dentry.is_removed() {
        admission::append(&mut name, b" (deleted)")?;
    }
    if name.len() > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    Ok(name)
}

/// One of a process's descriptors, by its number: a link that is held open must not keep what it
/// leads to, which may be another such link, or what this one is sent through.
struct Descriptor {
    process: Arc<Process>,
    thread: Option<Arc<Thread>>,
    fd: i32,
    ino: u64,
    mode: u32,
    owner: (u32, u32),
}

impl Descriptor {
    fn open(&self) -> Result<Arc<OpenFile>> {
        let open = match &self.thread {
            Some(thread) => thread.any_file(self.fd),
            None => self.process.any_file(self.fd),
        };
        open.map_err(|_| Errno::ENOENT)
    }

    fn target(&self) -> Target<'_> {
        Target {
            process: &self.process,
            thread: self.thread.as_deref(),
        }
    }
}

impl Inode for Descriptor {
    fn attributes(&self) -> Result<Attributes> {
        let (uid, gid) = self.owner;
        let base = attributes(self.ino, NodeKind::Symlink, self.mode, uid, gid);
        Ok(Attributes { size: 64, ..base })
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        let open = access(self.target(), || self.open())?;
        match open.path() {
            Some(path) => text_of(path),
            None => Ok(open.description()),
        }
    }

    fn magic_link(&self) -> Option<Result<Path>> {
        let open = access(self.target(), || self.open());
        Some(open.map(|open| opening::place_of(&open)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
