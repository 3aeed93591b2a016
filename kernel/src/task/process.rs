//! A process: what its threads share. How processes relate (parent, children, group, session) is in
//! [`tree`](super::tree).

use super::Pid;
use super::credentials::Credentials;
use super::dump::{self, Dumping};
use super::limits::{Limits, Resource};
use super::signal::action::Actions;
use super::signal::pending::Pending;
use super::thread::{NAME_LEN, Thread};
use super::timers::ProcessTimers;
use super::transfers::Transferred;
use crate::errno::{Errno, Result};
use crate::fs::context::FsContext;
use crate::fs::fd_table::FdTable;
use crate::fs::namespace::Path;
use crate::fs::open::OpenFile;
use crate::lock_order;
use crate::mm::space::AddressSpace;
use crate::population::{Counted, ObjectKind};
use crate::sched::account::Ticks;
use crate::sched::wait::WaitQueue;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// Signal state shared by the threads.
#[derive(Debug)]
pub struct ProcessSignals {
    pub actions: Actions,
    pub pending: Pending,
    /// The status all threads end with, once one decided it (in wait4's encoding).
    pub exiting: Option<u32>,
    /// A thread is about to execute another program: the others, new ones too, end.
    pub executing: bool,
    /// A stop or continue that the parent has not waited for yet.
    pub report: Option<Report>,
    /// Stopped by job control, and by which signal.
    pub stopped: bool,
    pub stopped_by: u32,
}

/// What waitpid tells besides an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Stopped(u32),
    Continued,
}

/// What a process has used, with what its waited-for children used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Nanoseconds on CPUs, in user mode and in the kernel.
    pub user: u64,
    pub system: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub switches: u64,
    pub preemptions: u64,
    pub max_resident: u64,
    pub transferred: Transferred,
}

impl Usage {
    /// All its time on CPUs.
    #[must_use]
    pub fn runtime(&self) -> u64 {
        self.user + self.system
    }

    pub fn add(&mut self, other: &Usage) {
        self.user += other.user;
        self.system += other.system;
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
        self.switches += other.switches;
        self.preemptions += other.preemptions;
        self.max_resident = self.max_resident.max(other.max_resident);
        self.transferred += other.transferred;
    }
}

/// The program it runs, for /proc.
#[derive(Clone)]
pub struct Program {
    /// The file, as named when it was opened; none for a program from the boot module.
    pub path: Option<Path>,
}

pub struct Process {
    _counted: Counted<{ ObjectKind::Process as usize }>,
    pub pid: Pid,
    /// None once it has exited.
    space: SpinLock<Option<Arc<AddressSpace>>>,
    /// The leader's, also once it has ended: by these others judge the process.
    credentials: SpinLock<Arc<Credentials>>,
    limits: SpinLock<Limits>,
    program: SpinLock<Program>,
    threads: SpinLock<Vec<Arc<Thread>>>,
    /// The name of the last thread that ended.
    last_name: SpinLock<[u8; NAME_LEN]>,
    pub signals: SpinLock<ProcessSignals>,
    /// Announces every signal that becomes pending here or in one of the threads: signalfds and
    /// sigtimedwait wait on it.
    pub signal_arrived: WaitQueue,
    /// Announces ends, stops and continuations of children.
    pub child_changed: WaitQueue,
    /// Announces this process's own end (pidfds), exec or exit (a vfork parent), stop's end, and
    /// the last thread but one leaving (execve).
    pub changed: WaitQueue,
    /// wait4's status, once it is a zombie.
    exit_status: AtomicU32,
    zombie: AtomicBool,
    /// Its parent knows.
    announced: AtomicBool,
    /// On its way to be a zombie: counts no more as a parent that holds a group together.
    leaving: AtomicBool,
    executed: AtomicBool,
    subreaper: AtomicBool,
    /// Changed under the lock of the tree of processes, and read without it.
    parent: AtomicU32,
    /// The signal the parent gets at the end; SIGCHLD except for odd clones. Negative: none.
    pub exit_signal: AtomicI32,
    /// prctl(PR_SET_DUMPABLE): who may have what is in its memory.
    pub dumpable: AtomicU32,
    /// A core dump that is being written.
    pub dumping: Dumping,
    /// Held while execve changes memory and rights, and by who finds out whether he may look into them:
    /// until he has what he came for.
    pub inspection: SpinLock<()>,
    /// What the threads that ended used. Each is added, and all are read, with the list of the living
    /// locked, so that none is counted as both.
    pub usage: SpinLock<Usage>,
    /// How the time of all threads, those that ended too, divides.
    pub ticks: Ticks,
    pub children_usage: SpinLock<Usage>,
    /// Monotonic time of its start.
    pub started: u64,
    /// Interval timers and POSIX timers.
    pub timers: ProcessTimers,
    /// Identity of this program run: changes at execve, so that pid reuse can be told.
    pub generation: AtomicU64,
    /// /proc/self/oom_score_adj.
    pub oom_adjust: AtomicI32,
    /// What it was set to by somebody privileged: others go no lower.
    pub oom_adjust_least: AtomicI32,
    pub personality: AtomicU32,
    /// The threads of others that it traces.
    pub tracer: super::trace::Tracer,
    /// Its end has semaphores of System V IPC to set back.
    pub undoes_semaphores: AtomicBool,
}

