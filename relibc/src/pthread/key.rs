//! Thread-specific data: `pthread_key_*`.

use super::tcb::{self, KEYS, Thread};
use crate::futex::Lock;
use core::ffi::{c_int, c_void};

type Destructor = unsafe extern "C" fn(*mut c_void);

#[derive(Clone, Copy)]
enum Key {
    Free,
    Used(Option<Destructor>),
}

static TABLE: Lock<[Key; KEYS]> = Lock::new([Key::Free; KEYS]);

/// POSIX: PTHREAD_DESTRUCTOR_ITERATIONS.
const ROUNDS: usize = 4;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_key_create(
    key: *mut libc::pthread_key_t,
    destructor: Option<Destructor>,
) -> c_int {
    let mut table = TABLE.lock();
    // Key 0 stays unused: some programs take 0 for "no key yet".
    for (index, slot) in table.iter_mut().enumerate().skip(1) {
        if matches!(slot, Key::Free) {
            *slot = Key::Used(destructor);
            *key = index as libc::pthread_key_t;
            return 0;
        }
    }
    libc::EAGAIN
}

/// The values of other threads under a deleted key stay in their slots; a new owner of the key may see them, as POSIX
/// warns, except in threads that start later.
#[unsafe(no_mangle)]
extern "C" fn pthread_key_delete(key: libc::pthread_key_t) -> c_int {
    match TABLE.lock().get_mut(key as usize) {
        Some(slot @ Key::Used(_)) => {
            *slot = Key::Free;
            0
        }
        _ => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
extern "C" fn pthread_getspecific(key: libc::pthread_key_t) -> *mut c_void {
    let thread = tcb::current();
    // SAFETY: the thread's own block.
    unsafe {
        (&(*thread).keys)
            .get(key as usize)
            .copied()
            .unwrap_or(core::ptr::null_mut())
    }
}

#[unsafe(no_mangle)]
extern "C" fn pthread_setspecific(key: libc::pthread_key_t, value: *const c_void) -> c_int {
    let thread = tcb::current();
    // SAFETY: the thread's own block.
    unsafe {
        match (&mut (*thread).keys).get_mut(key as usize) {
            Some(slot) => {
                *slot = value.cast_mut();
                (*thread).keys_used = true;
                0
            }
            None => libc::EINVAL,
        }
    }
}

pub unsafe fn run_destructors(thread: *mut Thread) {
    for _ in 0..ROUNDS {
        if !core::mem::take(&mut (*thread).keys_used) {
            return;
        }
        for index in 0..KEYS {
            let value = (&(*thread).keys)[index];
            if value.is_null() {
                continue;
            }
            (&mut (*thread).keys)[index] = core::ptr::null_mut();
            let entry = TABLE.lock()[index];
            if let Key::Used(Some(destructor)) = entry {
                destructor(value);
            }
        }
        super::exit::run_destructors(thread);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tss_create(
    key: *mut libc::pthread_key_t,
    destructor: Option<Destructor>,
) -> c_int {
    // threads.h: thrd_success 0, thrd_error 2.
    if pthread_key_create(key, destructor) == 0 {
        0
    } else {
        2
    }
}

#[unsafe(no_mangle)]
extern "C" fn tss_get(key: libc::pthread_key_t) -> *mut c_void {
    pthread_getspecific(key)
}

#[unsafe(no_mangle)]
extern "C" fn tss_set(key: libc::pthread_key_t, value: *mut c_void) -> c_int {
    if pthread_setspecific(key, value) == 0 {
        0
    } else {
        2
    }
}

#[unsafe(no_mangle)]
extern "C" fn tss_delete(key: libc::pthread_key_t) {
    pthread_key_delete(key);
}
