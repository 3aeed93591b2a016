//! From descriptor to descriptor: sendfile, copy_file_range, splice, tee, vmsplice.
//!
//! Bytes pass through one kernel buffer of the call's own.

use super::io::{limit_count, limit_size};
use super::{file_of, vector_of};
use crate::errno::{Errno, Result};
use crate::file::{Events, Io};
use crate::fs::open::{OpenFile, Wish, check_range};
use crate::ipc::pipe::{Pipe, PipeEnd};
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::sched::cpu;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::uio::{Dest, Source};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use ochre_hal::admission;

const BUFFER: usize = 64 << 10;
const TRANSFER_MAX: usize = 0x7fff_f000;

/// What splice, tee and vmsplice know.
const SPLICE_FLAGS: u32 =
    raw::SPLICE_F_MOVE | raw::SPLICE_F_NONBLOCK | raw::SPLICE_F_MORE | raw::SPLICE_F_GIFT;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_sendfile => sendfile(ctx, a[0], a[1], a[2], a[3]),
        raw::__NR_copy_file_range => copy_file_range(ctx, a),
        raw::__NR_splice => splice(ctx, a),
        raw::__NR_tee => tee(ctx, a[0], a[1], a[2], a[3] as u32),
        raw::__NR_vmsplice => vmsplice(ctx, a[0], a[1], a[2], a[3] as u32),
        _ => return None,
    })
}

/// One side of a transfer: at an offset of its own, or at the cursor.
struct Side<'a> {
    open: &'a OpenFile,
    at: Option<u64>,
    nonblock: bool,
}

impl Side<'_> {
    fn io(&self, at: u64) -> Io {
        let io = self.open.io(at);
        Io {
            nonblock: io.nonblock || self.nonblock,
            ..io
        }
    }

    fn wish(&self) -> Wish {
        Wish {
            nonblock: self.nonblock,
            append: false,
        }
    }

    /// Where it begins.
    fn start(&self) -> u64 {
        match self.at {
            Some(at) => at,
            None if self.open.file().is_seekable() => *self.open.cursor().lock(),
            None => 0,
        }
    }

    /// EINVAL unless `count` bytes have offsets, as Linux asks first.
    fn check_range(&self, count: usize) -> Result {
        check_range(self.start(), count)
    }

    fn read(&mut self, dst: &mut Dest<'_>) -> Result<usize> {
        let read = self.open.read_with(self.at, self.wish(), dst)?;
        if let Some(at) = &mut self.at {
            *at += read as u64;
        }
        Ok(read)
    }

    fn write(&mut self, src: &mut Source<'_>) -> Result<usize> {
        let written = self.open.write_with(self.at, self.wish(), src)?;
        if let Some(at) = &mut self.at {
            *at += written as u64;
        }
        Ok(written)
    }

    /// Gives back what was read but could not be written.
    fn unread(&mut self, bytes: usize) {
        match &mut self.at {
            Some(at) => *at -= bytes as u64,
            None if self.open.file().is_seekable() => {
                let mut cursor = self.open.cursor().lock();
                *cursor = cursor.saturating_sub(bytes as u64);
            }
            None => {}
        }
    }
}

fn buffer(count: usize) -> Result<Vec<u8>> {
    Ok(admission::zeroes(count.min(BUFFER))?)
}

/// Whether another round of a transfer is worth while, or why not.
type Goes = ControlFlow<Result>;

/// Has `round` move bytes until `count` are; stops when it says so, or at a signal. A round gets a buffer of as
/// many bytes as are wanted, which `room` bounds by what the output takes at once, and how many have been moved.
/// It says how many it did.
fn rounds(
    count: usize,
    room: impl Fn() -> usize,
    mut round: impl FnMut(&mut [u8], usize) -> (usize, Goes),
) -> Result<usize> {
    let count = count.min(TRANSFER_MAX);
    let mut buffer = buffer(count)?;
    let mut moved = 0;
    while moved < count {
        let n = (count - moved).min(buffer.len()).min(room().max(1));
        let (more, goes) = round(&mut buffer[..n], moved);
        moved += more;
        match goes {
            ControlFlow::Break(Err(error)) if moved == 0 => return Err(error),
            ControlFlow::Break(_) => break,
            ControlFlow::Continue(()) if !cpu::keep_on() => break,
            ControlFlow::Continue(()) => {}
        }
    }
    Ok(moved)
}

