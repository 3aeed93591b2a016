//! `setlocale` and its relatives: all names lead to C.UTF-8.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;

#[unsafe(no_mangle)]
unsafe extern "C" fn setlocale(category: c_int, name: *const c_char) -> *mut c_char {
    if !(0..=6).contains(&category) {
        return ptr::null_mut();
    }
    let known = name.is_null() || {
        let name = CStr::from_ptr(name).to_bytes();
        name.is_empty()
            || name == b"C"
            || name == b"POSIX"
            || name.len() > 6 && name[name.len() - 6..].eq_ignore_ascii_case(b".UTF-8")
            || name.len() > 5 && name[name.len() - 5..].eq_ignore_ascii_case(b".utf8")
    };
    if known {
        c"C.UTF-8".as_ptr().cast_mut()
    } else {
        ptr::null_mut()
    }
}

/// `struct lconv` of the C locale.
#[repr(C)]
pub struct Conventions {
    texts: [*const c_char; 10],
    numbers: [c_char; 14],
}

// SAFETY: addresses of constants.
unsafe impl Sync for Conventions {}

const fn conventions() -> Conventions {
    let empty = c"".as_ptr();
    let mut texts = [empty; 10];
    texts[0] = c".".as_ptr();
    Conventions {
        texts,
        numbers: [c_char::MAX; 14],
    }
}

static CONVENTIONS: Conventions = conventions();

#[unsafe(no_mangle)]
extern "C" fn localeconv() -> *const Conventions {
    &raw const CONVENTIONS
}

/// A locale object; there is one.
static ONLY: u64 = 0;

fn only() -> *mut c_void {
    (&raw const ONLY).cast_mut().cast()
}

#[unsafe(no_mangle)]
extern "C" fn newlocale(_mask: c_int, _name: *const c_char, _base: *mut c_void) -> *mut c_void {
    only()
}

#[unsafe(no_mangle)]
extern "C" fn duplocale(_locale: *mut c_void) -> *mut c_void {
    only()
}

#[unsafe(no_mangle)]
extern "C" fn freelocale(_locale: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn uselocale(_locale: *mut c_void) -> *mut c_void {
    only()
}

/// langinfo.h of musl: category << 16 | item.
#[unsafe(no_mangle)]
extern "C" fn nl_langinfo(item: c_int) -> *mut c_char {
    use crate::time::names::{DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT};
    let index = (item & 0xffff) as usize;
    let text: &CStr = match (item >> 16, index) {
        (0, 14) => c"UTF-8",
        (1, 0) => c".",
        (2, 0..=6) => DAYS_SHORT[index],
        (2, 7..=13) => DAYS[index - 7],
        (2, 14..=25) => MONTHS_SHORT[index - 14],
        (2, 26..=37) => MONTHS[index - 26],
        (2, 38) => c"AM",
        (2, 39) => c"PM",
        (2, 40) => c"%a %b %e %T %Y",
        (2, 41) => c"%m/%d/%y",
        (2, 42) => c"%H:%M:%S",
        (2, 43) => c"%I:%M:%S %p",
        (5, 0) => c"^[yY]",
        (5, 1) => c"^[nN]",
        _ => c"",
    };
    text.as_ptr().cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn nl_langinfo_l(item: c_int, _locale: *mut c_void) -> *mut c_char {
    nl_langinfo(item)
}

// Messages are in the language they are written in.

#[unsafe(no_mangle)]
extern "C" fn gettext(text: *const c_char) -> *mut c_char {
    text.cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn dgettext(_domain: *const c_char, text: *const c_char) -> *mut c_char {
    text.cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn dcgettext(
    _domain: *const c_char,
    text: *const c_char,
    _category: c_int,
) -> *mut c_char {
    text.cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn ngettext(one: *const c_char, many: *const c_char, count: u64) -> *mut c_char {
    if count == 1 {
        one.cast_mut()
    } else {
        many.cast_mut()
    }
}

#[unsafe(no_mangle)]
extern "C" fn textdomain(domain: *const c_char) -> *mut c_char {
    domain.cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn bindtextdomain(_domain: *const c_char, folder: *const c_char) -> *mut c_char {
    folder.cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn bind_textdomain_codeset(
    _domain: *const c_char,
    codeset: *const c_char,
) -> *mut c_char {
    codeset.cast_mut()
}
