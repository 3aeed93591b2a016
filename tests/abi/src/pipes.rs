//! Pipes and FIFOs: capacity, atomicity, ends that close, splice and tee.

use crate::{child, show, sys};
use libc::*;

fn pipe(flags: i32) -> [i32; 2] {
    let mut ends = [0; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), flags);
    ends
}

fn close(ends: [i32; 2]) {
    sys::close_all(&ends);
}

fn read(fd: i32, room: usize) -> String {
    let mut bytes = vec![0_u8; room];
    let read = sys!(SYS_read, fd, bytes.as_mut_ptr(), room);
    if read.failed() {
        read.to_string()
    } else {
        format!("{:?}", String::from_utf8_lossy(&bytes[..read.0 as usize]))
    }
}

/// Who is not root opens pipes of its own anew, through /proc.
fn reopening() {
    let of_root = pipe(0);
    let reopen = |fd: i32, flags: i32| {
        let name = std::ffi::CString::new(format!("/proc/self/fd/{fd}")).expect("no NUL");
        let opened = sys!(SYS_open, &*name, flags);
        if !opened.failed() {
            sys!(SYS_close, opened);
        }
        opened.outcome()
    };
    let ended = child::run(|| {
        sys!(SYS_setresgid, 1001, 1001, 1001);
        sys!(SYS_setresuid, 1000, 1000, 1000);
        let ends = pipe(0);
        let mut stat = crate::files::empty_stat();
        sys!(SYS_fstat, ends[0], &raw mut stat);
        show!("whose pipe it is", "{} {}", stat.st_uid, stat.st_gid);
        show!("my reading end anew", reopen(ends[0], O_RDONLY));
        show!("my writing end anew", reopen(ends[1], O_WRONLY));
        show!("root's anew", reopen(of_root[0], O_RDONLY));
        0
    });
    show!("who opened them", ended);
    close(of_root);
}

