//! Signal sets.

use crate::errno;
use core::ffi::c_int;
use libc::sigset_t;

const WORDS: usize = size_of::<sigset_t>() / 8;

fn bit(signal: c_int) -> Option<u64> {
    if (1..=64).contains(&signal) && !(32..=34).contains(&signal) {
        Some(1 << (signal - 1))
    } else {
        errno::set(libc::EINVAL);
        None
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigemptyset(set: *mut sigset_t) -> c_int {
    set.cast::<u64>().write_bytes(0, WORDS);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigfillset(set: *mut sigset_t) -> c_int {
    sigemptyset(set);
    *set.cast::<u64>() = !(7 << 31);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigaddset(set: *mut sigset_t, signal: c_int) -> c_int {
    let Some(bit) = bit(signal) else { return -1 };
    *set.cast::<u64>() |= bit;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigdelset(set: *mut sigset_t, signal: c_int) -> c_int {
    let Some(bit) = bit(signal) else { return -1 };
    *set.cast::<u64>() &= !bit;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigismember(set: *const sigset_t, signal: c_int) -> c_int {
    let Some(bit) = bit(signal) else { return -1 };
    c_int::from(*set.cast::<u64>() & bit != 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigisemptyset(set: *const sigset_t) -> c_int {
    c_int::from(*set.cast::<u64>() == 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigorset(to: *mut sigset_t, a: *const sigset_t, b: *const sigset_t) -> c_int {
    let merged = *a.cast::<u64>() | *b.cast::<u64>();
    sigemptyset(to);
    *to.cast::<u64>() = merged;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigandset(to: *mut sigset_t, a: *const sigset_t, b: *const sigset_t) -> c_int {
    let common = *a.cast::<u64>() & *b.cast::<u64>();
    sigemptyset(to);
    *to.cast::<u64>() = common;
    0
}
