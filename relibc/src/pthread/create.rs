//! Starting and joining threads, and the cache of their stacks.
//!
//! A thread's mapping is, upwards: guard, stack, TLS, control block. The kernel zeroes `tid` in the control block and wakes
//! its waiters when the thread is really gone (CLONE_CHILD_CLEARTID): only then may the mapping be used again. So a
//! detached thread can put its own stack into the cache while it still stands on it.

use super::attr::Attributes;
use super::tcb::{self, Thread, state};
use super::{exit, tls};
use crate::auxv::PAGE;
use crate::futex::{self, Lock, Scope};
use crate::sys::sys;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

type Entry = extern "C" fn(*mut c_void) -> *mut c_void;

/// Stacks kept for the next thread: no mapping, no page faults on the pages the last one touched.
struct Cache {
    first: *mut Thread,
    bytes: usize,
}

// SAFETY: the list is reached only under its lock.
unsafe impl Send for Cache {}

static CACHE: Lock<Cache> = Lock::new(Cache {
    first: ptr::null_mut(),
    bytes: 0,
});
const CACHE_LIMIT: usize = 64 << 20;

/// Threads that have not ended yet: the last one's end is the process's.
pub static LIVE: AtomicU32 = AtomicU32::new(1);

const CLONE_FLAGS: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    out: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    entry: Entry,
    argument: *mut c_void,
) -> c_int {
    let attributes = Attributes::read(attributes);
    let thread = match allocate(&attributes) {
        Ok(thread) => thread,
        Err(error) => return error,
    };
    (*thread).entry = Some(entry);
    (*thread).argument = argument;
    (*thread).anchor((*tcb::current()).canary());
    let first_state = if attributes.detached {
        state::DETACHED
    } else {
        state::JOINABLE
    };
    (*thread).state.store(first_state, Ordering::Relaxed);
    LIVE.fetch_add(1, Ordering::Relaxed);

    let stack = attributes.stack_top(thread);
    let tid = (*thread).tid.as_ptr();
    let result = clone_thread(CLONE_FLAGS, stack, tid, tid, thread, run);
    if result < 0 {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        (*thread).tid.store(0, Ordering::Relaxed);
        recycle(thread);
        return -result as c_int;
    }
    *out = thread.cast();
    0
}

/// The new thread's first Rust code.
unsafe extern "C" fn run(thread: *mut Thread) -> ! {
    if (*thread).sigmask != 0 {
        let mask: *const u64 = &raw const (*thread).sigmask;
        sys!(SYS_rt_sigprocmask, libc::SIG_SETMASK, mask, 0usize, 8usize);
    }
    let result = match (*thread).entry {
        Some(entry) => entry((*thread).argument),
        None => ptr::null_mut(),
    };
    exit::pthread_exit(result)
}

/// clone(2) whose child begins in `run(thread)` on its own stack. The unwinder stops there: rip is undefined.
#[unsafe(naked)]
unsafe extern "C" fn clone_thread(
    flags: c_int,
    stack: *mut u8,
    parent_tid: *mut u32,
    child_tid: *mut u32,
    thread: *mut Thread,
    run: unsafe extern "C" fn(*mut Thread) -> !,
) -> isize {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "mov r10, rcx",
        "and rsi, -16",
        "mov [rsi - 8], r9",
        "mov [rsi - 16], r8",
        "sub rsi, 16",
        "mov eax, 56",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "ret",
        "2:",
        ".cfi_undefined rip",
        "xor ebp, ebp",
        "pop rdi",
        "pop rax",
        "call rax",
        "ud2",
        ".cfi_endproc",
    )
}

