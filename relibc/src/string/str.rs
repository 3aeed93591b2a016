//! Lengths, copies and comparisons of strings.

use super::mem::{memchr, memcpy, zeros};
use crate::malloc::malloc;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    let start = text.cast::<u8>();
    let mut at = start;
    while at as usize & 7 != 0 {
        if *at == 0 {
            return at as usize - start as usize;
        }
        at = at.add(1);
    }
    // An aligned word never crosses into a page that the string does not reach.
    let mut words = at.cast::<u64>();
    loop {
        let found = zeros(*words);
        if found != 0 {
            return words as usize - start as usize + found.trailing_zeros() as usize / 8;
        }
        words = words.add(1);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strnlen(text: *const c_char, limit: usize) -> usize {
    let end = memchr(text.cast(), 0, limit);
    if end.is_null() {
        limit
    } else {
        end as usize - text as usize
    }
}

/// The bytes of a C string, without its end.
pub unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    core::slice::from_raw_parts(text.cast(), strlen(text))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcmp(a: *const c_char, b: *const c_char) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    let mut at = 0;
    while *a.add(at) == *b.add(at) && *a.add(at) != 0 {
        at += 1;
    }
    c_int::from(*a.add(at)) - c_int::from(*b.add(at))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncmp(a: *const c_char, b: *const c_char, limit: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    for at in 0..limit {
        let (x, y) = (*a.add(at), *b.add(at));
        if x != y || x == 0 {
            return c_int::from(x) - c_int::from(y);
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcasecmp(a: *const c_char, b: *const c_char) -> c_int {
    strncasecmp(a, b, usize::MAX)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncasecmp(a: *const c_char, b: *const c_char, limit: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    for at in 0..limit {
        let (x, y) = (
            (*a.add(at)).to_ascii_lowercase(),
            (*b.add(at)).to_ascii_lowercase(),
        );
        if x != y || x == 0 {
            return c_int::from(x) - c_int::from(y);
        }
    }
    0
}

/// The C.UTF-8 locale collates by code point, which for UTF-8 is by byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn strcoll(a: *const c_char, b: *const c_char) -> c_int {
    strcmp(a, b)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strxfrm(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    strlcpy(to, from, size)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    memcpy(to.cast(), from.cast(), strlen(from) + 1).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn stpcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    let length = strlen(from);
    memcpy(to.cast(), from.cast(), length + 1);
    to.add(length)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn stpncpy(to: *mut c_char, from: *const c_char, n: usize) -> *mut c_char {
    let length = strnlen(from, n);
    memcpy(to.cast(), from.cast(), length);
    super::mem::memset(to.add(length).cast(), 0, n - length);
    to.add(length)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strncpy(to: *mut c_char, from: *const c_char, n: usize) -> *mut c_char {
    stpncpy(to, from, n);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strlcpy(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    let length = strlen(from);
    if size != 0 {
        let taken = length.min(size - 1);
        memcpy(to.cast(), from.cast(), taken);
        *to.add(taken) = 0;
    }
    length
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strcat(to: *mut c_char, from: *const c_char) -> *mut c_char {
    strcpy(to.add(strlen(to)), from);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strncat(to: *mut c_char, from: *const c_char, n: usize) -> *mut c_char {
    let (end, length) = (to.add(strlen(to)), strnlen(from, n));
    memcpy(end.cast(), from.cast(), length);
    *end.add(length) = 0;
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strlcat(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    let used = strnlen(to, size);
    if used == size {
        return size + strlen(from);
    }
    used + strlcpy(to.add(used), from, size - used)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strdup(text: *const c_char) -> *mut c_char {
    duplicate(text, strlen(text))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strndup(text: *const c_char, n: usize) -> *mut c_char {
    duplicate(text, strnlen(text, n))
}

/// A heap copy of the first `length` bytes, ended.
pub unsafe fn duplicate(text: *const c_char, length: usize) -> *mut c_char {
    let copy = malloc(length + 1).cast::<c_char>();
    if copy.is_null() {
        return ptr::null_mut();
    }
    memcpy(copy.cast::<c_void>(), text.cast(), length);
    *copy.add(length) = 0;
    copy
}