/// Moves up to `count` bytes; stops at the end of the input, or when a further round would sleep after
/// progress.
fn pump(
    ctx: &SyscallCtx<'_>,
    from: &mut Side<'_>,
    to: &mut Side<'_>,
    count: usize,
    room: impl Fn() -> usize,
) -> Result<usize> {
    rounds(count, room, |buffer, _| {
        let read = match from.read(&mut Dest::kernel(buffer)) {
            Ok(0) => return (0, Goes::Break(Ok(()))),
            Ok(read) => read,
            Err(error) => return (0, Goes::Break(Err(error))),
        };
        let (written, result) = put(ctx, to, &buffer[..read]);
        if written < read {
            from.unread(read - written);
            return (written, Goes::Break(result));
        }
        if read < buffer.len() && !from.open.file().is_seekable() {
            return (written, Goes::Break(Ok(())));
        }
        (written, Goes::Continue(()))
    })
}

/// Writes `bytes`: how many were, and why no more.
fn put(ctx: &SyscallCtx<'_>, to: &mut Side<'_>, bytes: &[u8]) -> (usize, Result) {
    let mut done = 0;
    while done < bytes.len() {
        let mut source = Source::kernel(&bytes[done..]);
        let result =
            limit_size(ctx, to.open, to.at, &mut source).and_then(|()| to.write(&mut source));
        done += source.done();
        match result {
            Err(error) => return (done, Err(error)),
            Ok(_) if source.done() == 0 => break,
            Ok(_) => {}
        }
    }
    (done, Ok(()))
}

/// As [`pump`], from a pipe, which keeps what the output does not take.
fn drain(
    ctx: &SyscallCtx<'_>,
    (pipe, nonblock): (&Pipe, bool),
    to: &mut Side<'_>,
    count: usize,
    room: impl Fn() -> usize,
) -> Result<usize> {
    rounds(count, room, |buffer, moved| {
        let claim = match pipe.claim(nonblock || moved > 0) {
            Ok(Some(claim)) => claim,
            Ok(None) => return (0, Goes::Break(Ok(()))),
            Err(error) => return (0, Goes::Break(Err(error))),
        };
        let mut dst = Dest::kernel(buffer);
        if let Err(error) = claim.peek(&mut dst) {
            return (0, Goes::Break(Err(error)));
        }
        let read = dst.done();
        let (written, result) = put(ctx, to, &buffer[..read]);
        claim.take(written);
        if written < read {
            return (written, Goes::Break(result));
        }
        (written, Goes::Continue(()))
    })
}

fn offset_at(addr: usize) -> Result<Option<u64>> {
    if addr == 0 {
        return Ok(None);
    }
    let offset = UserPtr::<i64>::new(addr).read()?;
    u64::try_from(offset).map(Some).map_err(|_| Errno::EINVAL)
}

/// As [`offset_at`], of which nobody has asked yet whether it is one.
fn raw_offset_at(addr: usize) -> Result<Option<u64>> {
    let pointer = UserPtr::<u64>::new(addr).non_null();
    pointer.map(UserPtr::read).transpose()
}

fn store_offset(addr: usize, side: &Side<'_>) -> Result {
    match side.at {
        Some(at) => UserPtr::new(addr).write(&at),
        None => Ok(()),
    }
}

/// What was moved has been read and written.
fn counted(ctx: &SyscallCtx<'_>, moved: Result<usize>) -> Result<usize> {
    ctx.thread.transfers.read(&moved);
    ctx.thread.transfers.wrote(&moved);
    moved
}

