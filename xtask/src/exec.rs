//! `./x exec`: boots headless, runs one command, and becomes its output and its exit status.
//!
//! In the guest, `boot-command` (see there) runs the command. Four serial ports lead to the host:
//! console, the command's standard output (and, the other way, its input), its standard error, and
//! reports. The machine is ended
//! as soon as the report of the command's end is here and its output is complete. A machine that
//! ends before has panicked.

use crate::guest::{Guest, Request};
use crate::image::Recipe;
use crate::input;
use crate::qemu::{self, Machine};
use crate::reports::{self, Ending, Report};
use crate::seat::Seat;
use crate::setup::{self, Purpose};
use anyhow::{Result, bail};
use std::cell::Cell;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status that says that the time was up.
const TIMED_OUT: u8 = 124;
/// The exit status that says that the kernel panicked.
const PANICKED: u8 = 125;
/// What `--times` says, before the seconds.
pub const STARTED: &str = "x: started after seconds ";
/// Goes before the command's first byte on an output port (see `boot-command`): UEFI firmware
/// takes serial ports for terminals, and writes on them until the kernel starts.
const MARK: &[u8] = b"\0boot-command\0";
/// How long QEMU may take to end once it has let its lines go.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// How much of the console is kept for a panic's or a time-out's account.
const CONSOLE_KEPT: usize = 64 << 10;

/// Boot headless, run a command, and exit with its status.
///
/// Standard output and standard error are the command's, unmixed and as they come; standard input
/// reaches it. The exit status
/// is the command's; 128+N when signal N ended it, 124 when the time was up, 125 when the kernel
/// panicked (its words are on standard error).
#[derive(clap::Args)]
pub struct Arguments {
    /// The image to boot, a recipe of images/. In one with a desktop, the command runs in its
    /// session.
    #[arg(long, default_value = "minimal", value_name = "NAME")]
    image: String,
    #[command(flatten)]
    guest: Guest,
    /// Give up after so many seconds.
    #[arg(long, value_name = "S")]
    timeout: Option<u64>,
    /// Set a variable in the command's environment.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Show the console (the kernel's words) on standard error too.
    #[arg(long)]
    console: bool,
    /// Say on standard error when the system was up.
    #[arg(long, hide = true)]
    times: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    words: Vec<OsString>,
}

/// What is heard from the machine.
enum Event {
    /// A line of the report port.
    Report(String),
    /// An output port has carried this much so far; or has ended.
    Copied(usize, u64),
}

/// `./x exec`.
pub fn command(arguments: Arguments) -> Result<ExitCode> {
    setup::ensure(&[Purpose::Build, Purpose::Run])?;
    let recipe = Recipe::load(&arguments.image)?;
    setup::ensure(recipe.purposes())?;
    let guest = &arguments.guest;
    let request = Request {
        environment: arguments.env,
        input: input::is_given(),
        ..Request::command(arguments.words)
    };
    let built = guest.build(&recipe, Some(&request))?;
    let timeout = arguments.timeout.map(Duration::from_secs);
    let (show, times) = (arguments.console, arguments.times);
    let end = qemu::despite_crashes(|| {
        let (mut machine, _disk) = guest.machine(&built)?;
        if recipe.session {
            machine.desktop(Seat::default());
        }
        machine.without_display();
        let streams = Streams {
            input: request.input.then(|| Box::new(std::io::stdin()) as _),
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
        };
        watch(machine, timeout, streams, show, times)
    })?;
    if let Some(account) = end.account()? {
        let mut stderr = std::io::stderr().lock();
        if !show {
            let _ = stderr.write_all(&end.console);
        }
        let _ = writeln!(stderr, "\nx: {account}");
    }
    Ok(match end.outcome {
        Outcome::Ended(Ending::Exit(status)) => ExitCode::from(status),
        Outcome::Ended(Ending::Signal(signal)) => ExitCode::from(128 + signal),
        Outcome::TimedOut => ExitCode::from(TIMED_OUT),
        Outcome::Gone => ExitCode::from(PANICKED),
    })
}

