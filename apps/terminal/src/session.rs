//! The shell and the pseudoterminal that it believes to be a terminal.
//!
//! A session's leader has to be made in the new process, between fork and exec, where safe Rust
//! can't run; so this program starts *itself* there: `run_leader` makes itself the leader of a
//! session with the pseudoterminal as its terminal, and then becomes the shell.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{InputModes, OptionalActions, Winsize};

use crate::screen::Size;

/// The argument after which the rest is a command to lead a session.
pub const LEADER_ARGUMENT: &str = "--lead-session";

/// A command behind a pseudoterminal. Dropping it hangs the command up.
pub struct Session {
    master: File,
    child: Child,
    /// What the command has not taken yet.
    unsent: Vec<u8>,
}

/// What reading has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    Bytes(usize),
    /// Nothing now.
    Pending,
    /// Nobody holds the terminal any more.
    Closed,
}

impl Session {
    /// Starts a command, or the user's shell if it is empty. `leader` is this program, which
    /// [`run_leader`] runs in.
    pub fn start(leader: &Path, command: &[OsString], size: Size) -> io::Result<Session> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
        prepare(&slave, size)?;

        let shell = [std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())];
        let command = if command.is_empty() {
            &shell[..]
        } else {
            command
        };
        let child = Command::new(leader)
            .arg(LEADER_ARGUMENT)
            .args(command)
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor")
            .env("TERM_PROGRAM", "ochre-terminal")
            .env_remove("XDG_ACTIVATION_TOKEN")
            .env_remove("DESKTOP_STARTUP_ID")
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave))
            .spawn()?;
        Ok(Session {
            master: File::from(master),
            child,
            unsent: Vec::new(),
        })
    }

    /// Reads what the command has printed, without waiting.
    pub fn read(&mut self, buffer: &mut [u8]) -> Output {
        loop {
            return match self.master.read(buffer) {
                Ok(0) => Output::Closed,
                Ok(count) => Output::Bytes(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Output::Pending,
                // EIO: the last process has let go of the slave.
                Err(_) => Output::Closed,
            };
        }
    }

    /// Sends input to the command; what it does not take now waits for [`Session::flush`].
    pub fn write(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        self.flush();
    }

    /// Sends what is waiting, as far as the command takes it.
    pub fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.master.write(&self.unsent) {
                Ok(0) => return,
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.unsent.clear(),
            }
        }
    }

    /// Whether input waits until the command reads.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Tells the command that its window has another size.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        Ok(rustix::termios::tcsetwinsize(&self.master, winsize(size))?)
    }

    /// How the command ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The master's end hangs up whoever is in the session. The leader may take its time to
        // notice, and a closed window must not wait for it: the supervisor reaps what is left.
        if self.exit_status().is_none()
            && let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32)
        {
            // It has ended by itself just now: then there is nothing to tell.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::HUP);
        }
    }
}

/// Makes this process the leader of a session whose terminal is its standard input, and then the
/// command. Returns only if it can't.
pub fn run_leader(command: &[OsString]) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no command to run");
    };
    let leading = rustix::process::setsid()
        .and_then(|_| rustix::process::ioctl_tiocsctty(rustix::stdio::stdin()));
    match leading {
        Ok(()) => {}
        Err(errno) => return errno.into(),
    }
    let error = Command::new(program).args(arguments).exec();
    io::Error::new(
        error.kind(),
        format!("{}: {error}", OsStr::new(program).display()),
    )
}

fn prepare(slave: &OwnedFd, size: Size) -> io::Result<()> {
    let mut termios = rustix::termios::tcgetattr(slave)?;
    // So that erasing erases a whole character.
    termios.input_modes |= InputModes::IUTF8;
    rustix::termios::tcsetattr(slave, OptionalActions::Now, &termios)?;
    Ok(rustix::termios::tcsetwinsize(slave, winsize(size))?)
}

fn winsize(size: Size) -> Winsize {
    Winsize {
        ws_row: size.lines,
        ws_col: size.columns,
        ws_xpixel: size.columns.saturating_mul(size.cell_width),
        ws_ypixel: size.lines.saturating_mul(size.cell_height),
    }
}
