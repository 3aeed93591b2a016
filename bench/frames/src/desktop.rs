//! What a desktop costs the whole machine: drawing windows, moving one, scrolling a terminal, answering the
//! pointer, and doing nothing.
//!
//! Costs are the busy time of all processors together, as `/proc/uptime` tells it: the compositor's, the
//! client's, the kernel's and, where drivers are processes, the drivers'. So systems can be
//! compared that put the same work in different places.
//!
//! Each row is printed as `NAME<tab>UNIT<tab>VALUE`. Where the pointer is needed, it is said first:
//! `wants drag COUNT`, for a press in the middle of the screen, so many moves and a release;
//! `wants moves`, for moves over the middle of the screen until the next row is printed.

use crate::client::Client;
use crate::measure::{Measured, measured, row};
use crate::{Plan, SMALL, processes};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How many frames are drawn, or moves made, and how many before that aren't counted.
const COUNT: u32 = 240;
const WARM: u32 = 30;
/// How often the way from the pointer to the screen is measured.
const SAMPLES: usize = 100;
/// What windows that have been closed take to be gone, with their animations.
const SETTLE: Duration = Duration::from_secs(2);
/// How long nothing is done.
const IDLE: Duration = Duration::from_secs(60);
/// Where a terminal's program leaves what it has measured.
const SCROLLED: &str = "/tmp/scrolled";
/// Lines that a terminal is given for each frame.
const LINES: usize = 10;
/// The time of a frame.
const FRAME: Duration = Duration::from_micros(16_667);

/// `frames desktop TERMINAL PROCESS...`.
pub fn command(mut words: impl Iterator<Item = String>) -> Result<()> {
    let terminal = words.next().context("which terminal?")?;
    let shell: Vec<String> = words.collect();
    idle(&shell)?;
    for name in ["full", "small", "twenty"] {
        draw(name, crate::plan(name).context("no such plan")?)?;
        thread::sleep(SETTLE);
    }
    drag()?;
    thread::sleep(SETTLE);
    answer()?;
    thread::sleep(SETTLE);
    scroll(&terminal)
}

/// What nothing costs in a minute, and what the processes hold meanwhile.
fn idle(shell: &[String]) -> Result<()> {
    thread::sleep(SETTLE);
    let before = switches(shell)?;
    let spent = measured(|| {
        thread::sleep(IDLE);
        Ok(())
    })?;
    let count = switches(shell)?.saturating_sub(before);
    row("desktop-idle", "ns", spent.busy.as_nanos() as f64);
    row("desktop-idle-switches", "times", count as f64);
    row("desktop-idle-memory", "KiB", private(shell)? as f64);
    Ok(())
}

fn draw(name: &str, plan: &Plan) -> Result<()> {
    let mut client = Client::start(plan)?;
    for _ in 0..WARM {
        client.frame()?;
    }
    let spent = measured(|| (0..COUNT).try_for_each(|_| client.frame()))?;
    each(&format!("desktop-{name}"), spent);
    Ok(())
}

/// Rows of something that was done `COUNT` times.
fn each(name: &str, spent: Measured) {
    let nanos = |time: Duration| time.as_nanos() as f64 / f64::from(COUNT);
    row(name, "ns", nanos(spent.busy));
    row(&format!("{name}-interval"), "ns", nanos(spent.taken));
}

/// A window that follows the pointer.
fn drag() -> Result<()> {
    let mut client = Client::start(&SMALL)?;
    println!("wants drag {COUNT}");
    let serial = loop {
        client.desk.wait()?;
        if let Some(serial) = client.desk.state.pressed.take() {
            break serial;
        }
    };
    let seat = client.seat.clone();
    let toplevel = client.toplevels.first().context("no window")?;
    toplevel._move(&seat, serial);
    client.desk.state.entered = false;
    let spent = measured(|| {
        // The pointer is the compositor's until the button is let go.
        while !client.desk.state.entered {
            client.desk.wait()?;
        }
        Ok(())
    })?;
    row(
        "desktop-move",
        "ns",
        spent.busy.as_nanos() as f64 / f64::from(COUNT),
    );
    Ok(())
}

/// From the pointer's move, as the kernel has stamped it, until what a client draws for it is seen.
fn answer() -> Result<()> {
    let mut client = Client::start(&SMALL)?;
    println!("wants moves");
    let mut delays = Vec::new();
    while delays.len() < SAMPLES {
        client.desk.state.moved = None;
        let moved = loop {
            client.desk.wait()?;
            if let Some(moved) = client.desk.state.moved {
                break moved;
            }
        };
        client.ask_when_seen()?;
        client.commit()?;
        let seen = loop {
            client.desk.wait()?;
            if let Some(seen) = client.desk.state.seen.take() {
                break seen;
            }
        };
        while client.desk.state.waiting > 0 {
            client.desk.wait()?;
        }
        // Stamps of input are milliseconds, of which 32 bits are told.
        let seen = seen.context("a frame was never on the screen")?;
        delays.push((seen.as_millis() as u32).wrapping_sub(moved));
    }
    delays.sort_unstable();
    ensure!(
        delays.iter().all(|&delay| delay < 10_000),
        "input and screen have different clocks: {delays:?}"
    );
    let middle = Duration::from_millis(delays[delays.len() / 2].into());
    row("desktop-answer", "ns", middle.as_nanos() as f64);
    Ok(())
}

/// A terminal in which lines scroll by.
fn scroll(terminal: &str) -> Result<()> {
    let program = std::env::current_exe()?;
    let _ = fs::remove_file(SCROLLED);
    let status = Command::new(terminal)
        .arg(program)
        .arg("scroll")
        // It tells of its fonts and more.
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {terminal}"))?;
    ensure!(status.success(), "{terminal} ended with {status}");
    let text = fs::read_to_string(SCROLLED).context("the terminal's program didn't run")?;
    let spent = Measured::parse(&text).context("the terminal's program measured nothing")?;
    each("desktop-scroll", spent);
    Ok(())
}

/// `frames scroll`, in a terminal: writes lines at the pace of a screen, and leaves what that took.
pub fn lines() -> Result<()> {
    let mut line = 0;
    let mut some = |count: u32| -> Result<()> {
        for _ in 0..count {
            let mut text = String::new();
            for _ in 0..LINES {
                line += 1;
                text += &format!(
                    "{line:6} the quick brown fox jumps over the lazy dog, again and again\r\n"
                );
            }
            rustix::io::write(rustix::stdio::stdout(), text.as_bytes())?;
            thread::sleep(FRAME);
        }
        Ok(())
    };
    some(2 * WARM)?;
    let spent = measured(|| some(COUNT))?;
    Ok(fs::write(SCROLLED, spent.text())?)
}

/// How often these processes' threads have been put on a processor.
fn switches(names: &[String]) -> Result<u64> {
    let mut sum = 0;
    for pid in of(names)? {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("status"))?;
            let counts = text.lines().filter_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.ends_with("voluntary_ctxt_switches")
                    .then(|| value.trim().parse::<u64>().ok())?
            });
            sum += counts.sum::<u64>();
        }
    }
    Ok(sum)
}

/// Memory that these processes alone hold, in KiB: resident, and no file's.
fn private(names: &[String]) -> Result<u64> {
    let mut sum = 0;
    for pid in of(names)? {
        sum += processes::private_kib(pid)?;
    }
    Ok(sum)
}

fn of(names: &[String]) -> Result<Vec<i32>> {
    let mut pids = Vec::new();
    for name in names {
        let found = processes::named(name)?;
        if found.is_empty() {
            bail!("no process {name}");
        }
        pids.extend(found);
    }
    Ok(pids)
}
