//! What each CPU does: picks threads, switches to them, idles. Which CPU a thread waits for is
//! [`placement`](super::placement)'s.
//!
//! A CPU that goes idle looks at the others' queues before it halts, and zeroes some frames ahead.
//! Slice timers run only while someone waits.
//!
//! The idle mask decides who is kicked. An idler sets its bit, then looks at all queues; a waker
//! queues, then looks at the mask: one of them sees the other.

use super::account::{RunTime, TICK, Ticks};
use super::entity::{DEAD, Entity, PREPARED, READY, RUNNING, SLEEPING};
use super::loadavg;
use super::placement;
use super::queue::{GRACE, Gives, RunQueue};
use super::timer::TimerQueue;
use crate::lock_order;
use crate::mm::space::AddressSpace;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use ochre_hal::context::{self, Context};
use ochre_hal::sync::{Once, SpinLock};

/// CPUs beyond these stay off: an affinity mask is one word.
pub const MAX_CPUS: usize = 64;

/// What was just chosen runs at least for so long, in nanoseconds.
const LEAST: u64 = 100_000;

pub(super) const NEVER: u64 = u64::MAX;

/// One CPU's part of the scheduler.
pub struct Cpu {
    pub(super) current: SpinLock<Option<Arc<Thread>>>,
    /// Who ran before the switch under way; let go of right after it.
    previous: SpinLock<Option<Arc<Thread>>>,
    /// The address space whose page table is loaded; kept alive while it is.
    space: SpinLock<Option<Arc<AddressSpace>>>,
    pub(super) queue: SpinLock<RunQueue>,
    /// Length of `queue`, readable without its lock.
    queued: AtomicUsize,
    /// Real-time priority of what runs, and of what waits: 0 if it has none.
    pub(super) urgency: AtomicU8,
    pub(super) waiting_urgency: AtomicU8,
    /// What fair threads ask of it, in weights.
    pub(super) load: AtomicU64,
    /// When it is compared with others next.
    pub(super) balance_at: AtomicU64,
    pub(super) timers: TimerQueue,
    pub(super) slice_end: AtomicU64,
    pub(super) spill_at: AtomicU64,
    /// When what runs is sampled next; never in the idle loop.
    tick_at: AtomicU64,
    ticks: Ticks,
    /// What the hardware timer is set to.
    programmed: AtomicU64,
    need_reschedule: AtomicBool,
    idle: Once<Arc<Context>>,
    /// How long it has halted.
    halted: RunTime,
    /// How often it went from one stack to another.
    switches: AtomicU64,
}

pub(super) static CPUS: [Cpu; MAX_CPUS] = [const { Cpu::new() }; MAX_CPUS];

/// CPUs that halt or are about to.
pub(super) static IDLE: AtomicU64 = AtomicU64::new(0);
/// CPUs in whose queues real-time threads wait.
pub(super) static URGENT: AtomicU64 = AtomicU64::new(0);
/// CPUs that run the idle loop at all.
static ONLINE: AtomicU64 = AtomicU64::new(0);

pub(super) fn this() -> &'static Cpu {
    &CPUS[ochre_hal::cpu::id()]
}

pub(super) fn on(id: usize) -> &'static Cpu {
    &CPUS[id]
}

/// The thread that runs here.
///
/// # Panics
/// In the idle loop and in interrupts taken there, which belong to no thread.
#[must_use]
pub fn current() -> Arc<Thread> {
    try_current().expect("the idle loop asks for no current thread")
}

/// The thread that runs here; none in the idle loop.
#[must_use]
pub fn try_current() -> Option<Arc<Thread>> {
    this().current.lock().clone()
}

/// Whether the allocation that is about to be made is to fail. Under whatever lock, so if the
/// current thread can't be told just now, it is not.
#[must_use]
pub fn refuses_memory() -> bool {
    let current = this().current.try_lock();
    current.is_some_and(|current| current.as_ref().is_some_and(|t| t.refuses_memory()))
}

