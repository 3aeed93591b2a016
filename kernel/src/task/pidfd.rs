//! Process descriptors: pidfd_open, pidfd_send_signal, pidfd_getfd, and what poll says of them.

use super::process::Process;
use super::signal::{self, SigInfo, info};
use super::trace::calls::{By, access};
use super::tree;
use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::fs::proc;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::population::{Counted, ObjectKind};
use crate::sched::wait::WaitQueue;
use crate::syscall::table::SyscallCtx;
use crate::task::limits::Resource;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// Readable once the process has ended.
pub struct PidFd {
    _counted: Counted<{ ObjectKind::ProcessDescriptor as usize }>,
    process: Arc<Process>,
}

impl PidFd {
    #[must_use]
    pub fn new(process: Arc<Process>) -> PidFd {
        PidFd {
            _counted: Counted::new(),
            process,
        }
    }

    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }
}

impl File for PidFd {
    fn poll(&self) -> Events {
        if self.process.is_zombie() {
            Events::READABLE
        } else {
            Events::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.process.changed)
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:[pidfd]".to_vec()
    }

    fn details(&self) -> Result<Vec<u8>> {
        // Nobody has the number any more, or somebody else.
        let known = tree::process(self.process.pid);
        let known = known.is_some_and(|process| Arc::ptr_eq(&process, &self.process));
        let pid = if known {
            i64::from(self.process.pid)
        } else {
            -1
        };
        Ok(format!("Pid:\t{pid}\nNSpid:\t{pid}\n").into_bytes())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The process that descriptor `fd` means.
pub fn process_of(ctx: &SyscallCtx<'_>, fd: i32) -> Result<Arc<Process>> {
    Ok(waited_for(ctx, fd)?.0)
}

/// The process that descriptor `fd` means, and whether nobody is to wait by it (PIDFD_NONBLOCK).
pub fn waited_for(ctx: &SyscallCtx<'_>, fd: i32) -> Result<(Arc<Process>, bool)> {
    let open = ctx.thread.files().get(fd)?;
    let pidfd = open.downcast::<PidFd>().ok_or(Errno::EBADF)?;
    Ok((pidfd.process.clone(), open.nonblocking()))
}

/// As [`process_of`], where a directory of /proc will do, too.
fn signalled_by(ctx: &SyscallCtx<'_>, fd: i32) -> Result<Arc<Process>> {
    let open = ctx.thread.files().get(fd)?;
    if let Some(pidfd) = open.downcast::<PidFd>() {
        return Ok(pidfd.process.clone());
    }
    let place = open.path().ok_or(Errno::EBADF)?;
    proc::process::of_directory(place.node()).ok_or(Errno::EBADF)
}

pub fn open(ctx: &mut SyscallCtx<'_>, pid: usize, flags: u32) -> Result<usize> {
    if flags & !raw::O_NONBLOCK != 0 || pid as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let process = tree::process(pid as u32).ok_or_else(|| {
        // A thread that leads no process has no such descriptor.
        if tree::thread(pid as u32).is_some() {
            Errno::EINVAL
        } else {
            Errno::ESRCH
        }
    })?;
    let status = OpenFlags::from_bits_truncate(flags) | OpenFlags::READ_WRITE;
    let open = OpenFile::unnamed(Arc::new(PidFd::new(process)), status)?;
    let fd = ctx
        .thread
        .files()
        .insert(open, true, ctx.process.limit(Resource::Files))?;
    Ok(fd as usize)
}

pub fn send_signal(
    ctx: &mut SyscallCtx<'_>,
    fd: i32,
    number: usize,
    siginfo: usize,
    flags: usize,
) -> Result<usize> {
    if flags != 0 || number > signal::SIGRTMAX as usize {
        return Err(Errno::EINVAL);
    }
    let process = signalled_by(ctx, fd)?;
    if process.is_zombie() && tree::process(process.pid).is_none() {
        return Err(Errno::ESRCH);
    }
    signal::calls::check_permission(ctx.thread, &process, number as u32)?;
    if number == 0 {
        return Ok(0);
    }
    let mine = ctx.process;
    let info = if siginfo == 0 {
        SigInfo::user(number as u32, mine.pid, ctx.thread.credentials().uid.real)
    } else {
        let bytes = UserPtr::<[u8; info::SIZE]>::new(siginfo).read()?;
        let info = SigInfo::from_bytes(number as u32, &bytes);
        if bytes[..4] != (number as u32).to_ne_bytes() {
            return Err(Errno::EINVAL);
        }
        if process.pid != mine.pid && (info.code >= 0 || info.code == raw::SI_TKILL) {
            return Err(Errno::EPERM);
        }
        info
    };
    signal::send::queue_to_process(&process, info)?;
    Ok(0)
}

pub fn get_fd(ctx: &mut SyscallCtx<'_>, pidfd: i32, fd: i32, flags: usize) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let process = process_of(ctx, pidfd)?;
    if process.is_zombie() {
        return Err(Errno::ESRCH);
    }
    let get = || process.files().get(fd);
    let open = access(ctx.thread, &process, By::Real, get)?;
    let fd = ctx
        .thread
        .files()
        .insert(open, true, ctx.process.limit(Resource::Files))?;
    Ok(fd as usize)
}
