//! The system calls of signals.

use super::action::{Action, SIG_IGN};
use super::frame::{self, StackT};
use super::info::{self, SigInfo};
use super::send::{self, dequeue, pending_for, queue_to_process, queue_to_thread, set_mask};
use super::{SIGCONT, SIGKILL, SIGSTOP, Signal, SignalSet, is_valid};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::sched::cpu;
use crate::sched::wait::{Interrupt, wait_until};
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::Capabilities;
use crate::task::process::Process;
use crate::task::thread::{AltStack, Thread};
use crate::task::trace::calls::Target;
use crate::task::{Pid, tree};
use crate::time::Deadline;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};

/// The only size of sigset_t there is.
const SET_SIZE: usize = 8;

/// `struct sigaction` as the kernel has it.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

pub fn sigaction(
    ctx: &mut SyscallCtx<'_>,
    number: usize,
    new: usize,
    old: usize,
    size: usize,
) -> Result<usize> {
    if size != SET_SIZE || !is_valid(number) {
        return Err(Errno::EINVAL);
    }
    let signal = number as Signal;
    let new = UserPtr::<RawAction>::new(new)
        .non_null()
        .map(UserPtr::read)
        .transpose()?;
    if new.is_some() && SignalSet::UNBLOCKABLE.has(signal) {
        return Err(Errno::EINVAL);
    }
    let previous = ctx.process.with_threads(|threads| {
        let mut signals = ctx.process.signals.lock();
        let previous = signals.actions.get(signal);
        if let Some(new) = new {
            let action = Action {
                handler: new.handler,
                flags: new.flags,
                restorer: new.restorer,
                mask: SignalSet(new.mask).minus(SignalSet::UNBLOCKABLE),
            };
            signals.actions.set(signal, action);
            // What is ignored from now on does not stay pending, nor for one of the threads.
            if signals.actions.ignores(signal) {
                let ignored = SignalSet::of(signal);
                signals.pending.discard(ignored);
                for thread in threads {
                    thread.signals.lock().pending.discard(ignored);
                }
            }
        }
        previous
    });
    if let Some(out) = UserPtr::<RawAction>::new(old).non_null() {
        out.write(&RawAction {
            handler: previous.handler,
            flags: previous.flags,
            restorer: previous.restorer,
            mask: previous.mask.0,
        })?;
    }
    Ok(0)
}

pub fn sigprocmask(
    ctx: &mut SyscallCtx<'_>,
    how: usize,
    new: usize,
    old: usize,
    size: usize,
) -> Result<usize> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let current = ctx.thread.signals.lock().blocked;
    if let Some(new) = UserPtr::<u64>::new(new).non_null() {
        let new = SignalSet(new.read()?);
        let mask = match how as u32 {
            raw::SIG_BLOCK => current.union(new),
            raw::SIG_UNBLOCK => current.minus(new),
            raw::SIG_SETMASK => new,
            _ => return Err(Errno::EINVAL),
        };
        set_mask(ctx.thread, mask);
    }
    UserPtr::<u64>::new(old).write_if(&current.0)?;
    Ok(0)
}

pub fn sigpending(ctx: &mut SyscallCtx<'_>, out: usize, size: usize) -> Result<usize> {
    if size > SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let blocked = ctx.thread.signals.lock().blocked;
    let set = pending_for(ctx.thread).intersect(blocked).0.to_ne_bytes();
    UserPtr::<u8>::new(out).write_slice(&set[..size])?;
    Ok(0)
}

/// Reads a mask argument of ppoll and its kin: None for a null pointer.
pub fn read_mask(addr: usize, size: usize) -> Result<Option<SignalSet>> {
    let Some(ptr) = UserPtr::<u64>::new(addr).non_null() else {
        return Ok(None);
    };
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    Ok(Some(SignalSet(ptr.read()?)))
}

/// Sets a mask for the rest of a system call (ppoll, pselect, epoll_pwait). The old one comes back
/// by itself: after the handler, when one runs, or right before the return to user mode.
pub fn set_temporary_mask(ctx: &SyscallCtx<'_>, mask: SignalSet) {
    let old = set_mask(ctx.thread, mask);
    ctx.thread.signals.lock().saved.get_or_insert(old);
    ctx.thread.mark(super::Attention::MASK);
}

pub fn sigsuspend(ctx: &mut SyscallCtx<'_>, mask: usize, size: usize) -> Result<usize> {
    let mask = read_mask(mask, size)?.ok_or(Errno::EFAULT)?;
    set_temporary_mask(ctx, mask);
    wait_until(&[], None, Interrupt::Signals, || None::<()>).map_err(no_handler)?;
    Ok(0)
}

pub fn pause() -> Result<usize> {
    wait_until(&[], None, Interrupt::Signals, || None::<()>).map_err(no_handler)?;
    Ok(0)
}

