//! Device events: the netlink multicast that udev and libudev users listen to
//! (NETLINK_KOBJECT_UEVENT, `lib/kobject_uevent.c`). What servers announce goes to group 1; the
//! other groups belong to privileged programs, of which udev's is the second. A listener that does
//! not read loses events, as on Linux (ENOBUFS once).

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::socket::{Control, Incoming, MessageFlags, Outgoing, PeerCredentials, Socket};
use crate::ipc::wait_for;
use crate::linux::net as raw;
use crate::lock_order;
use crate::sched;
use crate::sched::wait::WaitQueue;
use crate::task::credentials::Capabilities;
use crate::uio::Dest;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

/// `NETLINK_KOBJECT_UEVENT`.
pub const PROTOCOL: u32 = 15;
/// Events that wait at one socket.
const QUEUE_MAX: usize = 256;
const ADDRESS_LEN: usize = 12;
/// The group that the kernel sends to.
const KERNEL_GROUP: u32 = 1;
/// A longer event of a program is refused.
const EVENT_MAX: usize = 16 << 10;

/// An event under way, and who sent it to which groups.
struct Event {
    text: Vec<u8>,
    groups: u32,
    /// The sending socket's; 0 for the kernel, and so no socket's.
    port: u32,
    sender: PeerCredentials,
}

struct State {
    groups: u32,
    /// Unique among these sockets; 0 until it is bound.
    port: u32,
    queue: VecDeque<Arc<Event>>,
    /// Events were lost since the last read.
    overflowed: bool,
}

/// A listener's socket.
pub struct UeventSocket {
    kind: u32,
    passes_credentials: AtomicBool,
    state: SpinLock<State>,
    arrived: WaitQueue,
}

static LISTENERS: SpinLock<Vec<Weak<UeventSocket>>> = SpinLock::new(lock_order::SOCKET, Vec::new());

/// Sends what a server says of its device to all listeners, with the number that orders events.
pub fn broadcast(event: &[u8]) {
    static SEQUENCE: AtomicU64 = AtomicU64::new(1);
    let number = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let mut text = event.to_vec();
    if text.last() != Some(&0) {
        text.push(0);
    }
    text.extend_from_slice(alloc::format!("SEQNUM={number}\0").as_bytes());
    send(Event {
        text,
        groups: KERNEL_GROUP,
        port: 0,
        sender: PeerCredentials {
            pid: 0,
            uid: 0,
            gid: 0,
        },
    });
}

fn send(event: Event) {
    let listeners: Vec<_> = {
        let mut list = LISTENERS.lock();
        list.retain(|l| l.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect()
    };
    let event = Arc::new(event);
    for listener in listeners {
        listener.deliver(&event);
    }
}

/// A sockaddr_nl.
fn address(port: u32, groups: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ADDRESS_LEN);
    bytes.extend_from_slice(&(raw::AF_NETLINK as u16).to_ne_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&port.to_ne_bytes());
    bytes.extend_from_slice(&groups.to_ne_bytes());
    bytes
}

/// Port and groups of a sockaddr_nl.
fn parse(address: &[u8]) -> Result<(u32, u32)> {
    let word = |at: usize| {
        let bytes = address.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map(u32::from_ne_bytes).ok_or(Errno::EINVAL)
    };
    let family = address.get(..2).and_then(|b| b.try_into().ok());
    if family.map(u16::from_ne_bytes) != Some(raw::AF_NETLINK as u16) {
        return Err(Errno::EINVAL);
    }
    Ok((word(4)?, word(8)?))
}

impl UeventSocket {
    /// A socket of AF_NETLINK, `kind` being SOCK_RAW or SOCK_DGRAM.
    pub fn new(kind: u32) -> Arc<UeventSocket> {
        let state = State {
            groups: 0,
            port: 0,
            queue: VecDeque::new(),
            overflowed: false,
        };
        let socket = Arc::new(UeventSocket {
            kind,
            passes_credentials: AtomicBool::new(false),
            state: SpinLock::new(lock_order::SOCKET_PEER, state),
            arrived: WaitQueue::new(),
        });
        LISTENERS.lock().push(Arc::downgrade(&socket));
        socket
    }

    /// Takes a port unless it has one: `wanted`, or if that is 0 the process's number, or where
    /// that is taken one that no process has. Linux lets a bound socket keep its port only.
    fn claim(&self, wanted: u32) -> Result<u32> {
        let listeners = LISTENERS.lock();
        let taken = |port: u32| {
            let others = listeners.iter().filter_map(Weak::upgrade);
            others
                .filter(|other| !core::ptr::eq(&**other, self))
                .any(|other| other.state.lock().port == port)
        };
        let own = self.state.lock().port;
        let port = match (own, wanted) {
            (0, 0) => {
                let pid = sched::current().process().pid;
                // From −4097 downwards, as on Linux.
                let mut free = core::iter::once(pid).chain((0..u32::MAX - 4096).rev());
                free.find(|port| !taken(*port)).ok_or(Errno::EADDRINUSE)?
            }
            (0, wanted) if taken(wanted) => return Err(Errno::EADDRINUSE),
            (0, wanted) => wanted,
            (own, wanted) if wanted == 0 || wanted == own => own,
            _ => return Err(Errno::EINVAL),
        };
        self.state.lock().port = port;
        Ok(port)
    }

