//! `system`: a command line to the shell.

use super::{spawn, wait};
use crate::sys::sys;
use core::ffi::{c_char, c_int};
use core::ptr;

#[unsafe(no_mangle)]
unsafe extern "C" fn system(command: *const c_char) -> c_int {
    if command.is_null() {
        return 1;
    }
    // POSIX: the caller ignores SIGINT and SIGQUIT and blocks SIGCHLD meanwhile; the command does not.
    let (mut mask, blocked) = (0u64, 1u64 << (libc::SIGCHLD - 1));
    sys!(
        SYS_rt_sigprocmask,
        libc::SIG_BLOCK,
        &raw const blocked,
        &raw mut mask,
        8usize
    );
    let mut ignore: libc::sigaction = core::mem::zeroed();
    ignore.sa_sigaction = libc::SIG_IGN;
    let (mut interrupt, mut quit) = (core::mem::zeroed(), core::mem::zeroed());
    crate::signal::sigaction(libc::SIGINT, &raw const ignore, &raw mut interrupt);
    crate::signal::sigaction(libc::SIGQUIT, &raw const ignore, &raw mut quit);

    let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), command, ptr::null()];
    let mut defaults = 0u64;
    if interrupt.sa_sigaction != libc::SIG_IGN {
        defaults |= 1 << (libc::SIGINT - 1);
    }
    if quit.sa_sigaction != libc::SIG_IGN {
        defaults |= 1 << (libc::SIGQUIT - 1);
    }
    let mut status = -1;
    match spawn::shell(c"/bin/sh".as_ptr(), arguments.as_ptr(), defaults, mask) {
        Ok(pid) => {
            while wait::waitpid(pid, &raw mut status, 0) < 0 && crate::errno::get() == libc::EINTR {
            }
        }
        Err(error) => crate::errno::set(error),
    }
    crate::signal::sigaction(libc::SIGINT, &raw const interrupt, ptr::null_mut());
    crate::signal::sigaction(libc::SIGQUIT, &raw const quit, ptr::null_mut());
    sys!(
        SYS_rt_sigprocmask,
        libc::SIG_SETMASK,
        &raw const mask,
        0usize,
        8usize
    );
    status
}
