//! Unix sockets (unix(7)): streams, sequenced packets and datagrams.
//!
//! A message goes straight into the receiver's [`Inbox`], so one copy in and one out is all. A
//! connected pair holds references to each other, which the first close cuts. Shutdown is kept on
//! both sides at once, as Linux does: what one side shuts, the other sees at itself.
//!
//! Locks: a socket's state is a spinlock; no two are held at once. The inbox is a sleeping mutex,
//! as filling it may fault; it is taken with no state locked.

pub mod address;
mod bind;
mod collect;
mod inbox;
mod list;
mod options;
mod transfer;

pub use inbox::DEFAULT_CAPACITY;
pub use list::{Report, count, report};

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::node::{Attributes, NodeKind, Timestamp};
use crate::fs::unnamed;
use crate::ipc::interfaces;
use crate::ipc::socket::{Incoming, MessageFlags, Outgoing, PeerCredentials, Socket};
use crate::ipc::socket_options::SocketOptions;
use crate::linux::net as raw;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched;
use crate::sched::wait::WaitQueue;
use crate::task::Pid;
use crate::task::footprint::Look;
use crate::uio::{Dest, Source};
use address::Name;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use inbox::Inbox;
use ochre_hal::sync::SpinLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Stream,
    Datagram,
    SeqPacket,
}

enum Phase {
    Idle,
    /// A connect is under way.
    Connecting,
    Listening {
        backlog: usize,
        pending: VecDeque<Arc<UnixSocket>>,
    },
    /// For datagrams: the default destination.
    Connected(Arc<UnixSocket>),
    Closed,
}

struct State {
    phase: Phase,
    name: Option<Arc<Name>>,
    /// Who is at the other end, for SO_PEERCRED.
    peer_credentials: Option<PeerCredentials>,
    /// Who called listen, connect or socketpair here.
    credentials: Option<PeerCredentials>,
}

/// Bits of [`UnixSocket::shut`].
const READ: u8 = 1;
const WRITE: u8 = 2;

pub struct UnixSocket {
    _counted: Counted<{ ObjectKind::UnixSocket as usize }>,
    kind: Kind,
    ino: u64,
    created: Timestamp,
    state: SpinLock<State>,
    inbox: Inbox,
    /// It is or was behind a descriptor: not one that waits to be accepted.
    held: AtomicBool,
    /// What was shut down, from either side.
    shut: AtomicU8,
    /// The buffers have the size they have, whatever SO_SNDBUF and SO_RCVBUF were set to.
    options: SocketOptions,
    /// Waiters for anything that happens here.
    queue: WaitQueue,
    /// Datagram sockets that wait for room here.
    senders: SpinLock<Vec<Weak<UnixSocket>>>,
}

/// The caller, as others see it.
fn own_credentials() -> PeerCredentials {
    let thread = sched::current();
    let credentials = thread.credentials();
    let pid: Pid = thread.process().pid;
    PeerCredentials {
        pid,
        uid: credentials.uid.effective,
        gid: credentials.gid.effective,
    }
}

impl UnixSocket {
    fn new(kind: Kind) -> Arc<UnixSocket> {
        let socket = Arc::new(UnixSocket {
            _counted: Counted::new(),
            kind,
            ino: unnamed::next_ino(),
            created: Timestamp::now(),
            state: SpinLock::new(
                lock_order::SOCKET,
                State {
                    phase: Phase::Idle,
                    name: None,
                    peer_credentials: None,
                    credentials: None,
                },
            ),
            inbox: Inbox::new(),
            held: AtomicBool::new(false),
            shut: AtomicU8::new(0),
            options: SocketOptions::new(),
            queue: WaitQueue::new(),
            senders: SpinLock::new(lock_order::CELL, Vec::new()),
        });
        list::enter(&socket);
        socket
    }

    fn is_datagram(&self) -> bool {
        self.kind == Kind::Datagram
    }

    fn peer(&self) -> Option<Arc<UnixSocket>> {
        match &self.state.lock().phase {
            Phase::Connected(peer) => Some(peer.clone()),
            _ => None,
        }
    }

    fn name(&self) -> Option<Arc<Name>> {
        self.state.lock().name.clone()
    }

    fn is_shut(&self, what: u8) -> bool {
        self.shut.load(Ordering::SeqCst) & what != 0
    }

    fn shut_down(&self, what: u8) {
        self.shut.fetch_or(what, Ordering::SeqCst);
        self.queue.wake_all(Events::all());
    }