/// Where a command's streams lead.
pub struct Streams {
    /// What it is sent, if anything: the request says so too.
    pub input: Option<Box<dyn Read + Send>>,
    /// Where its standard output goes.
    pub out: Box<dyn Write + Send>,
    /// Where its standard error goes.
    pub err: Box<dyn Write + Send>,
}

/// How a machine's command ended.
pub struct End {
    /// What became of it.
    pub outcome: Outcome,
    /// How long the machine ran.
    pub taken: Duration,
    /// The console's last words.
    pub console: Vec<u8>,
    /// What QEMU complained of.
    complaints: String,
    /// Whether QEMU itself crashed.
    crashed: bool,
}

impl End {
    /// What went wrong, where the command didn't come to its end.
    pub fn account(&self) -> Result<Option<String>> {
        Ok(match self.outcome {
            Outcome::Ended(_) => None,
            Outcome::TimedOut => Some(format!(
                "the time was up after {:.1} s",
                self.taken.as_secs_f32()
            )),
            Outcome::Gone if self.console.is_empty() && !self.complaints.is_empty() => {
                bail!("QEMU says: {}", self.complaints.trim_end());
            }
            Outcome::Gone if self.crashed => Some(format!(
                "QEMU itself crashed: {}",
                self.complaints.trim_end()
            )),
            Outcome::Gone => {
                Some("the kernel panicked, or the machine was switched off".to_owned())
            }
        })
    }
}

/// Starts the machine, and passes on what comes until the command has ended. No end is there
/// where QEMU itself crashes before the command has started.
pub fn watch(
    mut machine: Machine,
    timeout: Option<Duration>,
    streams: Streams,
    show: bool,
    times: bool,
) -> Result<Option<End>> {
    let (console, out, err) = (machine.serial()?, machine.serial()?, machine.serial()?);
    let reports = machine.serial()?;
    let start = Instant::now();
    let mut running = machine.start()?;

    let taken = match streams.input {
        Some(input) => Some(input::send(input, out.try_clone()?, reports.try_clone()?)),
        None => None,
    };
    let (tell, events) = mpsc::channel();
    let console = thread::spawn(move || keep(console, show));
    let (tell_out, tell_err) = (tell.clone(), tell.clone());
    thread::spawn(move || copy(out, streams.out, 0, &tell_out));
    thread::spawn(move || copy(err, streams.err, 1, &tell_err));
    thread::spawn(move || listen(reports, &tell));

    let deadline = timeout.map(|timeout| start + timeout);
    let started = Cell::new(false);
    let outcome = follow(&events, deadline, |progress| match progress {
        Progress::Started => {
            started.set(true);
            if times {
                eprintln!("{STARTED}{:.6}", start.elapsed().as_secs_f64());
            }
        }
        Progress::Taken(total) => {
            // Once the input has ended, nobody wants to know.
            let _ = taken.as_ref().map(|taken| taken.send(total));
        }
    })?;
    let crashed = matches!(outcome, Outcome::Gone) && {
        running.expect_end(END_PATIENCE);
        running.has_crashed()
    };
    let complaints = running.stop();
    let console = console.join().unwrap_or_default();
    if crashed && !started.get() {
        return Ok(None);
    }
    Ok(Some(End {
        outcome,
        taken: start.elapsed(),
        console,
        complaints,
        crashed,
    }))
}

/// What becomes of a command.
pub enum Outcome {
    /// It ended, and all its output is there.
    Ended(Ending),
    /// The time was up.
    TimedOut,
    /// The machine has ended.
    Gone,
}

/// What is told on the way to the end.
enum Progress {
    Started,
    Taken(u64),
}

