//! `pthread_once`: 0 new, 1 running, 2 done, 3 running with sleepers.

use crate::futex::{self, Scope};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_once(once: *mut c_int, run: extern "C" fn()) -> c_int {
    let word = AtomicU32::from_ptr(once.cast());
    if word.load(Ordering::Acquire) == 2 {
        return 0;
    }
    loop {
        match word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {
                run();
                if word.swap(2, Ordering::AcqRel) == 3 {
                    futex::wake(word, c_int::MAX, Scope::Process);
                }
                return 0;
            }
            Err(2) => return 0,
            Err(1) => {
                let _ = word.compare_exchange(1, 3, Ordering::Relaxed, Ordering::Relaxed);
            }
            Err(_) => {
                futex::wait(word, 3, Scope::Process);
            }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn call_once(once: *mut c_int, run: extern "C" fn()) {
    pthread_once(once, run);
}
