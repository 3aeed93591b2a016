//! `popen`: a stream to or from a shell command.

use super::open::{fclose, fdopen};
use super::stream::File;
use crate::errno;
use crate::io::fd;
use crate::process::{spawn, wait};
use crate::string::str::bytes;
use core::ffi::{c_char, c_int};
use core::ptr;

#[unsafe(no_mangle)]
unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut File {
    let mode_text = bytes(mode);
    let reads = match mode_text.first() {
        Some(b'r') => true,
        Some(b'w') => false,
        _ => {
            errno::set(libc::EINVAL);
            return ptr::null_mut();
        }
    };
    let mut ends = [0; 2];
    if fd::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
        return ptr::null_mut();
    }
    let [mine, theirs] = if reads { ends } else { [ends[1], ends[0]] };
    let file = fdopen(mine, if reads { c"r".as_ptr() } else { c"w".as_ptr() });
    if file.is_null() {
        fd::close(mine);
        fd::close(theirs);
        return file;
    }
    let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), command, ptr::null()];
    let target = if reads { 1 } else { 0 };
    let started = spawn::shell_with(arguments.as_ptr(), theirs, target);
    fd::close(theirs);
    match started {
        Ok(pid) => {
            File::lock(file).child = pid;
            if !mode_text.contains(&b'e') {
                fd::fcntl(mine, libc::F_SETFD, 0);
            }
            file
        }
        Err(error) => {
            fclose(file);
            errno::set(error);
            ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pclose(file: *mut File) -> c_int {
    let pid = File::lock(file).child;
    fclose(file);
    let mut status = 0;
    while wait::waitpid(pid, &raw mut status, 0) < 0 {
        if errno::get() != libc::EINTR {
            return -1;
        }
    }
    status
}
