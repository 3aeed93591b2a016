//! Taking pending signals before a return to user mode: default actions, stops, and handler frames.

use super::action::{SIG_DFL, SIG_IGN};
use super::frame;
use super::pending::Allowance;
use super::send::{self, end_process};
use super::{
    Attention, Default, SIGCONT, SIGKILL, SIGSEGV, SIGSTOP, SigInfo, Signal, SignalSet, default_of,
};
use crate::errno::Errno;
use crate::fs::path::PATH_MAX;
use crate::linux::general as raw;
use crate::mm::mapping::Name;
use crate::sched::wait::{Interrupt, wait_until};
use crate::task::dump;
use crate::task::exit::INIT;
use crate::task::process::Report;
use crate::task::thread::Thread;
use crate::task::trace::stop;
use crate::task::{cpu_clock, timers, tree};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::PAGE_SIZE;
use ochre_hal::user::UserContext;

/// What a system call left to be decided by signals: whether it is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    No,
    /// Again after a handler with SA_RESTART, or when no handler ran.
    IfAllowed,
    /// Again only when no handler ran.
    IfNoHandler,
    Always,
}

/// What an instruction causes: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
const SYNCHRONOUS: SignalSet = SignalSet(0)
    .with(4)
    .with(5)
    .with(7)
    .with(8)
    .with(11)
    .with(31);

/// Looks at everything that asks for the thread's attention. `restart` says what the system call
/// just made (if any) returned; its result register is settled here.
///
/// Returns false when the thread has to end.
pub fn run(thread: &Arc<Thread>, user: &mut UserContext, mut restart: Restart) -> bool {
    loop {
        let attention = thread.attention();
        if attention.contains(Attention::EXIT) {
            return false;
        }
        if attention.contains(Attention::TRAP) {
            thread.clear_attention(Attention::TRAP);
            stop::trap(thread, user);
            continue;
        }
        if attention.contains(Attention::STOP) {
            if thread.trace.is_traced() {
                stop::with_group(thread, user);
            } else {
                wait_while_stopped(thread);
            }
            continue;
        }
        if attention.contains(Attention::CPU_TIME) {
            thread.clear_attention(Attention::CPU_TIME);
            cpu_clock::check(thread);
            continue;
        }
        if !attention.contains(Attention::SIGNAL) {
            break;
        }
        let Some(info) = next(thread) else {
            continue;
        };
        let Some(info) = stop::at_signal(thread, user, info) else {
            continue;
        };
        let action = take_action(thread, info.signal);
        match action.handler {
            SIG_IGN => {}
            SIG_DFL if is_immune(thread, &info) => {}
            SIG_DFL => match default_of(info.signal) {
                Default::Ignore | Default::Continue => {}
                Default::Stop => stop_process(thread, info.signal),
                Default::Terminate => {
                    end_process(thread.process(), info.signal, Some(thread));
                    return false;
                }
                Default::Core => {
                    log_crash(thread, user, &info);
                    dump::die(thread, user, &info);
                    return false;
                }
            },
            _ => {
                settle(
                    thread,
                    user,
                    &mut restart,
                    Some(action.has(raw::SA_RESTART)),
                );
                let blocked = {
                    let mut mine = thread.signals.lock();
                    let old = mine.saved.take().unwrap_or(mine.blocked);
                    let mut during = mine.blocked.union(action.mask);
                    if !action.has(raw::SA_NODEFER) {
                        during = during.with(info.signal);
                    }
                    mine.blocked = during.minus(SignalSet::UNBLOCKABLE);
                    old
                };
                send::recalculate(thread);
                if frame::push(thread, user, &info, &action, blocked).is_err() {
                    // No room for the frame: as Linux, the program dies of it unless SIGSEGV has
                    // a handler that can run.
                    force(thread, SigInfo::kernel(SIGSEGV));
                    if info.signal == SIGSEGV {
                        dump::die(thread, user, &SigInfo::kernel(SIGSEGV));
                        return false;
                    }
                }
            }
        }
    }
    settle(thread, user, &mut restart, None);
    thread.clear_attention(Attention::MASK);
    let saved = thread.signals.lock().saved.take();
    if let Some(mask) = saved {
        send::set_mask(thread, mask);
        if thread.has_signal() {
            return run(thread, user, Restart::No);
        }
    }
    true
}

/// Whether process 1 is to live on: nothing ends or stops it but a fault of its own.
fn is_immune(thread: &Thread, info: &SigInfo) -> bool {
    let own_fault = info.code > 0 && SYNCHRONOUS.has(info.signal);
    thread.process().pid == INIT && !own_fault
}

/// Decides about the interrupted call: run it again, or let it return EINTR. `handler` is None when
/// none runs, else whether its action has SA_RESTART.
fn settle(thread: &Thread, user: &mut UserContext, restart: &mut Restart, handler: Option<bool>) {
    let again = match (*restart, handler) {
        (Restart::No, _) => return,
        (_, None) | (Restart::IfAllowed, Some(true)) | (Restart::Always, _) => true,
        _ => false,
    };
    *restart = Restart::No;
    let sleep = thread.take_restart();
    let regs = &mut user.regs;
    if again {
        regs.rax = if sleep.is_some() {
            raw::__NR_restart_syscall as usize
        } else {
            regs.orig_rax
        };
        thread.set_restart(sleep);
        // Back over `syscall`, which is two bytes.
        regs.rip = regs.rip.wrapping_sub(2);
    } else {
        regs.rax = Errno::EINTR.to_ret();
    }
}

/// The next signal to act on. None clears the attention bit.
fn next(thread: &Arc<Thread>) -> Option<SigInfo> {
    loop {
        let mut info = take(thread)?;
        if timers::signal_taken(thread.process(), &mut info) {
            return Some(info);
        }
    }
}

