//! Signals for what happens to open files: O_ASYNC, F_SETOWN, F_SETSIG.
//!
//! A description that is set to O_ASYNC has its [`Receiver`] in the object's wait queue, beside
//! sleepers and epoll sets. It outlives the description by no more than a wake-up under way, and
//! refers to no file, so that a wake-up never closes one.

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::linux::general as raw;
use crate::lock_order;
use crate::sched::wait::{Entry, Wake};
use crate::task::credentials::Credentials;
use crate::task::credentials::Ids;
use crate::task::process::Process;
use crate::task::signal::info::Payload;
use crate::task::signal::{self, SIGIO, SigInfo};
use crate::task::thread::Thread;
use crate::task::{Pid, tree};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use ochre_hal::sync::SpinLock;

/// Who gets the signals; number 0 is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    Thread(Pid),
    Process(Pid),
    Group(Pid),
}

impl Recipient {
    /// What it is before anything was said, as Linux tells it.
    pub const NOBODY: Recipient = Recipient::Thread(0);

    /// F_SETOWN's argument: a process, or a group's number negated. `ESRCH` when there is none.
    pub fn from_number(number: i32) -> Result<Recipient> {
        let id = number.checked_abs().ok_or(Errno::EINVAL)?.cast_unsigned();
        if number < 0 {
            Recipient::Group(id).check()
        } else {
            Recipient::Process(id).check()
        }
    }

    /// F_SETOWN_EX's two words.
    pub fn from_words([kind, id]: [u32; 2]) -> Result<Recipient> {
        match kind {
            0 => Recipient::Thread(id).check(),
            1 => Recipient::Process(id).check(),
            2 => Recipient::Group(id).check(),
            _ => Err(Errno::EINVAL),
        }
    }

    fn id(self) -> Pid {
        let (Recipient::Thread(id) | Recipient::Process(id) | Recipient::Group(id)) = self;
        id
    }

    fn check(self) -> Result<Recipient> {
        let id = self.id();
        let known = id == 0
            || tree::thread(id).is_some()
            || tree::process(id).is_some()
            || tree::group(id).is_some();
        if known { Ok(self) } else { Err(Errno::ESRCH) }
    }

    fn is_there(self) -> bool {
        let id = self.id();
        id != 0
            && match self {
                Recipient::Thread(id) => tree::thread(id).is_some(),
                Recipient::Process(id) => tree::process(id).is_some(),
                Recipient::Group(id) => tree::group(id).is_some(),
            }
    }

    /// F_GETOWN's answer.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            owner if !owner.is_there() => 0,
            Recipient::Thread(id) | Recipient::Process(id) => id.cast_signed(),
            Recipient::Group(id) => -id.cast_signed(),
        }
    }

    /// F_GETOWN_EX's answer.
    #[must_use]
    pub fn words(self) -> [u32; 2] {
        let kind = match self {
            Recipient::Thread(_) => 0,
            Recipient::Process(_) => 1,
            Recipient::Group(_) => 2,
        };
        [kind, self.number().unsigned_abs()]
    }
}

struct State {
    owner: Recipient,
    /// Who set the owner: what may be signalled is asked of them.
    uid: u32,
    euid: u32,
    /// The place in the object's queue, while signals are asked for.
    entry: Option<Entry>,
}

/// What one description has said of its signals.
pub struct Receiver {
    state: SpinLock<State>,
    /// F_SETSIG; 0: SIGIO, without information.
    signal: AtomicU32,
    /// The descriptor by which signals were asked for.
    fd: AtomicI32,
}

impl Receiver {
    #[must_use]
    pub fn new() -> Arc<Receiver> {
        let state = State {
            owner: Recipient::NOBODY,
            uid: 0,
            euid: 0,
            entry: None,
        };
        Arc::new(Receiver {
            state: SpinLock::new(lock_order::CELL, state),
            signal: AtomicU32::new(0),
            fd: AtomicI32::new(0),
        })
    }

    #[must_use]
    pub fn owner(&self) -> Recipient {
        self.state.lock().owner
    }

    pub fn set_owner(&self, owner: Recipient, by: &Credentials) {
        let mut state = self.state.lock();
        state.owner = owner;
        state.uid = by.uid.real;
        state.euid = by.uid.effective;
    }

