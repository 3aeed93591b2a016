//! Futexes: sleeping on a word of user memory.
//!
//! A word is named by where it is: private ones by address space and address, shared ones by memory
//! object and offset, so that all who map it meet. Names hash to buckets; a bucket's lock makes
//! "compare the word, then queue" one step against wakers. The word is read before the lock is
//! taken where it might fault, then again under it, where a fault is answered by starting over.

use super::process::Process;
use super::thread::Thread;
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::mapping::Backing;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::sched::wait::{Interrupt, wait_until};
use crate::time;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::sync::{SpinGuard, SpinLock};
use ochre_hal::{PAGE_SIZE, USER_END, uaccess};

const BUCKETS: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    /// An address space's or a memory object's number, told apart by the lowest bit.
    owner: u64,
    offset: u64,
}

struct Waiter {
    thread: Arc<Thread>,
    bits: u32,
    key: SpinLock<Key>,
    woken: AtomicBool,
}

static TABLE: [SpinLock<VecDeque<Arc<Waiter>>>; BUCKETS] =
    [const { SpinLock::new(lock_order::FUTEX, VecDeque::new()) }; BUCKETS];

type Bucket = SpinGuard<'static, VecDeque<Arc<Waiter>>>;

impl Key {
    fn index(self) -> usize {
        let mixed = (self.owner ^ (self.offset >> 2)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as usize % BUCKETS
    }

    fn bucket(self) -> &'static SpinLock<VecDeque<Arc<Waiter>>> {
        &TABLE[self.index()]
    }

    /// The name of the word at `addr` of the process.
    fn of(process: &Process, addr: usize, private: bool) -> Result<Key> {
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

/// Locks two buckets in the order of the table; the same one once.
fn lock_two(a: Key, b: Key) -> (Bucket, Option<Bucket>) {
    let (i, j) = (a.index(), b.index());
    let first = TABLE[i.min(j)].lock();
    let second = (i != j).then(|| TABLE[i.max(j)].lock_same_rank());
    (first, second)
}

/// Sleeps while the word is `expected`, until woken by a wake with one of `bits`.
fn wait(
    thread: &Arc<Thread>,
    addr: usize,
    private: bool,
    expected: u32,
    deadline: Option<u64>,
    bits: u32,
) -> Result<usize> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(thread.process(), addr, private)?;
    let waiter = Arc::new(Waiter {
        thread: thread.clone(),
        bits,
        key: SpinLock::new(lock_order::CELL, key),
        woken: AtomicBool::new(false),
    });
    // Queued first and compared then: a waker that changes the word after the comparison finds the
    // waiter. The word may fault in, so no lock is held for it.
    key.bucket().lock().push_back(waiter.clone());
    let seen = uaccess::load_u32(addr);
    let result = match seen {
        Err(fault) => Err(fault.into()),
        Ok(seen) if seen != expected => Err(Errno::EAGAIN),
        Ok(_) => wait_until(&[], deadline, Interrupt::Signals, || {
            waiter.woken.load(Ordering::SeqCst).then_some(())
        }),
    };
    if waiter.woken.load(Ordering::SeqCst) {
        return Ok(0);
    }
    // Not woken: leave the queue, wherever a requeue may have put it.
    loop {
        let key = *waiter.key.lock();
        let mut bucket = key.bucket().lock();
        if let Some(at) = bucket.iter().position(|w| Arc::ptr_eq(w, &waiter)) {
            bucket.remove(at);
            break;
        }
        drop(bucket);
        if waiter.woken.load(Ordering::SeqCst) {
            return Ok(0);
        }
    }
    result.map(|()| 0)
}

/// Wakes up to `count` waiters of `key` from its locked bucket.
fn wake_in(bucket: &mut VecDeque<Arc<Waiter>>, key: Key, count: usize, bits: u32) -> usize {
    let mut woken = 0;
    let mut at = 0;
    while woken < count && at < bucket.len() {
        let waiter = &bucket[at];
        if waiter.bits & bits == 0 || *waiter.key.lock() != key {
            at += 1;
            continue;
        }
        if let Some(waiter) = bucket.remove(at) {
            waiter.woken.store(true, Ordering::SeqCst);
            waiter.thread.unpark();
            woken += 1;
        }
    }
    woken
}

fn wake(process: &Process, addr: usize, private: bool, count: usize, bits: u32) -> Result<usize> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(process, addr, private)?;
    let mut bucket = key.bucket().lock();
    Ok(wake_in(&mut bucket, key, count, bits))
}

