//! The end of the process: `exit` and its handlers, `_exit`, `abort`, `assert`.

use crate::futex::Lock;
use crate::start::range;
use crate::sys::sys;
use core::ffi::{c_char, c_int, c_void};

#[derive(Clone, Copy)]
enum Handler {
    Plain(unsafe extern "C" fn()),
    WithArgument(unsafe extern "C" fn(*mut c_void), *mut c_void),
    WithStatus(unsafe extern "C" fn(c_int, *mut c_void), *mut c_void),
}

const BLOCK: usize = 32;

/// Handlers in order of registration; further ones are in blocks of the heap.
struct Handlers {
    list: [Option<Handler>; BLOCK],
    count: usize,
    older: *mut Handlers,
}

// SAFETY: reached only under the lock; the handlers are the program's own.
unsafe impl Send for Handlers {}

static HANDLERS: Lock<Handlers> = Lock::new(Handlers {
    list: [None; BLOCK],
    count: 0,
    older: core::ptr::null_mut(),
});
static QUICK: Lock<([Option<unsafe extern "C" fn()>; BLOCK], usize)> =
    Lock::new(([None; BLOCK], 0));

unsafe extern "C" {
    static __fini_array_start: [unsafe extern "C" fn(); 0];
    static __fini_array_end: [unsafe extern "C" fn(); 0];
}

fn register(handler: Handler) -> c_int {
    let mut handlers = HANDLERS.lock();
    if handlers.count == BLOCK {
        // SAFETY: a full block moves to the heap; the static one starts anew.
        unsafe {
            let older = crate::malloc::malloc(size_of::<Handlers>()).cast::<Handlers>();
            if older.is_null() {
                return -1;
            }
            let full = Handlers {
                list: handlers.list,
                count: BLOCK,
                older: handlers.older,
            };
            older.write(full);
            handlers.older = older;
            handlers.count = 0;
        }
    }
    let count = handlers.count;
    handlers.list[count] = Some(handler);
    handlers.count += 1;
    0
}

fn newest() -> Option<Handler> {
    let mut handlers = HANDLERS.lock();
    if handlers.count == 0 {
        if handlers.older.is_null() {
            return None;
        }
        // SAFETY: `register` left a full block there.
        unsafe {
            let older = handlers.older;
            handlers.list = (*older).list;
            handlers.count = (*older).count;
            handlers.older = (*older).older;
            crate::malloc::free(older.cast());
        }
    }
    handlers.count -= 1;
    let count = handlers.count;
    handlers.list[count].take()
}

#[unsafe(no_mangle)]
extern "C" fn atexit(handler: unsafe extern "C" fn()) -> c_int {
    register(Handler::Plain(handler))
}

#[unsafe(no_mangle)]
extern "C" fn __cxa_atexit(
    handler: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
    _dso: *mut c_void,
) -> c_int {
    register(Handler::WithArgument(handler, argument))
}

#[unsafe(no_mangle)]
extern "C" fn on_exit(
    handler: unsafe extern "C" fn(c_int, *mut c_void),
    argument: *mut c_void,
) -> c_int {
    register(Handler::WithStatus(handler, argument))
}

/// A static program unloads nothing before its end.
#[unsafe(no_mangle)]
extern "C" fn __cxa_finalize(_dso: *mut c_void) {}

/// C++ objects' and `__cxa_thread_atexit_impl`'s name of this program.
#[unsafe(no_mangle)]
static __dso_handle: usize = 0;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn exit(status: c_int) -> ! {
    crate::pthread::exit::run_destructors(crate::pthread::tcb::current());
    while let Some(handler) = newest() {
        match handler {
            Handler::Plain(run) => run(),
            Handler::WithArgument(run, argument) => run(argument),
            Handler::WithStatus(run, argument) => run(status, argument),
        }
    }
    for run in range(&raw const __fini_array_start, &raw const __fini_array_end)
        .iter()
        .rev()
    {
        run();
    }
    crate::stdio::flush_all();
    _exit(status)
}

#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { sys!(SYS_exit_group, status) };
    }
}

#[unsafe(no_mangle)]
extern "C" fn _Exit(status: c_int) -> ! {
    _exit(status)
}

#[unsafe(no_mangle)]
extern "C" fn at_quick_exit(handler: unsafe extern "C" fn()) -> c_int {
    let mut quick = QUICK.lock();
    let count = quick.1;
    match quick.0.get_mut(count) {
        Some(slot) => {
            *slot = Some(handler);
            quick.1 += 1;
            0
        }
        None => -1,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn quick_exit(status: c_int) -> ! {
    loop {
        let handler = {
            let mut quick = QUICK.lock();
            match quick.1.checked_sub(1) {
                Some(last) => {
                    quick.1 = last;
                    quick.0[last].take()
                }
                None => None,
            }
        };
        match handler {
            Some(handler) => handler(),
            None => _exit(status),
        }
    }
}

/// Ends the process by SIGABRT, whatever the program did with that signal.
#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    // SAFETY: signals to oneself, and at last an instruction that cannot be survived.
    unsafe {
        crate::signal::raise(libc::SIGABRT);
        crate::signal::reset(libc::SIGABRT);
        crate::signal::raise(libc::SIGABRT);
        let tid = sys!(SYS_gettid);
        let unblock = 1u64 << (libc::SIGABRT - 1);
        sys!(
            SYS_rt_sigprocmask,
            libc::SIG_UNBLOCK,
            &raw const unblock,
            0usize,
            8usize
        );
        sys!(SYS_tgkill, sys!(SYS_getpid), tid, libc::SIGABRT);
        core::arch::asm!("ud2", options(noreturn));
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __assert_fail(
    condition: *const c_char,
    file: *const c_char,
    line: c_int,
    function: *const c_char,
) -> ! {
    let mut buffer = [0u8; 512];
    let mut text = crate::text::Writer::new(&mut buffer);
    text.put(b"Assertion failed: ")
        .put(crate::string::str::bytes(condition));
    text.put(b" (")
        .put(crate::string::str::bytes(file))
        .put(b": ");
    if !function.is_null() {
        text.put(crate::string::str::bytes(function)).put(b": ");
    }
    text.number(line.unsigned_abs().into()).put(b")\n");
    let length = text.len();
    sys!(SYS_write, libc::STDERR_FILENO, buffer.as_ptr(), length);
    abort()
}

/// What code compiled with -fstack-protector calls.
#[unsafe(no_mangle)]
extern "C" fn __stack_chk_fail() -> ! {
    const TEXT: &[u8] = b"stack smashing detected\n";
    // SAFETY: writing constant text to standard error.
    unsafe { sys!(SYS_write, libc::STDERR_FILENO, TEXT.as_ptr(), TEXT.len()) };
    abort()
}
