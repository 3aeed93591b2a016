//! Device events: the kernel's netlink multicast that udev and libudev users listen to
//! (NETLINK_KOBJECT_UEVENT, `lib/kobject_uevent.c`). Servers send, sockets of group 1 receive; a
//! listener that does not read loses events, as on Linux (ENOBUFS once).

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::socket::{Incoming, MessageFlags, Outgoing, Socket};
use crate::ipc::wait_for;
use crate::linux::net as raw;
use crate::lock_order;
use crate::sched::wait::WaitQueue;
use crate::uio::Dest;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::sync::SpinLock;

/// `NETLINK_KOBJECT_UEVENT`.
pub const PROTOCOL: u32 = 15;
/// Events that wait at one socket.
const QUEUE_MAX: usize = 256;
const ADDRESS_LEN: usize = 12;

struct State {
    groups: u32,
    port: u32,
    queue: VecDeque<Arc<[u8]>>,
    /// Events were lost since the last read.
    overflowed: bool,
}

/// A listener's socket.
pub struct UeventSocket {
    kind: u32,
    state: SpinLock<State>,
    arrived: WaitQueue,
}

static LISTENERS: SpinLock<Vec<Weak<UeventSocket>>> = SpinLock::new(lock_order::SOCKET, Vec::new());

/// Sends an event to all listeners.
pub fn broadcast(event: &[u8]) {
    let listeners: Vec<_> = {
        let mut list = LISTENERS.lock();
        list.retain(|l| l.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect()
    };
    let event: Arc<[u8]> = Arc::from(event);
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
            state: SpinLock::new(lock_order::SOCKET_PEER, state),
            arrived: WaitQueue::new(),
        });
        LISTENERS.lock().push(Arc::downgrade(&socket));
        socket
    }

    fn deliver(&self, event: &Arc<[u8]>) {
        {
            let mut state = self.state.lock();
            if state.groups & 1 == 0 {
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
        let word = |at: usize| {
            let bytes = address.get(at..at + 4).and_then(|b| b.try_into().ok());
            bytes.map(u32::from_ne_bytes).ok_or(Errno::EINVAL)
        };
        let family = address
            .get(..2)
            .and_then(|b| b.try_into().ok())
            .map(u16::from_ne_bytes);
        if family != Some(raw::AF_NETLINK as u16) {
            return Err(Errno::EINVAL);
        }
        let (port, groups) = (word(4)?, word(8)?);
        let mut state = self.state.lock();
        state.port = if port == 0 {
            crate::sched::current().process().pid
        } else {
            port
        };
        state.groups = groups;
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

    fn send(&self, _message: Outgoing<'_, '_>, _nonblock: bool) -> Result<usize> {
        // Only the kernel speaks in this protocol here.
        Err(Errno::EPERM)
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
        let len = event.len().min(dst.remaining());
        dst.put(&event[..len])?;
        let cut = len < event.len();
        Ok(Incoming {
            bytes: if flags.contains(MessageFlags::TRUNCATED) {
                event.len()
            } else {
                len
            },
            address: address(0, 1),
            flags: if cut {
                MessageFlags::TRUNCATED
            } else {
                MessageFlags::empty()
            },
            ..Incoming::default()
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

    fn set_option(&self, level: u32, _name: u32, _value: &[u8]) -> Result {
        // Filters and buffer sizes are hints here: every event is small and all are delivered.
        if level == raw::SOL_SOCKET {
            Ok(())
        } else {
            Err(Errno::ENOPROTOOPT)
        }
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
