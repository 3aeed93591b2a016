//! Cutting strings at delimiters.

use super::find::{strcspn, strspn};
use core::ffi::c_char;
use core::ptr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtok_r(
    text: *mut c_char,
    delimiters: *const c_char,
    rest: *mut *mut c_char,
) -> *mut c_char {
    let text = if text.is_null() { *rest } else { text };
    if text.is_null() {
        return ptr::null_mut();
    }
    let start = text.add(strspn(text, delimiters));
    if *start == 0 {
        *rest = ptr::null_mut();
        return ptr::null_mut();
    }
    let end = start.add(strcspn(start, delimiters));
    *rest = if *end == 0 {
        ptr::null_mut()
    } else {
        *end = 0;
        end.add(1)
    };
    start
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strtok(text: *mut c_char, delimiters: *const c_char) -> *mut c_char {
    static mut REST: *mut c_char = ptr::null_mut();
    strtok_r(text, delimiters, &raw mut REST)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strsep(text: *mut *mut c_char, delimiters: *const c_char) -> *mut c_char {
    let start = *text;
    if start.is_null() {
        return start;
    }
    let end = start.add(strcspn(start, delimiters));
    *text = if *end == 0 {
        ptr::null_mut()
    } else {
        *end = 0;
        end.add(1)
    };
    start
}
