//! Leases on files: who can have one, and what becomes of it when others want the file.

use crate::{child, show, sys};
use libc::*;

const SET: i32 = 1024;
const GET: i32 = 1025;
const SETSIG: i32 = 10;
const GETSIG: i32 = 11;

/// The signal that says that a lease is in the way.
const SIGNAL: i32 = 40;

fn open(flags: i32) -> i32 {
    sys!(SYS_open, c"f", flags, 0).value()
}

fn lease(fd: i32, kind: i32) -> sys::Ret {
    sys!(SYS_fcntl, fd, SET, kind)
}

fn held(fd: i32) -> &'static str {
    match sys!(SYS_fcntl, fd, GET).0 as i32 {
        F_RDLCK => "shared",
        F_WRLCK => "exclusive",
        F_UNLCK => "none",
        _ => "an error",
    }
}

/// What the signal says, which comes.
fn signalled(fd: i32) -> String {
    let mask = 1_u64 << (SIGNAL - 1);
    let mut info = [0_i32; 32];
    let got = sys!(
        SYS_rt_sigtimedwait,
        &raw const mask,
        info.as_mut_ptr(),
        0,
        8
    );
    let (code, band, its) = (info[2], info[4], info[6]);
    format!(
        "{} code {code} band {band:#x} {}",
        got.value() == SIGNAL,
        its == fd
    )
}

/// No further signal has come.
fn is_quiet() -> sys::Ret {
    let mask = 1_u64 << (SIGNAL - 1);
    let now = [0_i64; 2];
    sys!(SYS_rt_sigtimedwait, &raw const mask, 0, now.as_ptr(), 8)
}

/// How another process's attempt to open comes out.
fn another(flags: i32) -> String {
    child::run(|| {
        let fd = sys!(SYS_open, c"f", flags, 0);
        show!("another opens", fd.outcome());
        0
    })
}

pub fn run() {
    let mask = 1_u64 << (SIGNAL - 1);
    sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const mask, 0, 8);
    let fd = sys!(SYS_open, c"f", O_RDWR | O_CREAT, 0o644).value();
    show!("none at first", held(fd));
    show!("let go of none", lease(fd, F_UNLCK));
    show!("no such lease", lease(fd, 7));
    show!("shared, and it may write", lease(fd, F_RDLCK));
    show!("exclusive", lease(fd, F_WRLCK));
    show!("held", held(fd));
    show!(
        "whose signals",
        sys!(SYS_fcntl, fd, F_GETOWN) == sys!(SYS_getpid)
    );
    show!("again", lease(fd, F_WRLCK));
    sys!(SYS_fcntl, fd, SETSIG, SIGNAL);
    show!("let go", lease(fd, F_UNLCK));
    show!("nobody's signals", sys!(SYS_fcntl, fd, F_GETOWN));
    show!("their number", sys!(SYS_fcntl, fd, GETSIG));
    let second = open(O_RDONLY);
    show!("exclusive beside a reader", lease(fd, F_WRLCK));
    show!("shared beside a writer", lease(second, F_RDLCK));
    sys!(SYS_close, fd);
    show!("shared", lease(second, F_RDLCK));
    let third = open(O_RDONLY);
    show!("shared by two", lease(third, F_RDLCK));
    show!("exclusive of two", lease(third, F_WRLCK));
    sys!(SYS_close, second);
    show!("exclusive of one", lease(third, F_WRLCK));
    show!("held", held(third));
    show!("by a copy", {
        let copy = sys!(SYS_dup, third);
        let held = held(copy.value());
        sys!(SYS_close, copy);
        held
    });
    sys!(SYS_close, third);
    elsewhere();
    broken();
    waited_for();
    overdue();
}

