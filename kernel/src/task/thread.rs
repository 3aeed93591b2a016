//! A thread of a process.

use super::Pid;
use super::futex::Owned;
use super::holdings::{Holdings, Shared};
use super::process::Process;
use super::seccomp::Seccomp;
use super::signal::pending::Pending;
use super::signal::{Attention, SignalSet};
use super::transfers::Transfers;
use super::user_dispatch::UserDispatch;
use crate::errno::Result;
use crate::file::Events;
use crate::fs::landlock::Confinement;
use crate::lock_order;
use crate::mm::object::leftovers::Leftovers;
use crate::population::{Counted, ObjectKind};
use crate::sched::cpu;
use crate::sched::entity::{self, Entity};
use crate::sched::placement;
use crate::sched::timer::Expire;
use crate::sched::wait::{Interrupt, Wake};
use crate::time::Deadline;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use ochre_hal::admission;
use ochre_hal::context::Context;
use ochre_hal::sync::SpinLock;
use ochre_hal::user::UserContext;

/// Bytes of a thread's name, with its NUL.
pub const NAME_LEN: usize = 16;

/// Where handlers with SA_ONSTACK run.
#[derive(Clone, Copy, Debug, Default)]
pub struct AltStack {
    pub base: usize,
    pub size: usize,
    pub flags: u32,
}

/// What signals do to this thread alone.
#[derive(Debug)]
pub struct ThreadSignals {
    pub blocked: SignalSet,
    /// The mask to put back once the handler frame is built: sigsuspend, ppoll and kin.
    pub saved: Option<SignalSet>,
    pub pending: Pending,
    /// What sigtimedwait waits for; such signals wake even while blocked.
    pub awaited: SignalSet,
    pub alt_stack: AltStack,
    pub trap: LastTrap,
}

/// The last exception of a thread that ended in a signal, which handlers' frames tell from then on.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastTrap {
    /// The CPU's number of it.
    pub number: u8,
    pub error: u64,
    /// Of page faults: of what address the last one was.
    pub address: usize,
}

/// A sleep to be gone on with by restart_syscall.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    pub deadline: Deadline,
    /// Where to say what is left, if interrupted again.
    pub remaining: usize,
}

/// What a thread does in the kernel before its first user instruction; without success it ends.
pub type Prelude = Box<dyn FnOnce(&Arc<Thread>, &mut UserContext) -> Result + Send>;

/// Nanoseconds by which timers may be late, unless the thread says otherwise.
pub const DEFAULT_SLACK: u64 = 50_000;

pub struct Thread {
    _counted: Counted<{ ObjectKind::Thread as usize }>,
    tid: AtomicU32,
    /// Monotonic time of its start.
    pub started: u64,
    process: Arc<Process>,
    pub(super) holdings: Holdings,
    context: Arc<Context>,
    pub sched: Entity,
    attention: AtomicU32,
    /// Lock: inside the process's signal lock.
    pub signals: SpinLock<ThreadSignals>,
    /// The user registers it starts with; its own kernel half takes them, and leaves them here while its
    /// process is dumped.
    start: SpinLock<Option<Box<UserContext>>>,
    prelude: SpinLock<Option<Prelude>>,
    name: SpinLock<[u8; NAME_LEN]>,
    /// Zeroed and woken as a futex when the thread ends (set_tid_address, CLONE_CHILD_CLEARTID).
    pub clear_tid: AtomicUsize,
    /// set_robust_list's head.
    pub robust_list: AtomicUsize,
    /// What others wait for of the locks that it owns.
    pub owned: Owned,
    /// Written with the tid when the thread first runs (CLONE_CHILD_SETTID).
    pub set_tid: AtomicUsize,
    /// Ticks that it ran as a real-time thread since it slept last (RLIMIT_RTTIME).
    pub unslept: AtomicU64,
    /// Page faults served without and with waiting for a pager.
    pub minor_faults: AtomicU64,
    pub major_faults: AtomicU64,
    pub transfers: Transfers,
    /// Pages that it has yet to let go of.
    pub leftovers: Leftovers,
    /// prctl(PR_SET_PDEATHSIG).
    pub parent_death_signal: AtomicU32,
    /// prctl(PR_SET_TIMERSLACK), in nanoseconds.
    pub timer_slack: AtomicU64,
    /// set_mempolicy's.
    pub memory_policy: AtomicU32,
    /// Which calls come back to itself.
    pub user_dispatch: UserDispatch,
    /// prctl(PR_SET_NO_NEW_PRIVS).
    pub no_new_privileges: AtomicBool,
    /// What it may call.
    pub seccomp: Seccomp,
    /// What it may do to files.
    pub landlock: Confinement,
    /// A relative sleep that is to go on.
    restart: SpinLock<Option<Restart>>,
    pub trace: super::trace::Tracee,
    /// Which of its next allocations is to fail (/proc/PID/fail-nth); 0: none.
    pub fail_nth: AtomicU32,
    /// wait4's status, when it ends by itself (exit).
    pub exit_status: AtomicU32,
    /// It left the process's list of threads.
    pub exited: AtomicBool,
}

