//! Deferred cancellation. A cancelled thread is woken from what it waits in by a signal that interrupts system calls,
//! and acts on the request at its next cancellation point.

use super::tcb::{self, Thread};
use crate::sys::sys;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};

/// The first realtime signal that musl keeps for itself, too.
pub const SIGNAL: c_int = 33;

/// What `pthread_cleanup_push` lays on the stack (musl's `struct __ptcb`).
#[repr(C)]
pub struct Cleanup {
    run: Option<unsafe extern "C" fn(*mut c_void)>,
    argument: *mut c_void,
    next: *mut Cleanup,
}

const CANCELED: *mut c_void = usize::MAX as *mut c_void;

/// Ends the thread if it was cancelled and allows it.
#[inline]
pub fn point() {
    let thread = tcb::current();
    // SAFETY: the thread's own block.
    unsafe {
        if (*thread).cancel_requested.load(Ordering::Relaxed) != 0 && !(*thread).cancel_disabled {
            super::exit::pthread_exit(CANCELED);
        }
    }
}

pub unsafe fn run_cleanup(thread: *mut Thread) {
    while !(*thread).cleanup.is_null() {
        let node = (*thread).cleanup;
        (*thread).cleanup = (*node).next;
        if let Some(run) = (*node).run {
            run((*node).argument);
        }
    }
}

extern "C" fn interrupt(_: c_int) {}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cancel(handle: libc::pthread_t) -> c_int {
    static INSTALLED: AtomicU32 = AtomicU32::new(0);
    if INSTALLED.swap(1, Ordering::Relaxed) == 0 {
        crate::signal::install_internal(SIGNAL, interrupt);
    }
    let thread = handle.cast::<Thread>();
    (*thread).cancel_requested.store(1, Ordering::SeqCst);
    if thread == tcb::current() {
        return 0;
    }
    let tid = (*thread).tid.load(Ordering::Acquire);
    if tid != 0 {
        sys!(SYS_tgkill, sys!(SYS_getpid), tid, SIGNAL);
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_testcancel() {
    point();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int {
    // pthread.h of musl: ENABLE 0, DISABLE 1, MASKED 2.
    if !(0..=2).contains(&state) {
        return libc::EINVAL;
    }
    let thread = tcb::current();
    if !old.is_null() {
        *old = c_int::from((*thread).cancel_disabled);
    }
    (*thread).cancel_disabled = state != 0;
    0
}

/// Asynchronous cancellation is accepted and acts at cancellation points: nothing here is safe to end at any instruction.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int {
    if !(0..=1).contains(&kind) {
        return libc::EINVAL;
    }
    if !old.is_null() {
        *old = 0;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn _pthread_cleanup_push(
    node: *mut Cleanup,
    run: Option<unsafe extern "C" fn(*mut c_void)>,
    argument: *mut c_void,
) {
    let thread = tcb::current();
    node.write(Cleanup {
        run,
        argument,
        next: (*thread).cleanup,
    });
    (*thread).cleanup = node;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn _pthread_cleanup_pop(node: *mut Cleanup, execute: c_int) {
    (*tcb::current()).cleanup = (*node).next;
    if execute != 0
        && let Some(run) = (*node).run
    {
        run((*node).argument);
    }
}
