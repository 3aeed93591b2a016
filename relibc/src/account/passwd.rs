//! `/etc/passwd`.

use super::lines::{Arena, Lines, number};
use crate::errno;
use crate::string::str::bytes;
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{passwd, uid_t};

const PATH: &core::ffi::CStr = c"/etc/passwd";
const BUFFER: usize = 1024;

/// One line; `Err` if the buffer is too small, `Ok(None)` if it is no entry.
fn parse(line: &[u8], arena: Arena<'_>) -> Result<Option<passwd>, c_int> {
    let mut fields = line.split(|&byte| byte == b':');
    let mut next = || fields.next();
    let (Some(name), Some(password), Some(user), Some(group), Some(gecos), Some(home), Some(shell)) =
        (next(), next(), next(), next(), next(), next(), next())
    else {
        return Ok(None);
    };
    let (Some(user), Some(group)) = (number(user), number(group)) else {
        return Ok(None);
    };
    let mut arena = arena;
    let mut lay = || {
        Some(passwd {
            pw_name: arena.string(name)?,
            pw_passwd: arena.string(password)?,
            pw_uid: user,
            pw_gid: group,
            pw_gecos: arena.string(gecos)?,
            pw_dir: arena.string(home)?,
            pw_shell: arena.string(shell)?,
        })
    };
    lay().map(Some).ok_or(libc::ERANGE)
}

enum Who<'a> {
    Name(&'a [u8]),
    Number(uid_t),
}

fn matches(line: &[u8], who: &Who<'_>) -> bool {
    let mut fields = line.split(|&byte| byte == b':');
    match who {
        Who::Name(name) => fields.next() == Some(name),
        Who::Number(wanted) => fields.nth(2).and_then(number) == Some(*wanted),
    }
}

unsafe fn find(
    who: Who<'_>,
    out: *mut passwd,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut passwd,
) -> c_int {
    *result = ptr::null_mut();
    let mut lines = match Lines::open(PATH) {
        Ok(lines) => lines,
        Err(libc::ENOENT | libc::ENOTDIR) => return 0,
        Err(error) => return error,
    };
    while let Some(line) = lines.next() {
        if !matches(line, &who) {
            continue;
        }
        let arena = Arena(core::slice::from_raw_parts_mut(buffer.cast(), size));
        match parse(line, arena) {
            Ok(Some(entry)) => {
                out.write(entry);
                *result = out;
                return 0;
            }
            Ok(None) => {}
            Err(error) => return error,
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpwuid_r(
    user: uid_t,
    out: *mut passwd,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut passwd,
) -> c_int {
    find(Who::Number(user), out, buffer, size, result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpwnam_r(
    name: *const c_char,
    out: *mut passwd,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut passwd,
) -> c_int {
    find(Who::Name(bytes(name)), out, buffer, size, result)
}

/// What the functions without `_r` return points here.
struct Answer {
    entry: passwd,
    buffer: [c_char; BUFFER],
}

static mut ANSWER: Answer = Answer {
    entry: passwd {
        pw_name: ptr::null_mut(),
        pw_passwd: ptr::null_mut(),
        pw_uid: 0,
        pw_gid: 0,
        pw_gecos: ptr::null_mut(),
        pw_dir: ptr::null_mut(),
        pw_shell: ptr::null_mut(),
    },
    buffer: [0; BUFFER],
};

unsafe fn answer(who: Who<'_>) -> *mut passwd {
    let mut result = ptr::null_mut();
    let entry = &raw mut ANSWER.entry;
    let error = find(
        who,
        entry,
        (&raw mut ANSWER.buffer).cast(),
        BUFFER,
        &raw mut result,
    );
    if error != 0 {
        errno::set(error);
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpwuid(user: uid_t) -> *mut passwd {
    answer(Who::Number(user))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpwnam(name: *const c_char) -> *mut passwd {
    answer(Who::Name(bytes(name)))
}

/// How many lines `getpwent` has gone through.
static mut POSITION: usize = 0;

#[unsafe(no_mangle)]
unsafe extern "C" fn setpwent() {
    POSITION = 0;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn endpwent() {
    POSITION = 0;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpwent() -> *mut passwd {
    let Ok(mut lines) = Lines::open(PATH) else {
        return ptr::null_mut();
    };
    let mut index = 0;
    while let Some(line) = lines.next() {
        index += 1;
        if index <= POSITION {
            continue;
        }
        POSITION = index;
        let arena = Arena(core::slice::from_raw_parts_mut(
            (&raw mut ANSWER.buffer).cast(),
            BUFFER,
        ));
        if let Ok(Some(entry)) = parse(line, arena) {
            ANSWER.entry = entry;
            return &raw mut ANSWER.entry;
        }
    }
    ptr::null_mut()
}
