//! Messages: send and receive.

use super::inbox::{Queue, Record, Rights};
use super::{Kind, Phase, READ, UnixSocket, WRITE, own_credentials};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::ipc::socket::{Control, Incoming, MessageFlags, Outgoing, PeerCredentials};
use crate::linux::net as raw;
use crate::sched;
use crate::task::limits::Resource;
use crate::uio::Dest;
use alloc::sync::Arc;
use ochre_hal::admission::Room;

/// Who an unknown sender is: the overflow user.
const NOBODY: PeerCredentials = PeerCredentials {
    pid: 0,
    uid: 65534,
    gid: 65534,
};

impl UnixSocket {
    pub(super) fn send(
        self: &Arc<Self>,
        mut message: Outgoing<'_, '_>,
        nonblock: bool,
    ) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let nonblock = nonblock || message.flags.contains(MessageFlags::DONT_WAIT);
        let quiet = message.flags.contains(MessageFlags::NO_SIGNAL);
        let before = message.data.done();
        let result = match self.kind {
            Kind::Stream => self.send_stream(&mut message, nonblock),
            Kind::Datagram | Kind::SeqPacket => self.send_packet(&mut message, nonblock),
        };
        let sent = message.data.done() - before;
        match result {
            // Part of a stream's data is through: that is the answer.
            Err(_) if sent > 0 && self.kind == Kind::Stream => Ok(sent),
            Err(Errno::EPIPE) => {
                if self.kind == Kind::Stream && !quiet {
                    crate::ipc::raise_sigpipe();
                }
                Err(Errno::EPIPE)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(sent),
        }
    }

    /// What travels beside the first byte.
    fn record(&self, to: &UnixSocket, control: Control) -> Result<Record> {
        let wanted = self.options.is_on(raw::SO_PASSCRED) || to.options.is_on(raw::SO_PASSCRED);
        let credentials = match control.credentials {
            None if wanted => Some(own_credentials()),
            given => given,
        };
        let rights = if control.files.is_empty() {
            Rights::new(control.files, 0, 0)?
        } else {
            let thread = sched::current();
            let limit = thread.process().limit(Resource::Files);
            Rights::new(control.files, thread.credentials().uid.real, limit)?
        };
        let address = if self.kind == Kind::Stream {
            None
        } else {
            self.name()
        };
        Ok(Record {
            len: 0,
            rights,
            credentials,
            address,
        })
    }

    fn send_stream(self: &Arc<Self>, message: &mut Outgoing<'_, '_>, nonblock: bool) -> Result {
        self.options.take_error()?;
        let Some(peer) = self.peer() else {
            let addressed = !message.address.is_empty();
            return Err(if addressed {
                Errno::EOPNOTSUPP
            } else {
                Errno::ENOTCONN
            });
        };
        if !message.address.is_empty() {
            return Err(Errno::EISCONN);
        }
        let mut record = Some(self.record(&peer, core::mem::take(&mut message.control))?);
        // Nothing to send: control messages alone do not travel on a stream.
        while !message.data.is_full() {
            let data = &mut *message.data;
            if self.is_shut(WRITE) || peer.is_shut(READ) {
                return Err(Errno::EPIPE);
            }
            let capacity = peer.inbox.capacity();
            let moved = peer.inbox.with(|queue| -> Result<usize> {
                let ring = queue.ring(capacity)?;
                if ring.free() == 0 {
                    return Ok(0);
                }
                let before = ring.len();
                let result = ring.push(data, usize::MAX);
                let moved = ring.len() - before;
                if moved > 0 {
                    append(queue, record.take(), moved)?;
                }
                result.map(|()| moved)
            });
            if peer.is_shut(READ) {
                // It closed while we wrote; nobody will read that.
                peer.inbox.discard();
                return Err(Errno::EPIPE);
            }
            match moved {
                Ok(0) => {}
                Ok(_) => {
                    peer.queue.wake_all(Events::READABLE);
                    continue;
                }
                Err(error) => {
                    peer.queue.wake_all(Events::READABLE);
                    return Err(error);
                }
            }
            // A long send sleeps until half the inbox is free, not for every read.
            let enough = message.data.remaining().min(capacity / 2);
            self.options.wait_to_send(nonblock, &self.queue, || {
                let room = peer.inbox.has_room(enough);
                (room || self.is_shut(WRITE) || peer.is_shut(READ)).then_some(())
            })?;
        }
        Ok(())
    }

    fn destination(self: &Arc<Self>, address: &[u8]) -> Result<Arc<UnixSocket>> {
        if !address.is_empty() && self.is_datagram() {
            let to = self.find(address)?;
            self.check_destination(&to)?;
            return Ok(to);
        }
        self.peer().ok_or(Errno::ENOTCONN)
    }

