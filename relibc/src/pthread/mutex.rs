//! Mutexes: normal, recursive, error-checking; private or shared between processes; timed. Robust and
//! priority-inheriting ones are refused when the attribute is set (ENOTSUP), never pretended.

use super::attr::current_tid;
use crate::futex::{self, Scope};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

const RECURSIVE: u32 = 1;
const ERRORCHECK: u32 = 2;
const KIND: u32 = 3;
const SHARED: u32 = 128;

#[repr(C)]
pub struct Mutex {
    flags: u32,
    word: AtomicU32,
    owner: AtomicU32,
    depth: AtomicU32,
}

const _: () = assert!(size_of::<Mutex>() <= size_of::<libc::pthread_mutex_t>());

impl Mutex {
    fn scope(&self) -> Scope {
        if self.flags & SHARED != 0 {
            Scope::Shared
        } else {
            Scope::Process
        }
    }

    fn lock(&self, clock: libc::clockid_t, deadline: Option<&libc::timespec>) -> c_int {
        if self.flags & KIND == 0 {
            if futex::try_acquire(&self.word) {
                return 0;
            }
            return futex::contend(&self.word, self.scope(), clock, deadline);
        }
        let me = current_tid();
        if self.owner.load(Relaxed) == me {
            return self.again();
        }
        if !futex::try_acquire(&self.word) {
            let error = futex::contend(&self.word, self.scope(), clock, deadline);
            if error != 0 {
                return error;
            }
        }
        self.owner.store(me, Relaxed);
        0
    }

    /// Locked by its owner once more.
    fn again(&self) -> c_int {
        if self.flags & KIND == ERRORCHECK {
            return libc::EDEADLK;
        }
        match self.depth.load(Relaxed).checked_add(1) {
            Some(depth) => {
                self.depth.store(depth, Relaxed);
                0
            }
            None => libc::EAGAIN,
        }
    }

    fn try_lock(&self) -> c_int {
        if self.flags & KIND != 0 {
            let me = current_tid();
            if self.owner.load(Relaxed) == me {
                return if self.flags & KIND == RECURSIVE {
                    self.again()
                } else {
                    libc::EBUSY
                };
            }
            if futex::try_acquire(&self.word) {
                self.owner.store(me, Relaxed);
                return 0;
            }
        } else if futex::try_acquire(&self.word) {
            return 0;
        }
        libc::EBUSY
    }

    pub fn unlock(&self) -> c_int {
        if self.flags & KIND != 0 {
            if self.owner.load(Relaxed) != current_tid() {
                return libc::EPERM;
            }
            let depth = self.depth.load(Relaxed);
            if depth != 0 {
                self.depth.store(depth - 1, Relaxed);
                return 0;
            }
            self.owner.store(0, Relaxed);
        }
        futex::release(&self.word, self.scope());
        0
    }

    /// For a condition variable's wait: the lock is taken again whatever happens.
    pub fn relock(&self) -> c_int {
        self.lock(libc::CLOCK_REALTIME, None)
    }
}

unsafe fn of<'a>(mutex: *mut libc::pthread_mutex_t) -> &'a Mutex {
    &*mutex.cast::<Mutex>()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_init(
    mutex: *mut libc::pthread_mutex_t,
    attributes: *const libc::pthread_mutexattr_t,
) -> c_int {
    let flags = if attributes.is_null() {
        0
    } else {
        *attributes.cast::<u32>()
    };
    mutex.cast::<Mutex>().write(Mutex {
        flags,
        word: AtomicU32::new(0),
        owner: AtomicU32::new(0),
        depth: AtomicU32::new(0),
    });
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_destroy(_: *mut libc::pthread_mutex_t) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_lock(mutex: *mut libc::pthread_mutex_t) -> c_int {
    of(mutex).lock(libc::CLOCK_REALTIME, None)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_timedlock(
    mutex: *mut libc::pthread_mutex_t,
    deadline: *const libc::timespec,
) -> c_int {
    of(mutex).lock(libc::CLOCK_REALTIME, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_clocklock(
    mutex: *mut libc::pthread_mutex_t,
    clock: libc::clockid_t,
    deadline: *const libc::timespec,
) -> c_int {
    of(mutex).lock(clock, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_trylock(mutex: *mut libc::pthread_mutex_t) -> c_int {
    of(mutex).try_lock()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut libc::pthread_mutex_t) -> c_int {
    of(mutex).unlock()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_init(attributes: *mut u32) -> c_int {
    *attributes = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutexattr_destroy(_: *mut u32) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_settype(attributes: *mut u32, kind: c_int) -> c_int {
    if !(0..=2).contains(&kind) {
        return libc::EINVAL;
    }
    *attributes = (*attributes & !KIND) | kind as u32;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_gettype(attributes: *const u32, kind: *mut c_int) -> c_int {
    *kind = (*attributes & KIND) as c_int;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_setpshared(attributes: *mut u32, shared: c_int) -> c_int {
    super::sched::set_shared(attributes, SHARED, shared)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_getpshared(
    attributes: *const u32,
    shared: *mut c_int,
) -> c_int {
    *shared = c_int::from(*attributes & SHARED != 0);
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutexattr_setrobust(_: *mut u32, robust: c_int) -> c_int {
    if robust == 0 { 0 } else { libc::ENOTSUP }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_getrobust(_: *const u32, robust: *mut c_int) -> c_int {
    *robust = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutexattr_setprotocol(_: *mut u32, protocol: c_int) -> c_int {
    if protocol == 0 { 0 } else { libc::ENOTSUP }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutexattr_getprotocol(_: *const u32, protocol: *mut c_int) -> c_int {
    *protocol = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_consistent(_: *mut libc::pthread_mutex_t) -> c_int {
    libc::EINVAL
}
