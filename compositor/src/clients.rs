//! Who is connected, and that none of them takes all our file descriptors.
//!
//! A client can send descriptors that no request of it uses; the protocol library keeps them until
//! the client is gone. As long as there are plenty this costs nothing but one look a wake-up. Past a
//! quarter of what we may open, clients are served one by one and it is counted what each of them
//! leaves behind; the one that leaves too much is disconnected.
//!
//! Some requests make the protocol libraries panic before any code of ours sees them (a null string
//! where none may be). Such a panic is caught; for some turns after it clients are served one by one,
//! so that the next one's sender is known, and disconnected.
//!
//! What a client is to be told is kept for it while it is busy, up to a bound past which it is disconnected.
//! The rest is sent as soon as it reads on.

use std::{
    collections::HashMap,
    io::ErrorKind,
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixStream,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    io::fcntl_dupfd_cloexec,
    process::{Resource, getrlimit, setrlimit},
};
use smithay::reexports::{
    calloop::{Interest, LoopHandle, Mode, PostAction, RegistrationToken, generic::Generic},
    wayland_server::{
        Client, Display,
        backend::{ClientId, DisconnectReason},
    },
};

use crate::state::Compositor;

/// What one client may leave behind while descriptors are short.
const MOST_LEFT: i64 = 192;
/// For how many turns after a panic clients are served one by one.
const WARY: u32 = 600;
/// Without a limit that is known.
const USUAL_LIMIT: u64 = 1024;

/// What is kept for a client that does not read, in bytes: half a minute of a mouse that tells its place each
/// millisecond.
const MOST_KEPT: usize = 1 << 20;
/// With more clients than this each new one gets less, so that all of them together don't take all memory.
const MANY: usize = 64;

/// Clients that are gone and not forgotten yet. The protocol library tells of them wherever it finds out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gone(Arc<Mutex<Vec<ClientId>>>);

impl Gone {
    pub(crate) fn add(&self, client: ClientId) {
        let mut gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gone.push(client);
    }

    fn take(&self) -> Vec<ClientId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A client that is connected.
#[derive(Debug)]
struct Connection {
    /// How many descriptors it left behind.
    left: i64,
    stream: Arc<UnixStream>,
    /// Waits until it has room for what is kept for it.
    room: Option<RegistrationToken>,
}

/// The clients, and what each left behind.
#[derive(Debug)]
pub struct Clients {
    connected: HashMap<ClientId, Connection>,
    gone: Gone,
    /// From here on descriptors are short.
    short: i64,
    /// Turns left of serving clients one by one.
    wary: u32,
}

impl Default for Clients {
    /// Takes as many descriptors as the system lets us.
    fn default() -> Self {
        let mut limit = getrlimit(Resource::Nofile);
        let soft = limit.current;
        limit.current = limit.maximum;
        let raised = setrlimit(Resource::Nofile, limit).is_ok();
        let limit = if raised { limit.maximum } else { soft };
        // Far beyond what any desktop needs, a higher limit is only more to look through.
        let limit = limit
            .unwrap_or(USUAL_LIMIT)
            .clamp(USUAL_LIMIT, 16 * USUAL_LIMIT);
        Self {
            connected: HashMap::new(),
            gone: Gone::default(),
            short: i64::try_from(limit / 4).unwrap_or(256),
            wary: 0,
        }
    }
}

impl Clients {
    /// Takes note of a client, and of another descriptor of its stream.
    pub fn add(&mut self, client: &Client, stream: UnixStream) {
        let connection = Connection {
            left: 0,
            stream: Arc::new(stream),
            room: None,
        };
        self.connected.insert(client.id(), connection);
    }

    /// So many bytes are kept for the next client.
    pub(crate) fn share(&self) -> usize {
        MOST_KEPT * MANY / (self.connected.len() + 1).max(MANY)
    }

    /// Where a client is noted that is gone.
    pub(crate) fn gone(&self) -> Gone {
        self.gone.clone()
    }

    /// Forgets the clients that are gone.
    pub(crate) fn forget_gone(&mut self, events: &LoopHandle<'static, Compositor>) {
        for id in self.gone.take() {
            self.forget(&id, events);
        }
    }

    fn forget(&mut self, id: &ClientId, events: &LoopHandle<'static, Compositor>) {
        if let Some(room) = self.connected.remove(id).and_then(|it| it.room) {
            events.remove(room);
        }
    }
}

impl Compositor {
    /// Sends clients what they are to be told. Who has no room for it is sent the rest when it has.
    pub(crate) fn flush_clients(&mut self) {
        let mut backend = self.display.backend_handle();
        for (id, connection) in &mut self.clients.connected {
            let sent = backend.flush(Some(id.clone()));
            // Any other error is its end, which is found when it is read from.
            let full = sent.is_err_and(|err| err.kind() == ErrorKind::WouldBlock);
            if !full || connection.room.is_some() {
                continue;
            }
            let stream = Generic::new(connection.stream.clone(), Interest::WRITE, Mode::Level);
            let id = id.clone();
            let waiting = self.events.insert_source(stream, move |_, _, state| {
                // The end of this turn sends it.
                if let Some(connection) = state.clients.connected.get_mut(&id) {
                    connection.room = None;
                }
                Ok(PostAction::Remove)
            });
            connection.room = waiting.ok();
        }
    }
}

/// The lowest descriptor that is free: about how many are open.
fn open(any: impl AsFd) -> Option<i64> {
    fcntl_dupfd_cloexec(any, 0)
        .ok()
        .map(|lowest| i64::from(lowest.as_raw_fd()))
}

/// Whether it went through without a panic. Locks that one left poisoned are its client's surfaces'.
fn survives(serve: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(serve)).is_ok()
}

