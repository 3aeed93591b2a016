//! A lock whose waiters sleep: for what may be held across a page fault, a request to a server, or
//! long work. Never taken by the page-fault path of the memory it protects.

use super::wait::{Interrupt, WaitQueue, wait_until};
use crate::errno::Result;
use crate::file::Events;
use crate::lock_order;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_hal::sync::{SpinGuard, SpinLock};

pub struct Mutex<T: ?Sized> {
    /// Threads that found the lock taken and have not got it yet.
    waiting: AtomicU32,
    queue: WaitQueue,
    /// Only ever tried, so its rank does not matter and it may be held while sleeping.
    value: SpinLock<T>,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
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
    pub fn lock(&self) -> MutexGuard<'_, T> {
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
    pub fn lock_killable(&self) -> Result<MutexGuard<'_, T>> {
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

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let value = self.value.try_lock()?;
        Some(MutexGuard {
            mutex: self,
            value: Some(value),
        })
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
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
        core::sync::atomic::fence(Ordering::SeqCst);
        if self.mutex.waiting.load(Ordering::SeqCst) > 0 {
            self.mutex.queue.wake_one(Events::all());
        }
    }
}
