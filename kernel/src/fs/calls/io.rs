//! read, write and their variants.

use super::{dest_of, file_of, source_of, vector_of};
use crate::errno::{Errno, Result};
use crate::fs::open::{OpenFile, Wish};
use crate::linux::general as raw;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::limits::{INFINITY, Resource};
use crate::task::signal::{self, SigInfo};
use crate::uio::{Dest, Source};

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_read => read(ctx, a[0], a[1], a[2]),
        raw::__NR_write => write(ctx, a[0], a[1], a[2]),
        raw::__NR_pread64 => pread(ctx, a[0], a[1], a[2], a[3]),
        raw::__NR_pwrite64 => pwrite(ctx, a[0], a[1], a[2], a[3]),
        raw::__NR_readv => counted_readv(ctx, a, CURSOR, 0),
        raw::__NR_writev => counted_writev(ctx, a, CURSOR, 0),
        raw::__NR_preadv => offset_of(a[3]).and_then(|at| counted_readv(ctx, a, at, 0)),
        raw::__NR_pwritev => offset_of(a[3]).and_then(|at| counted_writev(ctx, a, at, 0)),
        raw::__NR_preadv2 => cursor_or(a[3]).and_then(|at| counted_readv(ctx, a, at, a[5] as u32)),
        raw::__NR_pwritev2 => {
            cursor_or(a[3]).and_then(|at| counted_writev(ctx, a, at, a[5] as u32))
        }
        _ => return None,
    })
}

/// Where a transfer happens: at the cursor, or at an offset.
type At = Option<u64>;
const CURSOR: At = None;

fn offset_of(raw: usize) -> Result<At> {
    if raw.cast_signed() < 0 {
        Err(Errno::EINVAL)
    } else {
        Ok(Some(raw as u64))
    }
}

/// preadv2's offset: −1 is the cursor.
fn cursor_or(raw: usize) -> Result<At> {
    if raw.cast_signed() == -1 {
        Ok(CURSOR)
    } else {
        offset_of(raw)
    }
}

/// Whether the call was one that reads or writes at all, however that ended.
fn is_transfer(result: &Result<usize>) -> bool {
    !matches!(result, Err(Errno::EBADF | Errno::ESPIPE))
}

fn count_read(ctx: &SyscallCtx<'_>, result: Result<usize>) -> Result<usize> {
    if is_transfer(&result) {
        ctx.thread.transfers.read(&result);
    }
    result
}

fn count_write(ctx: &SyscallCtx<'_>, result: Result<usize>) -> Result<usize> {
    if is_transfer(&result) {
        ctx.thread.transfers.wrote(&result);
    }
    result
}

fn counted_readv(ctx: &SyscallCtx<'_>, a: Args, at: At, flags: u32) -> Result<usize> {
    let result = readv(ctx, a[0], a[1], a[2], at, flags);
    ctx.thread.transfers.read(&result);
    result
}

fn counted_writev(ctx: &SyscallCtx<'_>, a: Args, at: At, flags: u32) -> Result<usize> {
    let result = writev(ctx, a[0], a[1], a[2], at, flags);
    ctx.thread.transfers.wrote(&result);
    result
}

fn read(ctx: &SyscallCtx<'_>, fd: usize, addr: usize, count: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    let mut dst = dest_of(addr, count)?;
    count_read(ctx, open.read(&mut dst))
}

fn pread(ctx: &SyscallCtx<'_>, fd: usize, addr: usize, count: usize, at: usize) -> Result<usize> {
    if at.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let open = file_of(ctx, fd)?;
    let mut dst = dest_of(addr, count)?;
    count_read(ctx, open.read_at(at as u64, &mut dst))
}

fn write(ctx: &SyscallCtx<'_>, fd: usize, addr: usize, count: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    let mut source = source_of(addr, count)?;
    limit_size(ctx, &open, CURSOR, &mut source)?;
    count_write(ctx, open.write(&mut source))
}

fn pwrite(ctx: &SyscallCtx<'_>, fd: usize, addr: usize, count: usize, at: usize) -> Result<usize> {
    if at.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let open = file_of(ctx, fd)?;
    let mut source = source_of(addr, count)?;
    limit_size(ctx, &open, Some(at as u64), &mut source)?;
    count_write(ctx, open.write_at(at as u64, &mut source))
}

/// Flags of preadv2 and pwritev2 that are understood; all but NOWAIT and APPEND are hints here.
pub(super) const RWF_KNOWN: u32 =
    raw::RWF_HIPRI | raw::RWF_DSYNC | raw::RWF_SYNC | raw::RWF_NOWAIT | raw::RWF_APPEND;

pub(super) fn wish_of(flags: u32) -> Wish {
    Wish {
        nonblock: flags & raw::RWF_NOWAIT != 0,
        append: flags & raw::RWF_APPEND != 0,
    }
}

fn readv(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    addr: usize,
    count: usize,
    at: At,
    flags: u32,
) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    let mut dst = Dest::user(vector_of(addr, count)?);
    if flags & !RWF_KNOWN != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    open.read_with(at, wish_of(flags), &mut dst)
}

fn writev(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    addr: usize,
    count: usize,
    at: At,
    flags: u32,
) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    let mut src = Source::user(vector_of(addr, count)?);
    if flags & !RWF_KNOWN != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    limit_size(ctx, &open, at, &mut src)?;
    open.write_with(at, wish_of(flags), &mut src)
}

/// RLIMIT_FSIZE: cuts a write short, or ends it with SIGXFSZ when nothing may be written.
pub fn limit_size(
    ctx: &SyscallCtx<'_>,
    open: &OpenFile,
    at: At,
    source: &mut Source<'_>,
) -> Result {
    let allowed = limit_count(ctx, open, at, source.remaining())?;
    source.truncate(allowed);
    Ok(())
}

/// As [`limit_size`]: how many of `count` bytes may be written.
pub fn limit_count(ctx: &SyscallCtx<'_>, open: &OpenFile, at: At, count: usize) -> Result<usize> {
    let limit = ctx.process.limit(Resource::FileSize);
    if limit == INFINITY || !open.file().is_seekable() {
        return Ok(count);
    }
    let io = open.io(0);
    let start = if io.append {
        open.attributes()?.size
    } else {
        at.unwrap_or_else(|| *open.cursor().lock())
    };
    if count == 0 {
        return Ok(0);
    }
    check_size(ctx, start, limit)?;
    Ok(count.min(usize::try_from(limit - start).unwrap_or(usize::MAX)))
}

/// SIGXFSZ and EFBIG when a file is to reach beyond `start`, which is at or past the limit.
fn check_size(ctx: &SyscallCtx<'_>, start: u64, limit: u64) -> Result {
    if start >= limit {
        signal::send_to_thread(ctx.thread, SigInfo::kernel(signal::SIGXFSZ));
        return Err(Errno::EFBIG);
    }
    Ok(())
}

/// RLIMIT_FSIZE for truncate and fallocate.
pub fn limit_length(ctx: &SyscallCtx<'_>, size: u64) -> Result {
    let limit = ctx.process.limit(Resource::FileSize);
    if limit == INFINITY || size <= limit {
        Ok(())
    } else {
        check_size(ctx, size, limit)
    }
}
