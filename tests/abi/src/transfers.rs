//! What can be moved without a copy in user space: which kinds of files sendfile, splice and
//! copy_file_range take on either side.

use crate::{show, sys};
use libc::*;

/// Sixteen bytes: an eventfd takes the first eight as its count.
const CONTENTS: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];

fn pair(domain: i32, kind: i32) -> [i32; 2] {
    let mut ends = [0; 2];
    sys!(SYS_socketpair, domain, kind, 0, ends.as_mut_ptr());
    ends
}

fn pipe() -> [i32; 2] {
    let mut ends = [0; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK);
    ends
}

fn filled_pipe() -> [i32; 2] {
    let ends = pipe();
    sys!(SYS_write, ends[1], CONTENTS.as_ptr(), CONTENTS.len());
    ends
}

fn file() -> i32 {
    let fd = sys!(SYS_memfd_create, c"from", 0).value();
    sys!(SYS_pwrite64, fd, CONTENTS.as_ptr(), CONTENTS.len(), 0);
    fd
}

/// A descriptor of each kind, open for what it can be, that does not wait; and what keeps it usable.
/// (/dev/zero and /dev/full differ between versions of Linux.)
fn kinds() -> Vec<(&'static str, i32, Vec<i32>)> {
    let path = |path: &'static std::ffi::CStr, flags: i32| {
        sys!(SYS_open, path, flags | O_NONBLOCK, 0o600).value()
    };
    let mut all = vec![
        ("tmpfs file", path(c"file", O_RDWR | O_CREAT), vec![]),
        ("memfd", file(), vec![]),
        ("directory", path(c".", O_RDONLY), vec![]),
        ("/dev/null", path(c"/dev/null", O_RDWR), vec![]),
        ("/dev/urandom", path(c"/dev/urandom", O_RDWR), vec![]),
        (
            "/proc/self/stat",
            path(c"/proc/self/stat", O_RDONLY),
            vec![],
        ),
        (
            "/proc/self/cmdline",
            path(c"/proc/self/cmdline", O_RDONLY),
            vec![],
        ),
        ("/proc/self/comm", path(c"/proc/self/comm", O_RDWR), vec![]),
        ("/proc/self/mem", path(c"/proc/self/mem", O_RDWR), vec![]),
        (
            "eventfd",
            sys!(SYS_eventfd2, 1, EFD_NONBLOCK).value(),
            vec![],
        ),
        (
            "timerfd",
            sys!(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK).value(),
            vec![],
        ),
        (
            "inotify",
            sys!(SYS_inotify_init1, IN_NONBLOCK).value(),
            vec![],
        ),
        ("epoll", sys!(SYS_epoll_create1, 0).value(), vec![]),
        (
            "signalfd",
            sys!(
                SYS_signalfd4,
                -1,
                (&raw const SIGNALS).addr(),
                8,
                SFD_NONBLOCK
            )
            .value(),
            vec![],
        ),
        (
            "pidfd",
            sys!(SYS_pidfd_open, sys!(SYS_getpid).value(), 0).value(),
            vec![],
        ),
        ("pty master", path(c"/dev/ptmx", O_RDWR | O_NOCTTY), vec![]),
    ];
    let sockets = [
        ("stream socket", SOCK_STREAM),
        ("datagram socket", SOCK_DGRAM),
        ("packet socket", SOCK_SEQPACKET),
    ];
    for (name, kind) in sockets {
        let ends = pair(AF_UNIX, kind | SOCK_NONBLOCK);
        sys!(SYS_write, ends[1], CONTENTS.as_ptr(), CONTENTS.len());
        all.push((name, ends[0], vec![ends[1]]));
    }
    let netlink = sys!(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 0).value();
    all.push(("netlink socket", netlink, vec![]));
    let ends = filled_pipe();
    all.push(("pipe's reader", ends[0], vec![ends[1]]));
    let ends = pipe();
    all.push(("pipe's writer", ends[1], vec![ends[0]]));
    all
}

