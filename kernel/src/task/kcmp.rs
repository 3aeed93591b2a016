//! kcmp(2): whether two processes have a thing in common, or which is first in an order that lasts.

use super::process::Process;
use super::thread::Thread;
use super::trace::calls::{By, Target, access_both};
use super::{Pid, tree};
use crate::errno::{Errno, Result};
use crate::fs::context::FsContext;
use crate::fs::fd_table::FdTable;
use crate::fs::open::OpenFile;
use crate::ipc::epoll::EpollFile;
use crate::mm::space::AddressSpace;
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
fn ordered(a: u64, b: u64) -> usize {
    match a.cmp(&b) {
        Ordering::Equal => 0,
        Ordering::Less => 1,
        Ordering::Greater => 2,
    }
}

/// What of a process is compared: kept until nothing is locked, as it may be the last to have it.
enum Thing {
    File(Arc<OpenFile>),
    Space(Option<Arc<AddressSpace>>),
    Files(Option<Arc<FdTable>>),
    Fs(Option<Arc<FsContext>>),
    Number(Option<Pid>),
}

impl Thing {
    fn of(of: &Side, kind: u32, fd: usize) -> Result<Thing> {
        let process = &of.process;
        Ok(match kind {
            FILE => Thing::File(of.any_file(fd as i32)?),
            VM => Thing::Space(process.space()),
            FILES => Thing::Files(of.thread.as_ref().map(|thread| thread.files())),
            FS => Thing::Fs(of.thread.as_ref().map(|thread| thread.fs())),
            // Threads of a process share their handlers, and nobody else does.
            SIGHAND => Thing::Number(Some(process.pid)),
            // There are no such contexts: nobody's is like nobody's.
            IO => Thing::Number(None),
            SYSVSEM => {
                let undoes = process.undoes_semaphores.load(atomic::Ordering::Relaxed);
                Thing::Number(undoes.then_some(process.pid))
            }
            _ => return Err(Errno::EINVAL),
        })
    }

    /// A number of its own.
    fn id(&self) -> u64 {
        fn address<T>(shared: Option<&Arc<T>>) -> u64 {
            shared.map_or(0, |shared| Arc::as_ptr(shared).addr() as u64)
        }
        match self {
            Thing::File(open) => open.id(),
            Thing::Space(space) => space.as_ref().map_or(0, |space| space.id()),
            Thing::Files(files) => address(files.as_ref()),
            Thing::Fs(fs) => address(fs.as_ref()),
            Thing::Number(number) => u64::from(number.unwrap_or(0)),
        }
    }
}

/// One of the two that are compared.
struct Side {
    process: Arc<Process>,
    /// None of one that has ended.
    thread: Option<Arc<Thread>>,
}

impl Side {
    fn of(pid: i32) -> Result<Side> {
        let pid = Pid::try_from(pid).map_err(|_| Errno::ESRCH)?;
        let thread = tree::thread(pid);
        let process = thread.as_ref().map(|thread| thread.process().clone());
        let process = process.or_else(|| tree::process(pid));
        Ok(Side {
            process: process.ok_or(Errno::ESRCH)?,
            thread,
        })
    }

    fn any_file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        self.thread.as_ref().ok_or(Errno::EBADF)?.any_file(fd)
    }

    fn target(&self) -> Target<'_> {
        Target {
            process: &self.process,
            thread: self.thread.as_deref(),
        }
    }
}

pub fn kcmp(ctx: &SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [first, second, kind, one, other, _] = args;
    let (a, b) = (Side::of(first as i32)?, Side::of(second as i32)?);
    let kind = kind as u32;
    if kind == EPOLL_TFD {
        return watched(ctx, (&a, &b), one, other);
    }
    let things = || Ok((Thing::of(&a, kind, one), Thing::of(&b, kind, other)));
    let (one, other) = access_both(ctx.thread, (a.target(), b.target()), By::Real, things)?;
    Ok(ordered(one?.id(), other?.id()))
}

/// Compares a descriptor of the first with what a set of the second's watches, which `slot` tells.
fn watched(ctx: &SyscallCtx<'_>, (a, b): (&Side, &Side), fd: usize, slot: usize) -> Result<usize> {
    // `struct kcmp_epoll_slot`: the set, and which of the entries for a descriptor.
    let slot = UserPtr::<[u32; 3]>::new(slot).read();
    let files = || {
        let [set, ..] = slot?;
        let of = |side: &Side, fd: usize| side.any_file(fd as i32);
        Ok((of(a, fd), of(b, set as usize)))
    };
    let (file, set) = access_both(ctx.thread, (a.target(), b.target()), By::Real, files)?;
    let (file, set) = (file?, set?);
    let [_, fd, nth] = slot?;
    let set = set.downcast::<EpollFile>().ok_or(Errno::EINVAL)?;
    let target = set.target(fd.cast_signed(), nth as usize);
    Ok(ordered(file.id(), target.ok_or(Errno::ENOENT)?))
}
