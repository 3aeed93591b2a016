//! The command's standard input, as the host sends it on the port that carries the output the other
//! way.
//!
//! A serial port drops what nobody takes in time, so the host never has more than a window under
//! way: it sends only what the reports `taken TOTAL` leave room for. Where the input ends, it says
//! `end TOTAL` on the report port.

use crate::report;
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

/// Bytes that the host may have under way: less than the smallest input buffer of a terminal.
const WINDOW: usize = 2048;
/// The longest line on the report port that makes sense.
const LONGEST_LINE: usize = 64;

/// Starts copying from the port; the end of a pipe that the command reads.
pub fn start(port: File, reports: File) -> Result<PipeReader> {
    let (reader, writer) = pipe().context("cannot make a pipe")?;
    std::thread::spawn(move || {
        if let Err(error) = copy(port, reports, writer) {
            eprintln!("boot-command: cannot relay the command's input: {error}");
        }
    });
    Ok(reader)
}

fn copy(mut port: File, mut reports: File, mut to: PipeWriter) -> std::io::Result<()> {
    let mut buffer = [0; WINDOW];
    let mut line = Vec::new();
    let (mut taken, mut end) = (0, None);
    report::line(&mut reports, "taken 0")?;
    while end != Some(taken) {
        let mut ready = [
            PollFd::new(&port, PollFlags::IN),
            PollFd::new(&reports, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let (has_input, has_words) = (
            !ready[0].revents().is_empty(),
            !ready[1].revents().is_empty(),
        );
        if has_words {
            let read = reports.read(&mut buffer)?;
            line.extend_from_slice(&buffer[..read]);
            end = end.or_else(|| end_of(&line));
            if read == 0 || line.len() > LONGEST_LINE {
                return Err(std::io::Error::other(
                    "the host says what can't be understood",
                ));
            }
        }
        if has_input {
            let read = port.read(&mut buffer)?;
            if to.write_all(&buffer[..read]).is_err() || read == 0 {
                // The command reads no more, and the host keeps the rest.
                return Ok(());
            }
            taken += read as u64;
            report::line(&mut reports, &format!("taken {taken}"))?;
        }
    }
    Ok(())
}

/// The total of `end TOTAL`, once the line is whole.
fn end_of(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_suffix('\n')?.strip_prefix("end ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_when_its_line_is_whole() {
        assert_eq!(end_of(b"end 1"), None);
        assert_eq!(end_of(b"end 12\n"), Some(12));
        assert_eq!(end_of(b"end x\n"), None);
        assert_eq!(end_of(b""), None);
    }
}