/// Process, thread and name of what runs here, for a panic: takes no lock that may be held.
#[must_use]
pub fn describe_current() -> Option<(u32, u32, [u8; 16])> {
    let current = this().current.try_lock()?;
    let thread = current.as_ref()?;
    Some((thread.process().pid, thread.tid(), thread.try_name()))
}

/// The CPUs that take threads, as a mask.
#[must_use]
pub fn online() -> u64 {
    ONLINE.load(Ordering::Relaxed)
}

/// Threads running and ready, over all CPUs.
#[must_use]
pub fn load() -> usize {
    let busy = (online() & !IDLE.load(Ordering::Relaxed)).count_ones() as usize;
    busy + CPUS
        .iter()
        .map(|c| c.queued.load(Ordering::Relaxed))
        .sum::<usize>()
}

/// `busy` nanoseconds of CPU `id` as user and system time.
#[must_use]
pub fn split_time(id: usize, busy: u64) -> (u64, u64) {
    CPUS.get(id).map_or((busy, 0), |c| c.ticks.split(busy))
}

/// Nanoseconds that CPU `id` spent idle.
#[must_use]
pub fn idle_time(id: usize) -> u64 {
    CPUS.get(id).map_or(0, |c| c.halted.total())
}

/// How often all CPUs have switched.
#[must_use]
pub fn switches() -> u64 {
    CPUS.iter()
        .map(|c| c.switches.load(Ordering::Relaxed))
        .sum()
}

impl Cpu {
    const fn new() -> Cpu {
        Cpu {
            current: SpinLock::new(lock_order::CELL, None),
            previous: SpinLock::new(lock_order::CELL, None),
            space: SpinLock::new(lock_order::CELL, None),
            queue: SpinLock::new(lock_order::RUN_QUEUE, RunQueue::new()),
            queued: AtomicUsize::new(0),
            urgency: AtomicU8::new(0),
            waiting_urgency: AtomicU8::new(0),
            load: AtomicU64::new(0),
            balance_at: AtomicU64::new(0),
            timers: TimerQueue::new(),
            slice_end: AtomicU64::new(NEVER),
            spill_at: AtomicU64::new(NEVER),
            tick_at: AtomicU64::new(NEVER),
            ticks: Ticks::new(),
            programmed: AtomicU64::new(NEVER),
            need_reschedule: AtomicBool::new(false),
            idle: Once::new(),
            halted: RunTime::new(),
            switches: AtomicU64::new(0),
        }
    }

    /// When this CPU next has something to do by time.
    fn next_deadline(&self) -> u64 {
        let next = self.timers.next().unwrap_or(NEVER);
        let next = next.min(self.slice_end.load(Ordering::Relaxed));
        next.min(self.spill_at.load(Ordering::Relaxed))
            .min(self.tick_at.load(Ordering::Relaxed))
    }

    /// Samples are taken on a grid of time, so that a thread can't run in between them for good.
    fn start_ticks(&self, now: u64) {
        if self.tick_at.load(Ordering::Relaxed) == NEVER {
            let next = (now / TICK + 1).saturating_mul(TICK);
            self.tick_at.store(next, Ordering::Relaxed);
        }
    }

    /// Books the ticks that have passed to the running thread.
    fn tick(&self, thread: &Thread, now: u64, kernel: bool) {
        let at = self.tick_at.load(Ordering::Relaxed);
        if now < at {
            return;
        }
        let ticks = (now - at) / TICK + 1;
        self.tick_at.store(at + ticks * TICK, Ordering::Relaxed);
        self.ticks.add(ticks, kernel);
        thread.tick(ticks, kernel);
        loadavg::sample(now);
    }

    /// Nothing runs any more.
    fn stop_timing(&self) {
        self.urgency.store(0, Ordering::Relaxed);
        self.slice_end.store(NEVER, Ordering::Relaxed);
        self.spill_at.store(NEVER, Ordering::Relaxed);
        self.tick_at.store(NEVER, Ordering::Relaxed);
    }

