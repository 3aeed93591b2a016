//! Where those who sleep on a word are found: the name of a word, and the buckets of a hash table.
//!
//! A bucket's lock makes "look at the word, then queue" one step against wakers. Words can be
//! touched under it only where they are in memory already ([`load`], [`exchange`]): else all locks
//! are let go, the page is fetched ([`fetch`]), and everything starts over.

use crate::errno::{Errno, Result};
use crate::lock_order;
use crate::mm::mapping::Backing;
use crate::sched::cpu;
use crate::sched::lend::Loan;
use crate::task::process::Process;
use crate::task::thread::Thread;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use ochre_hal::sync::{SpinGuard, SpinLock};
use ochre_hal::{USER_END, uaccess};

const BUCKETS: usize = 256;

/// The name of a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    /// An address space's or a memory object's number, told apart by the lowest bit.
    owner: u64,
    offset: u64,
}

/// One who sleeps. All but `woken` changes under the lock of the bucket that it is in.
pub(super) struct Waiter {
    pub thread: Arc<Thread>,
    pub bits: u32,
    /// Its thread's real-time priority, by which queues are ordered.
    pub priority: AtomicU8,
    /// Where it is queued.
    key: SpinLock<Key>,
    /// Set under the bucket's lock.
    pub woken: AtomicBool,
    pub lock: Option<Wanted>,
}

/// The lock that a waiter is to be given.
pub(super) struct Wanted {
    pub key: Key,
    /// Where the waiter itself has its word.
    pub addr: usize,
    /// It waits in the lock's queue; before, in that of a condition (FUTEX_WAIT_REQUEUE_PI).
    pub queued: AtomicBool,
    /// Who has the lock.
    pub owner: AtomicU32,
    /// The owner has died, and the lock is the waiter's, which is yet to say so in the word.
    pub inherited: AtomicBool,
    /// The waiter's urgency, which the owner has while it is waited for. Changes under the lock's bucket's lock.
    pub loan: SpinLock<Option<Loan>>,
}

impl Wanted {
    pub fn new(key: Key, addr: usize) -> Wanted {
        Wanted {
            key,
            addr,
            queued: AtomicBool::new(false),
            owner: AtomicU32::new(0),
            inherited: AtomicBool::new(false),
            loan: SpinLock::new(lock_order::CELL, None),
        }
    }
}

pub(super) type Queue = VecDeque<Arc<Waiter>>;
pub(super) type Bucket = SpinGuard<'static, Queue>;

static TABLE: [SpinLock<Queue>; BUCKETS] =
    [const { SpinLock::new(lock_order::FUTEX, VecDeque::new()) }; BUCKETS];

/// Why a step under a bucket's lock ended.
pub(super) enum Stop {
    /// A word is not in memory, or can't be written as it is.
    Absent,
    Error(Errno),
}

impl From<Errno> for Stop {
    fn from(error: Errno) -> Stop {
        Stop::Error(error)
    }
}

impl From<uaccess::Fault> for Stop {
    fn from(_: uaccess::Fault) -> Stop {
        Stop::Absent
    }
}

/// The word at `addr`, under a bucket's lock.
pub(super) fn load(addr: usize) -> Result<u32, Stop> {
    Ok(uaccess::without_paging(|| uaccess::load_u32(addr))?)
}

/// Stores `new` in the word at `addr` if it is `old`; whether it was. Under a bucket's lock.
pub(super) fn exchange(addr: usize, old: u32, new: u32) -> Result<bool, Stop> {
    Ok(uaccess::without_paging(|| uaccess::cmpxchg_u32(addr, old, new))? == old)
}

/// Has the page of the word at `addr` fetched, so that it can be written.
pub(super) fn fetch(addr: usize) -> Result {
    let seen = uaccess::load_u32(addr)?;
    uaccess::cmpxchg_u32(addr, seen, seen)?;
    Ok(())
}