/// FUTEX_REQUEUE and FUTEX_CMP_REQUEUE: wakes some waiters of the first word and moves others to
/// the second.
fn requeue(
    process: &Process,
    (from, to): (usize, usize),
    private: bool,
    (wake_count, move_count): (usize, usize),
    expected: Option<u32>,
) -> Result<usize> {
    if wake_count > i32::MAX as usize || move_count > i32::MAX as usize {
        return Err(Errno::EINVAL);
    }
    let a = Key::of(process, from, private)?;
    let b = Key::of(process, to, private)?;
    if let Some(expected) = expected
        && uaccess::load_u32(from)? != expected
    {
        return Err(Errno::EAGAIN);
    }
    let (mut first, mut second) = lock_two(a, b);
    let a_is_first = a.index() <= b.index();
    let mut moved = VecDeque::new();
    let woken;
    {
        let source = match (&mut second, a_is_first) {
            (Some(second), false) => &mut **second,
            _ => &mut *first,
        };
        woken = wake_in(source, a, wake_count, u32::MAX);
        let mut at = 0;
        while moved.len() < move_count && at < source.len() {
            if *source[at].key.lock() != a {
                at += 1;
                continue;
            }
            if let Some(waiter) = source.remove(at) {
                *waiter.key.lock() = b;
                moved.push_back(waiter);
            }
        }
    }
    let count = moved.len();
    let target = match (&mut second, a_is_first) {
        (Some(second), true) => &mut **second,
        _ => &mut *first,
    };
    target.append(&mut moved);
    Ok(woken + count)
}

/// FUTEX_WAKE_OP: changes the second word by the encoded operation, wakes waiters of the first, and,
/// if the old value compares as encoded, of the second.
fn wake_op(
    process: &Process,
    (addr, addr2): (usize, usize),
    private: bool,
    (count, count2): (usize, usize),
    encoded: u32,
) -> Result<usize> {
    let sign_extend = |v: u32| ((v << 20) as i32 >> 20) as u32;
    let mut operand = sign_extend(encoded >> 12 & 0xfff);
    let compare = sign_extend(encoded & 0xfff);
    let operation = encoded >> 28 & 0xf;
    if operation & raw::FUTEX_OP_OPARG_SHIFT != 0 {
        operand = 1 << (operand & 31);
    }
    let key = Key::of(process, addr, private)?;
    let key2 = Key::of(process, addr2, private)?;
    let mut old = uaccess::load_u32(addr2)?;
    loop {
        let new = match operation & 7 {
            raw::FUTEX_OP_SET => operand,
            raw::FUTEX_OP_ADD => old.wrapping_add(operand),
            raw::FUTEX_OP_OR => old | operand,
            raw::FUTEX_OP_ANDN => old & !operand,
            raw::FUTEX_OP_XOR => old ^ operand,
            _ => return Err(Errno::ENOSYS),
        };
        let seen = uaccess::cmpxchg_u32(addr2, old, new)?;
        if seen == old {
            break;
        }
        old = seen;
    }
    let (a, b) = (old as i32, compare as i32);
    let holds = match encoded >> 24 & 0xf {
        raw::FUTEX_OP_CMP_EQ => a == b,
        raw::FUTEX_OP_CMP_NE => a != b,
        raw::FUTEX_OP_CMP_LT => a < b,
        raw::FUTEX_OP_CMP_LE => a <= b,
        raw::FUTEX_OP_CMP_GT => a > b,
        raw::FUTEX_OP_CMP_GE => a >= b,
        _ => return Err(Errno::ENOSYS),
    };
    let mut woken = wake_in(&mut key.bucket().lock(), key, count, u32::MAX);
    if holds {
        woken += wake_in(&mut key2.bucket().lock(), key2, count2, u32::MAX);
    }
    Ok(woken)
}

