//! What gives way when memory is used up: the process whose end gives most of it back ([`Footprint`]), as
//! weighed by oom_score_adj. Who is at −1000 is spared, and so is process 1.

use super::footprint::Footprint;
use super::process::Process;
use super::signal::SIGKILL;
use super::signal::send::end_process;
use super::thread::Thread;
use super::{Pid, exit, tree};
use crate::errno::Errno;
use crate::sched::cpu;
use crate::sched::wait::{Interrupt, wait_until};
use crate::time::Deadline;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::frame;

/// The adjustment of those that are never chosen.
pub const SPARED: i32 = -1000;
/// How long a victim may take before another one is chosen.
const PATIENCE: u64 = 2_000_000_000;
/// So many are tried before the caller gives way itself.
const STUCK_MAX: usize = 16;

/// What came of a look for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody gave memory back: try again.
    Freed,
    /// The caller is to give way itself, or nobody else can.
    Yourself,
}

/// Pages that a process's end would free, weighed by `adjust` thousandths of all of memory.
fn weigh(pages: u64, adjust: i32, total: u64) -> Option<i64> {
    if adjust == SPARED {
        return None;
    }
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    let pages = i64::try_from(pages).unwrap_or(i64::MAX);
    Some(pages.saturating_add(total / 1000 * i64::from(adjust)))
}

fn weight_of(process: &Process, total: u64) -> Option<i64> {
    let footprint = Footprint::of(process)?;
    let adjust = process.oom_adjust.load(Ordering::Relaxed);
    weigh(footprint.pages(), adjust, total)
}

fn total() -> u64 {
    ochre_hal::frame::stats().total as u64
}

/// /proc/PID/oom_score: 0 to 2000, as Linux scales it.
#[must_use]
pub fn score(process: &Process) -> i64 {
    let total = total();
    weight_of(process, total).map_or(0, |weight| {
        let thousandths = weight.saturating_mul(1000) / i64::try_from(total).unwrap_or(i64::MAX);
        ((1000 + thousandths) * 2 / 3).max(0)
    })
}

/// Makes room for a page that `thread` found no memory for: ends the process that weighs most, be it
/// its own. Where there is memory after all, as somebody gave it back or it was refused for the sake
/// of a test, nobody has to go.
pub fn give_way(thread: &Arc<Thread>) -> Outcome {
    let process = thread.process();
    if frame::has_some_for_users() {
        cpu::yield_now();
        return if thread.is_interrupted(Interrupt::Kill) {
            Outcome::Yourself
        } else {
            Outcome::Freed
        };
    }
    let outcome = make_room(process);
    if outcome == Outcome::Yourself {
        ochre_hal::log!("out of memory: process {} is ended", process.pid);
        exit::group(thread, SIGKILL);
    }
    outcome
}

/// Whether a call of `thread`'s that found no memory may find some now, as another process was ended. Who weighs
/// most himself is told that there is none.
#[must_use]
pub fn made_room_for_call(thread: &Arc<Thread>) -> bool {
    !frame::has_some_for_users() && make_room(thread.process()) == Outcome::Freed
}

/// All processes, one after the other.
fn processes() -> impl Iterator<Item = Arc<Process>> {
    tree::processes().inspect(|_| cpu::breathe())
}

/// Ends the process that weighs most, and waits until its memory is free; not the caller's.
fn make_room(caller: &Arc<Process>) -> Outcome {
    // Those that hold on to their memory, whatever for.
    let mut stuck = [0; STUCK_MAX];
    for at in 0..STUCK_MAX {
        let Some(victim) = heaviest(&stuck).filter(|victim| !Arc::ptr_eq(victim, caller)) else {
            break;
        };
        end(&victim, caller);
        let deadline = Deadline::after(PATIENCE);
        let freed = wait_until(&[&victim.changed], Some(deadline), Interrupt::Kill, || {
            victim.space().is_none().then_some(())
        });
        match freed {
            Ok(()) => return Outcome::Freed,
            Err(Errno::ETIMEDOUT) => stuck[at] = victim.pid,
            // The caller is ended itself.
            Err(_) => break,
        }
    }
    Outcome::Yourself
}

fn heaviest(stuck: &[Pid]) -> Option<Arc<Process>> {
    let total = total();
    let weigh = |process: &Arc<Process>| {
        let weight = weight_of(process, total)?;
        // One that is ending already is waited for.
        let ending = process.signals.lock().exiting.is_some();
        Some(if ending { i64::MAX } else { weight })
    };
    processes()
        .filter(|process| process.pid != exit::INIT && !stuck.contains(&process.pid))
        .filter_map(|process| Some((weigh(&process)?, process)))
        .max_by_key(|(weight, _)| *weight)
        .map(|(_, process)| process)
}

/// Ends `victim`, and who shares its memory.
fn end(victim: &Arc<Process>, caller: &Process) {
    let Some(space) = victim.space() else {
        return;
    };
    if victim.signals.lock().exiting.is_none() {
        let of = Footprint::of(victim).unwrap_or_default();
        ochre_hal::log!(
            "out of memory: process {} ends process {} ({} pages resident, {} of tables, {} of the kernel's)",
            caller.pid,
            victim.pid,
            of.resident,
            of.tables,
            of.kernel,
        );
    }
    for process in processes() {
        let shares = process.space().is_some_and(|s| Arc::ptr_eq(&s, &space));
        if shares && process.pid != exit::INIT {
            end_process(&process, SIGKILL, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SPARED, weigh};

    #[test]
    fn adjustments_weigh_thousandths_of_memory() {
        assert_eq!(weigh(50, 0, 10_000), Some(50));
        assert_eq!(weigh(50, 1000, 10_000), Some(10_050));
        assert_eq!(weigh(50, -500, 10_000), Some(-4950));
        assert_eq!(weigh(9000, SPARED, 10_000), None);
        assert!(weigh(u64::MAX, 1000, u64::MAX).is_some());
    }
}
