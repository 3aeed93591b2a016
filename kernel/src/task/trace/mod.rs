//! ptrace(2): a process watches and steers threads of others.
//!
//! A traced thread that stops leaves its registers in its [`Tracee`], sleeps, and takes them back
//! when it is told to go on. So a tracer never touches what a running thread has, and the thread
//! itself does everything else. [`stop`] is the traced thread's side, [`calls`] the tracer's.
//!
//! Locks: a tracer's list of threads, then one thread's state; both after those of signals.

pub mod calls;
mod debug;
pub mod registers;
pub mod stop;

use super::Pid;
use super::process::Process;
use super::signal::{self, SigInfo, Signal};
use super::thread::Thread;
use super::tree;
use crate::file::Events;
use crate::lock_order;
use crate::sched::wait::WaitQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;
use registers::Registers;

bitflags! {
    /// What the thread itself asks often, without a lock.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Mode: u32 {
        const TRACED = 1;
        /// Stops before and after system calls.
        const CALLS = 2;
        /// Stops after one instruction.
        const STEP = 4;
    }
}

bitflags! {
    /// PTRACE_O_*.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Options: u32 {
        const SYSGOOD = 1;
        const FORK = 1 << 1;
        const VFORK = 1 << 2;
        const CLONE = 1 << 3;
        const EXEC = 1 << 4;
        const VFORK_DONE = 1 << 5;
        const EXIT = 1 << 6;
        const SECCOMP = 1 << 7;
        const EXIT_KILL = 1 << 20;
    }
}

/// PTRACE_EVENT_*: the option's bit, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Event {
    Fork = 1,
    Vfork = 2,
    Clone = 3,
    Exec = 4,
    VforkDone = 5,
    Exit = 6,
    Seccomp = 7,
    Stop = 128,
}

/// At which kind of place a thread stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Before a signal is delivered.
    Signal,
    CallEntry,
    CallExit,
    /// A filter wants the tracer to look at a call.
    Seccomp,
    Event,
    /// With all of its process, by job control.
    Group,
}

/// A stopped thread, as its tracer sees it.
pub struct Stop {
    kind: Kind,
    /// wait4's word.
    status: u32,
    info: SigInfo,
    registers: Registers,
    /// The tracer has waited for it.
    reported: bool,
    /// PTRACE_LISTEN: it stays stopped, but is nobody's to look into.
    listening: bool,
    /// The tracer lets it go on, with this signal or 0.
    resumed: Option<Signal>,
}

#[derive(Default)]
struct State {
    /// 0: nobody.
    tracer: Pid,
    seized: bool,
    options: Options,
    stop: Option<Box<Stop>>,
    /// PTRACE_GETEVENTMSG.
    message: u64,
    /// The thread has ended, and has no tracer any more.
    gone: bool,
}

/// What a thread has for being traced.
pub struct Tracee {
    mode: AtomicU32,
    state: SpinLock<State>,
    resumed: WaitQueue,
}

impl Tracee {
    #[must_use]
    pub fn new() -> Tracee {
        Tracee {
            mode: AtomicU32::new(0),
            state: SpinLock::new(lock_order::TRACEE, State::default()),
            resumed: WaitQueue::new(),
        }
    }

    fn mode(&self) -> Mode {
        Mode::from_bits_truncate(self.mode.load(Ordering::Relaxed))
    }

    fn set_mode(&self, mode: Mode) {
        self.mode.store(mode.bits(), Ordering::Relaxed);
    }

    fn steps_no_more(&self) {
        self.mode.fetch_and(!Mode::STEP.bits(), Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_traced(&self) -> bool {
        self.mode().contains(Mode::TRACED)
    }

    /// Whether the thread stops at system calls.
    #[must_use]
    pub fn watches_calls(&self) -> bool {
        self.mode().contains(Mode::CALLS)
    }

    #[must_use]
    pub fn is_stepping(&self) -> bool {
        self.mode().contains(Mode::STEP)
    }

    /// Who traces it; 0 for nobody.
    #[must_use]
    pub fn tracer(&self) -> Pid {
        self.state.lock().tracer
    }

    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state.lock().stop.is_some()
    }

    fn options(&self) -> Options {
        self.state.lock().options
    }

    fn forget(&self) -> Pid {
        let mut state = self.state.lock();
        self.set_mode(Mode::empty());
        state.options = Options::empty();
        let tracer = core::mem::take(&mut state.tracer);
        drop(state);
        self.resumed.wake_all(Events::all());
        tracer
    }

    /// As [`Self::forget`], for good.
    fn end(&self) -> Pid {
        self.state.lock().gone = true;
        self.forget()
    }
}

impl Default for Tracee {
    fn default() -> Tracee {
        Tracee::new()
    }
}

/// A traced thread that ended, until the tracer has waited for it.
struct Ended {
    tid: Pid,
    status: u32,
    process: Arc<Process>,
}

#[derive(Default)]
struct Watched {
    threads: Vec<Arc<Thread>>,
    ended: Vec<Ended>,
    /// The process has ended: nobody would let go of what it came to trace now.
    released: bool,
}

/// What a process has for tracing others.
pub struct Tracer {
    watched: SpinLock<Watched>,
}

/// What a tracer's wait finds.
pub struct Found {
    pub tid: Pid,
    pub process: Arc<Process>,
    pub status: u32,
    pub ended: bool,
}

impl Tracer {
    #[must_use]
    pub fn new() -> Tracer {
        Tracer {
            watched: SpinLock::new(lock_order::TRACER, Watched::default()),
        }
    }

