//! Starts lives, looks whether they go on, ends those that don't, and counts.

use crate::census;
use crate::record::{self, SLOTS};
use crate::sys;
use crate::worker::{self, Plan};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const FOLDER: &str = "/tmp/fuzz";
/// Lives of each worker between two looks at what is left.
const BATCH: u64 = 8;
/// A life that makes no call for so long waits for something that won't come.
const STALLED: Duration = Duration::from_millis(600);
/// A killed process is gone by then.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(10);
/// KiB that may be missing in the end: what the kernel has taken for its tables and keeps for the next.
const KEPT: u64 = 6 << 10;
/// How many more objects of a kind there may be by chance.
const STRAY: i64 = 4;

/// What is to be done.
pub struct Orders {
    pub plan: Plan,
    pub calls: u64,
    pub workers: usize,
}

/// How lives ended, each with how many: signals (0 for none), and calls that they stood still in.
#[derive(Default)]
struct Ends {
    signals: BTreeMap<i32, u64>,
    stalls: BTreeMap<usize, u64>,
}

struct Running {
    pid: i32,
    life: u64,
    steps: u64,
    since: Instant,
    killed: bool,
}

/// Runs until so many calls have been made; what is wrong then.
pub fn run(orders: &Orders) -> Result<(), String> {
    sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    census::set_badness("-1000");
    record::map();
    let record = record::get();
    let names = census::names();
    let mut next = 0;
    let mut first = None;
    let mut ends = Ends::default();
    println!(
        "seed {}: {} calls by {} lives at a time",
        orders.plan.seed, orders.calls, orders.workers
    );
    while record.total() < orders.calls {
        batch(orders, &mut next, &mut ends)?;
        census::sweep_processes().map_err(|error| format!("before life {next}: {error}"))?;
        census::sweep_objects(FOLDER);
        census::sweep_names(&names);
        let free = census::free_memory();
        println!("life {next}: {} calls, {free} KiB free", record.total());
        // The first batch fills the kernel's caches.
        first.get_or_insert_with(|| (free, census::objects(), census::kinds()));
    }
    report();
    println!(
        "lives ended by signals {:?}, stalled in calls {:?}",
        ends.signals, ends.stalls
    );
    let ((first, objects, kinds), last) = (first.unwrap_or_default(), census::free_memory());
    for (name, now) in census::objects() {
        let more = now - objects.get(&name).copied().unwrap_or(0);
        println!("  {name:24} {now:>8} in use, {more:>8} more than after the first lives");
    }
    for name in census::names().difference(&names) {
        println!("  {} can't be removed", name.display());
    }
    let left: Vec<_> = census::kinds()
        .into_iter()
        .map(|(name, now)| (now - kinds.get(&name).copied().unwrap_or(0), name))
        .filter(|(more, _)| *more > STRAY)
        .collect();
    if !left.is_empty() {
        return Err(format!(
            "there are more than after the first lives: {left:?}"
        ));
    }
    if last + KEPT < first {
        return Err(format!(
            "{first} KiB were free after the first lives, {last} KiB are in the end"
        ));
    }
    Ok(())
}

/// Runs one life alone, and says its calls.
pub fn replay(plan: Plan, life: u64) -> Result<(), String> {
    record::map();
    let running = start(plan, life, 0);
    let mut status = 0;
    sys!(SYS_wait4, running.pid, &raw mut status, libc::__WALL, 0);
    println!(
        "life {life} of seed {} ended with status {status:#x}",
        plan.seed
    );
    census::sweep_objects(FOLDER);
    Ok(())
}

/// Lives as many lives as a batch has.
fn batch(orders: &Orders, next: &mut u64, ends: &mut Ends) -> Result<(), String> {
    let mut slots: Vec<Option<Running>> =
        (0..orders.workers.clamp(1, SLOTS)).map(|_| None).collect();
    let end = *next + BATCH * slots.len() as u64;
    loop {
        for (at, slot) in slots.iter_mut().enumerate() {
            if slot.is_none() && *next < end {
                *slot = Some(start(orders.plan, *next, at));
                *next += 1;
            }
        }
        if slots.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut status = 0;
        loop {
            let gone = sys!(
                SYS_wait4,
                -1_isize,
                &raw mut status,
                libc::WNOHANG | libc::__WALL,
                0
            );
            if gone <= 0 {
                break;
            }
            let mut of = slots.iter_mut();
            if let Some(slot) = of.find(|slot| {
                slot.as_ref()
                    .is_some_and(|running| running.pid == gone as i32)
            }) {
                *ends.signals.entry(status & 0x7f).or_default() += 1;
                *slot = None;
            }
        }
        std::thread::sleep(TICK);
        for (at, slot) in slots.iter_mut().enumerate() {
            if let Some(running) = slot {
                watch(running, at, ends)?;
            }
        }
    }
}

fn start(plan: Plan, life: u64, slot: usize) -> Running {
    let folder = format!("{FOLDER}/{life}");
    let _ = fs::create_dir_all(&folder);
    for open in [FOLDER, &folder] {
        let _ = fs::set_permissions(
            open,
            fs::Permissions::from_mode(if open == FOLDER { 0o755 } else { 0o777 }),
        );
    }
    for steps in &record::get().slots[slot].steps {
        steps.store(0, Ordering::Relaxed);
    }
    let pid = sys!(SYS_fork) as i32;
    if pid == 0 {
        let _ = std::env::set_current_dir(&folder);
        worker::live(plan, life, slot);
    }
    Running {
        pid,
        life,
        steps: 0,
        since: Instant::now(),
        killed: false,
    }
}

/// Ends a life that stands still; one that can't be ended is a fault of the kernel's.
fn watch(running: &mut Running, slot: usize, ends: &mut Ends) -> Result<(), String> {
    let steps = record::get().slots[slot]
        .steps
        .iter()
        .map(|steps| steps.load(Ordering::Relaxed))
        .sum();
    if steps != running.steps {
        running.steps = steps;
        running.since = Instant::now();
    } else if !running.killed && running.since.elapsed() > STALLED {
        sys!(SYS_kill, running.pid, libc::SIGKILL);
        running.killed = true;
        let call = record::get().slots[slot].calls[0].load(Ordering::Relaxed);
        *ends.stalls.entry(call).or_default() += 1;
        running.since = Instant::now();
    } else if running.killed && running.since.elapsed() > PATIENCE {
        let stat = fs::read_to_string(format!("/proc/{}/stat", running.pid)).unwrap_or_default();
        let calls = &record::get().slots[slot].calls;
        return Err(format!(
            "life {} hangs at step {steps} in one of the calls {calls:?} though killed: {stat}",
            running.life
        ));
    }
    Ok(())
}

/// Calls by number: how often, and what they answered.
fn report() {
    let calls = record::get().by_number();
    let answers: usize = calls.values().map(|(_, errors)| errors.len()).sum();
    for (number, (made, errors)) in &calls {
        let mut names = crate::calls::all()
            .filter(|call| call.number == *number)
            .map(|call| call.name);
        println!(
            "  {number:>6} {:24} {made:>8}  {errors:?}",
            names.next().unwrap_or("?")
        );
    }
    println!(
        "{} calls by {} numbers, {answers} distinct answers",
        record::get().total(),
        calls.len()
    );
}
