//! The report port: lines by which `boot-command` says how it goes (see there).

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;

/// A line of the port.
#[derive(Debug, PartialEq, Eq)]
pub enum Report {
    /// The system is up.
    Started,
    /// Of the command's input, so many bytes have been taken in all.
    Taken(u64),
    /// A program has something on the screen.
    Shown,
    /// The command has ended, and this many bytes went to standard output and standard error.
    Ended(Ending, [u64; 2]),
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exit(u8),
    /// This signal ended it.
    Signal(u8),
}

/// Hands each line on, until the machine has gone or `hear` doesn't want more.
pub fn each_line(from: UnixStream, mut hear: impl FnMut(String) -> bool) {
    for line in BufReader::new(from).lines() {
        let Ok(line) = line else { break };
        if !hear(line) {
            break;
        }
    }
}

impl Report {
    /// Reads `started`, `taken TOTAL`, `shown` or `ended exit|signal NUMBER OUT_BYTES ERR_BYTES`.
    pub fn parse(line: &str) -> Result<Report> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (how, rest) = match words[..] {
            ["started"] => return Ok(Report::Started),
            ["shown"] => return Ok(Report::Shown),
            ["taken", total] => {
                let total = total.parse();
                return Ok(Report::Taken(total.with_context(|| {
                    format!("the guest reports no number: {line:?}")
                })?));
            }
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
        Ok(Report::Ended(ending, [out, err]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let read = |line| Report::parse(line).unwrap();
        assert_eq!(read("started"), Report::Started);
        assert_eq!(read("taken 70"), Report::Taken(70));
        assert_eq!(read("shown"), Report::Shown);
        assert_eq!(
            read("ended exit 3 10 0"),
            Report::Ended(Ending::Exit(3), [10, 0])
        );
        assert_eq!(
            read("ended signal 9 0 1"),
            Report::Ended(Ending::Signal(9), [0, 1])
        );
        for wrong in [
            "",
            "ended",
            "taken all",
            "ended exit x 0 0",
            "ended exit 1 2",
            "ended exit 300 0 0",
        ] {
            assert!(Report::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
