//! What a server implements.

use crate::ioctl::Argument;
use crate::{Errno, Result};
use ochre_abi::scheme::{Attr, StatFs};
use std::future::Future;
use std::os::fd::OwnedFd;

/// Whom a request is served for.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
    pub pid: u32,
}

/// An open file, as the server names it.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// The server's number for it, unique among its open files.
    pub file: u64,
    /// Its readiness, in poll(2) bits ([`crate::Levels`] changes it later).
    pub level: u32,
}

/// What mmap shows.
#[derive(Debug)]
pub struct Mapping {
    pub memory: OwnedFd,
    /// Offset in `memory` of the first byte asked for.
    pub offset: u64,
}

/// A directory entry.
#[derive(Clone, Debug)]
pub struct Entry {
    pub node: u64,
    /// DT_* of dirent.
    pub kind: u8,
    pub name: String,
}

/// A server's answers. Every method has the answer of a file system that lacks the operation as
/// its default; handlers of one scheme run interleaved on one thread.
pub trait Scheme: 'static {
    /// The node called `name` in `dir`.
    fn lookup(&self, _dir: u64, _name: &str) -> impl Future<Output = Result<Attr>> {
        async { Err(Errno::NOENT) }
    }

    fn getattr(&self, node: u64) -> impl Future<Output = Result<Attr>>;

    /// All entries of a directory, without `.` and `..`.
    fn readdir(&self, _dir: u64) -> impl Future<Output = Result<Vec<Entry>>> {
        async { Err(Errno::NOTDIR) }
    }

    fn readlink(&self, _node: u64) -> impl Future<Output = Result<String>> {
        async { Err(Errno::INVAL) }
    }

    /// `flags` are open(2)'s.
    fn open(&self, caller: Caller, node: u64, flags: u32) -> impl Future<Output = Result<Opened>>;

    /// The last descriptor is gone.
    fn close(&self, _file: u64) {}

    /// Fills the front of `buffer`; EAGAIN when there is nothing yet.
    fn read(
        &self,
        _file: u64,
        _offset: u64,
        _buffer: &mut [u8],
    ) -> impl Future<Output = Result<usize>> {
        async { Err(Errno::INVAL) }
    }

    /// Takes bytes from the front of `data`; EAGAIN when there is no room yet.
    fn write(&self, _file: u64, _offset: u64, _data: &[u8]) -> impl Future<Output = Result<usize>> {
        async { Err(Errno::INVAL) }
    }

    /// What statfs tells; a scheme of a device has nothing to tell.
    fn statfs(&self) -> impl Future<Output = Result<StatFs>> {
        async { Err(Errno::NOSYS) }
    }

    fn ioctl(&self, _file: u64, _argument: &mut Argument<'_>) -> impl Future<Output = Result<u32>> {
        async { Err(Errno::NOTTY) }
    }

    fn map(
        &self,
        _file: u64,
        _offset: u64,
        _length: u64,
        _write: bool,
    ) -> impl Future<Output = Result<Mapping>> {
        async { Err(Errno::NODEV) }
    }
}

/// The attributes of a character device node that is there since a time, in nanoseconds since the
/// epoch: by that the device is told from one before it in the same place.
#[must_use]
pub fn char_device(node: u64, major: u32, minor: u32, permissions: u32, since: i64) -> Attr {
    Attr {
        node,
        mode: 0o020_000 | permissions,
        links: 1,
        rdev: rustix::fs::makedev(major, minor),
        atime: since,
        mtime: since,
        ctime: since,
        ..Attr::default()
    }
}

/// The attributes of a directory.
#[must_use]
pub fn directory(node: u64) -> Attr {
    Attr {
        node,
        mode: 0o040_555,
        links: 2,
        ..Attr::default()
    }
}

/// The attributes of a symbolic link to `target`.
#[must_use]
pub fn symlink(node: u64, target: &str) -> Attr {
    Attr {
        node,
        size: target.len() as u64,
        mode: 0o120_777,
        links: 1,
        ..Attr::default()
    }
}

/// The attributes of a regular file of `size` bytes.
#[must_use]
pub fn regular(node: u64, size: u64, permissions: u32) -> Attr {
    Attr {
        node,
        size,
        mode: 0o100_000 | permissions,
        links: 1,
        ..Attr::default()
    }
}
