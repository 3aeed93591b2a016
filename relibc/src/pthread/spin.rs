//! Spin locks. They yield after a while: there is no telling whether the holder runs.

use crate::sys::sys;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_spin_init(lock: *mut u32, _shared: c_int) -> c_int {
    *lock = 0;
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_spin_destroy(_: *mut u32) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_spin_trylock(lock: *mut u32) -> c_int {
    if AtomicU32::from_ptr(lock).swap(1, Ordering::Acquire) == 0 {
        0
    } else {
        libc::EBUSY
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_spin_lock(lock: *mut u32) -> c_int {
    let mut rounds = 0u32;
    while pthread_spin_trylock(lock) != 0 {
        rounds += 1;
        if rounds % 128 == 0 {
            sys!(SYS_sched_yield);
        } else {
            core::hint::spin_loop();
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_spin_unlock(lock: *mut u32) -> c_int {
    AtomicU32::from_ptr(lock).store(0, Ordering::Release);
    0
}
