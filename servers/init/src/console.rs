//! `console PROGRAM ARG…`: runs a program in a session of its own with the console as its
//! controlling terminal, so that job control and Ctrl-C work in it.
#![forbid(unsafe_code)]

use anyhow::Context;
use rustix::fs::{Mode, OFlags, open};
use std::os::unix::process::CommandExt;
use std::process::Command;

const CONSOLE: &str = "/dev/console";

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
    Err(Command::new(program).args(rest).exec()).with_context(|| format!("running {program}"))
}
