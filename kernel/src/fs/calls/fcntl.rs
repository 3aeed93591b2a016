//! fcntl(2): descriptor and status flags, record locks, pipes' sizes, seals.

use crate::errno::{Errno, Result};
use crate::fs::dnotify;
use crate::fs::flock::{Owner, RangeLock};
use crate::fs::lease;
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::fs::sigio::Recipient;
use crate::fs::tmpfs::{Seals, TmpFile};
use crate::ipc::pipe::PipeEnd;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::Capabilities;
use crate::task::limits::Resource;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};

const F_ADD_SEALS: u32 = 1033;
const F_GET_SEALS: u32 = 1034;
const F_SETPIPE_SZ: u32 = 1031;
const F_GETPIPE_SZ: u32 = 1032;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_DUPFD_QUERY: u32 = 1027;

pub fn fcntl(ctx: &SyscallCtx<'_>, fd: usize, command: u32, arg: usize) -> Result<usize> {
    let fd = fd as i32;
    let files = ctx.thread.files();
    let open = files.get(fd)?;
    match command {
        raw::F_DUPFD | F_DUPFD_CLOEXEC => {
            let limit = ctx.process.limit(Resource::Files);
            let from = arg as u32 as usize;
            if from as u64 >= limit {
                return Err(Errno::EINVAL);
            }
            let close_on_exec = command == F_DUPFD_CLOEXEC;
            return files
                .insert_from(from, open, close_on_exec, limit)
                .map(|fd| fd as usize);
        }
        raw::F_GETFD => return files.flag(fd).map(usize::from),
        raw::F_SETFD => {
            files.set_flag(fd, arg as u32 & raw::FD_CLOEXEC != 0)?;
            return Ok(0);
        }
        raw::F_GETFL => return Ok(open.flags().bits() as usize),
        F_DUPFD_QUERY => {
            let other = files.get(arg as i32)?;
            return Ok(usize::from(Arc::ptr_eq(&open, &other)));
        }
        _ if open.is_path_only() => return Err(Errno::EBADF),
        _ => {}
    }
    match command {
        raw::F_SETFL => set_status(ctx, &open, fd, arg as u32),
        raw::F_GETLK => get_lock(ctx, &open, arg, false),
        raw::F_SETLK => set_lock(ctx, (fd, &open), arg, false, true),
        raw::F_SETLKW => set_lock(ctx, (fd, &open), arg, false, false),
        raw::F_OFD_GETLK => get_lock(ctx, &open, arg, true),
        raw::F_OFD_SETLK => set_lock(ctx, (fd, &open), arg, true, true),
        raw::F_OFD_SETLKW => set_lock(ctx, (fd, &open), arg, true, false),
        raw::F_GETOWN => {
            let receiver = open.known_receiver();
            Ok(receiver.map_or(0, |r| r.owner().number()) as usize)
        }
        raw::F_SETOWN => {
            let owner = Recipient::from_number(arg as i32)?;
            open.receiver().set_owner(owner, &ctx.thread.credentials());
            Ok(0)
        }
        raw::F_GETOWN_EX => {
            let receiver = open.known_receiver();
            let owner = receiver.map_or(Recipient::NOBODY, |r| r.owner());
            UserPtr::new(arg).write(&owner.words())?;
            Ok(0)
        }
        raw::F_SETOWN_EX => {
            let owner = Recipient::from_words(UserPtr::<[u32; 2]>::new(arg).read()?)?;
            open.receiver().set_owner(owner, &ctx.thread.credentials());
            Ok(0)
        }
        raw::F_GETSIG => Ok(open.known_receiver().map_or(0, |r| r.signal()) as usize),
        raw::F_SETSIG => {
            if arg > 64 {
                return Err(Errno::EINVAL);
            }
            open.receiver().set_signal(arg as u32);
            Ok(0)
        }
        raw::F_NOTIFY => {
            dnotify::watch(ctx.thread, fd, &open, arg as u32)?;
            Ok(0)
        }
        raw::F_GETLEASE => Ok(lease::get(&open) as usize),
        raw::F_SETLEASE => {
            lease::set(ctx.thread, &open, fd, arg as u32)?;
            Ok(0)
        }
        F_SETPIPE_SZ => {
            let privileged = ctx.thread.credentials().can(Capabilities::SYS_RESOURCE);
            pipe_of(&open)?
                .pipe()
                .resize(arg as u32 as usize, privileged)
        }
        F_GETPIPE_SZ => Ok(pipe_of(&open)?.pipe().capacity()),
        F_ADD_SEALS => {
            let seals = Seals::from_bits(arg as u32).ok_or(Errno::EINVAL)?;
            let file = open.downcast::<TmpFile>().ok_or(Errno::EINVAL)?;
            if !open.writable() {
                return Err(Errno::EPERM);
            }
            file.data()?.add_seals(seals)?;
            Ok(0)
        }
        F_GET_SEALS => {
            let file = open.downcast::<TmpFile>().ok_or(Errno::EINVAL)?;
            Ok(file.data()?.seals().bits() as usize)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn pipe_of(open: &OpenFile) -> Result<&PipeEnd> {
    open.downcast::<PipeEnd>().ok_or(Errno::EBADF)
}

fn set_status(ctx: &SyscallCtx<'_>, open: &OpenFile, fd: i32, flags: u32) -> Result<usize> {
    let flags = OpenFlags::from_bits_truncate(flags);
    if flags.contains(OpenFlags::NO_ATIME) && !open.flags().contains(OpenFlags::NO_ATIME) {
        let identity = crate::fs::access::Identity::of(&ctx.thread.credentials());
        if !identity.owns(&open.attributes()?) {
            return Err(Errno::EPERM);
        }
    }
    let mut flags = flags;
    if !open.file().signals_events() {
        flags -= OpenFlags::ASYNC;
    }
    ask_for_signals(ctx, open, fd, flags.contains(OpenFlags::ASYNC));
    open.set_status(flags);
    open.file()
        .status_changed(flags.contains(OpenFlags::NONBLOCK));
    Ok(0)
}

/// O_ASYNC is switched on or off. A terminal's signals go to its foreground unless that was said
/// otherwise.
pub(super) fn ask_for_signals(ctx: &SyscallCtx<'_>, open: &OpenFile, fd: i32, on: bool) {
    if on && let Some(foreground) = open.file().foreground() {
        let owner = if foreground > 0 {
            Recipient::Group(foreground)
        } else {
            Recipient::Process(ctx.process.pid)
        };
        open.receiver()
            .default_owner(owner, &ctx.thread.credentials());
    }
    open.set_async(on, fd);
}

/// `struct flock` of the 64-bit ABI.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Flock {
    kind: i16,
    whence: i16,
    padding: i32,
    start: i64,
    len: i64,
    pid: i32,
    padding2: i32,
}

/// The byte range that `lock` means for `open`.
fn range_of(open: &OpenFile, lock: &Flock) -> Result<(u64, u64)> {
    let base = match lock.whence as u32 {
        raw::SEEK_SET => 0,
        raw::SEEK_CUR => *open.cursor().lock() as i64,
        raw::SEEK_END => i64::try_from(open.attributes()?.size).map_err(|_| Errno::EOVERFLOW)?,
        _ => return Err(Errno::EINVAL),
    };
    let mut start = base.checked_add(lock.start).ok_or(Errno::EOVERFLOW)?;
    let end = match lock.len {
        0 => i64::MAX,
        len if len > 0 => start.checked_add(len - 1).ok_or(Errno::EOVERFLOW)?,
        len => {
            let end = start - 1;
            start = start.checked_add(len).ok_or(Errno::EINVAL)?;
            end
        }
    };
    if start < 0 || end < start {
        return Err(Errno::EINVAL);
    }
    Ok((start as u64, end as u64))
}

fn owner_of(ctx: &SyscallCtx<'_>, open: &OpenFile, ofd: bool) -> (Owner, i32) {
    if ofd {
        (Owner::Open(open.id()), -1)
    } else {
        (
            Owner::Process(ctx.thread.files().id()),
            ctx.process.pid as i32,
        )
    }
}

fn get_lock(ctx: &SyscallCtx<'_>, open: &OpenFile, arg: usize, ofd: bool) -> Result<usize> {
    let pointer = UserPtr::<Flock>::new(arg);
    let mut lock = pointer.read()?;
    if ofd && lock.pid != 0 {
        return Err(Errno::EINVAL);
    }
    let exclusive = match lock.kind as u32 {
        raw::F_RDLCK => false,
        raw::F_WRLCK => true,
        _ => return Err(Errno::EINVAL),
    };
    let (start, end) = range_of(open, &lock)?;
    let (owner, pid) = owner_of(ctx, open, ofd);
    let wanted = RangeLock {
        owner,
        pid,
        start,
        end,
        exclusive,
    };
    let node = open.node();
    match node.as_ref().and_then(|node| node.locks.conflict(&wanted)) {
        None => lock.kind = raw::F_UNLCK as i16,
        Some(held) => {
            lock.kind = if held.exclusive {
                raw::F_WRLCK
            } else {
                raw::F_RDLCK
            } as i16;
            lock.whence = raw::SEEK_SET as i16;
            lock.start = held.start as i64;
            lock.len = if held.end >= i64::MAX as u64 {
                0
            } else {
                (held.end - held.start + 1) as i64
            };
            lock.pid = held.pid;
        }
    }
    pointer.write(&lock)?;
    Ok(0)
}

fn set_lock(
    ctx: &SyscallCtx<'_>,
    (fd, open): (i32, &Arc<OpenFile>),
    arg: usize,
    ofd: bool,
    nonblock: bool,
) -> Result<usize> {
    let lock = UserPtr::<Flock>::new(arg).read()?;
    if ofd && lock.pid != 0 {
        return Err(Errno::EINVAL);
    }
    let (start, end) = range_of(open, &lock)?;
    let (owner, pid) = owner_of(ctx, open, ofd);
    let exclusive = lock.kind as u32 == raw::F_WRLCK;
    let wanted = RangeLock {
        owner,
        pid,
        start,
        end,
        exclusive,
    };
    // Objects without a name have nobody to share a lock with.
    let node = open.node();
    let locks = node.as_ref().map(|node| &node.locks);
    match lock.kind as u32 {
        raw::F_UNLCK => locks.map_or(Ok(()), |locks| locks.unlock_range(&wanted))?,
        raw::F_RDLCK if !open.readable() => return Err(Errno::EBADF),
        raw::F_WRLCK if !open.writable() => return Err(Errno::EBADF),
        raw::F_RDLCK | raw::F_WRLCK => {
            locks.map_or(Ok(()), |locks| locks.lock_range(wanted, nonblock))?;
            // Who closed the descriptor meanwhile found no lock of this process's to release.
            let files = ctx.thread.files();
            let is_open = || files.get(fd).is_ok_and(|now| Arc::ptr_eq(&now, open));
            if !ofd && !is_open() {
                locks.map_or(Ok(()), |locks| locks.unlock_range(&wanted))?;
                return Err(Errno::EBADF);
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
