//! Paths: the working directory, absolute forms, and the parts of a name.

use super::file::readlink;
use crate::environ;
use crate::errno;
use crate::string::str::{bytes, duplicate, strlen};
use crate::sys::sys;
use core::ffi::{c_char, c_int};
use core::ptr;

const LIMIT: usize = libc::PATH_MAX as usize;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char {
    let mut path = [0 as c_char; LIMIT];
    let (at, room) = if buffer.is_null() {
        (path.as_mut_ptr(), LIMIT)
    } else {
        (buffer, size)
    };
    if room == 0 {
        errno::set(libc::EINVAL);
        return ptr::null_mut();
    }
    let length = sys!(SYS_getcwd, at, room);
    if length < 0 {
        errno::check(length);
        return ptr::null_mut();
    }
    // Outside the process's root the kernel says "(unreachable)…".
    if *at != b'/' as c_char {
        errno::set(libc::ENOENT);
        return ptr::null_mut();
    }
    if buffer.is_null() {
        duplicate(at, length as usize - 1)
    } else {
        buffer
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn get_current_dir_name() -> *mut c_char {
    getcwd(ptr::null_mut(), 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
    if path.is_null() {
        errno::set(libc::EINVAL);
        return ptr::null_mut();
    }
    let mut out = [0u8; LIMIT];
    match resolve(bytes(path), &mut out) {
        Ok(length) if resolved.is_null() => duplicate(out.as_ptr().cast(), length),
        Ok(length) => {
            ptr::copy_nonoverlapping(out.as_ptr().cast(), resolved, length);
            *resolved.add(length) = 0;
            resolved
        }
        Err(error) => {
            errno::set(error);
            ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn canonicalize_file_name(path: *const c_char) -> *mut c_char {
    realpath(path, ptr::null_mut())
}

/// Walks `path` name by name; what is still to be walked stands at the end of `rest`, links being put before it.
fn resolve(path: &[u8], out: &mut [u8; LIMIT]) -> Result<usize, c_int> {
    if path.is_empty() {
        return Err(libc::ENOENT);
    }
    if path.len() >= LIMIT {
        return Err(libc::ENAMETOOLONG);
    }
    let mut rest = [0u8; LIMIT];
    let mut at = LIMIT - path.len();
    rest[at..].copy_from_slice(path);
    let mut length = 0;
    if path[0] != b'/' {
        // SAFETY: the buffer is `LIMIT` bytes.
        let cwd = unsafe { getcwd(out.as_mut_ptr().cast(), LIMIT) };
        if cwd.is_null() {
            return Err(errno::get());
        }
        length = out.iter().position(|&byte| byte == 0).unwrap_or(0);
        if length == 1 {
            length = 0;
        }
    }
    let mut links = 0;
    while at < LIMIT {
        let end = rest[at..]
            .iter()
            .position(|&byte| byte == b'/')
            .map_or(LIMIT, |n| at + n);
        let name_start = at;
        let has_slash = end < LIMIT;
        at = if has_slash { end + 1 } else { LIMIT };
        let name_length = end - name_start;
        match &rest[name_start..end] {
            b"" | b"." => continue,
            b".." => {
                length = out[..length]
                    .iter()
                    .rposition(|&byte| byte == b'/')
                    .unwrap_or(0);
                continue;
            }
            _ => {}
        }
        if length + 1 + name_length + 1 > LIMIT {
            return Err(libc::ENAMETOOLONG);
        }
        out[length] = b'/';
        out[length + 1..length + 1 + name_length].copy_from_slice(&rest[name_start..end]);
        out[length + 1 + name_length] = 0;
        let mut target = [0u8; LIMIT];
        // SAFETY: `out` ends with a zero, `target` has the size given.
        let found = unsafe { readlink(out.as_ptr().cast(), target.as_mut_ptr().cast(), LIMIT) };
        if found < 0 {
            match errno::get() {
                // No link: the name stands, and what follows it needs a directory.
                libc::EINVAL => length += 1 + name_length,
                error => return Err(error),
            }
            if has_slash && rest[at..].iter().all(|&byte| byte == b'/') {
                check_directory(out)?;
            }
            continue;
        }
        links += 1;
        if links > 40 {
            return Err(libc::ELOOP);
        }
        let found = found as usize;
        let slash = usize::from(has_slash);
        if found + slash > at {
            return Err(libc::ENAMETOOLONG);
        }
        if has_slash {
            at -= 1;
        }
        at = at.checked_sub(found).ok_or(libc::ENAMETOOLONG)?;
        rest[at..at + found].copy_from_slice(&target[..found]);
        if target[0] == b'/' {
            length = 0;
        }
    }
    if length == 0 {
        out[0] = b'/';
        length = 1;
    }
    Ok(length)
}

fn check_directory(path: &[u8; LIMIT]) -> Result<(), c_int> {
    // SAFETY: the path ends with a zero.
    unsafe {
        let mut found: libc::stat = core::mem::zeroed();
        if super::file::stat(path.as_ptr().cast(), &raw mut found) < 0 {
            return Err(errno::get());
        }
        if found.st_mode & libc::S_IFMT != libc::S_IFDIR {
            return Err(libc::ENOTDIR);
        }
    }
    Ok(())
}

/// POSIX: it may change its argument.
#[unsafe(no_mangle)]
unsafe extern "C" fn basename(path: *mut c_char) -> *mut c_char {
    if path.is_null() || *path == 0 {
        return c".".as_ptr().cast_mut();
    }
    let mut end = strlen(path);
    while end > 1 && *path.add(end - 1) == b'/' as c_char {
        end -= 1;
        *path.add(end) = 0;
    }
    if end == 1 {
        return path;
    }
    let start = bytes(path)
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    path.add(start)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __xpg_basename(path: *mut c_char) -> *mut c_char {
    basename(path)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dirname(path: *mut c_char) -> *mut c_char {
    if path.is_null() || *path == 0 {
        return c".".as_ptr().cast_mut();
    }
    let text = bytes(path);
    let trim = |mut end: usize| {
        while end > 0 && text[end - 1] == b'/' {
            end -= 1;
        }
        end
    };
    let end = trim(text.len());
    if end == 0 {
        return c"/".as_ptr().cast_mut();
    }
    let Some(slash) = text[..end].iter().rposition(|&byte| byte == b'/') else {
        return c".".as_ptr().cast_mut();
    };
    let end = trim(slash);
    if end == 0 {
        return c"/".as_ptr().cast_mut();
    }
    *path.add(end) = 0;
    path
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getlogin() -> *mut c_char {
    environ::find(c"LOGNAME").map_or(ptr::null_mut(), |name| name.as_ptr().cast_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getlogin_r(buffer: *mut c_char, size: usize) -> c_int {
    let Some(name) = environ::find(c"LOGNAME") else {
        return libc::ENXIO;
    };
    let length = name.to_bytes_with_nul().len();
    if length > size {
        return libc::ERANGE;
    }
    ptr::copy_nonoverlapping(name.as_ptr(), buffer, length);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ctermid(buffer: *mut c_char) -> *mut c_char {
    let path = c"/dev/tty";
    if buffer.is_null() {
        return path.as_ptr().cast_mut();
    }
    ptr::copy_nonoverlapping(path.as_ptr(), buffer, path.count_bytes() + 1);
    buffer
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getwd(buffer: *mut c_char) -> *mut c_char {
    if buffer.is_null() {
        errno::set(libc::EINVAL);
        return buffer;
    }
    getcwd(buffer, LIMIT)
}
