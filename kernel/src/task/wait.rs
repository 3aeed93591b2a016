//! wait4 and waitid: what became of children.

use super::process::{Process, Report, Usage};
use super::signal::SIGCHLD;
use super::signal::info::{self, Payload, SigInfo};
use super::{Pid, exit, pidfd, tree};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::sched::wait::{Interrupt, wait_until};
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Which children.
#[derive(Clone, Copy)]
enum Which {
    Any,
    Process(Pid),
    Group(Pid),
}

impl Which {
    fn matches(self, child: &Process) -> bool {
        match self {
            Which::Any => true,
            Which::Process(pid) => child.pid == pid,
            Which::Group(group) => tree::group_of(child.pid).is_some_and(|g| g.id == group),
        }
    }

    fn matches_thread(self, tid: Pid, process: &Process) -> bool {
        match self {
            Which::Process(pid) => tid == pid,
            _ => self.matches(process),
        }
    }
}

/// What was found.
struct Event {
    child: Arc<Process>,
    /// The child's number, or that of one of its threads that the caller traces.
    pid: Pid,
    kind: Kind,
    usage: Usage,
}

enum Kind {
    Ended(u32),
    Stopped(u32),
    Continued,
    /// A traced thread's stop, as wait4 tells it.
    Traced(u32),
}

/// Looks at the children once. `ECHILD` when none can ever match.
fn look(parent: &Process, which: Which, options: u32) -> Result<Option<Event>> {
    let keep = options & raw::WNOWAIT != 0;
    let ends = options & raw::WEXITED != 0;
    let (found, mut any) = parent.tracer.look(
        |tid, process| which.matches_thread(tid, process),
        keep,
        ends,
    );
    if let Some(found) = found {
        let kind = match found.ended {
            true => Kind::Ended(found.status),
            false => Kind::Traced(found.status),
        };
        return Ok(Some(Event {
            usage: found.process.total_usage(),
            child: found.process,
            pid: found.tid,
            kind,
        }));
    }
    for child in tree::children_of(parent.pid) {
        let standard = child.exit_signal.load(Ordering::Relaxed) == SIGCHLD as i32;
        let wanted = options & raw::__WALL != 0 || standard == (options & raw::__WCLONE == 0);
        if !wanted || !which.matches(&child) {
            continue;
        }
        if child.has_ended() {
            if options & raw::WEXITED == 0 {
                any = true;
                continue;
            }
            let usage = child.total_usage();
            if !keep {
                // Another thread's child by now: nobody would wake who waits for it here.
                if !tree::reap(child.pid) {
                    continue;
                }
                let mut all = usage;
                all.add(&child.children_usage.lock());
                parent.children_usage.lock().add(&all);
            }
            let kind = Kind::Ended(child.exit_status());
            let pid = child.pid;
            return Ok(Some(Event {
                child,
                pid,
                kind,
                usage,
            }));
        }
        any = true;
        let kind = {
            let mut signals = child.signals.lock();
            let kind = match signals.report {
                Some(Report::Stopped(signal)) if options & raw::WSTOPPED != 0 => {
                    Kind::Stopped(signal)
                }
                Some(Report::Continued) if options & raw::WCONTINUED != 0 => Kind::Continued,
                _ => continue,
            };
            if !keep {
                signals.report = None;
            }
            kind
        };
        let usage = child.total_usage();
        let pid = child.pid;
        return Ok(Some(Event {
            child,
            pid,
            kind,
            usage,
        }));
    }
    if any { Ok(None) } else { Err(Errno::ECHILD) }
}

/// As [`look`], but sleeps until there is something, unless told not to.
fn wait(parent: &Arc<Process>, which: Which, options: u32) -> Result<Option<Event>> {
    if options & raw::WNOHANG != 0 {
        return look(parent, which, options);
    }
    wait_until(&[&parent.child_changed], None, Interrupt::Signals, || {
        look(parent, which, options).transpose()
    })?
    .map(Some)
}

