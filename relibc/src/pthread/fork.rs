//! `fork`: the child has one thread, so every lock of the library is held while the kernel copies.

use super::{create, tcb};
use crate::futex::Lock;
use crate::sys::sys;
use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};

type Handler = Option<unsafe extern "C" fn()>;

const LIMIT: usize = 32;

struct Handlers {
    list: [[Handler; 3]; LIMIT],
    count: usize,
}

static HANDLERS: Lock<Handlers> = Lock::new(Handlers {
    list: [[None; 3]; LIMIT],
    count: 0,
});
static ANY: AtomicBool = AtomicBool::new(false);

#[unsafe(no_mangle)]
extern "C" fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int {
    let mut handlers = HANDLERS.lock();
    let count = handlers.count;
    match handlers.list.get_mut(count) {
        Some(slot) => {
            *slot = [prepare, parent, child];
            handlers.count += 1;
            ANY.store(true, Ordering::Release);
            0
        }
        None => libc::ENOMEM,
    }
}

#[derive(Clone, Copy)]
enum Stage {
    Prepare,
    Parent,
    Child,
}

/// Prepare handlers run newest first, the others oldest first (POSIX).
unsafe fn run(stage: Stage) {
    if !ANY.load(Ordering::Acquire) {
        return;
    }
    let count = HANDLERS.lock().count;
    for step in 0..count {
        let index = if matches!(stage, Stage::Prepare) {
            count - 1 - step
        } else {
            step
        };
        let handler = HANDLERS.lock().list[index][stage as usize];
        if let Some(handler) = handler {
            handler();
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fork() -> libc::pid_t {
    run(Stage::Prepare);
    crate::stdio::lock_all();
    crate::malloc::lock();
    create::cache_lock();
    let result = _Fork();
    create::cache_unlock();
    crate::malloc::unlock();
    crate::stdio::unlock_all();
    run(if result == 0 {
        Stage::Child
    } else {
        Stage::Parent
    });
    result
}

/// POSIX 2024: fork without the handlers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Fork() -> libc::pid_t {
    let result = sys!(SYS_clone, libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize);
    if result == 0 {
        let thread = tcb::current();
        (*thread).tid.store(0, Ordering::Relaxed);
        create::LIVE.store(1, Ordering::Relaxed);
    }
    crate::errno::check(result) as libc::pid_t
}

/// The child of a plain vfork returns on its parent's stack, which no function can do safely: it is a fork here.
#[unsafe(no_mangle)]
unsafe extern "C" fn vfork() -> libc::pid_t {
    _Fork()
}
