//! Locks for code that is never interrupted.
//!
//! Kernel code runs with interrupts off, so a spinlock needs no interrupt handling; its wait loop
//! serves TLB shootdowns ([`cpu::relax`]). In builds with debug assertions each CPU checks that it
//! takes locks in strictly increasing rank.

use crate::cpu;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Position in the order in which locks nest; outermost lowest.
pub type Rank = u8;

pub struct SpinLock<T: ?Sized> {
    locked: AtomicBool,
    rank: Rank,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out access to one CPU at a time.
unsafe impl<T: ?Sized + Send> Sync for SpinLock<T> {}
// SAFETY: moving the lock moves the value.
unsafe impl<T: ?Sized + Send> Send for SpinLock<T> {}

impl<T> SpinLock<T> {
    #[must_use]
    pub const fn new(rank: Rank, value: T) -> SpinLock<T> {
        SpinLock {
            locked: AtomicBool::new(false),
            rank,
            value: UnsafeCell::new(value),
        }
    }

    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> SpinLock<T> {
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        order::acquire(self.rank);
        while self
            .locked
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            while self.locked.load(Ordering::Relaxed) {
                cpu::relax();
            }
        }
        SpinGuard {
            lock: self,
            ranked: true,
        }
    }

    /// Takes the lock if it is free. Not checked for rank: it can't deadlock.
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        self.locked
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .ok()
            .map(|_| SpinGuard {
                lock: self,
                ranked: false,
            })
    }

    /// Takes a second lock of the same rank; the caller orders the two (by address).
    pub fn lock_same_rank(&self) -> SpinGuard<'_, T> {
        while self
            .locked
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            while self.locked.load(Ordering::Relaxed) {
                cpu::relax();
            }
        }
        SpinGuard {
            lock: self,
            ranked: false,
        }
    }

    /// Access without locking, which `&mut` makes safe.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for SpinLock<T> {
    fn default() -> SpinLock<T> {
        SpinLock::new(Rank::MAX, T::default())
    }
}

#[must_use]
pub struct SpinGuard<'a, T: ?Sized> {
    lock: &'a SpinLock<T>,
    ranked: bool,
}

// SAFETY: a shared guard only gives shared access to the value.
unsafe impl<T: ?Sized + Sync> Sync for SpinGuard<'_, T> {}

impl<T: ?Sized> Deref for SpinGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so this CPU holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists, so this CPU holds the lock, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.locked.store(false, Ordering::Release);
        if self.ranked {
            order::release(self.lock.rank);
        }
    }
}

/// The caller may sleep: this CPU holds no spinlock. Checked in debug builds.
#[inline]
#[cfg_attr(debug_assertions, track_caller)]
pub fn check_none_held() {
    order::check_none();
}

/// The check of ranks: each CPU keeps the set of ranks that it holds.
#[cfg(all(debug_assertions, target_os = "none"))]
mod order {
    use super::Rank;
    use crate::local;

    /// The innermost of those held.
    fn highest(held: [u64; 4]) -> Option<usize> {
        let word = (0..4).rev().find(|&w| held[w] != 0)?;
        Some(word * 64 + 63 - held[word].leading_zeros() as usize)
    }

    #[track_caller]
    pub fn check_none() {
        let highest = highest(local::this().held_ranks.get());
        assert!(
            highest.is_none(),
            "something is to sleep under a lock of rank {highest:?} at {}",
            core::panic::Location::caller()
        );
    }

    #[track_caller]
    pub fn acquire(rank: Rank) {
        let mut held = local::this().held_ranks.get();
        if let Some(highest) = highest(held) {
            assert!(
                usize::from(rank) > highest,
                "a lock of rank {rank} is taken under one of rank {highest} at {}",
                core::panic::Location::caller()
            );
        }
        held[usize::from(rank / 64)] |= 1 << (rank % 64);
        local::this().held_ranks.set(held);
    }

    pub fn release(rank: Rank) {
        let mut held = local::this().held_ranks.get();
        held[usize::from(rank / 64)] &= !(1 << (rank % 64));
        local::this().held_ranks.set(held);
    }
}

#[cfg(not(all(debug_assertions, target_os = "none")))]
mod order {
    use super::Rank;

    #[inline]
    pub fn check_none() {}
    #[inline]
    pub fn acquire(_: Rank) {}
    #[inline]
    pub fn release(_: Rank) {}
}

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const SET: u8 = 2;

/// A value that is set once and read often.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written once, before `state` says SET, and only read after.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    #[must_use]
    pub const fn new() -> Once<T> {
        Once {
            state: AtomicU8::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    #[must_use]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: SET is stored after the value was written, and it never changes again.
        (self.state.load(Ordering::Acquire) == SET)
            .then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// Sets the value; false when there is one already.
    pub fn set(&self, value: T) -> bool {
        if self
            .state
            .compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            return false;
        }
        // SAFETY: BUSY was won by this caller alone, and nobody reads before SET.
        unsafe { (*self.value.get()).write(value) };
        self.state.store(SET, Ordering::Release);
        true
    }

    /// The value, made by `make` when there is none yet. Others wait.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => self.init(make),
        }
    }

    #[cold]
    fn init(&self, make: impl FnOnce() -> T) -> &T {
        if self
            .state
            .compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
        {
            // SAFETY: as in `set`.
            unsafe { (*self.value.get()).write(make()) };
            self.state.store(SET, Ordering::Release);
        }
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            cpu::relax();
        }
    }
}

impl<T> Default for Once<T> {
    fn default() -> Once<T> {
        Once::new()
    }
}
