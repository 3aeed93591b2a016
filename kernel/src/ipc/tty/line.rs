//! The line discipline: what is done to bytes on their way from the keyboard to the reader
//! (editing, echo, signal characters) and from the writer to the screen (OPOST).
//!
//! Pure: it gets bytes and leaves [`Effects`]; the terminal around it locks, wakes and signals.
//! Behaviour follows Linux's N_TTY and POSIX's "General Terminal Interface".

use super::shown::Shown;
use super::termios::Termios;
use crate::linux::general as raw;
use crate::task::signal::{SIGINT, SIGQUIT, SIGTSTP, Signal};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bytes of input kept: N_TTY_BUF_SIZE.
pub const INPUT_MAX: usize = 4096;

/// Marks in the queue of ready input, in canonical mode: the byte ends a line.
const ENDS_LINE: u16 = 0x100;
/// No byte at all, but the end of a line: VEOF. As a byte, which it is in other modes, a NUL.
const END_ONLY: u16 = 0x200;

/// What the terminal has to do after input.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be sent to the foreground group, in order.
    pub signals: Vec<Signal>,
    /// Something became readable.
    pub readable: bool,
    /// Output was stopped (true) or started (false) by the user.
    pub flow: Option<bool>,
    /// A signal character flushes output that was not shown yet.
    pub flush_output: bool,
}

pub struct Line {
    pub termios: Termios,
    /// Input that readers may have.
    ready: VecDeque<u16>,
    /// Complete lines in `ready`.
    lines: usize,
    /// The line being edited.
    edit: Vec<u8>,
    /// The next byte is taken literally (VLNEXT).
    literal: bool,
    /// Column of the cursor, as far as we know.
    column: usize,
    /// The column where the edited line began.
    edit_column: usize,
}

impl Default for Line {
    fn default() -> Line {
        Line::new(Termios::default())
    }
}

impl Line {
    #[must_use]
    pub fn new(termios: Termios) -> Line {
        Line {
            termios,
            ready: VecDeque::new(),
            lines: 0,
            edit: Vec::new(),
            literal: false,
            column: 0,
            edit_column: 0,
        }
    }

    /// How many bytes of input there is room for.
    #[must_use]
    pub fn room(&self) -> usize {
        let used = self.ready.len() + self.edit.len();
        // A full line is still edited: further bytes are taken, and dropped.
        if self.termios.is_canonical() && self.lines == 0 {
            return INPUT_MAX.saturating_sub(used).max(1);
        }
        INPUT_MAX.saturating_sub(used)
    }

    /// Bytes that a read could have: FIONREAD.
    #[must_use]
    pub fn readable_bytes(&self) -> usize {
        if !self.termios.is_canonical() {
            return self.ready.len();
        }
        if self.lines == 0 {
            return 0;
        }
        self.ready
            .iter()
            .filter(|&&entry| entry & END_ONLY == 0)
            .count()
    }

    /// Whether a read of at least `min` bytes (of a line, in canonical mode) can be served.
    #[must_use]
    pub fn is_readable(&self, min: usize) -> bool {
        if self.termios.is_canonical() {
            self.lines > 0
        } else {
            self.readable_bytes() >= min.max(1)
        }
    }