/// A mapping with a fresh control block: from the cache if one fits.
unsafe fn allocate(attributes: &Attributes) -> Result<*mut Thread, c_int> {
    let guard = (attributes.guard + PAGE - 1) & !(PAGE - 1);
    let size = if attributes.stack.is_null() {
        attributes.size
    } else {
        0
    };
    let total = guard + ((size + tls::space() + PAGE - 1) & !(PAGE - 1));
    if attributes.stack.is_null()
        && let Some(thread) = take_cached(total, guard)
    {
        let mapping = (*thread).mapping;
        thread.write(Thread::new());
        (*thread).mapping = mapping;
        (*thread).mapping_size = total;
        (*thread).guard_size = guard;
        tls::refill(thread);
        return Ok(thread);
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let mapping = sys!(SYS_mmap, 0usize, total, prot, flags, -1i32, 0usize);
    if mapping < 0 {
        return Err(libc::EAGAIN);
    }
    if guard != 0 && sys!(SYS_mprotect, mapping, guard, libc::PROT_NONE) < 0 {
        sys!(SYS_munmap, mapping, total);
        return Err(libc::EAGAIN);
    }
    let thread = tls::place(mapping as usize + total);
    thread.write(Thread::new());
    (*thread).mapping = mapping as *mut u8;
    (*thread).mapping_size = total;
    (*thread).guard_size = guard;
    tls::fill(thread);
    Ok(thread)
}

unsafe fn take_cached(size: usize, guard: usize) -> Option<*mut Thread> {
    let mut cache = CACHE.lock();
    let mut before: *mut Thread = ptr::null_mut();
    let mut thread = cache.first;
    while !thread.is_null() {
        let next = (*thread).next_cached.load(Ordering::Relaxed);
        let fits = (*thread).mapping_size == size && (*thread).guard_size == guard;
        if fits && (*thread).tid.load(Ordering::Acquire) == 0 {
            if before.is_null() {
                cache.first = next;
            } else {
                (*before).next_cached.store(next, Ordering::Relaxed);
            }
            cache.bytes -= size;
            return Some(thread);
        }
        before = thread;
        thread = next;
    }
    None
}

/// Keeps the mapping for a later thread; beyond the limit gives the oldest that is no longer stood upon back.
///
/// # Safety
/// The thread is past its last use of the C library, or gone. Nobody holds its handle.
pub unsafe fn recycle(thread: *mut Thread) {
    let mut cache = CACHE.lock();
    (*thread).next_cached.store(cache.first, Ordering::Relaxed);
    cache.first = thread;
    cache.bytes += (*thread).mapping_size;
    while cache.bytes > CACHE_LIMIT {
        let Some((before, oldest)) = last_gone(cache.first) else {
            break;
        };
        let next = (*oldest).next_cached.load(Ordering::Relaxed);
        if before.is_null() {
            cache.first = next;
        } else {
            (*before).next_cached.store(next, Ordering::Relaxed);
        }
        cache.bytes -= (*oldest).mapping_size;
        sys!(SYS_munmap, (*oldest).mapping, (*oldest).mapping_size);
    }
}

/// The cached thread nearest the list's end that the kernel is done with, and the one before it.
unsafe fn last_gone(first: *mut Thread) -> Option<(*mut Thread, *mut Thread)> {
    let mut found = None;
    let mut before: *mut Thread = ptr::null_mut();
    let mut thread = first;
    while !thread.is_null() {
        if (*thread).tid.load(Ordering::Acquire) == 0 {
            found = Some((before, thread));
        }
        before = thread;
        thread = (*thread).next_cached.load(Ordering::Relaxed);
    }
    found
}

pub fn cache_lock() {
    CACHE.acquire();
}

/// # Safety
/// After [`cache_lock`], by the same thread or its fork's child.
pub unsafe fn cache_unlock() {
    CACHE.release();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_join(handle: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    join(handle, result, None)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_timedjoin_np(
    handle: libc::pthread_t,
    result: *mut *mut c_void,
    deadline: *const libc::timespec,
) -> c_int {
    join(handle, result, deadline.as_ref())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_tryjoin_np(
    handle: libc::pthread_t,
    result: *mut *mut c_void,
) -> c_int {
    let thread = handle.cast::<Thread>();
    if (*thread).tid.load(Ordering::Acquire) != 0 {
        return libc::EBUSY;
    }
    join(handle, result, None)
}

unsafe fn join(
    handle: libc::pthread_t,
    result: *mut *mut c_void,
    deadline: Option<&libc::timespec>,
) -> c_int {
    let thread = handle.cast::<Thread>();
    if thread == tcb::current() {
        return libc::EDEADLK;
    }
    if (*thread).state.load(Ordering::Acquire) == state::DETACHED {
        return libc::EINVAL;
    }
    loop {
        super::cancel::point();
        let tid = (*thread).tid.load(Ordering::Acquire);
        if tid == 0 {
            break;
        }
        // The kernel's wake for a cleared tid is never private.
        let clock = libc::CLOCK_REALTIME;
        if futex::wait_until(&(*thread).tid, tid, Scope::Shared, clock, deadline) == libc::ETIMEDOUT
        {
            return libc::ETIMEDOUT;
        }
    }
    if !result.is_null() {
        *result = (*thread).result;
    }
    recycle(thread);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_detach(handle: libc::pthread_t) -> c_int {
    let thread = handle.cast::<Thread>();
    let swap = (*thread).state.compare_exchange(
        state::JOINABLE,
        state::DETACHED,
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    match swap {
        Ok(_) => 0,
        Err(state::EXITED) => {
            recycle(thread);
            0
        }
        Err(_) => libc::EINVAL,
    }
}

#[unsafe(no_mangle)]
extern "C" fn pthread_self() -> libc::pthread_t {
    tcb::current().cast()
}

#[unsafe(no_mangle)]
extern "C" fn pthread_equal(a: libc::pthread_t, b: libc::pthread_t) -> c_int {
    c_int::from(a == b)
}

/// C11 threads share everything with POSIX threads but the return type of the entry.
#[unsafe(no_mangle)]
extern "C" fn thrd_current() -> libc::pthread_t {
    pthread_self()
}