/// Takes the clients' requests.
pub(crate) fn dispatch(display: &mut Display<Compositor>, state: &mut Compositor) {
    let used = open(display.backend().poll_fd());
    let plenty = used.is_some_and(|used| used < state.clients.short);
    if plenty && state.clients.wary == 0 {
        // Errors here are one client's; the backend has dropped it already.
        if survives(|| _ = display.dispatch_clients(state)) {
            return;
        }
        // What it said is consumed; what the others said is read below.
        state.clients.wary = WARY;
    }
    state.clients.wary = state.clients.wary.saturating_sub(1);
    let handle = display.handle();
    let ids: Vec<ClientId> = state.clients.connected.keys().cloned().collect();
    for id in ids {
        if handle.backend_handle().get_client_data(id.clone()).is_err() {
            state.clients.forget(&id, &state.events);
            continue;
        }
        let before = open(display.backend().poll_fd());
        let unharmed = survives(|| {
            _ = display.backend().dispatch_single_client(state, id.clone());
        });
        let after = open(display.backend().poll_fd());
        let grown = after
            .zip(before)
            .map_or(MOST_LEFT, |(after, before)| after - before);
        let Some(connection) = state.clients.connected.get_mut(&id) else {
            continue;
        };
        connection.left = if plenty { 0 } else { connection.left + grown };
        if !unharmed || connection.left > MOST_LEFT {
            state.clients.forget(&id, &state.events);
            handle
                .backend_handle()
                .kill_client(id, DisconnectReason::ConnectionClosed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        time::Duration,
    };

    use smithay::reexports::calloop::EventLoop;

    use super::*;
    use crate::{clock::Clock, state::Options};

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut events = EventLoop::try_new().unwrap();
        let clock = Clock::manual(Duration::ZERO);
        let mut compositor = Compositor::new(&events, clock, Options::default()).unwrap();
        let (stays, ours) = UnixStream::pair().unwrap();
        compositor.adopt(ours).unwrap();
        for _ in 0..10 {
            let (_, ours) = UnixStream::pair().unwrap();
            compositor.adopt(ours).unwrap();
        }
        events
            .dispatch(Some(Duration::ZERO), &mut compositor)
            .unwrap();
        compositor.settle();
        assert_eq!(compositor.clients.connected.len(), 1);
        drop(stays);
    }
    #[test]
    fn who_reads_on_is_sent_the_rest_at_once() {
        let mut events = EventLoop::try_new().unwrap();
        let clock = Clock::manual(Duration::ZERO);
        let mut compositor = Compositor::new(&events, clock, Options::default()).unwrap();
        let (mut client, ours) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        let id = compositor.adopt(ours).unwrap().id();
        let waits = |compositor: &Compositor| compositor.clients.connected[&id].room.is_some();
        let mut turn = |compositor: &mut Compositor| {
            events.dispatch(Some(Duration::ZERO), compositor).unwrap();
        };
        // wl_display.sync with ever new ids, until there is no room for the answers.
        for new_id in 2..20_000u32 {
            let words = [1u32, 12 << 16, new_id];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            client.write_all(&bytes).unwrap();
            turn(&mut compositor);
            compositor.settle();
            if waits(&compositor) {
                break;
            }
        }
        assert!(waits(&compositor));
        turn(&mut compositor);
        assert!(waits(&compositor), "as long as it does not read");
        let mut told = vec![0; 1 << 20];
        while client.read(&mut told).is_ok() {}
        turn(&mut compositor);
        assert!(!waits(&compositor), "the loop is woken");
        compositor.settle();
        assert!(client.read(&mut told).unwrap() > 0);
    }

    #[test]
    fn with_many_clients_less_is_kept_for_each() {
        let events = EventLoop::try_new().unwrap();
        let clock = Clock::manual(Duration::ZERO);
        let mut compositor = Compositor::new(&events, clock, Options::default()).unwrap();
        let adopt = |compositor: &mut Compositor| {
            let (client, ours) = UnixStream::pair().unwrap();
            compositor.adopt(ours).unwrap();
            client
        };
        let mut clients = vec![adopt(&mut compositor)];
        assert_eq!(compositor.clients.share(), MOST_KEPT);
        clients.extend((0..4 * MANY).map(|_| adopt(&mut compositor)));
        assert!(compositor.clients.share() < MOST_KEPT / 4);
    }
}
