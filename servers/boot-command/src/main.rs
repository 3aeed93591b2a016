//! Runs the one command that the machine was booted for (`./x exec`), and tells the host how it
//! ended.
//!
//! The host listens on four serial ports: the first is the console, the second and third carry the
//! command's standard output and standard error, the fourth carries [`report`] lines from here.
//! The second brings the command's [`input`] too, where the host has any to send. The command itself
//! reads from and writes to pipes, so it sees what it would see in `./x exec … | cat`, whatever
//! a serial port is on this kernel; [`relay`] copies them out. What to run is in [`request::PATH`].
//!
//! The same program does this on Ochre, as a unit of init or in its place, and on Linux as the
//! first process of an initramfs ([`first_process`]), so that the two can be compared.
#![forbid(unsafe_code)]

mod appear;
mod first_process;
mod input;
mod relay;
mod report;
mod request;
mod shown;

use crate::report::{Ending, Report};
use crate::request::Request;
use anyhow::{Context, Result};
use std::io::{Write, pipe};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let first = std::process::id() == 1;
    if first {
        first_process::set_up();
    }
    let result = work();
    if let Err(error) = &result {
        eprintln!("boot-command: {error:#}");
    }
    if first {
        first_process::power_off();
    }
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn work() -> Result<()> {
    let Some(request) = Request::read()? else {
        return Ok(());
    };
    let mut report = Report::open()?;
    for path in &request.wait {
        appear::wait_for(path)?;
    }
    report.started()?;
    let telling = match request.shown {
        Some(socket) => {
            let port = report.port()?;
            Some(std::thread::spawn(move || {
                if let Err(error) = shown::tell(&socket, port) {
                    eprintln!("boot-command: cannot tell when there is a window: {error:#}");
                }
            }))
        }
        None => None,
    };
    if request.arguments.is_empty() {
        if let Some(telling) = telling {
            // It has said what went wrong; a panic has, too.
            let _ = telling.join();
        }
        return Ok(());
    }
    let (out, out_writer) = pipe().context("cannot make a pipe")?;
    let (err, mut err_writer) = pipe().context("cannot make a pipe")?;
    let out_port = relay::port("/dev/ttyS1")?;
    let input = match request.input {
        true => Stdio::from(input::start(out_port.try_clone()?, report.port()?)?),
        false => Stdio::null(),
    };
    let relay = relay::start(out, out_port, err, relay::port("/dev/ttyS2")?)?;

    let mut command = Command::new(&request.arguments[0]);
    command
        .args(&request.arguments[1..])
        .env_clear()
        .envs(request.environment);
    command.current_dir("/").stdin(input);
    command.stdout(out_writer).stderr(err_writer.try_clone()?);
    let spawned = command.spawn();
    // The command holds copies of the pipes' ends; ours must not keep the relay waiting.
    drop(command);
    let ending = match spawned {
        Ok(child) => {
            drop(err_writer);
            let status = first_process::wait(child)?;
            match (status.code(), status.signal()) {
                (Some(code), _) => Ending::Exit(code),
                (None, signal) => Ending::Signal(signal.unwrap_or_default()),
            }
        }
        Err(error) => {
            let program = request.arguments[0].to_string_lossy();
            writeln!(err_writer, "boot-command: {program}: {error}")?;
            drop(err_writer);
            Ending::Exit(if error.kind() == std::io::ErrorKind::NotFound {
                127
            } else {
                126
            })
        }
    };
    let (out_bytes, err_bytes) = relay.finish()?;
    report.ended(ending, out_bytes, err_bytes)
}