fn elsewhere() {
    let dir = sys!(SYS_open, c".", O_RDONLY, 0).value();
    show!("a directory", lease(dir, F_RDLCK));
    let mut pipe = [0_i32; 2];
    sys!(SYS_pipe2, pipe.as_mut_ptr(), 0);
    show!("a pipe", lease(pipe[0], F_RDLCK));
    sys::close_all(&[dir, pipe[0], pipe[1]]);
    show!(
        "another user",
        child::run(|| {
            let fd = open(O_RDONLY);
            sys!(SYS_setresuid, 1000, 1000, 1000);
            show!("of another's file", lease(fd, F_RDLCK));
            0
        })
    );
}

/// Others don't wait.
fn broken() {
    let fd = open(O_RDONLY);
    lease(fd, F_RDLCK);
    sys!(SYS_fcntl, fd, SETSIG, SIGNAL);
    show!("a shared one, a reader", another(O_RDONLY | O_NONBLOCK));
    show!("nothing to tell", is_quiet());
    show!("a shared one, a writer", another(O_WRONLY | O_NONBLOCK));
    show!("told", signalled(fd));
    show!("held then", held(fd));
    show!("a writer again", another(O_RDWR | O_NONBLOCK));
    show!("not told twice", is_quiet());
    show!("another shared one", {
        let other = open(O_RDONLY);
        let got = lease(other, F_RDLCK);
        sys!(SYS_close, other);
        got
    });
    show!("let go", lease(fd, F_UNLCK));
    show!("a writer now", another(O_WRONLY | O_NONBLOCK));
    show!("exclusive", lease(fd, F_WRLCK));
    sys!(SYS_fcntl, fd, SETSIG, SIGNAL);
    show!("an exclusive one, a reader", another(O_RDONLY | O_NONBLOCK));
    show!("told", signalled(fd));
    show!("to be shared", held(fd));
    show!("an exclusive one, a writer", another(O_WRONLY | O_NONBLOCK));
    show!("told again", signalled(fd));
    show!("to be let go of", held(fd));
    show!("a path alone", another(O_PATH));
    sys!(SYS_close, fd);
    show!("closed, a writer", another(O_WRONLY | O_NONBLOCK));
}

/// Others wait until the holder has done what it was asked to.
fn waited_for() {
    let fd = open(O_RDONLY);
    lease(fd, F_WRLCK);
    sys!(SYS_fcntl, fd, SETSIG, SIGNAL);
    let reader = child::fork(|| i32::from(sys!(SYS_open, c"f", O_RDONLY, 0).failed()));
    show!("a reader waits", signalled(fd));
    show!("shared with it", lease(fd, F_RDLCK));
    show!("held then", held(fd));
    show!("it has opened", child::wait(reader));
    let writer = child::fork(|| i32::from(sys!(SYS_open, c"f", O_WRONLY, 0).failed()));
    show!("a writer waits", signalled(fd));
    show!("left to it", lease(fd, F_UNLCK));
    show!("it has opened", child::wait(writer));
    lease(fd, F_RDLCK);
    sys!(SYS_fcntl, fd, SETSIG, SIGNAL);
    let cutter = child::fork(|| {
        // It has the lease's description, too, which would be open still.
        sys!(SYS_close, fd);
        i32::from(sys!(SYS_truncate, c"f", 5).failed())
    });
    show!("one who truncates waits", signalled(fd));
    sys!(SYS_close, fd);
    show!("it has truncated", child::wait(cutter));
}

/// The holder does nothing.
fn overdue() {
    let time = c"/proc/sys/fs/lease-break-time";
    let set = |text: &[u8]| {
        let fd = sys!(SYS_open, time, O_WRONLY, 0);
        let written = sys!(SYS_write, fd, text.as_ptr(), text.len());
        sys!(SYS_close, fd);
        written
    };
    show!("a second's time", set(b"1"));
    let fd = open(O_RDONLY);
    lease(fd, F_WRLCK);
    sys!(SYS_fcntl, fd, SETSIG, SIGNAL);
    show!("a reader gets it in the end", another(O_RDONLY));
    show!("it is shared now", held(fd));
    show!("a writer gets it in the end", another(O_WRONLY));
    show!("it is gone", held(fd));
    show!("as before", set(b"45"));
    sys!(SYS_close, fd);
}
