//! `console PROGRAM ARG…`: runs a program in a session of its own with the console as its
//! controlling terminal, so that job control and Ctrl-C work in it.
//!
//! Nobody tells a serial port's computer what is at the other end: a terminal that understands
//! escape sequences, or a pipe. So the other end is asked where its cursor comes to rest in the far
//! corner. An answer is the terminal's size; without one the terminal is a dumb one.
#![forbid(unsafe_code)]

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

const CONSOLE: &str = "/dev/console";
/// Saves the cursor, sends it to the far corner, asks where it is, and brings it back.
const QUESTION: &[u8] = b"\x1b7\x1b[9999;9999H\x1b[6n\x1b8";
/// How long an answer may take, in nanoseconds.
const PATIENCE: i64 = 500_000_000;
/// An answer is never longer.
const LONGEST: usize = 64;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("name a program to run: console PROGRAM ARG…");
    };
    if program == "--help" {
        println!("Usage: console PROGRAM ARG…\nRuns PROGRAM in a session on {CONSOLE}.");
        return Ok(());
    }
    rustix::process::setsid().context("starting a session")?;
    let console = open(CONSOLE, OFlags::RDWR, Mode::empty()).context(CONSOLE)?;
    rustix::process::ioctl_tiocsctty(&console).context("taking the terminal")?;
    rustix::stdio::dup2_stdin(&console)?;
    rustix::stdio::dup2_stdout(&console)?;
    rustix::stdio::dup2_stderr(&console)?;
    let mut console = File::from(console);
    let terminal = match ask_size(&mut console).context(CONSOLE)? {
        Some(size) => {
            tcsetwinsize(&console, size)?;
            "xterm-256color"
        }
        None => "dumb",
    };
    println!("\nOchre. `svc status` shows what runs; `poweroff` switches off.");
    Err(Command::new(program)
        .args(rest)
        .env("TERM", terminal)
        .current_dir(std::env::var_os("HOME").unwrap_or_else(|| "/".into()))
        .exec())
    .with_context(|| format!("running {program}"))
}

/// The size of the terminal at the other end, if there is one.
fn ask_size(console: &mut File) -> anyhow::Result<Option<Winsize>> {
    let cooked = tcgetattr(&*console)?;
    let mut raw = cooked.clone();
    raw.make_raw();
    tcsetattr(&*console, OptionalActions::Now, &raw)?;
    let answer = ask(console);
    tcsetattr(&*console, OptionalActions::Now, &cooked)?;
    Ok(size_of(&answer?))
}

fn ask(console: &mut File) -> anyhow::Result<Vec<u8>> {
    console.write_all(QUESTION)?;
    let mut answer = Vec::new();
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: PATIENCE,
    };
    while answer.last() != Some(&b'R') && answer.len() < LONGEST {
        let mut ready = [PollFd::new(&*console, PollFlags::IN)];
        match poll(&mut ready, Some(&patience)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut byte = [0];
        if console.read(&mut byte)? == 0 {
            break;
        }
        answer.push(byte[0]);
    }
    Ok(answer)
}

/// Reads `ESC [ ROWS ; COLUMNS R`; keys may have been pressed before.
fn size_of(answer: &[u8]) -> Option<Winsize> {
    let answer = std::str::from_utf8(answer).ok()?;
    let (_, position) = answer.strip_suffix('R')?.rsplit_once("\x1b[")?;
    let (rows, columns) = position.split_once(';')?;
    Some(Winsize {
        ws_row: rows.parse().ok()?,
        ws_col: columns.parse().ok()?,
        ws_xpixel: 0,
        ws_ypixel: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_size() {
        let size = |answer: &[u8]| size_of(answer).map(|size| (size.ws_row, size.ws_col));
        assert_eq!(size(b"\x1b[24;80R"), Some((24, 80)));
        assert_eq!(size(b"ls\r\x1b[50;132R"), Some((50, 132)));
        for nothing in ["", "\x1b[24;80", "\x1b[24R", "R", "\x1b[99999;1R"] {
            assert_eq!(size(nothing.as_bytes()), None, "{nothing:?}");
        }
    }
}
