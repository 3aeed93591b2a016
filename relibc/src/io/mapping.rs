//! Memory mappings, and shared memory by name.

use super::fd;
use crate::auxv::PAGE;
use crate::errno;
use crate::string::str::bytes;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_uchar, c_uint, c_void};
use libc::{mode_t, off_t};

syscalls! {
    munmap(at: *mut c_void, size: usize) -> c_int = SYS_munmap;
    mprotect(at: *mut c_void, size: usize, protection: c_int) -> c_int = SYS_mprotect;
    madvise(at: *mut c_void, size: usize, advice: c_int) -> c_int = SYS_madvise;
    msync(at: *mut c_void, size: usize, flags: c_int) -> c_int = SYS_msync;
    mlock(at: *const c_void, size: usize) -> c_int = SYS_mlock;
    mlock2(at: *const c_void, size: usize, flags: c_uint) -> c_int = SYS_mlock2;
    munlock(at: *const c_void, size: usize) -> c_int = SYS_munlock;
    mlockall(flags: c_int) -> c_int = SYS_mlockall;
    munlockall() -> c_int = SYS_munlockall;
    mincore(at: *mut c_void, size: usize, vector: *mut c_uchar) -> c_int = SYS_mincore;
    remap_file_pages(at: *mut c_void, size: usize, protection: c_int, page: usize, flags: c_int) -> c_int = SYS_remap_file_pages;
    process_vm_readv(pid: libc::pid_t, local: *const libc::iovec, locals: usize, remote: *const libc::iovec, remotes: usize, flags: usize) -> isize = SYS_process_vm_readv;
    process_vm_writev(pid: libc::pid_t, local: *const libc::iovec, locals: usize, remote: *const libc::iovec, remotes: usize, flags: usize) -> isize = SYS_process_vm_writev;
    shmget(key: c_int, size: usize, flags: c_int) -> c_int = SYS_shmget;
    shmat(id: c_int, at: *const c_void, flags: c_int) -> *mut c_void = SYS_shmat;
    shmdt(at: *const c_void) -> c_int = SYS_shmdt;
    shmctl(id: c_int, command: c_int, buffer: *mut c_void) -> c_int = SYS_shmctl;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    at: *mut c_void,
    size: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    if offset as usize & (PAGE - 1) != 0 {
        return errno::fail(libc::EINVAL) as *mut c_void;
    }
    if size >= isize::MAX as usize {
        return errno::fail(libc::ENOMEM) as *mut c_void;
    }
    errno::check(sys!(SYS_mmap, at, size, protection, flags, fd, offset)) as *mut c_void
}

/// The fifth argument is given only with MREMAP_FIXED; its register is ignored otherwise.
#[unsafe(no_mangle)]
unsafe extern "C" fn mremap(
    at: *mut c_void,
    old: usize,
    new: usize,
    flags: c_int,
    to: *mut c_void,
) -> *mut c_void {
    errno::check(sys!(SYS_mremap, at, old, new, flags, to)) as *mut c_void
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_madvise(at: *mut c_void, size: usize, advice: c_int) -> c_int {
    // Linux's MADV_DONTNEED throws contents away, which POSIX's advice must not.
    if advice == libc::POSIX_MADV_DONTNEED {
        return 0;
    }
    errno::value(sys!(SYS_madvise, at, size, advice))
}

/// `/dev/shm/NAME`, or an error: one name without further slashes.
unsafe fn shm_path(name: *const c_char) -> Result<[u8; 272], c_int> {
    let mut name = bytes(name);
    while let [b'/', rest @ ..] = name {
        name = rest;
    }
    if name.is_empty() || name.contains(&b'/') || name == b"." || name == b".." {
        return Err(libc::EINVAL);
    }
    if name.len() > 255 {
        return Err(libc::ENAMETOOLONG);
    }
    let mut path = [0; 272];
    crate::text::Writer::new(&mut path)
        .put(b"/dev/shm/")
        .put(name);
    Ok(path)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn shm_open(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    match shm_path(name) {
        Ok(path) => {
            let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
            fd::open(path.as_ptr().cast(), flags, mode)
        }
        Err(error) => errno::fail(error) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    match shm_path(name) {
        Ok(path) => super::file::unlink(path.as_ptr().cast()),
        Err(error) => errno::fail(error) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn brk(_: *mut c_void) -> c_int {
    errno::fail(libc::ENOMEM) as c_int
}

/// The break is not this library's allocator; only its place can be asked.
#[unsafe(no_mangle)]
unsafe extern "C" fn sbrk(step: isize) -> *mut c_void {
    if step != 0 {
        return errno::fail(libc::ENOMEM) as *mut c_void;
    }
    sys!(SYS_brk, 0usize) as *mut c_void
}
