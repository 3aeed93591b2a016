//! Who is connected, and that none of them takes all our file descriptors.
//!
//! A client can send descriptors that no request of it uses; the protocol library keeps them until
//! the client is gone. As long as there are plenty this costs nothing but one look a wake-up. Past a
//! quarter of what we may open, clients are served one by one and it is counted what each of them
//! leaves behind; the one that leaves too much is disconnected.

use std::{collections::HashMap, os::fd::AsFd, os::fd::AsRawFd};

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
/// Without a limit that is known.
const USUAL_LIMIT: u64 = 1024;

/// The clients, and what each left behind.
#[derive(Debug)]
pub struct Clients {
    connected: HashMap<ClientId, i64>,
    /// From here on descriptors are short.
    short: i64,
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
            short: i64::try_from(limit / 4).unwrap_or(256),
        }
    }
}

impl Clients {
    /// Takes note of a client.
    pub fn add(&mut self, client: &Client) {
        self.connected.insert(client.id(), 0);
    }
}

/// The lowest descriptor that is free: about how many are open.
fn open(any: impl AsFd) -> Option<i64> {
    fcntl_dupfd_cloexec(any, 0)
        .ok()
        .map(|lowest| i64::from(lowest.as_raw_fd()))
}

/// Takes the clients' requests.
pub(crate) fn dispatch(display: &mut Display<Compositor>, state: &mut Compositor) {
    let used = open(display.backend().poll_fd());
    if used.is_some_and(|used| used < state.clients.short) {
        // Errors here are one client's; the backend has dropped it already.
        let _ = display.dispatch_clients(state);
        return;
    }
    let handle = display.handle();
    let ids: Vec<ClientId> = state.clients.connected.keys().cloned().collect();
    for id in ids {
        if handle.backend_handle().get_client_data(id.clone()).is_err() {
            state.clients.connected.remove(&id);
            continue;
        }
        let before = open(display.backend().poll_fd());
        let _ = display.backend().dispatch_single_client(state, id.clone());
        let after = open(display.backend().poll_fd());
        let grown = after
            .zip(before)
            .map_or(MOST_LEFT, |(after, before)| after - before);
        let Some(left) = state.clients.connected.get_mut(&id) else {
            continue;
        };
        *left += grown;
        if *left > MOST_LEFT {
            state.clients.connected.remove(&id);
            handle
                .backend_handle()
                .kill_client(id, DisconnectReason::ConnectionClosed);
        }
    }
}