    /// Domain, type and protocol.
    fn address_kind(&self) -> (u32, u32, u32) {
        let kind = match self.kind {
            Kind::Stream => raw::SOCK_STREAM,
            Kind::Datagram => raw::SOCK_DGRAM,
            Kind::SeqPacket => raw::SOCK_SEQPACKET,
        };
        (raw::AF_UNIX, kind, 0)
    }

    /// A read made room in the inbox, where `before` bytes were free: tells who waits to send.
    fn room_made(&self, before: usize) {
        if self.is_datagram() {
            self.wake_senders();
        } else if self.inbox.is_news(before)
            && let Some(peer) = self.peer()
        {
            peer.queue.wake_all(Events::WRITABLE);
        }
    }

    /// Tells the datagram sockets that wait to send to this one.
    fn wake_senders(&self) {
        let senders = core::mem::take(&mut *self.senders.lock());
        for sender in senders.iter().filter_map(Weak::upgrade) {
            sender.queue.wake_all(Events::WRITABLE);
        }
    }

    /// Has this datagram socket told when `receiver` has room.
    fn await_room(self: &Arc<Self>, receiver: &UnixSocket) {
        let mut senders = receiver.senders.lock();
        let me = Arc::downgrade(self);
        if !senders.iter().any(|known| known.ptr_eq(&me)) {
            senders.retain(|known| known.strong_count() > 0);
            senders.push(me);
        }
    }

    /// Whether poll should call it writable: a fair part of the peer's inbox is free.
    fn is_writable(self: &Arc<Self>) -> bool {
        let Some(peer) = self.peer() else { return true };
        let enough = |peer: &UnixSocket| peer.inbox.free() >= peer.inbox.capacity() / 4;
        if enough(&peer) {
            return true;
        }
        if self.is_datagram() {
            self.await_room(&peer);
            return enough(&peer);
        }
        false
    }

    /// The last description of this end is gone.
    fn close(&self) {
        let (phase, name) = {
            let mut state = self.state.lock();
            (
                core::mem::replace(&mut state.phase, Phase::Closed),
                state.name.take(),
            )
        };
        if let Some(Name::Abstract(name)) = name.as_deref() {
            address::release_abstract(self.kind, name);
        }
        let unread = self.inbox.discard();
        self.shut.fetch_or(READ | WRITE, Ordering::SeqCst);
        match phase {
            Phase::Listening { pending, .. } => {
                for server in pending {
                    if let Some(client) = server.peer() {
                        client.options.fail(Errno::ECONNRESET);
                    }
                    server.close();
                }
            }
            Phase::Connected(peer) if !self.is_datagram() => {
                if unread {
                    peer.options.fail(Errno::ECONNRESET);
                }
                peer.shut_down(READ | WRITE);
            }
            _ => {}
        }
        self.wake_senders();
        self.queue.wake_all(Events::all());
    }
}

/// The open file of a socket.
pub struct UnixFile(Arc<UnixSocket>);

impl UnixFile {
    fn new(socket: Arc<UnixSocket>) -> Arc<UnixFile> {
        socket.held.store(true, Ordering::Relaxed);
        Arc::new(UnixFile(socket))
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        self.0.close();
        collect::collect();
    }
}

/// socket(2) for AF_UNIX.
pub fn create(kind: u32, protocol: u32) -> Result<Arc<dyn File>> {
    if protocol != 0 && protocol != raw::AF_UNIX {
        return Err(Errno::EPROTONOSUPPORT);
    }
    Ok(UnixFile::new(UnixSocket::new(kind_of(kind)?)))
}

