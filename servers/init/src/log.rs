//! What units print: kept by unit for `svc log`, and shown on the console line by line, as far as
//! the unit's share of it goes: a serial line is slow, and this process waits for it.

use ochre_driver::executor::now;
use std::collections::VecDeque;
use std::io::Write;

/// Lines kept for each unit.
const KEPT: usize = 500;
/// A longer line is cut here.
const LINE: usize = 4096;
/// What a unit may show on the console in a period, in bytes and nanoseconds: a third of what a
/// serial line of 115,200 baud carries.
const SHARE: usize = 16 * 1024;
const PERIOD: u64 = 5_000_000_000;

/// How much of its share of the console a unit has used.
#[derive(Default)]
struct Share {
    /// When the period began.
    since: u64,
    used: usize,
    /// Lines not shown that nobody was told of yet.
    hidden: usize,
}

impl Share {
    /// Whether a line of that many bytes is shown now.
    fn admits(&mut self, bytes: usize, now: u64) -> bool {
        if now.saturating_sub(self.since) >= PERIOD {
            (self.since, self.used) = (now, 0);
        }
        let fits = self.used + bytes <= SHARE;
        if fits {
            self.used += bytes;
        } else {
            // Nor are those that follow, though shorter ones might fit.
            self.used = SHARE;
            self.hidden += 1;
        }
        fits
    }
}

/// One unit's output.
#[derive(Default)]
pub struct Log {
    lines: VecDeque<String>,
    partial: Vec<u8>,
    share: Share,
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
        self.tell_hidden(name);
    }

    /// A line of the supervisor's own about the unit.
    pub fn note(&mut self, name: &str, text: &str) {
        let line = format!("init: {name}: {text}");
        show(&line);
        self.keep(line);
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
        if self.share.admits(line.len() + 1, now()) {
            self.tell_hidden(name);
            show(&line);
        }
        self.keep(line);
    }

    fn tell_hidden(&mut self, name: &str) {
        let hidden = std::mem::take(&mut self.share.hidden);
        if hidden > 0 {
            show(&format!(
                "init: {name}: {hidden} lines were not shown; see `svc log {name}`"
            ));
        }
    }

    fn keep(&mut self, line: String) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// Shows a line, in one piece with its end.
fn show(line: &str) {
    // A console that cannot be written must not stop the supervisor.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chatty_unit_has_its_share_of_the_console_and_no_more() {
        let mut share = Share::default();
        let mut shown = 0;
        for moment in 0..PERIOD / 1000 {
            shown += usize::from(share.admits(100, PERIOD + moment));
        }
        assert_eq!(shown, SHARE / 100);
        assert_eq!(share.hidden as u64, PERIOD / 1000 - shown as u64);
        assert!(!share.admits(1, 2 * PERIOD - 1), "a short one would fit");
        assert!(share.admits(100, 2 * PERIOD));
    }

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
