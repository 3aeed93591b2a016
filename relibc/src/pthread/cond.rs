//! Condition variables: a sequence number that waiters sleep on.
//!
//! A signal without waiters is a load; with waiters one step of the sequence and one wake. A waiter counts itself while it
//! still holds the mutex, so a signal that follows its unlock sees it.

use super::mutex::Mutex;
use crate::futex::{self, Scope};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

const SHARED: u32 = 1 << 31;

#[repr(C)]
struct Cond {
    sequence: AtomicU32,
    waiters: AtomicU32,
    /// Clock number, and [`SHARED`].
    flags: u32,
}

const _: () = assert!(size_of::<Cond>() <= size_of::<libc::pthread_cond_t>());

impl Cond {
    fn scope(&self) -> Scope {
        if self.flags & SHARED != 0 {
            Scope::Shared
        } else {
            Scope::Process
        }
    }

    fn wake(&self, count: c_int) {
        if self.waiters.load(Ordering::SeqCst) != 0 {
            self.sequence.fetch_add(1, Ordering::SeqCst);
            futex::wake(&self.sequence, count, self.scope());
        }
    }

    fn wait(
        &self,
        mutex: &Mutex,
        clock: libc::clockid_t,
        deadline: Option<&libc::timespec>,
    ) -> c_int {
        if let Some(time) = deadline
            && !(0..1_000_000_000).contains(&time.tv_nsec)
        {
            return libc::EINVAL;
        }
        super::cancel::point();
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let sequence = self.sequence.load(Ordering::SeqCst);
        let error = mutex.unlock();
        if error != 0 {
            self.waiters.fetch_sub(1, Ordering::SeqCst);
            return error;
        }
        let slept = futex::wait_until(&self.sequence, sequence, self.scope(), clock, deadline);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        let error = mutex.relock();
        super::cancel::point();
        if error != 0 {
            error
        } else if slept == libc::ETIMEDOUT {
            libc::ETIMEDOUT
        } else {
            0
        }
    }
}

unsafe fn of<'a>(cond: *mut libc::pthread_cond_t) -> &'a Cond {
    &*cond.cast::<Cond>()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_init(
    cond: *mut libc::pthread_cond_t,
    attributes: *const libc::pthread_condattr_t,
) -> c_int {
    let flags = if attributes.is_null() {
        0
    } else {
        *attributes.cast::<u32>()
    };
    let (sequence, waiters) = (AtomicU32::new(0), AtomicU32::new(0));
    cond.cast::<Cond>().write(Cond {
        sequence,
        waiters,
        flags,
    });
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_destroy(_: *mut libc::pthread_cond_t) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_signal(cond: *mut libc::pthread_cond_t) -> c_int {
    of(cond).wake(1);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_broadcast(cond: *mut libc::pthread_cond_t) -> c_int {
    of(cond).wake(c_int::MAX);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_wait(
    cond: *mut libc::pthread_cond_t,
    mutex: *mut libc::pthread_mutex_t,
) -> c_int {
    of(cond).wait(&*mutex.cast(), 0, None)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_timedwait(
    cond: *mut libc::pthread_cond_t,
    mutex: *mut libc::pthread_mutex_t,
    deadline: *const libc::timespec,
) -> c_int {
    let clock = (of(cond).flags & !SHARED) as libc::clockid_t;
    of(cond).wait(&*mutex.cast(), clock, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_clockwait(
    cond: *mut libc::pthread_cond_t,
    mutex: *mut libc::pthread_mutex_t,
    clock: libc::clockid_t,
    deadline: *const libc::timespec,
) -> c_int {
    of(cond).wait(&*mutex.cast(), clock, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_condattr_init(attributes: *mut u32) -> c_int {
    *attributes = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_condattr_destroy(_: *mut u32) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_condattr_setclock(
    attributes: *mut u32,
    clock: libc::clockid_t,
) -> c_int {
    // The futex call knows these two.
    if clock != libc::CLOCK_REALTIME && clock != libc::CLOCK_MONOTONIC {
        return libc::EINVAL;
    }
    *attributes = (*attributes & SHARED) | clock as u32;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_condattr_getclock(
    attributes: *const u32,
    clock: *mut libc::clockid_t,
) -> c_int {
    *clock = (*attributes & !SHARED) as libc::clockid_t;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_condattr_setpshared(attributes: *mut u32, shared: c_int) -> c_int {
    super::sched::set_shared(attributes, SHARED, shared)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_condattr_getpshared(
    attributes: *const u32,
    shared: *mut c_int,
) -> c_int {
    *shared = c_int::from(*attributes & SHARED != 0);
    0
}