/// FUTEX_LOCK_PI and FUTEX_TRYLOCK_PI: the word is the owner's number, and a bit for "somebody
/// waits". The owner is found by its number; its priority is not raised.
fn lock_owned(
    thread: &Arc<Thread>,
    addr: usize,
    private: bool,
    deadline: Option<u64>,
    may_wait: bool,
) -> Result<usize> {
    Key::of(thread.process(), addr, private)?;
    // Who has slept can't tell whether others still do.
    let mut waiters = 0;
    loop {
        let seen = uaccess::load_u32(addr)?;
        let owner = seen & raw::FUTEX_TID_MASK;
        if owner == 0 {
            let died = seen & raw::FUTEX_OWNER_DIED;
            let mine = thread.tid() | waiters | seen & raw::FUTEX_WAITERS | died;
            if uaccess::cmpxchg_u32(addr, seen, mine)? == seen {
                return Ok(0);
            }
            continue;
        }
        if owner == thread.tid() {
            return Err(Errno::EDEADLK);
        }
        if !may_wait {
            return Err(Errno::EAGAIN);
        }
        if super::tree::thread(owner).is_none() {
            return Err(Errno::ESRCH);
        }
        let announced = seen | raw::FUTEX_WAITERS;
        if uaccess::cmpxchg_u32(addr, seen, announced)? != seen {
            continue;
        }
        waiters = raw::FUTEX_WAITERS;
        let all = raw::FUTEX_BITSET_MATCH_ANY;
        match wait(thread, addr, private, announced, deadline, all) {
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error),
        }
    }
}

/// FUTEX_UNLOCK_PI.
fn unlock_owned(thread: &Arc<Thread>, addr: usize, private: bool) -> Result<usize> {
    loop {
        let seen = uaccess::load_u32(addr)?;
        if seen & raw::FUTEX_TID_MASK != thread.tid() {
            return Err(Errno::EPERM);
        }
        if uaccess::cmpxchg_u32(addr, seen, 0)? != seen {
            continue;
        }
        if seen & raw::FUTEX_WAITERS != 0 {
            let all = raw::FUTEX_BITSET_MATCH_ANY;
            wake(thread.process(), addr, private, 1, all)?;
        }
        return Ok(0);
    }
}

/// futex(2).
pub fn call(thread: &Arc<Thread>, args: [usize; 6]) -> Result<usize> {
    let [addr, op, value, fourth, addr2, value3] = args;
    let op = op as u32;
    let private = op & raw::FUTEX_PRIVATE_FLAG != 0;
    let realtime = op & raw::FUTEX_CLOCK_REALTIME != 0;
    let command = op & !(raw::FUTEX_PRIVATE_FLAG | raw::FUTEX_CLOCK_REALTIME);
    let process = thread.process();
    let all = raw::FUTEX_BITSET_MATCH_ANY;
    let timed = matches!(command, raw::FUTEX_WAIT_BITSET | raw::FUTEX_WAIT_REQUEUE_PI);
    if realtime && !timed && command != raw::FUTEX_LOCK_PI2 {
        return Err(Errno::ENOSYS);
    }
    let timeout = || -> Result<Option<u64>> {
        UserPtr::<Timespec>::new(fourth)
            .non_null()
            .map(|p| p.read()?.to_nanos())
            .transpose()
    };
    match command {
        raw::FUTEX_WAIT => {
            // Relative.
            let deadline = timeout()?.map(|t| time::monotonic().saturating_add(t));
            wait(thread, addr, private, value as u32, deadline, all)
        }
        raw::FUTEX_WAIT_BITSET => {
            let deadline = timeout()?;
            let deadline = if realtime {
                deadline.map(time::from_realtime)
            } else {
                deadline
            };
            wait(thread, addr, private, value as u32, deadline, value3 as u32)
        }
        raw::FUTEX_WAKE => wake(process, addr, private, at_least_one(value), all),
        raw::FUTEX_WAKE_BITSET => wake(process, addr, private, at_least_one(value), value3 as u32),
        raw::FUTEX_REQUEUE => requeue(process, (addr, addr2), private, (value, fourth), None),
        raw::FUTEX_CMP_REQUEUE => requeue(
            process,
            (addr, addr2),
            private,
            (value, fourth),
            Some(value3 as u32),
        ),
        raw::FUTEX_WAKE_OP => {
            let counts = (at_least_one(value), at_least_one(fourth));
            wake_op(process, (addr, addr2), private, counts, value3 as u32)
        }
        raw::FUTEX_LOCK_PI | raw::FUTEX_LOCK_PI2 => {
            let deadline = timeout()?;
            // The older command's time is always the wall's.
            let deadline = if realtime || command == raw::FUTEX_LOCK_PI {
                deadline.map(time::from_realtime)
            } else {
                deadline
            };
            lock_owned(thread, addr, private, deadline, true)
        }
        raw::FUTEX_TRYLOCK_PI => lock_owned(thread, addr, private, None, false),
        raw::FUTEX_UNLOCK_PI => unlock_owned(thread, addr, private),
        _ => Err(Errno::ENOSYS),
    }
}

