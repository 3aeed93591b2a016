//! Locks whose word says who has them: the owner's thread number, a bit for "somebody waits", and
//! one for "its owner died".
//!
//! A lock that is let go is handed to its first waiter, in whose name the word is written; who has
//! died leaves that to the waiter, as the word may not even be mapped where the owner lived. The
//! owner is found by its number when the first waiter comes, and is as urgent as its waiters ([`urgency`]).

use super::table::{self, Bucket, Key, Queue, Stop, Two, Waiter, Wanted};
use super::urgency::{self, Waits};
use super::wait::{Expected, sleep_while};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::sched::wait::{Interrupt, wait_until};
use crate::task::thread::Thread;
use crate::task::{Pid, tree};
use crate::time::Deadline;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, Ordering};
use ochre_hal::uaccess;

/// What is known of a thread as an owner of locks.
pub struct Owned {
    state: AtomicU8,
    /// What it waits for itself.
    pub(super) waits: Waits,
}

/// Others wait, or have waited, for one of its locks.
const AWAITED: u8 = 1;
/// It has given them up, for good.
const GONE: u8 = 2;

impl Owned {
    #[must_use]
    pub const fn new() -> Owned {
        Owned {
            state: AtomicU8::new(0),
            waits: Waits::new(),
        }
    }

    /// Somebody is about to wait. False if the thread is gone. Under the lock's bucket's lock.
    fn await_it(&self) -> bool {
        self.state.fetch_or(AWAITED, Ordering::SeqCst) & GONE == 0
    }

    /// It runs another program from now on.
    pub fn begin_anew(&self) {
        self.state.store(0, Ordering::SeqCst);
    }
}

impl Default for Owned {
    fn default() -> Owned {
        Owned::new()
    }
}

/// The owner as it was looked up while no bucket was locked.
struct Owner {
    tid: Pid,
    thread: Option<Arc<Thread>>,
}

impl Owner {
    const UNKNOWN: Owner = Owner {
        tid: 0,
        thread: None,
    };

    fn look_up(tid: Pid) -> Owner {
        Owner {
            tid,
            thread: tree::thread(tid),
        }
    }

    /// It will be waited for. `Again` if it has to be looked up first.
    fn engage(&mut self, tid: Pid) -> Result<Arc<Thread>, Failed> {
        if self.tid != tid {
            return Err(Failed::Unknown(tid));
        }
        let Some(thread) = &self.thread else {
            return Err(Failed::Stopped(Errno::ESRCH.into()));
        };
        if !thread.owned.await_it() {
            // It is ending, and may have given the lock up since: one more look tells.
            self.thread = None;
            return Err(Failed::Ending);
        }
        Ok(thread.clone())
    }
}

/// Why a step under a bucket's lock came to nothing.
enum Failed {
    /// The owner's thread is to be looked up.
    Unknown(Pid),
    Ending,
    Stopped(Stop),
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Failed {
        Failed::Stopped(stop)
    }
}

/// Makes good what a step failed of, with no bucket locked: then it can be tried again.
fn mend(failed: Failed, owner: &mut Owner, fetch: impl FnOnce() -> Result) -> Result {
    match failed {
        Failed::Unknown(tid) => *owner = Owner::look_up(tid),
        Failed::Ending => {}
        Failed::Stopped(Stop::Absent) => fetch()?,
        Failed::Stopped(Stop::Error(error)) => return Err(error),
    }
    Ok(())
}

/// Takes the lock for `tid` if nobody has it, or announces a waiter: whom it is to wait for.
fn attempt(
    queue: &Queue,
    key: Key,
    addr: usize,
    tid: Pid,
    announce: bool,
) -> Result<Option<Pid>, Stop> {
    loop {
        let seen = table::load(addr)?;
        let owner = seen & raw::FUTEX_TID_MASK;
        if owner == tid {
            return Err(Errno::EDEADLK.into());
        }
        if let Some(first) = table::first(queue, key) {
            let lock = waits_for_lock(first).ok_or(Errno::EINVAL)?;
            return Ok(Some(lock.owner.load(Ordering::Relaxed)));
        }
        if owner != 0 {
            if table::exchange(addr, seen, seen | raw::FUTEX_WAITERS)? {
                return Ok(Some(owner));
            }
            continue;
        }
        let waiters = if announce { raw::FUTEX_WAITERS } else { 0 };
        if table::exchange(addr, seen, tid | waiters | seen & raw::FUTEX_OWNER_DIED)? {
            return Ok(None);
        }
    }
}

