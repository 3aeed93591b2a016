//! Which CPU a ready thread waits for.
//!
//! A woken thread is queued where the waker runs. If the waker soon sleeps (the usual
//! round trip), the woken one follows on the same CPU: no interrupt between CPUs, no cold cache. If
//! the waker goes on for [`GRACE`], an idle CPU is kicked and takes the thread.
//!
//! Balance: every [`BALANCE`] a CPU on which a thread waits gives one to the CPU of which least is asked, if that
//! makes the two more alike. Real-time threads are where they must not wait for others as urgent: a CPU looks
//! for those that wait elsewhere before it runs anything less urgent.

use super::cpu::{self, CPUS, Cpu, IDLE, MAX_CPUS, NEVER, online, this};
use super::entity::{Entity, READY};
use super::queue::GRACE;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// How often CPUs are compared, in nanoseconds.
const BALANCE: u64 = 64_000_000;

/// Queues a thread that has just become ready.
pub(crate) fn enqueue(mut thread: Arc<Thread>) {
    let here = ochre_hal::cpu::id();
    loop {
        let target = target_of(&thread.sched, here);
        let is_urgent = thread.sched.realtime() > 0;
        let Err(back) = push(thread, target, here, is_urgent) else {
            return;
        };
        thread = back;
    }
}

/// Where a ready thread that CPU `here` queues is to wait.
fn target_of(sched: &Entity, here: usize) -> usize {
    let last = sched.cpu.load(Ordering::Relaxed) as usize;
    let target = if sched.on_cpu.load(Ordering::Acquire) && sched.may_run_on(last) {
        last
    } else if sched.may_run_on(here) {
        here
    } else {
        let allowed = sched.affinity.load(Ordering::SeqCst) & online();
        if sched.may_run_on(last) || allowed == 0 {
            last
        } else {
            allowed.trailing_zeros() as usize
        }
    };
    match sched.realtime() {
        0 => target,
        realtime => less_urgent(sched, realtime, target),
    }
}

/// Queues a ready thread on CPU `target`, and has that look if need be. Gives it back if it may not run there:
/// its affinity has changed since the target was chosen. Asked with the queue locked, as [`requeue`] looks into
/// the queues after the change: one of the two sees the other.
fn push(
    thread: Arc<Thread>,
    target: usize,
    here: usize,
    is_urgent: bool,
) -> Result<(), Arc<Thread>> {
    let is_out = |sched: &Entity| {
        !sched.may_run_on(target) && sched.affinity.load(Ordering::SeqCst) & online() != 0
    };
    let cpu = &CPUS[target];
    let now = crate::time::monotonic();
    if target == here {
        let current = cpu.current.lock().clone();
        let end = cpu.with_queue(here, |queue| {
            if is_out(&thread.sched) {
                return Err(thread);
            }
            queue.push(thread, now);
            let current = current.as_ref();
            Ok(current.and_then(|current| queue.turn_ends(&current.sched, now)))
        })?;
        if current.is_some() {
            cpu.limit_turn(end, now);
        }
        return Ok(());
    }
    cpu.with_queue(target, |queue| {
        if is_out(&thread.sched) {
            return Err(thread);
        }
        queue.push(thread, now);
        Ok(())
    })?;
    if IDLE.load(Ordering::SeqCst) & (1 << target) != 0
        || is_urgent
        || cpu.slice_end.load(Ordering::Relaxed) == NEVER
    {
        ochre_hal::cpu::kick(target);
    }
    Ok(())
}

/// Where a real-time thread is queued that would go to `target`: elsewhere, if it would have to wait there for
/// one that is as urgent, and not elsewhere.
fn less_urgent(sched: &Entity, realtime: u8, target: usize) -> usize {
    let urgency = |id: usize| CPUS[id].urgency.load(Ordering::Relaxed);
    if urgency(target) < realtime || sched.on_cpu.load(Ordering::Acquire) {
        return target;
    }
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    let allowed = (0..count).filter(|&id| online() & (1 << id) != 0 && sched.may_run_on(id));
    let least = allowed.min_by_key(|&id| urgency(id));
    least.filter(|&id| urgency(id) < realtime).unwrap_or(target)
}

/// A ready thread from another CPU's queue.
pub(super) fn steal(id: usize) -> Option<Arc<Thread>> {
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    (1..count)
        .map(|i| (id + i) % count)
        .filter(|&other| CPUS[other].waiting())
        .find_map(|other| CPUS[other].with_queue(other, |queue| queue.take(id)))
}

/// In whose queue, of these CPUs', the most urgent real-time thread waits, and its priority.
pub(super) fn top_elsewhere(cpus: u64) -> Option<(usize, u8)> {
    if cpus == 0 {
        return None;
    }
    let waiting = |other: usize| CPUS[other].waiting_urgency.load(Ordering::Relaxed);
    let others = (0..MAX_CPUS).filter(|other| cpus & (1 << other) != 0);
    others
        .map(|other| (other, waiting(other)))
        .max_by_key(|(_, top)| *top)
}

