//! The traced thread's side: where it stops, and how it goes on.

use super::registers::{Registers, TRAP_FLAG};
use super::{Event, Kind, Options, Stop, attach, tell};
use crate::linux::general as raw;
use crate::sched::wait::{Interrupt, wait_until};
use crate::task::Pid;
use crate::task::signal::deliver::Restart;
use crate::task::signal::info::Payload;
use crate::task::signal::pending::Allowance;
use crate::task::signal::{self, Attention, SIGKILL, SIGSTOP, SIGTRAP, SigInfo, Signal};
use crate::task::thread::Thread;
use crate::task::tree;
use alloc::boxed::Box;
use alloc::sync::Arc;
use ochre_hal::user::UserContext;

/// What a system call that will be run again shows as its result.
const RESTARTS: isize = -512;
const RESTARTS_ALWAYS: isize = -513;
const RESTARTS_NO_HANDLER: isize = -514;

/// How a stop ended.
enum End {
    /// With this signal or 0.
    Resumed(Signal, SigInfo),
    /// Nobody traces the thread any more, or it is to die.
    Released,
    /// PTRACE_LISTEN, and the process was continued.
    Continued,
}

fn word(signal: Signal, event: u32) -> u32 {
    event << 16 | signal << 8 | 0x7f
}

fn trap_info(code: u32) -> SigInfo {
    let me = crate::sched::current();
    SigInfo {
        signal: SIGTRAP,
        errno: 0,
        code: code as i32,
        payload: Payload::Sender {
            pid: me.tid(),
            uid: me.process().credentials().uid.real,
        },
    }
}

/// Whether the thread has to die, so that it can't stay stopped.
fn is_doomed(thread: &Thread, exiting: bool) -> bool {
    let signals = thread.process().signals.lock();
    let mine = thread.signals.lock();
    let killed = signals.pending.set().has(SIGKILL) || mine.pending.set().has(SIGKILL);
    killed || (!exiting && thread.attention().contains(Attention::EXIT))
}

/// Stops until the tracer says otherwise.
fn stop(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    kind: Kind,
    status: u32,
    info: SigInfo,
) -> End {
    let trace = &thread.trace;
    if trace.is_stepping() {
        user.regs.rflags &= !TRAP_FLAG;
        trace.steps_no_more();
    }
    let exiting = status >> 16 == Event::Exit as u32;
    let tracer = {
        let registers = Registers::take(user);
        let mut state = trace.state.lock();
        if state.tracer == 0 {
            return End::Released;
        }
        state.stop = Some(Box::new(Stop {
            kind,
            status,
            info,
            registers,
            reported: false,
            listening: false,
            resumed: None,
        }));
        state.tracer
    };
    tell(thread, tracer, status, false);
    let continued = || !thread.process().signals.lock().stopped;
    let _ = wait_until(&[&trace.resumed], None, Interrupt::Never, || {
        let (resumed, listening) = {
            let state = trace.state.lock();
            let stop = state.stop.as_ref();
            let resumed = stop.is_none_or(|stop| stop.resumed.is_some());
            (
                resumed || state.tracer == 0,
                stop.is_some_and(|s| s.listening),
            )
        };
        let trapped = listening && thread.attention().contains(Attention::TRAP);
        let done = resumed || trapped || is_doomed(thread, exiting) || (listening && continued());
        done.then_some(())
    });
    let (stop, released) = {
        let mut state = trace.state.lock();
        (state.stop.take(), state.tracer == 0)
    };
    let Some(stop) = stop else {
        return End::Released;
    };
    stop.registers.give_back(user);
    match stop.resumed {
        Some(signal) => End::Resumed(signal, stop.info),
        None if stop.listening && !released => End::Continued,
        None => End::Released,
    }
}

