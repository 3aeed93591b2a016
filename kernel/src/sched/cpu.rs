//! What each CPU does: picks threads, switches to them, idles.
//!
//! Placement: a woken thread is queued where the waker runs. If the waker soon sleeps (the usual
//! round trip), the woken one follows on the same CPU: no interrupt between CPUs, no cold cache. If
//! the waker goes on for [`SPILL`], an idle CPU is kicked and takes the thread. A CPU that goes
//! idle looks at the others' queues before it halts. Slice timers run only while someone waits.
//!
//! The idle mask decides who is kicked. An idler sets its bit, then looks at all queues; a waker
//! queues, then looks at the mask: one of them sees the other.

use super::account::{RunTime, TICK, Ticks};
use super::entity::{DEAD, PREPARED, READY, RUNNING, SLEEPING};
use super::loadavg;
use super::queue::{RunQueue, SLICE};
use super::timer::TimerQueue;
use crate::lock_order;
use crate::mm::space::AddressSpace;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use ochre_hal::context::{self, Context};
use ochre_hal::sync::{Once, SpinLock};

/// CPUs beyond these stay off: an affinity mask is one word.
pub const MAX_CPUS: usize = 64;

/// How long a woken thread waits for its waker's CPU before an idle CPU is sent for it.
const SPILL: u64 = 30_000;

const NEVER: u64 = u64::MAX;

/// One CPU's part of the scheduler.
pub struct Cpu {
    current: SpinLock<Option<Arc<Thread>>>,
    /// Who ran before the switch under way; let go of right after it.
    previous: SpinLock<Option<Arc<Thread>>>,
    /// The address space whose page table is loaded; kept alive while it is.
    space: SpinLock<Option<Arc<AddressSpace>>>,
    queue: SpinLock<RunQueue>,
    /// Length of `queue`, readable without its lock.
    queued: AtomicUsize,
    pub(super) timers: TimerQueue,
    slice_end: AtomicU64,
    spill_at: AtomicU64,
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

static CPUS: [Cpu; MAX_CPUS] = [const { Cpu::new() }; MAX_CPUS];

/// CPUs that halt or are about to.
static IDLE: AtomicU64 = AtomicU64::new(0);
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

    fn push(&self, thread: Arc<Thread>) {
        let mut queue = self.queue.lock();
        queue.push(thread);
        self.queued.store(queue.len(), Ordering::Relaxed);
    }

    fn pop(&self, id: usize, now: u64) -> Option<Arc<Thread>> {
        let mut queue = self.queue.lock();
        let thread = queue.pop(id, now);
        self.queued.store(queue.len(), Ordering::Relaxed);
        thread
    }

    fn waiting(&self) -> bool {
        self.queued.load(Ordering::SeqCst) > 0
    }

    /// Takes a thread out of the queue, if it is there.
    fn remove(&self, thread: &Arc<Thread>) -> bool {
        let mut queue = self.queue.lock();
        let removed = queue.remove(thread);
        self.queued.store(queue.len(), Ordering::SeqCst);
        removed
    }

    /// Whether a thread waits in this queue that CPU `id` may run.
    fn waiting_for(&self, id: usize) -> bool {
        self.waiting() && self.queue.lock().has_for(id)
    }

    /// Sets the slice and spill timers after a thread was queued behind the running one.
    fn competition(&self, current: &Thread, realtime: u8, now: u64) {
        if realtime > current.sched.realtime() {
            self.need_reschedule.store(true, Ordering::Relaxed);
        }
        if self.slice_end.load(Ordering::Relaxed) == NEVER {
            let end = current.sched.time.since().saturating_add(SLICE);
            if end <= now {
                self.need_reschedule.store(true, Ordering::Relaxed);
            } else {
                self.slice_end.store(end, Ordering::Relaxed);
            }
        }
        if IDLE.load(Ordering::SeqCst) != 0 && self.spill_at.load(Ordering::Relaxed) == NEVER {
            self.spill_at
                .store(now.saturating_add(SPILL), Ordering::Relaxed);
        }
        self.program_timer();
    }
}

/// Queues a thread that has just become ready.
pub(crate) fn enqueue(thread: Arc<Thread>) {
    let here = ochre_hal::cpu::id();
    let sched = &thread.sched;
    let holder = sched.cpu.load(Ordering::Relaxed) as usize;
    let target = if sched.on_cpu.load(Ordering::Acquire) && sched.may_run_on(holder) {
        holder
    } else if sched.may_run_on(here) {
        here
    } else {
        let allowed = sched.affinity.load(Ordering::Relaxed) & online();
        let last = sched.cpu.load(Ordering::Relaxed) as usize;
        if sched.may_run_on(last) || allowed == 0 {
            last
        } else {
            allowed.trailing_zeros() as usize
        }
    };
    let realtime = sched.realtime();
    let cpu = &CPUS[target];
    cpu.push(thread);
    if target == here {
        let current = cpu.current.lock().clone();
        if let Some(current) = current {
            cpu.competition(&current, realtime, crate::time::monotonic());
        }
    } else if IDLE.load(Ordering::SeqCst) & (1 << target) != 0
        || realtime > 0
        || cpu.slice_end.load(Ordering::Relaxed) == NEVER
    {
        ochre_hal::cpu::kick(target);
    }
}

/// A ready thread from another CPU's queue.
fn steal(id: usize, now: u64) -> Option<Arc<Thread>> {
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    (1..count)
        .map(|i| &CPUS[(id + i) % count])
        .filter(|c| c.waiting())
        .find_map(|c| c.pop(id, now))
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
        yield_now();
    }
}

/// Lets the next thread run; the caller stays ready.
pub fn yield_now() {
    let thread = current();
    reschedule(&thread, true);
}

