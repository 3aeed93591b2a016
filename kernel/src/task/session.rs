//! Sessions and process groups.

use super::Pid;
use super::signal::SigInfo;
use super::{signal, tree};
use crate::errno::Result;
use crate::lock_order;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::sync::SpinLock;

/// What a session knows of its terminal; terminals implement it.
pub trait ControllingTerminal: Any + Send + Sync {
    /// The session's leader ends: the terminal hangs up and belongs to no session any more.
    fn leader_exited(&self);

    fn as_any(&self) -> &dyn Any;
}

pub struct Session {
    pub id: Pid,
    terminal: SpinLock<Option<Arc<dyn ControllingTerminal>>>,
}

impl Session {
    #[must_use]
    pub fn new(id: Pid) -> Session {
        Session {
            id,
            terminal: SpinLock::new(lock_order::PROCESS, None),
        }
    }

    #[must_use]
    pub fn terminal(&self) -> Option<Arc<dyn ControllingTerminal>> {
        self.terminal.lock().clone()
    }

    pub fn set_terminal(&self, terminal: Option<Arc<dyn ControllingTerminal>>) {
        let old = core::mem::replace(&mut *self.terminal.lock(), terminal);
        drop(old);
    }
}

pub struct Group {
    pub id: Pid,
    pub session: Arc<Session>,
    /// Whether the last look found no member whose parent is in another group of the session.
    pub orphaned: AtomicBool,
}

impl Group {
    #[must_use]
    pub fn new(id: Pid, session: Arc<Session>) -> Group {
        Group {
            id,
            session,
            orphaned: AtomicBool::new(false),
        }
    }
}

/// Makes a process the leader of a session of its own.
pub fn lead(pid: Pid) -> Result {
    tree::new_session(pid).map(|_| ())
}

/// Sends a signal from the kernel (a terminal) to all members of a group.
pub fn signal_group(group: Pid, info: &SigInfo) {
    for process in tree::group_members(group) {
        signal::send_to_process(&process, info.clone());
    }
}

/// Sends SIGHUP and SIGCONT to a group that became orphaned with stopped members, when a process
/// exits (POSIX, exit).
pub fn orphan_check(group: Option<&Group>) {
    if let Some(group) = group
        && tree::is_orphaned(group)
        && !group.orphaned.swap(true, Ordering::Relaxed)
        && tree::group_members(group.id).any(|process| process.is_stopped())
    {
        signal_group(group.id, &SigInfo::kernel(signal::SIGHUP));
        signal_group(group.id, &SigInfo::kernel(signal::SIGCONT));
    }
}