fn take(thread: &Thread) -> Option<SigInfo> {
    let mut signals = thread.process().signals.lock();
    let mut mine = thread.signals.lock();
    let allowed = |set: SignalSet| set.minus(mine.blocked);
    let own = allowed(mine.pending.set());
    let shared = allowed(signals.pending.set());
    // SIGKILL first; faults of this very instruction before others; then by number.
    let pick = |set: SignalSet| {
        set.intersect(SignalSet::of(SIGKILL))
            .first()
            .or_else(|| set.intersect(SYNCHRONOUS).first())
            .or_else(|| set.first())
    };
    if let Some(signal) = pick(own).filter(|&s| s == SIGKILL || !shared.has(SIGKILL)) {
        mine.pending.take(signal)
    } else if let Some(signal) = pick(shared) {
        signals.pending.take(signal)
    } else {
        thread.clear_attention(Attention::SIGNAL);
        None
    }
}

/// What to do about a signal that is delivered now.
fn take_action(thread: &Thread, signal: Signal) -> super::action::Action {
    let mut signals = thread.process().signals.lock();
    let action = signals.actions.get(signal);
    if action.handler > SIG_IGN && action.has(raw::SA_RESETHAND) {
        let mut reset = action;
        reset.handler = SIG_DFL;
        signals.actions.set(signal, reset);
    }
    action
}

/// Stops the process, unless it was orphaned and the signal comes from a terminal.
fn stop_process(thread: &Arc<Thread>, signal: Signal) {
    let process = thread.process();
    if signal != SIGSTOP {
        let orphaned = tree::group_of(process.pid).is_none_or(|g| tree::is_orphaned(&g));
        if orphaned {
            return;
        }
    }
    let parent = process.parent();
    {
        let mut signals = process.signals.lock();
        // A SIGCONT or SIGKILL that came in between wins.
        let shared = signals.pending.set();
        if shared.has(SIGCONT) || shared.has(SIGKILL) || signals.exiting.is_some() {
            return;
        }
        signals.stopped = true;
        signals.stopped_by = signal;
        // A parent that traces it is told by the thread's own stop.
        if thread.trace.tracer() != parent {
            signals.report = Some(Report::Stopped(signal));
        }
    }
    process.with_threads(|threads| {
        for other in threads {
            if Arc::ptr_eq(other, thread) {
                other.mark(Attention::STOP);
            } else {
                other.notify(Attention::STOP);
            }
        }
    });
    send::report_to_parent(process);
}

fn wait_while_stopped(thread: &Arc<Thread>) {
    let process = thread.process();
    // Before the look: a stop that comes after it marks the thread anew.
    thread.clear_attention(Attention::STOP);
    let _ = wait_until(&[&process.changed], None, Interrupt::Kill, || {
        let stopped = process.signals.lock().stopped;
        (!stopped || thread.trace.is_traced()).then_some(())
    });
    // A tracer who came meanwhile is told of the stop, if it still is one.
    if thread.trace.is_traced() {
        thread.mark(Attention::STOP);
    }
}

/// Sends a signal that the thread can't put off: what its own instruction caused. If it is blocked
/// or ignored, its action becomes the default, and the program dies of it.
pub fn force(thread: &Arc<Thread>, info: SigInfo) {
    let allowance = Allowance::of(thread.process());
    {
        let mut signals = thread.process().signals.lock();
        let mut mine = thread.signals.lock();
        let signal = info.signal;
        let action = signals.actions.get(signal);
        if action.handler == SIG_IGN || mine.blocked.has(signal) {
            signals
                .actions
                .set(signal, super::action::Action::default());
        }
        mine.blocked = mine.blocked.minus(SignalSet::of(signal));
        mine.pending.discard(SignalSet::of(signal));
        let _ = mine.pending.add(info, allowance);
    }
    thread.mark(Attention::SIGNAL);
}

/// Ends the program by a signal that it can't catch, as far as its own part goes.
pub fn force_end(thread: &Arc<Thread>, info: SigInfo) {
    let signal = info.signal;
    let action = super::action::Action::default();
    thread.process().signals.lock().actions.set(signal, action);
    force(thread, info);
}

/// Says in the log that a program crashed, as mostly there is no dump.
fn log_crash(thread: &Thread, user: &UserContext, info: &SigInfo) {
    let name = thread.name();
    let name = core::str::from_utf8(&name)
        .unwrap_or("?")
        .trim_end_matches('\0');
    let addr = match info.payload {
        super::info::Payload::Fault { addr } => addr,
        _ => 0,
    };
    let ip = user.regs.rip;
    let (file, offset) = place_of(thread, ip);
    ochre_hal::log!(
        "{name}[{}]: signal {} at ip {ip:x} ({}+{offset:x}) sp {:x} address {addr:x}",
        thread.process().pid,
        info.signal,
        alloc::string::String::from_utf8_lossy(&file),
        user.regs.rsp,
    );
}

/// The file and offset that `addr` shows, as far as there are such.
fn place_of(thread: &Thread, addr: usize) -> (Vec<u8>, u64) {
    let Some(space) = thread.process().space() else {
        return (Vec::new(), 0);
    };
    let (path, offset) = {
        let inner = space.lock();
        let Some(mapping) = inner.find(addr) else {
            return (Vec::new(), 0);
        };
        let offset = mapping
            .object_page(addr)
            .map_or(0, |(_, page)| page * PAGE_SIZE as u64);
        let Name::File(path) = &mapping.name else {
            return (Vec::new(), offset);
        };
        (path.clone(), offset + (addr % PAGE_SIZE) as u64)
    };
    let root = thread.fs().view().root;
    let name = path.name_from(&root, PATH_MAX);
    (name.map_or(Vec::new(), |(name, _)| name), offset)
}
