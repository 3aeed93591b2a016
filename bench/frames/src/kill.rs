//! Killing a driver under a window that is drawn all the time, as often as is asked, and what a
//! client notices of it: the longest pause between two frames, or two moves of the pointer.
//!
//! After each kill nothing is done before the driver is back and things flow again. In the end it is
//! told what those that outlive drivers hold: descriptors and memory of compositor and supervisor,
//! and the kernel's objects. Both processes must be those of the beginning, with as many descriptors.

use crate::client::Client;
use crate::pace::Pace;
use crate::{SMALL, processes};
use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::{Duration, Instant};

/// How many frames or moves must have come before things flow.
const FLOWS: u32 = 10;
/// How long a driver must have run, lest the supervisor takes it for one that can't.
const SETTLE: Duration = Duration::from_millis(1200);
/// A kill after which nothing comes for so long has ended more than a driver.
const PATIENCE: Duration = Duration::from_secs(60);
/// These are done before anything is counted: what is made once isn't a loss.
const WARM: u32 = 2;

/// What is held outside of the driver.
struct Held {
    compositor: Process,
    supervisor: Process,
    /// Objects of the kernel's, and their bytes.
    objects: u64,
    bytes: u64,
}

struct Process {
    pid: i32,
    descriptors: usize,
    kib: u64,
}

/// `frames kill COUNT DRIVER...`.
pub fn command(mut words: impl Iterator<Item = String>) -> Result<()> {
    let count: u32 = words.next().context("how often?")?.parse()?;
    let mut client = Client::start(&SMALL)?;
    client.commit()?;
    println!("ready");
    for driver in words {
        again_and_again(&mut client, &driver, count)?;
    }
    println!("all as before");
    Ok(())
}

fn again_and_again(client: &mut Client, driver: &str, count: u32) -> Result<()> {
    let first = Held::now()?.compositor.descriptors;
    for _ in 0..WARM {
        kill(client, driver)?;
    }
    let before = held_when(client, |held| held.compositor.descriptors >= first)?;
    let mut pauses = Vec::new();
    for number in 1..=count {
        let pause = kill(client, driver)?;
        println!("{driver} {number}: {} ms", pause.as_millis());
        pauses.push(pause);
    }
    let after = held_when(client, |held| before.is_held_by_the_same(held))?;
    pauses.sort();
    let middle = pauses.get(pauses.len() / 2).copied().unwrap_or_default();
    let longest = pauses.last().copied().unwrap_or_default();
    println!(
        "{driver}: killed {count} times, pauses of {} ms, at most {} ms",
        middle.as_millis(),
        longest.as_millis()
    );
    println!("before: {}\nafter:  {}", before.text(), after.text());
    ensure!(
        before.is_held_by_the_same(&after),
        "compositor or supervisor is another process now, or keeps descriptors"
    );
    Ok(())
}

/// What is held once all devices are back: one that nothing flows from, such as a keyboard, may be a little later
/// than the others. If they don't come, what is held then.
fn held_when(client: &mut Client, back: impl Fn(&Held) -> bool) -> Result<Held> {
    let start = Instant::now();
    loop {
        let held = Held::now()?;
        if back(&held) || start.elapsed() > PATIENCE {
            return Ok(held);
        }
        turn(client)?;
    }
}

/// Kills the driver's processes once things flow; the longest pause until they flow again.
fn kill(client: &mut Client, driver: &str) -> Result<Duration> {
    let input = ["ps2", "virtio-input", "xhci"].contains(&driver);
    let begin = Instant::now();
    let old = flow(client, driver, input, &[])?;
    while begin.elapsed() < SETTLE {
        turn(client)?;
    }
    let counted = pace(client, input);
    counted.begin();
    for pid in &old {
        let pid = Pid::from_raw(*pid).context("a process has no number")?;
        kill_process(pid, Signal::KILL)?;
    }
    flow(client, driver, input, &old)?;
    let (_, pause) = pace(client, input).seen();
    Ok(pause)
}

fn pace(client: &mut Client, input: bool) -> &mut Pace {
    if input {
        &mut client.desk.state.moves
    } else {
        &mut client.desk.state.frames
    }
}

/// Waits until there are processes of the driver, none of them an old one, and things flow.
fn flow(client: &mut Client, driver: &str, input: bool, old: &[i32]) -> Result<Vec<i32>> {
    let start = Instant::now();
    let wanted = old.len().max(1);
    let pids = loop {
        turn(client)?;
        let pids = processes::named(driver)?;
        if pids.len() >= wanted && !pids.iter().any(|pid| old.contains(pid)) {
            break pids;
        }
        ensure!(start.elapsed() < PATIENCE, "{driver} doesn't come back");
    };
    // What a client got of the old one until now isn't the new one's.
    let (seen, _) = pace(client, input).seen();
    while pace(client, input).seen().0 < seen + FLOWS {
        turn(client)?;
        ensure!(
            start.elapsed() < PATIENCE,
            "{driver} is back, but nothing comes"
        );
    }
    Ok(pids)
}

/// Draws if a frame is asked for, then waits for the compositor, but not long.
fn turn(client: &mut Client) -> Result<()> {
    if client.desk.state.waiting == 0 {
        client.commit()?;
    }
    let desk = &mut client.desk;
    if desk.state.closed {
        bail!("the window was closed");
    }
    desk.queue.flush()?;
    if let Some(guard) = desk.connection.prepare_read() {
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        let fd = guard.connection_fd();
        let readable = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout));
        if matches!(readable, Ok(1..)) {
            guard.read()?;
        }
    }
    desk.queue.dispatch_pending(&mut desk.state)?;
    Ok(())
}

impl Process {
    fn of(name: &str) -> Result<Process> {
        let pid = *processes::named(name)?
            .first()
            .with_context(|| format!("no {name}"))?;
        Ok(Process {
            pid,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
            kib: processes::private_kib(pid)?,
        })
    }
}

impl Held {
    fn now() -> Result<Held> {
        let (mut objects, mut bytes) = (0, 0);
        for line in fs::read_to_string("/proc/slabinfo")?.lines().skip(2) {
            let mut words = line.split_whitespace().skip(1);
            let active: u64 = words.next().unwrap_or_default().parse()?;
            let size: u64 = words.nth(1).unwrap_or_default().parse()?;
            objects += active;
            bytes += active * size;
        }
        Ok(Held {
            // The kernel keeps fifteen letters of a name.
            compositor: Process::of("ochre-composito")?,
            supervisor: Process::of("init")?,
            objects,
            bytes,
        })
    }

    /// By the same processes, in as many descriptors.
    fn is_held_by_the_same(&self, other: &Held) -> bool {
        let key = |p: &Process| (p.pid, p.descriptors);
        [&self.compositor, &self.supervisor].map(key)
            == [&other.compositor, &other.supervisor].map(key)
    }

    fn text(&self) -> String {
        let process = |p: &Process| format!("{} descriptors, {} KiB", p.descriptors, p.kib);
        format!(
            "compositor {}; supervisor {}; kernel {} objects, {} KiB",
            process(&self.compositor),
            process(&self.supervisor),
            self.objects,
            self.bytes / 1024
        )
    }
}