    /// Makes the hardware timer of this CPU (which must be the running one) fire no later than the
    /// next thing due. It may fire earlier, for a thing since called off: putting it off at every
    /// switch would cost more than an interrupt now and then.
    pub(super) fn program_timer(&self) {
        let next = self.next_deadline();
        if next < self.programmed.load(Ordering::Relaxed) {
            self.programmed.store(next, Ordering::Relaxed);
            ochre_hal::time::set_deadline(Some(next));
        }
    }

    /// Sets the hardware timer to the very next thing due, or to nothing: before a halt. Only a
    /// tick stays: most halts end before it, and the timer would be set twice for each.
    fn settle_timer(&self, now: u64) {
        let next = self.next_deadline();
        let programmed = self.programmed.load(Ordering::Relaxed);
        if programmed <= next && programmed <= now.saturating_add(TICK) {
            return;
        }
        if self.programmed.swap(next, Ordering::Relaxed) != next {
            ochre_hal::time::set_deadline((next != NEVER).then_some(next));
        }
    }

    /// Works on the queue, and notes what others want to know of it.
    pub(super) fn with_queue<R>(&self, id: usize, work: impl FnOnce(&mut RunQueue) -> R) -> R {
        let mut queue = self.queue.lock();
        let result = work(&mut queue);
        self.queued.store(queue.len(), Ordering::SeqCst);
        self.load.store(queue.load(), Ordering::Relaxed);
        let top = queue.top_urgent();
        if top != self.waiting_urgency.load(Ordering::Relaxed) {
            self.waiting_urgency.store(top, Ordering::Relaxed);
            if top == 0 {
                URGENT.fetch_and(!(1 << id), Ordering::SeqCst);
            } else {
                URGENT.fetch_or(1 << id, Ordering::SeqCst);
            }
        }
        result
    }

    /// Decides what runs next on this CPU, `id`, after `leave` has had it let go of what ran, and notes when
    /// that is to make room for another one: with the queue locked, so that who queues one after it knows
    /// whether this CPU will look by itself.
    fn choose(
        &self,
        id: usize,
        now: u64,
        leave: impl FnOnce(&mut RunQueue),
    ) -> Option<Arc<Thread>> {
        let begins = |queue: &mut RunQueue, next: &Arc<Thread>| {
            let end = queue.turn_ends(&next.sched, now);
            let end = end.map_or(NEVER, |at| at.max(now.saturating_add(LEAST)));
            self.slice_end.store(end, Ordering::Relaxed);
        };
        let adopt = |next: Arc<Thread>| {
            self.with_queue(id, |queue| {
                queue.run(&next.sched, now);
                begins(queue, &next);
            });
            Some(next)
        };
        let others = URGENT.load(Ordering::Relaxed) & !(1 << id);
        if others == 0 {
            let mine = self.with_queue(id, |queue| {
                leave(queue);
                let next = queue.pop(id, now)?;
                begins(queue, &next);
                Some(next)
            });
            return mine.or_else(|| adopt(placement::steal(id)?));
        }
        let top = self.with_queue(id, |queue| {
            leave(queue);
            queue.top_urgent()
        });
        if let Some(next) = placement::most_urgent_elsewhere(id, others, top) {
            return adopt(next);
        }
        let mine = self.with_queue(id, |queue| {
            let next = queue.pop(id, now)?;
            begins(queue, &next);
            Some(next)
        });
        mine.or_else(|| adopt(placement::steal(id)?))
    }

    pub(super) fn waiting(&self) -> bool {
        self.queued.load(Ordering::SeqCst) > 0
    }

    /// Whether a thread waits in this queue that CPU `id` may run.
    fn waiting_for(&self, id: usize) -> bool {
        self.waiting() && self.queue.lock().has_for(id)
    }

