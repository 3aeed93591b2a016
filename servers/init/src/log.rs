//! What units print: kept by unit for `svc log`, and shown on the console line by line.

use std::collections::VecDeque;
use std::io::Write;

/// Lines kept for each unit.
const KEPT: usize = 500;
/// A longer line is cut here.
const LINE: usize = 4096;

/// One unit's output.
#[derive(Default)]
pub struct Log {
    lines: VecDeque<String>,
    partial: Vec<u8>,
}

impl Log {
    /// Takes bytes of the unit's output; whole lines are kept and shown.
    pub fn push(&mut self, name: &str, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' || self.partial.len() >= LINE {
                self.end_line(name);
            }
            if *byte != b'\n' {
                self.partial.push(*byte);
            }
        }
    }

    /// The unit ended: what it left unfinished is a line too.
    pub fn finish(&mut self, name: &str) {
        if !self.partial.is_empty() {
            self.end_line(name);
        }
    }

    /// A line of the supervisor's own about the unit.
    pub fn note(&mut self, name: &str, text: &str) {
        self.keep(format!("init: {name}: {text}"));
    }

    fn end_line(&mut self, name: &str) {
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        let prefix = format!("{name}: ");
        let line = if text.starts_with(&prefix) {
            text
        } else {
            prefix + &text
        };
        self.keep(line);
    }

    fn keep(&mut self, line: String) {
        // A console that cannot be written must not stop the supervisor.
        let _ = writeln!(std::io::stderr(), "{line}");
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_the_log_is_bounded() {
        let mut log = Log::default();
        log.push("x", b"one\ntw");
        log.push("x", b"o\n");
        assert_eq!(log.lines().collect::<Vec<_>>(), ["x: one", "x: two"]);
        for _ in 0..KEPT {
            log.push("x", b"more\n");
        }
        assert_eq!(log.lines().count(), KEPT);
    }
}
