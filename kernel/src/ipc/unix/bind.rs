//! Names and connections: bind, listen, connect, accept.

use super::address::{self, Name, Wanted};
use super::{Phase, UnixSocket, own_credentials};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::access::{Access, Identity};
use crate::fs::names;
use crate::fs::node::{Attachment, NewKind, NodeKind};
use crate::fs::path::Resolve;
use crate::linux::net as raw;
use crate::sched;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use ochre_hal::admission::Room;

/// SOMAXCONN.
const BACKLOG_MAX: usize = 4096;

/// Whether something is at `path`, for the caller.
fn exists(path: &[u8]) -> bool {
    let thread = sched::current();
    let identity = Identity::of(&thread.credentials());
    thread
        .fs()
        .view()
        .lookup(&identity, path, Resolve::empty())
        .is_ok()
}

impl UnixSocket {
    pub(super) fn bind(self: &Arc<Self>, address: &[u8]) -> Result {
        let wanted = address::parse(address)?;
        if self.name().is_some() {
            // A taken path is told before a taken socket.
            return Err(match wanted {
                Wanted::Name(Name::Path(path)) if exists(&path) => Errno::EADDRINUSE,
                _ => Errno::EINVAL,
            });
        }
        let name = match wanted {
            Wanted::Auto => address::take_any(self)?,
            Wanted::Name(Name::Abstract(name)) => {
                address::take_abstract(self.kind, &name, self)?;
                Name::Abstract(name)
            }
            Wanted::Name(Name::Path(path)) => {
                self.bind_path(&path)?;
                Name::Path(path)
            }
        };
        self.state.lock().name = Some(Arc::new(name));
        Ok(())
    }

    fn bind_path(self: &Arc<Self>, path: &[u8]) -> Result {
        let thread = sched::current();
        let fs = thread.fs();
        let view = fs.view();
        let identity = Identity::of_thread(&thread);
        let name = names::Name {
            start: view.cwd.clone(),
            path,
        };
        let mode = 0o777 & !fs.umask();
        let place = match names::make(&view, &identity, &name, NewKind::Socket, mode) {
            Err(Errno::EEXIST) => return Err(Errno::EADDRINUSE),
            made => made?,
        };
        *place.node().attachment.lock() = Attachment::Socket(Arc::downgrade(self));
        Ok(())
    }

    /// The socket that `address` means to the caller.
    pub(super) fn find(&self, address: &[u8]) -> Result<Arc<UnixSocket>> {
        let Wanted::Name(name) = address::parse(address)? else {
            return Err(Errno::EINVAL);
        };
        let found = match name {
            Name::Abstract(name) => {
                address::find_abstract(self.kind, &name).ok_or(Errno::ECONNREFUSED)?
            }
            Name::Path(path) => {
                let thread = sched::current();
                let view = thread.fs().view();
                let identity = Identity::of(&thread.credentials());
                let place = view.lookup(&identity, &path, Resolve::FOLLOW)?;
                identity.check_node(place.node(), Access::WRITE)?;
                if place.node().kind() != NodeKind::Socket {
                    return Err(Errno::ECONNREFUSED);
                }
                let attached = match &*place.node().attachment.lock() {
                    Attachment::Socket(socket) => socket.upgrade(),
                    _ => None,
                };
                attached.ok_or(Errno::ECONNREFUSED)?
            }
        };
        if found.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        Ok(found)
    }

