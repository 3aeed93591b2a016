//! A lock whose waiters sleep: for what may be held across a page fault, a request to a server, or
//! long work. Never taken by the page-fault path of the memory it protects.
//!
//! In builds with debug assertions each thread checks that it takes mutexes in strictly increasing rank,
//! and with no spinlock held.

use super::wait::{Interrupt, WaitQueue, wait_until};
use crate::errno::Result;
use crate::file::Events;
use crate::lock_order;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_hal::sync::{Rank, SpinGuard, SpinLock};

pub use order::Held;

pub struct Mutex<T: ?Sized> {
    /// Of `lock_order::sleeping`.
    rank: Rank,
    /// Threads that found the lock taken and have not got it yet.
    waiting: AtomicU32,
    queue: WaitQueue,
    /// Only ever tried, so its rank does not matter and it may be held while sleeping.
    value: SpinLock<T>,
}

impl<T> Mutex<T> {
    pub const fn new(rank: Rank, value: T) -> Mutex<T> {
        Mutex {
            rank,
            waiting: AtomicU32::new(0),
            queue: WaitQueue::new(),
            value: SpinLock::new(lock_order::CELL, value),
        }
    }

    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        order::acquire(self.rank);
        let mut guard = self.wait_for_it();
        guard.rank = Some(self.rank);
        guard
    }

    fn wait_for_it(&self) -> MutexGuard<'_, T> {
        if let Some(guard) = self.try_lock() {
            return guard;
        }
        // Announced before the second look, so that the holder either sees us waiting or had
        // already let go.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let guard = self.queue.wait_uninterrupted(|| self.try_lock());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        guard
    }

    /// As [`Mutex::lock`], for a thread that may be killed while it waits: what is held across a
    /// server's answer may be held for long.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn lock_killable(&self) -> Result<MutexGuard<'_, T>> {
        self.lock_killable_as(self.rank)
    }

    /// As [`Mutex::lock_killable`], for the second of two of the same kind: the caller orders the two.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn lock_killable_as(&self, rank: Rank) -> Result<MutexGuard<'_, T>> {
        order::acquire(rank);
        match self.wait_for_it_killable() {
            Ok(mut guard) => {
                guard.rank = Some(rank);
                Ok(guard)
            }
            Err(error) => {
                order::release(rank);
                Err(error)
            }
        }
    }

    fn wait_for_it_killable(&self) -> Result<MutexGuard<'_, T>> {
        if let Some(guard) = self.try_lock() {
            return Ok(guard);
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let guard = wait_until(&[&self.queue], None, Interrupt::Kill, || self.try_lock());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if guard.is_err() {
            // A wake-up that was meant for this thread is for the next.
            self.queue.wake_one(Events::all());
        }
        guard
    }

    /// Takes the mutex if it is free. Not checked for rank: it can't deadlock.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let value = self.value.try_lock()?;
        Some(MutexGuard {
            mutex: self,
            rank: None,
            value: Some(value),
        })
    }
}

pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// As what it was taken, if it was checked.
    rank: Option<Rank>,
    /// Taken out only by drop.
    value: Option<SpinGuard<'a, T>>,
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.value
            .as_ref()
            .expect("a guard holds its lock until it is dropped")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value
            .as_mut()
            .expect("a guard holds its lock until it is dropped")
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        if let Some(rank) = self.rank {
            order::release(rank);
        }
        core::sync::atomic::fence(Ordering::SeqCst);
        if self.mutex.waiting.load(Ordering::SeqCst) > 0 {
            self.mutex.queue.wake_one(Events::all());
        }
    }
}

/// The check of ranks, which are below 64: each thread keeps the set of those that it holds.
#[cfg(all(debug_assertions, target_os = "none"))]
mod order {
    use crate::sched::cpu;
    use core::sync::atomic::{AtomicU64, Ordering};
    use ochre_hal::sync::{self, Rank};

    /// The ranks of the mutexes that a thread holds. Only itself looks.
    #[derive(Default)]
    pub struct Held(AtomicU64);

    #[track_caller]
    pub fn acquire(rank: Rank) {
        sync::check_none_held();
        // At boot there is no thread yet.
        let Some(thread) = cpu::try_current() else {
            return;
        };
        let held = &thread.sched.held.0;
        let before = held.load(Ordering::Relaxed);
        assert!(
            before >> rank == 0,
            "a mutex of rank {rank} is taken under one of rank {} at {}",
            before.ilog2(),
            core::panic::Location::caller()
        );
        held.store(before | 1 << rank, Ordering::Relaxed);
    }

    pub fn release(rank: Rank) {
        if let Some(thread) = cpu::try_current() {
            thread
                .sched
                .held
                .0
                .fetch_and(!(1 << rank), Ordering::Relaxed);
        }
    }
}

#[cfg(not(all(debug_assertions, target_os = "none")))]
mod order {
    use ochre_hal::sync::Rank;

    /// Nothing is kept where nothing is checked.
    #[derive(Default)]
    pub struct Held(());

    #[inline]
    pub fn acquire(_: Rank) {}
    #[inline]
    pub fn release(_: Rank) {}
}
