//! Waiting for words that mean nothing to the kernel, and waking.

use super::table::{Key, Queue, Two, Waiter};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::sched::wait::{Interrupt, wait_until};
use crate::task::process::Process;
use crate::time::Deadline;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::Room;
use ochre_hal::uaccess;

/// A word, and what it is to be for a wait.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub addr: usize,
    pub private: bool,
    pub value: u32,
}

/// Sleeps while the word is as expected, until woken by a wake with one of `bits`.
pub(super) fn wait(
    process: &Process,
    word: Expected,
    deadline: Option<Deadline>,
    bits: u32,
) -> Result<usize> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(process, word.addr, word.private)?;
    let waiter = Waiter::new(key, bits, None);
    waiter.enter(&mut key.bucket());
    let result = sleep_while(&waiter, word, deadline);
    if waiter.leave() {
        return Ok(0);
    }
    result.map(|()| 0)
}

/// Sleeps until the queued waiter is woken, if the word is as expected.
pub(super) fn sleep_while(
    waiter: &Arc<Waiter>,
    word: Expected,
    deadline: Option<Deadline>,
) -> Result {
    // Queued first and compared then: a waker that changes the word after the comparison finds the
    // waiter. The word may fault in, so no lock is held for it.
    if uaccess::load_u32(word.addr)? != word.value {
        return Err(Errno::EAGAIN);
    }
    wait_until(&[], deadline, Interrupt::Signals, || {
        waiter.is_woken().then_some(())
    })
}

/// Sleeps while all words are as expected, until woken on one of them: which one.
pub(super) fn wait_many(
    process: &Process,
    words: &[Expected],
    deadline: Option<Deadline>,
) -> Result<usize> {
    let mut waiters = Vec::new();
    waiters.room_exact(words.len())?;
    for word in words {
        let key = Key::of(process, word.addr, word.private)?;
        waiters.push((key, Waiter::new(key, raw::FUTEX_BITSET_MATCH_ANY, None)));
    }
    let mut result = Ok(());
    let mut queued = 0;
    for ((key, waiter), word) in waiters.iter().zip(words) {
        waiter.enter(&mut key.bucket());
        queued += 1;
        result = match uaccess::load_u32(word.addr) {
            Ok(seen) if seen == word.value => continue,
            Ok(_) => Err(Errno::EAGAIN),
            Err(fault) => Err(fault.into()),
        };
        break;
    }
    if result.is_ok() {
        result = wait_until(&[], deadline, Interrupt::Signals, || {
            waiters.iter().any(|(_, w)| w.is_woken()).then_some(())
        });
    }
    // The last of those that were woken is told.
    let mut woken = None;
    for (index, (_, waiter)) in waiters[..queued].iter().enumerate() {
        if waiter.leave() {
            woken = Some(index);
        }
    }
    match (woken, result) {
        (Some(index), _) => Ok(index),
        (None, result) => result.map(|()| 0),
    }
}

/// Wakes up to `count` waiters of `key` from its locked bucket. Who waits to be given a lock is
/// not to be woken like this (`EINVAL`).
fn wake_in(queue: &mut Queue, key: Key, count: usize, bits: u32) -> Result<usize> {
    let mut woken = 0;
    let mut at = 0;
    while woken < count && at < queue.len() {
        let waiter = &queue[at];
        if !waiter.is_on(key) {
            at += 1;
            continue;
        }
        if waiter.lock.is_some() {
            return Err(Errno::EINVAL);
        }
        if waiter.bits & bits == 0 {
            at += 1;
            continue;
        }
        if let Some(waiter) = queue.remove(at) {
            waiter.wake();
            woken += 1;
        }
    }
    Ok(woken)
}

pub(super) fn wake(
    process: &Process,
    addr: usize,
    private: bool,
    count: usize,
    bits: u32,
) -> Result<usize> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(process, addr, private)?;
    wake_in(&mut key.bucket(), key, count, bits)
}

/// Wakes some waiters of the first word and moves others to the second: each an address and whether
/// it is private.
pub(super) fn requeue(
    process: &Process,
    (from, to): ((usize, bool), (usize, bool)),
    (wake_count, move_count): (usize, usize),
    expected: Option<u32>,
) -> Result<usize> {
    if wake_count > i32::MAX as usize || move_count > i32::MAX as usize {
        return Err(Errno::EINVAL);
    }
    let a = Key::of(process, from.0, from.1)?;
    let b = Key::of(process, to.0, to.1)?;
    if let Some(expected) = expected
        && uaccess::load_u32(from.0)? != expected
    {
        return Err(Errno::EAGAIN);
    }
    let mut two = Two::lock(a, b);
    let woken = wake_in(two.a(), a, wake_count, raw::FUTEX_BITSET_MATCH_ANY)?;
    let mut moved = Queue::new();
    let mut result = Ok(());
    let source = two.a();
    let mut at = 0;
    while moved.len() < move_count && at < source.len() {
        if !source[at].is_on(a) {
            at += 1;
            continue;
        }
        if source[at].lock.is_some() {
            result = Err(Errno::EINVAL);
            break;
        }
        moved.extend(source.remove(at));
    }
    let count = moved.len();
    for waiter in moved {
        waiter.move_to(b, two.b());
    }
    result.map(|()| woken + count)
}

/// FUTEX_WAKE_OP: changes the second word by the encoded operation, wakes waiters of the first, and,
/// if the old value compares as encoded, of the second.
pub(super) fn wake_op(
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
    let mut woken = wake_in(&mut key.bucket(), key, count, u32::MAX)?;
    if holds {
        woken += wake_in(&mut key2.bucket(), key2, count2, u32::MAX)?;
    }
    Ok(woken)
}