    fn deliver(&self, event: &Arc<Event>) {
        {
            let mut state = self.state.lock();
            if state.port == event.port && event.port != 0 || state.groups & event.groups == 0 {
                return;
            }
            if state.queue.len() >= QUEUE_MAX {
                state.overflowed = true;
                return;
            }
            state.queue.push_back(event.clone());
        }
        self.arrived.wake_all(Events::READABLE);
    }
}

impl Socket for UeventSocket {
    fn kind(&self) -> (u32, u32, u32) {
        (raw::AF_NETLINK, self.kind, PROTOCOL)
    }

    fn bind(&self, address: &[u8]) -> Result {
        let (port, groups) = parse(address)?;
        self.claim(port)?;
        self.state.lock().groups = groups;
        Ok(())
    }

    fn connect(&self, _address: &[u8], _nonblock: bool) -> Result {
        Ok(())
    }

    fn listen(&self, _backlog: i32) -> Result {
        Err(Errno::EOPNOTSUPP)
    }

    fn accept(&self, _nonblock: bool) -> Result<Arc<dyn File>> {
        Err(Errno::EOPNOTSUPP)
    }

    fn send(&self, message: Outgoing<'_, '_>, _nonblock: bool) -> Result<usize> {
        let thread = sched::current();
        let credentials = thread.process().credentials();
        if !credentials.can(Capabilities::NET_ADMIN) {
            return Err(Errno::EPERM);
        }
        let (port, groups) = parse(message.address)?;
        if port != 0 || groups == 0 {
            // Nobody answers at a port: events are for groups.
            return Err(Errno::ECONNREFUSED);
        }
        let length = message.data.remaining();
        if length > EVENT_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let mut text = admission::zeroes(length)?;
        message.data.take(&mut text)?;
        let pid = thread.process().pid;
        let port = self.claim(0)?;
        send(Event {
            text,
            groups,
            port,
            sender: PeerCredentials {
                pid,
                uid: credentials.uid.effective,
                gid: credentials.gid.effective,
            },
        });
        Ok(length)
    }

    fn receive(&self, dst: &mut Dest<'_>, flags: MessageFlags, nonblock: bool) -> Result<Incoming> {
        let peek = flags.contains(MessageFlags::PEEK);
        let event = wait_for(nonblock, &self.arrived, || {
            let mut state = self.state.lock();
            if core::mem::take(&mut state.overflowed) {
                return Some(Err(Errno::ENOBUFS));
            }
            let first = if peek {
                state.queue.front().cloned()
            } else {
                state.queue.pop_front()
            };
            first.map(Ok)
        })??;
        let text = &event.text;
        let len = text.len().min(dst.remaining());
        dst.put(&text[..len])?;
        let cut = len < text.len();
        Ok(Incoming {
            bytes: if flags.contains(MessageFlags::TRUNCATED) {
                text.len()
            } else {
                len
            },
            address: address(event.port, event.groups),
            control: Control {
                credentials: self.passes_credentials().then_some(event.sender),
                ..Control::default()
            },
            flags: if cut {
                MessageFlags::TRUNCATED
            } else {
                MessageFlags::empty()
            },
        })
    }

    fn shutdown(&self, _read: bool, _write: bool) -> Result {
        Err(Errno::EOPNOTSUPP)
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        let state = self.state.lock();
        Ok(address(state.port, state.groups))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        Ok(address(0, 0))
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result {
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_PASSCRED) => {
                let value = value.get(..4).ok_or(Errno::EINVAL)?;
                let on = value.iter().any(|byte| *byte != 0);
                self.passes_credentials.store(on, Ordering::Relaxed);
                Ok(())
            }
            // Filters and buffer sizes are hints here: every event is small and all are delivered.
            (raw::SOL_SOCKET, _) => Ok(()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn passes_credentials(&self) -> bool {
        self.passes_credentials.load(Ordering::Relaxed)
    }
}

impl File for UeventSocket {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        Ok(self.receive(dst, MessageFlags::empty(), io.nonblock)?.bytes)
    }

    fn poll(&self) -> Events {
        let state = self.state.lock();
        if state.queue.is_empty() && !state.overflowed {
            Events::WRITABLE
        } else {
            Events::READABLE | Events::WRITABLE
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.arrived)
    }

    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