/// What a new process starts with.
pub struct Parts {
    pub space: Arc<AddressSpace>,
    pub credentials: Arc<Credentials>,
    pub limits: Limits,
    pub actions: Actions,
    pub program: Program,
    pub exit_signal: i32,
}

impl Process {
    #[must_use]
    pub fn new(pid: Pid, parts: Parts) -> Arc<Process> {
        use lock_order::{CELL, PROCESS, SIGNAL};
        let signals = ProcessSignals {
            actions: parts.actions,
            pending: Pending::new(),
            exiting: None,
            executing: false,
            report: None,
            stopped: false,
            stopped_by: 0,
        };
        Arc::new(Process {
            _counted: Counted::new(),
            pid,
            space: SpinLock::new(CELL, Some(parts.space)),
            credentials: SpinLock::new(CELL, parts.credentials),
            limits: SpinLock::new(CELL, parts.limits),
            program: SpinLock::new(CELL, parts.program),
            threads: SpinLock::new(PROCESS, Vec::new()),
            last_name: SpinLock::new(CELL, [0; NAME_LEN]),
            signals: SpinLock::new(SIGNAL, signals),
            signal_arrived: WaitQueue::new(),
            child_changed: WaitQueue::new(),
            changed: WaitQueue::new(),
            exit_status: AtomicU32::new(0),
            zombie: AtomicBool::new(false),
            announced: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            executed: AtomicBool::new(false),
            subreaper: AtomicBool::new(false),
            parent: AtomicU32::new(0),
            exit_signal: AtomicI32::new(parts.exit_signal),
            dumpable: AtomicU32::new(dump::ITS_USER),
            dumping: Dumping::new(),
            inspection: SpinLock::new(lock_order::INSPECTION, ()),
            usage: SpinLock::new(CELL, Usage::default()),
            ticks: Ticks::new(),
            children_usage: SpinLock::new(CELL, Usage::default()),
            started: crate::time::monotonic(),
            timers: ProcessTimers::new(&parts.limits),
            generation: AtomicU64::new(0),
            oom_adjust: AtomicI32::new(0),
            oom_adjust_least: AtomicI32::new(0),
            tracer: super::trace::Tracer::new(),
            undoes_semaphores: AtomicBool::new(false),
            personality: AtomicU32::new(0),
        })
    }

    /// The address space; none once the process has exited.
    #[must_use]
    pub fn space(&self) -> Option<Arc<AddressSpace>> {
        self.space.lock().clone()
    }

    /// Puts another address space (execve) or none (exit) in place, and notes the most memory that
    /// the old one held. Returns the old one, which the caller drops with no lock held.
    pub(super) fn replace_space(
        &self,
        new: Option<Arc<AddressSpace>>,
    ) -> Option<Arc<AddressSpace>> {
        let old = core::mem::replace(&mut *self.space.lock(), new);
        if let Some(old) = &old {
            let peak = old.lock().table.resident_peak() as u64;
            let mut usage = self.usage.lock();
            usage.max_resident = usage.max_resident.max(peak);
        }
        old
    }

    /// The leader, or another thread once it has ended; none when all have.
    #[must_use]
    pub fn first_thread(&self) -> Option<Arc<Thread>> {
        self.threads.lock().first().cloned()
    }

    /// What others see as its descriptor table: the first thread's.
    #[must_use]
    pub fn files(&self) -> Arc<FdTable> {
        let first = self.first_thread();
        first.map_or_else(Arc::default, |thread| thread.files())
    }

