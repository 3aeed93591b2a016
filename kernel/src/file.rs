//! The one interface behind every file descriptor.
//!
//! An [`OpenFile`](crate::fs::open::OpenFile) (open file description: status flags, cursor, owner
//! for locks) points at a [`File`]: a regular file, a directory, a pipe end, a socket, an epoll
//! set, a scheme's open node. A `File` keeps no cursor: all I/O is positioned, and stream objects
//! ignore the position.

use crate::errno::{Errno, Result};
use crate::fs::node::{Attributes, Node, OpenFlags};
use crate::ipc::socket::Socket;
use crate::mm::object::MemoryObject;
use crate::sched::wait::WaitQueue;
use crate::task::footprint::Look;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
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
        const MSG = 0x400;
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
    /// O_DIRECT: a pipe keeps what is written as a packet.
    pub packets: bool,
}

/// The memory that mmap shows.
pub struct View {
    pub object: Arc<MemoryObject>,
    /// Where in the object that begins which was asked for.
    pub offset: u64,
    /// Whether what is mapped shared may be written, now or after mprotect, through a descriptor that
    /// may be.
    pub writable: bool,
}

impl View {
    #[must_use]
    pub fn new(object: Arc<MemoryObject>, offset: u64) -> View {
        View {
            object,
            offset,
            writable: true,
        }
    }
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

    /// Whether lseek does nothing, successfully: as with Linux's anonymous inodes.
    fn ignores_seek(&self) -> bool {
        false
    }

    /// What lseek does that is not about bytes, if it does.
    fn seek(&self, _offset: i64, _whence: u32) -> Option<Result<u64>> {
        None
    }

    /// How long the object is, if that is all that lseek is for: as with Linux's dma-bufs, it then goes
    /// to the end or back to the start, and moves nothing.
    fn length_to_seek(&self) -> Option<u64> {
        None
    }

    /// Where splice and sendfile take it: as what is read, and as what is written (Linux's `splice_read` and
    /// `splice_write`).
    fn splices(&self) -> Events {
        Events::empty()
    }

    /// Readiness right now. Objects that are always ready (files) keep the default.
    fn poll(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    /// Where changes of readiness are announced; none for objects that are always ready.
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Whether O_ASYNC has a meaning here: what the wait queue announces can be had as signals.
    fn signals_events(&self) -> bool {
        false
    }

    /// A terminal's foreground group, 0 when it has none.
    fn foreground(&self) -> Option<crate::task::Pid> {
        None
    }

    /// What fstat reports of an object without a name: by default an anonymous inode's.
    fn attributes(&self) -> Result<Attributes> {
        match self.node() {
            Some(node) => node.attributes(),
            None => Ok(crate::fs::unnamed::attributes(0o600)),
        }
    }

    /// What /proc/PID/fd shows for an object without a name.
    fn description(&self) -> Vec<u8> {
        b"anon_inode:[file]".to_vec()
    }

    /// Lines of /proc/PID/fdinfo that only objects of this kind have.
    fn details(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// What FIONREAD answers.
    fn readable_bytes(&self) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// fsync, or fdatasync when `data_only`.
    fn sync(&self, _data_only: bool) -> Result {
        Err(Errno::EINVAL)
    }

    /// fallocate(2), with its mode bits.
    fn allocate(&self, _mode: u32, _offset: u64, _len: u64) -> Result {
        Err(Errno::ENODEV)
    }

    /// The first offset at or after `offset` that is data (SEEK_DATA) or, with `hole`, is not
    /// (SEEK_HOLE): `ENXIO` at or past the end.
    fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        let size = self.attributes()?.size;
        if offset >= size {
            return Err(Errno::ENXIO);
        }
        Ok(if hole { size } else { offset })
    }

    /// ftruncate(2).
    fn truncate(&self, _size: u64) -> Result {
        Err(Errno::EINVAL)
    }

    /// Opens the object anew, through /proc/PID/fd: a pipe's other end, a memfd.
    fn reopen(&self, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        Err(Errno::ENXIO)
    }

    /// The object's socket calls, if it is a socket.
    fn as_socket(&self) -> Option<&dyn Socket> {
        None
    }

    /// fcntl(F_SETFL) changed the status flags.
    fn status_changed(&self, _nonblock: bool) {}

    /// A further queue, of objects that announce room for output apart from input.
    fn second_wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Device control; `arg` is the caller's untouched third argument.
    fn ioctl(&self, _cmd: u32, _arg: usize) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// The memory that mmap shows, for `[offset, offset+len)`. `write` asks for a shared writable
    /// mapping.
    fn memory(&self, _offset: u64, _len: usize, _write: bool) -> Result<View> {
        Err(Errno::ENODEV)
    }

    /// The name's target this was opened from; anonymous objects (pipes, sockets, epoll) have
    /// their own nodes, made when first asked for by fstat.
    fn node(&self) -> Option<Arc<Node>> {
        None
    }

    /// Bytes that the kernel keeps for this object, where they can be many: of what waits in it, or is watched by it.
    /// Asked with a descriptor table's lock held, also while the object is in use: what then can't be looked at may
    /// be left out.
    fn held_bytes(&self, _look: &mut Look) -> usize {
        0
    }

    /// Called when a process closes a descriptor of this description (flush of schemes hangs on
    /// it). The last reference's end is `Drop`.
    fn flush(&self) {}

    /// For downcasts to the concrete object (is this a socket? an epoll set?).
    fn as_any(&self) -> &dyn Any;
}
