//! Waiting for children.

use crate::errno;
use crate::pthread::cancel;
use crate::sys::sys;
use core::ffi::{c_int, c_void};
use core::ptr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait4(
    pid: libc::pid_t,
    status: *mut c_int,
    options: c_int,
    usage: *mut libc::rusage,
) -> libc::pid_t {
    cancel::point();
    errno::check(sys!(SYS_wait4, pid, status, options, usage)) as libc::pid_t
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn waitpid(
    pid: libc::pid_t,
    status: *mut c_int,
    options: c_int,
) -> libc::pid_t {
    wait4(pid, status, options, ptr::null_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wait(status: *mut c_int) -> libc::pid_t {
    waitpid(-1, status, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wait3(
    status: *mut c_int,
    options: c_int,
    usage: *mut libc::rusage,
) -> libc::pid_t {
    wait4(-1, status, options, usage)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn waitid(
    kind: libc::idtype_t,
    id: libc::id_t,
    info: *mut libc::siginfo_t,
    options: c_int,
) -> c_int {
    cancel::point();
    let usage: *mut c_void = ptr::null_mut();
    errno::check(sys!(SYS_waitid, kind as c_int, id, info, options, usage)) as c_int
}