/// Linux wakes one waiter even when asked for none.
fn at_least_one(count: usize) -> usize {
    (count as u32 as usize).max(1)
}

/// The thread ends: its tid word becomes zero, and one waiter (pthread_join) wakes.
pub(super) fn clear_and_wake(process: &Process, addr: usize) {
    if uaccess::store_u32(addr, 0).is_ok() {
        let _ = wake(process, addr, false, 1, raw::FUTEX_BITSET_MATCH_ANY);
        let _ = wake(process, addr, true, 1, raw::FUTEX_BITSET_MATCH_ANY);
    }
}

/// Entries of a robust list that are looked at, lest it be a ring.
const ROBUST_LIMIT: usize = 2048;

/// Marks the locks that the thread still holds as owned by a dead one, and wakes a waiter of each.
pub(super) fn exit_robust_list(thread: &Arc<Thread>) {
    let head = thread.robust_list.swap(0, Ordering::Relaxed);
    if head != 0 {
        // A list that can't be read is the program's own affair.
        let _ = walk_robust_list(thread, head);
    }
}

fn walk_robust_list(thread: &Arc<Thread>, head: usize) -> Result {
    let word = |addr: usize| UserPtr::<usize>::new(addr).read();
    let offset = word(head.wrapping_add(8))? as isize;
    let pending = word(head.wrapping_add(16))?;
    let mut entry = word(head)?;
    for _ in 0..ROBUST_LIMIT {
        if entry & !1 == head || entry == 0 {
            break;
        }
        let next = word(entry & !1);
        if entry & !1 != pending & !1 {
            release(thread, (entry & !1).wrapping_add_signed(offset))?;
        }
        entry = next?;
    }
    if pending & !1 != 0 {
        release(thread, (pending & !1).wrapping_add_signed(offset))?;
    }
    Ok(())
}

fn release(thread: &Arc<Thread>, addr: usize) -> Result {
    let mut seen = uaccess::load_u32(addr)?;
    loop {
        if seen & raw::FUTEX_TID_MASK != thread.tid() {
            return Ok(());
        }
        let new = (seen & raw::FUTEX_WAITERS) | raw::FUTEX_OWNER_DIED;
        let found = uaccess::cmpxchg_u32(addr, seen, new)?;
        if found == seen {
            break;
        }
        seen = found;
    }
    if seen & raw::FUTEX_WAITERS != 0 {
        let _ = wake(
            thread.process(),
            addr,
            false,
            1,
            raw::FUTEX_BITSET_MATCH_ANY,
        );
        let _ = wake(thread.process(), addr, true, 1, raw::FUTEX_BITSET_MATCH_ANY);
    }
    Ok(())
}

/// Bytes of a page, for those who check that a word lies in one.
const _: () = assert!(PAGE_SIZE.is_multiple_of(4));