/// The restart rule of calls that go on only when no handler ran.
#[must_use]
pub fn no_handler(error: Errno) -> Errno {
    if error == Errno::RESTART {
        Errno::RESTART_NO_HANDLER
    } else {
        error
    }
}

pub fn sigtimedwait(
    ctx: &mut SyscallCtx<'_>,
    set: usize,
    out: usize,
    timeout: usize,
    size: usize,
) -> Result<usize> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let set = SignalSet(UserPtr::<u64>::new(set).read()?).minus(SignalSet::UNBLOCKABLE);
    let timeout = UserPtr::<Timespec>::new(timeout)
        .non_null()
        .map(|p| p.read()?.to_nanos())
        .transpose()?;
    let deadline = timeout.map(Deadline::after);
    ctx.thread.signals.lock().awaited = set;
    let taken = wait_until(&[], deadline, Interrupt::Never, || {
        if let Some(info) = dequeue(ctx.thread, set) {
            return Some(Ok(info));
        }
        // Other signals end the wait; awaited ones that another thread took do not.
        let blocked = ctx.thread.signals.lock().blocked;
        let ends = !pending_for(ctx.thread).minus(blocked).minus(set).is_empty();
        let attention = ctx.thread.attention() - super::Attention::SIGNAL - super::Attention::QUIET;
        (ends || !attention.is_empty()).then_some(Err(Errno::EINTR))
    });
    ctx.thread.signals.lock().awaited = SignalSet::EMPTY;
    send::recalculate(ctx.thread);
    let info = match taken {
        Ok(info) => info?,
        Err(Errno::ETIMEDOUT) => return Err(Errno::EAGAIN),
        Err(error) => return Err(error),
    };
    if let Some(out) = UserPtr::<[u8; info::SIZE]>::new(out).non_null() {
        out.write(&info.to_bytes())?;
    }
    Ok(info.signal as usize)
}

pub fn sigaltstack(ctx: &mut SyscallCtx<'_>, new: usize, old: usize) -> Result<usize> {
    let sp = ctx.user.regs.rsp;
    let current = ctx.thread.signals.lock().alt_stack;
    let current_flags = frame::alt_stack_flags(&current, sp);
    if let Some(new) = UserPtr::<StackT>::new(new).non_null() {
        let new = new.read()?;
        if current_flags & raw::SS_ONSTACK != 0 {
            return Err(Errno::EPERM);
        }
        let flags = new.flags as u32;
        let mode = flags & !raw::SS_AUTODISARM;
        if !matches!(mode, 0 | raw::SS_ONSTACK | raw::SS_DISABLE) {
            return Err(Errno::EINVAL);
        }
        let stack = if mode == raw::SS_DISABLE {
            AltStack::default()
        } else {
            if new.size < u64::from(raw::MINSIGSTKSZ) {
                return Err(Errno::ENOMEM);
            }
            AltStack {
                base: new.sp as usize,
                size: new.size as usize,
                flags: flags & raw::SS_AUTODISARM,
            }
        };
        ctx.thread.signals.lock().alt_stack = stack;
    }
    if let Some(out) = UserPtr::<StackT>::new(old).non_null() {
        out.write(&StackT {
            sp: current.base as u64,
            flags: current_flags as i32,
            _pad: 0,
            size: current.size as u64,
        })?;
    }
    Ok(0)
}

pub fn sigreturn(ctx: &mut SyscallCtx<'_>) -> Result<usize> {
    if frame::pop(ctx.thread, ctx.user).is_err() {
        super::deliver::force(ctx.thread, SigInfo::kernel(super::SIGSEGV));
    }
    Ok(ctx.user.regs.rax)
}

/// EPERM unless `sender` may signal `target` (kill(2)).
pub fn check_permission<'a>(
    sender: &Thread,
    target: impl Into<Target<'a>>,
    signal: Signal,
) -> Result {
    let (sender, mine, of) = (sender.process(), sender.credentials(), target.into());
    let target = of.process;
    if sender.pid == target.pid {
        return Ok(());
    }
    let theirs = of.credentials();
    let same = |id: u32| id == theirs.uid.real || id == theirs.uid.saved;
    if same(mine.uid.effective) || same(mine.uid.real) || mine.can(Capabilities::KILL) {
        return Ok(());
    }
    if signal == SIGCONT {
        let session = |p: &Process| tree::session_of(p.pid).map(|s| s.id);
        if session(sender) == session(target) {
            return Ok(());
        }
    }
    Err(Errno::EPERM)
}

fn signal_number(number: usize) -> Result<Signal> {
    if number == 0 || is_valid(number) {
        Ok(number as Signal)
    } else {
        Err(Errno::EINVAL)
    }
}

