//! The one interface behind every file descriptor.
//!
//! An [`OpenFile`](crate::fs::open::OpenFile) (open file description: status flags, cursor, owner
//! for locks) points at a [`File`]: a regular file, a directory, a pipe end, a socket, an epoll
//! set, a scheme's open node. A `File` keeps no cursor: all I/O is positioned, and stream objects
//! ignore the position.

use crate::errno::{Errno, Result};
use crate::fs::node::Node;
use crate::mm::object::MemoryObject;
use crate::sched::wait::WaitQueue;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use bitflags::bitflags;
use core::any::Any;

bitflags! {
    /// Readiness, in the bits of poll(2) and epoll(7).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Events: u32 {
        const IN = 0x001;
        const PRI = 0x002;
        const OUT = 0x004;
        const ERR = 0x008;
        const HUP = 0x010;
        const NVAL = 0x020;
        const RDNORM = 0x040;
        const RDBAND = 0x080;
        const WRNORM = 0x100;
        const WRBAND = 0x200;
        const RDHUP = 0x2000;
    }
}

impl Events {
    /// What a stream that can be read reports.
    pub const READABLE: Events = Events::IN.union(Events::RDNORM);
    /// What a stream that can be written reports.
    pub const WRITABLE: Events = Events::OUT.union(Events::WRNORM);
}

/// One positioned request.
#[derive(Clone, Copy, Debug)]
pub struct Io {
    /// Byte offset; ignored by streams.
    pub offset: u64,
    /// O_NONBLOCK or RWF_NOWAIT: EAGAIN instead of sleeping.
    pub nonblock: bool,
    /// O_APPEND: a seekable file writes at its end, chosen under its own lock.
    pub append: bool,
}

/// What an open file description points at. Methods have the answer of an object that lacks the
/// capability as their default.
pub trait File: Any + Send + Sync {
    /// Reads at most `dst.remaining()` bytes; 0 is the end of the file. May sleep.
    fn read(&self, _io: Io, _dst: &mut Dest<'_>) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Writes at most `src.remaining()` bytes. May sleep.
    fn write(&self, _io: Io, _src: &mut Source<'_>) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Whether lseek, pread and pwrite make sense; the cursor moves only then.
    fn is_seekable(&self) -> bool {
        false
    }

    /// Readiness right now. Objects that are always ready (files) keep the default.
    fn poll(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    /// Where changes of readiness are announced; none for objects that are always ready.
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Device control; `arg` is the caller's untouched third argument.
    fn ioctl(&self, _cmd: u32, _arg: usize) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// The memory that mmap shows, for `[offset, offset+len)`: the object, and the offset in it
    /// that corresponds. `write` asks for a shared writable mapping.
    fn memory(&self, _offset: u64, _len: usize, _write: bool) -> Result<(Arc<MemoryObject>, u64)> {
        Err(Errno::ENODEV)
    }

    /// The name's target this was opened from; anonymous objects (pipes, sockets, epoll) have
    /// their own nodes, made when first asked for by fstat.
    fn node(&self) -> Option<Arc<Node>> {
        None
    }

    /// Called when the last descriptor of one process on this description is closed (POSIX locks
    /// and flush of schemes hang on it). The last reference's end is `Drop`.
    fn flush(&self) {}

    /// For downcasts to the concrete object (is this a socket? an epoll set?).
    fn as_any(&self) -> &dyn Any;
}
