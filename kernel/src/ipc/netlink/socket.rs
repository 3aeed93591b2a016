//! Netlink sockets (netlink(7)): messages that wait, groups and ports. What is sent to the kernel is
//! the protocol's affair. A socket whose messages nobody reads loses some, as on Linux (ENOBUFS once).

use super::message::answer_all;
use super::{connector, generic, may_administrate, route, uevent};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::node::{Attributes, NodeKind, Timestamp};
use crate::fs::unnamed;
use crate::ipc::socket::{Control, Incoming, MessageFlags, Outgoing, PeerCredentials, Socket};
use crate::ipc::socket_options::{SocketOptions, int};
use crate::linux::net as raw;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched;
use crate::sched::wait::WaitQueue;
use crate::task::footprint::Look;
use crate::uio::{Dest, Source};
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

/// What a message that waits counts beside its text: about as on Linux.
const OVERHEAD: usize = 768;
const ADDRESS_LEN: usize = 12;
const SOL_NETLINK: u32 = 270;
const ADD_MEMBERSHIP: u32 = 1;
const DROP_MEMBERSHIP: u32 = 2;
/// What else may be asked of sockets, all of which is only kept: NETLINK_PKTINFO, _BROADCAST_ERROR, _NO_ENOBUFS,
/// _LISTEN_ALL_NSID, _CAP_ACK, _EXT_ACK and _GET_STRICT_CHK.
const SWITCHES: [u32; 7] = [3, 4, 5, 8, 10, 11, 12];
/// sizeof(struct sock_fprog).
const FILTER_SIZE: usize = 16;
/// A longer message of a program is refused.
const MESSAGE_MAX: usize = 16 << 10;

/// A message under way, and who sent it to which groups.
pub(super) struct Message {
    pub text: Vec<u8>,
    pub groups: u32,
    /// The sending socket's; 0 for the kernel, and so no socket's.
    pub port: u32,
    pub sender: PeerCredentials,
}

impl Message {
    /// What it counts while it waits.
    fn weight(&self) -> usize {
        self.text.len() + OVERHEAD
    }

    /// The kernel's, to `groups`.
    pub fn of_kernel(text: Vec<u8>, groups: u32) -> Message {
        Message {
            text,
            groups,
            port: 0,
            sender: PeerCredentials {
                pid: 0,
                uid: 0,
                gid: 0,
            },
        }
    }
}

struct State {
    groups: u32,
    /// Unique among the protocol's sockets; 0 until it is bound.
    port: u32,
    queue: VecDeque<Arc<Message>>,
    /// What waits weighs together. More than SO_RCVBUF says is lost.
    waiting: usize,
}

/// See the module's header.
pub struct NetlinkSocket {
    _counted: Counted<{ ObjectKind::NetlinkSocket as usize }>,
    protocol: u32,
    kind: u32,
    ino: u64,
    created: Timestamp,
    options: SocketOptions,
    /// Those of SOL_NETLINK that are on, by number.
    switches: AtomicU32,
    /// It asked to be told of tasks.
    pub(super) listens: AtomicBool,
    state: SpinLock<State>,
    arrived: WaitQueue,
}

static ALL: SpinLock<Vec<Weak<NetlinkSocket>>> = SpinLock::new(lock_order::SOCKET, Vec::new());

/// What /proc tells of a socket.
pub struct Report {
    pub protocol: u32,
    pub port: u32,
    pub groups: u32,
}

/// All sockets that there are.
pub fn report() -> Result<Vec<Report>> {
    let sockets = all()?;
    let mut reports = Vec::new();
    reports.room_exact(sockets.len())?;
    for socket in &sockets {
        let state = socket.state.lock();
        reports.push(Report {
            protocol: socket.protocol,
            port: state.port,
            groups: state.groups,
        });
    }
    Ok(reports)
}

fn all() -> Result<Vec<Arc<NetlinkSocket>>> {
    let mut sockets = Vec::new();
    let mut list = ALL.lock();
    list.retain(|known| known.strong_count() > 0);
    sockets.room_exact(list.len())?;
    sockets.extend(list.iter().filter_map(Weak::upgrade));
    Ok(sockets)
}