fn selector(ctx: &SyscallCtx<'_>, pid: i32) -> Result<Which> {
    Ok(match pid {
        -1 => Which::Any,
        0 => Which::Group(tree::group_of(ctx.process.pid).map_or(0, |g| g.id)),
        i32::MIN => return Err(Errno::ESRCH),
        n if n < 0 => Which::Group(n.unsigned_abs()),
        n => Which::Process(n as Pid),
    })
}

pub fn wait4(
    ctx: &mut SyscallCtx<'_>,
    pid: usize,
    status: usize,
    options: usize,
    rusage: usize,
) -> Result<usize> {
    let options = options as u32;
    let known = raw::WNOHANG
        | raw::WUNTRACED
        | raw::WCONTINUED
        | raw::__WNOTHREAD
        | raw::__WCLONE
        | raw::__WALL;
    if options & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let which = selector(ctx, pid as i32)?;
    let Some(event) = wait(ctx.process, which, options | raw::WEXITED)? else {
        return Ok(0);
    };
    let word = match event.kind {
        Kind::Ended(status) => status,
        Kind::Stopped(signal) => signal << 8 | 0x7f,
        Kind::Continued => 0xffff,
        Kind::Traced(status) => status,
    };
    UserPtr::<u32>::new(status).write_if(&word)?;
    if rusage != 0 {
        super::resources::write_usage(rusage, &event.usage)?;
    }
    Ok(event.pid as usize)
}

pub fn waitid(ctx: &mut SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [kind, id, siginfo, options, rusage, _] = args;
    let options = options as u32;
    let states = raw::WEXITED | raw::WSTOPPED | raw::WCONTINUED;
    let known =
        states | raw::WNOHANG | raw::WNOWAIT | raw::__WNOTHREAD | raw::__WCLONE | raw::__WALL;
    if options & !known != 0 || options & states == 0 {
        return Err(Errno::EINVAL);
    }
    let mut nonblock = false;
    let which = match kind as u32 {
        raw::P_ALL => Which::Any,
        raw::P_PID if id as i32 > 0 => Which::Process(id as Pid),
        raw::P_PGID if id as i32 > 0 => Which::Group(id as Pid),
        raw::P_PGID if id == 0 => selector(ctx, 0)?,
        raw::P_PIDFD => {
            let (process, flag) = pidfd::waited_for(ctx, id as i32)?;
            nonblock = flag && options & raw::WNOHANG == 0;
            Which::Process(process.pid)
        }
        _ => return Err(Errno::EINVAL),
    };
    let found = if nonblock {
        let found = look(ctx.process, which, options)?;
        Some(found.ok_or(Errno::EAGAIN)?)
    } else {
        wait(ctx.process, which, options)?
    };
    let bytes = match &found {
        None => [0; info::SIZE],
        Some(event) => {
            let (code, status) = match event.kind {
                Kind::Ended(status) => exit::describe(status),
                Kind::Stopped(signal) => (raw::CLD_STOPPED, signal as i32),
                Kind::Continued => (raw::CLD_CONTINUED, super::signal::SIGCONT as i32),
                Kind::Traced(status) => (raw::CLD_TRAPPED, (status >> 8) as i32),
            };
            let payload = Payload::Child {
                pid: event.pid,
                uid: event.child.credentials().uid.real,
                status,
                user_time: 0,
                system_time: 0,
            };
            SigInfo {
                signal: SIGCHLD,
                errno: 0,
                code: code as i32,
                payload,
            }
            .to_bytes()
        }
    };
    if let Some(out) = UserPtr::<[u8; info::SIZE]>::new(siginfo).non_null() {
        out.write(&bytes)?;
    }
    if let (Some(event), true) = (&found, rusage != 0) {
        super::resources::write_usage(rusage, &event.usage)?;
    }
    Ok(0)
}