fn sendfile(
    ctx: &SyscallCtx<'_>,
    out: usize,
    input: usize,
    offset: usize,
    count: usize,
) -> Result<usize> {
    let (input, out) = (file_of(ctx, input)?, file_of(ctx, out)?);
    if !input.readable() || !out.writable() {
        return Err(Errno::EBADF);
    }
    let at = offset_at(offset)?;
    if at.is_some() && !input.file().is_seekable() {
        return Err(Errno::ESPIPE);
    }
    if !input.file().is_seekable() || out.io(0).append {
        return Err(Errno::EINVAL);
    }
    let mut from = Side {
        open: &input,
        at,
        nonblock: false,
    };
    let mut to = Side {
        open: &out,
        at: None,
        nonblock: false,
    };
    from.check_range(count)?;
    to.check_range(count)?;
    if count > 0 {
        check_kinds(&input, &out)?;
    }
    let moved = counted(ctx, pump(ctx, &mut from, &mut to, count, || usize::MAX))?;
    store_offset(offset, &from)?;
    Ok(moved)
}

/// Not everything that can be read and written can be spliced.
fn check_kinds(input: &OpenFile, out: &OpenFile) -> Result {
    let reads = input.file().splices().contains(Events::READABLE);
    let writes = out.file().splices().contains(Events::WRITABLE);
    if reads && writes {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

fn copy_file_range(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    if a[5] != 0 {
        return Err(Errno::EINVAL);
    }
    let (input, out) = (file_of(ctx, a[0])?, file_of(ctx, a[2])?);
    let attributes = [input.attributes()?, out.attributes()?];
    let kinds = attributes.each_ref().map(|of| of.mode & raw::S_IFMT);
    if kinds.contains(&raw::S_IFDIR) {
        return Err(Errno::EISDIR);
    }
    if kinds != [raw::S_IFREG; 2] {
        return Err(Errno::EINVAL);
    }
    if !input.readable() || !out.writable() || out.io(0).append {
        return Err(Errno::EBADF);
    }
    let [from, to] = attributes.map(|of| of.dev);
    if from != to {
        return Err(Errno::EXDEV);
    }
    let mut from = Side {
        open: &input,
        at: raw_offset_at(a[1])?,
        nonblock: false,
    };
    let mut to = Side {
        open: &out,
        at: raw_offset_at(a[3])?,
        nonblock: false,
    };
    // In Linux's order: what wraps, what is not there, what has no offsets.
    if from.start().checked_add(a[4] as u64).is_none()
        || to.start().checked_add(a[4] as u64).is_none()
    {
        return Err(Errno::EOVERFLOW);
    }
    let there = attributes[0].size.saturating_sub(from.start());
    let count = a[4].min(usize::try_from(there).unwrap_or(usize::MAX));
    if count == 0 && i64::try_from(from.start()).is_ok() {
        return Ok(0);
    }
    from.check_range(count)?;
    to.check_range(count)?;
    let count = count.min(TRANSFER_MAX);
    if input.node() == out.node() && from.start().abs_diff(to.start()) < count as u64 {
        return Err(Errno::EINVAL);
    }
    let count = limit_count(ctx, &out, to.at, count)?;
    let moved = counted(ctx, pump(ctx, &mut from, &mut to, count, || usize::MAX))?;
    store_offset(a[1], &from)?;
    store_offset(a[3], &to)?;
    Ok(moved)
}

fn splice(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    let flags = a[5] as u32;
    if flags & !SPLICE_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if a[4] == 0 {
        return Ok(0);
    }
    let (input, out) = (file_of(ctx, a[0])?, file_of(ctx, a[2])?);
    if !input.readable() || !out.writable() {
        return Err(Errno::EBADF);
    }
    let source = input.downcast::<PipeEnd>();
    let target = out.downcast::<PipeEnd>();
    if (source.is_some() && a[1] != 0) || (target.is_some() && a[3] != 0) {
        return Err(Errno::ESPIPE);
    }
    if source.is_none() && target.is_none() {
        return Err(Errno::EINVAL);
    }
    if let (Some(source), Some(target)) = (source, target)
        && alloc::sync::Arc::ptr_eq(source.pipe(), target.pipe())
    {
        return Err(Errno::EINVAL);
    }
    let seekable = |open: &OpenFile| open.file().is_seekable();
    if a[1] != 0 && !seekable(&input) || a[3] != 0 && !seekable(&out) {
        return Err(Errno::EINVAL);
    }
    if target.is_none() && out.io(0).append {
        return Err(Errno::EINVAL);
    }
    check_kinds(&input, &out)?;
    let nonblock = flags & raw::SPLICE_F_NONBLOCK != 0;
    let mut from = Side {
        open: &input,
        at: offset_at(a[1])?,
        nonblock: nonblock && source.is_some(),
    };
    let mut to = Side {
        open: &out,
        at: offset_at(a[3])?,
        nonblock: nonblock && target.is_some(),
    };
    if source.is_none() {
        from.check_range(a[4].min(TRANSFER_MAX))?;
    } else if target.is_none() {
        to.check_range(a[4])?;
    }
    // A socket cannot take its bytes back: read only what the other side has room for.
    let room = || target.map_or(usize::MAX, |end| end.pipe().room());
    let waits = !to.io(0).nonblock;
    let moved = loop {
        if let Some(target) = target {
            target.pipe().wait_for_room(!waits)?;
        }
        let count = a[4].min(room());
        let Some(source) = source else {
            break pump(ctx, &mut from, &mut to, count, room)?;
        };
        // Who has a claim on one pipe does not wait for another's reader.
        to.nonblock |= target.is_some();
        let nonblock = from.io(0).nonblock;
        match drain(ctx, (source.pipe(), nonblock), &mut to, count, room) {
            // Another writer was faster.
            Err(Errno::EAGAIN) if target.is_some() && waits && !nonblock => {}
            moved => break moved?,
        }
    };
    store_offset(a[1], &from)?;
    store_offset(a[3], &to)?;
    Ok(moved)
}

fn tee(ctx: &SyscallCtx<'_>, input: usize, out: usize, count: usize, flags: u32) -> Result<usize> {
    if flags & !SPLICE_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if count == 0 {
        return Ok(0);
    }
    let (input, out) = (file_of(ctx, input)?, file_of(ctx, out)?);
    if !input.readable() || !out.writable() {
        return Err(Errno::EBADF);
    }
    let source = input.downcast::<PipeEnd>().ok_or(Errno::EINVAL)?.pipe();
    let target = out.downcast::<PipeEnd>().ok_or(Errno::EINVAL)?.pipe();
    if alloc::sync::Arc::ptr_eq(source, target) {
        return Err(Errno::EINVAL);
    }
    let nonblock = flags & raw::SPLICE_F_NONBLOCK != 0;
    target.wait_for_room(nonblock)?;
    let mut buffer = buffer(count.min(target.room()))?;
    let n = source.peek(&mut Dest::kernel(&mut buffer), nonblock)?;
    out.file().write(
        Io {
            nonblock,
            ..out.io(0)
        },
        &mut Source::kernel(&buffer[..n]),
    )
}

fn vmsplice(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    addr: usize,
    count: usize,
    flags: u32,
) -> Result<usize> {
    if flags & !SPLICE_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let open = file_of(ctx, fd)?;
    open.downcast::<PipeEnd>().ok_or(Errno::EBADF)?;
    let ranges = vector_of(addr, count)?;
    let io = open.io(0);
    let io = Io {
        nonblock: io.nonblock || flags & raw::SPLICE_F_NONBLOCK != 0,
        ..io
    };
    if open.writable() {
        open.file().write(io, &mut Source::user(ranges))
    } else {
        open.file().read(io, &mut Dest::user(ranges))
    }
}