/// The kernel's mask of signals that a signalfd reads: SIGUSR1.
static SIGNALS: u64 = 1 << (SIGUSR1 - 1);

/// What inotify says of a file, each kind of event once.
fn told(fd: i32) -> u32 {
    let mut words = [0_u32; 256];
    let len = sys!(SYS_read, fd, words.as_mut_ptr(), 1024);
    let events = words[..usize::try_from(len.0).unwrap_or(0) / 4].chunks_exact(4);
    events.fold(0, |all, event| all | event[1])
}

/// What positioned transfers do beside moving bytes.
fn positioned() {
    let flags = O_RDWR | O_CREAT;
    let fd = sys!(SYS_open, c"whence", flags, 0o600).value();
    let other = sys!(SYS_open, c"whither", flags, 0o600).value();
    let vector = [CONTENTS.as_ptr() as usize, 8];
    let mut room = [0_u8; 8];
    let place = [room.as_mut_ptr() as usize, 8];
    let cursor = || sys!(SYS_lseek, fd, 0, SEEK_CUR);
    for (name, offset, flags) in [
        ("plainly", -1, 0),
        ("in sync", -1, RWF_DSYNC),
        ("at the end", -1, RWF_APPEND),
        ("at the end, not at 2", 2, RWF_APPEND),
        ("at 2", 2, 0),
    ] {
        sys!(SYS_lseek, fd, 4, SEEK_SET);
        let at = vector.as_ptr();
        let wrote = sys!(SYS_pwritev2, fd, at, 1, offset, 0, flags).outcome();
        show!(format!("write {name}"), "{wrote} {}", cursor());
    }
    sys!(SYS_lseek, fd, 4, SEEK_SET);
    let at = place.as_ptr();
    let read = sys!(SYS_preadv2, fd, at, 1, -1, 0, RWF_HIPRI).outcome();
    show!("read in a hurry", "{read} {}", cursor());
    let notes = sys!(SYS_inotify_init1, IN_NONBLOCK).value();
    sys!(
        SYS_inotify_add_watch,
        notes,
        c"whence",
        IN_ACCESS | IN_MODIFY
    );
    let notes_too = sys!(SYS_inotify_init1, IN_NONBLOCK).value();
    sys!(
        SYS_inotify_add_watch,
        notes_too,
        c"whither",
        IN_ACCESS | IN_MODIFY
    );
    let both = || format!("{} {}", told(notes), told(notes_too));
    let (from, to) = (place.as_ptr(), vector.as_ptr());
    show!("preadv", "{} {}", sys!(SYS_preadv, fd, from, 1, 0), both());
    show!("pwritev", "{} {}", sys!(SYS_pwritev, fd, to, 1, 0), both());
    let mut offset = 1_i64;
    let at = &raw mut offset;
    show!(
        "sendfile",
        "{} {}",
        sys!(SYS_sendfile, other, fd, at, 4),
        both()
    );
    let ends = filled_pipe();
    let at = &raw mut offset;
    let moved = sys!(SYS_splice, ends[0], 0, other, at, 4, 0);
    show!("splice", "{moved} {}", both());
    for (name, start, count) in [
        ("far off", i64::MAX, 4),
        ("before the start", -1, 4),
        ("more than there can be", 0, -1_i64),
    ] {
        let mut offset = start;
        let at = &raw mut offset;
        let answers = [
            sys!(SYS_sendfile, other, fd, at, count),
            sys!(SYS_splice, fd, at, ends[1], 0, count, 0),
            sys!(SYS_splice, ends[0], 0, other, at, count, 0),
            sys!(SYS_copy_file_range, fd, at, other, 0, count, 0),
        ];
        let [a, b, c, d] = answers;
        show!(format!("transfers, {name}"), "{a} {b} {c} {d}");
    }
    for (name, offset) in [("far off", i64::MAX), ("before the start", -2)] {
        let read = sys!(SYS_preadv, fd, place.as_ptr(), 1, offset);
        let wrote = sys!(SYS_pwritev, fd, vector.as_ptr(), 1, offset);
        show!(format!("vectors, {name}"), "{read} {wrote}");
    }
    let append = sys!(SYS_open, c"whither", O_WRONLY | O_APPEND);
    show!(
        "splice to the end",
        sys!(SYS_splice, ends[0], 0, append, 0, 4, 0)
    );
    let sockets = pair(AF_UNIX, SOCK_STREAM);
    let mut offset = 1_i64;
    let at = &raw mut offset;
    show!(
        "splice into a socket at a place",
        sys!(SYS_splice, ends[0], 0, sockets[0], at, 4, 0)
    );
    sys::close_all(&[fd, other, notes, notes_too, append.value()]);
    sys::close_all(&[ends[0], ends[1], sockets[0], sockets[1]]);
}

