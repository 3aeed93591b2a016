//! Calls about descriptors themselves, and inotify's.

use super::{Caller, fcntl, file_of, install, ioctl, read_path};
use crate::errno::{Errno, Result};
use crate::fs::access::Access;
use crate::fs::inotify::{InotifyFile, Mask};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::fs::path::Resolve;
use crate::linux::general as raw;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::limits::Resource;
use alloc::sync::Arc;

/// close_range's flags.
const CLOSE_RANGE_UNSHARE: u32 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_close => ctx.thread.files().close(a[0] as i32).map(|()| 0),
        raw::__NR_close_range => close_range(ctx, a[0] as u32, a[1] as u32, a[2] as u32),
        raw::__NR_dup => dup(ctx, a[0]),
        raw::__NR_dup2 if a[0] as u32 == a[1] as u32 => ctx
            .thread
            .files()
            .get(a[0] as i32)
            .map(|_| a[1] as u32 as usize),
        raw::__NR_dup2 => dup3(ctx, a[0], a[1], 0),
        raw::__NR_dup3 => dup3(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_fcntl => fcntl::fcntl(ctx, a[0], a[1] as u32, a[2]),
        raw::__NR_ioctl => ioctl::ioctl(ctx, a[0], a[1] as u32, a[2]),
        raw::__NR_flock => flock(ctx, a[0], a[1] as u32),
        raw::__NR_inotify_init => inotify_init(ctx, 0),
        raw::__NR_inotify_init1 => inotify_init(ctx, a[0] as u32),
        raw::__NR_inotify_add_watch => inotify_add(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_inotify_rm_watch => inotify_remove(ctx, a[0], a[1] as i32),
        _ => return None,
    })
}

fn close_range(ctx: &SyscallCtx<'_>, first: u32, last: u32, flags: u32) -> Result<usize> {
    if flags & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 || first > last {
        return Err(Errno::EINVAL);
    }
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        ctx.thread.unshare_files()?;
    }
    let mark = flags & CLOSE_RANGE_CLOEXEC != 0;
    ctx.thread.files().close_range(first, last, mark);
    Ok(0)
}

fn dup(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = ctx.thread.files().get(fd as i32)?;
    install(ctx, open, false)
}

fn dup3(ctx: &SyscallCtx<'_>, old: usize, new: usize, flags: u32) -> Result<usize> {
    if flags & !raw::O_CLOEXEC != 0 || old as u32 == new as u32 {
        return Err(Errno::EINVAL);
    }
    let limit = ctx.process.limit(Resource::Files);
    let files = ctx.thread.files();
    if u64::from(new as u32) >= limit {
        return Err(Errno::EBADF);
    }
    let open = files.get(old as i32)?;
    files.replace(new as i32, open, flags & raw::O_CLOEXEC != 0, limit)?;
    Ok(new as u32 as usize)
}

fn flock(ctx: &SyscallCtx<'_>, fd: usize, operation: u32) -> Result<usize> {
    // LOCK_MAND was never more than a wish, and Linux ignores such calls.
    if operation & raw::LOCK_MAND != 0 {
        return Ok(0);
    }
    let nonblock = operation & raw::LOCK_NB != 0;
    let operation = operation & !raw::LOCK_NB;
    let open = file_of(ctx, fd)?;
    // Objects without a name have nobody to share a lock with.
    let node = open.node();
    match (operation, node) {
        (raw::LOCK_SH | raw::LOCK_EX, Some(node)) => {
            let (pid, exclusive) = (ctx.process.pid as i32, operation == raw::LOCK_EX);
            node.locks.lock_whole(open.id(), pid, exclusive, nonblock)?;
        }
        (raw::LOCK_UN, Some(node)) => node.locks.unlock_whole(open.id()),
        (raw::LOCK_SH | raw::LOCK_EX | raw::LOCK_UN, None) => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn inotify_init(ctx: &SyscallCtx<'_>, flags: u32) -> Result<usize> {
    if flags & !(raw::O_CLOEXEC | raw::O_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let status = OpenFlags::from_bits_truncate(flags) & OpenFlags::NONBLOCK;
    let open = OpenFile::unnamed(
        Arc::new(InotifyFile::new(ctx.thread.credentials().uid.effective)?),
        status,
    )?;
    install(ctx, open, flags & raw::O_CLOEXEC != 0)
}

fn inotify_add(ctx: &SyscallCtx<'_>, fd: usize, path: usize, mask: u32) -> Result<usize> {
    let mask = Mask::from_bits(mask).ok_or(Errno::EINVAL)?;
    if mask.contains(Mask::MASK_ADD | Mask::MASK_CREATE) {
        return Err(Errno::EINVAL);
    }
    let open = file_of(ctx, fd)?;
    let instance = open.downcast::<InotifyFile>().ok_or(Errno::EINVAL)?;
    let mut resolve = Resolve::FOLLOW;
    if mask.contains(Mask::DONT_FOLLOW) {
        resolve -= Resolve::FOLLOW;
    }
    if mask.contains(Mask::ONLYDIR) {
        resolve |= Resolve::DIRECTORY;
    }
    let caller = Caller::of(ctx);
    let place = caller
        .view
        .lookup(&caller.identity, &read_path(path)?, resolve)?;
    caller.identity.check_node(place.node(), Access::READ)?;
    instance
        .add(place.node(), mask)
        .map(|number| number as usize)
}

fn inotify_remove(ctx: &SyscallCtx<'_>, fd: usize, number: i32) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    open.downcast::<InotifyFile>()
        .ok_or(Errno::EINVAL)?
        .remove(number)?;
    Ok(0)
}
