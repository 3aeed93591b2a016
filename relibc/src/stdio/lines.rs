//! Lines of streams.

use super::stream::{File, stdin};
use crate::errno;
use crate::malloc::realloc;
use crate::string::mem::memchr;
use core::ffi::{c_char, c_int};
use core::ptr;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgets(to: *mut c_char, size: c_int, file: *mut File) -> *mut c_char {
    if size <= 0 {
        return ptr::null_mut();
    }
    let mut stream = File::lock(file);
    let (mut at, room) = (0, size as usize - 1);
    while at < room {
        let Some(byte) = stream.byte() else { break };
        *to.add(at) = byte as c_char;
        at += 1;
        if byte == b'\n' {
            break;
        }
    }
    if at == 0 && room > 0 || stream.failed && at == 0 {
        return ptr::null_mut();
    }
    *to.add(at) = 0;
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fgets_unlocked(to: *mut c_char, size: c_int, file: *mut File) -> *mut c_char {
    fgets(to, size, file)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getdelim(
    line: *mut *mut c_char,
    room: *mut usize,
    delimiter: c_int,
    file: *mut File,
) -> isize {
    if line.is_null() || room.is_null() {
        return errno::fail(libc::EINVAL);
    }
    let mut stream = File::lock(file);
    let mut used = 0;
    if (*line).is_null() {
        *room = 0;
    }
    loop {
        let mut one = [0u8];
        let (part, ended): (&[u8], bool) = if stream.pushed_count > 0 {
            match stream.byte() {
                Some(byte) => one[0] = byte,
                None => break,
            }
            (&one, c_int::from(one[0]) == delimiter as u8 as c_int)
        } else {
            let ready = stream.available();
            if ready.is_empty() {
                // An unbuffered stream has nothing ready but its next byte.
                match if stream.buffer.is_null() {
                    stream.byte()
                } else {
                    None
                } {
                    Some(byte) => one[0] = byte,
                    None => break,
                }
                (&one, one[0] == delimiter as u8)
            } else {
                let found = memchr(ready.as_ptr().cast(), delimiter, ready.len());
                let ended = !found.is_null();
                let length = if ended {
                    found as usize - ready.as_ptr() as usize + 1
                } else {
                    ready.len()
                };
                let part = core::slice::from_raw_parts(ready.as_ptr(), length);
                stream.at += length;
                (part, ended)
            }
        };
        let needed = used + part.len() + 1;
        if needed > *room {
            let larger = needed.max(*room * 2).max(120);
            let grown = realloc((*line).cast(), larger);
            if grown.is_null() {
                return -1;
            }
            *line = grown.cast();
            *room = larger;
        }
        ptr::copy_nonoverlapping(part.as_ptr().cast(), (*line).add(used), part.len());
        used += part.len();
        *(*line).add(used) = 0;
        if ended {
            break;
        }
    }
    if used == 0 { -1 } else { used as isize }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getline(line: *mut *mut c_char, room: *mut usize, file: *mut File) -> isize {
    getdelim(line, room, b'\n'.into(), file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __getdelim(
    line: *mut *mut c_char,
    room: *mut usize,
    delimiter: c_int,
    file: *mut File,
) -> isize {
    getdelim(line, room, delimiter, file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gets(to: *mut c_char) -> *mut c_char {
    let line = fgets(to, c_int::MAX, stdin.0.cast_mut());
    if !line.is_null() {
        let end = crate::string::str::strlen(line);
        if end > 0 && *line.add(end - 1) == b'\n' as c_char {
            *line.add(end - 1) = 0;
        }
    }
    line
}
