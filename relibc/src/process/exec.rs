//! The exec family, and the search of PATH that it shares with `posix_spawnp`.

use crate::environ::{self, environ};
use crate::errno;
use crate::string::str::{bytes, strlen};
use crate::sys::{sys, syscalls};
use crate::va::{VaList, variadic};
use core::ffi::{c_char, c_int};
use core::mem::MaybeUninit;
use core::ptr;

type Strings = *const *const c_char;

syscalls! {
    execve(path: *const c_char, argv: Strings, envp: Strings) -> c_int = SYS_execve;
    execveat(dir: c_int, path: *const c_char, argv: Strings, envp: Strings, flags: c_int) -> c_int = SYS_execveat;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execv(path: *const c_char, argv: Strings) -> c_int {
    execve(path, argv, environ.cast_const().cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execvp(file: *const c_char, argv: Strings) -> c_int {
    execvpe(file, argv, environ.cast_const().cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execvpe(file: *const c_char, argv: Strings, envp: Strings) -> c_int {
    errno::fail(search(file, argv, envp)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fexecve(fd: c_int, argv: Strings, envp: Strings) -> c_int {
    execveat(fd, c"".as_ptr(), argv, envp, libc::AT_EMPTY_PATH)
}

/// One attempt; a file without a known format goes to the shell (POSIX execvp).
unsafe fn attempt(path: *const c_char, argv: Strings, envp: Strings) -> c_int {
    let error = errno::value(sys!(SYS_execve, path, argv, envp));
    if error != libc::ENOEXEC {
        return error;
    }
    let mut count = 0;
    while !(*argv.add(count)).is_null() {
        count += 1;
    }
    // A list of this length cannot be built without memory; the child of a vfork has no heap to ask.
    const LIMIT: usize = 1024;
    if count + 2 > LIMIT {
        return libc::E2BIG;
    }
    let mut list = [ptr::null::<c_char>(); LIMIT];
    list[0] = c"/bin/sh".as_ptr();
    list[1] = path;
    for index in 1..count {
        list[index + 1] = *argv.add(index);
    }
    errno::value(sys!(SYS_execve, list[0], list.as_ptr(), envp))
}

/// Runs `file` from PATH and returns the error if that failed. Touches neither `errno` nor the heap.
pub unsafe fn search(file: *const c_char, argv: Strings, envp: Strings) -> c_int {
    let name = bytes(file);
    if name.is_empty() {
        return libc::ENOENT;
    }
    if name.contains(&b'/') {
        return attempt(file, argv, envp);
    }
    let path =
        environ::find(c"PATH").map_or(&b"/usr/local/bin:/bin:/usr/bin"[..], |path| path.to_bytes());
    let mut denied = false;
    for folder in path.split(|&byte| byte == b':') {
        let mut full = MaybeUninit::<[u8; libc::PATH_MAX as usize]>::uninit();
        let separator = usize::from(!folder.is_empty());
        if folder.len() + separator + name.len() >= libc::PATH_MAX as usize {
            continue;
        }
        let at = full.as_mut_ptr().cast::<u8>();
        ptr::copy_nonoverlapping(folder.as_ptr(), at, folder.len());
        at.add(folder.len()).write_bytes(b'/', separator);
        let rest = at.add(folder.len() + separator);
        ptr::copy_nonoverlapping(name.as_ptr(), rest, name.len());
        rest.add(name.len()).write(0);
        match attempt(at.cast(), argv, envp) {
            libc::EACCES => denied = true,
            libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
            error => return error,
        }
    }
    if denied { libc::EACCES } else { libc::ENOENT }
}

/// The variable arguments up to the null one, after `first`, in `list`.
unsafe fn gather(first: *const c_char, arguments: *mut VaList, list: &mut [*const c_char]) -> bool {
    let mut next = first;
    for slot in list.iter_mut() {
        *slot = next;
        if next.is_null() {
            return true;
        }
        next = (*arguments).pointer::<c_char>();
    }
    false
}

const ARGUMENTS: usize = 1024;

variadic!(execl, 2 => execl_body);
variadic!(execlp, 2 => execlp_body);
variadic!(execle, 2 => execle_body);

unsafe extern "C" fn execl_body(
    path: *const c_char,
    first: *const c_char,
    rest: *mut VaList,
) -> c_int {
    let mut list = [ptr::null(); ARGUMENTS];
    if !gather(first, rest, &mut list) {
        return errno::fail(libc::E2BIG) as c_int;
    }
    execv(path, list.as_ptr())
}

unsafe extern "C" fn execlp_body(
    file: *const c_char,
    first: *const c_char,
    rest: *mut VaList,
) -> c_int {
    let mut list = [ptr::null(); ARGUMENTS];
    if !gather(first, rest, &mut list) {
        return errno::fail(libc::E2BIG) as c_int;
    }
    execvp(file, list.as_ptr())
}

unsafe extern "C" fn execle_body(
    path: *const c_char,
    first: *const c_char,
    rest: *mut VaList,
) -> c_int {
    let mut list = [ptr::null(); ARGUMENTS];
    if !gather(first, rest, &mut list) {
        return errno::fail(libc::E2BIG) as c_int;
    }
    execve(path, list.as_ptr(), (*rest).pointer::<*const c_char>())
}

/// `confstr(_CS_PATH)` and the shells' default.
#[unsafe(no_mangle)]
unsafe extern "C" fn confstr(name: c_int, buffer: *mut c_char, size: usize) -> usize {
    let text = if name == 0 { c"/bin:/usr/bin" } else { c"" };
    if name != 0 && !(1..=1200).contains(&name) {
        errno::set(libc::EINVAL);
        return 0;
    }
    let length = strlen(text.as_ptr());
    if size != 0 {
        let taken = length.min(size - 1);
        ptr::copy_nonoverlapping(text.as_ptr(), buffer, taken);
        *buffer.add(taken) = 0;
    }
    length + 1
}