/// A signal is about to be delivered. What the tracer makes of it; none for nothing.
pub fn at_signal(thread: &Arc<Thread>, user: &mut UserContext, info: SigInfo) -> Option<SigInfo> {
    if !thread.trace.is_traced() || info.signal == SIGKILL {
        return Some(info);
    }
    let status = word(info.signal, 0);
    let signal = info.signal;
    match stop(thread, user, Kind::Signal, status, info.clone()) {
        End::Resumed(0, _) => None,
        End::Resumed(chosen, changed) if chosen == signal => Some(changed),
        End::Resumed(chosen, _) => {
            let tracer = thread.trace.tracer();
            let uid = tree::process(tracer).map_or(0, |t| t.credentials().uid.real);
            Some(SigInfo::user(chosen, tracer, uid))
        }
        End::Released | End::Continued => Some(info),
    }
}

/// Sends itself the signal that a tracer left with, as with PTRACE_CONT at an event.
fn pass_on(thread: &Arc<Thread>, end: &End) {
    if let End::Resumed(signal, _) = end
        && *signal != 0
    {
        signal::send_to_thread(thread, SigInfo::user(*signal, thread.process().pid, 0));
    }
}

/// Before a system call. False: the tracer has called it off.
pub fn before_call(thread: &Arc<Thread>, user: &mut UserContext) -> bool {
    user.regs.rax = crate::errno::Errno::ENOSYS.to_ret();
    at_call(thread, user, Kind::CallEntry);
    user.regs.orig_rax as u32 != u32::MAX
}

/// After a system call.
pub fn after_call(thread: &Arc<Thread>, user: &mut UserContext, restart: Restart) {
    match restart {
        Restart::No => {}
        Restart::IfAllowed => user.regs.rax = RESTARTS.cast_unsigned(),
        Restart::Always => user.regs.rax = RESTARTS_ALWAYS.cast_unsigned(),
        Restart::IfNoHandler => user.regs.rax = RESTARTS_NO_HANDLER.cast_unsigned(),
    }
    at_call(thread, user, Kind::CallExit);
}

/// A filter of system calls leaves this one to the tracer, and tells it `message`. False: there is none
/// who wants to hear of it.
pub fn at_seccomp(thread: &Arc<Thread>, user: &mut UserContext, message: u32) -> bool {
    if !thread.trace.is_traced() || !thread.trace.options().contains(Options::SECCOMP) {
        return false;
    }
    user.regs.rax = crate::errno::Errno::ENOSYS.to_ret();
    event_stop(thread, user, Kind::Seccomp, Event::Seccomp, message.into());
    true
}

fn at_call(thread: &Arc<Thread>, user: &mut UserContext, kind: Kind) {
    let good = thread.trace.options().contains(Options::SYSGOOD);
    let signal = if good { SIGTRAP | 0x80 } else { SIGTRAP };
    let info = trap_info(signal);
    let end = stop(thread, user, kind, word(signal, 0), info);
    pass_on(thread, &end);
}

fn at_event(thread: &Arc<Thread>, user: &mut UserContext, event: Event, message: u64) {
    event_stop(thread, user, Kind::Event, event, message);
}

fn event_stop(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    kind: Kind,
    event: Event,
    message: u64,
) {
    thread.trace.state.lock().message = message;
    let status = word(SIGTRAP, event as u32);
    let info = trap_info(SIGTRAP | (event as u32) << 8);
    let end = stop(thread, user, kind, status, info);
    pass_on(thread, &end);
}

/// The tracer wants the thread to stop: PTRACE_INTERRUPT, or a new thread's first stop.
pub fn trap(thread: &Arc<Thread>, user: &mut UserContext) {
    if !thread.trace.is_traced() {
        return;
    }
    let stopped = {
        let signals = thread.process().signals.lock();
        signals.stopped.then_some(signals.stopped_by)
    };
    let signal = stopped.unwrap_or(SIGTRAP);
    let status = word(signal, Event::Stop as u32);
    let info = trap_info(signal | (Event::Stop as u32) << 8);
    if let End::Continued = stop(thread, user, Kind::Event, status, info) {
        thread.mark(Attention::TRAP);
    }
}

