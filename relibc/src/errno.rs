//! `errno`, and how a raw system call result becomes it.

use crate::pthread::tcb;
use core::ffi::c_int;

pub fn set(error: c_int) {
    // SAFETY: errno lives in the calling thread's own control block.
    unsafe { *__errno_location() = error }
}

pub fn get() -> c_int {
    // SAFETY: as in `set`.
    unsafe { *__errno_location() }
}

/// The kernel's −4095..−1 become −1 and `errno`.
#[inline(always)]
pub fn check(result: isize) -> isize {
    if result as usize > -4096isize as usize {
        fail(-result as c_int)
    } else {
        result
    }
}

/// Sets `errno` and returns −1, in whichever width the caller returns.
#[cold]
pub fn fail(error: c_int) -> isize {
    set(error);
    -1
}

/// For functions that return the error itself (pthread, posix_spawn): 0 or a positive number.
#[inline(always)]
pub fn value(result: isize) -> c_int {
    if result as usize > -4096isize as usize {
        -result as c_int
    } else {
        0
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn __errno_location() -> *mut c_int {
    // SAFETY: the control block outlives every code that the thread runs.
    unsafe { &raw mut (*tcb::current()).errno }
}