/// Sends to all of a protocol's sockets that are in one of the message's groups.
pub(super) fn multicast(protocol: u32, message: Message) {
    let message = Arc::new(message);
    // Under the lock, so that no memory is needed that may not be there.
    for socket in ALL.lock().iter().filter_map(Weak::upgrade) {
        let wanted = {
            let state = socket.state.lock();
            let own = state.port == message.port && message.port != 0;
            !own && state.groups & message.groups != 0
        };
        if wanted && socket.protocol == protocol {
            socket.deliver(message.clone());
        }
    }
}

/// The caller.
fn sender() -> PeerCredentials {
    let thread = sched::current();
    let credentials = thread.credentials();
    PeerCredentials {
        pid: thread.process().pid,
        uid: credentials.uid.effective,
        gid: credentials.gid.effective,
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

/// An option's value; 0 where it is too short, as on Linux.
fn number(value: &[u8]) -> u32 {
    let bytes = value.first_chunk();
    bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

impl NetlinkSocket {
    /// A socket of AF_NETLINK.
    pub fn new(kind: u32, protocol: u32) -> Result<Arc<NetlinkSocket>> {
        if !matches!(kind, raw::SOCK_RAW | raw::SOCK_DGRAM) {
            return Err(Errno::ESOCKTNOSUPPORT);
        }
        if !matches!(
            protocol,
            route::PROTOCOL | uevent::PROTOCOL | generic::PROTOCOL | connector::PROTOCOL
        ) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        admission::ask()?;
        let state = State {
            groups: 0,
            port: 0,
            queue: VecDeque::new(),
            waiting: 0,
        };
        let socket = Arc::new(NetlinkSocket {
            _counted: Counted::new(),
            protocol,
            kind,
            ino: unnamed::next_ino(),
            created: Timestamp::now(),
            options: SocketOptions::new(),
            switches: AtomicU32::new(0),
            listens: AtomicBool::new(false),
            state: SpinLock::new(lock_order::SOCKET_PEER, state),
            arrived: WaitQueue::new(),
        });
        let mut all = ALL.lock();
        all.retain(|known| known.strong_count() > 0);
        all.room(1)?;
        all.push(Arc::downgrade(&socket));
        drop(all);
        Ok(socket)
    }

    /// Takes a port unless it has one: `wanted`, or if that is 0 the process's number, or where
    /// that is taken one that no process has. Linux lets a bound socket keep its port only.
    fn claim(&self, wanted: u32) -> Result<u32> {
        let all = ALL.lock();
        let mut ports = Vec::new();
        ports.room_exact(all.len())?;
        let others = all
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|other| other.protocol == self.protocol)
            .filter(|other| !core::ptr::eq(&**other, self));
        ports.extend(others.map(|other| other.state.lock().port));
        ports.sort_unstable();
        let taken = |port: u32| ports.binary_search(&port).is_ok();
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

    /// Joins the group with this number, or leaves it. Those past the 32nd are known, but nothing is sent to them.
    fn change_membership(&self, group: u32, joins: bool) -> Result {
        if joins && self.protocol == connector::PROTOCOL && !may_administrate() {
            return Err(Errno::EPERM);
        }
        let most = match self.protocol {
            uevent::PROTOCOL | connector::PROTOCOL => 32,
            _ => 64,
        };
        if !(1..=most).contains(&group) {
            return Err(Errno::EINVAL);
        }
        let bit = 1_u32.checked_shl(group - 1).unwrap_or(0);
        let mut state = self.state.lock();
        if joins {
            state.groups |= bit;
        } else {
            state.groups &= !bit;
        }
        Ok(())
    }

    pub(super) fn deliver(&self, message: Arc<Message>) {
        {
            let mut state = self.state.lock();
            let room = self.options.receive_size();
            if state.waiting > room || state.queue.room(1).is_err() {
                self.options.fail(Errno::ENOBUFS);
            } else {
                state.waiting += message.weight();
                state.queue.push_back(message);
            }
        }
        self.arrived.wake_all(Events::READABLE);
    }

    /// A message of the kernel's to this socket alone.
    pub fn tell(&self, text: Vec<u8>) {
        self.deliver(Arc::new(Message::of_kernel(text, 0)));
    }
}

impl Drop for NetlinkSocket {
    fn drop(&mut self) {
        connector::ignore(self);
    }
}

impl Socket for NetlinkSocket {
    fn kind(&self) -> (u32, u32, u32) {
        (raw::AF_NETLINK, self.kind, self.protocol)
    }

    fn bind(&self, address: &[u8]) -> Result {
        let (port, groups) = parse(address)?;
        // What becomes of others is not for everybody.
        if groups != 0 && self.protocol == connector::PROTOCOL && !may_administrate() {
            return Err(Errno::EPERM);
        }
        let own = self.state.lock().port;
        if own != 0 && port != own {
            return Err(Errno::EINVAL);
        }
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
        let (port, groups) = match message.address {
            // Where nothing is said, to the kernel.
            [] => (0, 0),
            address => parse(address)?,
        };
        let length = message.data.remaining();
        if self.protocol == uevent::PROTOCOL {
            uevent::check_sender(port, groups)?;
        } else if port != 0 || groups != 0 {
            // Programs don't talk to each other here.
            return Err(Errno::ECONNREFUSED);
        }
        if length > MESSAGE_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let mut text = admission::zeroes(length)?;
        message.data.take(&mut text)?;
        let port = self.claim(0)?;
        match self.protocol {
            uevent::PROTOCOL => {
                let message = Message {
                    text,
                    groups,
                    port,
                    sender: sender(),
                };
                multicast(self.protocol, message);
            }
            connector::PROTOCOL => connector::answer(self, &text)?,
            generic::PROTOCOL => answer_all(self, port, &text, &generic::answer)?,
            _ => answer_all(self, port, &text, &route::answer)?,
        }
        Ok(length)
    }

    fn receive(&self, dst: &mut Dest<'_>, flags: MessageFlags, nonblock: bool) -> Result<Incoming> {
        let peek = flags.contains(MessageFlags::PEEK);
        let nonblock = nonblock || flags.contains(MessageFlags::DONT_WAIT);
        let event = self.options.wait_to_receive(nonblock, &self.arrived, || {
            let mut state = self.state.lock();
            if let Err(lost) = self.options.take_error() {
                return Some(Err(lost));
            }
            if peek {
                return state.queue.front().cloned().map(Ok);
            }
            let first = state.queue.pop_front()?;
            state.waiting -= first.weight();
            Some(Ok(first))
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
            // Filters are wishes here.
            (raw::SOL_SOCKET, raw::SO_ATTACH_FILTER) if value.len() == FILTER_SIZE => Ok(()),
            (raw::SOL_SOCKET, raw::SO_ATTACH_FILTER) => Err(Errno::EINVAL),
            (raw::SOL_SOCKET, raw::SO_DETACH_FILTER | raw::SO_LOCK_FILTER) => Ok(()),
            (raw::SOL_SOCKET, _) => self.options.set(name, value),
            (SOL_NETLINK, ADD_MEMBERSHIP | DROP_MEMBERSHIP) => {
                self.change_membership(number(value), name == ADD_MEMBERSHIP)
            }
            (SOL_NETLINK, _) if SWITCHES.contains(&name) => {
                if number(value) != 0 {
                    self.switches.fetch_or(1 << name, Ordering::Relaxed);
                } else {
                    self.switches.fetch_and(!(1 << name), Ordering::Relaxed);
                }
                Ok(())
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn option(&self, level: u32, name: u32) -> Result<Vec<u8>> {
        match level {
            raw::SOL_SOCKET => self.options.get(self.kind(), name),
            SOL_NETLINK if SWITCHES.contains(&name) => {
                let on = self.switches.load(Ordering::Relaxed) >> name & 1;
                Ok(int(on))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn passes_credentials(&self) -> bool {
        self.options.is_on(raw::SO_PASSCRED)
    }
}

impl File for NetlinkSocket {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        Ok(self.receive(dst, MessageFlags::empty(), io.nonblock)?.bytes)
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        let message = Outgoing {
            data: src,
            address: &[],
            control: Control::default(),
            flags: MessageFlags::empty(),
        };
        self.send(message, io.nonblock)
    }

    fn splices(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn poll(&self) -> Events {
        let mut events = Events::WRITABLE | Events::WRBAND;
        events.set(Events::READABLE, !self.state.lock().queue.is_empty());
        events.set(Events::ERR, self.options.has_failed());
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.arrived)
    }

    fn signals_events(&self) -> bool {
        true
    }

    fn attributes(&self) -> Result<Attributes> {
        let mode = NodeKind::Socket.mode_bits() | 0o777;
        Ok(unnamed::attributes_of(self.ino, mode, self.created))
    }

    fn description(&self) -> Vec<u8> {
        alloc::format!("socket:[{}]", self.ino).into_bytes()
    }

    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn held_bytes(&self, _look: &mut Look) -> usize {
        self.state.lock().waiting
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
