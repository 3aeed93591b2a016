//! What threads and processes have used (`Documentation/accounting/taskstats.rst`), which iotop and
//! its like ask. How long something was waited for isn't measured: delays are 0, as on a Linux
//! without delay accounting. Nobody is told of tasks that end.

use super::generic;
use super::message::{Outcome, Question, attribute, number};
use crate::errno::{Errno, Result};
use crate::task::process::{Process, Usage, thread_usage};
use crate::task::thread::Thread;
use crate::task::{Pid, tree};
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::Ordering;
use ochre_hal::PAGE_SIZE;

/// Of the family.
pub const VERSION: u32 = 1;
/// `TASKSTATS_CMD_GET`, and its answer.
pub const GET: u8 = 1;
const NEW: u8 = 2;

/// `TASKSTATS_CMD_ATTR_…`: what is asked.
const OF_THREAD: u16 = 1;
const OF_PROCESS: u16 = 2;
const REGISTER: u16 = 3;
const DEREGISTER: u16 = 4;
/// `TASKSTATS_TYPE_…`: what is told.
const THREAD: u16 = 1;
const PROCESS: u16 = 2;
const STATS: u16 = 3;
const ABOUT_THREAD: u16 = 4;
const ABOUT_PROCESS: u16 = 5;

/// `struct taskstats`, as of its version 13.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Stats {
    version: u16,
    _pad: u16,
    exit_code: u32,
    flags: u8,
    nice: i8,
    _pad2: [u8; 6],
    /// Counts and sums of waits: for a CPU, a disk, swapped memory.
    waits: [u64; 6],
    run_real: u64,
    run_virtual: u64,
    name: [u8; 32],
    policy: u8,
    _pad3: [u8; 7],
    uid: u32,
    gid: u32,
    pid: u32,
    parent: u32,
    /// Seconds since 1970, as far as they go.
    begun_short: u32,
    _pad4: u32,
    /// Microseconds, as the two after it.
    elapsed: u64,
    user: u64,
    system: u64,
    minor_faults: u64,
    major_faults: u64,
    /// Memory by time.
    integrals: [u64; 2],
    /// Kilobytes.
    most_resident: u64,
    most_mapped: u64,
    bytes_read: u64,
    bytes_written: u64,
    reads: u64,
    writes: u64,
    /// Read, written and not written after all: from and to a disk.
    disk: [u64; 3],
    switches: u64,
    preemptions: u64,
    scaled_user: u64,
    scaled_system: u64,
    scaled_run: u64,
    /// Counts and sums of waits: for memory, for what had just been let go.
    more_waits: [u64; 4],
    begun: u64,
    compaction: [u64; 2],
    group: u32,
    _pad5: u32,
    group_elapsed: u64,
    /// Device and inode number of the program's file.
    program: [u64; 2],
    copies: [u64; 2],
}

pub(super) fn answer(question: &Question<'_>, attributes: &[u8]) -> Result<Outcome> {
    let thread = number(attributes, OF_THREAD)?;
    let process = number(attributes, OF_PROCESS)?;
    for registration in [REGISTER, DEREGISTER] {
        if attribute(attributes, registration).is_some() {
            return Err(Errno::EOPNOTSUPP);
        }
    }
    let (about, kind, id, stats) = if let Some(tid) = thread {
        (ABOUT_THREAD, THREAD, tid, of_thread(tid)?)
    } else if let Some(pid) = process {
        (ABOUT_PROCESS, PROCESS, pid, of_process(pid)?)
    } else {
        return Err(Errno::EINVAL);
    };
    let mut answer = generic::begin(question, 0, NEW, VERSION)?;
    let all = answer.open(about)?;
    answer.attribute(kind, &id.to_ne_bytes())?;
    answer.attribute(STATS, bytemuck::bytes_of(&stats))?;
    answer.close(all);
    question.socket.tell(answer.finish());
    Ok(Outcome::Done)
}

/// What is told of both.
fn stats(process: &Process, usage: &Usage) -> Stats {
    let elapsed = crate::time::monotonic().saturating_sub(process.started);
    Stats {
        version: 13,
        run_real: usage.runtime(),
        run_virtual: usage.runtime(),
        scaled_run: usage.runtime(),
        elapsed: elapsed / 1000,
        user: usage.user / 1000,
        system: usage.system / 1000,
        switches: usage.switches,
        preemptions: usage.preemptions,
        ..Stats::zeroed()
    }
}

fn of_process(pid: Pid) -> Result<Stats> {
    let process = tree::process(pid).ok_or(Errno::ESRCH)?;
    Ok(stats(&process, &process.total_usage()))
}

fn of_thread(tid: Pid) -> Result<Stats> {
    // One that has ended is told of as a process.
    let Some(thread) = tree::thread(tid) else {
        return of_process(tid);
    };
    let process = thread.process();
    let usage = thread_usage(&thread);
    let credentials = thread.credentials();
    let begun = crate::time::realtime()
        .saturating_sub(crate::time::monotonic().saturating_sub(process.started))
        / 1_000_000_000;
    let (most_resident, most_mapped) = peaks(process);
    let done = usage.transferred;
    // Linux tells thousands only, even of calls.
    let thousands = |number: u64| number & !1023;
    let plain = stats(process, &usage);
    Ok(Stats {
        nice: thread.sched.nice.load(Ordering::Relaxed) as i8,
        name: name(&thread),
        policy: thread.sched.policy.load(Ordering::Relaxed),
        uid: credentials.uid.real,
        gid: credentials.gid.real,
        pid: tid,
        parent: process.parent(),
        begun_short: u32::try_from(begun).unwrap_or(u32::MAX),
        minor_faults: usage.minor_faults,
        major_faults: usage.major_faults,
        most_resident,
        most_mapped,
        bytes_read: thousands(done.bytes_read),
        bytes_written: thousands(done.bytes_written),
        reads: thousands(done.reads),
        writes: thousands(done.writes),
        scaled_user: plain.user,
        scaled_system: plain.system,
        begun,
        group: process.pid,
        group_elapsed: plain.elapsed,
        ..plain
    })
}

fn name(thread: &Thread) -> [u8; 32] {
    let mut padded = [0; 32];
    let name = thread.name();
    padded[..name.len()].copy_from_slice(&name);
    padded
}

/// The most memory that it had, in kilobytes: in use, and mapped.
fn peaks(process: &Process) -> (u64, u64) {
    let kilobytes = |pages: usize| (pages * (PAGE_SIZE / 1024)) as u64;
    process.space().map_or((0, 0), |space| {
        let inner = space.lock();
        (
            kilobytes(inner.table.resident_peak()),
            kilobytes(inner.peak),
        )
    })
}

const _: () = assert!(size_of::<Stats>() == 416);
