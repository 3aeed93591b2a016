//! The end of a thread: cleanup handlers, C++/Rust thread-local destructors, keys, its heap, its stack.

use super::tcb::{self, Thread, state};
use super::{cancel, create, key};
use crate::sys::sys;
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering;

/// One registered destructor, in a list from newest to oldest.
pub struct Destructor {
    run: unsafe extern "C" fn(*mut c_void),
    object: *mut c_void,
    next: *mut Destructor,
}

/// Rust's std and C++ register the destructors of thread-local objects here.
#[unsafe(no_mangle)]
unsafe extern "C" fn __cxa_thread_atexit_impl(
    run: unsafe extern "C" fn(*mut c_void),
    object: *mut c_void,
    _dso: *mut c_void,
) -> c_int {
    let node = crate::malloc::malloc(size_of::<Destructor>()).cast::<Destructor>();
    if node.is_null() {
        return -1;
    }
    let thread = tcb::current();
    node.write(Destructor {
        run,
        object,
        next: (*thread).destructors,
    });
    (*thread).destructors = node;
    0
}

/// Runs until none is left: a destructor may register another.
pub unsafe fn run_destructors(thread: *mut Thread) {
    while !(*thread).destructors.is_null() {
        let node = (*thread).destructors;
        (*thread).destructors = (*node).next;
        let Destructor { run, object, .. } = node.read();
        crate::malloc::free(node.cast());
        run(object);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_exit(result: *mut c_void) -> ! {
    let thread = tcb::current();
    (*thread).cancel_disabled = true;
    (*thread).result = result;
    cancel::run_cleanup(thread);
    run_destructors(thread);
    key::run_destructors(thread);
    if create::LIVE.fetch_sub(1, Ordering::AcqRel) == 1 {
        crate::exit::exit(0);
    }
    if (*thread).mapping.is_null() {
        // The main thread's block and stack are nobody else's to use.
        loop {
            sys!(SYS_exit, 0i32);
        }
    }
    crate::malloc::abandon();
    // From here on the stack may be in the cache, but nobody takes it before the kernel has cleared the thread's number.
    let before = (*thread).state.compare_exchange(
        state::JOINABLE,
        state::EXITED,
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    if before.is_err() {
        create::recycle(thread);
    }
    loop {
        sys!(SYS_exit, 0i32);
    }
}
