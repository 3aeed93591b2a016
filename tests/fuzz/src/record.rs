//! What lives tell their supervisor, in memory that they share.

use crate::sys;
use crate::worker::THREADS;
use ochre_abi::native::BASE;
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Numbers of calls that are told apart; Ochre's own are the last 32.
const NUMBERS: usize = 544;
const NATIVE_END: usize = BASE + 32;
/// Lives at a time at most.
pub const SLOTS: usize = 32;

/// How far a life is.
pub struct Slot {
    pub steps: [AtomicU64; THREADS],
    /// Numbers of the calls that its threads make.
    pub calls: [AtomicUsize; THREADS],
}

pub struct Record {
    pub slots: [Slot; SLOTS],
    made: [AtomicU64; NUMBERS],
    /// Which errors each call has answered, a bit each; bit 0 is success.
    errors: [[AtomicU64; 3]; NUMBERS],
}

static RECORD: AtomicPtr<Record> = AtomicPtr::new(null_mut());

/// Maps the record, before the first life.
pub fn map() {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    let at = sys!(SYS_mmap, 0, size_of::<Record>(), prot, flags, -1_isize, 0);
    assert!(at > 0, "there must be memory for the record");
    RECORD.store(at as *mut Record, Ordering::Relaxed);
}

pub fn get() -> &'static Record {
    // SAFETY: `map` has made it, zeroed; it is of atomics only, and stays.
    unsafe { &*RECORD.load(Ordering::Relaxed) }
}

impl Record {
    pub fn count(&self, number: usize, result: isize) {
        let at = match number {
            ..512 => number,
            BASE..NATIVE_END => 512 + number - BASE,
            _ => 511,
        };
        let error = if result < 0 {
            result.unsigned_abs().min(191)
        } else {
            0
        };
        self.made[at].fetch_add(1, Ordering::Relaxed);
        let word = &self.errors[at][error / 64];
        if word.load(Ordering::Relaxed) >> (error % 64) & 1 == 0 {
            word.fetch_or(1 << (error % 64), Ordering::Relaxed);
        }
    }

    /// Calls made in all.
    pub fn total(&self) -> u64 {
        self.made
            .iter()
            .map(|made| made.load(Ordering::Relaxed))
            .sum()
    }

    /// Of each call that was made: how often, and the errors that it answered (0 for success).
    pub fn by_number(&self) -> BTreeMap<usize, (u64, Vec<usize>)> {
        let mut calls = BTreeMap::new();
        for (at, made) in self.made.iter().enumerate() {
            let made = made.load(Ordering::Relaxed);
            if made > 0 {
                let bit = |error: &usize| {
                    self.errors[at][error / 64].load(Ordering::Relaxed) >> (error % 64) & 1 == 1
                };
                let number = if at < 512 { at } else { at - 512 + BASE };
                calls.insert(number, (made, (0..192).filter(bit).collect()));
            }
        }
        calls
    }
}
