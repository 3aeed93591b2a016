//! Signals for what happens to open files: O_ASYNC and its owner.

use crate::{child, show, sys};
use libc::*;

const F_SETSIG: i32 = 10;
const F_GETSIG: i32 = 11;
const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;
/// The signal that is asked for instead of SIGIO.
const OTHER: i32 = 40;

fn block() {
    let mask = 1_u64 << (SIGIO - 1) | 1 << (OTHER - 1);
    sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const mask, 0, 8);
}

/// Takes a signal that comes within `seconds`: number, code, band, descriptor; and forgets others.
fn signal(seconds: i64, fd: i32) -> String {
    let mask = 1_u64 << (SIGIO - 1) | 1 << (OTHER - 1);
    let mut info = [0_i32; 32];
    let time = [seconds, 0];
    let got = sys!(
        SYS_rt_sigtimedwait,
        &raw const mask,
        info.as_mut_ptr(),
        time.as_ptr(),
        8
    );
    let none = [0_i64; 2];
    while !sys!(SYS_rt_sigtimedwait, &raw const mask, 0, none.as_ptr(), 8).failed() {}
    if got.failed() {
        return "none".to_owned();
    }
    if got.0 as i32 == SIGIO {
        return format!("{got} code {}", info[2]);
    }
    format!(
        "{got} code {} band {:#x} its descriptor {}",
        info[2],
        info[4],
        info[6] == fd
    )
}

fn own(fd: i32) -> sys::Ret {
    sys!(SYS_fcntl, fd, F_SETOWN, std::process::id())
}

fn async_flag(fd: i32, on: bool) -> sys::Ret {
    let flags = sys!(SYS_fcntl, fd, F_GETFL).0 as i32 & !O_ASYNC;
    sys!(
        SYS_fcntl,
        fd,
        F_SETFL,
        if on { flags | O_ASYNC } else { flags }
    )
}

fn pipe() -> [i32; 2] {
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK);
    ends
}

fn pair() -> [i32; 2] {
    let mut ends = [0_i32; 2];
    sys!(
        SYS_socketpair,
        AF_UNIX,
        SOCK_STREAM | SOCK_NONBLOCK,
        0,
        ends.as_mut_ptr()
    );
    ends
}

pub fn run() {
    block();
    owners();
    let ends = pipe();
    show!("without anything", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, 0)
    });
    async_flag(ends[0], true);
    show!(
        "flag",
        "{:#o}",
        sys!(SYS_fcntl, ends[0], F_GETFL).0 as i32 & O_ASYNC
    );
    show!("without an owner", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, 0)
    });
    own(ends[0]);
    show!("a write", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, 0)
    });
    sys!(SYS_fcntl, ends[0], F_SETSIG, OTHER);
    show!("the signal", sys!(SYS_fcntl, ends[0], F_GETSIG));
    show!("no signal", sys!(SYS_fcntl, ends[0], F_SETSIG, 99));
    show!("a write, told by another signal", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, ends[0])
    });
    let copy = sys!(SYS_dup, ends[0]).value();
    sys!(SYS_close, ends[0]);
    show!("by a duplicate", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, ends[0])
    });
    async_flag(copy, false);
    show!("switched off", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, 0)
    });
    let mut on = 1_i32;
    show!("by ioctl", sys!(SYS_ioctl, copy, FIOASYNC, &raw const on));
    show!("a write then", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, copy)
    });
    on = 0;
    show!(
        "off by ioctl",
        sys!(SYS_ioctl, copy, FIOASYNC, &raw const on)
    );
    show!("a write after it", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, 0)
    });
    sys::close_all(&[copy, ends[1]]);
    room();
    sockets();
    terminals();
    others();
}

