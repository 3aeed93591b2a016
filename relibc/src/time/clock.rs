//! Reading, setting and sleeping by the clocks.

use super::vdso;
use crate::errno;
use crate::pthread::cancel;
use crate::sys::{sys, syscalls};
use core::ffi::{c_int, c_long, c_uint, c_void};
use core::ptr;
use libc::{clockid_t, timespec, timeval};

/// musl 1.2's, on this machine the only one.
#[allow(non_camel_case_types)] // C's name
pub type time_t = i64;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, out: *mut timespec) -> c_int {
    if let Some(read) = vdso::clock_gettime() {
        let result = read(clock, out);
        if result == 0 {
            return 0;
        }
    }
    errno::check(sys!(SYS_clock_gettime, clock, out)) as c_int
}

syscalls! {
    clock_settime(clock: clockid_t, time: *const timespec) -> c_int = SYS_clock_settime;
    clock_getres(clock: clockid_t, out: *mut timespec) -> c_int = SYS_clock_getres;
    clock_adjtime(clock: clockid_t, change: *mut libc::timex) -> c_int = SYS_clock_adjtime;
    adjtimex(change: *mut libc::timex) -> c_int = SYS_adjtimex;
    settimeofday(time: *const timeval, zone: *const c_void) -> c_int = SYS_settimeofday;
}

pub fn now(clock: clockid_t) -> timespec {
    let mut time = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is written.
    unsafe { clock_gettime(clock, &raw mut time) };
    time
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut time_t) -> time_t {
    let now = now(libc::CLOCK_REALTIME).tv_sec;
    if !out.is_null() {
        *out = now;
    }
    now
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(out: *mut timeval, _zone: *mut c_void) -> c_int {
    let now = now(libc::CLOCK_REALTIME);
    if !out.is_null() {
        (*out).tv_sec = now.tv_sec;
        (*out).tv_usec = now.tv_nsec / 1000;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timespec_get(out: *mut timespec, base: c_int) -> c_int {
    // time.h: TIME_UTC is 1.
    if base != 1 || clock_gettime(libc::CLOCK_REALTIME, out) < 0 {
        0
    } else {
        base
    }
}

#[unsafe(no_mangle)]
extern "C" fn clock() -> libc::clock_t {
    let used = now(libc::CLOCK_PROCESS_CPUTIME_ID);
    used.tv_sec * 1_000_000 + used.tv_nsec / 1000
}

#[unsafe(no_mangle)]
unsafe extern "C" fn times(out: *mut libc::tms) -> libc::clock_t {
    errno::check(sys!(SYS_times, out)) as libc::clock_t
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    time: *const timespec,
    left: *mut timespec,
) -> c_int {
    cancel::point();
    let result = errno::value(sys!(SYS_clock_nanosleep, clock, flags, time, left));
    if result == libc::EINTR {
        cancel::point();
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(time: *const timespec, left: *mut timespec) -> c_int {
    match clock_nanosleep(libc::CLOCK_REALTIME, 0, time, left) {
        0 => 0,
        error => errno::fail(error) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sleep(seconds: c_uint) -> c_uint {
    let mut time = timespec {
        tv_sec: seconds.into(),
        tv_nsec: 0,
    };
    let both = &raw mut time;
    if nanosleep(both, both) < 0 {
        time.tv_sec as c_uint
    } else {
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn usleep(microseconds: c_uint) -> c_int {
    let nanoseconds = c_long::from(microseconds % 1_000_000) * 1000;
    let time = timespec {
        tv_sec: (microseconds / 1_000_000).into(),
        tv_nsec: nanoseconds,
    };
    nanosleep(&raw const time, ptr::null_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_getcpuclockid(pid: libc::pid_t, clock: *mut clockid_t) -> c_int {
    // The kernel's numbering: ~pid in the upper bits, 2 = per-process CPU time.
    let id = ((!(pid as u32) << 3) | 2) as clockid_t;
    let mut resolution = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match errno::value(sys!(SYS_clock_getres, id, &raw mut resolution)) {
        0 => {
            *clock = id;
            0
        }
        libc::EINVAL => libc::ESRCH,
        error => error,
    }
}

#[unsafe(no_mangle)]
extern "C" fn difftime(a: time_t, b: time_t) -> f64 {
    (a - b) as f64
}
