//! The cursor, and what is about ranges of a file: lseek, truncate, fallocate, sync, advice.

use super::io::limit_length;
use super::{Caller, file_of, read_path};
use crate::errno::{Errno, Result};
use crate::fs::access::Access;
use crate::fs::busy::WriteUse;
use crate::fs::directory::{self, Directory};
use crate::fs::inotify::{self, Mask};
use crate::fs::landlock::Rights;
use crate::fs::lease;
use crate::fs::node::{AttributeChange, NodeKind};
use crate::fs::path::Resolve;
use crate::fs::unnamed;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::{Answer, Args, SyscallCtx};

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_lseek => lseek(ctx, a[0], a[1] as i64, a[2] as u32),
        raw::__NR_getdents64 => getdents64(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_getdents => getdents(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_truncate => truncate(ctx, a[0], a[1] as i64),
        raw::__NR_ftruncate => ftruncate(ctx, a[0], a[1] as i64),
        raw::__NR_fallocate => fallocate(ctx, a[0], a[1] as u32, a[2] as i64, a[3] as i64),
        raw::__NR_fsync => file_of(ctx, a[0])
            .and_then(|open| open.file().sync(false))
            .map(|()| 0),
        raw::__NR_fdatasync => file_of(ctx, a[0])
            .and_then(|open| open.file().sync(true))
            .map(|()| 0),
        raw::__NR_sync_file_range => sync_file_range(ctx, a[0]),
        raw::__NR_sync => sync(ctx),
        raw::__NR_syncfs => syncfs(ctx, a[0]),
        raw::__NR_fadvise64 => fadvise(ctx, a[0], a[2] as i64, a[3] as u32),
        raw::__NR_readahead => readahead(ctx, a[0]),
        _ => return None,
    })
}

fn lseek(ctx: &SyscallCtx<'_>, fd: usize, offset: i64, whence: u32) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if whence > raw::SEEK_HOLE {
        return Err(Errno::EINVAL);
    }
    if open.file().ignores_seek() {
        return Ok(0);
    }
    if let Some(sought) = open.file().seek(offset, whence) {
        return sought.map(|at| at as usize);
    }
    if let Some(length) = open.file().length_to_seek() {
        return match (whence, offset) {
            (raw::SEEK_SET, 0) => Ok(0),
            (raw::SEEK_END, 0) => Ok(length as usize),
            _ => Err(Errno::EINVAL),
        };
    }
    if !open.file().is_seekable() {
        return Err(Errno::ESPIPE);
    }
    let mut cursor = open.cursor().lock();
    let target = match whence {
        raw::SEEK_SET => offset,
        raw::SEEK_CUR => (*cursor as i64)
            .checked_add(offset)
            .ok_or(Errno::EOVERFLOW)?,
        raw::SEEK_END => {
            // A directory's end is past all entries.
            let end = match open.downcast::<Directory>() {
                Some(_) => i64::MAX,
                None => i64::try_from(open.attributes()?.size).map_err(|_| Errno::EOVERFLOW)?,
            };
            end.checked_add(offset).ok_or(Errno::EOVERFLOW)?
        }
        _ => {
            let offset = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            let found = open.file().seek_data(offset, whence == raw::SEEK_HOLE)?;
            i64::try_from(found).map_err(|_| Errno::EOVERFLOW)?
        }
    };
    *cursor = u64::try_from(target).map_err(|_| Errno::EINVAL)?;
    Ok(*cursor as usize)
}

fn getdents64(ctx: &SyscallCtx<'_>, fd: usize, buffer: usize, count: u32) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    let entries = directory::next_entries(&open, count as usize)?;
    UserPtr::<u8>::new(buffer).write_slice(&entries)?;
    Ok(entries.len())
}

/// The older form: an entry's kind is its last byte instead of standing before the name.
fn getdents(ctx: &SyscallCtx<'_>, fd: usize, buffer: usize, count: u32) -> Result<usize> {
    const KIND: usize = 18;
    let open = file_of(ctx, fd)?;
    let mut entries = directory::next_entries(&open, count as usize)?;
    let mut rest = entries.as_mut_slice();
    while rest.len() > KIND {
        let size = usize::from(u16::from_ne_bytes([rest[16], rest[17]]));
        let (entry, next) = rest.split_at_mut(size);
        let kind = entry[KIND];
        entry.copy_within(KIND + 1.., KIND);
        entry[size - 1] = kind;
        rest = next;
    }
    UserPtr::<u8>::new(buffer).write_slice(&entries)?;
    Ok(entries.len())
}

fn truncate(ctx: &SyscallCtx<'_>, path: usize, size: i64) -> Result<usize> {
    let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
    let caller = Caller::of(ctx);
    let place = caller
        .view
        .lookup(&caller.identity, &read_path(path)?, Resolve::FOLLOW)?;
    match place.node().kind() {
        NodeKind::Regular => {}
        NodeKind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    place.mount.check_writable()?;
    caller.identity.check_node(place.node(), Access::WRITE)?;
    caller.identity.check_confined(&place, Rights::TRUNCATE)?;
    limit_length(ctx, size)?;
    let _writing = WriteUse::of(&unnamed::underlying(place.node()))?;
    lease::give_way(place.node(), true, false)?;
    let change = AttributeChange {
        size: Some(size),
        ..Default::default()
    };
    place.node().inode().set_attributes(&change)?;
    inotify::notify(&place, Mask::MODIFY);
    Ok(0)
}

fn ftruncate(ctx: &SyscallCtx<'_>, fd: usize, size: i64) -> Result<usize> {
    let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
    let open = file_of(ctx, fd)?;
    if !open.writable() {
        return Err(Errno::EINVAL);
    }
    open.check_truncation()?;
    limit_length(ctx, size)?;
    open.file().truncate(size)?;
    if let Some(path) = open.path() {
        inotify::notify(path, Mask::MODIFY);
    }
    Ok(0)
}

fn fallocate(ctx: &SyscallCtx<'_>, fd: usize, mode: u32, offset: i64, len: i64) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let len = u64::try_from(len)
        .ok()
        .filter(|&len| len > 0)
        .ok_or(Errno::EINVAL)?;
    let punch = mode & raw::FALLOC_FL_PUNCH_HOLE != 0;
    if punch && mode & raw::FALLOC_FL_KEEP_SIZE == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    if !punch {
        limit_length(ctx, offset.saturating_add(len))?;
    }
    open.file().allocate(mode, offset, len)?;
    Ok(0)
}

fn sync_file_range(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if !open.file().is_seekable() {
        return Err(Errno::ESPIPE);
    }
    open.file().sync(true)?;
    Ok(0)
}

fn sync(ctx: &SyscallCtx<'_>) -> Result<usize> {
    for mount in ctx.thread.fs().view().namespace.mounts() {
        // sync(2) has no way to report a failure.
        let _ = mount.root().node().inode().sync();
    }
    Ok(0)
}

fn syncfs(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if let Some(path) = open.path() {
        path.mount.root().node().inode().sync()?;
    }
    Ok(0)
}

fn fadvise(ctx: &SyscallCtx<'_>, fd: usize, len: i64, advice: u32) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if open.attributes()?.mode & raw::S_IFMT == raw::S_IFIFO {
        return Err(Errno::ESPIPE);
    }
    if len < 0 || advice > raw::POSIX_FADV_NOREUSE {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}

fn readahead(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    if open.attributes()?.mode & raw::S_IFMT != raw::S_IFREG {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}