/// The lock whose queue the waiter is in.
pub(super) fn waits_for_lock(waiter: &Waiter) -> Option<&Wanted> {
    let lock = waiter.lock.as_ref()?;
    lock.queued.load(Ordering::Relaxed).then_some(lock)
}

/// FUTEX_LOCK_PI and FUTEX_TRYLOCK_PI.
pub(super) fn lock(
    thread: &Arc<Thread>,
    addr: usize,
    private: bool,
    deadline: Option<Deadline>,
    may_wait: bool,
) -> Result<usize> {
    let key = Key::of(thread.process(), addr, private)?;
    let mut owner = Owner::UNKNOWN;
    let waiter = loop {
        let step = {
            let mut bucket = key.bucket();
            match attempt(&bucket, key, addr, thread.tid(), false) {
                Ok(None) => return Ok(0),
                Ok(Some(tid)) => owner.engage(tid).and_then(|owner| {
                    if !may_wait {
                        return Err(Failed::Stopped(Errno::EAGAIN.into()));
                    }
                    let bits = raw::FUTEX_BITSET_MATCH_ANY;
                    let waiter = Waiter::new(key, bits, Some(Wanted::new(key, addr)));
                    thread.owned.waits.begin(&waiter);
                    queue_for(&waiter, key, &mut bucket, &owner);
                    Ok(waiter)
                }),
                Err(stop) => Err(stop.into()),
            }
        };
        match step {
            Ok(waiter) => break waiter,
            Err(failed) => mend(failed, &mut owner, || table::fetch(addr))?,
        }
    };
    if let Some(owner) = &owner.thread {
        urgency::pass_on(owner);
    }
    let result = wait_until(&[], deadline, Interrupt::Signals, || {
        waiter.is_woken().then_some(())
    });
    let is_given = waiter.leave();
    thread.owned.waits.end(&waiter);
    if is_given {
        return own(&waiter);
    }
    match result {
        Err(Errno::RESTART) => Err(Errno::RESTART_ALWAYS),
        other => other.map(|()| 0),
    }
}

/// Has the waiter wait for the lock named `key`, which `owner` has. Under its bucket's lock.
fn queue_for(waiter: &Arc<Waiter>, key: Key, queue: &mut Queue, owner: &Arc<Thread>) {
    if let Some(lock) = &waiter.lock {
        lock.owner.store(owner.tid(), Ordering::Relaxed);
        lock.queued.store(true, Ordering::Relaxed);
    }
    let priority = waiter.thread.sched.realtime();
    waiter.priority.store(priority, Ordering::Relaxed);
    waiter.move_to(key, queue);
    urgency::lend(waiter, owner);
}

/// The waiter has been given its lock: writes that into the word, where the giver could not.
fn own(waiter: &Arc<Waiter>) -> Result<usize> {
    let Some(lock) = &waiter.lock else {
        return Ok(0);
    };
    if !lock.inherited.load(Ordering::SeqCst) {
        return Ok(0);
    }
    let mine = waiter.thread.tid() | raw::FUTEX_WAITERS | raw::FUTEX_OWNER_DIED;
    let write = || -> Result {
        let mut seen = uaccess::load_u32(lock.addr)?;
        loop {
            let found = uaccess::cmpxchg_u32(lock.addr, seen, mine)?;
            if found == seen {
                return Ok(());
            }
            seen = found;
        }
    };
    let result = write();
    // Until here it stood in the queue, so that nobody took the word for a dead thread's.
    let mut bucket = lock.key.bucket();
    table::take(&mut bucket, waiter);
    if result.is_err() {
        bequeath(&bucket, lock.key);
    }
    result.map(|()| 0)
}

