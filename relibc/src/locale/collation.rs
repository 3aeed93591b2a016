//! Functions that take a locale object and need none.

use crate::string::str::{strcasecmp, strcmp, strncasecmp};
use core::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
unsafe extern "C" fn strcoll_l(a: *const c_char, b: *const c_char, _: *mut c_void) -> c_int {
    strcmp(a, b)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strcasecmp_l(a: *const c_char, b: *const c_char, _: *mut c_void) -> c_int {
    strcasecmp(a, b)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strncasecmp_l(
    a: *const c_char,
    b: *const c_char,
    n: usize,
    _: *mut c_void,
) -> c_int {
    strncasecmp(a, b, n)
}

#[unsafe(no_mangle)]
extern "C" fn strerror_l(error: c_int, _: *mut c_void) -> *mut c_char {
    crate::string::error::strerror(error)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strtod_l(text: *const c_char, end: *mut *mut c_char, _: *mut c_void) -> f64 {
    crate::stdlib::number::strtod(text, end)
}
