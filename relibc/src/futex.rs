//! Futexes, and the one lock and the one `Once` that the library itself uses.
//!
//! Locks of the library, in the order they may be taken: atexit, stdio list, a stream, environment, time zone, malloc's
//! segments, stack cache. None is held while a callback of the program runs.

use crate::sys::sys;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

const PRIVATE: i32 = libc::FUTEX_PRIVATE_FLAG;

/// Whether other processes may wait on the same word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Process,
    Shared,
}

impl Scope {
    fn flag(self) -> i32 {
        if self == Scope::Process { PRIVATE } else { 0 }
    }
}

/// Sleeps while `word` is `value`. Returns 0 or the error, EAGAIN and EINTR among them.
pub fn wait(word: &AtomicU32, value: u32, scope: Scope) -> i32 {
    let op = libc::FUTEX_WAIT | scope.flag();
    // SAFETY: the word is borrowed for the call.
    let r = unsafe { sys!(SYS_futex, word.as_ptr(), op, value, 0) };
    crate::errno::value(r)
}

/// Sleeps while `word` is `value`, at most until `deadline` on `clock`.
pub fn wait_until(
    word: &AtomicU32,
    value: u32,
    scope: Scope,
    clock: libc::clockid_t,
    deadline: Option<&libc::timespec>,
) -> i32 {
    let Some(deadline) = deadline else {
        return wait(word, value, scope);
    };
    if deadline.tv_nsec < 0 || deadline.tv_nsec >= 1_000_000_000 {
        return libc::EINVAL;
    }
    if deadline.tv_sec < 0 {
        return libc::ETIMEDOUT;
    }
    let realtime = if clock == libc::CLOCK_REALTIME {
        libc::FUTEX_CLOCK_REALTIME
    } else {
        0
    };
    let op = libc::FUTEX_WAIT_BITSET | scope.flag() | realtime;
    let time: *const libc::timespec = deadline;
    // SAFETY: word and deadline are borrowed for the call.
    let r = unsafe { sys!(SYS_futex, word.as_ptr(), op, value, time, 0, u32::MAX) };
    crate::errno::value(r)
}

pub fn wake(word: &AtomicU32, count: i32, scope: Scope) {
    wake_address(word.as_ptr(), count, scope);
}

/// As [`wake`], for a word whose owner may already be gone: the kernel only compares the address.
pub fn wake_address(word: *mut u32, count: i32, scope: Scope) {
    let op = libc::FUTEX_WAKE | scope.flag();
    // SAFETY: FUTEX_WAKE touches no memory.
    unsafe { sys!(SYS_futex, word, op, count) };
}

/// A lock around a value: free 0, held 1, held with sleepers 2.
pub struct Lock<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out its value to one thread at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

pub struct Guard<'a, T>(&'a Lock<T>);

impl<T> Lock<T> {
    pub const fn new(value: T) -> Self {
        Lock {
            word: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        self.acquire();
        Guard(self)
    }

    #[inline]
    pub fn acquire(&self) {
        acquire(&self.word, Scope::Process);
    }

    /// # Safety
    /// The calling thread holds the lock, or is the child of a fork whose parent thread held it.
    #[inline]
    pub unsafe fn release(&self) {
        release(&self.word, Scope::Process);
    }
}

#[inline]
pub fn try_acquire(word: &AtomicU32) -> bool {
    word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
        .is_ok()
}

#[inline]
pub fn acquire(word: &AtomicU32, scope: Scope) {
    if !try_acquire(word) {
        contend(word, scope, libc::CLOCK_REALTIME, None);
    }
}

/// The slow path: a short spin, then sleep as a marked waiter. Returns 0 or ETIMEDOUT/EINVAL.
#[cold]
pub fn contend(
    word: &AtomicU32,
    scope: Scope,
    clock: libc::clockid_t,
    deadline: Option<&libc::timespec>,
) -> i32 {
    for _ in 0..40 {
        match word.load(Ordering::Relaxed) {
            0 if try_acquire(word) => return 0,
            2 => break,
            _ => core::hint::spin_loop(),
        }
    }
    while word.swap(2, Ordering::Acquire) != 0 {
        match wait_until(word, 2, scope, clock, deadline) {
            error @ (libc::ETIMEDOUT | libc::EINVAL) => return error,
            _ => {}
        }
    }
    0
}

#[inline]
pub fn release(word: &AtomicU32, scope: Scope) {
    let address = word.as_ptr();
    if word.swap(0, Ordering::Release) == 2 {
        wake_address(address, 1, scope);
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        release(&self.0.word, Scope::Process);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and is borrowed mutably.
        unsafe { &mut *self.0.value.get() }
    }
}
