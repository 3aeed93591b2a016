//! `wchar.h`: strings of wide characters.

use super::wide_ctype::towlower;
use crate::malloc::malloc;
use core::cmp::Ordering;
use core::ffi::c_int;
use core::ptr;

type Wide = i32;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcslen(text: *const Wide) -> usize {
    let mut length = 0;
    while *text.add(length) != 0 {
        length += 1;
    }
    length
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsnlen(text: *const Wide, limit: usize) -> usize {
    (0..limit)
        .find(|&index| *text.add(index) == 0)
        .unwrap_or(limit)
}

unsafe fn slice<'a>(text: *const Wide) -> &'a [Wide] {
    core::slice::from_raw_parts(text, wcslen(text))
}

fn sign(order: Ordering) -> c_int {
    order as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcscmp(a: *const Wide, b: *const Wide) -> c_int {
    sign(slice(a).cmp(slice(b)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsncmp(a: *const Wide, b: *const Wide, limit: usize) -> c_int {
    let a = core::slice::from_raw_parts(a, wcsnlen(a, limit));
    let b = core::slice::from_raw_parts(b, wcsnlen(b, limit));
    sign(a.cmp(b))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcscasecmp(a: *const Wide, b: *const Wide) -> c_int {
    let lower = |c: &Wide| towlower(*c as u32);
    sign(slice(a).iter().map(lower).cmp(slice(b).iter().map(lower)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsncasecmp(a: *const Wide, b: *const Wide, limit: usize) -> c_int {
    let lower = |c: &Wide| towlower(*c as u32);
    let a = core::slice::from_raw_parts(a, wcsnlen(a, limit));
    let b = core::slice::from_raw_parts(b, wcsnlen(b, limit));
    sign(a.iter().map(lower).cmp(b.iter().map(lower)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcscpy(to: *mut Wide, from: *const Wide) -> *mut Wide {
    ptr::copy_nonoverlapping(from, to, wcslen(from) + 1);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsncpy(to: *mut Wide, from: *const Wide, n: usize) -> *mut Wide {
    let length = wcsnlen(from, n);
    ptr::copy_nonoverlapping(from, to, length);
    to.add(length).write_bytes(0, n - length);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcscat(to: *mut Wide, from: *const Wide) -> *mut Wide {
    wcscpy(to.add(wcslen(to)), from);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsncat(to: *mut Wide, from: *const Wide, n: usize) -> *mut Wide {
    let (end, length) = (to.add(wcslen(to)), wcsnlen(from, n));
    ptr::copy_nonoverlapping(from, end, length);
    *end.add(length) = 0;
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsdup(text: *const Wide) -> *mut Wide {
    let count = wcslen(text) + 1;
    let copy = malloc(count * size_of::<Wide>()).cast::<Wide>();
    if !copy.is_null() {
        ptr::copy_nonoverlapping(text, copy, count);
    }
    copy
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcschr(text: *const Wide, wanted: Wide) -> *mut Wide {
    let mut at = text;
    loop {
        if *at == wanted {
            return at.cast_mut();
        }
        if *at == 0 {
            return ptr::null_mut();
        }
        at = at.add(1);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsrchr(text: *const Wide, wanted: Wide) -> *mut Wide {
    let all = core::slice::from_raw_parts(text, wcslen(text) + 1);
    let found = all.iter().rposition(|&c| c == wanted);
    found.map_or(ptr::null_mut(), |index| text.add(index).cast_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsstr(text: *const Wide, wanted: *const Wide) -> *mut Wide {
    let (all, wanted) = (slice(text), slice(wanted));
    if wanted.is_empty() {
        return text.cast_mut();
    }
    let found = all
        .windows(wanted.len())
        .position(|window| window == wanted);
    found.map_or(ptr::null_mut(), |index| text.add(index).cast_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcsspn(text: *const Wide, accept: *const Wide) -> usize {
    let (text, accept) = (slice(text), slice(accept));
    text.iter()
        .position(|c| !accept.contains(c))
        .unwrap_or(text.len())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcscspn(text: *const Wide, reject: *const Wide) -> usize {
    let (text, reject) = (slice(text), slice(reject));
    text.iter()
        .position(|c| reject.contains(c))
        .unwrap_or(text.len())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcspbrk(text: *const Wide, accept: *const Wide) -> *mut Wide {
    let at = text.add(wcscspn(text, accept));
    if *at == 0 {
        ptr::null_mut()
    } else {
        at.cast_mut()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wcstok(
    text: *mut Wide,
    delimiters: *const Wide,
    rest: *mut *mut Wide,
) -> *mut Wide {
    let text = if text.is_null() { *rest } else { text };
    if text.is_null() {
        return text;
    }
    let start = text.add(wcsspn(text, delimiters));
    if *start == 0 {
        *rest = ptr::null_mut();
        return ptr::null_mut();
    }
    let end = start.add(wcscspn(start, delimiters));
    *rest = if *end == 0 {
        ptr::null_mut()
    } else {
        *end = 0;
        end.add(1)
    };
    start
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wmemchr(from: *const Wide, wanted: Wide, n: usize) -> *mut Wide {
    let found = (0..n).find(|&index| *from.add(index) == wanted);
    found.map_or(ptr::null_mut(), |index| from.add(index).cast_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wmemcmp(a: *const Wide, b: *const Wide, n: usize) -> c_int {
    sign(core::slice::from_raw_parts(a, n).cmp(core::slice::from_raw_parts(b, n)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wmemcpy(to: *mut Wide, from: *const Wide, n: usize) -> *mut Wide {
    ptr::copy_nonoverlapping(from, to, n);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wmemmove(to: *mut Wide, from: *const Wide, n: usize) -> *mut Wide {
    ptr::copy(from, to, n);
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wmemset(to: *mut Wide, wide: Wide, n: usize) -> *mut Wide {
    core::slice::from_raw_parts_mut(to, n).fill(wide);
    to
}
