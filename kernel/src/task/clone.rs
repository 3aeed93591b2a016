//! New threads and processes: clone, clone3, fork, vfork.

use super::credentials::{Capabilities, Credentials};
use super::holdings::Shared;
use super::limits::Resource;
use super::pidfd::PidFd;
use super::process::{Parts, Process};
use super::signal::{self, Attention, SIGCHLD, SIGKILL};
use super::thread::{AltStack, Thread};
use super::trace::stop as trace;
use super::{Pid, seccomp, tree};
use crate::errno::{Errno, Result};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::ipc::netlink::connector;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::sched::wait::{Interrupt, wait_until};
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::USER_END;
use ochre_hal::admission;

/// What is asked for, whichever call asked.
#[derive(Clone, Copy, Default)]
struct Request {
    flags: u64,
    pidfd: usize,
    child_tid: usize,
    parent_tid: usize,
    exit_signal: u32,
    /// The child's stack pointer; 0: the parent's.
    stack: usize,
    tls: usize,
}

const fn flag(flag: u32) -> u64 {
    flag as u64
}

pub fn fork(ctx: &mut SyscallCtx<'_>) -> Result<usize> {
    start(
        ctx,
        Request {
            exit_signal: SIGCHLD,
            ..Request::default()
        },
    )
}

pub fn vfork(ctx: &mut SyscallCtx<'_>) -> Result<usize> {
    let flags = flag(raw::CLONE_VFORK | raw::CLONE_VM);
    start(
        ctx,
        Request {
            flags,
            exit_signal: SIGCHLD,
            ..Request::default()
        },
    )
}

pub fn clone(ctx: &mut SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [flags, stack, parent_tid, child_tid, tls, _] = args;
    let flags = flags as u32;
    let both = raw::CLONE_PIDFD | raw::CLONE_PARENT_SETTID;
    if flags & both == both {
        return Err(Errno::EINVAL);
    }
    start(
        ctx,
        Request {
            flags: u64::from(flags & !raw::CSIGNAL),
            // clone gives the pidfd where the parent's tid would go.
            pidfd: parent_tid,
            child_tid,
            parent_tid,
            exit_signal: flags & raw::CSIGNAL,
            stack,
            tls,
        },
    )
}

/// struct clone_args: as many of these words as the caller's size covers.
const CLONE_ARGS: usize = 11;