/// Who waits for the lock next, and was not given it yet.
fn heir(queue: &Queue, key: Key) -> Option<&Arc<Waiter>> {
    queue.iter().find(|w| {
        w.is_on(key)
            && waits_for_lock(w).is_some_and(|lock| !lock.inherited.load(Ordering::Relaxed))
    })
}

/// All who wait for the lock wait for `thread` now.
fn change_owner(queue: &Queue, key: Key, thread: &Arc<Thread>) {
    for waiter in queue.iter().filter(|w| w.is_on(key)) {
        let Some(lock) = &waiter.lock else { continue };
        lock.owner.store(thread.tid(), Ordering::Relaxed);
        urgency::lend(waiter, thread);
        // Who is given a lock is in its call, and not gone.
        thread.owned.await_it();
    }
}

/// Gives the lock to who waits next, who writes the word.
fn bequeath(queue: &Queue, key: Key) {
    if let Some(heir) = heir(queue, key) {
        change_owner(queue, key, &heir.thread);
        if let Some(lock) = &heir.lock {
            lock.inherited.store(true, Ordering::SeqCst);
        }
        heir.wake();
    }
}

/// FUTEX_UNLOCK_PI.
pub(super) fn unlock(thread: &Arc<Thread>, addr: usize, private: bool) -> Result<usize> {
    if uaccess::load_u32(addr)? & raw::FUTEX_TID_MASK != thread.tid() {
        return Err(Errno::EPERM);
    }
    let key = Key::of(thread.process(), addr, private)?;
    loop {
        let step = hand_on(&mut key.bucket(), key, addr, thread.tid());
        match step {
            Ok(()) => return Ok(0),
            Err(Stop::Absent) => table::fetch(addr)?,
            Err(Stop::Error(error)) => return Err(error),
        }
    }
}

/// Gives the lock of `tid` to who waits next, or frees it.
fn hand_on(bucket: &mut Bucket, key: Key, addr: usize, tid: Pid) -> Result<(), Stop> {
    if table::first(bucket, key).is_some_and(|first| waits_for_lock(first).is_none()) {
        return Err(Errno::EINVAL.into());
    }
    let heir = heir(bucket, key).cloned();
    let new = heir
        .as_ref()
        .map_or(0, |heir| heir.thread.tid() | raw::FUTEX_WAITERS);
    loop {
        let seen = table::load(addr)?;
        if seen & raw::FUTEX_TID_MASK != tid {
            return Err(Errno::EPERM.into());
        }
        if table::exchange(addr, seen, new)? {
            break;
        }
    }
    if let Some(heir) = heir {
        table::take(bucket, &heir);
        urgency::take_back(&heir);
        change_owner(bucket, key, &heir.thread);
        heir.wake();
    }
    Ok(())
}

/// FUTEX_WAIT_REQUEUE_PI: sleeps on a condition's word, until it is given the lock at `addr2`.
pub(super) fn wait_requeue(
    thread: &Arc<Thread>,
    word: Expected,
    deadline: Option<Deadline>,
    addr2: usize,
) -> Result<usize> {
    if word.addr == addr2 {
        return Err(Errno::EINVAL);
    }
    let target = Key::of(thread.process(), addr2, word.private)?;
    let key = Key::of(thread.process(), word.addr, word.private)?;
    if key == target {
        return Err(Errno::EINVAL);
    }
    let wanted = Wanted::new(target, addr2);
    let waiter = Waiter::new(key, raw::FUTEX_BITSET_MATCH_ANY, Some(wanted));
    thread.owned.waits.begin(&waiter);
    waiter.enter(&mut key.bucket());
    let result = sleep_while(&waiter, word, deadline);
    let is_given = waiter.leave();
    thread.owned.waits.end(&waiter);
    if is_given {
        return own(&waiter);
    }
    match result {
        // Once it waits for the lock, the condition has come about: nothing to wait for again.
        Err(Errno::RESTART) if waits_for_lock(&waiter).is_some() => Err(Errno::EAGAIN),
        Err(Errno::RESTART) => Err(Errno::RESTART_ALWAYS),
        other => other.map(|()| 0),
    }
}

