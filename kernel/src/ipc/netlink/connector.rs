//! What becomes of tasks, told to those who listen (NETLINK_CONNECTOR, `drivers/connector/cn_proc.c`):
//! new ones, other programs, users, sessions and names, and ends. Where nobody listens that costs a
//! look at one number.

use super::may_administrate;
use super::message::{HEADER, Header};
use super::socket::{Message, NetlinkSocket, multicast};
use crate::errno::{Errno, Result};
use crate::task::Pid;
use crate::task::credentials::Credentials;
use crate::task::thread::Thread;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use ochre_hal::admission::Room;

/// `NETLINK_CONNECTOR`.
pub const PROTOCOL: u32 = 11;
/// The group of those who are told.
const GROUP: u32 = 1;
/// `CN_IDX_PROC` and `CN_VAL_PROC`.
const TASKS: [u32; 2] = [1, 1];
/// `PROC_CN_MCAST_…`
const LISTEN: u32 = 1;
const IGNORE: u32 = 2;

/// `PROC_EVENT_…`
const ACKNOWLEDGED: u32 = 0;
const FORK: u32 = 1;
const EXEC: u32 = 2;
const USER: u32 = 4;
const GROUPS: u32 = 0x40;
const SESSION: u32 = 0x80;
const NAME: u32 = 0x200;
const EXIT: u32 = 0x8000_0000;

/// `struct cn_msg`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Envelope {
    about: [u32; 2],
    sequence: u32,
    acknowledged: u32,
    len: u16,
    flags: u16,
}

/// `struct proc_event`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Event {
    what: u32,
    cpu: u32,
    nanos: u64,
    data: [u32; 6],
}

const ENVELOPE: usize = size_of::<Envelope>();

/// Sockets that asked to be told.
static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// What a program says: only that it listens, or does so no more. Nothing else is answered.
pub(super) fn answer(socket: &NetlinkSocket, text: &[u8]) -> Result {
    let Some(header) = text.get(..HEADER) else {
        return Ok(());
    };
    let header: Header = bytemuck::pod_read_unaligned(header);
    let Some((envelope, said)) = text
        .get(HEADER..header.len as usize)
        .and_then(|text| text.split_at_checked(ENVELOPE))
    else {
        return Ok(());
    };
    let envelope: Envelope = bytemuck::pod_read_unaligned(envelope);
    let Ok(&command) = <&[u8; 4]>::try_from(said) else {
        return Ok(());
    };
    if envelope.about != TASKS || usize::from(envelope.len) != said.len() {
        return Ok(());
    }
    let outcome = match u32::from_ne_bytes(command) {
        _ if !may_administrate() => Err(Errno::EPERM),
        LISTEN => {
            listen(socket);
            Ok(())
        }
        IGNORE => {
            ignore(socket);
            Ok(())
        }
        _ => Err(Errno::EINVAL),
    };
    let error = outcome.map_or_else(|error| u32::from(error.number()), |()| 0);
    tell(
        ACKNOWLEDGED,
        envelope.acknowledged.wrapping_add(1),
        &[error],
    );
    Ok(())
}

fn listen(socket: &NetlinkSocket) {
    if !socket.listens.swap(true, Ordering::Relaxed) {
        LISTENERS.fetch_add(1, Ordering::Relaxed);
    }
}

/// The socket is closed, or wants to hear no more.
pub(super) fn ignore(socket: &NetlinkSocket) {
    if socket.listens.swap(false, Ordering::Relaxed) {
        LISTENERS.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nobody_listens() -> bool {
    LISTENERS.load(Ordering::Relaxed) == 0
}

/// Tells all listeners, as long as there is memory for it.
fn tell(what: u32, acknowledged: u32, data: &[u32]) {
    static SEQUENCE: AtomicU32 = AtomicU32::new(0);
    if nobody_listens() {
        return;
    }
    let mut event = Event {
        what,
        cpu: ochre_hal::cpu::id() as u32,
        nanos: crate::time::monotonic(),
        data: [0; 6],
    };
    event.data[..data.len()].copy_from_slice(data);
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let envelope = Envelope {
        about: TASKS,
        sequence,
        acknowledged,
        len: size_of::<Event>() as u16,
        flags: 0,
    };
    let len = HEADER + ENVELOPE + size_of::<Event>();
    let header = Header {
        len: len as u32,
        kind: super::message::NLMSG_DONE,
        flags: 0,
        sequence,
        port: 0,
    };
    let mut text = Vec::new();
    if text.room_exact(len).is_err() {
        return;
    }
    text.extend_from_slice(bytemuck::bytes_of(&header));
    text.extend_from_slice(bytemuck::bytes_of(&envelope));
    text.extend_from_slice(bytemuck::bytes_of(&event));
    multicast(PROTOCOL, Message::of_kernel(text, GROUP));
}

/// A thread's number and its process's: so each event begins.
fn who(thread: &Thread) -> [u32; 2] {
    [thread.tid(), thread.process().pid]
}

/// A thread is about to begin.
pub fn begins(thread: &Thread) {
    if nobody_listens() {
        return;
    }
    let [tid, pid] = who(thread);
    let parent = thread.process().parent();
    tell(FORK, 0, &[parent, parent, tid, pid]);
}

/// It executes another program.
pub fn executes(thread: &Thread) {
    tell(EXEC, 0, &who(thread));
}

/// Its credentials were `before`: users or groups may be others now.
pub fn are_others(thread: &Thread, before: &Credentials) {
    if nobody_listens() {
        return;
    }
    let [tid, pid] = who(thread);
    let now = thread.credentials();
    for (what, old, new) in [(USER, before.uid, now.uid), (GROUPS, before.gid, now.gid)] {
        if new != old {
            tell(what, 0, &[tid, pid, new.real, new.effective]);
        }
    }
}

/// It leads a new session.
pub fn leads_session(thread: &Thread) {
    tell(SESSION, 0, &who(thread));
}

/// It has another name.
pub fn is_renamed(thread: &Thread) {
    if nobody_listens() {
        return;
    }
    let [tid, pid] = who(thread);
    let name: [u32; 4] = bytemuck::cast(thread.name());
    tell(NAME, 0, &[tid, pid, name[0], name[1], name[2], name[3]]);
}

/// The end of a thread, as it is told once it has come: its parent may have waited for it by then.
pub struct End {
    who: [u32; 2],
    status: u32,
    /// What its parent is sent; −1 if that is nothing.
    signal: i32,
    parent: Pid,
}

impl End {
    /// The thread is about to end; None if nobody listens.
    #[must_use]
    pub fn of(thread: &Thread, status: u32) -> Option<End> {
        if nobody_listens() {
            return None;
        }
        let process = thread.process();
        // Only its process's end is its parent's affair.
        let signal = if thread.tid() == process.pid {
            process.exit_signal.load(Ordering::Relaxed)
        } else {
            -1
        };
        Some(End {
            who: who(thread),
            status,
            signal,
            parent: process.parent(),
        })
    }

    pub fn tell(&self) {
        let [tid, pid] = self.who;
        let (signal, parent) = (self.signal as u32, self.parent);
        tell(EXIT, 0, &[tid, pid, self.status, signal, parent, parent]);
    }
}