/// The process is stopped by job control.
pub fn with_group(thread: &Arc<Thread>, user: &mut UserContext) {
    thread.clear_attention(Attention::STOP);
    let signal = {
        let signals = thread.process().signals.lock();
        if !signals.stopped {
            return;
        }
        signals.stopped_by
    };
    let seized = thread.trace.state.lock().seized;
    let event = if seized { Event::Stop as u32 } else { 0 };
    let info = trap_info(signal | event << 8);
    match stop(thread, user, Kind::Group, word(signal, event), info) {
        // It says anew how things are.
        End::Continued => thread.mark(Attention::TRAP),
        End::Resumed(..) => {}
        // Stopped like any other, if it still is.
        End::Released if !thread.trace.is_traced() => {
            if thread.process().is_stopped() {
                thread.mark(Attention::STOP);
            }
        }
        End::Released => {}
    }
}

/// The program was replaced; `tid` is what the thread was before.
pub fn executed(thread: &Arc<Thread>, user: &mut UserContext, tid: Pid) {
    if !thread.trace.is_traced() {
        return;
    }
    let (options, seized) = {
        let state = thread.trace.state.lock();
        (state.options, state.seized)
    };
    if options.contains(Options::EXEC) {
        at_event(thread, user, Event::Exec, u64::from(tid));
    } else if !seized {
        let pid = thread.process().pid;
        signal::send_to_thread(thread, SigInfo::user(SIGTRAP, pid, 0));
    }
}

/// The thread made another. Which event that is, if the tracer wants to hear of it.
fn event_of(thread: &Thread, flags: u64, exit_signal: u32) -> Option<Event> {
    let options = thread.trace.options();
    let (event, option) = if flags & u64::from(raw::CLONE_VFORK) != 0 {
        (Event::Vfork, Options::VFORK)
    } else if exit_signal != signal::SIGCHLD {
        (Event::Clone, Options::CLONE)
    } else {
        (Event::Fork, Options::FORK)
    };
    (options.contains(option) && flags & u64::from(raw::CLONE_UNTRACED) == 0).then_some(event)
}

/// Before a new thread runs: it is traced like its maker, if the tracer wants that.
pub fn inherit(maker: &Thread, made: &Arc<Thread>, flags: u64, exit_signal: u32) -> Option<Event> {
    if !maker.trace.is_traced() {
        return None;
    }
    let event = event_of(maker, flags, exit_signal);
    if event.is_none() && flags & u64::from(raw::CLONE_PTRACE) == 0 {
        return None;
    }
    let (tracer, seized, options) = {
        let state = maker.trace.state.lock();
        (state.tracer, state.seized, state.options)
    };
    let tracer = tree::process(tracer)?;
    if attach(made, &tracer, seized, options) {
        if seized {
            made.mark(Attention::TRAP);
        } else {
            let allowance = Allowance::of(made.process());
            let stop = SigInfo::user(SIGSTOP, 0, 0);
            let _ = made.signals.lock().pending.add(stop, allowance);
            made.mark(Attention::SIGNAL);
        }
    }
    event
}

/// After a new thread was let run.
pub fn made(thread: &Arc<Thread>, user: &mut UserContext, event: Event, tid: Pid) {
    at_event(thread, user, event, u64::from(tid));
}

/// After a vfork's child has let go of the memory.
pub fn vfork_done(thread: &Arc<Thread>, user: &mut UserContext, tid: Pid) {
    if thread.trace.is_traced() && thread.trace.options().contains(Options::VFORK_DONE) {
        at_event(thread, user, Event::VforkDone, u64::from(tid));
    }
}

/// The thread ends, with this status; its memory is still there.
pub fn exiting(thread: &Arc<Thread>, user: &mut UserContext, status: u32) {
    let wants = thread.trace.is_traced() && thread.trace.options().contains(Options::EXIT);
    if wants && status != SIGKILL {
        at_event(thread, user, Event::Exit, u64::from(status));
    }
}

/// After one instruction: true if the tracer asked for just that.
pub fn stepped(thread: &Arc<Thread>, user: &mut UserContext) -> bool {
    if !thread.trace.is_stepping() {
        return false;
    }
    user.regs.rflags &= !TRAP_FLAG;
    thread.trace.steps_no_more();
    true
}