    /// The running thread's turn ends then: sets the slice and spill timers of this CPU, or has it give way.
    pub(super) fn limit_turn(&self, end: Option<u64>, now: u64) {
        let Some(end) = end else { return };
        if end <= now {
            self.need_reschedule.store(true, Ordering::Relaxed);
        } else {
            self.slice_end.fetch_min(end, Ordering::Relaxed);
        }
        if IDLE.load(Ordering::SeqCst) != 0 && self.spill_at.load(Ordering::Relaxed) == NEVER {
            self.spill_at
                .store(now.saturating_add(GRACE), Ordering::Relaxed);
        }
        self.program_timer();
    }

    /// Looks whether what runs on this CPU is to make room for what waits.
    pub(super) fn look_again(&self, current: &Entity) {
        let now = crate::time::monotonic();
        let id = ochre_hal::cpu::id();
        let end = self.with_queue(id, |queue| queue.turn_ends(current, now));
        self.limit_turn(end, now);
    }
}

/// Whether the thread should give way before it returns to user mode.
#[must_use]
pub fn should_reschedule() -> bool {
    this().need_reschedule.load(Ordering::Relaxed)
}

/// In the midst of a long call: takes the interrupts that wait, and lets another thread run whose turn has
/// come. The caller holds no spinlock.
pub fn breathe() {
    ochre_hal::cpu::poll_interrupts();
    if should_reschedule() {
        give_way();
    }
}

/// As [`breathe`], in a call that a signal ends early: whether to go on.
#[must_use]
pub fn keep_on() -> bool {
    breathe();
    !current().has_signal()
}

/// Lets the others run first; the caller stays ready.
pub fn yield_now() {
    reschedule(&current(), Leaves::Gives(Gives::Turn));
}

/// Lets another thread run whose turn has come; the caller stays ready.
pub fn give_way() {
    reschedule(&current(), Leaves::Gives(Gives::Way));
}

/// Sleeps, unless a wake-up came since [`Thread::prepare_to_sleep`].
pub fn sleep(thread: &Arc<Thread>) {
    let slept =
        thread
            .sched
            .state
            .compare_exchange(PREPARED, SLEEPING, Ordering::SeqCst, Ordering::SeqCst);
    if slept.is_ok() {
        reschedule(thread, Leaves::Sleeps);
    }
}

/// How a thread leaves its CPU.
enum Leaves {
    Sleeps,
    Gives(Gives),
}

fn reschedule(me: &Arc<Thread>, leaves: Leaves) {
    let id = ochre_hal::cpu::id();
    let cpu = &CPUS[id];
    let now = crate::time::monotonic();
    cpu.tick(me, now, true);
    let mut moves = false;
    let next = cpu.choose(id, now, |queue| match leaves {
        Leaves::Sleeps => queue.leave(&me.sched, now),
        Leaves::Gives(gives) => {
            me.sched.state.store(READY, Ordering::SeqCst);
            // Where it may not run, another CPU takes it, as soon as this one has let go of it.
            moves = !me.sched.may_run_on(id);
            if moves {
                queue.leave(&me.sched, now);
            } else {
                queue.put_back(me.clone(), gives, now);
            }
        }
    });
    if moves {
        placement::enqueue(me.clone());
    }
    if URGENT.load(Ordering::Relaxed) & (1 << id) != 0 {
        placement::offer_urgent(id);
    }
    cpu.need_reschedule.store(false, Ordering::Relaxed);
    let count = match leaves {
        Leaves::Sleeps => &me.sched.switches,
        Leaves::Gives(_) => &me.sched.preemptions,
    };
    count.fetch_add(1, Ordering::Relaxed);
    match next {
        Some(next) if Arc::ptr_eq(&next, me) => install(cpu, id, &next, now),
        Some(next) => {
            install(cpu, id, &next, now);
            *cpu.previous.lock() = Some(me.clone());
            context::switch_to(next.context());
            drop(next);
            finish_switch();
        }
        None => {
            *cpu.current.lock() = None;
            cpu.stop_timing();
            *cpu.previous.lock() = Some(me.clone());
            context::switch_to(cpu.idle.get().expect("set before the first thread ran"));
            finish_switch();
        }
    }
}

