//! The calls that make and use IPC objects, but for sockets ([`super::socket_calls`]).

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::calls::{file_of, install};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::ipc::epoll::{EpollEvent, EpollFile};
use crate::ipc::eventfd::EventFd;
use crate::ipc::signalfd::SignalFd;
use crate::ipc::timerfd::TimerFd;
use crate::ipc::{pipe, poll};
use crate::linux::general as raw;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::limits::Resource;
use crate::task::signal::SignalSet;
use crate::task::signal::calls::{read_mask, set_temporary_mask};
use crate::time::Deadline;
use alloc::sync::Arc;

/// Answers IPC calls.
pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_pipe => pipe2(ctx, a[0], 0),
        raw::__NR_pipe2 => pipe2(ctx, a[0], a[1] as u32),
        raw::__NR_poll => poll::poll(
            ctx,
            a[0],
            a[1] as u32 as usize,
            poll::deadline_ms(a[2] as i32),
        ),
        raw::__NR_ppoll => poll::ppoll(ctx, a),
        raw::__NR_select => poll::select(ctx, a),
        raw::__NR_pselect6 => poll::pselect6(ctx, a),
        raw::__NR_epoll_create if (a[0] as i32) <= 0 => Err(Errno::EINVAL),
        raw::__NR_epoll_create => epoll_create(ctx, 0),
        raw::__NR_epoll_create1 => epoll_create(ctx, a[0] as u32),
        raw::__NR_epoll_ctl => epoll_ctl(ctx, a[0], a[1] as u32, a[2] as i32, a[3]),
        raw::__NR_epoll_wait => {
            epoll_wait(ctx, a[0], a[1], a[2] as i32, poll::deadline_ms(a[3] as i32))
        }
        raw::__NR_epoll_pwait => epoll_pwait(ctx, a, Ok(poll::deadline_ms(a[3] as i32))),
        raw::__NR_epoll_pwait2 => epoll_pwait(ctx, a, poll::deadline_timespec(a[3])),
        raw::__NR_eventfd => eventfd(ctx, a[0] as u32, 0),
        raw::__NR_eventfd2 => eventfd(ctx, a[0] as u32, a[1] as u32),
        raw::__NR_timerfd_create => timerfd_create(ctx, a[0] as u32, a[1] as u32),
        raw::__NR_timerfd_settime => timerfd_settime(ctx, a[0], a[1] as u32, a[2], a[3]),
        raw::__NR_timerfd_gettime => timerfd_gettime(ctx, a[0], a[1]),
        raw::__NR_signalfd => signalfd(ctx, a[0] as i32, a[1], a[2], 0),
        raw::__NR_signalfd4 => signalfd(ctx, a[0] as i32, a[1], a[2], a[3] as u32),
        _ => return None,
    })
}

/// A new unnamed object at a new descriptor. All these calls name O_CLOEXEC and O_NONBLOCK alike.
pub(super) fn install_new(ctx: &SyscallCtx<'_>, file: Arc<dyn File>, flags: u32) -> Result<usize> {
    let status = OpenFlags::from_bits_truncate(flags) & OpenFlags::NONBLOCK;
    let open = OpenFile::unnamed(file, status | OpenFlags::READ_WRITE)?;
    install(ctx, open, flags & raw::O_CLOEXEC != 0)
}

/// Two new descriptors at once, written to user memory: all or nothing.
pub(super) fn install_pair(
    ctx: &SyscallCtx<'_>,
    pair: (Arc<OpenFile>, Arc<OpenFile>),
    close_on_exec: bool,
    out: usize,
) -> Result<usize> {
    let files = ctx.thread.files();
    let limit = ctx.process.limit(Resource::Files);
    let first = files.insert(pair.0, close_on_exec, limit)?;
    let second = files.insert(pair.1, close_on_exec, limit);
    let result = second.and_then(|second| UserPtr::new(out).write(&[first, second]));
    if let Err(error) = result {
        // Nobody has seen the descriptors yet.
        if let Ok(second) = second {
            let _ = files.close(second);
        }
        let _ = files.close(first);
        return Err(error);
    }
    Ok(0)
}