/// Sleeps, unless a wake-up came since [`Thread::prepare_to_sleep`].
pub fn sleep(thread: &Arc<Thread>) {
    let slept =
        thread
            .sched
            .state
            .compare_exchange(PREPARED, SLEEPING, Ordering::SeqCst, Ordering::SeqCst);
    if slept.is_ok() {
        reschedule(thread, false);
    }
}

/// Takes a thread whose affinity has changed out of a queue that it may no longer be run from, to
/// one that it may.
pub fn requeue(thread: &Arc<Thread>) {
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    for (id, cpu) in CPUS[..count].iter().enumerate() {
        if cpu.waiting() && !thread.sched.may_run_on(id) && cpu.remove(thread) {
            return enqueue(thread.clone());
        }
    }
}

fn reschedule(me: &Arc<Thread>, requeue: bool) {
    let id = ochre_hal::cpu::id();
    let cpu = &CPUS[id];
    let now = crate::time::monotonic();
    cpu.tick(me, now, true);
    // Where it may not run, another CPU takes it, as soon as this one has let go of it.
    let leaves = requeue && !me.sched.may_run_on(id);
    let next = {
        let mut queue = cpu.queue.lock();
        queue.charge(&me.sched, now);
        if requeue {
            me.sched.state.store(READY, Ordering::SeqCst);
        }
        if requeue && !leaves {
            queue.push(me.clone());
        }
        let next = queue.pop(id, now);
        cpu.queued.store(queue.len(), Ordering::Relaxed);
        next
    };
    if leaves {
        enqueue(me.clone());
    }
    let next = next.or_else(|| steal(id, now));
    cpu.need_reschedule.store(false, Ordering::Relaxed);
    if requeue {
        me.sched.preemptions.fetch_add(1, Ordering::Relaxed);
    } else {
        me.sched.switches.fetch_add(1, Ordering::Relaxed);
    }
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
    *cpu.current.lock() = Some(next.clone());
    let (slice, spill) = if cpu.waiting() {
        let idle = IDLE.load(Ordering::SeqCst) != 0;
        (
            now.saturating_add(SLICE),
            if idle {
                now.saturating_add(SPILL)
            } else {
                NEVER
            },
        )
    } else {
        (NEVER, NEVER)
    };
    cpu.slice_end.store(slice, Ordering::Relaxed);
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
        let next = {
            let mut queue = cpu.queue.lock();
            queue.charge(&me.sched, now);
            let next = queue.pop(id, now);
            cpu.queued.store(queue.len(), Ordering::Relaxed);
            next
        };
        let next = next.or_else(|| steal(id, now));
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
        if let Some(next) = cpu.pop(id, now).or_else(|| steal(id, now)) {
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
            cpu.settle_timer(before);
            cpu.halted.start(before);
            ochre_hal::cpu::idle_wait();
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
    if cpu.waiting() {
        if now >= cpu.spill_at.load(Ordering::Relaxed) {
            spill(cpu, now);
        }
        if now >= cpu.slice_end.load(Ordering::Relaxed) {
            cpu.slice_end.store(NEVER, Ordering::Relaxed);
            cpu.need_reschedule.store(true, Ordering::Relaxed);
            push_away(cpu, now);
        }
    } else {
        cpu.slice_end.store(NEVER, Ordering::Relaxed);
        cpu.spill_at.store(NEVER, Ordering::Relaxed);
    }
    cpu.program_timer();
}

/// Sends an idle CPU for what waits here.
fn spill(cpu: &Cpu, now: u64) {
    cpu.spill_at.store(NEVER, Ordering::Relaxed);
    let idle = IDLE.load(Ordering::SeqCst);
    if idle != 0 {
        ochre_hal::cpu::kick(idle.trailing_zeros() as usize);
        if cpu.queued.load(Ordering::Relaxed) > 1 && idle.count_ones() > 1 {
            cpu.spill_at
                .store(now.saturating_add(SPILL), Ordering::Relaxed);
        }
    }
}

/// At a slice's end, hands one waiting thread to a CPU that has two fewer.
fn push_away(cpu: &'static Cpu, now: u64) {
    let mine = cpu.queued.load(Ordering::Relaxed);
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    let least = (0..count).min_by_key(|&i| CPUS[i].queued.load(Ordering::Relaxed));
    let Some(target) = least else { return };
    if online() & (1 << target) == 0 || CPUS[target].queued.load(Ordering::Relaxed) + 2 > mine {
        return;
    }
    if let Some(thread) = cpu.pop(target, now) {
        CPUS[target].push(thread);
        ochre_hal::cpu::kick(target);
    }
}

/// Another CPU asked this one to look again.
pub fn kick_interrupt() {
    let cpu = this();
    let current = cpu.current.lock().clone();
    let Some(current) = current else { return };
    if !current.sched.may_run_on(ochre_hal::cpu::id()) {
        cpu.need_reschedule.store(true, Ordering::Relaxed);
    }
    if cpu.waiting() {
        let realtime = cpu.queue.lock().top_realtime();
        cpu.competition(&current, realtime, crate::time::monotonic());
    }
}

/// Moves the running thread away when its affinity no longer allows this CPU.
pub fn leave_forbidden() {
    let thread = current();
    if !thread.sched.may_run_on(ochre_hal::cpu::id()) {
        reschedule(&thread, true);
    }
}

/// Makes every CPU that runs a thread of the same process pass through the kernel.
pub fn barrier(thread: &Thread) {
    let here = ochre_hal::cpu::id();
    core::sync::atomic::fence(Ordering::SeqCst);
    for other in thread.process().threads() {
        let on = other.sched.cpu.load(Ordering::Relaxed) as usize;
        if other.sched.on_cpu.load(Ordering::SeqCst) && on != here {
            ochre_hal::cpu::kick(on);
        }
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
