//! Signals. C's `sigset_t` has 1,024 bits, the kernel's 64; the rest stays clear.

pub mod jump;
pub mod set;

use crate::errno;
use crate::pthread::cancel;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use libc::sigset_t;

/// The kernel's `struct sigaction` on x86-64.
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: unsafe extern "C" fn(),
    mask: u64,
}

const SA_RESTORER: u64 = 0x0400_0000;

/// The bytes of the kernel's set.
pub const SET: usize = 8;

/// Where a handler returns to. Debuggers and unwinders know these two instructions.
#[unsafe(naked)]
unsafe extern "C" fn restorer() {
    core::arch::naked_asm!("mov eax, 15", "syscall")
}

/// Signals that ever got a handler: what a child must reset before it lets signals in. Never shrinks.
static HANDLED: AtomicU64 = AtomicU64::new(0);

pub fn handled() -> u64 {
    HANDLED.load(Ordering::SeqCst)
}

/// Signals 32 to 34 are the library's own.
fn allowed(signal: c_int) -> bool {
    (1..=64).contains(&signal) && !(32..=34).contains(&signal)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(
    signal: c_int,
    action: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    if !allowed(signal) {
        return errno::fail(libc::EINVAL) as c_int;
    }
    let mut new = KernelAction {
        handler: 0,
        flags: 0,
        restorer,
        mask: 0,
    };
    if let Some(action) = action.as_ref() {
        new.handler = action.sa_sigaction;
        new.flags = action.sa_flags as u32 as u64 | SA_RESTORER;
        if action.sa_sigaction > libc::SIG_IGN {
            HANDLED.fetch_or(1 << (signal - 1), Ordering::SeqCst);
        }
        new.mask = *(&raw const action.sa_mask).cast::<u64>();
    }
    let mut before = KernelAction {
        handler: 0,
        flags: 0,
        restorer,
        mask: 0,
    };
    let new: *const KernelAction = if action.is_null() {
        ptr::null()
    } else {
        &raw const new
    };
    let slot: *mut KernelAction = if old.is_null() {
        ptr::null_mut()
    } else {
        &raw mut before
    };
    let result = sys!(SYS_rt_sigaction, signal, new, slot, SET);
    if result == 0
        && let Some(old) = old.as_mut()
    {
        old.sa_sigaction = before.handler;
        old.sa_flags = (before.flags & !SA_RESTORER) as c_int;
        set::sigemptyset(&raw mut old.sa_mask);
        *(&raw mut old.sa_mask).cast::<u64>() = before.mask;
    }
    errno::check(result) as c_int
}

/// A handler for one of the library's own signals; it interrupts system calls.
pub unsafe fn install_internal(signal: c_int, handler: extern "C" fn(c_int)) {
    HANDLED.fetch_or(1 << (signal - 1), Ordering::SeqCst);
    let action = KernelAction {
        handler: handler as usize,
        flags: SA_RESTORER,
        restorer,
        mask: u64::MAX,
    };
    sys!(SYS_rt_sigaction, signal, &raw const action, 0usize, SET);
}

/// Back to the default action.
pub unsafe fn reset(signal: c_int) {
    let action = KernelAction {
        handler: 0,
        flags: SA_RESTORER,
        restorer,
        mask: 0,
    };
    sys!(SYS_rt_sigaction, signal, &raw const action, 0usize, SET);
}

/// BSD's meaning, which Linux's libraries follow: the handler stays, calls restart.
#[unsafe(no_mangle)]
unsafe extern "C" fn signal(number: c_int, handler: usize) -> usize {
    let mut action: libc::sigaction = core::mem::zeroed();
    let mut old: libc::sigaction = core::mem::zeroed();
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART;
    if sigaction(number, &raw const action, &raw mut old) < 0 {
        return libc::SIG_ERR;
    }
    old.sa_sigaction
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bsd_signal(number: c_int, handler: usize) -> usize {
    signal(number, handler)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn raise(number: c_int) -> c_int {
    let (pid, tid) = (sys!(SYS_getpid), crate::pthread::attr::current_tid());
    errno::check(sys!(SYS_tgkill, pid, tid, number)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_sigmask(
    how: c_int,
    set: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // The library's own signals are never blocked by the program.
    let mut kernel = 0u64;
    let new: *const u64 = if set.is_null() {
        ptr::null()
    } else {
        kernel = *set.cast::<u64>() & !(7 << 31);
        &raw const kernel
    };
    let result = sys!(SYS_rt_sigprocmask, how, new, old, SET);
    let _ = kernel;
    if result == 0 && !old.is_null() {
        let old = old.cast::<u64>();
        *old &= !(7 << 31);
        old.add(1).write_bytes(0, size_of::<sigset_t>() / 8 - 1);
    }
    errno::value(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigprocmask(how: c_int, set: *const sigset_t, old: *mut sigset_t) -> c_int {
    match pthread_sigmask(how, set, old) {
        0 => 0,
        error => errno::fail(error) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigpending(set: *mut sigset_t) -> c_int {
    set::sigemptyset(set);
    errno::check(sys!(SYS_rt_sigpending, set, SET)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigsuspend(set: *const sigset_t) -> c_int {
    cancel::point();
    let result = errno::check(sys!(SYS_rt_sigsuspend, set, SET)) as c_int;
    cancel::point();
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigtimedwait(
    set: *const sigset_t,
    info: *mut libc::siginfo_t,
    timeout: *const libc::timespec,
) -> c_int {
    loop {
        cancel::point();
        // Only the library's own signals end it early.
        match sys!(SYS_rt_sigtimedwait, set, info, timeout, SET) {
            r if r == -libc::EINTR as isize => {}
            r => return errno::check(r) as c_int,
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigwaitinfo(set: *const sigset_t, info: *mut libc::siginfo_t) -> c_int {
    sigtimedwait(set, info, ptr::null())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int {
    match sigtimedwait(set, ptr::null_mut(), ptr::null()) {
        -1 => errno::get(),
        found => {
            *signal = found;
            0
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigqueue(pid: libc::pid_t, number: c_int, value: usize) -> c_int {
    let mut info: libc::siginfo_t = core::mem::zeroed();
    info.si_signo = number;
    info.si_code = libc::SI_QUEUE;
    // asm-generic/siginfo.h: pid, uid and value follow the three ints, aligned to 8.
    let fields = (&raw mut info).cast::<u32>();
    *fields.add(4) = sys!(SYS_getpid) as u32;
    *fields.add(5) = sys!(SYS_getuid) as u32;
    *fields.add(6).cast::<usize>() = value;
    errno::check(sys!(SYS_rt_sigqueueinfo, pid, number, &raw const info)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn siginterrupt(number: c_int, interrupt: c_int) -> c_int {
    let mut action: libc::sigaction = core::mem::zeroed();
    sigaction(number, ptr::null(), &raw mut action);
    if interrupt != 0 {
        action.sa_flags &= !libc::SA_RESTART;
    } else {
        action.sa_flags |= libc::SA_RESTART;
    }
    sigaction(number, &raw const action, ptr::null_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn killpg(group: libc::pid_t, number: c_int) -> c_int {
    if group < 0 {
        return errno::fail(libc::EINVAL) as c_int;
    }
    kill(-group, number)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn signalfd(fd: c_int, set: *const sigset_t, flags: c_int) -> c_int {
    errno::check(sys!(SYS_signalfd4, fd, set, SET, flags)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn psignal(number: c_int, prefix: *const c_char) {
    let mut buffer = [0u8; 256];
    let mut text = crate::text::Writer::new(&mut buffer);
    if !prefix.is_null() && *prefix != 0 {
        text.put(crate::string::str::bytes(prefix)).put(b": ");
    }
    text.put(crate::string::str::bytes(crate::string::error::strsignal(
        number,
    )))
    .put(b"\n");
    let length = text.len();
    sys!(SYS_write, libc::STDERR_FILENO, buffer.as_ptr(), length);
}

#[unsafe(no_mangle)]
extern "C" fn __libc_current_sigrtmin() -> c_int {
    35
}

#[unsafe(no_mangle)]
extern "C" fn __libc_current_sigrtmax() -> c_int {
    64
}

#[unsafe(no_mangle)]
unsafe extern "C" fn alarm(seconds: c_uint) -> c_uint {
    errno::check(sys!(SYS_alarm, seconds)) as c_uint
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pause() -> c_int {
    cancel::point();
    let result = errno::check(sys!(SYS_pause)) as c_int;
    cancel::point();
    result
}

syscalls! {
    kill(pid: libc::pid_t, number: c_int) -> c_int = SYS_kill;
    tgkill(group: libc::pid_t, thread: libc::pid_t, number: c_int) -> c_int = SYS_tgkill;
    sigaltstack(stack: *const libc::stack_t, old: *mut libc::stack_t) -> c_int = SYS_sigaltstack;
    pidfd_open(pid: libc::pid_t, flags: c_uint) -> c_int = SYS_pidfd_open;
    pidfd_send_signal(fd: c_int, number: c_int, info: *mut libc::siginfo_t, flags: c_uint) -> c_int = SYS_pidfd_send_signal;
    pidfd_getfd(fd: c_int, target: c_int, flags: c_uint) -> c_int = SYS_pidfd_getfd;
    getitimer(which: c_int, value: *mut c_void) -> c_int = SYS_getitimer;
    setitimer(which: c_int, value: *const c_void, old: *mut c_void) -> c_int = SYS_setitimer;
}
