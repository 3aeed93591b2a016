//! The environment: `environ`, and the variables set since the start, which are this module's memory.

use crate::errno;
use crate::futex::Lock;
use crate::malloc::{free, malloc, realloc};
use crate::string::str::{bytes, strlen};
use core::ffi::{CStr, c_char, c_int};
use core::ptr;

/// Programs read and write this themselves; POSIX leaves doing that from two threads undefined.
#[unsafe(no_mangle)]
pub static mut environ: *mut *mut c_char = ptr::null_mut();
#[unsafe(no_mangle)]
static mut __environ: *mut *mut c_char = ptr::null_mut();

/// BSD's and glibc's names of the program.
#[unsafe(no_mangle)]
static mut program_invocation_name: *mut c_char = c"".as_ptr().cast_mut();
#[unsafe(no_mangle)]
static mut program_invocation_short_name: *mut c_char = c"".as_ptr().cast_mut();
#[unsafe(no_mangle)]
static mut __progname: *mut c_char = c"".as_ptr().cast_mut();

/// What `setenv` made: the array, and the strings in it that are to be freed when they are replaced.
struct Made {
    array: *mut *mut c_char,
    strings: *mut *mut c_char,
    count: usize,
}

// SAFETY: reached only under the lock.
unsafe impl Send for Made {}

static MADE: Lock<Made> = Lock::new(Made {
    array: ptr::null_mut(),
    strings: ptr::null_mut(),
    count: 0,
});

/// # Safety
/// Called once before `main`, with what the kernel laid on the stack.
pub unsafe fn init(argv: *mut *mut c_char, envp: *mut *mut c_char) {
    environ = envp;
    __environ = envp;
    let name = *argv;
    if !name.is_null() {
        program_invocation_name = name;
        let slash = crate::string::find::strrchr(name, b'/'.into());
        program_invocation_short_name = if slash.is_null() { name } else { slash.add(1) };
        __progname = program_invocation_short_name;
    }
}

/// The short name, for messages.
pub unsafe fn short_name() -> *const c_char {
    program_invocation_short_name
}

/// The index of `name`'s entry.
unsafe fn position(name: &[u8]) -> Option<usize> {
    if environ.is_null() || name.is_empty() {
        return None;
    }
    let mut index = 0;
    loop {
        let entry = *environ.add(index);
        if entry.is_null() {
            return None;
        }
        let start = entry.cast::<u8>();
        let same = (0..name.len()).all(|at| *start.add(at) == name[at]);
        if same && *start.add(name.len()) == b'=' {
            return Some(index);
        }
        index += 1;
    }
}

unsafe fn count() -> usize {
    let mut count = 0;
    if !environ.is_null() {
        while !(*environ.add(count)).is_null() {
            count += 1;
        }
    }
    count
}

pub fn find(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: a C string; the environment's entries are C strings.
    unsafe {
        let value = getenv(name.as_ptr());
        if value.is_null() {
            None
        } else {
            Some(CStr::from_ptr(value))
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getenv(name: *const c_char) -> *mut c_char {
    let name = bytes(name);
    match position(name) {
        Some(index) => (*environ.add(index)).add(name.len() + 1),
        None => ptr::null_mut(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn secure_getenv(name: *const c_char) -> *mut c_char {
    if crate::auxv::get(libc::AT_SECURE).unwrap_or(0) != 0 {
        return ptr::null_mut();
    }
    getenv(name)
}

/// Puts `entry` in place of `name`'s old one or at the end. `ours`: it is heap memory of this module.
unsafe fn put(name: &[u8], entry: *mut c_char, ours: bool) -> c_int {
    let mut made = MADE.lock();
    if ours && !remember(&mut made, entry) {
        return errno::fail(libc::ENOMEM) as c_int;
    }
    if let Some(index) = position(name) {
        let old = core::mem::replace(&mut *environ.add(index), entry);
        forget(&mut made, old);
        return 0;
    }
    let used = count();
    let bytes = (used + 2) * size_of::<*mut c_char>();
    let ours_already = environ == made.array && !made.array.is_null();
    let array = realloc(
        if ours_already {
            made.array.cast()
        } else {
            ptr::null_mut()
        },
        bytes,
    )
    .cast::<*mut c_char>();
    if array.is_null() {
        return errno::fail(libc::ENOMEM) as c_int;
    }
    if !ours_already {
        ptr::copy_nonoverlapping(environ, array, used);
        free(core::mem::replace(&mut made.array, ptr::null_mut()).cast());
    }
    made.array = array;
    *array.add(used) = entry;
    *array.add(used + 1) = ptr::null_mut();
    environ = array;
    __environ = array;
    0
}

unsafe fn remember(made: &mut Made, entry: *mut c_char) -> bool {
    let bytes = (made.count + 1) * size_of::<*mut c_char>();
    let strings = realloc(made.strings.cast(), bytes).cast::<*mut c_char>();
    if strings.is_null() {
        return false;
    }
    *strings.add(made.count) = entry;
    made.strings = strings;
    made.count += 1;
    true
}

/// Frees an entry that left the environment, if it is this module's.
unsafe fn forget(made: &mut Made, entry: *mut c_char) {
    for index in 0..made.count {
        if *made.strings.add(index) == entry {
            made.count -= 1;
            *made.strings.add(index) = *made.strings.add(made.count);
            free(entry.cast());
            return;
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int {
    if name.is_null() || bytes(name).is_empty() || bytes(name).contains(&b'=') {
        return errno::fail(libc::EINVAL) as c_int;
    }
    let name = bytes(name);
    if overwrite == 0 && position(name).is_some() {
        return 0;
    }
    let value_length = strlen(value);
    let entry = malloc(name.len() + value_length + 2).cast::<u8>();
    if entry.is_null() {
        return -1;
    }
    ptr::copy_nonoverlapping(name.as_ptr(), entry, name.len());
    *entry.add(name.len()) = b'=';
    ptr::copy_nonoverlapping(value.cast(), entry.add(name.len() + 1), value_length + 1);
    put(name, entry.cast(), true)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn putenv(entry: *mut c_char) -> c_int {
    let text = bytes(entry);
    match text.iter().position(|&byte| byte == b'=') {
        Some(0) => errno::fail(libc::EINVAL) as c_int,
        Some(end) => put(&text[..end], entry, false),
        None => unsetenv(entry),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unsetenv(name: *const c_char) -> c_int {
    let name = bytes(name);
    if name.is_empty() || name.contains(&b'=') {
        return errno::fail(libc::EINVAL) as c_int;
    }
    let mut made = MADE.lock();
    while let Some(index) = position(name) {
        let old = *environ.add(index);
        let mut at = index;
        while !(*environ.add(at)).is_null() {
            *environ.add(at) = *environ.add(at + 1);
            at += 1;
        }
        forget(&mut made, old);
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clearenv() -> c_int {
    let mut made = MADE.lock();
    for index in 0..made.count {
        free((*made.strings.add(index)).cast());
    }
    made.count = 0;
    environ = ptr::null_mut();
    __environ = ptr::null_mut();
    0
}
