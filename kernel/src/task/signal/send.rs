//! Making a signal pending, and choosing who is told.

use super::action::SIG_DFL;
use super::pending::{Allowance, QueueFull};
use super::{Attention, Default, SIGCONT, SIGKILL, SigInfo, Signal, SignalSet, default_of};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::task::exit::INIT;
use crate::task::process::{Process, ProcessSignals, Report};
use crate::task::thread::Thread;
use crate::task::{timers, tree};
use alloc::sync::Arc;

/// Sends to a process: any of its threads may take it. Queue overflow is silent, as for kill.
pub fn send_to_process(process: &Arc<Process>, info: SigInfo) {
    let _ = queue_to_process(process, info);
}

/// As [`send_to_process`]; `EAGAIN` when a real-time signal finds its queue full.
pub fn queue_to_process(process: &Arc<Process>, info: SigInfo) -> Result {
    queue(process, None, info)
}

/// Sends to one thread. Queue overflow is silent.
pub fn send_to_thread(thread: &Arc<Thread>, info: SigInfo) {
    let _ = queue_to_thread(thread, info);
}

pub fn queue_to_thread(thread: &Arc<Thread>, info: SigInfo) -> Result {
    queue(thread.process(), Some(thread), info)
}

/// Sends a timer's signal. False when nobody will take it: it is ignored.
pub fn timer_signal(process: &Arc<Process>, target: Option<&Arc<Thread>>, info: SigInfo) -> bool {
    // A full queue is no reason to try again: what it holds is not looked at either.
    queue_unless_ignored(process, target, info).unwrap_or(true)
}

/// What sending does besides making pending: stops and continues cancel each other.
struct Effects {
    continued: bool,
}

fn queue(process: &Arc<Process>, target: Option<&Arc<Thread>>, info: SigInfo) -> Result {
    queue_unless_ignored(process, target, info).map(|_| ())
}

/// Whether the signal was worth queueing.
fn queue_unless_ignored(
    process: &Arc<Process>,
    target: Option<&Arc<Thread>>,
    info: SigInfo,
) -> Result<bool> {
    let signal = info.signal;
    if process.is_zombie() {
        return Ok(true);
    }
    let mut effects = Effects { continued: false };
    let allowance = Allowance::of(process);
    // With the list locked: there may be no memory for another one.
    let (queued, fatal) = process.with_threads(|threads| {
        let mut signals = process.signals.lock();
        prepare(&mut signals, threads, signal, &mut effects);
        // Who is about to end takes no more than that.
        let ends = signals.exiting.is_some() && signal != SIGKILL;
        if ends
            || immune(process, &signals, threads, signal)
            || ignored_now(&signals, target, threads, signal)
        {
            (Ok(false), false)
        } else {
            let added = match target {
                Some(thread) => thread.signals.lock().pending.add(info, allowance),
                None => signals.pending.add(info, allowance),
            };
            let takers = target.map_or(threads, core::slice::from_ref);
            (added.map(|()| true), is_fatal(&signals, takers, signal))
        }
    });
    if fatal {
        end_process(process, signal, None);
    }
    if effects.continued {
        // They see for themselves that the stop has ended: the mark may be the next stop's by now.
        process.with_threads(|threads| {
            for thread in threads {
                thread.unpark();
            }
        });
        process.changed.wake_all(Events::all());
        report_to_parent(process);
    }
    match target {
        Some(thread) => {
            if wants(thread, signal) {
                thread.notify(Attention::SIGNAL);
            }
        }
        // Listed only now: a thread that left the list before knew nothing of the signal, one that
        // leaves it later offers it to the others.
        None => process.with_threads(|threads| notify_one(threads, signal)),
    }
    process.signal_arrived.wake_all(Events::READABLE);
    queued.map_err(|QueueFull| Errno::EAGAIN)
}

/// Process 1 is immune to what it has no handler for, whoever sends it and how: nothing could
/// replace it. What it blocks waits, as it may come to have a handler; see also `deliver`.
fn immune(
    process: &Process,
    signals: &ProcessSignals,
    threads: &[Arc<Thread>],
    signal: Signal,
) -> bool {
    process.pid == INIT
        && signals.actions.get(signal).handler == SIG_DFL
        && !threads.iter().any(|t| t.signals.lock().blocked.has(signal))
}

