//! Who a process is: numbers, groups, sessions, users. A change of user is a change of every thread.

use crate::errno;
use crate::pthread::create::LIVE;
use crate::sys::{sys, syscalls};
use core::ffi::{c_int, c_uint};
use core::sync::atomic::Ordering;
use libc::{gid_t, pid_t, uid_t};

syscalls! {
    getpid() -> pid_t = SYS_getpid;
    getppid() -> pid_t = SYS_getppid;
    getuid() -> uid_t = SYS_getuid;
    geteuid() -> uid_t = SYS_geteuid;
    getgid() -> gid_t = SYS_getgid;
    getegid() -> gid_t = SYS_getegid;
    getresuid(real: *mut uid_t, effective: *mut uid_t, saved: *mut uid_t) -> c_int = SYS_getresuid;
    getresgid(real: *mut gid_t, effective: *mut gid_t, saved: *mut gid_t) -> c_int = SYS_getresgid;
    getpgid(pid: pid_t) -> pid_t = SYS_getpgid;
    setpgid(pid: pid_t, group: pid_t) -> c_int = SYS_setpgid;
    getpgrp() -> pid_t = SYS_getpgrp;
    getsid(pid: pid_t) -> pid_t = SYS_getsid;
    setsid() -> pid_t = SYS_setsid;
    getgroups(count: c_int, list: *mut gid_t) -> c_int = SYS_getgroups;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setpgrp() -> pid_t {
    setpgid(0, 0)
}

/// The kernel changes the calling thread only. With other threads alive the change would be half done, which is worse than
/// none: it is refused.
macro_rules! whole_process {
    ($($name:ident($($a:ident: $t:ty),*) = $n:ident;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($a: $t),*) -> c_int {
            if LIVE.load(Ordering::SeqCst) > 1 {
                return errno::fail(libc::EPERM) as c_int;
            }
            errno::check(sys!($n, $($a),*)) as c_int
        }
    )* };
}
whole_process! {
    setuid(user: uid_t) = SYS_setuid;
    setgid(group: gid_t) = SYS_setgid;
    setreuid(real: uid_t, effective: uid_t) = SYS_setreuid;
    setregid(real: gid_t, effective: gid_t) = SYS_setregid;
    setresuid(real: uid_t, effective: uid_t, saved: uid_t) = SYS_setresuid;
    setresgid(real: gid_t, effective: gid_t, saved: gid_t) = SYS_setresgid;
    setgroups(count: usize, list: *const gid_t) = SYS_setgroups;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn seteuid(user: uid_t) -> c_int {
    setresuid(uid_t::MAX, user, uid_t::MAX)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setegid(group: gid_t) -> c_int {
    setresgid(gid_t::MAX, group, gid_t::MAX)
}

#[unsafe(no_mangle)]
extern "C" fn issetugid() -> c_int {
    crate::auxv::get(libc::AT_SECURE).map_or(0, |secure| c_int::from(secure != 0))
}

/// Not a system identity; POSIX's `gethostid` is the host's IPv4 address or 0.
#[unsafe(no_mangle)]
extern "C" fn gethostid() -> c_uint {
    0
}
