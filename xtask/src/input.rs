//! A command's standard input, on its way into the guest (`boot-command` has the other end).
//!
//! The guest grants room by its reports of what it has taken: a serial port drops what comes faster.
//! What the command doesn't take is mostly left unread, for whoever reads there next.

use rustix::termios::{isatty, tcgetpgrp};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// Bytes under way at most (see `boot-command`).
const WINDOW: u64 = 2048;
/// The device number of /dev/null: major and minor.
const NULL: (u32, u32) = (1, 3);

/// Whether there is anything to send: no input and nobody at the keyboard are told apart from an
/// input that is empty, so that the command isn't given a pipe for nothing.
pub fn is_given() -> bool {
    let stdin = rustix::stdio::stdin();
    if isatty(stdin) {
        // A program in the background that reads from its terminal is stopped.
        return tcgetpgrp(stdin).is_ok_and(|group| group == rustix::process::getpgrp());
    }
    match rustix::fs::fstat(stdin) {
        Ok(stat) => stat.st_rdev != rustix::fs::makedev(NULL.0, NULL.1),
        Err(_) => false,
    }
}

/// Sends what is read to `port`, and its end to `reports`. The totals that the guest reports
/// as taken go into the sender that is returned.
pub fn send(
    from: impl Read + Send + 'static,
    port: UnixStream,
    reports: UnixStream,
) -> Sender<u64> {
    let (tell, taken) = mpsc::channel();
    thread::spawn(move || {
        let room = |sent: u64| {
            taken
                .iter()
                .map(|taken: u64| (taken + WINDOW).saturating_sub(sent))
                .find(|room| *room > 0)
        };
        // The machine may end at any time, which is no failure of ours.
        let _ = copy(from, port, reports, room);
    });
    tell
}

/// `room` waits until there is some, or says that there will be none any more.
fn copy(
    mut from: impl Read,
    mut port: impl Write,
    mut reports: impl Write,
    mut room: impl FnMut(u64) -> Option<u64>,
) -> io::Result<()> {
    let mut buffer = [0; WINDOW as usize];
    let (mut sent, mut left) = (0, 0);
    loop {
        if left == 0 {
            let Some(more) = room(sent) else {
                return Ok(());
            };
            left = more.min(WINDOW);
        }
        // What can't be read (a terminal that was hung up) has ended.
        let read = match from.read(&mut buffer[..left as usize]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.unwrap_or(0),
        };
        if read == 0 {
            return writeln!(reports, "end {sent}");
        }
        port.write_all(&buffer[..read])?;
        sent += read as u64;
        left -= read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_there_is_room_for() {
        let text = vec![7; 5000];
        let (mut port, mut reports) = (Vec::new(), Vec::new());
        let mut grants = [100, 3000].into_iter();
        copy(&text[..], &mut port, &mut reports, |_| grants.next()).unwrap();
        assert_eq!(port.len(), 100 + WINDOW as usize);
        assert!(reports.is_empty());
    }

    #[test]
    fn the_end_is_told_with_the_total() {
        let (mut port, mut reports) = (Vec::new(), Vec::new());
        copy(&b"text"[..], &mut port, &mut reports, |_| Some(100)).unwrap();
        assert_eq!((port, reports), (b"text".to_vec(), b"end 4\n".to_vec()));
    }
}
