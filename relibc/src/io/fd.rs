//! What is done with an open file descriptor. Reads, writes and opens are cancellation points.

use crate::errno;
use crate::pthread::cancel;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_uint, c_void};
use libc::{iovec, mode_t, off_t};

macro_rules! cancellable {
    ($($name:ident($($a:ident: $t:ty),*) -> $r:ty = $n:ident $([$($extra:expr),*])?;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($a: $t),*) -> $r {
            cancel::point();
            let result = errno::check(sys!($n $(, $a)* $($(, $extra)*)?)) as $r;
            if result as isize == -1 {
                cancel::point();
            }
            result
        }
    )* };
}
pub(crate) use cancellable;

cancellable! {
    read(fd: c_int, buffer: *mut c_void, size: usize) -> isize = SYS_read;
    write(fd: c_int, buffer: *const c_void, size: usize) -> isize = SYS_write;
    readv(fd: c_int, parts: *const iovec, count: c_int) -> isize = SYS_readv;
    writev(fd: c_int, parts: *const iovec, count: c_int) -> isize = SYS_writev;
    pread(fd: c_int, buffer: *mut c_void, size: usize, at: off_t) -> isize = SYS_pread64;
    pwrite(fd: c_int, buffer: *const c_void, size: usize, at: off_t) -> isize = SYS_pwrite64;
    preadv(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> isize = SYS_preadv [0usize];
    pwritev(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> isize = SYS_pwritev [0usize];
    fsync(fd: c_int) -> c_int = SYS_fsync;
    fdatasync(fd: c_int) -> c_int = SYS_fdatasync;
}

syscalls! {
    dup(fd: c_int) -> c_int = SYS_dup;
    dup2(from: c_int, to: c_int) -> c_int = SYS_dup2;
    dup3(from: c_int, to: c_int, flags: c_int) -> c_int = SYS_dup3;
    pipe(ends: *mut c_int) -> c_int = SYS_pipe;
    pipe2(ends: *mut c_int, flags: c_int) -> c_int = SYS_pipe2;
    lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t = SYS_lseek;
    ftruncate(fd: c_int, size: off_t) -> c_int = SYS_ftruncate;
    truncate(path: *const c_char, size: off_t) -> c_int = SYS_truncate;
    fallocate(fd: c_int, mode: c_int, at: off_t, size: off_t) -> c_int = SYS_fallocate;
    sync_file_range(fd: c_int, at: off_t, size: off_t, flags: c_uint) -> c_int = SYS_sync_file_range;
    readahead(fd: c_int, at: off_t, size: usize) -> isize = SYS_readahead;
    syncfs(fd: c_int) -> c_int = SYS_syncfs;
    flock(fd: c_int, operation: c_int) -> c_int = SYS_flock;
    sendfile(to: c_int, from: c_int, at: *mut off_t, size: usize) -> isize = SYS_sendfile;
    copy_file_range(from: c_int, from_at: *mut off_t, to: c_int, to_at: *mut off_t, size: usize, flags: c_uint) -> isize = SYS_copy_file_range;
    splice(from: c_int, from_at: *mut off_t, to: c_int, to_at: *mut off_t, size: usize, flags: c_uint) -> isize = SYS_splice;
    tee(from: c_int, to: c_int, size: usize, flags: c_uint) -> isize = SYS_tee;
    vmsplice(fd: c_int, parts: *const iovec, count: usize, flags: c_uint) -> isize = SYS_vmsplice;
    close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int = SYS_close_range;
    fchdir(fd: c_int) -> c_int = SYS_fchdir;
    memfd_create(name: *const c_char, flags: c_uint) -> c_int = SYS_memfd_create;
}

// The kernel's calls have the offset's upper half as an argument of its own, zero on this machine.

#[unsafe(no_mangle)]
unsafe extern "C" fn preadv2(
    fd: c_int,
    parts: *const iovec,
    count: c_int,
    at: off_t,
    flags: c_int,
) -> isize {
    cancel::point();
    errno::check(sys!(SYS_preadv2, fd, parts, count, at, 0usize, flags))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev2(
    fd: c_int,
    parts: *const iovec,
    count: c_int,
    at: off_t,
    flags: c_int,
) -> isize {
    cancel::point();
    errno::check(sys!(SYS_pwritev2, fd, parts, count, at, 0usize, flags))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sync() {
    sys!(SYS_sync);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    // The descriptor is gone even when the close was interrupted (Linux): EINTR would invite a second close.
    match sys!(SYS_close, fd) {
        r if r == -libc::EINTR as isize => 0,
        r => errno::check(r) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn closefrom(fd: c_int) {
    sys!(SYS_close_range, fd.max(0), u32::MAX, 0u32);
}

// The variable argument of the next functions is at most one, always in the register that a fixed one would be in.

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    cancel::point();
    let creates = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
    let mode = if creates { mode } else { 0 };
    errno::check(sys!(SYS_openat, dir, path, flags, mode)) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat(libc::AT_FDCWD, path, flags, mode)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    open(path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    if matches!(command, libc::F_SETLKW) {
        cancel::point();
    }
    errno::check(sys!(SYS_fcntl, fd, command, argument)) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(fd: c_int, request: c_int, argument: usize) -> c_int {
    errno::check(sys!(SYS_ioctl, fd, request as u32, argument)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate(fd: c_int, at: off_t, size: off_t) -> c_int {
    errno::value(sys!(SYS_fallocate, fd, 0i32, at, size))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fadvise(fd: c_int, at: off_t, size: off_t, advice: c_int) -> c_int {
    errno::value(sys!(SYS_fadvise64, fd, at, size, advice))
}

/// POSIX `lockf` on record locks.
#[unsafe(no_mangle)]
unsafe extern "C" fn lockf(fd: c_int, command: c_int, size: off_t) -> c_int {
    let mut lock: libc::flock = core::mem::zeroed();
    lock.l_type = libc::F_WRLCK as i16;
    lock.l_whence = libc::SEEK_CUR as i16;
    lock.l_len = size;
    let command = match command {
        libc::F_ULOCK => {
            lock.l_type = libc::F_UNLCK as i16;
            libc::F_SETLK
        }
        libc::F_LOCK => libc::F_SETLKW,
        libc::F_TLOCK => libc::F_SETLK,
        libc::F_TEST => {
            lock.l_type = libc::F_RDLCK as i16;
            if fcntl(fd, libc::F_GETLK, (&raw mut lock) as usize) < 0 {
                return -1;
            }
            let mine = lock.l_pid == crate::process::identity::getpid();
            if lock.l_type == libc::F_UNLCK as i16 || mine {
                return 0;
            }
            return errno::fail(libc::EACCES) as c_int;
        }
        _ => return errno::fail(libc::EINVAL) as c_int,
    };
    fcntl(fd, command, (&raw mut lock) as usize)
}
