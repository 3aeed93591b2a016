//! Limits, usage, priorities, and facts about the system: `getrlimit`, `sysconf`, `uname`, `sysinfo`.

use crate::auxv::PAGE;
use crate::errno;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_long, c_uint, c_void};
use core::ptr;
use libc::rlimit;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrlimit(kind: c_int, limit: *mut rlimit) -> c_int {
    prlimit(0, kind, ptr::null(), limit)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setrlimit(kind: c_int, limit: *const rlimit) -> c_int {
    prlimit(0, kind, limit, ptr::null_mut())
}

syscalls! {
    prlimit(pid: libc::pid_t, kind: c_int, new: *const rlimit, old: *mut rlimit) -> c_int = SYS_prlimit64;
    getrusage(who: c_int, usage: *mut libc::rusage) -> c_int = SYS_getrusage;
    setpriority(which: c_int, who: c_uint, priority: c_int) -> c_int = SYS_setpriority;
    uname(name: *mut libc::utsname) -> c_int = SYS_uname;
    sysinfo(info: *mut libc::sysinfo) -> c_int = SYS_sysinfo;
    sethostname(name: *const c_char, size: usize) -> c_int = SYS_sethostname;
    setdomainname(name: *const c_char, size: usize) -> c_int = SYS_setdomainname;
    __reboot(magic: c_int, magic2: c_int, command: c_int, argument: *mut c_void) -> c_int = SYS_reboot;
    acct(path: *const c_char) -> c_int = SYS_acct;
    personality(persona: libc::c_ulong) -> c_int = SYS_personality;
    klogctl(kind: c_int, buffer: *mut c_char, size: c_int) -> c_int = SYS_syslog;
    capget(header: *mut c_void, data: *mut c_void) -> c_int = SYS_capget;
    capset(header: *mut c_void, data: *const c_void) -> c_int = SYS_capset;
    prctl(option: c_int, a: usize, b: usize, c: usize, d: usize) -> c_int = SYS_prctl;
    arch_prctl(code: c_int, address: usize) -> c_int = SYS_arch_prctl;
    __ptrace(request: c_int, pid: libc::pid_t, address: *mut c_void, data: *mut c_void) -> c_long = SYS_ptrace;
}

/// PTRACE_PEEK* answer through memory in the kernel and as the result in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn ptrace(
    request: c_int,
    pid: libc::pid_t,
    address: *mut c_void,
    data: *mut c_void,
) -> c_long {
    if (1..=3).contains(&request) {
        let mut word: c_long = 0;
        let result = __ptrace(request, pid, address, (&raw mut word).cast());
        return if result < 0 { result } else { word };
    }
    __ptrace(request, pid, address, data)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reboot(command: c_int) -> c_int {
    // linux/reboot.h: LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2.
    __reboot(
        0xfee1_deadu32 as c_int,
        672_274_793,
        command,
        ptr::null_mut(),
    )
}

/// The kernel says 20 − nice, so that it is never an error number.
#[unsafe(no_mangle)]
unsafe extern "C" fn getpriority(which: c_int, who: c_uint) -> c_int {
    let found = sys!(SYS_getpriority, which, who);
    if found < 0 {
        errno::check(found) as c_int
    } else {
        20 - found as c_int
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nice(step: c_int) -> c_int {
    let now = getpriority(libc::PRIO_PROCESS as c_int, 0)
        .saturating_add(step)
        .clamp(-20, 19);
    if setpriority(libc::PRIO_PROCESS as c_int, 0, now) < 0 {
        if errno::get() == libc::EACCES {
            errno::set(libc::EPERM);
        }
        return -1;
    }
    now
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gethostname(name: *mut c_char, size: usize) -> c_int {
    let mut names: libc::utsname = core::mem::zeroed();
    if uname(&raw mut names) < 0 {
        return -1;
    }
    let node = &names.nodename;
    let length = node
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(node.len());
    ptr::copy_nonoverlapping(node.as_ptr(), name, (length + 1).min(size));
    if length >= size {
        return errno::fail(libc::ENAMETOOLONG) as c_int;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getdomainname(name: *mut c_char, size: usize) -> c_int {
    let mut names: libc::utsname = core::mem::zeroed();
    if uname(&raw mut names) < 0 {
        return -1;
    }
    let domain = &names.domainname;
    let length = domain
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(domain.len());
    if length >= size {
        return errno::fail(libc::EINVAL) as c_int;
    }
    ptr::copy_nonoverlapping(domain.as_ptr(), name, length + 1);
    0
}

#[unsafe(no_mangle)]
extern "C" fn getpagesize() -> c_int {
    PAGE as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getdtablesize() -> c_int {
    open_files() as c_int
}

fn open_files() -> c_long {
    limit(libc::RLIMIT_NOFILE)
}

/// A soft limit; −1 is none.
fn limit(kind: c_int) -> c_long {
    let mut limit = rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes the structure.
    unsafe { getrlimit(kind, &raw mut limit) };
    if limit.rlim_cur == libc::RLIM_INFINITY {
        -1
    } else {
        limit.rlim_cur as c_long
    }
}

/// Processors this process may run on.
fn processors() -> c_long {
    let mut set = [0u64; 128];
    // SAFETY: the kernel writes at most the set.
    let written = unsafe {
        sys!(
            SYS_sched_getaffinity,
            0i32,
            size_of_val(&set),
            set.as_mut_ptr()
        )
    };
    if written < 0 {
        return 1;
    }
    set.iter().map(|word| c_long::from(word.count_ones())).sum()
}

fn memory_pages(free: bool) -> c_long {
    // SAFETY: plain integers; the kernel fills them.
    unsafe {
        let mut info: libc::sysinfo = core::mem::zeroed();
        sysinfo(&raw mut info);
        let units = if free {
            info.freeram + info.bufferram
        } else {
            info.totalram
        };
        (units as u64 * u64::from(info.mem_unit.max(1)) / PAGE as u64) as c_long
    }
}

const POSIX_VERSION: c_long = 200_809;

#[unsafe(no_mangle)]
extern "C" fn sysconf(name: c_int) -> c_long {
    match name {
        libc::_SC_ARG_MAX => 131_072,
        libc::_SC_CHILD_MAX => limit(libc::RLIMIT_NPROC),
        libc::_SC_CLK_TCK => 100,
        libc::_SC_NGROUPS_MAX => 32,
        libc::_SC_OPEN_MAX => open_files(),
        libc::_SC_STREAM_MAX | libc::_SC_TZNAME_MAX => -1,
        libc::_SC_PAGESIZE => PAGE as c_long,
        libc::_SC_RTSIG_MAX => 30,
        libc::_SC_SEM_NSEMS_MAX => 256,
        libc::_SC_SEM_VALUE_MAX | libc::_SC_SIGQUEUE_MAX => c_long::from(i32::MAX),
        libc::_SC_TIMER_MAX | libc::_SC_DELAYTIMER_MAX => c_long::from(i32::MAX),
        libc::_SC_IOV_MAX => 1024,
        libc::_SC_GETGR_R_SIZE_MAX | libc::_SC_GETPW_R_SIZE_MAX => 1024,
        libc::_SC_LOGIN_NAME_MAX => 256,
        libc::_SC_TTY_NAME_MAX => 32,
        libc::_SC_HOST_NAME_MAX => 255,
        libc::_SC_LINE_MAX => 2048,
        libc::_SC_SYMLOOP_MAX => 40,
        libc::_SC_THREAD_DESTRUCTOR_ITERATIONS => 4,
        libc::_SC_THREAD_KEYS_MAX => crate::pthread::tcb::KEYS as c_long,
        libc::_SC_THREAD_STACK_MIN => 2048,
        libc::_SC_THREAD_THREADS_MAX | libc::_SC_ATEXIT_MAX => c_long::from(i32::MAX),
        libc::_SC_NPROCESSORS_CONF | libc::_SC_NPROCESSORS_ONLN => processors(),
        libc::_SC_PHYS_PAGES => memory_pages(false),
        libc::_SC_AVPHYS_PAGES => memory_pages(true),
        libc::_SC_VERSION
        | libc::_SC_2_VERSION
        | libc::_SC_THREADS
        | libc::_SC_TIMERS
        | libc::_SC_REALTIME_SIGNALS
        | libc::_SC_FSYNC
        | libc::_SC_MAPPED_FILES
        | libc::_SC_MEMORY_PROTECTION
        | libc::_SC_SEMAPHORES
        | libc::_SC_SHARED_MEMORY_OBJECTS
        | libc::_SC_MONOTONIC_CLOCK
        | libc::_SC_BARRIERS
        | libc::_SC_READER_WRITER_LOCKS
        | libc::_SC_SPIN_LOCKS
        | libc::_SC_SPAWN
        | libc::_SC_TIMEOUTS
        | libc::_SC_CLOCK_SELECTION
        | libc::_SC_THREAD_SAFE_FUNCTIONS
        | libc::_SC_THREAD_ATTR_STACKADDR
        | libc::_SC_THREAD_ATTR_STACKSIZE
        | libc::_SC_THREAD_PROCESS_SHARED
        | libc::_SC_THREAD_CPUTIME
        | libc::_SC_CPUTIME => POSIX_VERSION,
        libc::_SC_JOB_CONTROL | libc::_SC_SAVED_IDS | libc::_SC_SHELL | libc::_SC_REGEXP => 1,
        libc::_SC_XOPEN_VERSION => 700,
        libc::_SC_RE_DUP_MAX => 255,
        libc::_SC_COLL_WEIGHTS_MAX => 2,
        libc::_SC_EXPR_NEST_MAX => 32,
        libc::_SC_BC_BASE_MAX | libc::_SC_BC_SCALE_MAX => 99,
        libc::_SC_BC_DIM_MAX => 2048,
        libc::_SC_BC_STRING_MAX => 1000,
        0..=248 => -1,
        _ => errno::fail(libc::EINVAL) as c_long,
    }
}

#[unsafe(no_mangle)]
extern "C" fn get_nprocs() -> c_int {
    processors() as c_int
}

#[unsafe(no_mangle)]
extern "C" fn get_nprocs_conf() -> c_int {
    processors() as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getloadavg(list: *mut f64, count: c_int) -> c_int {
    let mut info: libc::sysinfo = core::mem::zeroed();
    if sysinfo(&raw mut info) < 0 || count < 0 {
        return -1;
    }
    let count = count.min(3);
    for index in 0..count as usize {
        *list.add(index) = info.loads[index] as f64 / 65536.0;
    }
    count
}
