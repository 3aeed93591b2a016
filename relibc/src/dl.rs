//! `dlfcn.h` of a static program: there is nothing to load and nothing to look up, and it says so.

use core::ffi::{c_char, c_int, c_void};
use core::ptr;

static mut FAILED: bool = false;

#[unsafe(no_mangle)]
unsafe extern "C" fn dlopen(_path: *const c_char, _flags: c_int) -> *mut c_void {
    FAILED = true;
    ptr::null_mut()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dlsym(_handle: *mut c_void, _name: *const c_char) -> *mut c_void {
    FAILED = true;
    ptr::null_mut()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dlclose(_handle: *mut c_void) -> c_int {
    FAILED = true;
    -1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dlerror() -> *mut c_char {
    if core::mem::take(&mut *(&raw mut FAILED)) {
        return c"Dynamic loading not supported".as_ptr().cast_mut();
    }
    ptr::null_mut()
}

#[unsafe(no_mangle)]
extern "C" fn dladdr(_address: *const c_void, _info: *mut c_void) -> c_int {
    0
}
