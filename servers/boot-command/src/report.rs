//! The lines that tell the host what happens, on the fourth serial port:
//! `started`, `taken TOTAL` for input (see [`crate::input`]), `shown` (see [`crate::shown`]), then
//! `ended exit|signal NUMBER OUT_BYTES ERR_BYTES`. The counts let the host read
//! both output ports to their ends, though nothing orders one port's bytes after another's.

use crate::relay;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;

/// How the command ended.
#[derive(Clone, Copy)]
pub enum Ending {
    /// It exited with this status.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
}

/// The port that carries the report.
pub struct Report(File);

impl Report {
    /// Opens the port.
    pub fn open() -> Result<Report> {
        Ok(Report(relay::port("/dev/ttyS3")?))
    }

    /// Says that the system is up and the command is about to start.
    pub fn started(&mut self) -> Result<()> {
        self.line("started")
    }

    /// Says how the command ended, and how many bytes it wrote.
    pub fn ended(&mut self, ending: Ending, out_bytes: u64, err_bytes: u64) -> Result<()> {
        let (how, number) = match ending {
            Ending::Exit(status) => ("exit", status),
            Ending::Signal(signal) => ("signal", signal),
        };
        self.line(&format!("ended {how} {number} {out_bytes} {err_bytes}"))?;
        relay::drain(&self.0);
        Ok(())
    }

    fn line(&mut self, text: &str) -> Result<()> {
        line(&mut self.0, text).context("cannot report to the host")
    }

    /// The port itself.
    pub fn port(&self) -> std::io::Result<File> {
        self.0.try_clone()
    }
}

/// Writes a line at once, so that it never comes in pieces with others between.
pub fn line(port: &mut File, text: &str) -> std::io::Result<()> {
    port.write_all(format!("{text}\n").as_bytes())
}