/// Makes `next` the thread of this CPU, all but the switch of stacks.
fn install(cpu: &Cpu, id: usize, next: &Arc<Thread>, now: u64) {
    let sched = &next.sched;
    sched.on_cpu.store(true, Ordering::Relaxed);
    sched.cpu.store(id as u32, Ordering::Relaxed);
    sched.time.start(now);
    sched.state.store(RUNNING, Ordering::SeqCst);
    if !sched.may_run_on(id) {
        // Its affinity was changed after it had been chosen.
        cpu.need_reschedule.store(true, Ordering::Relaxed);
    }
    *cpu.current.lock() = Some(next.clone());
    let spills = cpu.waiting() && IDLE.load(Ordering::SeqCst) != 0;
    let spill = if spills {
        now.saturating_add(GRACE)
    } else {
        NEVER
    };
    cpu.urgency.store(sched.realtime(), Ordering::Relaxed);
    cpu.spill_at.store(spill, Ordering::Relaxed);
    cpu.start_ticks(now);
    cpu.program_timer();
    if let Some(space) = next.process().space() {
        load_space(cpu, space);
    }
}

/// Loads `space`'s page table unless it is there already.
fn load_space(cpu: &Cpu, space: Arc<AddressSpace>) {
    let mut loaded = cpu.space.lock();
    if loaded.as_ref().is_some_and(|l| Arc::ptr_eq(l, &space)) {
        return;
    }
    let old = loaded.replace(space.clone());
    drop(loaded);
    space.activate();
    drop(old);
}

/// Loads the current thread's address space after execve changed it.
pub fn reload_space() {
    if let Some(space) = current().process().space() {
        load_space(this(), space);
    }
}

/// Runs on the new stack right after each switch: the previous thread is off this CPU now.
fn finish_switch() {
    let cpu = this();
    // Nobody else writes it.
    let switches = cpu.switches.load(Ordering::Relaxed);
    cpu.switches.store(switches + 1, Ordering::Relaxed);
    let previous = cpu.previous.lock().take();
    if let Some(previous) = previous {
        previous.sched.on_cpu.store(false, Ordering::Release);
    }
}

/// The first code of every new thread's stack calls this before anything else.
pub fn begin() {
    finish_switch();
}

/// Ends the running thread. Nothing on its stack is dropped: the caller has let go of all.
pub fn exit() -> ! {
    let id = ochre_hal::cpu::id();
    let cpu = &CPUS[id];
    let now = crate::time::monotonic();
    let next = {
        let me = current();
        cpu.tick(&me, now, true);
        me.sched.state.store(DEAD, Ordering::SeqCst);
        let next = cpu.choose(id, now, |queue| queue.leave(&me.sched, now));
        cpu.need_reschedule.store(false, Ordering::Relaxed);
        match &next {
            Some(next) => install(cpu, id, next, now),
            None => {
                *cpu.current.lock() = None;
                cpu.stop_timing();
            }
        }
        *cpu.previous.lock() = Some(me);
        match next {
            Some(next) => next.context().clone(),
            None => cpu
                .idle
                .get()
                .expect("set before the first thread ran")
                .clone(),
        }
    };
    context::exit_current(next)
}