/// A real-time thread that waits in the queue of one of these CPUs, and is more urgent than `least`.
pub(super) fn most_urgent_elsewhere(id: usize, cpus: u64, least: u8) -> Option<Arc<Thread>> {
    let (other, top) = top_elsewhere(cpus)?;
    if top <= least {
        return None;
    }
    CPUS[other].with_queue(other, |queue| queue.take_most_urgent(id))
}

/// A real-time thread waits on this CPU, as one that is more urgent runs: another CPU may have it, where
/// something less urgent runs.
pub(super) fn offer_urgent(id: usize) {
    let top = CPUS[id].waiting_urgency.load(Ordering::Relaxed);
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    let urgency = |other: usize| CPUS[other].urgency.load(Ordering::Relaxed);
    let others = (0..count).filter(|&other| other != id && online() & (1 << other) != 0);
    if let Some(least) = others.min_by_key(|&other| urgency(other))
        && urgency(least) < top
    {
        ochre_hal::cpu::kick(least);
    }
}

/// Takes a thread out of the queue that it waits in, if it does, and queues it anew. Every queue is looked
/// into with its lock held: who queues the thread after that sees what was changed before.
fn requeue(thread: &Arc<Thread>) {
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    for (id, cpu) in CPUS[..count].iter().enumerate() {
        if cpu.with_queue(id, |queue| queue.remove(thread)) {
            return enqueue(thread.clone());
        }
    }
}

/// A thread may run on other CPUs than before, wherever it is now.
pub fn change_affinity(thread: &Arc<Thread>, mask: u64) {
    let sched = &thread.sched;
    sched.affinity.store(mask, Ordering::SeqCst);
    if sched.state.load(Ordering::SeqCst) == READY {
        requeue(thread);
    }
    // It may have been chosen meanwhile, and then sees the change itself or is seen here.
    let holder = sched.cpu.load(Ordering::Relaxed) as usize;
    if sched.state.load(Ordering::SeqCst) != READY && !sched.may_run_on(holder) {
        cpu::nudge(thread);
    }
}

/// A thread's class, priority or weight has changed, wherever it is now.
pub fn reprioritize(thread: &Arc<Thread>) {
    let sched = &thread.sched;
    if sched.state.load(Ordering::SeqCst) == READY {
        requeue(thread);
    }
    if !sched.on_cpu.load(Ordering::SeqCst) {
        return;
    }
    let target = sched.cpu.load(Ordering::Relaxed) as usize;
    if target == ochre_hal::cpu::id() {
        this().urgency.store(sched.realtime(), Ordering::Relaxed);
        this().look_again(sched);
    } else {
        ochre_hal::cpu::kick(target);
    }
}

/// Sends an idle CPU for what waits here, if one may run it.
pub(super) fn spill(cpu: &Cpu, now: u64) {
    cpu.spill_at.store(NEVER, Ordering::Relaxed);
    let idle = IDLE.load(Ordering::SeqCst);
    if idle == 0 {
        return;
    }
    let queue = cpu.queue.lock();
    let mut takers = (0..MAX_CPUS).filter(|&id| idle & (1 << id) != 0 && queue.has_for(id));
    let Some(taker) = takers.next() else { return };
    let more = queue.len() > 1 && takers.next().is_some();
    drop(takers);
    drop(queue);
    ochre_hal::cpu::kick(taker);
    if more {
        cpu.spill_at
            .store(now.saturating_add(GRACE), Ordering::Relaxed);
    }
}

/// When it is time again: hands a fair thread that waits on CPU `id` to the one of which least is asked, if it
/// weighs no more than what the two differ by.
pub(super) fn balance(cpu: &Cpu, id: usize, now: u64) {
    if now < cpu.balance_at.load(Ordering::Relaxed) {
        return;
    }
    cpu.balance_at
        .store(now.saturating_add(BALANCE), Ordering::Relaxed);
    let load = |id: usize| CPUS[id].load.load(Ordering::Relaxed);
    let count = ochre_hal::cpu::count().min(MAX_CPUS);
    let online = (0..count).filter(|&other| other != id && online() & (1 << other) != 0);
    let Some(least) = online.min_by_key(|&other| load(other)) else {
        return;
    };
    let differ = load(id).saturating_sub(load(least));
    if let Some(thread) = cpu.with_queue(id, |queue| queue.take_fair(least, differ)) {
        // It does not come back at once where the two are as busy.
        CPUS[least]
            .balance_at
            .store(now.saturating_add(BALANCE), Ordering::Relaxed);
        match push(thread, least, id, false) {
            Ok(()) => ochre_hal::cpu::kick(least),
            Err(back) => enqueue(back),
        }
    }
}