pub fn run() {
    positioned();
    sends();
    splices();
    copies();
    narrow();
    kept();
    limited();
}

/// What a socket that is full does not take stays in the pipe. (How much it takes differs between
/// versions of Linux.)
fn kept() {
    let from = filled_pipe();
    let to = pair(AF_UNIX, SOCK_STREAM);
    sys!(SYS_fcntl, to[0], F_SETFL, O_NONBLOCK);
    let page = [0_u8; 4096];
    while !sys!(SYS_write, to[0], page.as_ptr(), page.len()).failed() {}
    while !sys!(SYS_write, to[0], page.as_ptr(), 1).failed() {}
    let moved = splice(from, to[0], 16);
    let both = moved.0.max(0) + left(from[0]).0.max(0);
    show!("what a full socket and its source have", both);
    sys::close_all(&[from[0], from[1], to[0], to[1]]);
}

fn splice(from: [i32; 2], to: i32, count: usize) -> sys::Ret {
    sys!(SYS_splice, from[0], 0, to, 0, count, SPLICE_F_NONBLOCK)
}

fn left(fd: i32) -> sys::Ret {
    sys!(SYS_read, fd, [0_u8; 64].as_mut_ptr(), 64)
}

/// RLIMIT_FSIZE, and whether it is told by a signal.
fn limited() {
    let mask = 1_u64 << (SIGXFSZ - 1);
    sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const mask, 0, 8);
    // What is printed has no limit.
    let mut shown = Vec::new();
    let mut show = |what: &'static str, answer: sys::Ret| {
        let none = [0_u64; 2];
        let signal = sys!(SYS_rt_sigtimedwait, &raw const mask, 0, none.as_ptr(), 8);
        shown.push((what, format!("{answer} {signal}")));
    };
    let limit = |bytes: u64| {
        let limit = [bytes, u64::MAX];
        sys!(SYS_setrlimit, RLIMIT_FSIZE, limit.as_ptr());
    };
    let open = |name| sys!(SYS_open, name, O_RDWR | O_CREAT | O_TRUNC, 0o600).value();
    let (from, to) = (open(c"from"), open(c"to"));
    sys!(SYS_write, from, CONTENTS.as_ptr(), CONTENTS.len());
    let pipe = filled_pipe();
    limit(10);
    let send = || sys!(SYS_sendfile, to, from, 0, 16);
    sys!(SYS_lseek, from, 0, SEEK_SET);
    show("sendfile over the limit", send());
    show("sendfile at the limit", send());
    sys!(SYS_ftruncate, to, 0);
    sys!(SYS_lseek, to, 0, SEEK_SET);
    show("splice over the limit", splice(pipe, to, 16));
    show("splice at the limit", splice(pipe, to, 16));
    show("what is left in the pipe", left(pipe[0]));
    sys!(SYS_ftruncate, to, 0);
    sys!(SYS_lseek, to, 0, SEEK_SET);
    let copy = || {
        let start = 0_u64;
        sys!(SYS_copy_file_range, from, &raw const start, to, 0, 8, 0)
    };
    show("copy below the limit", copy());
    show("copy over the limit", copy());
    show("copy at the limit", copy());
    limit(u64::MAX);
    for (what, answer) in shown {
        show!(what, answer);
    }
    sys!(SYS_rt_sigprocmask, SIG_UNBLOCK, &raw const mask, 0, 8);
    sys::close_all(&[from, to, pipe[0], pipe[1]]);
}

