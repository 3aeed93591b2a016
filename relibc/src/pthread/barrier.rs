//! Barriers: each round has a number; who comes last starts the next one and wakes the rest.

use crate::futex::{self, Scope};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

#[repr(C)]
struct Barrier {
    limit: u32,
    shared: u32,
    arrived: AtomicU32,
    round: AtomicU32,
    /// Threads still between waking and leaving: destroy waits for them.
    inside: AtomicU32,
}

const _: () = assert!(size_of::<Barrier>() <= size_of::<libc::pthread_barrier_t>());

/// pthread.h: PTHREAD_BARRIER_SERIAL_THREAD.
const SERIAL: c_int = -1;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrier_init(
    barrier: *mut libc::pthread_barrier_t,
    attributes: *const libc::pthread_barrierattr_t,
    limit: u32,
) -> c_int {
    if limit == 0 || limit > i32::MAX as u32 {
        return libc::EINVAL;
    }
    barrier.cast::<Barrier>().write(Barrier {
        limit,
        shared: if attributes.is_null() {
            0
        } else {
            *attributes.cast::<u32>()
        },
        arrived: AtomicU32::new(0),
        round: AtomicU32::new(0),
        inside: AtomicU32::new(0),
    });
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrier_wait(barrier: *mut libc::pthread_barrier_t) -> c_int {
    let barrier = &*barrier.cast::<Barrier>();
    let scope = if barrier.shared != 0 {
        Scope::Shared
    } else {
        Scope::Process
    };
    barrier.inside.fetch_add(1, Ordering::AcqRel);
    let round = barrier.round.load(Ordering::Acquire);
    let serial = barrier.arrived.fetch_add(1, Ordering::AcqRel) + 1 == barrier.limit;
    if serial {
        barrier.arrived.store(0, Ordering::Relaxed);
        barrier.round.fetch_add(1, Ordering::AcqRel);
        futex::wake(&barrier.round, c_int::MAX, scope);
    } else {
        while barrier.round.load(Ordering::Acquire) == round {
            futex::wait(&barrier.round, round, scope);
        }
    }
    if barrier.inside.fetch_sub(1, Ordering::AcqRel) == 1 {
        futex::wake_address(barrier.inside.as_ptr(), 1, scope);
    }
    if serial { SERIAL } else { 0 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrier_destroy(barrier: *mut libc::pthread_barrier_t) -> c_int {
    let barrier = &*barrier.cast::<Barrier>();
    let scope = if barrier.shared != 0 {
        Scope::Shared
    } else {
        Scope::Process
    };
    loop {
        match barrier.inside.load(Ordering::Acquire) {
            0 => return 0,
            inside => futex::wait(&barrier.inside, inside, scope),
        };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrierattr_init(attributes: *mut u32) -> c_int {
    *attributes = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_barrierattr_destroy(_: *mut u32) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrierattr_setpshared(attributes: *mut u32, shared: c_int) -> c_int {
    super::sched::set_shared(attributes, 1, shared)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_barrierattr_getpshared(
    attributes: *const u32,
    shared: *mut c_int,
) -> c_int {
    *shared = *attributes as c_int;
    0
}
