//! What a life begins with: descriptors of every sort at known numbers, and a folder of names.

use crate::arena;
use crate::sys;
use std::ffi::CStr;

/// The first number after the standard streams, and the first that is free when all are there.
const FIRST: usize = 3;
pub const COUNT: usize = FIRST + 44;

/// Makes a file of the folder with these contents.
pub fn write(name: &CStr, bytes: &[u8]) {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let fd = sys!(SYS_open, name.as_ptr(), flags, 0o755);
    if fd >= 0 {
        sys!(SYS_write, fd, bytes.as_ptr(), bytes.len());
        sys!(SYS_close, fd);
    }
}

/// Makes the names and opens the descriptors. What a kernel doesn't have leaves its number free.
pub fn make() {
    let file = vec![b'f'; arena::PAGE + arena::PAGE / 2];
    write(c"file", &file);
    write(c"a", b"a");
    sys!(SYS_mkdir, c"d".as_ptr(), 0o755);
    sys!(SYS_mkdir, c"d/e".as_ptr(), 0o755);
    sys!(SYS_mkdir, c"scheme".as_ptr(), 0o755);
    sys!(SYS_symlink, c"file".as_ptr(), c"link".as_ptr());
    sys!(SYS_symlink, c"loop".as_ptr(), c"loop".as_ptr());
    sys!(SYS_mknod, c"fifo".as_ptr(), libc::S_IFIFO | 0o666, 0);
    let open =
        |name: &CStr, flags: i32| sys!(SYS_open, name.as_ptr(), flags | libc::O_NONBLOCK, 0o644);
    let mapped = open(c"file", libc::O_RDWR);
    arena::map_victims(mapped as i32);
    open(c"file", libc::O_RDONLY);
    open(c"a", libc::O_RDWR | libc::O_APPEND);
    open(c"d", libc::O_RDONLY | libc::O_DIRECTORY);
    open(c"fifo", libc::O_RDWR);
    open(c"file", libc::O_PATH);
    open(c".", libc::O_TMPFILE | libc::O_RDWR);
    for name in [
        c"/dev/null",
        c"/dev/zero",
        c"/dev/full",
        c"/proc/self/maps",
        c"/proc/self/status",
        c"/proc/self/fd",
    ] {
        open(name, libc::O_RDONLY);
    }
    open(c"/proc/self/mem", libc::O_RDWR);
    let mut pair = [0_i32; 2];
    for flags in [0, libc::O_NONBLOCK, libc::O_DIRECT] {
        sys!(SYS_pipe2, pair.as_mut_ptr(), flags);
    }
    for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
        sys!(SYS_socketpair, libc::AF_UNIX, kind, 0, pair.as_mut_ptr());
    }
    let listener = sys!(
        SYS_socket,
        libc::AF_UNIX,
        libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
        0
    );
    let address = *b"\x01\0socket\0";
    sys!(SYS_bind, listener, address.as_ptr(), 9);
    sys!(SYS_listen, listener, 4);
    sys!(SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0);
    sys!(SYS_socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0);
    sys!(SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 15);
    sys!(SYS_eventfd2, 0, 0);
    sys!(SYS_eventfd2, 3, libc::EFD_SEMAPHORE | libc::EFD_NONBLOCK);
    sys!(SYS_timerfd_create, libc::CLOCK_MONOTONIC, 0);
    let set = [1_u64 << 9];
    sys!(SYS_signalfd4, -1_isize, set.as_ptr(), 8, libc::O_NONBLOCK);
    let memory = sys!(
        SYS_memfd_create,
        c"memory".as_ptr(),
        libc::MFD_ALLOW_SEALING
    );
    sys!(SYS_ftruncate, memory, 3 * arena::PAGE);
    sys!(SYS_memfd_create, c"sealed".as_ptr(), 0);
    sys!(SYS_inotify_init1, libc::O_NONBLOCK);
    let set = sys!(SYS_epoll_create1, 0);
    let event = [1_u64, 0];
    for watched in [4, 16, 22, 30] {
        sys!(
            SYS_epoll_ctl,
            set,
            libc::EPOLL_CTL_ADD,
            watched,
            event.as_ptr()
        );
    }
    let nest = sys!(SYS_epoll_create1, 0);
    sys!(
        SYS_epoll_ctl,
        nest,
        libc::EPOLL_CTL_ADD,
        set,
        event.as_ptr()
    );
    let master = open(c"/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY);
    let unlocked = 0_u32;
    sys!(SYS_ioctl, master, libc::TIOCSPTLCK, &raw const unlocked);
    sys!(
        SYS_ioctl,
        master,
        libc::TIOCGPTPEER,
        libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK
    );
    sys!(SYS_pidfd_open, sys!(SYS_getpid), 0);
}