    /// Takes up to `out.len()` bytes; in canonical mode at most one line.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        let canonical = self.termios.is_canonical();
        if canonical && self.lines == 0 {
            return 0;
        }
        let mut n = 0;
        while n < out.len() {
            let Some(entry) = self.ready.pop_front() else {
                break;
            };
            let ends = entry & (ENDS_LINE | END_ONLY) != 0;
            if ends {
                self.lines -= 1;
            }
            if entry & END_ONLY == 0 {
                out[n] = entry as u8;
                n += 1;
            }
            if ends && canonical {
                return n;
            }
        }
        // A line that fills the buffer just before its VEOF is complete with it: the next read
        // must not take the mark for an end of file.
        if canonical && n == out.len() && self.ready.front() == Some(&END_ONLY) {
            self.ready.pop_front();
            self.lines -= 1;
        }
        n
    }

    /// Forgets all input: TCIFLUSH.
    pub fn flush(&mut self) {
        self.ready.clear();
        self.lines = 0;
        self.edit.clear();
        self.literal = false;
    }

    /// New settings: what was typed so far is seen by the new mode.
    pub fn set_termios(&mut self, new: Termios) {
        let was = self.termios.is_canonical();
        self.termios = new;
        if was && !new.is_canonical() {
            let edit = core::mem::take(&mut self.edit);
            self.ready.extend(edit.iter().map(|&byte| u16::from(byte)));
            for entry in &mut self.ready {
                *entry &= 0xff;
            }
            self.lines = 0;
            self.literal = false;
        } else if !was
            && new.is_canonical()
            && let Some(last) = self.ready.back_mut()
        {
            // What is there becomes a line, whose VEOF may be a NUL by now.
            *last = match *last {
                0 => END_ONLY,
                byte => byte | ENDS_LINE,
            };
            self.lines = 1;
        }
    }

    fn finish_line(&mut self, end: Option<u8>, effects: &mut Effects) {
        self.ready.extend(self.edit.drain(..).map(u16::from));
        match end {
            Some(byte) => self.ready.push_back(u16::from(byte) | ENDS_LINE),
            None => self.ready.push_back(END_ONLY),
        }
        self.lines += 1;
        effects.readable = true;
    }

    /// One byte from the keyboard; `echo` gets what is to be shown.
    pub fn receive(&mut self, byte: u8, echo: &mut Shown, effects: &mut Effects) {
        let t = self.termios;
        let mut byte = byte;
        if t.input(raw::ISTRIP) {
            byte &= 0x7f;
        }
        if core::mem::take(&mut self.literal) {
            self.accept(byte, echo, effects);
            return;
        }
        if t.input(raw::IUCLC) && t.local(raw::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if t.input(raw::IXON) {
            if t.is(raw::VSTART, byte) {
                effects.flow = Some(false);
                return;
            }
            if t.is(raw::VSTOP, byte) {
                effects.flow = Some(true);
                return;
            }
        }
        if t.local(raw::ISIG) {
            let signal = [
                (raw::VINTR, SIGINT),
                (raw::VQUIT, SIGQUIT),
                (raw::VSUSP, SIGTSTP),
            ]
            .into_iter()
            .find(|&(index, _)| t.is(index, byte));
            if let Some((_, signal)) = signal {
                if !t.local(raw::NOFLSH) {
                    self.flush();
                    effects.flush_output = true;
                }
                if t.input(raw::IXON) {
                    effects.flow = Some(false);
                }
                if t.local(raw::ECHO) {
                    self.echo(byte, echo);
                }
                effects.signals.push(signal);
                return;
            }
        }
        match byte {
            b'\r' if t.input(raw::IGNCR) => return,
            b'\r' if t.input(raw::ICRNL) => byte = b'\n',
            b'\n' if t.input(raw::INLCR) => byte = b'\r',
            _ => {}
        }
        if t.is_canonical() {
            self.receive_canonical(byte, echo, effects);
        } else {
            self.accept(byte, echo, effects);
        }
    }

    fn receive_canonical(&mut self, byte: u8, echo: &mut Shown, effects: &mut Effects) {
        let t = self.termios;
        let extended = t.local(raw::IEXTEN);
        if t.is(raw::VERASE, byte) {
            self.erase(echo);
        } else if t.is(raw::VWERASE, byte) && extended {
            self.erase_word(echo);
        } else if t.is(raw::VKILL, byte) {
            self.kill(byte, echo);
        } else if t.is(raw::VLNEXT, byte) && extended {
            self.literal = true;
            if t.local(raw::ECHO) && t.local(raw::ECHOCTL) {
                echo.extend(b"^\x08");
            }
        } else if t.is(raw::VREPRINT, byte) && extended && t.local(raw::ECHO) {
            self.echo(byte, echo);
            self.process(b"\n", echo);
            self.edit_column = self.column;
            let edit = core::mem::take(&mut self.edit);
            for &shown in &edit {
                if echo.is_full() {
                    break;
                }
                self.echo(shown, echo);
            }
            self.edit = edit;
        } else if byte == b'\n' {
            if t.local(raw::ECHO) || t.local(raw::ECHONL) {
                self.process(b"\n", echo);
            }
            self.finish_line(Some(b'\n'), effects);
        } else if t.is(raw::VEOF, byte) {
            self.finish_line(None, effects);
        } else if t.is(raw::VEOL, byte) || (t.is(raw::VEOL2, byte) && extended) {
            if t.local(raw::ECHO) {
                self.echo(byte, echo);
            }
            self.finish_line(Some(byte), effects);
        } else {
            self.accept(byte, echo, effects);
        }
    }

    /// An ordinary byte.
    fn accept(&mut self, byte: u8, echo: &mut Shown, effects: &mut Effects) {
        let t = self.termios;
        let canonical = t.is_canonical();
        // One place is kept for the line's end.
        let used = self.ready.len() + self.edit.len() + usize::from(canonical);
        if used >= INPUT_MAX {
            if t.input(raw::IMAXBEL) {
                echo.push(7);
            }
            return;
        }
        if t.local(raw::ECHO) {
            if self.edit.is_empty() {
                self.edit_column = self.column;
            }
            if byte == b'\n' {
                self.process(b"\n", echo);
            } else {
                self.echo(byte, echo);
            }
        }
        if canonical {
            self.edit.push(byte);
        } else {
            self.ready.push_back(u16::from(byte));
            effects.readable = true;
        }
    }

    /// Shows a byte of input.
    fn echo(&mut self, byte: u8, out: &mut Shown) {
        if self.termios.local(raw::ECHOCTL) && (byte < 0x20 || byte == 0x7f) && byte != b'\t' {
            self.process(&[b'^', byte ^ 0x40], out);
        } else {
            self.process(&[byte], out);
        }
    }

    /// How wide `byte` was shown at `column`.
    fn width(&self, byte: u8, column: usize) -> usize {
        match byte {
            b'\t' => 8 - column % 8,
            0..0x20 | 0x7f => {
                if self.termios.local(raw::ECHOCTL) {
                    2
                } else {
                    0
                }
            }
            // UTF-8's further bytes take no room of their own.
            0x80..0xc0 if self.termios.input(raw::IUTF8) => 0,
            _ => 1,
        }
    }

    /// Takes the last character out of the edited line. Returns how wide it was shown.
    fn pop(&mut self) -> Option<usize> {
        let mut last = self.edit.pop()?;
        if self.termios.input(raw::IUTF8) {
            while (0x80..0xc0).contains(&last) {
                match self.edit.pop() {
                    Some(byte) => last = byte,
                    None => break,
                }
            }
        }
        if last != b'\t' {
            return Some(self.width(last, 0));
        }
        // How wide a tab is depends on what is before it, back to another one.
        let tab = self.edit.iter().rposition(|&byte| byte == b'\t');
        let (from, mut column) = tab.map_or((0, self.edit_column), |at| (at + 1, 0));
        for &byte in &self.edit[from..] {
            column += self.width(byte, column);
        }
        Some(self.width(last, column))
    }

    fn rub_out(&mut self, width: usize, out: &mut Shown) {
        for _ in 0..width {
            self.process(b"\x08 \x08", out);
        }
    }

    fn erase(&mut self, out: &mut Shown) {
        let t = self.termios;
        let Some(&last) = self.edit.last() else {
            return;
        };
        let Some(width) = self.pop() else { return };
        if !t.local(raw::ECHO) {
            return;
        }
        if t.local(raw::ECHOE) {
            self.rub_out(width, out);
        } else if t.local(raw::ECHOPRT) {
            self.echo(last, out);
        } else {
            self.echo(t.cc[raw::VERASE as usize], out);
        }
    }

    fn erase_word(&mut self, out: &mut Shown) {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let mut in_word = false;
        while let Some(&last) = self.edit.last() {
            if in_word && !is_word(last) {
                break;
            }
            in_word |= is_word(last);
            let Some(width) = self.pop() else { break };
            if self.termios.local(raw::ECHO) && self.termios.local(raw::ECHOE) {
                self.rub_out(width, out);
            }
        }
    }

    fn kill(&mut self, byte: u8, out: &mut Shown) {
        let t = self.termios;
        if !t.local(raw::ECHO) {
            self.edit.clear();
            return;
        }
        if t.local(raw::ECHOK) && t.local(raw::ECHOKE) && t.local(raw::ECHOE) {
            while let Some(width) = self.pop() {
                self.rub_out(width, out);
            }
            return;
        }
        self.edit.clear();
        self.echo(byte, out);
        if t.local(raw::ECHOK) {
            self.process(b"\n", out);
        }
    }

    /// Output processing (OPOST) of `bytes`, appended to `out`.
    pub fn process(&mut self, bytes: &[u8], out: &mut Shown) {
        let t = self.termios;
        if !t.output(raw::OPOST) {
            out.extend(bytes);
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            // Runs of ordinary bytes go as they are.
            let run = rest
                .iter()
                .position(|&b| b < 0x20 || b == 0x7f)
                .unwrap_or(rest.len());
            if run > 0 && !t.output(raw::OLCUC) {
                out.extend(&rest[..run]);
                self.column += run;
                rest = &rest[run..];
                continue;
            }
            self.process_byte(rest[0], out);
            rest = &rest[1..];
        }
    }

    fn process_byte(&mut self, byte: u8, out: &mut Shown) {
        let t = self.termios;
        match byte {
            b'\n' => {
                if t.output(raw::ONLCR) {
                    out.push(b'\r');
                    self.column = 0;
                } else if t.output(raw::ONLRET) {
                    self.column = 0;
                }
                out.push(b'\n');
            }
            b'\r' if t.output(raw::ONOCR) && self.column == 0 => {}
            b'\r' if t.output(raw::OCRNL) => {
                out.push(b'\n');
                if t.output(raw::ONLRET) {
                    self.column = 0;
                }
            }
            b'\r' => {
                self.column = 0;
                out.push(b'\r');
            }
            b'\t' => {
                let spaces = 8 - self.column % 8;
                self.column += spaces;
                if t.oflag & raw::TABDLY == raw::XTABS {
                    out.extend(&[b' '; 8][..spaces]);
                } else {
                    out.push(b'\t');
                }
            }
            8 => {
                self.column = self.column.saturating_sub(1);
                out.push(8);
            }
            byte => {
                let byte = if t.output(raw::OLCUC) {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                };
                if byte >= 0x20 && byte != 0x7f {
                    self.column += 1;
                }
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &mut Line, text: &[u8]) -> (Vec<u8>, Effects) {
        let (mut echo, mut effects) = (Shown::default(), Effects::default());
        for &byte in text {
            line.receive(byte, &mut echo, &mut effects);
        }
        (echo.bytes().to_vec(), effects)
    }

    fn read(line: &mut Line, max: usize) -> Vec<u8> {
        let mut out = alloc::vec![0; max];
        let n = line.read(&mut out);
        out.truncate(n);
        out
    }

    #[test]
    fn a_line_is_read_only_when_complete() {
        let mut line = Line::default();
        let (echo, effects) = typed(&mut line, b"ls");
        assert_eq!(echo, b"ls");
        assert!(!effects.readable && !line.is_readable(1));
        let (echo, effects) = typed(&mut line, b"\r");
        assert_eq!(echo, b"\r\n");
        assert!(effects.readable);
        assert_eq!(read(&mut line, 100), b"ls\n");
    }

    #[test]
    fn erase_kill_and_word_erase_edit() {
        let mut line = Line::default();
        let (echo, _) = typed(&mut line, b"ab\x7f");
        assert_eq!(echo, b"ab\x08 \x08");
        typed(&mut line, b"\x15one two\x17x\n");
        assert_eq!(read(&mut line, 100), b"one x\n");
    }

    #[test]
    fn an_end_of_file_gives_what_was_typed_then_nothing() {
        let mut line = Line::default();
        typed(&mut line, b"ab\x04\x04");
        assert_eq!(read(&mut line, 2), b"ab");
        assert!(line.is_readable(1));
        assert_eq!(read(&mut line, 2), b"");
        assert!(!line.is_readable(1));
    }

    #[test]
    fn an_interrupt_flushes_and_signals() {
        let mut line = Line::default();
        let (echo, effects) = typed(&mut line, b"rm -rf\x03");
        assert_eq!(echo, b"rm -rf^C");
        assert_eq!(effects.signals, [SIGINT]);
        typed(&mut line, b"\n");
        assert_eq!(read(&mut line, 9), b"\n");
    }

    #[test]
    fn a_literal_control_character_is_input() {
        let mut line = Line::default();
        let (echo, effects) = typed(&mut line, b"\x16\x03\n");
        assert_eq!(echo, b"^\x08^C\r\n");
        assert!(effects.signals.is_empty());
        assert_eq!(read(&mut line, 9), b"\x03\n");
    }

    #[test]
    fn raw_mode_gives_bytes_at_once() {
        let mut line = Line::default();
        let mut raw_mode = line.termios;
        raw_mode.lflag = 0;
        raw_mode.iflag = 0;
        typed(&mut line, b"early");
        line.set_termios(raw_mode);
        let (echo, _) = typed(&mut line, b"\x03\r");
        assert_eq!(echo, b"");
        assert_eq!(read(&mut line, 9), b"early\x03\r");
    }

    #[test]
    fn an_end_of_file_is_a_nul_in_raw_mode_and_one_again_after_it() {
        let mut line = Line::default();
        let mut raw_mode = line.termios;
        raw_mode.lflag &= !raw::ICANON;
        typed(&mut line, b"a\nb\x04");
        line.set_termios(raw_mode);
        assert_eq!((line.readable_bytes(), line.is_readable(5)), (4, false));
        line.set_termios(Termios::default());
        assert_eq!(read(&mut line, 9), b"a\nb");
        assert!(!line.is_readable(1));
        typed(&mut line, b"\x04");
        line.set_termios(raw_mode);
        assert!(line.is_readable(1));
        assert_eq!(read(&mut line, 9), b"\0");
        assert_eq!((line.readable_bytes(), line.is_readable(1)), (0, false));
    }

    #[test]
    fn a_long_line_keeps_room_for_its_end() {
        let mut line = Line::default();
        typed(&mut line, &[b'x'; INPUT_MAX + 10]);
        typed(&mut line, b"\n");
        assert_eq!(read(&mut line, 9999).len(), INPUT_MAX);
    }

    #[test]
    fn tabs_are_erased_by_their_width() {
        let mut line = Line::default();
        let (echo, _) = typed(&mut line, b"a\t\x7f");
        assert_eq!(echo.len(), 2 + 7 * 3);
        let (echo, _) = typed(&mut line, b"\tbc\t\x7f");
        assert_eq!(echo.len(), 4 + 6 * 3);
    }

    #[test]
    fn a_line_that_is_shown_again_and_again_has_an_end() {
        let mut line = Line::default();
        typed(&mut line, &[1; 3584]);
        let (echo, _) = typed(&mut line, &[0x12; 512]);
        assert_eq!(echo.len(), 32 << 10);
        let (echo, _) = typed(&mut line, &[0x12]);
        assert_eq!(echo.len(), 4 + 2 * 3584);
    }
}
