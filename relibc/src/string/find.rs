//! Searching in strings.

use super::mem::{self, memcmp, memrchr};
use super::str::{bytes, strlen};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strchrnul(text: *const c_char, byte: c_int) -> *mut c_char {
    let wanted = byte as c_char;
    let mut at = text;
    while *at != wanted && *at != 0 {
        at = at.add(1);
    }
    at.cast_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strchr(text: *const c_char, byte: c_int) -> *mut c_char {
    let at = strchrnul(text, byte);
    if *at == byte as c_char {
        at
    } else {
        ptr::null_mut()
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strrchr(text: *const c_char, byte: c_int) -> *mut c_char {
    memrchr(text.cast(), byte, strlen(text) + 1).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn index(text: *const c_char, byte: c_int) -> *mut c_char {
    strchr(text, byte)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rindex(text: *const c_char, byte: c_int) -> *mut c_char {
    strrchr(text, byte)
}

/// A set of bytes.
struct Set([u64; 4]);

impl Set {
    unsafe fn of(members: *const c_char) -> Set {
        let mut set = [0; 4];
        for &byte in bytes(members) {
            set[byte as usize / 64] |= 1 << (byte % 64);
        }
        Set(set)
    }

    fn has(&self, byte: u8) -> bool {
        self.0[byte as usize / 64] >> (byte % 64) & 1 != 0
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strspn(text: *const c_char, accept: *const c_char) -> usize {
    let (set, text) = (Set::of(accept), bytes(text));
    text.iter()
        .position(|&byte| !set.has(byte))
        .unwrap_or(text.len())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcspn(text: *const c_char, reject: *const c_char) -> usize {
    let (set, text) = (Set::of(reject), bytes(text));
    text.iter()
        .position(|&byte| set.has(byte))
        .unwrap_or(text.len())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strpbrk(text: *const c_char, accept: *const c_char) -> *mut c_char {
    let at = text.add(strcspn(text, accept));
    if *at == 0 {
        ptr::null_mut()
    } else {
        at.cast_mut()
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmem(
    text: *const c_void,
    size: usize,
    wanted: *const c_void,
    length: usize,
) -> *mut c_void {
    if length == 0 {
        return text.cast_mut();
    }
    if length > size {
        return ptr::null_mut();
    }
    let text = core::slice::from_raw_parts(text.cast::<u8>(), size);
    let wanted = core::slice::from_raw_parts(wanted.cast::<u8>(), length);
    search(text, wanted).map_or(ptr::null_mut(), |at| {
        text.as_ptr().add(at).cast_mut().cast()
    })
}

/// Short needles: look for the first byte, compare. Long ones: Boyer-Moore-Horspool, bounded by a Two-Way-free fallback
/// of the same loop (a hostile needle costs the product of the lengths, as in most C libraries' short path).
fn search(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let last = text.len() - wanted.len();
    if wanted.len() < 8 {
        let mut at = 0;
        while at <= last {
            // SAFETY: the range lies inside `text`.
            let found = unsafe {
                mem::memchr(
                    text.as_ptr().add(at).cast(),
                    wanted[0].into(),
                    last - at + 1,
                )
            };
            if found.is_null() {
                return None;
            }
            at = found as usize - text.as_ptr() as usize;
            if text[at..at + wanted.len()] == *wanted {
                return Some(at);
            }
            at += 1;
        }
        return None;
    }
    let mut skip = [wanted.len(); 256];
    for (index, &byte) in wanted[..wanted.len() - 1].iter().enumerate() {
        skip[byte as usize] = wanted.len() - 1 - index;
    }
    let mut at = 0;
    while at <= last {
        let window = &text[at..at + wanted.len()];
        // SAFETY: both slices have the same length.
        if unsafe { memcmp(window.as_ptr().cast(), wanted.as_ptr().cast(), wanted.len()) } == 0 {
            return Some(at);
        }
        at += skip[window[wanted.len() - 1] as usize];
    }
    None
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strstr(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    memmem(text.cast(), strlen(text), wanted.cast(), strlen(wanted)).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strnstr(text: *const c_char, wanted: *const c_char, n: usize) -> *mut c_char {
    memmem(
        text.cast(),
        super::str::strnlen(text, n),
        wanted.cast(),
        strlen(wanted),
    )
    .cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strcasestr(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    let (all, wanted) = (bytes(text), bytes(wanted));
    let found = (0..=all.len().saturating_sub(wanted.len())).find(|&at| {
        all[at..].len() >= wanted.len() && all[at..at + wanted.len()].eq_ignore_ascii_case(wanted)
    });
    found.map_or(ptr::null_mut(), |at| text.add(at).cast_mut())
}
