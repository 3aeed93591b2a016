//! Read-write locks: one word of reader count or writer mark, with a bit that says somebody sleeps.

use crate::futex::{self, Scope};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

const WRITER: u32 = 0x3fff_ffff;
const COUNT: u32 = 0x3fff_ffff;
const WAITING: u32 = 1 << 31;

#[repr(C)]
struct RwLock {
    word: AtomicU32,
    shared: u32,
}

const _: () = assert!(size_of::<RwLock>() <= size_of::<libc::pthread_rwlock_t>());

impl RwLock {
    fn scope(&self) -> Scope {
        if self.shared != 0 {
            Scope::Shared
        } else {
            Scope::Process
        }
    }

    fn try_read(&self) -> c_int {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            match word & COUNT {
                WRITER => return libc::EBUSY,
                count if count == WRITER - 1 => return libc::EAGAIN,
                _ => {}
            }
            let next = word + 1;
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return 0,
                Err(now) => word = now,
            }
        }
    }

    fn try_write(&self) -> c_int {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & COUNT == 0 {
            let next = word | WRITER;
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return 0,
                Err(now) => word = now,
            }
        }
        libc::EBUSY
    }

    fn lock(
        &self,
        attempt: fn(&RwLock) -> c_int,
        clock: libc::clockid_t,
        deadline: Option<&libc::timespec>,
    ) -> c_int {
        for _ in 0..40 {
            match attempt(self) {
                libc::EBUSY => core::hint::spin_loop(),
                done => return done,
            }
        }
        loop {
            let word = self.word.fetch_or(WAITING, Ordering::Relaxed) | WAITING;
            match attempt(self) {
                libc::EBUSY => {}
                done => return done,
            }
            match futex::wait_until(&self.word, word, self.scope(), clock, deadline) {
                error @ (libc::ETIMEDOUT | libc::EINVAL) => return error,
                _ => {}
            }
        }
    }

    fn unlock(&self) -> c_int {
        let mut word = self.word.load(Ordering::Relaxed);
        let scope = self.scope();
        loop {
            let last = word & COUNT == WRITER || word & COUNT == 1;
            let next = if last { 0 } else { word - 1 };
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) if last && word & WAITING != 0 => {
                    futex::wake_address(self.word.as_ptr(), c_int::MAX, scope);
                    return 0;
                }
                Ok(_) => return 0,
                Err(now) => word = now,
            }
        }
    }
}

type Raw = *mut libc::pthread_rwlock_t;

unsafe fn of<'a>(lock: Raw) -> &'a RwLock {
    &*lock.cast::<RwLock>()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_init(
    lock: Raw,
    attributes: *const libc::pthread_rwlockattr_t,
) -> c_int {
    let shared = if attributes.is_null() {
        0
    } else {
        *attributes.cast::<u32>()
    };
    lock.cast::<RwLock>().write(RwLock {
        word: AtomicU32::new(0),
        shared,
    });
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_rwlock_destroy(_: Raw) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_rdlock(lock: Raw) -> c_int {
    of(lock).lock(RwLock::try_read, libc::CLOCK_REALTIME, None)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_wrlock(lock: Raw) -> c_int {
    of(lock).lock(RwLock::try_write, libc::CLOCK_REALTIME, None)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_tryrdlock(lock: Raw) -> c_int {
    of(lock).try_read()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_trywrlock(lock: Raw) -> c_int {
    of(lock).try_write()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_timedrdlock(
    lock: Raw,
    deadline: *const libc::timespec,
) -> c_int {
    of(lock).lock(RwLock::try_read, libc::CLOCK_REALTIME, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_timedwrlock(
    lock: Raw,
    deadline: *const libc::timespec,
) -> c_int {
    of(lock).lock(RwLock::try_write, libc::CLOCK_REALTIME, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_unlock(lock: Raw) -> c_int {
    of(lock).unlock()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlockattr_init(attributes: *mut u64) -> c_int {
    *attributes = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_rwlockattr_destroy(_: *mut u64) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlockattr_setpshared(attributes: *mut u32, shared: c_int) -> c_int {
    super::sched::set_shared(attributes, 1, shared)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlockattr_getpshared(
    attributes: *const u32,
    shared: *mut c_int,
) -> c_int {
    *shared = *attributes as c_int;
    0
}
