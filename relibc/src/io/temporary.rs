//! Temporary files: a template's last six letters become random ones until a name is free.

use super::{fd, file};
use crate::errno;
use crate::string::str::strlen;
use core::ffi::{c_char, c_int};
use core::ptr;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const TRIES: usize = 128;

/// Fills the six X before `suffix` and tries until `make` says something else than EEXIST.
unsafe fn attempt(
    template: *mut c_char,
    suffix: c_int,
    make: impl Fn(*const c_char) -> c_int,
) -> c_int {
    let length = strlen(template);
    let suffix = suffix.max(0) as usize;
    if length < 6 + suffix {
        return errno::fail(libc::EINVAL) as c_int;
    }
    let letters = template.add(length - suffix - 6).cast::<[u8; 6]>();
    if *letters != *b"XXXXXX" {
        return errno::fail(libc::EINVAL) as c_int;
    }
    for _ in 0..TRIES {
        let mut random = crate::stdlib::random::bits();
        for letter in &mut *letters {
            *letter = LETTERS[(random % 62) as usize];
            random /= 62;
        }
        let made = make(template);
        if made >= 0 || errno::get() != libc::EEXIST {
            return made;
        }
    }
    *letters = *b"XXXXXX";
    errno::fail(libc::EEXIST) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkostemps(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    let flags = (flags & !libc::O_ACCMODE) | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    attempt(template, suffix, |path| fd::open(path, flags, 0o600))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkstemp(template: *mut c_char) -> c_int {
    mkostemps(template, 0, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkostemp(template: *mut c_char, flags: c_int) -> c_int {
    mkostemps(template, 0, flags)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkstemps(template: *mut c_char, suffix: c_int) -> c_int {
    mkostemps(template, suffix, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdtemp(template: *mut c_char) -> *mut c_char {
    if attempt(template, 0, |path| file::mkdir(path, 0o700)) < 0 {
        ptr::null_mut()
    } else {
        template
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mktemp(template: *mut c_char) -> *mut c_char {
    let free = attempt(template, 0, |path| {
        let mut found: libc::stat = core::mem::zeroed();
        if file::lstat(path, &raw mut found) == 0 {
            errno::set(libc::EEXIST);
            return -1;
        }
        if errno::get() == libc::ENOENT { 0 } else { -1 }
    });
    if free < 0 {
        *template = 0;
    }
    template
}
