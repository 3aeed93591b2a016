//! What a unix socket has received and nobody has read yet.
//!
//! Bytes are in one [`Ring`]; [`Record`]s say where messages begin and what came beside them. A
//! stream's plain sends melt into one record, so steady traffic allocates nothing.
//!
//! Descriptors in flight are counted by user and bounded; they are dropped from a list, not
//! recursively, as a socket in a queue has a queue of its own.

use super::address::Name;
use super::collect;
use crate::errno::{Errno, Result};
use crate::fs::open::OpenFile;
use crate::ipc::ring::Ring;
use crate::ipc::socket::PeerCredentials;
use crate::lock_order;
use crate::sched::mutex::Mutex;
use crate::task::footprint::Look;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use ochre_hal::sync::SpinLock;

/// SO_SNDBUF's default.
pub const DEFAULT_CAPACITY: usize = 212_992;

/// Descriptors on their way.
pub struct Rights {
    files: Vec<Arc<OpenFile>>,
    uid: u32,
}

/// Descriptors in flight, by the user who sent them.
static IN_FLIGHT: SpinLock<BTreeMap<u32, usize>> =
    SpinLock::new(lock_order::CELL - 1, BTreeMap::new());

impl Rights {
    /// Counts `files` as in flight for `uid`; ETOOMANYREFS beyond `limit`.
    pub fn new(files: Vec<Arc<OpenFile>>, uid: u32, limit: u64) -> Result<Rights> {
        if !files.is_empty() {
            let mut in_flight = IN_FLIGHT.lock();
            let count = in_flight.entry(uid).or_insert(0);
            if (*count + files.len()) as u64 > limit {
                return Err(Errno::ETOOMANYREFS);
            }
            *count += files.len();
            drop(in_flight);
            collect::departed(&files);
        }
        Ok(Rights { files, uid })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    #[must_use]
    pub fn files(&self) -> &[Arc<OpenFile>] {
        &self.files
    }

    /// Copies for MSG_PEEK.
    #[must_use]
    pub fn peek(&self) -> Vec<Arc<OpenFile>> {
        if !self.files.is_empty() {
            collect::peeked();
        }
        self.files.clone()
    }

    /// They have arrived.
    #[must_use]
    pub fn take(&mut self) -> Vec<Arc<OpenFile>> {
        let files = core::mem::take(&mut self.files);
        collect::arrived(&files);
        landed(self.uid, files.len());
        files
    }
}

fn landed(uid: u32, count: usize) {
    if count == 0 {
        return;
    }
    let mut in_flight = IN_FLIGHT.lock();
    if let Some(left) = in_flight.get_mut(&uid) {
        *left -= count;
        if *left == 0 {
            in_flight.remove(&uid);
        }
    }
}

/// Descriptors whose message was never read, waiting to be dropped; and whether somebody is at it.
static DISCARDED: SpinLock<Vec<Vec<Arc<OpenFile>>>> =
    SpinLock::new(lock_order::CELL - 1, Vec::new());
static DISCARDING: AtomicBool = AtomicBool::new(false);

impl Drop for Rights {
    fn drop(&mut self) {
        let files = self.take();
        if files.is_empty() {
            return;
        }
        DISCARDED.lock().push(files);
        // One at a time, whoever it is: dropping a file may discard further ones, which join the
        // list instead of the stack.
        while !DISCARDING.swap(true, Ordering::SeqCst) {
            loop {
                let Some(files) = DISCARDED.lock().pop() else {
                    break;
                };
                drop(files);
            }
            DISCARDING.store(false, Ordering::SeqCst);
            if DISCARDED.lock().is_empty() {
                return;
            }
        }
    }
}

/// One message, or a stretch of a stream.
pub struct Record {
    /// Bytes not read yet.
    pub len: usize,
    pub rights: Rights,
    pub credentials: Option<PeerCredentials>,
    /// The sender's name, of a datagram.
    pub address: Option<Arc<Name>>,
}

#[derive(Default)]
pub struct Queue {
    pub ring: Option<Ring>,
    pub records: VecDeque<Record>,
}

impl Queue {
    /// The ring, made with the first message.
    pub fn ring(&mut self, capacity: usize) -> Result<&mut Ring> {
        if self.ring.is_none() {
            self.ring = Some(Ring::new(capacity)?);
        }
        self.ring.as_mut().ok_or(Errno::ENOMEM)
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ring.as_ref().map_or(0, Ring::len)
    }
}

pub struct Inbox {
    queue: Mutex<Queue>,
    /// Mirrors of the queue, for poll and sleepers.
    records: AtomicUsize,
    bytes: AtomicUsize,
    /// The least room that a sleeping sender waits for; none: `usize::MAX`.
    wanted: AtomicUsize,
    capacity: usize,
}

impl Inbox {
    #[must_use]
    pub fn new() -> Inbox {
        Inbox {
            queue: Mutex::new(lock_order::sleeping::INBOX, Queue::default()),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            wanted: AtomicUsize::new(usize::MAX),
            capacity: DEFAULT_CAPACITY,
        }
    }

    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Works on the queue; the mirrors follow.
    pub fn with<T>(&self, work: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.queue.lock();
        let result = work(&mut queue);
        self.records.store(queue.records.len(), Ordering::SeqCst);
        self.bytes.store(queue.bytes(), Ordering::SeqCst);
        result
    }

    /// Looks at the queue, unless somebody else works on it.
    pub fn try_look<T>(&self, look: impl FnOnce(&Queue) -> T) -> Option<T> {
        self.queue.try_lock().map(|queue| look(&queue))
    }

    /// Bytes of memory that it takes, with what waits in it.
    pub fn held_bytes(&self, look: &mut Look) -> usize {
        let held = self.try_look(|queue| {
            let waiting = queue
                .records
                .iter()
                .flat_map(|record| record.rights.files());
            queue.ring.as_ref().map_or(0, Ring::held_bytes)
                + queue.records.len() * size_of::<Record>()
                + look.parts_of(waiting)
        });
        held.unwrap_or_else(|| self.bytes())
    }

    /// Messages that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.records.load(Ordering::SeqCst)
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Length of the first message.
    #[must_use]
    pub fn first_len(&self) -> usize {
        self.queue
            .lock()
            .records
            .front()
            .map_or(0, |record| record.len)
    }

    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity.saturating_sub(self.bytes())
    }

    /// Whether there is room for `len` bytes; who waits for it asks each time it looks.
    #[must_use]
    pub fn has_room(&self, len: usize) -> bool {
        self.wanted.fetch_min(len, Ordering::SeqCst);
        self.free() >= len
    }

    /// Whether a sender or a poller should hear of the room made since `before` bytes were free.
    #[must_use]
    pub fn is_news(&self, before: usize) -> bool {
        let free = self.free();
        if free >= self.wanted.load(Ordering::SeqCst) {
            // Whoever still waits says anew what it wants when it is woken.
            self.wanted.store(usize::MAX, Ordering::SeqCst);
            return true;
        }
        let writable = self.capacity / 4;
        before < writable && free >= writable
    }

    /// Drops everything. Whether there was something.
    pub fn discard(&self) -> bool {
        let queue = self.with(core::mem::take);
        !queue.records.is_empty()
    }
}