    /// As [`Thread::any_file`], of the first thread.
    pub fn any_file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        self.first_thread().ok_or(Errno::EBADF)?.any_file(fd)
    }

    /// What others see as its directories and umask: the first thread's.
    #[must_use]
    pub fn fs(&self) -> Option<Arc<FsContext>> {
        self.first_thread().map(|thread| thread.fs())
    }

    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.lock().clone()
    }

    /// For [`Thread::set_credentials`] alone.
    pub(super) fn set_leaders_credentials(&self, new: Arc<Credentials>) {
        let old = core::mem::replace(&mut *self.credentials.lock(), new);
        drop(old);
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        *self.limits.lock()
    }

    pub fn with_limits<T>(&self, change: impl FnOnce(&mut Limits) -> T) -> T {
        change(&mut self.limits.lock())
    }

    #[must_use]
    pub fn limit(&self, resource: Resource) -> u64 {
        self.limits.lock().soft(resource)
    }

    #[must_use]
    pub fn program(&self) -> Program {
        self.program.lock().clone()
    }

    pub(super) fn set_program(&self, program: Program) {
        let old = core::mem::replace(&mut *self.program.lock(), program);
        drop(old);
    }

    /// A list of the living threads, the leader first while it lives; of the first alone where there is no memory
    /// for more.
    #[must_use]
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        let threads = self.threads.lock();
        let mut list = Vec::new();
        let len = match list.room_exact(threads.len()) {
            Ok(()) => threads.len(),
            Err(_) => 1,
        };
        list.extend(threads.iter().take(len).cloned());
        list
    }

    /// What `work` makes of the living threads, the leader first while it lives; none come or go meanwhile.
    pub fn with_threads<T>(&self, work: impl FnOnce(&[Arc<Thread>]) -> T) -> T {
        work(&self.threads.lock())
    }

    /// Makes room for one more thread. A race for it costs an allocation at most.
    pub(super) fn room_for_thread(&self) -> Result {
        Ok(self.threads.lock().room(1)?)
    }

    #[must_use]
    pub fn thread_count(&self) -> usize {
        self.threads.lock().len()
    }

    /// Enters the thread that process 1 starts with.
    pub fn add_first_thread(&self, thread: Arc<Thread>) {
        self.add_thread(thread);
    }

    pub(super) fn add_thread(&self, thread: Arc<Thread>) {
        self.threads.lock().push(thread);
    }

    /// Takes a thread off the list, and adds what it used to that of those who ended; returns how
    /// many stay.
    pub(super) fn remove_thread(&self, thread: &Arc<Thread>) -> usize {
        let name = thread.name();
        let mut threads = self.threads.lock();
        let used = thread_usage(thread);
        self.usage.lock().add(&used);
        *self.last_name.lock() = name;
        threads.retain(|t| !Arc::ptr_eq(t, thread));
        threads.len()
    }

    #[must_use]
    pub fn is_zombie(&self) -> bool {
        self.zombie.load(Ordering::SeqCst)
    }

    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    pub(super) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_zombie(&self, status: u32) {
        self.exit_status.store(status, Ordering::Relaxed);
        self.zombie.store(true, Ordering::SeqCst);
    }

    /// Its parent has been sent the signal of its end.
    pub(super) fn set_announced(&self) {
        self.announced.store(true, Ordering::Release);
    }

    /// Whether it has ended and can be waited for. By then its parent has been sent the signal, as
    /// on Linux: between the two the thread that ends goes through a few lines without sleeping.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        if !self.is_zombie() {
            return false;
        }
        while !self.announced.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
        true
    }

    /// wait4's status word.
    #[must_use]
    pub fn exit_status(&self) -> u32 {
        self.exit_status.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.signals.lock().stopped
    }

    #[must_use]
    pub fn has_executed(&self) -> bool {
        self.executed.load(Ordering::Relaxed)
    }

    pub(super) fn set_executed(&self) {
        self.executed.store(true, Ordering::SeqCst);
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Its parent's number; 0 for process 1 and those already reaped.
    #[must_use]
    pub fn parent(&self) -> Pid {
        self.parent.load(Ordering::Relaxed)
    }

    /// For the tree alone.
    pub(super) fn set_parent(&self, parent: Pid) {
        self.parent.store(parent, Ordering::Relaxed);
    }

    /// prctl(PR_SET_CHILD_SUBREAPER).
    #[must_use]
    pub fn is_subreaper(&self) -> bool {
        self.subreaper.load(Ordering::Relaxed)
    }

    pub fn set_subreaper(&self, on: bool) {
        self.subreaper.store(on, Ordering::Relaxed);
    }

    /// The process's name: its leader's, or a remaining thread's, or that of the last there was.
    #[must_use]
    pub fn name(&self) -> [u8; NAME_LEN] {
        let first = self.threads.lock().first().map(|thread| thread.name());
        first.unwrap_or_else(|| *self.last_name.lock())
    }

    /// What it has used itself, living threads included.
    #[must_use]
    pub fn total_usage(&self) -> Usage {
        let mut usage = {
            let threads = self.threads.lock();
            let mut usage = *self.usage.lock();
            for thread in threads.iter() {
                usage.add(&thread_usage(thread));
            }
            usage
        };
        (usage.user, usage.system) = self.ticks.split(usage.runtime());
        usage
    }

    /// Nanoseconds on CPUs.
    #[must_use]
    pub fn runtime(&self) -> u64 {
        let threads = self.threads.lock();
        let ended = self.usage.lock().runtime();
        let living = threads.iter();
        ended + living.map(|t| t.sched.time.total()).sum::<u64>()
    }
}

/// What one thread has used.
#[must_use]
pub fn thread_usage(thread: &Thread) -> Usage {
    let sched = &thread.sched;
    let (user, system) = sched.ticks.split(sched.time.total());
    Usage {
        user,
        system,
        minor_faults: thread.minor_faults.load(Ordering::Relaxed),
        major_faults: thread.major_faults.load(Ordering::Relaxed),
        switches: sched.switches.load(Ordering::Relaxed),
        preemptions: sched.preemptions.load(Ordering::Relaxed),
        max_resident: 0,
        transferred: thread.transfers.get(),
    }
}