impl Key {
    fn index(self) -> usize {
        let mixed = (self.owner ^ (self.offset >> 2)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as usize % BUCKETS
    }

    pub fn bucket(self) -> Bucket {
        TABLE[self.index()].lock()
    }

    /// The name of the word at `addr` of the process.
    pub fn of(process: &Process, addr: usize, private: bool) -> Result<Key> {
        if !addr.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        if addr >= USER_END {
            return Err(Errno::EFAULT);
        }
        let space = process.space().ok_or(Errno::ESRCH)?;
        if !private {
            let inner = space.lock();
            let mapping = inner.find(addr).ok_or(Errno::EFAULT)?;
            if let (true, Backing::Object(object, offset)) = (mapping.shared, &mapping.backing) {
                let offset = offset + (addr - mapping.start) as u64;
                return Ok(Key {
                    owner: object.object().id() << 1 | 1,
                    offset,
                });
            }
        }
        Ok(Key {
            owner: space.id() << 1,
            offset: addr as u64,
        })
    }
}

/// Two buckets, locked in the order of the table; the same one once.
pub(super) struct Two {
    first: Bucket,
    second: Option<Bucket>,
    /// The first is the one named first.
    in_order: bool,
}

impl Two {
    pub fn lock(a: Key, b: Key) -> Two {
        let (i, j) = (a.index(), b.index());
        let first = TABLE[i.min(j)].lock();
        let second = (i != j).then(|| TABLE[i.max(j)].lock_same_rank());
        Two {
            first,
            second,
            in_order: i <= j,
        }
    }

    pub fn a(&mut self) -> &mut Queue {
        match &mut self.second {
            Some(second) if !self.in_order => second,
            _ => &mut self.first,
        }
    }

    pub fn b(&mut self) -> &mut Queue {
        match &mut self.second {
            Some(second) if self.in_order => second,
            _ => &mut self.first,
        }
    }
}

/// Each bucket in turn, locked.
pub(super) fn buckets() -> impl Iterator<Item = Bucket> {
    TABLE.iter().map(SpinLock::lock)
}

impl Waiter {
    /// The calling thread, on the word named `key`; yet to be queued.
    pub fn new(key: Key, bits: u32, lock: Option<Wanted>) -> Arc<Waiter> {
        let thread = cpu::current();
        Arc::new(Waiter {
            priority: AtomicU8::new(thread.sched.realtime()),
            thread,
            bits,
            key: SpinLock::new(lock_order::CELL, key),
            woken: AtomicBool::new(false),
            lock,
        })
    }

    pub fn is_on(&self, key: Key) -> bool {
        *self.key.lock() == key
    }

    pub fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// Queues it behind those of its priority.
    pub fn enter(self: &Arc<Self>, queue: &mut Queue) {
        let priority = self.priority.load(Ordering::Relaxed);
        let before = |other: &Arc<Waiter>| other.priority.load(Ordering::Relaxed) >= priority;
        let at = queue.partition_point(before);
        queue.insert(at, self.clone());
    }

    /// Queues it elsewhere, after it was taken from where it was.
    pub fn move_to(self: &Arc<Self>, key: Key, queue: &mut Queue) {
        *self.key.lock() = key;
        self.enter(queue);
    }

    /// Wakes it, under its bucket's lock.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }

    /// Takes it from its queue, wherever that is by now, unless it has been woken. Whether it was.
    pub fn leave(self: &Arc<Self>) -> bool {
        loop {
            let key = *self.key.lock();
            let mut bucket = key.bucket();
            if self.is_woken() {
                return true;
            }
            if let Some(at) = bucket.iter().position(|w| Arc::ptr_eq(w, self)) {
                bucket.remove(at);
                return false;
            }
            // It was moved in between.
        }
    }
}

/// The first in the queue of `key`.
pub(super) fn first(queue: &Queue, key: Key) -> Option<&Arc<Waiter>> {
    queue.iter().find(|waiter| waiter.is_on(key))
}

/// Takes `waiter` from the queue that it is in.
pub(super) fn take(queue: &mut Queue, waiter: &Arc<Waiter>) {
    if let Some(at) = queue.iter().position(|w| Arc::ptr_eq(w, waiter)) {
        queue.remove(at);
    }
}