/// SIGCONT takes pending stops away and ends a stop; a stop takes a pending SIGCONT away.
fn prepare(
    signals: &mut ProcessSignals,
    threads: &[Arc<Thread>],
    signal: Signal,
    effects: &mut Effects,
) {
    let discard = |signals: &mut ProcessSignals, set: SignalSet| {
        signals.pending.discard(set);
        for thread in threads {
            thread.signals.lock().pending.discard(set);
        }
    };
    if signal == SIGCONT {
        discard(signals, SignalSet::STOPS);
        if signals.stopped {
            signals.stopped = false;
            signals.report = Some(Report::Continued);
            effects.continued = true;
        }
    } else if SignalSet::STOPS.has(signal) {
        discard(signals, SignalSet::of(SIGCONT));
    } else if signal == SIGKILL && signals.stopped {
        signals.stopped = false;
        effects.continued = true;
    }
}

/// An ignored signal is dropped when sent, unless its receiver blocks it: then it might wait for
/// it or change its mind.
fn ignored_now(
    signals: &ProcessSignals,
    target: Option<&Arc<Thread>>,
    threads: &[Arc<Thread>],
    signal: Signal,
) -> bool {
    if !signals.actions.ignores(signal) {
        return false;
    }
    let blocks = |thread: &Arc<Thread>| {
        // A tracer is asked even about ignored ones.
        if thread.trace.is_traced() {
            return true;
        }
        let mine = thread.signals.lock();
        mine.blocked.has(signal) || mine.awaited.has(signal)
    };
    match target {
        Some(thread) => !blocks(thread),
        None => !threads.iter().any(blocks),
    }
}

/// Whether the signal ends its process, whatever its threads are at: also one that sleeps for
/// something that only an end interrupts sees it.
fn is_fatal(signals: &ProcessSignals, takers: &[Arc<Thread>], signal: Signal) -> bool {
    if signal == SIGKILL {
        return true;
    }
    let ends = signals.actions.get(signal).handler == SIG_DFL
        && matches!(default_of(signal), Default::Terminate)
        && !signals.stopped;
    // A tracer is asked first.
    let takes = |thread: &Arc<Thread>| {
        if thread.is_ending() {
            return false;
        }
        let mine = thread.signals.lock();
        !thread.trace.is_traced() && !mine.blocked.has(signal) && !mine.awaited.has(signal)
    };
    ends && takers.iter().any(takes)
}

fn wants(thread: &Thread, signal: Signal) -> bool {
    if thread.is_ending() {
        return false;
    }
    let mine = thread.signals.lock();
    !mine.blocked.has(signal) || mine.awaited.has(signal) || SignalSet::UNBLOCKABLE.has(signal)
}

/// Tells one thread that does not block the signal; the leader if it will do. One that a tracer holds is told
/// only if there is no other.
fn notify_one(threads: &[Arc<Thread>], signal: Signal) {
    let takers = || threads.iter().filter(|t| wants(t, signal));
    let free = takers().find(|t| !(t.trace.is_traced() && t.trace.is_stopped()));
    if let Some(thread) = free.or_else(|| takers().next()) {
        thread.notify(Attention::SIGNAL);
    }
}

/// Tells the parent of a stop or continuation: its waiters, and by SIGCHLD unless it asked not to
/// be.
pub fn report_to_parent(process: &Arc<Process>) {
    use super::info::Payload;
    use crate::linux::general as raw;
    use crate::task::resources::TICK;
    let Some(parent) = tree::parent_process(process.pid) else {
        return;
    };
    let report = process.signals.lock().report;
    let (code, status) = match report {
        Some(Report::Stopped(signal)) => (raw::CLD_STOPPED, signal as i32),
        Some(Report::Continued) => (raw::CLD_CONTINUED, SIGCONT as i32),
        None => return,
    };
    let quiet = parent
        .signals
        .lock()
        .actions
        .get(super::SIGCHLD)
        .has(raw::SA_NOCLDSTOP);
    if !quiet {
        let usage = process.total_usage();
        let payload = Payload::Child {
            pid: process.pid,
            uid: process.credentials().uid.real,
            status,
            user_time: usage.user / TICK,
            system_time: usage.system / TICK,
        };
        send_to_process(
            &parent,
            SigInfo {
                signal: super::SIGCHLD,
                errno: 0,
                code: code as i32,
                payload,
            },
        );
    }
    parent.child_changed.wake_all(Events::all());
}