    /// The owner where none was set.
    pub fn default_owner(&self, owner: Recipient, by: &Credentials) {
        if self.owner().id() == 0 {
            self.set_owner(owner, by);
        }
    }

    /// Nobody gets signals any more, and which they would be is as at first.
    pub fn forget(&self) {
        self.state.lock().owner = Recipient::NOBODY;
        self.set_signal(0);
    }

    #[must_use]
    pub fn signal(&self) -> u32 {
        self.signal.load(Ordering::Relaxed)
    }

    pub fn set_signal(&self, signal: u32) {
        self.signal.store(signal, Ordering::Relaxed);
    }

    pub fn set_fd(&self, fd: i32) {
        self.fd.store(fd, Ordering::Relaxed);
    }

    /// Remembers its place in the queue; returns the place that it had.
    pub fn set_entry(&self, entry: Option<Entry>) -> Option<Entry> {
        core::mem::replace(&mut self.state.lock().entry, entry)
    }

    fn may_signal(&self, theirs: Ids) -> bool {
        let (uid, euid) = {
            let state = self.state.lock();
            (state.uid, state.euid)
        };
        euid == 0
            || [uid, euid]
                .iter()
                .any(|&u| u == theirs.real || u == theirs.saved)
    }

    fn send(&self, to: &Arc<Process>, thread: Option<&Arc<Thread>>, reason: Reason) {
        let theirs = match thread {
            Some(thread) => thread.credentials(),
            None => to.credentials(),
        };
        if !self.may_signal(theirs.uid) {
            return;
        }
        let queue = |info| match thread {
            Some(thread) => signal::send::queue_to_thread(thread, info),
            None => signal::send::queue_to_process(to, info),
        };
        let signal = self.signal();
        if signal != 0 {
            let info = SigInfo {
                signal,
                errno: 0,
                code: reason.code,
                payload: Payload::Poll {
                    band: u64::from(reason.band.bits()),
                    fd: reason.fd,
                },
            };
            if queue(info).is_ok() {
                return;
            }
        }
        // Also when the queue of the wanted one was full.
        let _ = queue(SigInfo::kernel(SIGIO));
    }

    /// Something happened in the directory that descriptor `fd` has open (F_NOTIFY), or a lease
    /// that was taken by it is in the way.
    pub fn tell_with_message(&self, fd: i32) {
        self.signal_owner(Reason {
            code: raw::POLL_MSG as i32,
            band: Events::READABLE | Events::MSG,
            fd,
        });
    }

    fn signal_owner(&self, reason: Reason) {
        match self.owner() {
            owner if owner.id() == 0 => {}
            Recipient::Thread(id) => {
                if let Some(thread) = tree::thread(id) {
                    self.send(thread.process(), Some(&thread), reason);
                }
            }
            Recipient::Process(id) => {
                let process = tree::process(id)
                    .or_else(|| tree::thread(id).map(|thread| thread.process().clone()));
                if let Some(process) = process {
                    self.send(&process, None, reason);
                }
            }
            Recipient::Group(id) => {
                for process in tree::group_members(id) {
                    self.send(&process, None, reason);
                }
            }
        }
    }
}

/// Why a signal is sent: si_code, si_band and si_fd.
#[derive(Clone, Copy)]
struct Reason {
    code: i32,
    band: Events,
    fd: i32,
}

impl Reason {
    fn of(events: Events, fd: i32) -> Option<Reason> {
        let (code, band) = if events.intersects(Events::READABLE) {
            (1, Events::READABLE)
        } else if events.intersects(Events::WRITABLE) {
            (2, Events::WRITABLE | Events::WRBAND)
        } else if events.intersects(Events::HUP) {
            (6, Events::HUP | Events::ERR)
        } else {
            return None;
        };
        Some(Reason { code, band, fd })
    }
}

impl Wake for Receiver {
    fn wake(self: Arc<Self>, events: Events) -> bool {
        let Some(reason) = Reason::of(events, self.fd.load(Ordering::Relaxed)) else {
            return false;
        };
        self.signal_owner(reason);
        false
    }
}
