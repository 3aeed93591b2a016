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
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
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

        let shell = [shell()];
        let mut child = Command::new(leader);
        child.arg(LEADER_ARGUMENT);
        if command.is_empty() {
            child.args(&shell);
            // Started by the desktop, which is nowhere in particular.
            if std::env::current_dir().is_ok_and(|folder| folder == Path::new("/"))
                && let Some(home) = std::env::var_os("HOME").filter(|home| Path::new(home).is_dir())
            {
                child.current_dir(home);
            }
        } else {
            child.args(command);
        }
        let child = child
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
            let _ = rustix::process::kill_process(pid, Signal::HUP);
        }
    }
}

/// The user's shell, as the environment or else the list of users says.
fn shell() -> OsString {
    let named = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    named.unwrap_or_else(|| {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let shell = shell_of(&users, rustix::process::getuid().as_raw());
        shell.unwrap_or("/bin/sh").into()
    })
}

/// The last field of a user's line, `name:password:uid:gid:comment:home:shell`.
fn shell_of(users: &str, uid: u32) -> Option<&str> {
    let uid = uid.to_string();
    let mut fields = users.lines().map(|line| line.split(':'));
    let mut user = fields.find(|fields| fields.clone().nth(2) == Some(&uid))?;
    user.nth(6).filter(|shell| !shell.is_empty())
}

/// Signals that whoever started the terminal may ignore (a job of a shell without job control
/// ignores interrupts), and the terminal's own shell must not.
const SIGNALS: [Signal; 9] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::PIPE,
    Signal::CHILD,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
];

/// Gives signals back their usual effects. An ignored signal stays ignored in the next program, but
/// a caught one doesn't stay caught: so this catches them, for the moment until then.
fn heed_signals() -> io::Result<()> {
    for signal in SIGNALS {
        signal_hook::flag::register(signal.as_raw(), Arc::default())?;
    }
    Ok(())
}

/// Makes this process the leader of a session whose terminal is its standard input, and then the
/// command. Returns only if it can't.
pub fn run_leader(command: &[OsString]) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no command to run");
    };
    let leading = rustix::process::setsid()
        .and_then(|_| rustix::process::ioctl_tiocsctty(rustix::stdio::stdin()));
    if let Err(error) = leading
        .map_err(io::Error::from)
        .and_then(|()| heed_signals())
    {
        return error;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_users_names_the_shell() {
        let users = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:\n";
        assert_eq!(shell_of(users, 0), Some("/bin/sh"));
        assert_eq!(shell_of(users, 1000), None);
        assert_eq!(shell_of(users, 7), None);
    }
}
