//! Sockets of the Internet's families (AF_INET, AF_INET6) on a machine without interfaces: they have
//! addresses, ports and options, listen and wait, and find no way to anybody. The protocols are a
//! server's; until there is one, all is answered here as Linux does whose interfaces are down.

pub mod address;
mod options;
pub mod ports;

use super::interfaces;
use super::socket::{Incoming, MessageFlags, Outgoing, Socket};
use super::socket_options::{SocketOptions, int};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::node::{Attributes, NodeKind, Timestamp};
use crate::fs::unnamed;
use crate::linux::net as raw;
use crate::lock_order;
use crate::mm::uptr::UserPtr;
use crate::population::{Counted, ObjectKind};
use crate::sched;
use crate::sched::wait::WaitQueue;
use crate::task::credentials::Capabilities;
use crate::uio::{Dest, Source};
use address::Address;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;
use options::{Asker, Options};
use ports::{Claim, Space};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    const fn number(self) -> u32 {
        match self {
            Family::V4 => raw::AF_INET,
            Family::V6 => raw::AF_INET6,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stream,
    Datagram,
    Raw,
}

const ICMP: u32 = 1;
const ICMPV6: u32 = 58;
/// One more than the largest protocol (`IPPROTO_MAX`).
const PROTOCOLS: u32 = 263;
/// One more than the largest type (`SOCK_MAX`).
const KINDS: u32 = 11;
/// The longest datagram.
const LONGEST: usize = 0xffff;
/// Buffers of a stream at first (the middle numbers of tcp_wmem and tcp_rmem).
const STREAM_SENDS: u32 = 16_384;
const STREAM_RECEIVES: u32 = 131_072;
/// Ports below are for who may have them (CAP_NET_BIND_SERVICE).
const FIRST_FREE_PORT: u16 = 1024;

struct State {
    address: Address,
    /// Its port in [`ports`]; 0 for none.
    port: u16,
    /// The port was asked for: it stays the socket's when it is disconnected.
    asked: bool,
    /// The port that it tells.
    told: u16,
    listens: bool,
    shut_read: bool,
    shut_write: bool,
    options: Options,
}

/// See the module's header.
pub struct InetSocket {
    _counted: Counted<{ ObjectKind::InetSocket as usize }>,
    family: Family,
    kind: Kind,
    protocol: u32,
    ino: u64,
    created: Timestamp,
    general: SocketOptions,
    state: SpinLock<State>,
    /// Waiters for the end of waiting: nothing else ever comes.
    queue: WaitQueue,
}

fn may(what: Capabilities) -> bool {
    sched::current().credentials().can(what)
}

fn asking_user() -> u32 {
    sched::current().credentials().uid.effective
}

/// A socket of a family; `kind` without its flags.
pub fn create(family: Family, kind: u32, protocol: u32) -> Result<Arc<InetSocket>> {
    if protocol >= PROTOCOLS || kind >= KINDS {
        return Err(Errno::EINVAL);
    }
    let ping = match family {
        Family::V4 => ICMP,
        Family::V6 => ICMPV6,
    };
    let (kind, protocol) = match (kind, protocol) {
        (raw::SOCK_STREAM, 0 | options::TCP) => (Kind::Stream, options::TCP),
        (raw::SOCK_DGRAM, 0 | options::UDP) => (Kind::Datagram, options::UDP),
        // Nobody is in ping_group_range, as it is at first.
        (raw::SOCK_DGRAM, protocol) if protocol == ping => return Err(Errno::EACCES),
        (raw::SOCK_RAW, 1..) if may(Capabilities::NET_RAW) => (Kind::Raw, protocol),
        (raw::SOCK_RAW, 1..) => return Err(Errno::EPERM),
        (raw::SOCK_STREAM | raw::SOCK_DGRAM | raw::SOCK_RAW, _) => {
            return Err(Errno::EPROTONOSUPPORT);
        }
        _ => return Err(Errno::ESOCKTNOSUPPORT),
    };
    admission::ask()?;
    let state = State {
        address: Address::any(family),
        port: 0,
        asked: false,
        // A raw socket's protocol is told as its port.
        told: if kind == Kind::Raw {
            protocol as u16
        } else {
            0
        },
        listens: false,
        shut_read: false,
        shut_write: false,
        options: Options::new(),
    };
    let general = match kind {
        Kind::Stream => SocketOptions::with_sizes(STREAM_SENDS, STREAM_RECEIVES),
        Kind::Datagram | Kind::Raw => SocketOptions::new(),
    };
    Ok(Arc::new(InetSocket {
        _counted: Counted::new(),
        family,
        kind,
        protocol,
        ino: unnamed::next_ino(),
        created: Timestamp::now(),
        general,
        state: SpinLock::new(lock_order::SOCKET, state),
        queue: WaitQueue::new(),
    }))
}

impl InetSocket {
    fn space(&self) -> Option<Space> {
        match self.kind {
            Kind::Stream => Some(Space::Tcp),
            Kind::Datagram => Some(Space::Udp),
            Kind::Raw => None,
        }
    }

    /// Takes a port, for 0 one that is free.
    fn take_port(&self, state: &mut State, wanted: u16, uid: u32) -> Result {
        let Some(space) = self.space() else {
            return Ok(());
        };
        let claim = Claim {
            ino: self.ino,
            family: self.family,
            address: state.address,
            only_new: state.options.is_on(options::ONLY_NEW),
            reuses_address: self.general.is_on(raw::SO_REUSEADDR),
            reuses_port: self.general.is_on(raw::SO_REUSEPORT),
            uid,
            listens: false,
        };
        state.port = ports::take(space, wanted, claim)?;
        state.told = state.port;
        Ok(())
    }

    /// Gives the port back, unless it was asked for.
    fn leave_port(&self, state: &mut State) {
        if let Some(space) = self.space()
            && state.port != 0
            && !state.asked
        {
            ports::release(space, state.port, self.ino);
            state.port = 0;
        }
    }

    /// Has those who want the port know whether it may be shared, as that is set now.
    fn tell_of_sharing(&self) {
        let port = self.state.lock().port;
        if let Some(space) = self.space().filter(|_| port != 0) {
            ports::change(space, port, self.ino, |claim| {
                claim.reuses_address = self.general.is_on(raw::SO_REUSEADDR);
                claim.reuses_port = self.general.is_on(raw::SO_REUSEPORT);
            });
        }
    }

    /// A datagram socket has a port before anything is sent.
    fn bind_by_itself(&self) -> Result {
        let uid = asking_user();
        let mut state = self.state.lock();
        if state.port != 0 {
            return Ok(());
        }
        self.take_port(&mut state, 0, uid)
            .map_err(|error| match error {
                Errno::EADDRINUSE => Errno::EAGAIN,
                other => other,
            })
    }

    /// What comes of looking for a way to an address.
    fn no_way(to: Address, kind: Kind) -> Errno {
        match to {
            Address::V6(_) if to.is_group() && kind == Kind::Stream => Errno::ENETUNREACH,
            Address::V6(_) => Errno::EADDRNOTAVAIL,
            Address::V4(_) => Errno::ENETUNREACH,
        }
    }

    fn disconnect(&self) -> Result {
        let mut state = self.state.lock();
        let listened = core::mem::take(&mut state.listens);
        if let Some(space) = self.space().filter(|_| listened && state.asked) {
            ports::change(space, state.port, self.ino, |claim| claim.listens = false);
        }
        self.leave_port(&mut state);
        if self.kind == Kind::Datagram && state.port == 0 {
            state.told = 0;
        }
        drop(state);
        if listened {
            self.queue.wake_all(Events::all());
        }
        Ok(())
    }

    fn connect_stream(&self, address: &[u8]) -> Result {
        if self.state.lock().listens {
            return Err(Errno::EISCONN);
        }
        let to = address::to_connect(self.family, self.kind, address)?;
        Err(Self::no_way(to, self.kind))
    }

    fn send_stream(&self, message: &Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::FAST_OPEN) && !message.address.is_empty() {
            self.connect_stream(message.address)?;
        }
        if !message.flags.contains(MessageFlags::NO_SIGNAL) {
            super::raise_sigpipe();
        }
        Err(Errno::EPIPE)
    }

    fn send_datagram(&self, message: Outgoing<'_, '_>) -> Result<usize> {
        if self.kind == Kind::Datagram {
            self.bind_by_itself()?;
        }
        let length = message.data.remaining();
        if length > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        if self.family == Family::V4 && message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if message.address.is_empty() {
            return Err(Errno::EDESTADDRREQ);
        }
        let to = match self.kind {
            Kind::Raw => address::to_connect(self.family, self.kind, message.address)?,
            _ => address::to_send(self.family, message.address)?.0,
        };
        if matches!(to, Address::V4(_)) && to.is_any() && self.kind == Kind::Datagram {
            // To oneself, by the loop's interface, where it is lost, as that is down.
            message.data.take(&mut admission::zeroes(length)?)?;
            return Ok(length);
        }
        Err(Self::no_way(to, self.kind))
    }

    /// Waits until there is nothing to wait for any more.
    fn wait_for_end(&self, nonblock: bool, has_ended: impl Fn(&State) -> bool) -> Result {
        if nonblock {
            return Err(Errno::EAGAIN);
        }
        let ended = || has_ended(&self.state.lock()).then_some(());
        self.general.wait_to_receive(false, &self.queue, ended)
    }

    /// Options that are neither all families' nor of the table.
    fn set_other(&self, level: u32, name: u32, value: &[u8]) -> Result {
        let groups = match (level, name) {
            (options::IP, raw::IP_ADD_MEMBERSHIP..=raw::IP_ADD_SOURCE_MEMBERSHIP) => true,
            (options::IPV6, raw::IPV6_ADD_MEMBERSHIP | raw::IPV6_DROP_MEMBERSHIP) => {
                self.family == Family::V6
            }
            _ => false,
        };
        match (level, name) {
            _ if groups && self.kind == Kind::Stream => Err(Errno::EPROTO),
            _ if groups && value.len() < 8 => Err(Errno::EINVAL),
            _ if groups => Err(Errno::ENODEV),
            // `struct sock_fprog`: what nothing ever comes to is not asked.
            (raw::SOL_SOCKET, raw::SO_ATTACH_FILTER) if value.len() == 16 => Ok(()),
            (raw::SOL_SOCKET, raw::SO_ATTACH_FILTER) => Err(Errno::EINVAL),
            (raw::SOL_SOCKET, raw::SO_DETACH_FILTER) => Err(Errno::ENOENT),
            (raw::SOL_SOCKET, raw::SO_BINDTODEVICE) => {
                // No name is no device.
                match value.first() {
                    None | Some(0) => Ok(()),
                    Some(_) => Err(Errno::ENODEV),
                }
            }
            (options::TCP, raw::TCP_CONGESTION) if self.kind == Kind::Stream => {
                let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
                match name {
                    b"" => Err(Errno::EINVAL),
                    b"cubic" | b"reno" => Ok(()),
                    _ => Err(Errno::ENOENT),
                }
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// Whether the socket's protocols have options of a level.
    fn has_level(&self, level: u32) -> bool {
        match level {
            raw::SOL_SOCKET => true,
            options::IP => self.family == Family::V4 || self.kind != Kind::Raw,
            options::IPV6 => self.family == Family::V6,
            options::TCP => self.kind == Kind::Stream,
            options::UDP => self.kind == Kind::Datagram,
            _ => false,
        }
    }
}

impl Drop for InetSocket {
    fn drop(&mut self) {
        let port = self.state.lock().port;
        if let Some(space) = self.space()
            && port != 0
        {
            ports::release(space, port, self.ino);
        }
    }
}

impl Socket for InetSocket {
    fn kind(&self) -> (u32, u32, u32) {
        let kind = match self.kind {
            Kind::Stream => raw::SOCK_STREAM,
            Kind::Datagram => raw::SOCK_DGRAM,
            Kind::Raw => raw::SOCK_RAW,
        };
        (self.family.number(), kind, self.protocol)
    }

    fn bind(&self, address: &[u8]) -> Result {
        let (place, port) = address::to_bind(self.family, self.kind, address)?;
        let low = (1..FIRST_FREE_PORT).contains(&port);
        if low && self.kind != Kind::Raw && !may(Capabilities::NET_BIND_SERVICE) {
            return Err(Errno::EACCES);
        }
        let uid = asking_user();
        let mut state = self.state.lock();
        if state.port != 0 || state.listens {
            return Err(Errno::EINVAL);
        }
        let own =
            state.options.is_on(options::FOREIGN) || state.options.is_on(options::TRANSPARENT);
        match place {
            Address::V4(_)
                if self.family == Family::V6 && state.options.is_on(options::ONLY_NEW) =>
            {
                return Err(Errno::EINVAL);
            }
            Address::V6(_) if !place.is_any() && !place.is_group() && !own => {
                return Err(Errno::EADDRNOTAVAIL);
            }
            // Without interfaces Linux takes any address of the old kind.
            _ => {}
        }
        let before = core::mem::replace(&mut state.address, place);
        if port == 0 && state.options.is_on(options::LATE_PORT) {
            return Ok(());
        }
        if let Err(error) = self.take_port(&mut state, port, uid) {
            state.address = before;
            return Err(error);
        }
        state.asked = port != 0;
        Ok(())
    }

    fn connect(&self, address: &[u8], _nonblock: bool) -> Result {
        let family = address::family_of(address).ok_or(Errno::EINVAL)?;
        if family == raw::AF_UNSPEC {
            return self.disconnect();
        }
        match self.kind {
            Kind::Stream => self.connect_stream(address),
            Kind::Datagram => {
                self.bind_by_itself()?;
                let to = address::to_connect(self.family, self.kind, address)?;
                Err(Self::no_way(to, self.kind))
            }
            Kind::Raw => {
                let to = address::to_connect(self.family, self.kind, address)?;
                Err(Self::no_way(to, self.kind))
            }
        }
    }

    fn listen(&self, _backlog: i32) -> Result {
        if self.kind != Kind::Stream {
            return Err(Errno::EOPNOTSUPP);
        }
        let uid = asking_user();
        let mut state = self.state.lock();
        if state.listens {
            return Ok(());
        }
        if state.port == 0 {
            self.take_port(&mut state, 0, uid)?;
        }
        ports::listen(state.port, self.ino)?;
        state.listens = true;
        Ok(())
    }

    fn accept(&self, nonblock: bool) -> Result<Arc<dyn File>> {
        if self.kind != Kind::Stream {
            return Err(Errno::EOPNOTSUPP);
        }
        if !self.state.lock().listens {
            return Err(Errno::EINVAL);
        }
        self.wait_for_end(nonblock, |state| !state.listens)?;
        Err(Errno::EINVAL)
    }

    fn send(&self, message: Outgoing<'_, '_>, _nonblock: bool) -> Result<usize> {
        match self.kind {
            Kind::Stream => self.send_stream(&message),
            Kind::Datagram | Kind::Raw => self.send_datagram(message),
        }
    }

    fn receive(
        &self,
        _dst: &mut Dest<'_>,
        flags: MessageFlags,
        nonblock: bool,
    ) -> Result<Incoming> {
        if flags.contains(MessageFlags::ERROR_QUEUE) {
            return Err(Errno::EAGAIN);
        }
        if self.kind == Kind::Stream {
            let state = self.state.lock();
            return match (state.listens, state.shut_read) {
                (true, _) => Err(Errno::ENOTCONN),
                _ if flags.contains(MessageFlags::OOB) => Err(Errno::EINVAL),
                (_, true) => Ok(Incoming::default()),
                _ => Err(Errno::ENOTCONN),
            };
        }
        let nonblock = nonblock || flags.contains(MessageFlags::DONT_WAIT);
        self.wait_for_end(nonblock, |state| state.shut_read)?;
        Ok(Incoming::default())
    }

    fn shutdown(&self, read: bool, write: bool) -> Result {
        let listens = self.state.lock().listens;
        if listens {
            return if read { self.disconnect() } else { Ok(()) };
        }
        {
            let mut state = self.state.lock();
            state.shut_read |= read;
            state.shut_write |= write;
        }
        self.queue.wake_all(Events::all());
        Err(Errno::ENOTCONN)
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        let state = self.state.lock();
        Ok(state.address.to_sockaddr(self.family, state.told))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        Err(Errno::ENOTCONN)
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result {
        if !self.has_level(level) {
            return Err(Errno::ENOPROTOOPT);
        }
        if level == raw::SOL_SOCKET {
            match self.general.set(name, value) {
                Err(Errno::ENOPROTOOPT) => {}
                other => {
                    self.tell_of_sharing();
                    return other;
                }
            }
        }
        let asker = Asker {
            kind: self.kind,
            administrates: may(Capabilities::NET_ADMIN),
            is_bound: self.kind == Kind::Raw || self.state.lock().port != 0,
        };
        let result = self.state.lock().options.set(asker, level, name, value);
        result.unwrap_or_else(|| self.set_other(level, name, value))
    }

    fn option(&self, level: u32, name: u32) -> Result<Vec<u8>> {
        if !self.has_level(level) {
            return Err(match self.family {
                Family::V4 => Errno::EOPNOTSUPP,
                Family::V6 => Errno::ENOPROTOOPT,
            });
        }
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_ACCEPTCONN) => {
                return Ok(int(self.state.lock().listens.into()));
            }
            (raw::SOL_SOCKET, raw::SO_BINDTODEVICE) => return Ok(Vec::new()),
            (raw::SOL_SOCKET, name) => match self.general.get(Socket::kind(self), name) {
                Err(Errno::ENOPROTOOPT) => {}
                other => return other,
            },
            (options::IP, raw::IP_MTU) => return Err(Errno::ENOTCONN),
            (options::IPV6, raw::IPV6_MTU) => return Err(Errno::ENOTCONN),
            (options::TCP, raw::TCP_CONGESTION) => {
                return Ok(b"cubic\0\0\0\0\0\0\0\0\0\0\0".to_vec());
            }
            _ => {}
        }
        let value = self.state.lock().options.get(level, name);
        let value = value.ok_or(Errno::ENOPROTOOPT)?;
        Ok(int(value.cast_unsigned()))
    }
}

impl File for InetSocket {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        Ok(self.receive(dst, MessageFlags::empty(), io.nonblock)?.bytes)
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
        let state = self.state.lock();
        if state.listens {
            return Events::empty();
        }
        let mut events = Events::WRITABLE;
        if self.kind != Kind::Stream {
            events |= Events::WRBAND;
        }
        if state.shut_read {
            events |= Events::READABLE | Events::RDHUP;
        }
        if self.kind == Kind::Stream || state.shut_read && state.shut_write {
            events |= Events::HUP;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
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

    fn readable_bytes(&self) -> Result<usize> {
        if self.state.lock().listens {
            Err(Errno::EINVAL)
        } else {
            Ok(0)
        }
    }

    fn ioctl(&self, command: u32, arg: usize) -> Result<usize> {
        const UNSENT: u32 = crate::linux::ioctl::TIOCOUTQ;
        const AT_MARK: u32 = 0x8905;
        match command {
            UNSENT if self.state.lock().listens => Err(Errno::EINVAL),
            UNSENT => UserPtr::new(arg).write(&0_u32).map(|()| 0),
            AT_MARK if self.kind == Kind::Stream => UserPtr::new(arg).write(&0_u32).map(|()| 0),
            _ => interfaces::ioctl(command, arg),
        }
    }

    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
