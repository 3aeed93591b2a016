//! What is said about threads: names, signals, processors, scheduling; and the attribute bit "shared" of all objects.

use super::attr::current_tid;
use super::tcb::{self, Thread};
use crate::errno;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_long};
use core::sync::atomic::Ordering;

pub unsafe fn set_shared(attributes: *mut u32, bit: u32, shared: c_int) -> c_int {
    match shared {
        0 => *attributes &= !bit,
        1 => *attributes |= bit,
        _ => return libc::EINVAL,
    }
    0
}

unsafe fn tid_of(handle: libc::pthread_t) -> u32 {
    if handle == tcb::current().cast() {
        return current_tid();
    }
    match (*handle.cast::<Thread>()).tid.load(Ordering::Acquire) {
        // The main thread never asked for its number, which is the process's.
        0 if (*handle.cast::<Thread>()).mapping.is_null() => sys!(SYS_getpid) as u32,
        tid => tid,
    }
}

#[unsafe(no_mangle)]
extern "C" fn gettid() -> c_int {
    current_tid() as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_kill(handle: libc::pthread_t, signal: c_int) -> c_int {
    match tid_of(handle) {
        // POSIX: a thread that ended but was not joined takes signals without effect.
        0 => 0,
        tid => errno::value(sys!(SYS_tgkill, sys!(SYS_getpid), tid, signal)),
    }
}

/// The name of another thread is a file of /proc; the own one is a call.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setname_np(handle: libc::pthread_t, name: *const c_char) -> c_int {
    if crate::string::str::strnlen(name, 16) == 16 {
        return libc::ERANGE;
    }
    if handle == tcb::current().cast() {
        return errno::value(sys!(SYS_prctl, libc::PR_SET_NAME, name, 0, 0, 0));
    }
    let path = task_path(tid_of(handle));
    let fd = sys!(
        SYS_openat,
        libc::AT_FDCWD,
        path.as_ptr(),
        libc::O_WRONLY | libc::O_CLOEXEC
    );
    if fd < 0 {
        return errno::value(fd);
    }
    let result = sys!(SYS_write, fd, name, crate::string::str::strlen(name));
    sys!(SYS_close, fd);
    errno::value(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getname_np(
    handle: libc::pthread_t,
    name: *mut c_char,
    size: usize,
) -> c_int {
    if size < 16 {
        return libc::ERANGE;
    }
    if handle == tcb::current().cast() {
        return errno::value(sys!(SYS_prctl, libc::PR_GET_NAME, name, 0, 0, 0));
    }
    let path = task_path(tid_of(handle));
    let fd = sys!(
        SYS_openat,
        libc::AT_FDCWD,
        path.as_ptr(),
        libc::O_RDONLY | libc::O_CLOEXEC
    );
    if fd < 0 {
        return errno::value(fd);
    }
    let result = sys!(SYS_read, fd, name, size - 1);
    sys!(SYS_close, fd);
    if result > 0 {
        let end = name.add(result as usize - 1);
        // The kernel ends the name with a newline.
        *(if *end == b'\n' as c_char {
            end
        } else {
            end.add(1)
        }) = 0;
    }
    errno::value(result)
}

/// `/proc/self/task/TID/comm`.
fn task_path(tid: u32) -> [u8; 40] {
    let mut path = [0; 40];
    let mut text = crate::text::Writer::new(&mut path);
    text.put(b"/proc/self/task/")
        .number(u64::from(tid))
        .put(b"/comm");
    path
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getcpuclockid(
    handle: libc::pthread_t,
    clock: *mut libc::clockid_t,
) -> c_int {
    // The kernel's numbering of per-thread clocks: ~tid in the upper bits, 6 = per-thread CPU time.
    *clock = ((!tid_of(handle) << 3) | 6) as libc::clockid_t;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setaffinity_np(
    handle: libc::pthread_t,
    size: usize,
    set: *const libc::cpu_set_t,
) -> c_int {
    errno::value(sys!(SYS_sched_setaffinity, tid_of(handle), size, set))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getaffinity_np(
    handle: libc::pthread_t,
    size: usize,
    set: *mut libc::cpu_set_t,
) -> c_int {
    affinity(tid_of(handle), size, set)
}

/// The kernel says how many bytes it wrote; the rest of the set is clear.
unsafe fn affinity(tid: u32, size: usize, set: *mut libc::cpu_set_t) -> c_int {
    let written = sys!(SYS_sched_getaffinity, tid, size, set);
    if written >= 0 {
        set.cast::<u8>()
            .add(written as usize)
            .write_bytes(0, size.saturating_sub(written as usize));
    }
    errno::value(written)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(
    pid: libc::pid_t,
    size: usize,
    set: *mut libc::cpu_set_t,
) -> c_int {
    match affinity(pid as u32, size, set) {
        0 => 0,
        error => errno::fail(error) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setschedparam(
    handle: libc::pthread_t,
    policy: c_int,
    parameters: *const libc::sched_param,
) -> c_int {
    errno::value(sys!(
        SYS_sched_setscheduler,
        tid_of(handle),
        policy,
        parameters
    ))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getschedparam(
    handle: libc::pthread_t,
    policy: *mut c_int,
    parameters: *mut libc::sched_param,
) -> c_int {
    let tid = tid_of(handle);
    let found = sys!(SYS_sched_getscheduler, tid);
    if found >= 0 {
        *policy = found as c_int;
        return errno::value(sys!(SYS_sched_getparam, tid, parameters));
    }
    errno::value(found)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setschedprio(handle: libc::pthread_t, priority: c_int) -> c_int {
    errno::value(sys!(
        SYS_sched_setparam,
        tid_of(handle),
        &raw const priority
    ))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_getconcurrency() -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_setconcurrency(level: c_int) -> c_int {
    if level < 0 { libc::EINVAL } else { 0 }
}

#[unsafe(no_mangle)]
extern "C" fn sched_getcpu() -> c_int {
    let mut cpu = 0u32;
    // SAFETY: the kernel writes one word.
    let result = unsafe { sys!(SYS_getcpu, &raw mut cpu, 0usize, 0usize) };
    if result < 0 {
        errno::check(result) as c_int
    } else {
        cpu as c_int
    }
}

syscalls! {
    sched_yield() -> c_int = SYS_sched_yield;
    sched_setaffinity(pid: libc::pid_t, size: usize, set: *const libc::cpu_set_t) -> c_int = SYS_sched_setaffinity;
    sched_getscheduler(pid: libc::pid_t) -> c_int = SYS_sched_getscheduler;
    sched_setscheduler(pid: libc::pid_t, policy: c_int, parameters: *const libc::sched_param) -> c_int = SYS_sched_setscheduler;
    sched_getparam(pid: libc::pid_t, parameters: *mut libc::sched_param) -> c_int = SYS_sched_getparam;
    sched_setparam(pid: libc::pid_t, parameters: *const libc::sched_param) -> c_int = SYS_sched_setparam;
    sched_get_priority_max(policy: c_int) -> c_int = SYS_sched_get_priority_max;
    sched_get_priority_min(policy: c_int) -> c_int = SYS_sched_get_priority_min;
    sched_rr_get_interval(pid: libc::pid_t, out: *mut libc::timespec) -> c_int = SYS_sched_rr_get_interval;
    getcpu(cpu: *mut u32, node: *mut u32) -> c_int = SYS_getcpu [0usize];
    unshare(flags: c_int) -> c_int = SYS_unshare;
    setns(fd: c_int, kind: c_int) -> c_int = SYS_setns;
    membarrier(command: c_int, flags: c_int) -> c_int = SYS_membarrier;
}

/// `syscall(2)`: the arguments are registers whatever their types are, so a fixed signature takes them all.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    errno::check(crate::sys::call(number, [a, b, c, d, e, f])) as c_long
}