/// FUTEX_CMP_REQUEUE_PI: gives the lock at `addr2` to the first who waits on the word, if it is
/// free, and has `count` more of them wait for it.
pub(super) fn requeue(
    thread: &Arc<Thread>,
    word: Expected,
    addr2: usize,
    count: usize,
) -> Result<usize> {
    if word.addr == addr2 || count > i32::MAX as usize {
        return Err(Errno::EINVAL);
    }
    let a = Key::of(thread.process(), word.addr, word.private)?;
    let b = Key::of(thread.process(), addr2, word.private)?;
    if a == b {
        return Err(Errno::EINVAL);
    }
    let mut owner = Owner::UNKNOWN;
    loop {
        let step = requeue_in(&mut Two::lock(a, b), (a, b), word, addr2, count, &mut owner);
        match step {
            Ok(done) => {
                if let Some(owner) = &owner.thread {
                    urgency::pass_on(owner);
                }
                return Ok(done);
            }
            Err(failed) => mend(failed, &mut owner, || {
                uaccess::load_u32(word.addr)?;
                table::fetch(addr2)
            })?,
        }
    }
}

fn requeue_in(
    two: &mut Two,
    (a, b): (Key, Key),
    word: Expected,
    addr2: usize,
    count: usize,
    owner: &mut Owner,
) -> Result<usize, Failed> {
    if table::load(word.addr)? != word.value {
        return Err(Failed::Stopped(Errno::EAGAIN.into()));
    }
    let Some(first) = table::first(two.a(), a).cloned() else {
        return Ok(0);
    };
    if !is_bound_for(&first, b) {
        return Err(Failed::Stopped(Errno::EINVAL.into()));
    }
    let mut done = 0;
    let holder = match attempt(two.b(), b, addr2, first.thread.tid(), count > 0)? {
        Some(tid) => owner.engage(tid)?,
        None => {
            table::take(two.a(), &first);
            first.wake();
            done = 1;
            first.thread.clone()
        }
    };
    // One is to be woken; who can't be given the lock joins those who wait for it.
    while done < count.saturating_add(1) {
        let Some(next) = table::first(two.a(), a).cloned() else {
            break;
        };
        if !is_bound_for(&next, b) {
            return Err(Failed::Stopped(Errno::EINVAL.into()));
        }
        if next.thread.tid() == holder.tid() {
            return Err(Failed::Stopped(Errno::EDEADLK.into()));
        }
        table::take(two.a(), &next);
        if holder.tid() == first.thread.tid() {
            first.thread.owned.await_it();
        }
        queue_for(&next, b, two.b(), &holder);
        done += 1;
    }
    Ok(done)
}

/// Whether it waits on a condition, to be given the lock named `key` then.
fn is_bound_for(waiter: &Waiter, key: Key) -> bool {
    let lock = waiter.lock.as_ref();
    lock.is_some_and(|lock| !lock.queued.load(Ordering::Relaxed) && lock.key == key)
}

/// The thread gives up all locks that others wait for.
pub(super) fn release(thread: &Arc<Thread>) {
    let before = thread.owned.state.fetch_or(GONE, Ordering::SeqCst);
    if before & AWAITED == 0 {
        return;
    }
    for bucket in table::buckets() {
        while let Some(key) = lock_of(&bucket, thread.tid()) {
            bequeath(&bucket, key);
        }
    }
}

/// A lock of `tid`'s that somebody waits for.
fn lock_of(queue: &Queue, tid: Pid) -> Option<Key> {
    queue.iter().find_map(|waiter| {
        let lock = waits_for_lock(waiter)?;
        let is_owned = lock.owner.load(Ordering::Relaxed) == tid;
        (is_owned && !lock.inherited.load(Ordering::Relaxed)).then_some(lock.key)
    })
}