    /// What one of the traced threads has to tell that `matches`. The second: whether there is any
    /// such thread. `keep`: it can be asked again.
    pub fn look(
        &self,
        matches: impl Fn(Pid, &Process) -> bool,
        keep: bool,
        ends: bool,
    ) -> (Option<Found>, bool) {
        let (threads, ended) = {
            let watched = self.watched.lock();
            let ended = watched.ended.iter();
            let ended: Vec<_> = ended.map(|end| (end.tid, end.process.clone())).collect();
            (watched.threads.clone(), ended)
        };
        let mut any = false;
        for (tid, process) in ended {
            if !matches(tid, &process) {
                continue;
            }
            if !ends {
                any = true;
            } else if let Some(status) = self.take_end(tid, keep) {
                let found = Found {
                    tid,
                    process,
                    status,
                    ended: true,
                };
                return (Some(found), true);
            }
        }
        for thread in threads {
            if !matches(thread.tid(), thread.process()) {
                continue;
            }
            any = true;
            let mut state = thread.trace.state.lock();
            let Some(stop) = state.stop.as_mut() else {
                continue;
            };
            if stop.reported || stop.resumed.is_some() {
                continue;
            }
            stop.reported = !keep;
            let found = Found {
                tid: thread.tid(),
                process: thread.process().clone(),
                status: stop.status,
                ended: false,
            };
            return (Some(found), true);
        }
        (None, any)
    }

    /// The status that a thread ended with; None if another waiter was faster.
    fn take_end(&self, tid: Pid, keep: bool) -> Option<u32> {
        let mut watched = self.watched.lock();
        let at = watched.ended.iter().position(|end| end.tid == tid)?;
        let status = watched.ended[at].status;
        let gone = (!keep).then(|| watched.ended.remove(at));
        drop(watched);
        drop(gone);
        Some(status)
    }

    fn remove(&self, thread: &Arc<Thread>) {
        let mut watched = self.watched.lock();
        let at = watched.threads.iter().position(|t| Arc::ptr_eq(t, thread));
        let gone = at.map(|at| watched.threads.swap_remove(at));
        drop(watched);
        drop(gone);
    }

    /// The process traces nobody any more, as it ends.
    pub fn release_all(&self) {
        let none = Watched {
            released: true,
            ..Watched::default()
        };
        let watched = core::mem::replace(&mut *self.watched.lock(), none);
        for thread in watched.threads {
            let kill = thread.trace.options().contains(Options::EXIT_KILL);
            thread.trace.forget();
            if kill {
                signal::send_to_thread(&thread, SigInfo::kernel(signal::SIGKILL));
            }
        }
    }
}

impl Default for Tracer {
    fn default() -> Tracer {
        Tracer::new()
    }
}

/// `thread` is traced by `tracer` from now on. False: it is already, by whomever, or one of the two has
/// ended.
fn attach(thread: &Arc<Thread>, tracer: &Process, seized: bool, options: Options) -> bool {
    let mut watched = tracer.tracer.watched.lock();
    let mut state = thread.trace.state.lock();
    let over = watched.released || state.gone;
    if over || state.tracer != 0 || watched.threads.room(1).is_err() {
        return false;
    }
    state.tracer = tracer.pid;
    state.seized = seized;
    state.options = options;
    thread.trace.set_mode(Mode::TRACED);
    drop(state);
    watched.threads.push(thread.clone());
    true
}

/// Tells the tracer that `thread` stopped or ended.
fn tell(thread: &Thread, tracer: Pid, status: u32, ended: bool) {
    use super::signal::info::Payload;
    use crate::linux::general as raw;
    let Some(tracer) = tree::process(tracer) else {
        return;
    };
    let quiet = {
        let signals = tracer.signals.lock();
        !ended && signals.actions.get(signal::SIGCHLD).has(raw::SA_NOCLDSTOP)
    };
    if !quiet {
        let (code, value) = if ended {
            super::exit::describe(status)
        } else {
            (raw::CLD_TRAPPED, (status >> 8 & 0x7f) as i32)
        };
        let payload = Payload::Child {
            pid: thread.tid(),
            uid: thread.credentials().uid.real,
            status: value,
            user_time: 0,
            system_time: 0,
        };
        let info = SigInfo {
            signal: signal::SIGCHLD,
            errno: 0,
            code: code as i32,
            payload,
        };
        signal::send_to_process(&tracer, info);
    }
    tracer.child_changed.wake_all(Events::all());
}

/// A traced thread has ended, with this status. Its tracer waits for it, unless that is the parent,
/// who will wait for all of the process.
pub fn ended(thread: &Arc<Thread>, status: u32) {
    let tracer = thread.trace.end();
    if tracer == 0 {
        return;
    }
    let Some(process) = tree::process(tracer) else {
        return;
    };
    process.tracer.remove(thread);
    let of = thread.process();
    if thread.tid() == of.pid && of.parent() == tracer {
        return;
    }
    let end = Ended {
        tid: thread.tid(),
        status,
        process: of.clone(),
    };
    {
        let mut watched = process.tracer.watched.lock();
        if watched.released {
            return;
        }
        watched.ended.push(end);
    }
    tell(thread, tracer, status, true);
}

/// Whether a program that `thread` executes gains nothing by set-id bits: it doesn't under a tracer who
/// could not trace what it becomes.
#[must_use]
pub fn forbids_set_id(thread: &Thread) -> bool {
    use super::credentials::Capabilities;
    let tracer = thread.trace.tracer();
    tracer != 0
        && tree::process(tracer)
            .is_some_and(|tracer| !tracer.credentials().can(Capabilities::SYS_PTRACE))
}
