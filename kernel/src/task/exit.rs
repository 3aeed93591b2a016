//! The end of threads and processes.

use super::process::{Process, Program};
use super::resources::TICK;
use super::signal::info::Payload;
use super::signal::{self, SigInfo, SignalSet};
use super::thread::Thread;
use super::{Pid, futex, session, tree};
use crate::file::Events;
use crate::ipc::netlink::connector;
use crate::linux::general as raw;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// wait4's status for exit(code).
#[must_use]
pub fn exited(code: usize) -> u32 {
    (code as u32 & 0xff) << 8
}

/// All that a thread owes when it ends; its last act before its stack is left. The last thread
/// ends the process.
pub(super) fn thread(thread: &Arc<Thread>) {
    let process = thread.process().clone();
    futex::release_all(thread);
    let clear = thread.clear_tid.swap(0, Ordering::Relaxed);
    if clear != 0 && (process.thread_count() > 1 || is_shared(&process)) {
        futex::clear_and_wake(&process, clear);
    }
    thread.seccomp.release();
    thread.exited.store(true, Ordering::SeqCst);
    thread.signals.lock().pending.clear();
    let status = status_of(thread);
    super::trace::ended(thread, status);
    let told = connector::End::of(thread, status);
    tree::remove_thread(thread.tid());
    thread.let_holdings_go();
    if process.remove_thread(thread) == 0 {
        // Meanwhile another may have ended all.
        end(&process, status_of(thread));
    } else {
        signal::send::offer_pending(&process);
        process.changed.wake_all(Events::all());
    }
    if let Some(end) = told {
        end.tell();
    }
}

/// wait4's status of a thread that ends: all of the process's, or its own.
pub(super) fn status_of(thread: &Thread) -> u32 {
    let exiting = thread.process().signals.lock().exiting;
    exiting.unwrap_or_else(|| thread.exit_status.load(Ordering::Relaxed))
}

/// Whether another process uses the same memory (vfork, CLONE_VM).
fn is_shared(process: &Process) -> bool {
    process.space().is_some_and(|s| s.user_count() > 1)
}

/// The last thread is gone, with this status: give back everything, become a zombie, tell the parent.
fn end(process: &Arc<Process>, status: u32) {
    process.timers.clear();
    crate::ipc::sysv::leave(process);
    process.tracer.release_all();
    if let Some(space) = process.replace_space(None) {
        space.leave();
    }
    // As Linux, which keeps it with the memory: who waits for the end may unmount what it was started from.
    process.set_program(Program { path: None });
    if process.pid == INIT {
        let (_, value) = describe(status);
        panic!("process 1 ended (wait status {status:#x}, value {value})");
    }

    let session = tree::session_of(process.pid);
    if let Some(session) = session.filter(|s| s.id == process.pid)
        && let Some(terminal) = session.terminal()
    {
        terminal.leader_exited();
        session.set_terminal(None);
    }
    orphan_children(process);
    process.set_zombie(status);
    process.signals.lock().pending.clear();
    process.changed.wake_all(Events::all());
    tell_parent(process, status);
}

fn orphan_children(process: &Arc<Process>) {
    // This process no longer holds its groups together.
    process.set_leaving();
    let own = tree::group_of(process.pid);
    let mut last_reaper = None;
    while let Some((child, reaper)) = tree::reparent_child(process.pid) {
        let mut told = child.with_threads(|threads| {
            let signals = threads
                .iter()
                .map(|thread| thread.parent_death_signal.load(Ordering::Relaxed))
                .filter(|signal| *signal != 0);
            signals.fold(SignalSet::EMPTY, SignalSet::with)
        });
        while let Some(signal) = told.first() {
            told = told.minus(SignalSet::of(signal));
            signal::send_to_process(&child, SigInfo::kernel(signal));
        }
        let group = tree::group_of(child.pid);
        if child.is_zombie() {
            tell_parent(&child, child.exit_status());
        }
        session::orphan_check(group.as_deref());
        last_reaper = reaper;
    }
    if let Some(reaper) = last_reaper {
        reaper.child_changed.wake_all(Events::all());
    }
    session::orphan_check(own.as_deref());
}

/// SIGCHLD (or what clone asked for) and a wake-up for the parent; a parent that ignores its
/// children has them reaped at once.
fn tell_parent(process: &Arc<Process>, status: u32) {
    let Some(parent) = tree::parent_process(process.pid) else {
        process.set_announced();
        return;
    };
    let ignores = parent.signals.lock().actions.reaps_children();
    let signal = process.exit_signal.load(Ordering::Relaxed);
    let standard = signal == signal::SIGCHLD as i32;
    // clone takes any number; what is none of a signal's tells nobody.
    let tells = (1..=signal::SIGRTMAX as i32).contains(&signal);
    if tells && !(ignores && standard && is_ignored(&parent)) {
        signal::send_to_process(&parent, child_info(process, signal as u32, status));
    }
    process.set_announced();
    if ignores && standard {
        // Nobody waited for it, so what it used is not counted as its parent's children's.
        tree::reap(process.pid);
    }
    parent.child_changed.wake_all(Events::all());
}

fn is_ignored(parent: &Process) -> bool {
    parent.signals.lock().actions.get(signal::SIGCHLD).handler == signal::action::SIG_IGN
}

/// si_code and si_status of a wait status.
#[must_use]
pub fn describe(status: u32) -> (u32, i32) {
    let signal = status & 0x7f;
    if signal == 0 {
        (raw::CLD_EXITED, (status >> 8 & 0xff) as i32)
    } else if status & 0x80 != 0 {
        (raw::CLD_DUMPED, signal as i32)
    } else {
        (raw::CLD_KILLED, signal as i32)
    }
}

fn child_info(process: &Process, signal: u32, status: u32) -> SigInfo {
    let (code, status) = describe(status);
    let usage = process.total_usage();
    let payload = Payload::Child {
        pid: process.pid,
        uid: process.credentials().uid.real,
        status,
        user_time: usage.user / TICK,
        system_time: usage.system / TICK,
    };
    SigInfo {
        signal,
        errno: 0,
        code: code as i32,
        payload,
    }
}

/// Ends every thread of the calling process; the caller ends by itself on its way out.
pub fn group(thread: &Arc<Thread>, status: u32) {
    signal::send::end_process(thread.process(), status, Some(thread));
    thread.mark(signal::Attention::EXIT);
}

/// The number process 1 has.
pub const INIT: Pid = 1;