/// Waits for the report of the end, and then for the output that it announces. The machine has gone
/// when all ports have ended: what one of them still brings may come after the end of another.
fn follow(
    events: &Receiver<Event>,
    deadline: Option<Instant>,
    on: impl Fn(Progress),
) -> Result<Outcome> {
    let mut copied = [0; 2];
    let mut ended: Option<(Ending, [u64; 2])> = None;
    loop {
        if let Some((ending, announced)) = ended
            && copied == announced
        {
            return Ok(Outcome::Ended(ending));
        }
        let event = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                match events.recv_timeout(left) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => return Ok(Outcome::TimedOut),
                    Err(RecvTimeoutError::Disconnected) => return Ok(Outcome::Gone),
                }
            }
            None => match events.recv() {
                Ok(event) => event,
                Err(_) => return Ok(Outcome::Gone),
            },
        };
        match event {
            Event::Copied(port, bytes) => copied[port] = bytes,
            Event::Report(line) => match Report::parse(&line)? {
                Report::Ended(ending, announced) => ended = Some((ending, announced)),
                Report::Started => on(Progress::Started),
                Report::Taken(total) => on(Progress::Taken(total)),
                Report::Shown => {}
            },
        }
    }
}

/// Copies an output port to a stream of ours, as it comes, from the mark on.
fn copy(mut from: impl Read, mut to: impl Write, port: usize, tell: &Sender<Event>) {
    let mut buffer = vec![0; 64 << 10];
    let mut before = Vec::new();
    let mut begun = false;
    let mut total = 0;
    // Where our own reader has gone away, the command still runs to its end.
    let mut heard = true;
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut bytes = &buffer[..read];
        if !begun {
            before.extend_from_slice(bytes);
            let Some(at) = before.windows(MARK.len()).position(|window| window == MARK) else {
                // Only what may be the mark's beginning is of interest still.
                before.drain(..before.len().saturating_sub(MARK.len()));
                continue;
            };
            begun = true;
            before.drain(..at + MARK.len());
            bytes = &before;
        }
        heard = heard && to.write_all(bytes).and_then(|()| to.flush()).is_ok();
        total += bytes.len() as u64;
        if tell.send(Event::Copied(port, total)).is_err() {
            break;
        }
    }
}

fn listen(from: UnixStream, tell: &Sender<Event>) {
    reports::each_line(from, |line| tell.send(Event::Report(line)).is_ok());
}

/// Keeps the last of what the console says.
fn keep(mut from: UnixStream, show: bool) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 4 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if show {
            let _ = std::io::stderr().write_all(&buffer[..read]);
        }
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 2 * CONSOLE_KEPT {
            kept.drain(..kept.len() - CONSOLE_KEPT);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_mark_is_left_out_however_it_is_cut() {
        let line = [
            b"firmware\0boot".as_slice(),
            MARK,
            b"out\0boot-command\0put",
        ]
        .concat();
        for cut in 0..line.len() {
            let (tell, events) = mpsc::channel();
            let mut out = Vec::new();
            copy(line[..cut].chain(&line[cut..]), &mut out, 0, &tell);
            drop(tell);
            assert_eq!(out, b"out\0boot-command\0put", "cut at {cut}");
            let last = events.iter().last();
            assert!(matches!(last, Some(Event::Copied(0, bytes)) if bytes == out.len() as u64));
        }
    }

    #[test]
    fn the_end_waits_for_the_output_that_it_announces() {
        let (tell, events) = mpsc::channel();
        tell.send(Event::Report("ended exit 0 4 0".to_owned()))
            .unwrap();
        tell.send(Event::Copied(0, 2)).unwrap();
        tell.send(Event::Copied(0, 4)).unwrap();
        assert!(matches!(
            follow(&events, None, |_| {}),
            Ok(Outcome::Ended(Ending::Exit(0)))
        ));
        tell.send(Event::Report("ended exit 0 4 0".to_owned()))
            .unwrap();
        drop(tell);
        assert!(matches!(follow(&events, None, |_| {}), Ok(Outcome::Gone)));
    }
}