    pub(super) fn listen(&self, backlog: i32) -> Result {
        if self.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let backlog = usize::try_from(backlog)
            .unwrap_or(BACKLOG_MAX)
            .min(BACKLOG_MAX);
        let credentials = own_credentials();
        let mut state = self.state.lock();
        if state.name.is_none() {
            return Err(Errno::EINVAL);
        }
        state.credentials = Some(credentials);
        match &mut state.phase {
            Phase::Idle => {
                state.phase = Phase::Listening {
                    backlog,
                    pending: VecDeque::new(),
                };
                Ok(())
            }
            Phase::Listening { backlog: known, .. } => {
                *known = backlog;
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn connect(self: &Arc<Self>, address: &[u8], nonblock: bool) -> Result {
        if self.is_datagram() {
            return self.set_destination(address);
        }
        let listener = self.find(address)?;
        {
            let mut state = self.state.lock();
            match state.phase {
                Phase::Idle => state.phase = Phase::Connecting,
                Phase::Connected(_) => return Err(Errno::EISCONN),
                Phase::Connecting => return Err(Errno::EALREADY),
                Phase::Listening { .. } | Phase::Closed => return Err(Errno::EINVAL),
            }
        }
        let result = self.connect_to(&listener, nonblock);
        if result.is_err() {
            let mut state = self.state.lock();
            if matches!(state.phase, Phase::Connecting) {
                state.phase = Phase::Idle;
            }
        }
        result
    }

    fn connect_to(self: &Arc<Self>, listener: &Arc<UnixSocket>, nonblock: bool) -> Result {
        let own = own_credentials();
        let server = UnixSocket::new(self.kind);
        let passes = listener.options.is_on(raw::SO_PASSCRED);
        server.options.turn(raw::SO_PASSCRED, passes);
        loop {
            let listening = {
                let mut state = listener.state.lock();
                let name = state.name.clone();
                let credentials = state.credentials;
                let Phase::Listening { backlog, pending } = &mut state.phase else {
                    return Err(Errno::ECONNREFUSED);
                };
                if listener.is_shut(super::READ) {
                    return Err(Errno::ECONNREFUSED);
                }
                if pending.len() <= *backlog {
                    pending.room(1)?;
                    // The server's half is complete before anybody can accept it; ours follows,
                    // and data sent meanwhile waits in our inbox.
                    Some((name, credentials))
                } else {
                    None
                }
            };
            let Some((name, credentials)) = listening else {
                self.options.wait_to_send(nonblock, &listener.queue, || {
                    match &listener.state.lock().phase {
                        Phase::Listening { backlog, pending } => {
                            (pending.len() <= *backlog).then_some(())
                        }
                        _ => Some(()),
                    }
                })?;
                continue;
            };
            {
                let mut state = server.state.lock();
                state.phase = Phase::Connected(self.clone());
                state.name = name;
                state.peer_credentials = Some(own);
                state.credentials = credentials;
            }
            {
                let mut state = self.state.lock();
                state.phase = Phase::Connected(server.clone());
                state.peer_credentials = credentials;
                state.credentials = Some(own);
            }
            let accepted = {
                let mut state = listener.state.lock();
                match &mut state.phase {
                    Phase::Listening { pending, .. } => {
                        // Room was reserved above; a race for it costs an allocation at most.
                        pending.push_back(server.clone());
                        true
                    }
                    _ => false,
                }
            };
            if !accepted {
                self.state.lock().phase = Phase::Idle;
                server.state.lock().phase = Phase::Closed;
                return Err(Errno::ECONNREFUSED);
            }
            listener.queue.wake_all(Events::READABLE);
            self.queue.wake_all(Events::WRITABLE);
            return Ok(());
        }
    }

    /// connect of a datagram socket: chooses the default destination, or none (AF_UNSPEC).
    fn set_destination(self: &Arc<Self>, address: &[u8]) -> Result {
        let unspecified = address.len() >= 2 && address[..2] == [0, 0];
        let phase = if unspecified {
            Phase::Idle
        } else {
            let peer = self.find(address)?;
            self.check_destination(&peer)?;
            Phase::Connected(peer)
        };
        let old = core::mem::replace(&mut self.state.lock().phase, phase);
        drop(old);
        self.queue.wake_all(Events::WRITABLE);
        Ok(())
    }

    /// A datagram socket that is connected takes messages from its peer only.
    pub(super) fn check_destination(self: &Arc<Self>, to: &Arc<UnixSocket>) -> Result {
        match to.peer() {
            Some(theirs) if !Arc::ptr_eq(&theirs, self) => Err(Errno::EPERM),
            _ => Ok(()),
        }
    }

    pub(super) fn accept(&self, nonblock: bool) -> Result<Arc<UnixSocket>> {
        if self.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let next = || match &mut self.state.lock().phase {
            Phase::Listening { pending, .. } => match pending.pop_front() {
                Some(server) => Some(Ok(server)),
                None if self.is_shut(super::READ) => Some(Err(Errno::EINVAL)),
                None => None,
            },
            _ => Some(Err(Errno::EINVAL)),
        };
        let server = self
            .options
            .wait_to_receive(nonblock, &self.queue, next)??;
        // A connect may wait for room in the backlog.
        self.queue.wake_all(Events::WRITABLE);
        Ok(server)
    }
}
