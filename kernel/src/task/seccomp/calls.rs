//! seccomp(2), and what of prctl(2) is older than it.

use super::bpf::{MAX_LEN, Program, RawInstruction};
use super::notify::{self, Listener, Questions};
use super::{Filter, Mode, action};
use crate::errno::{Errno, Result};
use crate::lock_order;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::Capabilities;
use crate::task::limits::Resource;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::Ordering;
use ochre_hal::sync::SpinLock;

const SET_MODE_STRICT: u32 = 0;
const SET_MODE_FILTER: u32 = 1;
const GET_ACTION_AVAIL: u32 = 2;
const GET_NOTIF_SIZES: u32 = 3;

/// Flags of SET_MODE_FILTER: all threads of the process; log what is not allowed; leave
/// speculation as it is; have a supervisor; a failed TSYNC is ESRCH; once the supervisor knows of a
/// call, only death ends it.
const TSYNC: usize = 1;
const LOG: usize = 2;
const SPEC_ALLOW: usize = 4;
const NEW_LISTENER: usize = 8;
const TSYNC_ESRCH: usize = 16;
const WAIT_KILLABLE_RECV: usize = 32;

/// Held while threads of one process come to have the same filters, and while one is born with its
/// parent's: none is overlooked in between.
static TOGETHER: SpinLock<()> = SpinLock::new(lock_order::SECCOMP, ());

/// `struct sock_fprog`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawProgram {
    len: u16,
    _pad: [u16; 3],
    at: usize,
}

pub fn seccomp(ctx: &SyscallCtx<'_>, operation: usize, flags: usize, args: usize) -> Result<usize> {
    let flags = flags as u32 as usize;
    match operation as u32 {
        SET_MODE_STRICT if flags == 0 && args == 0 => strict(ctx),
        SET_MODE_FILTER => filter(ctx, flags, args),
        GET_ACTION_AVAIL if flags == 0 => {
            let asked = UserPtr::<u32>::new(args).read()?;
            if action::KNOWN.contains(&asked) {
                Ok(0)
            } else {
                Err(Errno::EOPNOTSUPP)
            }
        }
        GET_NOTIF_SIZES if flags == 0 => {
            UserPtr::new(args).write(&notify::SIZES)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// prctl(PR_SET_SECCOMP).
pub fn set_by_prctl(ctx: &SyscallCtx<'_>, mode: usize, args: usize) -> Result<usize> {
    match mode {
        1 => strict(ctx),
        2 => filter(ctx, 0, args),
        _ => Err(Errno::EINVAL),
    }
}

fn strict(ctx: &SyscallCtx<'_>) -> Result<usize> {
    if ctx.thread.seccomp.mode() == Mode::Filter {
        return Err(Errno::EINVAL);
    }
    ctx.thread.seccomp.set(Mode::Strict, None);
    Ok(0)
}

fn filter(ctx: &SyscallCtx<'_>, flags: usize, args: usize) -> Result<usize> {
    const KNOWN: usize = TSYNC | LOG | SPEC_ALLOW | NEW_LISTENER | TSYNC_ESRCH | WAIT_KILLABLE_RECV;
    let listens = flags & NEW_LISTENER != 0;
    // A failed TSYNC would tell a thread's number where a descriptor's is awaited.
    let ambiguous = listens && flags & TSYNC != 0 && flags & TSYNC_ESRCH == 0;
    let waits_for_nobody = flags & WAIT_KILLABLE_RECV != 0 && !listens;
    if flags & !KNOWN != 0 || ambiguous || waits_for_nobody {
        return Err(Errno::EINVAL);
    }
    let raw = UserPtr::<RawProgram>::new(args).read()?;
    let len = usize::from(raw.len);
    if len == 0 || len > MAX_LEN {
        return Err(Errno::EINVAL);
    }
    let unraised = ctx.thread.no_new_privileges.load(Ordering::Relaxed);
    if !unraised && !ctx.thread.credentials().can(Capabilities::SYS_ADMIN) {
        return Err(Errno::EACCES);
    }
    let instructions = UserPtr::<RawInstruction>::new(raw.at).read_vec(len, MAX_LEN)?;
    let program = Program::check(&instructions)?;
    if ctx.thread.seccomp.mode() == Mode::Strict {
        return Err(Errno::EINVAL);
    }
    if !listens {
        return attach(ctx, program, flags, None);
    }
    let questions = Questions::new(flags & WAIT_KILLABLE_RECV != 0)?;
    let files = ctx.thread.files();
    let limit = ctx.process.limit(Resource::Files);
    let fd = files.insert(Listener::open(questions.clone())?, true, limit)?;
    match attach(ctx, program, flags, Some(questions)) {
        Ok(_) => Ok(fd as usize),
        Err(error) => {
            // Another thread may have closed it already.
            let _ = files.close(fd);
            Err(error)
        }
    }
}

/// Adds the filter to what holds the thread, or all threads of its process.
fn attach(
    ctx: &SyscallCtx<'_>,
    program: Program,
    flags: usize,
    questions: Option<Arc<Questions>>,
) -> Result<usize> {
    let together = TOGETHER.lock();
    if questions.is_some() && ctx.thread.seccomp.is_supervised() {
        return Err(Errno::EBUSY);
    }
    let older = ctx.thread.seccomp.filter();
    let stays_behind = |other: &&Arc<Thread>| {
        !Arc::ptr_eq(other, ctx.thread) && !can_follow(other, older.as_ref())
    };
    let find = |threads: &[Arc<Thread>]| threads.iter().find(stays_behind).map(|t| t.tid());
    if flags & TSYNC != 0
        && let Some(tid) = ctx.process.with_threads(find)
    {
        return if flags & TSYNC_ESRCH != 0 {
            Err(Errno::ESRCH)
        } else {
            Ok(tid as usize)
        };
    }
    let new = Filter::new(program, older, questions)?;
    if flags & TSYNC != 0 {
        let unraised = ctx.thread.no_new_privileges.load(Ordering::Relaxed);
        // None came meanwhile: those who are born are entered under `TOGETHER`, too.
        ctx.process.with_threads(|threads| {
            for thread in threads {
                thread
                    .no_new_privileges
                    .fetch_or(unraised, Ordering::Relaxed);
                thread.seccomp.set(Mode::Filter, Some(new.clone()));
            }
        });
    }
    ctx.thread.seccomp.set(Mode::Filter, Some(new));
    drop(together);
    Ok(0)
}

/// Whether `other` has no filter that is not among `filters`.
fn can_follow(other: &Thread, filters: Option<&Arc<Filter>>) -> bool {
    match other.seccomp.mode() {
        Mode::Off => true,
        Mode::Strict => false,
        Mode::Filter => {
            let own = other.seccomp.filter();
            let mut next = filters;
            while let (Some(own), Some(filter)) = (&own, next) {
                if Arc::ptr_eq(own, filter) {
                    return true;
                }
                next = filter.older.as_ref();
            }
            own.is_none()
        }
    }
}

/// Enters a thread by `enter`, held by what holds its parent then.
pub fn born(child: &Thread, parent: &Thread, enter: impl FnOnce()) {
    let together = TOGETHER.lock();
    child.seccomp.inherit(&parent.seccomp);
    let unraised = parent.no_new_privileges.load(Ordering::Relaxed);
    child.no_new_privileges.store(unraised, Ordering::Relaxed);
    enter();
    drop(together);
}
