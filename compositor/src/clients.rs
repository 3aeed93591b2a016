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

use std::{
    collections::HashMap,
    os::fd::{AsFd, AsRawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    io::fcntl_dupfd_cloexec,
    process::{Resource, getrlimit, setrlimit},
};
use smithay::reexports::wayland_server::{
    Client, Display,
    backend::{ClientId, DisconnectReason},
};

use crate::state::Compositor;

/// What one client may leave behind while descriptors are short.
const MOST_LEFT: i64 = 192;
/// For how many turns after a panic clients are served one by one.
const WARY: u32 = 600;
/// Without a limit that is known.
const USUAL_LIMIT: u64 = 1024;

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

/// The clients, and what each left behind.
#[derive(Debug)]
pub struct Clients {
    connected: HashMap<ClientId, i64>,
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
    /// Takes note of a client.
    pub fn add(&mut self, client: &Client) {
        self.connected.insert(client.id(), 0);
    }

    /// Where a client is noted that is gone.
    pub(crate) fn gone(&self) -> Gone {
        self.gone.clone()
    }

    /// Forgets the clients that are gone.
    pub(crate) fn forget_gone(&mut self) {
        for id in self.gone.take() {
            self.connected.remove(&id);
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
            state.clients.connected.remove(&id);
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
        let Some(left) = state.clients.connected.get_mut(&id) else {
            continue;
        };
        *left = if plenty { 0 } else { *left + grown };
        if !unharmed || *left > MOST_LEFT {
            state.clients.connected.remove(&id);
            handle
                .backend_handle()
                .kill_client(id, DisconnectReason::ConnectionClosed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, time::Duration};

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
}
