//! Telling the host that a program has something on the screen, as the session's control socket
//! knows (`docs/control.md`): it answers a wait for one window once there is one.

use crate::appear;
use crate::report;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

const REQUEST: &[u8] = b"{\"cmd\":\"idle-wait\",\"quiet\":0,\"windows\":1}\n";
/// No answer to it is longer.
const LONGEST_ANSWER: u64 = 4096;
/// How long a socket that has its name is given until it takes connections.
const MOMENT: Duration = Duration::from_millis(20);

/// Waits for it, and reports it.
pub fn tell(socket: &Path, mut reports: File) -> Result<()> {
    appear::wait_for(socket)?;
    let mut stream = loop {
        match UnixStream::connect(socket) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => thread::sleep(MOMENT),
            other => break other.with_context(|| format!("cannot reach {}", socket.display()))?,
        }
    };
    stream.write_all(REQUEST)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut answer)?;
    ensure!(
        answer.starts_with("{\"ok\":true"),
        "the session answers {answer:?}"
    );
    report::line(&mut reports, "shown").context("cannot report to the host")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::net::UnixListener;

    /// What is reported to the host where the session gives this answer.
    fn reported(name: &str, answer: &str) -> (Result<()>, String) {
        let folder = format!("ochre-shown-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).unwrap();
        let (socket, report) = (folder.join("socket"), folder.join("report"));
        let told = thread::scope(|scope| {
            let port = File::create(&report).unwrap();
            let teller = scope.spawn(|| tell(&socket, port));
            let listener = UnixListener::bind(&socket).unwrap();
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            let asked = lines.next().unwrap().unwrap();
            assert!(asked.contains("idle-wait"), "{asked}");
            assert_eq!(fs::read_to_string(&report).unwrap(), "");
            (&stream).write_all(answer.as_bytes()).unwrap();
            drop(listener);
            stream.shutdown(std::net::Shutdown::Both).unwrap();
            teller.join().unwrap()
        });
        let line = fs::read_to_string(&report).unwrap();
        fs::remove_dir_all(folder).unwrap();
        (told, line)
    }

    #[test]
    fn a_window_is_reported_once_the_session_says_so() {
        let (told, line) = reported("good", "{\"ok\":true}\n");
        told.unwrap();
        assert_eq!(line, "shown\n");
    }

    #[test]
    fn a_session_that_refuses_or_ends_is_no_window() {
        for (name, answer) in [("refused", "{\"ok\":false}\n"), ("ended", "")] {
            let (told, line) = reported(name, answer);
            assert!(told.is_err(), "{name}");
            assert_eq!(line, "");
        }
    }
}