/// A pipe that takes a part of what is sent, and then none, or that nobody reads any more.
fn narrow() {
    const LENGTH: usize = 200_000;
    let from = sys!(SYS_memfd_create, c"from", 0).value();
    sys!(SYS_ftruncate, from, LENGTH);
    let to = filled_pipe();
    let sent = sys!(SYS_sendfile, to[1], from, 0, LENGTH);
    show!("a part of it", sent.0 > 0 && sent.0 < LENGTH as isize);
    let at = sys!(SYS_lseek, from, 0, SEEK_CUR);
    show!("the rest stays", at == sent);
    show!("no more", sys!(SYS_sendfile, to[1], from, 0, LENGTH));
    let other = filled_pipe();
    let moved = sys!(SYS_splice, other[0], 0, to[1], 0, 16, SPLICE_F_NONBLOCK);
    show!("nor from a pipe", moved);
    sys!(SYS_rt_sigaction, SIGPIPE, [SIG_IGN, 0, 0, 0].as_ptr(), 0, 8);
    sys!(SYS_close, to[0]);
    show!("unread", sys!(SYS_sendfile, to[1], from, 0, LENGTH));
    let moved = sys!(SYS_splice, other[0], 0, to[1], 0, 16, SPLICE_F_NONBLOCK);
    show!("unread, from a pipe", moved);
    sys::close_all(&[from, to[1], other[0], other[1]]);
}

fn sends() {
    for (name, fd, kept) in kinds() {
        let from = file();
        show!(
            format!("sendfile to {name}"),
            sys!(SYS_sendfile, fd, from, 0, 16)
        );
        show!(
            format!("of nothing to {name}"),
            sys!(SYS_sendfile, fd, from, 0, 0)
        );
        sys::close_all(&kept);
        sys::close_all(&[fd, from]);
    }
    for (name, fd, kept) in kinds() {
        let to = sys!(SYS_memfd_create, c"to", 0).value();
        let sent = sys!(SYS_sendfile, to, fd, 0, 8);
        show!(format!("sendfile from {name}"), sent.outcome());
        sys::close_all(&kept);
        sys::close_all(&[fd, to]);
    }
}

fn splices() {
    for (name, fd, kept) in kinds() {
        let from = filled_pipe();
        show!(
            format!("splice to {name}"),
            sys!(SYS_splice, from[0], 0, fd, 0, 16, SPLICE_F_NONBLOCK)
        );
        sys::close_all(&kept);
        sys::close_all(&[fd, from[0], from[1]]);
    }
    for (name, fd, kept) in kinds() {
        let to = pipe();
        let moved = sys!(SYS_splice, fd, 0, to[1], 0, 8, SPLICE_F_NONBLOCK);
        show!(format!("splice from {name}"), moved.outcome());
        sys::close_all(&kept);
        sys::close_all(&[fd, to[0], to[1]]);
    }
}

fn copies() {
    for (name, fd, kept) in kinds() {
        let other = file();
        let [to, from] = [(other, fd), (fd, other)]
            .map(|(from, to)| sys!(SYS_copy_file_range, from, 0, to, 0, 4, 0).outcome());
        show!(format!("copy_file_range to {name}"), to);
        show!(format!("copy_file_range from {name}"), from);
        sys::close_all(&kept);
        sys::close_all(&[fd, other]);
    }
}
