//! kcmp(2): whether two processes have a thing in common, or which is first in an order that lasts.

use super::process::Process;
use super::trace::calls::{By, check_access};
use super::{Pid, tree};
use crate::errno::{Errno, Result};
use crate::fs::open::OpenFile;
use crate::ipc::epoll::EpollFile;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::sync::atomic;

const FILE: u32 = 0;
const VM: u32 = 1;
const FILES: u32 = 2;
const FS: u32 = 3;
const SIGHAND: u32 = 4;
const IO: u32 = 5;
const SYSVSEM: u32 = 6;
const EPOLL_TFD: u32 = 7;

/// What the caller is told of two things.
fn ordered<T: Ord>(a: T, b: T) -> usize {
    match a.cmp(&b) {
        Ordering::Equal => 0,
        Ordering::Less => 1,
        Ordering::Greater => 2,
    }
}

fn address<T>(shared: &Arc<T>) -> usize {
    Arc::as_ptr(shared).addr()
}

fn process_of(pid: i32) -> Result<Arc<Process>> {
    let pid = Pid::try_from(pid).map_err(|_| Errno::ESRCH)?;
    let thread = tree::thread(pid).map(|thread| thread.process().clone());
    thread.or_else(|| tree::process(pid)).ok_or(Errno::ESRCH)
}

fn file_of(process: &Process, fd: usize) -> Result<Arc<OpenFile>> {
    process.files().get(fd as i32)
}

pub fn kcmp(ctx: &SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [first, second, kind, one, other, _] = args;
    let (a, b) = (process_of(first as i32)?, process_of(second as i32)?);
    check_access(ctx.thread, &a, By::Real)?;
    check_access(ctx.thread, &b, By::Real)?;
    Ok(match kind as u32 {
        FILE => ordered(file_of(&a, one)?.id(), file_of(&b, other)?.id()),
        VM => {
            let space = |process: &Process| process.space().map_or(0, |space| space.id());
            ordered(space(&a), space(&b))
        }
        FILES => ordered(address(&a.files()), address(&b.files())),
        FS => ordered(address(&a.fs()), address(&b.fs())),
        // Threads of a process share their handlers, and nobody else does.
        SIGHAND => ordered(a.pid, b.pid),
        // There are no such contexts: nobody's is like nobody's.
        IO => 0,
        SYSVSEM => {
            let undoes = |process: &Process| {
                let undoes = &process.undoes_semaphores;
                undoes
                    .load(atomic::Ordering::Relaxed)
                    .then_some(process.pid)
            };
            ordered(undoes(&a), undoes(&b))
        }
        EPOLL_TFD => {
            // `struct kcmp_epoll_slot`: the set, and which of the entries for a descriptor.
            let [set, fd, nth] = UserPtr::<[u32; 3]>::new(other).read()?;
            let file = file_of(&a, one)?;
            let set = file_of(&b, set as usize)?;
            let set = set.downcast::<EpollFile>().ok_or(Errno::EINVAL)?;
            let target = set.target(fd.cast_signed(), nth as usize);
            ordered(file.id(), target.ok_or(Errno::ENOENT)?)
        }
        _ => return Err(Errno::EINVAL),
    })
}