fn owners() {
    let ends = pipe();
    let me = std::process::id() as i32;
    let get = || sys!(SYS_fcntl, ends[0], F_GETOWN).0 as i32;
    let words = || {
        let mut words = [9_i32; 2];
        let got = sys!(SYS_fcntl, ends[0], F_GETOWN_EX, words.as_mut_ptr());
        format!("{got} {} {}", words[0], words[1] == me)
    };
    show!("owner at first", get());
    show!("its kind", words());
    show!("own", own(ends[0]));
    show!("owned", get() == me);
    show!("kind then", words());
    show!("nobody", sys!(SYS_fcntl, ends[0], F_SETOWN, 4_100_000));
    show!("no number", sys!(SYS_fcntl, ends[0], F_SETOWN, i32::MIN));
    show!("still owned", get() == me);
    show!("given up", sys!(SYS_fcntl, ends[0], F_SETOWN, 0));
    show!("owner then", get());
    for kind in 0..4 {
        show!(
            format!("own by kind {kind}"),
            sys!(SYS_fcntl, ends[0], F_SETOWN_EX, [kind, me].as_ptr())
        );
        show!(format!("kind {kind}"), words());
        sys!(SYS_fcntl, ends[0], F_SETOWN, 0);
    }
    show!(
        "by kind, nobody",
        sys!(SYS_fcntl, ends[0], F_SETOWN_EX, [1, 4_100_000].as_ptr())
    );
    let group = sys!(SYS_getpgid, 0).0 as i32;
    if group > 0 {
        sys!(SYS_fcntl, ends[0], F_SETOWN, -group);
    }
    show!("a group", get() == -group);
    let gone = child::fork(|| 0);
    sys!(SYS_fcntl, ends[0], F_SETOWN, gone);
    child::wait(gone);
    show!("an owner that ended", get());
    sys::close_all(&ends);
}

fn room() {
    let ends = pipe();
    own(ends[1]);
    sys!(SYS_fcntl, ends[1], F_SETSIG, OTHER);
    async_flag(ends[1], true);
    let block = vec![0_u8; 1 << 16];
    sys!(SYS_write, ends[1], block.as_ptr(), block.len());
    show!("full", signal(0, ends[1]));
    let mut block = block;
    sys!(SYS_read, ends[0], block.as_mut_ptr(), block.len());
    show!("room", signal(0, ends[1]));
    sys::close_all(&ends);
}

fn sockets() {
    let ends = pair();
    own(ends[0]);
    sys!(SYS_fcntl, ends[0], F_SETSIG, OTHER);
    async_flag(ends[0], true);
    show!("a message", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, ends[0])
    });
    show!("another message", {
        sys!(SYS_write, ends[1], c"x", 1);
        signal(0, ends[0])
    });
    show!("its own message", {
        sys!(SYS_write, ends[0], c"x", 1);
        signal(0, ends[0])
    });
    sys!(SYS_close, ends[1]);
    show!("the other end closes", signal(0, ends[0]) != "none");
    sys!(SYS_close, ends[0]);
}

fn terminals() {
    let master = sys!(SYS_open, c"/dev/ptmx", O_RDWR | O_NOCTTY, 0).value();
    let mut number = 0_i32;
    let mut unlock = 0_i32;
    sys!(SYS_ioctl, master, TIOCGPTN, &raw mut number);
    sys!(SYS_ioctl, master, TIOCSPTLCK, &raw mut unlock);
    let name = std::ffi::CString::new(format!("/dev/pts/{number}")).unwrap_or_default();
    let slave = sys!(SYS_open, name.as_c_str(), O_RDWR | O_NOCTTY, 0).value();
    sys!(SYS_fcntl, slave, F_SETSIG, OTHER);
    show!("a terminal", async_flag(slave, true));
    show!(
        "its owner",
        sys!(SYS_fcntl, slave, F_GETOWN).0 == std::process::id() as isize
    );
    show!("a line", {
        sys!(SYS_write, master, c"line\n", 5);
        signal(60, slave)
    });
    sys::close_all(&[slave, master]);
}

fn others() {
    let file = sys!(SYS_memfd_create, c"file", 0).value();
    show!("a file", async_flag(file, true));
    show!(
        "its flag",
        "{:#o}",
        sys!(SYS_fcntl, file, F_GETFL).0 as i32 & O_ASYNC
    );
    let on = 1_i32;
    let other = sys!(SYS_memfd_create, c"file", 0).value();
    show!(
        "a file by ioctl",
        sys!(SYS_ioctl, other, FIOASYNC, &raw const on)
    );
    sys::close_all(&[file, other]);
    let ends = pipe();
    show!(
        "a group's members",
        child::run(|| {
            sys!(SYS_setpgid, 0, 0);
            own(ends[0]);
            let me = std::process::id() as i32;
            sys!(SYS_fcntl, ends[0], F_SETOWN, -me);
            async_flag(ends[0], true);
            sys!(SYS_write, ends[1], c"x", 1);
            i32::from(signal(0, 0) != "none")
        })
    );
    show!(
        "by default",
        child::run(|| {
            let mask = 1_u64 << (SIGIO - 1);
            own(ends[0]);
            async_flag(ends[0], true);
            sys!(SYS_write, ends[1], c"x", 1);
            sys!(SYS_rt_sigprocmask, SIG_UNBLOCK, &raw const mask, 0, 8);
            3
        })
    );
    sys::close_all(&ends);
}