/// Ends all threads of the process with wait status `status`, except `except`, which goes on to end
/// by itself. The first decision stands; a core dump is ended early by SIGKILL alone.
pub fn end_process(process: &Arc<Process>, status: u32, except: Option<&Arc<Thread>>) {
    {
        let mut signals = process.signals.lock();
        if process.dumping.is_on() && status != SIGKILL {
            return;
        }
        if signals.exiting.is_none() {
            signals.exiting = Some(status);
        }
        signals.stopped = false;
    }
    tell_of_end(process, except);
}

/// Has the threads of the process end, except one.
pub fn tell_of_end(process: &Process, except: Option<&Arc<Thread>>) {
    process.with_threads(|threads| {
        for thread in threads {
            if except.is_none_or(|e| !Arc::ptr_eq(e, thread)) {
                thread.clear_attention(Attention::STOP);
                thread.notify(Attention::EXIT);
            }
        }
    });
    process.changed.wake_all(Events::all());
}

/// Works out anew whether the thread has a signal to look at: after its mask changed.
pub fn recalculate(thread: &Arc<Thread>) {
    let process = thread.process();
    let pending = {
        let signals = process.signals.lock();
        let mine = thread.signals.lock();
        signals
            .pending
            .set()
            .union(mine.pending.set())
            .minus(mine.blocked)
    };
    if pending.is_empty() {
        thread.clear_attention(Attention::SIGNAL);
    } else {
        thread.mark(Attention::SIGNAL);
    }
}

/// Sets the mask of the thread. Signals of the process that it now blocks are offered to the other
/// threads.
pub fn set_mask(thread: &Arc<Thread>, new: SignalSet) -> SignalSet {
    let new = new.minus(SignalSet::UNBLOCKABLE);
    let process = thread.process();
    let (old, offered) = {
        let signals = process.signals.lock();
        let mut mine = thread.signals.lock();
        let old = core::mem::replace(&mut mine.blocked, new);
        (old, signals.pending.set().intersect(new).minus(old))
    };
    recalculate(thread);
    if process.thread_count() > 1 {
        offer(process, offered);
    }
    old
}

/// Offers what is pending for the process to the threads that stay: one that has left its list may
/// have been told of it, and ended before it took it.
pub fn offer_pending(process: &Process) {
    let pending = process.signals.lock().pending.set();
    offer(process, pending);
}

/// Tells of each of these signals a thread that does not block it.
fn offer(process: &Process, offered: SignalSet) {
    if offered.is_empty() {
        return;
    }
    process.with_threads(|threads| {
        let mut rest = offered;
        while let Some(signal) = rest.first() {
            rest = rest.minus(SignalSet::of(signal));
            notify_one(threads, signal);
        }
    });
}

/// What is pending for the thread, its process's signals included.
#[must_use]
pub fn pending_for(thread: &Arc<Thread>) -> SignalSet {
    let signals = thread.process().signals.lock();
    let mine = thread.signals.lock();
    signals.pending.set().union(mine.pending.set())
}

/// Takes the first pending signal of `set`: its own before the process's. For sigtimedwait and
/// signalfd.
pub fn dequeue(thread: &Arc<Thread>, set: SignalSet) -> Option<SigInfo> {
    loop {
        let mut info = take(thread, set)?;
        if timers::signal_taken(thread.process(), &mut info) {
            return Some(info);
        }
    }
}

fn take(thread: &Thread, set: SignalSet) -> Option<SigInfo> {
    let mut signals = thread.process().signals.lock();
    let mut mine = thread.signals.lock();
    if let Some(signal) = mine.pending.set().intersect(set).first() {
        return mine.pending.take(signal);
    }
    let signal = signals.pending.set().intersect(set).first()?;
    signals.pending.take(signal)
}