    fn send_packet(self: &Arc<Self>, message: &mut Outgoing<'_, '_>, nonblock: bool) -> Result {
        self.options.take_error()?;
        let to = self.destination(message.address)?;
        let len = message.data.remaining();
        let capacity = to.inbox.capacity();
        if len > capacity {
            return Err(Errno::EMSGSIZE);
        }
        let mut record = self.record(&to, core::mem::take(&mut message.control))?;
        record.len = len;
        let mut record = Some(record);
        loop {
            if self.is_shut(WRITE) {
                return Err(Errno::EPIPE);
            }
            if to.is_shut(READ) {
                let closed = matches!(to.state.lock().phase, Phase::Closed);
                if self.is_datagram() && closed {
                    self.forget_destination(&to);
                    return Err(Errno::ECONNREFUSED);
                }
                return Err(Errno::EPIPE);
            }
            let data = &mut *message.data;
            let sent = to.inbox.with(|queue| -> Result<bool> {
                if queue.records.len() >= PACKETS_MAX {
                    return Ok(false);
                }
                queue.records.room(1)?;
                let ring = queue.ring(capacity)?;
                if ring.free() < len {
                    return Ok(false);
                }
                let before = ring.len();
                if let Err(error) = ring.push(data, len) {
                    ring.retract(ring.len() - before);
                    return Err(error);
                }
                queue.records.extend(record.take());
                Ok(true)
            })?;
            if sent {
                to.queue.wake_all(Events::READABLE);
                return Ok(());
            }
            self.options.wait_to_send(nonblock, &self.queue, || {
                if self.is_datagram() {
                    self.await_room(&to);
                }
                let crowded = to.inbox.waiting() >= PACKETS_MAX;
                let room = to.inbox.has_room(if crowded { 1 } else { len }) && !crowded;
                (room || self.is_shut(WRITE) || to.is_shut(READ)).then_some(())
            })?;
        }
    }

    /// The default destination of this datagram socket is gone.
    fn forget_destination(&self, gone: &Arc<UnixSocket>) {
        let old = {
            let mut state = self.state.lock();
            match &state.phase {
                Phase::Connected(peer) if Arc::ptr_eq(peer, gone) => {
                    Some(core::mem::replace(&mut state.phase, Phase::Idle))
                }
                _ => None,
            }
        };
        drop(old);
    }

    pub(super) fn receive(
        &self,
        dst: &mut Dest<'_>,
        flags: MessageFlags,
        nonblock: bool,
    ) -> Result<Incoming> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let nonblock = nonblock || flags.contains(MessageFlags::DONT_WAIT);
        match self.kind {
            Kind::Stream => self.receive_stream(dst, flags, nonblock),
            Kind::Datagram | Kind::SeqPacket => self.receive_packet(dst, flags, nonblock),
        }
    }

    /// Waits for a message; false: there will be none.
    fn wait_message(&self, nonblock: bool) -> Result<bool> {
        self.options.wait_to_receive(nonblock, &self.queue, || {
            if self.inbox.waiting() > 0 {
                return Some(Ok(true));
            }
            if self.options.has_failed() {
                return Some(self.options.take_error().map(|()| false));
            }
            self.is_shut(READ).then_some(Ok(false))
        })?
    }

    fn receive_stream(
        &self,
        dst: &mut Dest<'_>,
        flags: MessageFlags,
        nonblock: bool,
    ) -> Result<Incoming> {
        if matches!(
            self.state.lock().phase,
            Phase::Idle | Phase::Listening { .. }
        ) {
            return Err(Errno::EINVAL);
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let pass = self.options.is_on(raw::SO_PASSCRED);
        let mut incoming = Incoming::default();
        let before = dst.done();
        let wanted = dst.remaining();
        if wanted == 0 {
            return Ok(incoming);
        }
        loop {
            match self.wait_message(nonblock) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if dst.done() > before => break,
                Err(error) => return Err(error),
            }
            let first = dst.done() == before;
            let free = self.inbox.free();
            let result = self
                .inbox
                .with(|queue| take_stream(queue, dst, peek, pass, first, &mut incoming.control));
            if !peek && dst.done() > before {
                self.room_made(free);
            }
            let boundary = match result {
                Ok(boundary) => boundary,
                Err(_) if dst.done() > before => break,
                Err(error) => return Err(error),
            };
            let enough = !flags.contains(MessageFlags::WAIT_ALL) || dst.is_full();
            if peek || boundary || (enough && dst.done() > before) {
                break;
            }
        }
        incoming.bytes = dst.done() - before;
        if incoming.bytes > 0
            && let Some(name) = self.peer().and_then(|peer| peer.name())
        {
            incoming.address = name.to_sockaddr();
        }
        Ok(incoming)
    }

    fn receive_packet(
        &self,
        dst: &mut Dest<'_>,
        flags: MessageFlags,
        nonblock: bool,
    ) -> Result<Incoming> {
        if self.kind == Kind::SeqPacket
            && matches!(
                self.state.lock().phase,
                Phase::Idle | Phase::Listening { .. }
            )
        {
            return Err(Errno::ENOTCONN);
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let pass = self.options.is_on(raw::SO_PASSCRED);
        let before = dst.done();
        loop {
            if !self.wait_message(nonblock)? {
                return Ok(Incoming::default());
            }
            let free = self.inbox.free();
            let taken = self.inbox.with(|queue| -> Result<Option<Incoming>> {
                let Some(record) = queue.records.front_mut() else {
                    return Ok(None);
                };
                let len = record.len;
                let mut incoming = Incoming::default();
                incoming.control.files = if peek {
                    record.rights.peek()
                } else {
                    record.rights.take()
                };
                if pass {
                    incoming.control.credentials = Some(record.credentials.unwrap_or(NOBODY));
                }
                if let Some(name) = &record.address {
                    incoming.address = name.to_sockaddr();
                }
                let room = dst.remaining();
                let result = match &queue.ring {
                    Some(ring) => ring.peek(0, dst, len),
                    None => Ok(()),
                };
                if len > room {
                    incoming.flags |= MessageFlags::TRUNCATED;
                }
                let whole = flags.contains(MessageFlags::TRUNCATED);
                incoming.bytes = if whole { len } else { dst.done() - before };
                if !peek {
                    queue.records.pop_front();
                    if let Some(ring) = &mut queue.ring {
                        ring.consume(len);
                    }
                }
                result.map(|()| Some(incoming))
            });
            if !peek {
                self.room_made(free);
            }
            if let Some(incoming) = taken? {
                return Ok(incoming);
            }
        }
    }
}

