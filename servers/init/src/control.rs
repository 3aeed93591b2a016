//! The socket that `svc` talks to: one line in, text out, end.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

pub const SOCKET: &str = "/run/init.sock";
/// A longer command line is no command.
const LONGEST: usize = 256;
/// Connections at a time.
const CONNECTIONS: usize = 16;

/// What can be asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Status,
    Log(String),
    Stop(String),
    Restart(String),
    PowerOff,
    Reboot,
}

impl Command {
    /// Parses a line such as `restart panel`.
    pub fn parse(line: &str) -> Option<Command> {
        let mut words = line.split_whitespace();
        let command = match (words.next()?, words.next()) {
            ("status", None) => Command::Status,
            ("log", Some(name)) => Command::Log(name.to_string()),
            ("stop", Some(name)) => Command::Stop(name.to_string()),
            ("restart" | "start", Some(name)) => Command::Restart(name.to_string()),
            ("poweroff", None) => Command::PowerOff,
            ("reboot", None) => Command::Reboot,
            _ => return None,
        };
        words.next().is_none().then_some(command)
    }
}

/// The listening socket and the connections whose line has not come whole.
pub struct Control {
    listener: UnixListener,
    connections: Vec<(UnixStream, Vec<u8>)>,
}

impl Control {
    pub fn listen() -> std::io::Result<Control> {
        let _ = std::fs::remove_file(SOCKET);
        let listener = UnixListener::bind(SOCKET)?;
        listener.set_nonblocking(true)?;
        rustix::fs::chmod(SOCKET, rustix::fs::Mode::from_bits_retain(0o600))?;
        Ok(Control {
            listener,
            connections: Vec::new(),
        })
    }

    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.listener.as_fd())
            .chain(self.connections.iter().map(|(c, _)| c.as_fd()))
    }

    /// Answers every command that has come whole. A peer that does not read its answer loses it: it
    /// never holds this process up.
    pub fn serve(&mut self, mut answer: impl FnMut(Command) -> String) {
        while let Ok((connection, _)) = self.listener.accept() {
            if self.connections.len() < CONNECTIONS && connection.set_nonblocking(true).is_ok() {
                self.connections.push((connection, Vec::new()));
            }
        }
        self.connections
            .retain_mut(|(connection, line)| match read_line(connection, line) {
                Progress::Waiting => true,
                Progress::Gone => false,
                Progress::Line => {
                    let text = std::str::from_utf8(line).ok().and_then(Command::parse);
                    let reply = match text {
                        Some(command) => answer(command),
                        None => {
                            "error: expected status, log NAME, stop NAME, restart NAME, poweroff or \
                             reboot\n"
                                .into()
                        }
                    };
                    let _ = connection.write_all(reply.as_bytes());
                    false
                }
            });
    }
}

enum Progress {
    Waiting,
    Line,
    Gone,
}

fn read_line(connection: &mut UnixStream, line: &mut Vec<u8>) -> Progress {
    let mut buffer = [0; LONGEST];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return Progress::Gone,
            Ok(len) => line.extend_from_slice(&buffer[..len]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Progress::Waiting,
            Err(_) => return Progress::Gone,
        }
        if let Some(end) = line.iter().position(|b| *b == b'\n') {
            line.truncate(end);
            return Progress::Line;
        }
        if line.len() > LONGEST {
            return Progress::Gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed_strictly() {
        assert_eq!(Command::parse("status"), Some(Command::Status));
        assert_eq!(Command::parse("log pci"), Some(Command::Log("pci".into())));
        assert_eq!(Command::parse("poweroff"), Some(Command::PowerOff));
        assert_eq!(Command::parse("poweroff now"), None);
        assert_eq!(Command::parse("stop"), None);
        assert_eq!(Command::parse("stop a b"), None);
    }
}