pub fn kill(ctx: &mut SyscallCtx<'_>, pid: usize, number: usize) -> Result<usize> {
    let signal = signal_number(number as u32 as usize)?;
    let mine = ctx.process;
    let info = || SigInfo::user(signal, mine.pid, ctx.thread.credentials().uid.real);
    let one = |target: Target<'_>| -> Result {
        check_permission(ctx.thread, target, signal)?;
        if signal != 0 {
            queue_to_process(target.process, info())?;
        }
        Ok(())
    };
    if pid as i32 > 0 {
        let pid = pid as Pid;
        if let Some(process) = tree::process(pid) {
            one(Target::from(&process))?;
        } else {
            // A thread's number names its process, too.
            let thread = tree::thread(pid).ok_or(Errno::ESRCH)?;
            one(Target::from(&thread))?;
        }
        return Ok(0);
    }
    let mut result = Err(Errno::ESRCH);
    let mut tell = |target: &Arc<Process>| {
        cpu::breathe();
        match one(Target::from(target)) {
            Ok(()) => result = Ok(0),
            // Who is to tell all is not told whom he may not, as on Linux.
            Err(_) if pid as i32 == -1 => result = Ok(0),
            Err(_) if result.is_err() => result = Err(Errno::EPERM),
            Err(_) => {}
        }
    };
    let group = match pid as i32 {
        0 => tree::group_of(mine.pid).map_or(0, |group| group.id),
        i32::MIN => return Err(Errno::ESRCH),
        other => other.unsigned_abs(),
    };
    let others = |process: &Arc<Process>| process.pid != 1 && process.pid != mine.pid;
    // Those that were being born escape no end that is meant for all (see `clone`); others may be
    // born for ever.
    let looks = if signal == SIGKILL { 8 } else { 1 };
    for look in 0..looks {
        let mut new = false;
        let mut each = |target: &Arc<Process>| {
            if look == 0 || target.signals.lock().exiting.is_none() && !target.is_zombie() {
                new = true;
                tell(target);
            }
        };
        if pid as i32 == -1 {
            tree::processes().filter(others).for_each(|p| each(&p));
        } else {
            tree::group_members(group).for_each(|p| each(&p));
        }
        if !new {
            break;
        }
    }
    result
}

pub fn tgkill(
    ctx: &mut SyscallCtx<'_>,
    group: Option<usize>,
    tid: usize,
    number: usize,
) -> Result<usize> {
    let signal = signal_number(number as u32 as usize)?;
    if tid as i32 <= 0 || group.is_some_and(|g| g as i32 <= 0) {
        return Err(Errno::EINVAL);
    }
    let thread = tree::thread(tid as Pid).ok_or(Errno::ESRCH)?;
    if group.is_some_and(|g| g as Pid != thread.process().pid) {
        return Err(Errno::ESRCH);
    }
    check_permission(ctx.thread, &thread, signal)?;
    if signal != 0 {
        let mut info = SigInfo::user(signal, ctx.process.pid, ctx.thread.credentials().uid.real);
        info.code = raw::SI_TKILL;
        queue_to_thread(&thread, info)?;
    }
    Ok(0)
}

/// rt_sigqueueinfo and rt_tgsigqueueinfo.
pub fn sigqueueinfo(
    ctx: &mut SyscallCtx<'_>,
    pid: usize,
    tid: Option<usize>,
    number: usize,
    siginfo: usize,
) -> Result<usize> {
    let signal = signal_number(number as u32 as usize)?;
    let bytes = UserPtr::<[u8; info::SIZE]>::new(siginfo).read()?;
    let info = SigInfo::from_bytes(signal, &bytes);
    // Nobody may pretend to be kill or the kernel, except to itself.
    if (info.code >= 0 || info.code == raw::SI_TKILL) && pid as Pid != ctx.process.pid {
        return Err(Errno::EPERM);
    }
    match tid {
        None => {
            let process = tree::process(pid as Pid).ok_or(Errno::ESRCH)?;
            check_permission(ctx.thread, &process, signal)?;
            if signal != 0 {
                queue_to_process(&process, info)?;
            }
        }
        Some(tid) => {
            let thread = tree::thread(tid as Pid).ok_or(Errno::ESRCH)?;
            if thread.process().pid != pid as Pid {
                return Err(Errno::ESRCH);
            }
            check_permission(ctx.thread, &thread, signal)?;
            if signal != 0 {
                queue_to_thread(&thread, info)?;
            }
        }
    }
    Ok(0)
}

/// Whether the thread would get `signal` now by its action's being neither ignored nor blocked:
/// terminals ask for SIGTTOU and SIGTTIN.
#[must_use]
pub fn is_blocked_or_ignored(
    ctx_thread: &Arc<crate::task::thread::Thread>,
    signal: Signal,
) -> bool {
    debug_assert!(signal != SIGKILL && signal != SIGSTOP);
    let signals = ctx_thread.process().signals.lock();
    let handler = signals.actions.get(signal).handler;
    let blocked = ctx_thread.signals.lock().blocked.has(signal);
    blocked || handler == SIG_IGN
}
