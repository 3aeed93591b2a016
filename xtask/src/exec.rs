//! `./x exec`: boots headless, runs one command, and becomes its output and its exit status.
//!
//! In the guest, `boot-command` (see there) runs the command. Four serial ports lead to the host:
//! console, the command's standard output, its standard error, and reports. The machine is ended
//! as soon as the report of the command's end is here and its output is complete. A machine that
//! ends before has panicked.

use crate::build::{Builder, Libc};
use crate::image::{Addition, Recipe};
use crate::linux;
use crate::paths;
use crate::process;
use crate::qemu::{Machine, Size};
use crate::setup::{self, Purpose};
use crate::tree::Tree;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status that says that the time was up.
const TIMED_OUT: u8 = 124;
/// The exit status that says that the kernel panicked.
const PANICKED: u8 = 125;
/// How much of the console is kept for a panic's or a time-out's account.
const CONSOLE_KEPT: usize = 64 << 10;

/// Boot headless, run a command, and exit with its status.
///
/// Standard output and standard error are the command's, unmixed and as they come. The exit status
/// is the command's; 128+N when signal N ended it, 124 when the time was up, 125 when the kernel
/// panicked (its words are on standard error).
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    guest: Guest,
    /// Which kernel to boot: ochre, or Debian's to compare with.
    #[arg(long, value_enum, default_value = "ochre")]
    kernel: Kernel,
    /// Give up after so many seconds.
    #[arg(long, value_name = "S")]
    timeout: Option<u64>,
    /// Set a variable in the command's environment.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Show the console (the kernel's words) on standard error too.
    #[arg(long)]
    console: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    words: Vec<OsString>,
}

/// What a guest is made of, for every command that boots one.
#[derive(clap::Args)]
pub struct Guest {
    /// The image to boot, a recipe of images/.
    #[arg(long, default_value = "minimal", value_name = "NAME")]
    pub image: String,
    /// Put a host file or a whole folder into the guest (may be repeated).
    #[arg(long, value_name = "HOST:GUEST")]
    pub add: Vec<Addition>,
    #[command(flatten)]
    pub size: Size,
    /// The C library under the native programs.
    #[arg(long, value_enum, default_value = "host", hide = true)]
    pub libc: Libc,
}

/// Whose kernel.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kernel {
    /// Ochre's.
    Ochre,
    /// Debian's.
    Linux,
}

/// How the command ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Exit(u8),
    Signal(u8),
}

/// What is heard from the machine.
enum Event {
    /// A line of the report port.
    Report(String),
    /// An output port has carried this much so far; or has ended.
    Copied(usize, u64),
    /// The machine has gone: its report port is closed.
    Gone,
}

/// `./x exec`.
pub fn command(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(&[Purpose::Build, Purpose::Run])?;
    let builder = Builder::new(false)?;
    let recipe = Recipe::load(&arguments.guest.image)?;
    let mut tree = recipe.build(&builder, arguments.guest.libc, &arguments.guest.add)?;
    tree.bytes(
        "/ochre/etc/boot-command",
        0o644,
        request(&arguments.words, &arguments.env),
    )?;
    let archive = Archive::write(&tree)?;
    let (kernel, command_line) = match arguments.kernel {
        Kernel::Ochre => (builder.kernel()?, "panic=exit debug_exit"),
        Kernel::Linux => (linux::kernel()?, linux::COMMAND_LINE),
    };
    let memory = arguments
        .guest
        .size
        .memory
        .unwrap_or_else(|| archive.memory(arguments.kernel));
    let mut machine = Machine::new(arguments.guest.size.smp, memory)?;
    machine
        .boot(&kernel, archive.path(), command_line)
        .without_display();
    let timeout = arguments.timeout.map(Duration::from_secs);
    watch(machine, timeout, arguments.console)
}

/// Starts the machine, and passes on what comes until the command has ended.
fn watch(mut machine: Machine, timeout: Option<Duration>, show: bool) -> Result<ExitCode> {
    let (console, out, err) = (machine.serial()?, machine.serial()?, machine.serial()?);
    let reports = machine.serial()?;
    let start = Instant::now();
    let running = machine.start()?;

    let (tell, events) = mpsc::channel();
    let console = thread::spawn(move || keep(console, show));
    let (tell_out, tell_err) = (tell.clone(), tell.clone());
    thread::spawn(move || copy(out, std::io::stdout(), 0, &tell_out));
    thread::spawn(move || copy(err, std::io::stderr(), 1, &tell_err));
    thread::spawn(move || listen(reports, &tell));

    let deadline = timeout.map(|timeout| start + timeout);
    let outcome = follow(&events, deadline)?;
    let complaints = running.stop();
    let console = console.join().unwrap_or_default();
    Ok(match outcome {
        Outcome::Ended(Ending::Exit(status)) => ExitCode::from(status),
        Outcome::Ended(Ending::Signal(signal)) => ExitCode::from(128 + signal),
        Outcome::TimedOut => {
            account(
                &format!(
                    "the time was up after {:.1} s",
                    start.elapsed().as_secs_f32()
                ),
                &console,
                show,
            );
            ExitCode::from(TIMED_OUT)
        }
        Outcome::Gone if console.is_empty() && !complaints.is_empty() => {
            bail!("QEMU says: {}", complaints.trim_end());
        }
        Outcome::Gone => {
            account(
                "the kernel panicked, or the machine was switched off",
                &console,
                show,
            );
            ExitCode::from(PANICKED)
        }
    })
}