impl Thread {
    /// A thread that is yet to be entered in the tables and started.
    pub fn new(
        tid: Pid,
        process: Arc<Process>,
        shared: Shared,
        parent: Option<&Thread>,
        start: UserContext,
        blocked: SignalSet,
    ) -> Result<Arc<Thread>> {
        admission::ask()?;
        let context = Context::new(super::run::entry, 0)?;
        let name = parent.map_or([0; NAME_LEN], |p| *p.name.lock());
        Ok(Arc::new(Thread {
            _counted: Counted::new(),
            tid: AtomicU32::new(tid),
            started: crate::time::monotonic(),
            process,
            holdings: Holdings::new(shared),
            context,
            sched: Entity::new(parent.map(|p| &p.sched)),
            attention: AtomicU32::new(0),
            signals: SpinLock::new(
                lock_order::THREAD_SIGNAL,
                ThreadSignals {
                    blocked,
                    saved: None,
                    pending: Pending::new(),
                    awaited: SignalSet::EMPTY,
                    alt_stack: AltStack::default(),
                    trap: LastTrap::default(),
                },
            ),
            start: SpinLock::new(lock_order::CELL, Some(Box::new(start))),
            prelude: SpinLock::new(lock_order::CELL, None),
            name: SpinLock::new(lock_order::CELL, name),
            clear_tid: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            owned: Owned::new(),
            set_tid: AtomicUsize::new(0),
            unslept: AtomicU64::new(0),
            minor_faults: AtomicU64::new(0),
            major_faults: AtomicU64::new(0),
            leftovers: Leftovers::none(),
            transfers: Transfers::default(),
            parent_death_signal: AtomicU32::new(0),
            timer_slack: AtomicU64::new(DEFAULT_SLACK),
            memory_policy: AtomicU32::new(
                parent.map_or(0, |p| p.memory_policy.load(Ordering::Relaxed)),
            ),
            user_dispatch: UserDispatch::new(),
            no_new_privileges: AtomicBool::new(false),
            seccomp: Seccomp::new(),
            landlock: Confinement::new(parent.and_then(|p| p.landlock.domain())),
            restart: SpinLock::new(lock_order::CELL, None),
            trace: super::trace::Tracee::new(),
            fail_nth: AtomicU32::new(0),
            exit_status: AtomicU32::new(0),
            exited: AtomicBool::new(false),
        }))
    }

    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid.load(Ordering::Relaxed)
    }

    /// execve in a thread other than the leader takes over the leader's number.
    pub(super) fn set_tid(&self, tid: Pid) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    pub(super) fn take_start(&self) -> Option<Box<UserContext>> {
        self.start.lock().take()
    }

    /// Leaves its registers for another thread of its process to look at.
    pub(super) fn leave_registers(&self, user: Box<UserContext>) {
        *self.start.lock() = Some(user);
    }

    pub(super) fn take_prelude(&self) -> Option<Prelude> {
        self.prelude.lock().take()
    }

    pub fn set_prelude(&self, prelude: Prelude) {
        *self.prelude.lock() = Some(prelude);
    }

    #[must_use]
    pub fn name(&self) -> [u8; NAME_LEN] {
        *self.name.lock()
    }

    /// The name, or nothing while it is being changed: for a panic.
    #[must_use]
    pub fn try_name(&self) -> [u8; NAME_LEN] {
        self.name.try_lock().map_or([0; NAME_LEN], |name| *name)
    }

    /// Sets the name, cut to 15 bytes.
    pub fn set_name(&self, name: &[u8]) {
        let mut padded = [0; NAME_LEN];
        let len = name.len().min(NAME_LEN - 1);
        padded[..len].copy_from_slice(&name[..len]);
        *self.name.lock() = padded;
    }

    /// Lets a new thread run. Whoever would wake it before has it look at what there is when it does.
    pub fn start(self: &Arc<Self>) {
        self.sched.state.store(entity::READY, Ordering::SeqCst);
        placement::enqueue(self.clone());
    }

    /// Makes a sleeping thread ready. False when it was not asleep nor about to be.
    pub fn unpark(self: &Arc<Self>) -> bool {
        use entity::{PREPARED, READY, RUNNING, SLEEPING};
        let woken = self
            .sched
            .state
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| match state {
                PREPARED => Some(RUNNING),
                SLEEPING => Some(READY),
                _ => None,
            });
        match woken {
            Ok(SLEEPING) => {
                self.unslept.store(0, Ordering::Relaxed);
                placement::enqueue(self.clone());
                true
            }
            Ok(_) => true,
            Err(_) => false,
        }
    }

    /// Declares that the thread will sleep unless it is woken from here on.
    pub fn prepare_to_sleep(&self) {
        self.sched.state.store(entity::PREPARED, Ordering::SeqCst);
    }

    /// It does not sleep after all; whether it has been woken since it declared that it would.
    pub fn cancel_sleep(&self) -> bool {
        let before = self.sched.state.swap(entity::RUNNING, Ordering::SeqCst);
        before == entity::RUNNING
    }

    #[must_use]
    pub fn attention(&self) -> Attention {
        Attention::from_bits_truncate(self.attention.load(Ordering::SeqCst))
    }

    pub fn clear_attention(&self, bits: Attention) {
        self.attention.fetch_and(!bits.bits(), Ordering::SeqCst);
    }

    /// Makes the thread look at `bits` soon, wherever it is: in user mode, asleep, or on its way.
    pub fn notify(self: &Arc<Self>, bits: Attention) {
        self.attention.fetch_or(bits.bits(), Ordering::SeqCst);
        if !self.unpark() {
            cpu::nudge(self);
        }
    }

    /// Sets bits that the thread itself will look at before it returns to user mode.
    pub fn mark(&self, bits: Attention) {
        self.attention.fetch_or(bits.bits(), Ordering::SeqCst);
    }

    /// Books samples of what it does on a CPU (see [`Ticks`](crate::sched::account::Ticks)). Runs in
    /// the timer interrupt and at switches.
    pub fn tick(&self, ticks: u64, kernel: bool) {
        self.sched.ticks.add(ticks, kernel);
        self.process.ticks.add(ticks, kernel);
        if self.process.timers.watches_cpu_time() {
            if self.sched.own_realtime() > 0 {
                self.unslept.fetch_add(ticks, Ordering::Relaxed);
            }
            self.mark(Attention::CPU_TIME);
        }
    }

    pub fn set_restart(&self, restart: Option<Restart>) {
        *self.restart.lock() = restart;
    }

    pub fn take_restart(&self) -> Option<Restart> {
        self.restart.lock().take()
    }

    /// Counts an allocation made for it; whether it is the one that is to fail.
    #[must_use]
    pub fn refuses_memory(&self) -> bool {
        let left = self.fail_nth.load(Ordering::Relaxed);
        self.fail_nth
            .store(left.saturating_sub(1), Ordering::Relaxed);
        left == 1
    }

    /// Whether a wait of the given kind has to end.
    #[must_use]
    pub fn is_interrupted(&self, interrupt: Interrupt) -> bool {
        let attention = self.attention();
        match interrupt {
            Interrupt::Signals => !(attention - Attention::QUIET).is_empty(),
            Interrupt::Kill => attention.contains(Attention::EXIT),
            Interrupt::Never => false,
        }
    }

    /// Whether it is on its way out: it takes no signal any more.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.attention().contains(Attention::EXIT) || self.exited.load(Ordering::SeqCst)
    }

    /// Whether a signal waits that would end an interruptible sleep.
    #[must_use]
    pub fn has_signal(&self) -> bool {
        self.is_interrupted(Interrupt::Signals)
    }
}

impl Wake for Thread {
    fn wake(self: Arc<Self>, _events: Events) -> bool {
        self.unpark()
    }
}

impl Expire for Thread {
    fn expire(self: Arc<Self>) {
        self.unpark();
    }
}