/// Packets in one inbox: even empty ones take room.
const PACKETS_MAX: usize = 4096;

/// Notes that `len` bytes were queued: with a record of their own where something came beside
/// them, else as more of the last one.
fn append(queue: &mut Queue, record: Option<Record>, len: usize) -> Result {
    let plain = record
        .as_ref()
        .is_none_or(|new| new.rights.is_empty() && same_sender(queue, new.credentials));
    if plain
        && let Some(last) = queue.records.back_mut()
        && last.rights.is_empty()
    {
        last.len += len;
        return Ok(());
    }
    let none = || Rights::new(alloc::vec::Vec::new(), 0, 0);
    let mut record = match record {
        Some(record) => record,
        None => Record {
            len: 0,
            rights: none()?,
            credentials: None,
            address: None,
        },
    };
    record.len = len;
    queue.records.push_back(record);
    Ok(())
}

fn same_sender(queue: &Queue, credentials: Option<PeerCredentials>) -> bool {
    queue
        .records
        .back()
        .is_some_and(|last| last.credentials == credentials)
}

/// Moves bytes of a stream; `first` when none were moved yet in this call. Whether reading has to
/// stop here, because descriptors came or another sender's bytes follow.
fn take_stream(
    queue: &mut Queue,
    dst: &mut Dest<'_>,
    peek: bool,
    pass: bool,
    first: bool,
    control: &mut Control,
) -> Result<bool> {
    let mut first = first;
    let mut skip = 0;
    let mut index = 0;
    while !dst.is_full() {
        let Some(record) = queue.records.get_mut(index) else {
            return Ok(false);
        };
        if first {
            if pass {
                control.credentials = Some(record.credentials.unwrap_or(NOBODY));
            }
        } else if pass && Some(record.credentials.unwrap_or(NOBODY)) != control.credentials {
            return Ok(true);
        }
        let ring = queue.ring.as_mut().ok_or(Errno::EIO)?;
        let before = dst.done();
        let result = ring.peek(skip, dst, record.len);
        let moved = dst.done() - before;
        if moved == 0 {
            return result.map(|()| false);
        }
        let came_with_files = !record.rights.is_empty();
        if came_with_files {
            control.files = if peek {
                record.rights.peek()
            } else {
                record.rights.take()
            };
        }
        if peek {
            skip += moved;
            index += 1;
        } else {
            ring.consume(moved);
            record.len -= moved;
            if record.len == 0 {
                queue.records.pop_front();
            }
        }
        first = false;
        result?;
        if came_with_files {
            return Ok(true);
        }
    }
    Ok(false)
}
