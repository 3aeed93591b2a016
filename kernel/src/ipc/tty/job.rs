//! Job control: which session has the terminal, which group is in the foreground, and what happens
//! to the others (POSIX, "General Terminal Interface"; Linux's tty_jobctrl).

use super::Tty;
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::sched;
use crate::task::Pid;
use crate::task::credentials::Capabilities;
use crate::task::session::{self, ControllingTerminal, Session};
use crate::task::signal::action::SIG_IGN;
use crate::task::signal::{self, SigInfo, Signal};
use crate::task::tree;
use alloc::sync::Arc;
use core::any::Any;

/// What a session keeps of its terminal.
struct Handle(Arc<Tty>);

impl ControllingTerminal for Handle {
    fn leader_exited(&self) {
        self.0.hang_up();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The terminal of a session.
pub fn terminal_of(session: &Session) -> Option<Arc<Tty>> {
    let terminal = session.terminal()?;
    terminal
        .as_any()
        .downcast_ref::<Handle>()
        .map(|handle| handle.0.clone())
}

/// The terminal of the caller's session: /dev/tty.
pub fn current_terminal() -> Option<Arc<Tty>> {
    let session = tree::session_of(sched::current().process().pid)?;
    terminal_of(&session)
}

fn is_own(tty: &Arc<Tty>) -> bool {
    current_terminal().is_some_and(|own| Arc::ptr_eq(&own, tty))
}

/// Stops a caller in the background with `signal` (SIGTTIN, SIGTTOU), unless it may go on.
pub fn check(tty: &Arc<Tty>, signal: Signal) -> Result {
    let thread = sched::current();
    let process = thread.process();
    let foreground = tty.state.lock().foreground;
    let Some(group) = tree::group_of(process.pid) else {
        return Ok(());
    };
    if foreground == 0 || group.id == foreground || !is_own(tty) {
        return Ok(());
    }
    let ignored = thread.signals.lock().blocked.has(signal)
        || process.signals.lock().actions.get(signal).handler == SIG_IGN;
    if ignored {
        return if signal == signal::SIGTTIN {
            Err(Errno::EIO)
        } else {
            Ok(())
        };
    }
    if tree::is_orphaned(&group) {
        return Err(Errno::EIO);
    }
    session::signal_group(group.id, &SigInfo::kernel(signal));
    Err(Errno::RESTART)
}

/// Before a write: background groups stop only where TOSTOP says so.
pub fn check_write(tty: &Arc<Tty>) -> Result {
    if tty.termios().local(raw::TOSTOP) {
        check(tty, signal::SIGTTOU)
    } else {
        Ok(())
    }
}

/// Makes the terminal that of the caller's session, if it leads one that has none.
pub fn acquire_on_open(tty: &Arc<Tty>) {
    // Whoever may not have it simply does not get it.
    let _ = acquire(tty, false);
}

/// TIOCSCTTY; `steal` takes it from another session.
pub fn acquire(tty: &Arc<Tty>, steal: bool) -> Result {
    let thread = sched::current();
    let process = thread.process();
    let session = tree::session_of(process.pid).ok_or(Errno::EPERM)?;
    let owner = tty.state.lock().session;
    if owner == Some(session.id) && is_own(tty) {
        return Ok(());
    }
    if session.id != process.pid || session.terminal().is_some() {
        return Err(Errno::EPERM);
    }
    if let Some(other) = owner {
        if !steal || !thread.credentials().can(Capabilities::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        if let Some(group) = tree::group(other) {
            group.session.set_terminal(None);
        }
    }
    let foreground = tree::group_of(process.pid).map_or(0, |group| group.id);
    {
        let mut state = tty.state.lock();
        if state.session != owner {
            return Err(Errno::EPERM);
        }
        state.session = Some(session.id);
        state.foreground = foreground;
    }
    session.set_terminal(Some(Arc::new(Handle(tty.clone()))));
    Ok(())
}

/// TIOCNOTTY: the caller's session gives the terminal up, if the caller leads it.
pub fn release(tty: &Arc<Tty>) -> Result {
    if !is_own(tty) {
        return Err(Errno::ENOTTY);
    }
    let pid = sched::current().process().pid;
    let session = tree::session_of(pid).ok_or(Errno::ENOTTY)?;
    if session.id != pid {
        return Ok(());
    }
    let foreground = {
        let mut state = tty.state.lock();
        state.session = None;
        core::mem::take(&mut state.foreground)
    };
    session.set_terminal(None);
    if foreground != 0 {
        session::signal_group(foreground, &SigInfo::kernel(signal::SIGHUP));
        session::signal_group(foreground, &SigInfo::kernel(signal::SIGCONT));
    }
    Ok(())
}

/// After a hang-up: the session loses its terminal, its leader and the foreground group hear.
pub fn end_session(session: Option<Pid>, foreground: Pid) {
    let Some(id) = session else { return };
    if let Some(leader) = tree::process(id) {
        if let Some(session) = tree::session_of(id)
            && session.id == id
        {
            session.set_terminal(None);
        }
        signal::send_to_process(&leader, SigInfo::kernel(signal::SIGHUP));
        signal::send_to_process(&leader, SigInfo::kernel(signal::SIGCONT));
    }
    if foreground != 0 {
        session::signal_group(foreground, &SigInfo::kernel(signal::SIGHUP));
        session::signal_group(foreground, &SigInfo::kernel(signal::SIGCONT));
    }
}

/// TIOCGPGRP. A pty's master may ask for its slave.
pub fn foreground(tty: &Arc<Tty>, from_master: bool) -> Result<Pid> {
    if !from_master && !is_own(tty) {
        return Err(Errno::ENOTTY);
    }
    Ok(tty.state.lock().foreground)
}

impl Tty {
    /// The group in the foreground, for /proc.
    #[must_use]
    pub fn foreground(&self) -> Pid {
        self.state.lock().foreground
    }
}

/// TIOCSPGRP.
pub fn set_foreground(tty: &Arc<Tty>, group: i32, from_master: bool) -> Result {
    if !from_master {
        check(tty, signal::SIGTTOU)?;
    }
    let session = tree::session_of(sched::current().process().pid).ok_or(Errno::ENOTTY)?;
    if !is_own(tty) || tty.state.lock().session != Some(session.id) {
        return Err(Errno::ENOTTY);
    }
    let group = Pid::try_from(group).map_err(|_| Errno::EINVAL)?;
    let found = tree::group(group).ok_or(Errno::ESRCH)?;
    if found.session.id != session.id {
        return Err(Errno::EPERM);
    }
    tty.state.lock().foreground = group;
    Ok(())
}

/// TIOCGSID.
pub fn session(tty: &Arc<Tty>, from_master: bool) -> Result<Pid> {
    if !from_master && !is_own(tty) {
        return Err(Errno::ENOTTY);
    }
    tty.state.lock().session.ok_or(Errno::ENOTTY)
}
