//! Multibyte text, which is UTF-8, to wide characters, which are code points, and back.
//!
//! A conversion state (`mbstate_t`, two words) holds the bytes of an unfinished character: their count and the bytes.

use crate::errno;
use core::ffi::{c_char, c_int};
use core::ptr;

type Wide = i32;

#[repr(C)]
pub struct State {
    count: u8,
    bytes: [u8; 3],
    unused: u32,
}

const INVALID: usize = usize::MAX;
const UNFINISHED: usize = usize::MAX - 1;

enum Step {
    /// A character and the bytes it took.
    Character(char, usize),
    Unfinished,
    Invalid,
}

/// The first character of `bytes`.
fn decode(bytes: &[u8]) -> Step {
    let Some(&first) = bytes.first() else {
        return Step::Unfinished;
    };
    let length = match first {
        0..=0x7f => return Step::Character(first as char, 1),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Step::Invalid,
    };
    let part = &bytes[..bytes.len().min(length)];
    match core::str::from_utf8(part) {
        Ok(text) => text
            .chars()
            .next()
            .map_or(Step::Invalid, |c| Step::Character(c, length)),
        Err(error) if error.error_len().is_none() => Step::Unfinished,
        Err(_) => Step::Invalid,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbrtowc(
    to: *mut Wide,
    from: *const c_char,
    size: usize,
    state: *mut State,
) -> usize {
    static mut OWN: State = State {
        count: 0,
        bytes: [0; 3],
        unused: 0,
    };
    let state = if state.is_null() { &raw mut OWN } else { state };
    let (from, size, to) = if from.is_null() {
        (c"".as_ptr(), 1, ptr::null_mut())
    } else {
        (from, size, to)
    };
    let kept = usize::from((*state).count.min(3));
    let mut bytes = [0u8; 4];
    bytes[..kept].copy_from_slice(&(&(*state).bytes)[..kept]);
    let mut have = kept;
    while have < 4 && have - kept < size {
        bytes[have] = *from.add(have - kept) as u8;
        have += 1;
        // A zero ends the string: what is behind it may not be readable.
        if bytes[have - 1] == 0 {
            break;
        }
    }
    match decode(&bytes[..have]) {
        Step::Character(character, length) => {
            (*state).count = 0;
            if !to.is_null() {
                *to = character as Wide;
            }
            if character == '\0' { 0 } else { length - kept }
        }
        Step::Unfinished => {
            (*state).count = have as u8;
            (*state).bytes.copy_from_slice(&bytes[..3]);
            UNFINISHED
        }
        Step::Invalid => {
            (*state).count = 0;
            errno::set(libc::EILSEQ);
            INVALID
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mbrlen(from: *const c_char, size: usize, state: *mut State) -> usize {
    static mut OWN: State = State {
        count: 0,
        bytes: [0; 3],
        unused: 0,
    };
    mbrtowc(
        ptr::null_mut(),
        from,
        size,
        if state.is_null() { &raw mut OWN } else { state },
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mbsinit(state: *const State) -> c_int {
    c_int::from(state.is_null() || (*state).count == 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mbtowc(to: *mut Wide, from: *const c_char, size: usize) -> c_int {
    if from.is_null() {
        return 0;
    }
    let mut state = State {
        count: 0,
        bytes: [0; 3],
        unused: 0,
    };
    match mbrtowc(to, from, size, &raw mut state) {
        INVALID | UNFINISHED => errno::fail(libc::EILSEQ) as c_int,
        length => length as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mblen(from: *const c_char, size: usize) -> c_int {
    mbtowc(ptr::null_mut(), from, size)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcrtomb(to: *mut c_char, wide: Wide, _state: *mut State) -> usize {
    if to.is_null() {
        return 1;
    }
    match char::from_u32(wide as u32) {
        Some(character) => {
            let mut bytes = [0; 4];
            let text = character.encode_utf8(&mut bytes);
            ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
            text.len()
        }
        None => {
            errno::set(libc::EILSEQ);
            INVALID
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wctomb(to: *mut c_char, wide: Wide) -> c_int {
    if to.is_null() {
        0
    } else {
        wcrtomb(to, wide, ptr::null_mut()) as c_int
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn btowc(c: c_int) -> c_int {
    if (0..128).contains(&c) { c } else { -1 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wctob(c: c_int) -> c_int {
    if (0..128).contains(&c) { c } else { -1 }
}

/// Converts up to `limit` characters from at most `size` bytes; a null `to` counts only.
#[unsafe(no_mangle)]
unsafe extern "C" fn mbsnrtowcs(
    to: *mut Wide,
    from: *mut *const c_char,
    size: usize,
    limit: usize,
    state: *mut State,
) -> usize {
    let mut at = *from;
    let (mut left, mut count) = (size, 0);
    while (to.is_null() || count < limit) && left > 0 {
        let mut wide = 0;
        match mbrtowc(&raw mut wide, at, left, state) {
            INVALID => {
                if !to.is_null() {
                    *from = at;
                }
                return INVALID;
            }
            UNFINISHED => {
                at = at.add(left);
                break;
            }
            length => {
                if !to.is_null() {
                    *to.add(count) = wide;
                }
                if length == 0 {
                    if !to.is_null() {
                        *from = ptr::null();
                    }
                    return count;
                }
                at = at.add(length);
                left -= length.min(left);
                count += 1;
            }
        }
    }
    if !to.is_null() {
        *from = at;
    }
    count
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mbsrtowcs(
    to: *mut Wide,
    from: *mut *const c_char,
    limit: usize,
    state: *mut State,
) -> usize {
    mbsnrtowcs(to, from, usize::MAX, limit, state)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mbstowcs(to: *mut Wide, from: *const c_char, limit: usize) -> usize {
    let mut state = State {
        count: 0,
        bytes: [0; 3],
        unused: 0,
    };
    let mut at = from;
    mbsnrtowcs(to, &raw mut at, usize::MAX, limit, &raw mut state)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsnrtombs(
    to: *mut c_char,
    from: *mut *const Wide,
    count: usize,
    size: usize,
    _state: *mut State,
) -> usize {
    let mut at = *from;
    let (mut used, mut left) = (0, count);
    while left > 0 {
        let mut bytes = [0 as c_char; 4];
        let length = wcrtomb(bytes.as_mut_ptr(), *at, ptr::null_mut());
        if length == INVALID {
            if !to.is_null() {
                *from = at;
            }
            return INVALID;
        }
        if !to.is_null() {
            if used + length > size {
                break;
            }
            ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(used), length);
        }
        if *at == 0 {
            if !to.is_null() {
                *from = ptr::null();
            }
            return used;
        }
        used += length;
        at = at.add(1);
        left -= 1;
    }
    if !to.is_null() {
        *from = at;
    }
    used
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsrtombs(
    to: *mut c_char,
    from: *mut *const Wide,
    size: usize,
    state: *mut State,
) -> usize {
    wcsnrtombs(to, from, usize::MAX, size, state)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcstombs(to: *mut c_char, from: *const Wide, size: usize) -> usize {
    let mut at = from;
    wcsnrtombs(to, &raw mut at, usize::MAX, size, ptr::null_mut())
}
