//! futex(2), and the calls that came after it, whose flags say how large a word is.

use super::owned;
use super::wait::{self, Expected};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::process::Process;
use crate::task::thread::Thread;
use crate::time::Deadline;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;
use ochre_hal::uaccess;

const ALL: u32 = raw::FUTEX_BITSET_MATCH_ANY;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    let process = ctx.process;
    Some(match number {
        raw::__NR_futex_waitv => wait_many(process, args),
        raw::__NR_futex_wake => wake_word(process, args),
        raw::__NR_futex_wait => wait_word(process, args),
        raw::__NR_futex_requeue => requeue_words(process, args),
        _ => return None,
    })
}

/// futex(2).
pub fn call(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let [addr, op, value, fourth, addr2, value3] = args;
    let op = op as u32;
    let private = op & raw::FUTEX_PRIVATE_FLAG != 0;
    let realtime = op & raw::FUTEX_CLOCK_REALTIME != 0;
    let command = op & !(raw::FUTEX_PRIVATE_FLAG | raw::FUTEX_CLOCK_REALTIME);
    let process = thread.process();
    let timed = matches!(command, raw::FUTEX_WAIT_BITSET | raw::FUTEX_WAIT_REQUEUE_PI);
    if realtime && !timed && command != raw::FUTEX_LOCK_PI2 {
        return Err(Errno::ENOSYS);
    }
    let word = |value| Expected {
        addr,
        private,
        value,
    };
    match command {
        raw::FUTEX_WAIT => {
            let deadline = timeout(fourth)?.map(Deadline::after);
            wait_once(process, word(value as u32), deadline, ALL)
        }
        raw::FUTEX_WAIT_BITSET => {
            let deadline = deadline(fourth, realtime)?;
            wait_once(process, word(value as u32), deadline, value3 as u32)
        }
        raw::FUTEX_WAKE => wait::wake(process, addr, private, at_least_one(value), ALL),
        raw::FUTEX_WAKE_BITSET => {
            wait::wake(process, addr, private, at_least_one(value), value3 as u32)
        }
        raw::FUTEX_REQUEUE | raw::FUTEX_CMP_REQUEUE => {
            let words = ((addr, private), (addr2, private));
            let compares = command == raw::FUTEX_CMP_REQUEUE;
            let expected = compares.then_some(value3 as u32);
            let counts = (value as u32 as usize, fourth as u32 as usize);
            wait::requeue(process, words, counts, expected)
        }
        raw::FUTEX_WAKE_OP => {
            let counts = (at_least_one(value), at_least_one(fourth));
            wait::wake_op(process, (addr, addr2), private, counts, value3 as u32)
        }
        raw::FUTEX_LOCK_PI | raw::FUTEX_LOCK_PI2 => {
            // The older command's time is always the wall's.
            let realtime = realtime || command == raw::FUTEX_LOCK_PI;
            owned::lock(thread, addr, private, deadline(fourth, realtime)?, true)
        }
        raw::FUTEX_TRYLOCK_PI => owned::lock(thread, addr, private, None, false),
        raw::FUTEX_UNLOCK_PI => owned::unlock(thread, addr, private),
        raw::FUTEX_WAIT_REQUEUE_PI => {
            let deadline = deadline(fourth, realtime)?;
            owned::wait_requeue(thread, word(value as u32), deadline, addr2)
        }
        // Exactly one can be given the lock.
        raw::FUTEX_CMP_REQUEUE_PI if value as u32 != 1 => Err(Errno::EINVAL),
        raw::FUTEX_CMP_REQUEUE_PI => {
            let count = fourth as u32 as usize;
            owned::requeue(thread, word(value3 as u32), addr2, count)
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// A wait whose time is not to begin again after a signal's handler.
fn wait_once(
    process: &Process,
    word: Expected,
    deadline: Option<Deadline>,
    bits: u32,
) -> Result<usize> {
    match wait::wait(process, word, deadline, bits) {
        Err(Errno::RESTART) if deadline.is_some() => Err(Errno::RESTART_NO_HANDLER),
        other => other,
    }
}

/// Linux wakes one waiter even when asked for none.
fn at_least_one(count: usize) -> usize {
    (count as u32 as usize).max(1)
}

fn timeout(addr: usize) -> Result<Option<u64>> {
    let time = UserPtr::<Timespec>::new(addr).non_null();
    time.map(|time| time.read()?.to_nanos()).transpose()
}

/// A time on one of the two clocks.
fn deadline(addr: usize, realtime: bool) -> Result<Option<Deadline>> {
    let on_its_clock = if realtime {
        Deadline::real
    } else {
        Deadline::monotonic
    };
    Ok(timeout(addr)?.map(on_its_clock))
}

/// The newer calls' deadline.
fn deadline_on(addr: usize, clock: usize) -> Result<Option<Deadline>> {
    if addr == 0 {
        return Ok(None);
    }
    match clock as u32 {
        raw::CLOCK_REALTIME => deadline(addr, true),
        raw::CLOCK_MONOTONIC => deadline(addr, false),
        _ => Err(Errno::EINVAL),
    }
}

/// `struct futex_waitv`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawWord {
    value: u64,
    addr: u64,
    flags: u32,
    reserved: u32,
}

/// The newer calls' flags: words are 32 bits wide.
#[derive(Clone, Copy)]
struct Flags(u32);

impl Flags {
    fn new(raw: usize) -> Result<Flags> {
        const KNOWN: u32 =
            raw::FUTEX2_SIZE_MASK | raw::FUTEX2_NUMA | raw::FUTEX2_MPOL | raw::FUTEX2_PRIVATE;
        let flags = raw as u32;
        if flags & !KNOWN != 0 || flags & raw::FUTEX2_SIZE_MASK != raw::FUTEX2_SIZE_U32 {
            return Err(Errno::EINVAL);
        }
        Ok(Flags(flags))
    }

    fn private(self) -> bool {
        self.0 & raw::FUTEX2_PRIVATE != 0
    }

    /// With FUTEX2_NUMA a second word follows: the node of memory in whose table waiters are to be.
    /// There is one, 0, which is also the answer to who leaves the choice.
    fn settle_node(self, addr: usize) -> Result {
        if self.0 & raw::FUTEX2_NUMA == 0 {
            return Ok(());
        }
        if !addr.is_multiple_of(8) {
            return Err(Errno::EINVAL);
        }
        let at = addr.checked_add(4).ok_or(Errno::EFAULT)?;
        match uaccess::load_u32(at)?.cast_signed() {
            0 => Ok(()),
            raw::FUTEX_NO_NODE => Ok(uaccess::store_u32(at, 0)?),
            _ => Err(Errno::EINVAL),
        }
    }

    fn word(self, addr: usize, value: usize) -> Result<Expected> {
        Ok(Expected {
            addr,
            private: self.private(),
            value: narrow(value)?,
        })
    }
}

/// A value that a word can have.
fn narrow(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| Errno::EINVAL)
}

/// `count` words that user space lists.
fn words(at: usize, count: usize) -> Result<Vec<(Flags, Expected)>> {
    let listed = UserPtr::<RawWord>::new(at);
    let mut words = Vec::new();
    words.room_exact(count)?;
    for index in 0..count {
        let raw = listed.element(index).read()?;
        let flags = Flags::new(raw.flags as usize)?;
        if raw.reserved != 0 {
            return Err(Errno::EINVAL);
        }
        words.push((flags, flags.word(raw.addr as usize, raw.value as usize)?));
    }
    for (flags, word) in &words {
        flags.settle_node(word.addr)?;
    }
    Ok(words)
}

/// futex_waitv(2).
fn wait_many(process: &Process, [at, count, flags, time, clock, _]: Args) -> Result<usize> {
    let count = count as u32;
    if flags as u32 != 0 || at == 0 || !(1..=raw::FUTEX_WAITV_MAX).contains(&count) {
        return Err(Errno::EINVAL);
    }
    let deadline = deadline_on(time, clock)?;
    let words = words(at, count as usize)?;
    let mut expected = Vec::new();
    expected.room_exact(words.len())?;
    expected.extend(words.iter().map(|(_, word)| *word));
    wait::wait_many(process, &expected, deadline)
}

/// futex_wake(2).
fn wake_word(process: &Process, [addr, mask, count, flags, ..]: Args) -> Result<usize> {
    let flags = Flags::new(flags)?;
    let mask = narrow(mask)?;
    if mask == 0 {
        return Err(Errno::EINVAL);
    }
    flags.settle_node(addr)?;
    match count as i32 {
        // Unlike futex(2), it wakes none when asked for none; but the word is looked at.
        0 => wait::wake(process, addr, flags.private(), 0, mask),
        count => wait::wake(process, addr, flags.private(), count.max(1) as usize, mask),
    }
}

/// futex_wait(2).
fn wait_word(process: &Process, [addr, value, mask, flags, time, clock]: Args) -> Result<usize> {
    let flags = Flags::new(flags)?;
    let word = flags.word(addr, value)?;
    let mask = narrow(mask)?;
    let deadline = deadline_on(time, clock)?;
    if mask == 0 {
        return Err(Errno::EINVAL);
    }
    flags.settle_node(addr)?;
    wait::wait(process, word, deadline, mask)
}

/// futex_requeue(2).
fn requeue_words(process: &Process, [at, flags, wakes, moves, ..]: Args) -> Result<usize> {
    if flags as u32 != 0 || at == 0 {
        return Err(Errno::EINVAL);
    }
    let words = words(at, 2)?;
    let [(_, from), (_, to)] = words[..] else {
        return Err(Errno::EINVAL);
    };
    let counts = (wakes as u32 as usize, moves as u32 as usize);
    let names = ((from.addr, from.private), (to.addr, to.private));
    wait::requeue(process, names, counts, Some(from.value))
}
