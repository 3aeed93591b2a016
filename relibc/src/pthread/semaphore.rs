//! Semaphores: a count with a bit that says somebody may sleep, so that a post without sleepers is no system call.

use crate::errno;
use crate::futex::{self, Scope};
use core::ffi::{c_int, c_uint};
use core::sync::atomic::{AtomicU32, Ordering};

#[repr(C)]
struct Semaphore {
    count: AtomicU32,
    waiters: AtomicU32,
    shared: u32,
}

const _: () = assert!(size_of::<Semaphore>() <= size_of::<libc::sem_t>());
const MAXIMUM: u32 = i32::MAX as u32;
const SLEEPERS: u32 = 1 << 31;

impl Semaphore {
    fn scope(&self) -> Scope {
        if self.shared != 0 {
            Scope::Shared
        } else {
            Scope::Process
        }
    }

    fn try_take(&self) -> bool {
        let take = |count: u32| {
            if count & MAXIMUM != 0 {
                Some(count - 1)
            } else {
                None
            }
        };
        self.count
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, take)
            .is_ok()
    }

    fn take(&self, clock: libc::clockid_t, deadline: Option<&libc::timespec>) -> c_int {
        super::cancel::point();
        if self.try_take() {
            return 0;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let error = loop {
            self.count.fetch_or(SLEEPERS, Ordering::SeqCst);
            if self.try_take() {
                break 0;
            }
            match futex::wait_until(&self.count, SLEEPERS, self.scope(), clock, deadline) {
                error @ (libc::EINTR | libc::ETIMEDOUT | libc::EINVAL) => break error,
                _ => {}
            }
        };
        if self.waiters.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.no_sleepers();
        }
        super::cancel::point();
        if error == 0 {
            0
        } else {
            errno::fail(error) as c_int
        }
    }

    /// The last one up clears the bit; one that lay down meanwhile gets it back, and the post it may have missed.
    fn no_sleepers(&self) {
        self.count.fetch_and(MAXIMUM, Ordering::SeqCst);
        if self.waiters.load(Ordering::SeqCst) != 0
            && self.count.fetch_or(SLEEPERS, Ordering::SeqCst) & MAXIMUM != 0
        {
            futex::wake(&self.count, 1, self.scope());
        }
    }
}

unsafe fn of<'a>(semaphore: *mut libc::sem_t) -> &'a Semaphore {
    &*semaphore.cast::<Semaphore>()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_init(semaphore: *mut libc::sem_t, shared: c_int, count: c_uint) -> c_int {
    if count > MAXIMUM {
        return errno::fail(libc::EINVAL) as c_int;
    }
    semaphore.cast::<Semaphore>().write(Semaphore {
        count: AtomicU32::new(count),
        waiters: AtomicU32::new(0),
        shared: u32::from(shared != 0),
    });
    0
}

#[unsafe(no_mangle)]
extern "C" fn sem_destroy(_: *mut libc::sem_t) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_wait(semaphore: *mut libc::sem_t) -> c_int {
    of(semaphore).take(libc::CLOCK_REALTIME, None)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_timedwait(
    semaphore: *mut libc::sem_t,
    deadline: *const libc::timespec,
) -> c_int {
    of(semaphore).take(libc::CLOCK_REALTIME, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_trywait(semaphore: *mut libc::sem_t) -> c_int {
    if of(semaphore).try_take() {
        0
    } else {
        errno::fail(libc::EAGAIN) as c_int
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_post(semaphore: *mut libc::sem_t) -> c_int {
    let semaphore = of(semaphore);
    let scope = semaphore.scope();
    let step = |count: u32| {
        if count & MAXIMUM < MAXIMUM {
            Some(count + 1)
        } else {
            None
        }
    };
    let word = semaphore.count.as_ptr();
    match semaphore
        .count
        .fetch_update(Ordering::SeqCst, Ordering::Relaxed, step)
    {
        Ok(before) => {
            if before & SLEEPERS != 0 {
                futex::wake_address(word, 1, scope);
            }
            0
        }
        Err(_) => errno::fail(libc::EOVERFLOW) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sem_getvalue(semaphore: *mut libc::sem_t, value: *mut c_int) -> c_int {
    *value = (of(semaphore).count.load(Ordering::Relaxed) & MAXIMUM) as c_int;
    0
}