fn pipe2(ctx: &SyscallCtx<'_>, out: usize, flags: u32) -> Result<usize> {
    if flags & !(raw::O_CLOEXEC | raw::O_NONBLOCK | raw::O_DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let credentials = ctx.thread.credentials();
    let owner = (credentials.uid.fs, credentials.gid.fs);
    let pair = pipe::create(OpenFlags::from_bits_truncate(flags), owner)?;
    install_pair(ctx, pair, flags & raw::O_CLOEXEC != 0, out)
}

fn epoll_create(ctx: &SyscallCtx<'_>, flags: u32) -> Result<usize> {
    if flags & !raw::EPOLL_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    install_new(ctx, Arc::new(EpollFile::new()), flags)
}

fn epoll_ctl(
    ctx: &SyscallCtx<'_>,
    set: usize,
    operation: u32,
    fd: i32,
    event: usize,
) -> Result<usize> {
    let delete = operation == raw::EPOLL_CTL_DEL;
    let event = if delete {
        EpollEvent { events: 0, data: 0 }
    } else {
        UserPtr::<EpollEvent>::new(event).read()?
    };
    let open_set = file_of(ctx, set)?;
    let target = file_of(ctx, fd as u32 as usize)?;
    if !delete && target.file().wait_queue().is_none() {
        return Err(Errno::EPERM);
    }
    let epoll = open_set.downcast::<EpollFile>().ok_or(Errno::EINVAL)?;
    if Arc::ptr_eq(&open_set, &target) {
        return Err(Errno::EINVAL);
    }
    match operation {
        raw::EPOLL_CTL_ADD => epoll.add(fd, &target, event)?,
        raw::EPOLL_CTL_MOD => epoll.modify(fd, &target, event)?,
        raw::EPOLL_CTL_DEL => epoll.delete(fd, &target)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn epoll_wait(
    ctx: &SyscallCtx<'_>,
    set: usize,
    out: usize,
    max: i32,
    deadline: Option<Deadline>,
) -> Result<usize> {
    let max = usize::try_from(max)
        .ok()
        .filter(|&max| max > 0)
        .ok_or(Errno::EINVAL)?;
    if max > i32::MAX as usize / size_of::<EpollEvent>() {
        return Err(Errno::EINVAL);
    }
    crate::mm::uptr::user_range(out, max * size_of::<EpollEvent>())?;
    let open = file_of(ctx, set)?;
    let epoll = open.downcast::<EpollFile>().ok_or(Errno::EINVAL)?;
    let out = UserPtr::<EpollEvent>::new(out);
    epoll.wait(max, deadline, |index, event| {
        out.element(index).write(&event)
    })
}

fn epoll_pwait(ctx: &SyscallCtx<'_>, a: Args, deadline: Result<Option<Deadline>>) -> Result<usize> {
    let deadline = deadline?;
    if let Some(mask) = read_mask(a[4], a[5])? {
        set_temporary_mask(ctx, mask);
    }
    epoll_wait(ctx, a[0], a[1], a[2] as i32, deadline)
}

fn eventfd(ctx: &SyscallCtx<'_>, count: u32, flags: u32) -> Result<usize> {
    let known = raw::EFD_SEMAPHORE | raw::O_CLOEXEC | raw::O_NONBLOCK;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let semaphore = flags & raw::EFD_SEMAPHORE != 0;
    install_new(ctx, Arc::new(EventFd::new(count.into(), semaphore)), flags)
}

fn timerfd_create(ctx: &SyscallCtx<'_>, clock: u32, flags: u32) -> Result<usize> {
    if flags & !(raw::O_CLOEXEC | raw::O_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    install_new(ctx, Arc::new(TimerFd::new(clock)?), flags)
}

/// `struct itimerspec`.
fn write_setting(out: usize, (value, interval): (u64, u64)) -> Result {
    let both = [Timespec::from_nanos(interval), Timespec::from_nanos(value)];
    UserPtr::<Timespec>::new(out).write_slice(&both)
}

fn timerfd_settime(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    flags: u32,
    new: usize,
    old: usize,
) -> Result<usize> {
    if flags & !(raw::TFD_TIMER_ABSTIME | raw::TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let setting = UserPtr::<Timespec>::new(new).read_vec(2, 2)?;
    let (interval, value) = (setting[0].to_nanos()?, setting[1].to_nanos()?);
    let open = file_of(ctx, fd)?;
    let timer = open.downcast::<TimerFd>().ok_or(Errno::EINVAL)?;
    let absolute = flags & raw::TFD_TIMER_ABSTIME != 0;
    let cancels = flags & raw::TFD_TIMER_CANCEL_ON_SET != 0;
    let before = timer.set(value, interval, absolute, cancels)?;
    if old != 0 {
        write_setting(old, before)?;
    }
    Ok(0)
}

fn timerfd_gettime(ctx: &SyscallCtx<'_>, fd: usize, out: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    let timer = open.downcast::<TimerFd>().ok_or(Errno::EINVAL)?;
    write_setting(out, timer.get())?;
    Ok(0)
}

fn signalfd(ctx: &SyscallCtx<'_>, fd: i32, mask: usize, size: usize, flags: u32) -> Result<usize> {
    if flags & !(raw::O_CLOEXEC | raw::O_NONBLOCK) != 0 || size != 8 {
        return Err(Errno::EINVAL);
    }
    let mask = SignalSet(UserPtr::<u64>::new(mask).read()?);
    if fd == -1 {
        return install_new(ctx, Arc::new(SignalFd::new(ctx.process, mask)), flags);
    }
    let open = file_of(ctx, fd as u32 as usize)?;
    open.downcast::<SignalFd>()
        .ok_or(Errno::EINVAL)?
        .set_mask(mask);
    Ok(fd as usize)
}