pub fn clone3(ctx: &mut SyscallCtx<'_>, addr: usize, size: usize) -> Result<usize> {
    if size < 64 {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let mut words = [0u64; CLONE_ARGS];
    let known = size.min(CLONE_ARGS * 8);
    ochre_hal::uaccess::copy_in(&mut bytemuck::bytes_of_mut(&mut words)[..known], addr)?;
    if size > known {
        let rest = UserPtr::<u8>::new(addr.wrapping_add(known)).read_vec(size - known, 4096)?;
        if rest.iter().any(|&b| b != 0) {
            return Err(Errno::E2BIG);
        }
    }
    let [
        flags,
        pidfd,
        child_tid,
        parent_tid,
        exit_signal,
        stack,
        stack_size,
        tls,
        set_tid,
        count,
        _,
    ] = words;
    let known = 0xffff_ffff_u64 & !flag(raw::CSIGNAL) | raw::CLONE_CLEAR_SIGHAND;
    if flags & !known != 0 || flags & flag(raw::CLONE_DETACHED) != 0 || exit_signal > 64 {
        return Err(Errno::EINVAL);
    }
    if (stack == 0) != (stack_size == 0) || set_tid != 0 || count != 0 {
        return Err(Errno::EINVAL);
    }
    let sigs = flag(raw::CLONE_THREAD | raw::CLONE_PARENT);
    if flags & sigs != 0 && exit_signal != 0 {
        return Err(Errno::EINVAL);
    }
    start(
        ctx,
        Request {
            flags,
            pidfd: pidfd as usize,
            child_tid: child_tid as usize,
            parent_tid: parent_tid as usize,
            exit_signal: exit_signal as u32,
            stack: stack.checked_add(stack_size).ok_or(Errno::EINVAL)? as usize,
            tls: tls as usize,
        },
    )
}

fn start(ctx: &mut SyscallCtx<'_>, request: Request) -> Result<usize> {
    let has = |f: u32| request.flags & flag(f) != 0;
    if (has(raw::CLONE_SIGHAND) && !has(raw::CLONE_VM))
        || (has(raw::CLONE_THREAD) && !has(raw::CLONE_SIGHAND))
        || (has(raw::CLONE_FS) && has(raw::CLONE_NEWNS))
        || (has(raw::CLONE_SIGHAND) && request.flags & raw::CLONE_CLEAR_SIGHAND != 0)
        || (has(raw::CLONE_PIDFD) && has(raw::CLONE_THREAD))
    {
        return Err(Errno::EINVAL);
    }
    // Namespaces other than of mounts do not exist here.
    let namespaces = raw::CLONE_NEWUTS
        | raw::CLONE_NEWIPC
        | raw::CLONE_NEWUSER
        | raw::CLONE_NEWPID
        | raw::CLONE_NEWNET
        | raw::CLONE_NEWCGROUP;
    if has(namespaces) {
        return Err(Errno::EINVAL);
    }
    if request.stack > USER_END || (has(raw::CLONE_SETTLS) && request.tls >= USER_END) {
        return Err(Errno::EPERM);
    }
    // As Linux: a new thread or process is not there before the signals that were first, of which one
    // may stop its maker.
    if ctx.thread.has_signal() {
        return Err(Errno::RESTART_ALWAYS);
    }
    if !may_have_more(ctx.thread) {
        return Err(Errno::EAGAIN);
    }

    let mut user = ctx.user.try_clone()?;
    user.regs.rax = 0;
    user.regs.orig_rax = usize::MAX;
    if request.stack != 0 {
        user.regs.rsp = request.stack;
    }
    if has(raw::CLONE_SETTLS) {
        user.fs_base = request.tls;
    }
    let tid = tree::allocate()?;
    let shared = shared_with(ctx, &request)?;
    let process = if has(raw::CLONE_THREAD) {
        ctx.process.room_for_thread()?;
        ctx.process.clone()
    } else {
        new_process(ctx, tid, &request, shared.credentials.clone())?
    };
    let (blocked, alt_stack) = {
        let mine = ctx.thread.signals.lock();
        (mine.blocked, mine.alt_stack)
    };
    let made = Thread::new(
        tid,
        process.clone(),
        shared,
        Some(ctx.thread),
        user,
        blocked,
    );
    let thread = match made {
        Ok(thread) => thread,
        Err(error) => {
            abandon(&process, has(raw::CLONE_THREAD));
            return Err(error);
        }
    };
    // Threads that share memory must not share a signal stack; vfork children are done with it
    // before the parent goes on.
    if !has(raw::CLONE_VM) || has(raw::CLONE_VFORK) {
        thread.signals.lock().alt_stack = alt_stack;
    } else {
        thread.signals.lock().alt_stack = AltStack::default();
    }
    if has(raw::CLONE_CHILD_SETTID) {
        thread.set_tid.store(request.child_tid, Ordering::Relaxed);
    }
    if has(raw::CLONE_CHILD_CLEARTID) {
        thread.clear_tid.store(request.child_tid, Ordering::Relaxed);
    }
    if has(raw::CLONE_PIDFD)
        && let Err(error) = give_pidfd(ctx, &process, request.pidfd)
    {
        abandon(&process, false);
        return Err(error);
    }
    if has(raw::CLONE_PARENT_SETTID) {
        // As Linux: a bad address here does not fail the call.
        let _ = UserPtr::<u32>::new(request.parent_tid).write(&tid);
    }
    let event = trace::inherit(ctx.thread, &thread, request.flags, request.exit_signal);
    launch(ctx, &process, &thread, &request);
    if let Some(event) = event {
        trace::made(ctx.thread, ctx.user, event, tid);
    }
    if has(raw::CLONE_VFORK) {
        wait_for_exec(&process);
        trace::vfork_done(ctx.thread, ctx.user, tid);
    }
    Ok(tid as usize)
}

/// Whether there may be one more thread: RLIMIT_NPROC bounds those of an ordinary user, and nobody
/// may have more than the system does.
fn may_have_more(thread: &Thread) -> bool {
    let all = tree::thread_count();
    if all >= tree::MAX_THREADS {
        return false;
    }
    let limit = thread.process().limit(Resource::Processes);
    let credentials = thread.credentials();
    let free = credentials.uid.real == 0
        || credentials.can(Capabilities::SYS_RESOURCE)
        || credentials.can(Capabilities::SYS_ADMIN);
    // Those of one user are only counted where there are enough of all.
    free || (all as u64) < limit || (tree::threads_of(credentials.uid.real) as u64) < limit
}

/// Gives back what a process that never ran holds.
fn abandon(process: &Arc<Process>, is_thread: bool) {
    if !is_thread && let Some(space) = process.replace_space(None) {
        space.leave();
    }
}

/// What the caller shares with the new thread, or copies of that.
fn shared_with(ctx: &SyscallCtx<'_>, request: &Request) -> Result<Shared> {
    let has = |f: u32| request.flags & flag(f) != 0;
    let files = if has(raw::CLONE_FILES) {
        ctx.thread.files()
    } else {
        Arc::new(ctx.thread.files().fork()?)
    };
    let fs = if has(raw::CLONE_FS) {
        ctx.thread.fs()
    } else {
        Arc::new(ctx.thread.fs().fork())
    };
    let credentials = ctx.thread.credentials();
    if has(raw::CLONE_NEWNS) {
        if !credentials.can(Capabilities::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        fs.unshare_namespace()?;
    }
    Ok(Shared {
        files,
        fs,
        credentials,
    })
}

fn new_process(
    ctx: &SyscallCtx<'_>,
    pid: Pid,
    request: &Request,
    credentials: Arc<Credentials>,
) -> Result<Arc<Process>> {
    admission::ask()?;
    let has = |f: u32| request.flags & flag(f) != 0;
    let parent = ctx.process;
    let own_space = parent.space().ok_or(Errno::ESRCH)?;
    let space = if has(raw::CLONE_VM) {
        own_space.join();
        own_space
    } else {
        own_space.fork()?
    };
    let mut actions = parent.signals.lock().actions.clone();
    if request.flags & raw::CLONE_CLEAR_SIGHAND != 0 {
        actions.clear_handlers();
    }
    let process = Process::new(
        pid,
        Parts {
            space,
            credentials,
            limits: parent.limits(),
            actions,
            program: parent.program(),
            exit_signal: if has(raw::CLONE_PARENT) {
                parent.exit_signal.load(Ordering::Relaxed)
            } else {
                request.exit_signal as i32
            },
        },
    );
    process
        .dumpable
        .store(parent.dumpable.load(Ordering::Relaxed), Ordering::Relaxed);
    process
        .oom_adjust
        .store(parent.oom_adjust.load(Ordering::Relaxed), Ordering::Relaxed);
    process.oom_adjust_least.store(
        parent.oom_adjust_least.load(Ordering::Relaxed),
        Ordering::Relaxed,
    );
    process.personality.store(
        parent.personality.load(Ordering::Relaxed),
        Ordering::Relaxed,
    );
    Ok(process)
}

/// Enters the thread in the tables and lets it run. A thread of a process that is already ending
/// ends at its first look, and one of a process that is stopped takes part in the stop.
fn launch(ctx: &SyscallCtx<'_>, process: &Arc<Process>, thread: &Arc<Thread>, request: &Request) {
    seccomp::calls::born(thread, ctx.thread, || process.add_thread(thread.clone()));
    tree::add_thread(thread);
    if request.flags & flag(raw::CLONE_THREAD) == 0 {
        let parent = if request.flags & flag(raw::CLONE_PARENT) != 0 {
            ctx.process.parent().max(super::exit::INIT)
        } else {
            ctx.process.pid
        };
        tree::add_process(process, parent);
        // Whoever ends all of a group has not seen this one.
        if ctx.process.signals.lock().exiting.is_some() {
            signal::send::end_process(process, SIGKILL, None);
        }
    } else {
        thread.mark(missed(process));
    }
    connector::begins(thread);
    thread.start();
}

/// What the threads of the process, all or but one, were told before there was this one.
fn missed(process: &Process) -> Attention {
    let signals = process.signals.lock();
    if signals.exiting.is_some() || signals.executing {
        Attention::EXIT
    } else if signals.stopped {
        Attention::STOP
    } else {
        Attention::empty()
    }
}

fn give_pidfd(ctx: &SyscallCtx<'_>, process: &Arc<Process>, at: usize) -> Result {
    let limit = ctx.process.limit(Resource::Files);
    let pidfd = Arc::new(PidFd::new(process.clone()));
    let open = OpenFile::unnamed(pidfd, OpenFlags::READ_WRITE)?;
    let files = ctx.thread.files();
    let fd = files.insert(open, true, limit)?;
    if let Err(error) = UserPtr::<i32>::new(at).write(&fd) {
        let _ = files.close(fd);
        return Err(error);
    }
    Ok(())
}

/// A vfork parent sleeps until its memory is its own again. Only its death ends that early.
fn wait_for_exec(child: &Arc<Process>) {
    let _ = wait_until(&[&child.changed], None, Interrupt::Kill, || {
        (child.has_executed() || child.space().is_none()).then_some(())
    });
}

/// unshare: what a thread can have for itself of what it shares.
pub fn unshare(ctx: &mut SyscallCtx<'_>, flags: u32) -> Result<usize> {
    let known = raw::CLONE_FILES
        | raw::CLONE_FS
        | raw::CLONE_SYSVSEM
        | raw::CLONE_NEWNS
        | raw::CLONE_THREAD
        | raw::CLONE_SIGHAND
        | raw::CLONE_VM;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let shared = ctx.process.thread_count() > 1;
    if flags & (raw::CLONE_THREAD | raw::CLONE_SIGHAND | raw::CLONE_VM) != 0 && shared {
        return Err(Errno::EINVAL);
    }
    if flags & raw::CLONE_NEWNS != 0 && !ctx.thread.credentials().can(Capabilities::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    if flags & raw::CLONE_FILES != 0 {
        ctx.thread.unshare_files()?;
    }
    let namespace = flags & raw::CLONE_NEWNS != 0;
    if namespace || flags & raw::CLONE_FS != 0 {
        ctx.thread.unshare_fs(namespace)?;
    }
    Ok(0)
}
