//! The file system calls: each takes its arguments apart and asks the room that knows.

pub mod aio;
pub mod attributes;
pub mod descriptors;
mod fcntl;
pub mod io;
mod ioctl;
pub mod mount;
pub mod names;
pub mod opening;
pub mod position;
pub mod stat;
pub mod transfer;
mod vectors;
pub mod xattr;

use crate::errno::{Errno, Result};
use crate::fs::access::Identity;
use crate::fs::context::FsView;
use crate::fs::namespace::Path;
use crate::fs::open::OpenFile;
use crate::fs::path::{PATH_MAX, Resolve};
use crate::linux::general as raw;
use crate::mm::uptr;
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::{Capabilities, Credentials};
use crate::task::limits::Resource;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use vectors::{dest_of, source_of, vector_of};

impl Identity {
    /// What `thread` may do to files.
    #[must_use]
    pub fn of_thread(thread: &Thread) -> Identity {
        Identity {
            domain: thread.landlock.domain(),
            ..Identity::of(&thread.credentials())
        }
    }

    /// What `credentials` may do to files.
    #[must_use]
    pub fn of(credentials: &Credentials) -> Identity {
        Identity {
            uid: credentials.uid.fs,
            gid: credentials.gid.fs,
            groups: credentials.groups.clone(),
            overrides: credentials.can(Capabilities::DAC_OVERRIDE),
            reads_all: credentials.can(Capabilities::DAC_READ_SEARCH),
            owns_all: credentials.can(Capabilities::FOWNER),
            chowns: credentials.can(Capabilities::CHOWN),
            keeps_set_id: credentials.can(Capabilities::FSETID),
            makes_devices: credentials.can(Capabilities::MKNOD),
            domain: None,
        }
    }
}

/// A caller's view of the tree and what it may do there.
pub struct Caller {
    pub identity: Identity,
    pub view: FsView,
}

impl Caller {
    #[must_use]
    pub fn of(ctx: &SyscallCtx<'_>) -> Caller {
        Caller {
            identity: Identity::of_thread(ctx.thread),
            view: ctx.thread.fs().view(),
        }
    }

    /// Where a path relative to the descriptor `at` starts.
    pub fn start(&self, ctx: &SyscallCtx<'_>, at: usize, path: &[u8]) -> Result<Path> {
        let at = at as i32;
        if at == raw::AT_FDCWD || path.first() == Some(&b'/') {
            return Ok(self.view.cwd.clone());
        }
        let open = ctx.thread.files().get(at)?;
        let place = crate::fs::opening::place_of(&open);
        if !path.is_empty() && !place.node().is_dir() {
            return Err(Errno::ENOTDIR);
        }
        Ok(place)
    }

    pub fn lookup(
        &self,
        ctx: &SyscallCtx<'_>,
        at: usize,
        path: &[u8],
        resolve: Resolve,
    ) -> Result<Path> {
        let start = self.start(ctx, at, path)?;
        if path.is_empty() && resolve.contains(Resolve::EMPTY) {
            return Ok(start);
        }
        self.view.lookup_at(&self.identity, start, path, resolve)
    }

    /// The place that (`at`, `path`, AT_* `flags`) names; follows links unless told otherwise.
    pub fn place(
        &self,
        ctx: &SyscallCtx<'_>,
        at: usize,
        path: usize,
        flags: u32,
        allowed: u32,
    ) -> Result<Path> {
        if flags & !allowed != 0 {
            return Err(Errno::EINVAL);
        }
        let mut resolve = Resolve::FOLLOW;
        if flags & raw::AT_SYMLINK_NOFOLLOW != 0 {
            resolve -= Resolve::FOLLOW;
        }
        if flags & raw::AT_EMPTY_PATH != 0 {
            resolve |= Resolve::EMPTY;
        }
        let path = if path == 0 && flags & raw::AT_EMPTY_PATH != 0 {
            Vec::new()
        } else {
            read_path(path)?
        };
        self.lookup(ctx, at, &path, resolve)
    }
}

/// A path from user space.
pub fn read_path(addr: usize) -> Result<Vec<u8>> {
    uptr::read_string(addr, PATH_MAX, Errno::ENAMETOOLONG)
}

/// "The working directory", as an argument.
const CWD: usize = raw::AT_FDCWD as usize;

/// Installs a description at the lowest free descriptor.
pub fn install(ctx: &SyscallCtx<'_>, open: Arc<OpenFile>, close_on_exec: bool) -> Result<usize> {
    let limit = ctx.process.limit(Resource::Files);
    ctx.thread
        .files()
        .insert(open, close_on_exec, limit)
        .map(|fd| fd as usize)
}

/// The description behind a descriptor, for anything but what O_PATH allows.
pub fn file_of(ctx: &SyscallCtx<'_>, fd: usize) -> Result<Arc<OpenFile>> {
    ctx.thread.open_file(fd as i32)
}