/// Says what went wrong, with the console's last words where they haven't been seen.
fn account(what: &str, console: &[u8], shown: bool) {
    let mut stderr = std::io::stderr().lock();
    if !shown {
        let _ = stderr.write_all(console);
    }
    let _ = writeln!(stderr, "\nx: {what}");
}

enum Outcome {
    Ended(Ending),
    TimedOut,
    Gone,
}

/// Waits for the report of the end, and then for the output that it announces.
fn follow(events: &Receiver<Event>, deadline: Option<Instant>) -> Result<Outcome> {
    let mut copied = [0; 2];
    let mut ended: Option<(Ending, [u64; 2])> = None;
    loop {
        if let Some((ending, announced)) = ended.take() {
            if copied == announced {
                return Ok(Outcome::Ended(ending));
            }
            ended = Some((ending, announced));
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
            Event::Report(line) => ended = parse(&line)?.or(ended),
            Event::Gone => return Ok(Outcome::Gone),
        }
    }
}

/// `ended exit|signal NUMBER OUT_BYTES ERR_BYTES`, or another report.
fn parse(line: &str) -> Result<Option<(Ending, [u64; 2])>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (how, rest) = match words[..] {
        ["started"] => return Ok(None),
        ["ended", how, ref rest @ ..] => (how, rest),
        _ => bail!("the guest reports something unknown: {line:?}"),
    };
    let numbers: Vec<u64> = rest
        .iter()
        .map(|word| word.parse())
        .collect::<Result<_, _>>()
        .with_context(|| format!("the guest reports no number: {line:?}"))?;
    let &[number, out, err] = &numbers[..] else {
        bail!("the guest's report is cut: {line:?}")
    };
    let number = u8::try_from(number)?;
    let ending = match how {
        "exit" => Ending::Exit(number),
        "signal" => Ending::Signal(number & 127),
        _ => bail!("the guest reports an unknown ending: {line:?}"),
    };
    Ok(Some((ending, [out, err])))
}

/// Copies an output port to a stream of ours, as it comes.
fn copy(mut from: UnixStream, mut to: impl Write, port: usize, tell: &Sender<Event>) {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    // Where our own reader has gone away, the command still runs to its end.
    let mut heard = true;
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        heard = heard
            && to
                .write_all(&buffer[..read])
                .and_then(|()| to.flush())
                .is_ok();
        total += read as u64;
        if tell.send(Event::Copied(port, total)).is_err() {
            break;
        }
    }
}

fn listen(from: UnixStream, tell: &Sender<Event>) {
    for line in BufReader::new(from).lines() {
        let Ok(line) = line else { break };
        if tell.send(Event::Report(line)).is_err() {
            return;
        }
    }
    let _ = tell.send(Event::Gone);
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

/// The request that `boot-command` reads.
fn request(words: &[OsString], variables: &[String]) -> Vec<u8> {
    let standard = [
        "PATH=/ochre/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME=/root",
        "USER=root",
        "SHELL=/bin/sh",
        "LANG=C.UTF-8",
        "TERM=dumb",
    ];
    let mut request = Vec::new();
    let mut record = |key: &str, value: &[u8]| {
        request.extend_from_slice(key.as_bytes());
        request.push(b'=');
        request.extend_from_slice(value);
        request.push(0);
    };
    for variable in standard
        .into_iter()
        .chain(variables.iter().map(String::as_str))
    {
        record("env", variable.as_bytes());
    }
    for word in words {
        record("arg", word.as_bytes());
    }
    request
}

/// A boot archive in a file that goes when this does.
pub struct Archive {
    path: PathBuf,
    bytes: u64,
}

impl Archive {
    /// Writes the archive of a tree.
    pub fn write(tree: &Tree) -> Result<Archive> {
        let folder = paths::target().join("archives");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.cpio", std::process::id()));
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut archive = Archive { path, bytes: 0 };
        process::step("writing the boot archive", || tree.write(file))?;
        archive.bytes = fs::metadata(&archive.path)?.len();
        Ok(archive)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// MiB of memory that a machine needs to boot from it. Linux unpacks into a second copy.
    pub fn memory(&self, kernel: Kernel) -> u64 {
        let archive = self.bytes >> 20;
        512 + match kernel {
            Kernel::Ochre => archive,
            Kernel::Linux => archive * 2,
        }
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        assert!(parse("started").unwrap().is_none());
        assert_eq!(
            parse("ended exit 3 10 0").unwrap(),
            Some((Ending::Exit(3), [10, 0]))
        );
        assert_eq!(
            parse("ended signal 9 0 1").unwrap(),
            Some((Ending::Signal(9), [0, 1]))
        );
        for wrong in [
            "",
            "ended",
            "ended exit x 0 0",
            "ended exit 1 2",
            "ended exit 300 0 0",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
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
            follow(&events, None),
            Ok(Outcome::Ended(Ending::Exit(0)))
        ));
        tell.send(Event::Report("ended exit 0 4 0".to_owned()))
            .unwrap();
        tell.send(Event::Gone).unwrap();
        assert!(matches!(follow(&events, None), Ok(Outcome::Gone)));
    }

    #[test]
    fn a_request_holds_the_words_as_they_are() {
        let request = request(
            &["sh".into(), "-c".into(), "a b".into()],
            &["X=1".to_owned()],
        );
        assert!(request.ends_with(b"\0env=X=1\0arg=sh\0arg=-c\0arg=a b\0"));
    }
}
