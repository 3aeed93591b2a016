//! POSIX timers by signal. SIGEV_THREAD needs a thread that waits for the signal: it is refused.

use crate::errno;
use crate::sys::{sys, syscalls};
use core::ffi::{c_int, c_void};
use libc::{clockid_t, itimerspec, sigevent};

/// Timers are the kernel's small numbers in C's pointer type.
type Timer = *mut c_void;

syscalls! {
    timer_settime(timer: Timer, flags: c_int, new: *const itimerspec, old: *mut itimerspec) -> c_int = SYS_timer_settime;
    timer_gettime(timer: Timer, out: *mut itimerspec) -> c_int = SYS_timer_gettime;
    timer_delete(timer: Timer) -> c_int = SYS_timer_delete;
    timer_getoverrun(timer: Timer) -> c_int = SYS_timer_getoverrun;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timer_create(
    clock: clockid_t,
    event: *mut sigevent,
    timer: *mut Timer,
) -> c_int {
    if !event.is_null() && (*event).sigev_notify == libc::SIGEV_THREAD {
        return errno::fail(libc::ENOTSUP) as c_int;
    }
    let mut id: c_int = 0;
    let result = sys!(SYS_timer_create, clock, event, &raw mut id);
    if result == 0 {
        *timer = id as usize as Timer;
    }
    errno::check(result) as c_int
}