pub fn run() {
    reopening();
    show!("wrong flags", sys!(SYS_pipe2, [0_i32; 2].as_mut_ptr(), 1));
    show!("wrong address", sys!(SYS_pipe, 8));
    let ends = pipe(O_NONBLOCK);
    show!("empty", read(ends[0], 4));
    show!("write", sys!(SYS_write, ends[1], c"abcdef", 6));
    let mut waiting = 0_i32;
    show!(
        "FIONREAD",
        sys!(SYS_ioctl, ends[0], FIONREAD, &raw mut waiting)
    );
    show!("bytes", waiting);
    show!("part", read(ends[0], 2));
    show!("rest", read(ends[0], 100));
    show!("write to the reader", sys!(SYS_write, ends[0], c"x", 1));
    show!("read of the writer", read(ends[1], 1));
    show!("seek", sys!(SYS_lseek, ends[0], 0, SEEK_CUR));
    show!(
        "pread",
        sys!(SYS_pread64, ends[0], [0_u8; 1].as_mut_ptr(), 1, 0)
    );
    show!("truncate", sys!(SYS_ftruncate, ends[1], 0));
    show!("capacity", sys!(SYS_fcntl, ends[0], F_GETPIPE_SZ));
    show!("set capacity", sys!(SYS_fcntl, ends[0], F_SETPIPE_SZ, 5000));
    let full = vec![1_u8; 10_000];
    show!("fill", sys!(SYS_write, ends[1], full.as_ptr(), full.len()));
    show!("full", sys!(SYS_write, ends[1], full.as_ptr(), 1));
    show!(
        "capacity below what is in it",
        sys!(SYS_fcntl, ends[0], F_SETPIPE_SZ, 4096)
    );
    show!(
        "capacity too large",
        sys!(SYS_fcntl, ends[0], F_SETPIPE_SZ, 1_u32 << 31)
    );
    read(ends[0], 4096);
    show!(
        "room for a page",
        sys!(SYS_write, ends[1], full.as_ptr(), 4096)
    );
    read(ends[0], 100);
    show!(
        "no room for a whole page",
        sys!(SYS_write, ends[1], full.as_ptr(), 4096)
    );
    close(ends);
    let ends = pipe(0);
    sys!(SYS_write, ends[1], c"last", 4);
    sys!(SYS_close, ends[1]);
    show!("what was left", read(ends[0], 10));
    show!("end", read(ends[0], 10));
    let mut polled = [pollfd {
        fd: ends[0],
        events: POLLIN | POLLOUT,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    show!("events of a reader alone", "{:#x}", polled[0].revents);
    sys!(SYS_close, ends[0]);
    let ends = pipe(0);
    sys!(SYS_close, ends[0]);
    polled = [pollfd {
        fd: ends[1],
        events: POLLIN | POLLOUT,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    show!("events of a writer alone", "{:#x}", polled[0].revents);
    show!(
        "nobody reads",
        child::run(|| {
            sys!(SYS_write, ends[1], c"x", 1);
            0
        })
    );
    show!(
        "nobody reads, ignored",
        child::run(|| {
            sys!(SYS_rt_sigaction, SIGPIPE, [SIG_IGN, 0, 0, 0].as_ptr(), 0, 8);
            i32::from(sys!(SYS_write, ends[1], c"x", 1).to_string() == "EPIPE")
        })
    );
    packets();
    fifos();
    splicing();
}

fn packets() {
    let ends = pipe(O_DIRECT | O_NONBLOCK);
    sys!(SYS_write, ends[1], c"abc", 3);
    sys!(SYS_write, ends[1], c"def", 3);
    show!("first packet", read(ends[0], 10));
    show!("part of a packet", read(ends[0], 1));
    show!("the rest is gone", read(ends[0], 10));
    let long = [b'x'; 5000];
    show!(
        "a long packet",
        sys!(SYS_write, ends[1], long.as_ptr(), long.len())
    );
    let mut all = [0_u8; 8000];
    let mut part = || sys!(SYS_read, ends[0], all.as_mut_ptr(), all.len());
    show!("is two", "{} {} {}", part(), part(), part());
    show!("an empty packet", sys!(SYS_write, ends[1], c"", 0));
    show!("is none", read(ends[0], 1));
    show!(
        "packets that fit",
        (0..100)
            .take_while(|_| sys!(SYS_write, ends[1], c"p", 1).0 == 1)
            .count()
    );
    let mut polled = [pollfd {
        fd: ends[1],
        events: POLLOUT,
        revents: 0,
    }];
    show!("room for more", sys!(SYS_poll, polled.as_mut_ptr(), 1, 0));
    show!("shrink", sys!(SYS_fcntl, ends[1], F_SETPIPE_SZ, 4096));
    let mut waiting = 0_i32;
    sys!(SYS_ioctl, ends[0], FIONREAD, &raw mut waiting);
    show!("bytes of packets", waiting);
    show!("one", read(ends[0], 10));
    show!("room again", sys!(SYS_poll, polled.as_mut_ptr(), 1, 0));
    while !sys!(SYS_read, ends[0], all.as_mut_ptr(), all.len()).failed() {}
    close(ends);
    let ends = pipe(O_DIRECT | O_NONBLOCK);
    sys!(SYS_write, ends[1], c"ghi", 3);
    sys!(SYS_write, ends[1], c"jkl", 3);
    sys!(SYS_fcntl, ends[1], F_SETFL, O_NONBLOCK);
    sys!(SYS_write, ends[1], c"mno", 3);
    sys!(SYS_write, ends[1], c"pqr", 3);
    show!("a packet", read(ends[0], 2));
    show!("the next packet", read(ends[0], 10));
    show!("bytes behind", read(ends[0], 10));
    close(ends);
}

fn fifos() {
    show!("mkfifo", sys!(SYS_mknod, c"fifo", S_IFIFO | 0o600, 0));
    show!(
        "write without a reader",
        sys!(SYS_open, c"fifo", O_WRONLY | O_NONBLOCK, 0)
    );
    let reader = sys!(SYS_open, c"fifo", O_RDONLY | O_NONBLOCK, 0).value();
    show!("read without a writer", reader > 0);
    show!("nothing comes", read(reader, 4));
    let writer = sys!(SYS_open, c"fifo", O_WRONLY | O_NONBLOCK, 0).value();
    show!("now it opens", writer > 0);
    show!("nothing yet", read(reader, 4));
    sys!(SYS_write, writer, c"hi", 2);
    show!("something", read(reader, 4));
    let both = sys!(SYS_open, c"fifo", O_RDWR, 0).value();
    show!("both ways", both > 0);
    for fd in [reader, writer, both] {
        sys!(SYS_close, fd);
    }
    let pid = child::fork(|| {
        let writer = sys!(SYS_open, c"fifo", O_WRONLY, 0);
        sys!(SYS_write, writer, c"met", 3).value()
    });
    let reader = sys!(SYS_open, c"fifo", O_RDONLY, 0).value();
    show!("two meet", read(reader, 10));
    show!("the other", child::wait(pid));
    sys!(SYS_close, reader);
}

fn splicing() {
    let (one, other) = (pipe(O_NONBLOCK), pipe(O_NONBLOCK));
    sys!(SYS_write, one[1], c"hello", 5);
    show!("tee", sys!(SYS_tee, one[0], other[1], 3, 0));
    show!("copy", read(other[0], 10));
    show!("splice", sys!(SYS_splice, one[0], 0, other[1], 0, 4, 0));
    show!("moved", read(other[0], 10));
    show!("left", read(one[0], 10));
    show!(
        "splice of nothing",
        sys!(SYS_splice, one[0], 0, other[1], 0, 4, SPLICE_F_NONBLOCK)
    );
    let file = sys!(SYS_open, c"spliced", O_RDWR | O_CREAT, 0o600).value();
    sys!(SYS_write, file, c"0123456789", 10);
    let mut offset = 3_i64;
    show!(
        "from a file",
        sys!(SYS_splice, file, &raw mut offset, one[1], 0, 4, 0)
    );
    show!("offset", offset);
    show!("contents", read(one[0], 10));
    show!(
        "a pipe's offset",
        sys!(SYS_splice, one[0], &raw mut offset, file, 0, 1, 0)
    );
    show!("file to file", sys!(SYS_splice, file, 0, file, 0, 1, 0));
    show!(
        "a pipe to itself",
        sys!(SYS_splice, one[0], 0, one[1], 0, 1, 0)
    );
    let text = c"vm";
    let part = [iovec {
        iov_base: text.as_ptr().cast_mut().cast(),
        iov_len: 2,
    }];
    show!("vmsplice", sys!(SYS_vmsplice, one[1], part.as_ptr(), 1, 0));
    show!("contents", read(one[0], 10));
    show!(
        "vmsplice wrongly",
        sys!(SYS_vmsplice, one[1], part.as_ptr(), 1, 0x10)
    );
    show!("tee wrongly", sys!(SYS_tee, one[0], other[1], 3, 0x10));
    show!("tee of nothing", sys!(SYS_tee, 99, 99, 0, 0));
    show!("tee of a file", sys!(SYS_tee, file, one[1], 1, 0));
    close(one);
    close(other);
}