/// The life of a CPU: run what is ready, else halt until an interrupt.
pub fn idle_loop() -> ! {
    let id = ochre_hal::cpu::id();
    let cpu = &CPUS[id];
    cpu.idle.set(context::idle());
    ONLINE.fetch_or(1 << id, Ordering::SeqCst);
    loop {
        let now = crate::time::monotonic();
        if let Some(next) = cpu.choose(id, now, |_| {}) {
            install(cpu, id, &next, now);
            context::switch_to(next.context());
            drop(next);
            finish_switch();
            continue;
        }
        IDLE.fetch_or(1 << id, Ordering::SeqCst);
        let count = ochre_hal::cpu::count().min(MAX_CPUS);
        if CPUS[..count].iter().any(|cpu| cpu.waiting_for(id)) {
            // Another CPU has yet to let go of it, and may wait for this one meanwhile.
            ochre_hal::cpu::relax();
        } else {
            let before = crate::time::monotonic();
            cpu.halted.start(before);
            if ochre_hal::frame::zero_ahead() {
                ochre_hal::cpu::poll_interrupts();
            } else {
                cpu.settle_timer(before);
                ochre_hal::cpu::idle_wait();
            }
            cpu.halted.stop(crate::time::monotonic());
        }
        IDLE.fetch_and(!(1 << id), Ordering::SeqCst);
    }
}

/// The timer interrupt. `kernel`: its time came while the kernel ran.
pub fn timer_interrupt(kernel: bool) {
    let cpu = this();
    let now = crate::time::monotonic();
    // The one-shot timer is spent.
    cpu.programmed.store(NEVER, Ordering::Relaxed);
    if now >= cpu.tick_at.load(Ordering::Relaxed) {
        let current = cpu.current.lock().clone();
        if let Some(current) = current {
            cpu.tick(&current, now, kernel);
        }
    }
    cpu.timers.run(now);
    let id = ochre_hal::cpu::id();
    if now >= cpu.slice_end.load(Ordering::Relaxed) {
        // As in `choose`: one that comes after this has the CPU kicked.
        let gives_way = cpu.with_queue(id, |queue| {
            cpu.slice_end.store(NEVER, Ordering::Relaxed);
            queue.len() > 0
        });
        if gives_way {
            cpu.need_reschedule.store(true, Ordering::Relaxed);
        }
    }
    if cpu.waiting() {
        if now >= cpu.spill_at.load(Ordering::Relaxed) {
            placement::spill(cpu, now);
        }
        placement::balance(cpu, id, now);
    } else {
        cpu.spill_at.store(NEVER, Ordering::Relaxed);
    }
    cpu.program_timer();
}

/// Another CPU asked this one to look again.
pub fn kick_interrupt() {
    let cpu = this();
    let current = cpu.current.lock().clone();
    let Some(current) = current else { return };
    let mine = current.sched.realtime();
    cpu.urgency.store(mine, Ordering::Relaxed);
    let id = ochre_hal::cpu::id();
    let others = URGENT.load(Ordering::Relaxed) & !(1 << id);
    if !current.sched.may_run_on(id)
        || placement::top_elsewhere(others).is_some_and(|(_, top)| top > mine)
    {
        cpu.need_reschedule.store(true, Ordering::Relaxed);
    }
    if cpu.waiting() {
        cpu.look_again(&current.sched);
    }
    // Real time may have been set, which brings timers closer.
    cpu.program_timer();
}

/// Has every other CPU look again.
pub(super) fn kick_others() {
    let here = ochre_hal::cpu::id();
    let others = online() & !(1 << here);
    for id in (0..MAX_CPUS).filter(|id| others & 1 << id != 0) {
        ochre_hal::cpu::kick(id);
    }
}

/// Moves the running thread away when its affinity no longer allows this CPU.
pub fn leave_forbidden() {
    let thread = current();
    if !thread.sched.may_run_on(ochre_hal::cpu::id()) {
        reschedule(&thread, Leaves::Gives(Gives::Way));
    }
}

/// Makes a running thread look at its state (signals, exit) soon; harmless if it does not run.
pub fn nudge(thread: &Thread) {
    let sched = &thread.sched;
    let target = sched.cpu.load(Ordering::Relaxed) as usize;
    if sched.on_cpu.load(Ordering::SeqCst) && target != ochre_hal::cpu::id() {
        ochre_hal::cpu::kick(target);
    }
}