fn kind_of(kind: u32) -> Result<Kind> {
    match kind {
        raw::SOCK_STREAM => Ok(Kind::Stream),
        // As on Linux, raw unix sockets are datagrams.
        raw::SOCK_DGRAM | raw::SOCK_RAW => Ok(Kind::Datagram),
        raw::SOCK_SEQPACKET => Ok(Kind::SeqPacket),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

/// socketpair(2).
pub fn pair(kind: u32, protocol: u32) -> Result<(Arc<dyn File>, Arc<dyn File>)> {
    if protocol != 0 && protocol != raw::AF_UNIX {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let kind = kind_of(kind)?;
    let (a, b) = (UnixSocket::new(kind), UnixSocket::new(kind));
    let credentials = own_credentials();
    for (one, other) in [(&a, &b), (&b, &a)] {
        let mut state = one.state.lock();
        state.phase = Phase::Connected(other.clone());
        state.peer_credentials = Some(credentials);
        state.credentials = Some(credentials);
    }
    Ok((UnixFile::new(a), UnixFile::new(b)))
}

impl File for UnixFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        self.receive(dst, MessageFlags::empty(), io.nonblock)
            .map(|incoming| incoming.bytes)
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        let message = Outgoing {
            data: src,
            address: &[],
            control: Default::default(),
            flags: MessageFlags::empty(),
        };
        self.send(message, io.nonblock)
    }

    fn splices(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn poll(&self) -> Events {
        let socket = &self.0;
        let mut events = Events::empty();
        if socket.options.has_failed() {
            events |= Events::ERR;
        }
        let shut = socket.shut.load(Ordering::SeqCst);
        if shut & READ != 0 {
            events |= Events::RDHUP | Events::READABLE;
        }
        if shut == READ | WRITE {
            events |= Events::HUP;
        }
        if socket.inbox.waiting() > 0 {
            events |= Events::READABLE;
        }
        match &socket.state.lock().phase {
            Phase::Listening { pending, .. } => {
                if !pending.is_empty() {
                    events |= Events::READABLE;
                }
                return events;
            }
            Phase::Idle | Phase::Connecting if !socket.is_datagram() => events |= Events::HUP,
            _ => {}
        }
        if socket.is_writable() {
            events |= Events::WRITABLE | Events::WRBAND;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }

    fn signals_events(&self) -> bool {
        true
    }

    fn attributes(&self) -> Result<Attributes> {
        let mode = NodeKind::Socket.mode_bits() | 0o777;
        Ok(unnamed::attributes_of(self.0.ino, mode, self.0.created))
    }

    fn description(&self) -> Vec<u8> {
        alloc::format!("socket:[{}]", self.0.ino).into_bytes()
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(match self.0.kind {
            Kind::Stream => self.0.inbox.bytes(),
            _ => self.0.inbox.first_len(),
        })
    }

    fn ioctl(&self, command: u32, arg: usize) -> Result<usize> {
        /// SIOCOUTQ, which is TIOCOUTQ.
        const UNSENT: u32 = crate::linux::ioctl::TIOCOUTQ;
        match command {
            UNSENT => {
                let unsent = self.0.peer().map_or(0, |peer| peer.inbox.bytes());
                crate::mm::uptr::UserPtr::new(arg).write(&(unsent as u32))?;
                Ok(0)
            }
            _ => interfaces::ioctl(command, arg),
        }
    }

    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn held_bytes(&self, look: &mut Look) -> usize {
        let pending: usize = match &self.0.state.lock().phase {
            Phase::Listening { pending, .. } => {
                let each =
                    |socket: &Arc<UnixSocket>| size_of::<UnixSocket>() + socket.inbox.bytes();
                pending.iter().map(each).sum()
            }
            _ => 0,
        };
        pending + self.0.inbox.held_bytes(look)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Socket for UnixFile {
    fn kind(&self) -> (u32, u32, u32) {
        self.0.address_kind()
    }

    fn bind(&self, address: &[u8]) -> Result {
        self.0.bind(address)
    }

    fn connect(&self, address: &[u8], nonblock: bool) -> Result {
        self.0.connect(address, nonblock)
    }

    fn listen(&self, backlog: i32) -> Result {
        self.0.listen(backlog)
    }

    fn accept(&self, nonblock: bool) -> Result<Arc<dyn File>> {
        Ok(UnixFile::new(self.0.accept(nonblock)?))
    }

    fn send(&self, message: Outgoing<'_, '_>, nonblock: bool) -> Result<usize> {
        self.0.send(message, nonblock)
    }

    fn receive(&self, dst: &mut Dest<'_>, flags: MessageFlags, nonblock: bool) -> Result<Incoming> {
        self.0.receive(dst, flags, nonblock)
    }

    fn shutdown(&self, read: bool, write: bool) -> Result {
        let peer = self.0.peer();
        let own = (u8::from(read) * READ) | (u8::from(write) * WRITE);
        self.0.shut_down(own);
        if let Some(peer) = peer.filter(|_| !self.0.is_datagram()) {
            // What we do not read, it cannot write, and the other way round.
            peer.shut_down((u8::from(read) * WRITE) | (u8::from(write) * READ));
        }
        Ok(())
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        Ok(self
            .0
            .name()
            .map_or_else(address::family, |name| name.to_sockaddr()))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        let peer = self.0.peer().ok_or(Errno::ENOTCONN)?;
        Ok(peer
            .name()
            .map_or_else(address::family, |name| name.to_sockaddr()))
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result {
        self.0.set_option(level, name, value)
    }

    fn option(&self, level: u32, name: u32) -> Result<Vec<u8>> {
        self.0.option(level, name)
    }

    fn passes_credentials(&self) -> bool {
        self.0.options.is_on(raw::SO_PASSCRED)
    }
}
