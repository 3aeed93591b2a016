//! What /proc tells of what was read and written, of interrupts, and of sockets.

use crate::{child, show, sys};
use libc::*;

/// rchar, wchar, syscr and syscw of the process, and how long the text was that said so.
fn transferred(io: i32) -> [i64; 5] {
    let mut text = [0_u8; 512];
    let len = sys!(SYS_pread64, io, text.as_mut_ptr(), text.len(), 0);
    let text = String::from_utf8_lossy(&text[..len.value().max(0) as usize]).into_owned();
    let of = |name: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or(-1)
    };
    let counts = ["rchar:", "wchar:", "syscr:", "syscw:"].map(of);
    let [a, b, c, d] = counts;
    [a, b, c, d, len.0 as i64]
}

/// What `work` adds: bytes read and written, calls that read and that wrote.
fn adds(io: i32, work: impl FnOnce()) -> String {
    let before = transferred(io);
    work();
    let after = transferred(io);
    let [read, written, reads, writes] =
        [0, 1, 2, 3].map(|index: usize| after[index] - before[index]);
    // Asking is a call that reads, too.
    format!("{} {written} {} {writes}", read - before[4], reads - 1)
}

pub fn run() {
    transfers();
    interrupts();
    tables();
    unix();
}

fn transfers() {
    let io = sys!(SYS_open, c"/proc/self/io", O_RDONLY, 0).value();
    let fd = sys!(SYS_open, c"f", O_RDWR | O_CREAT, 0o600).value();
    let mut buffer = [0_u8; 64];
    let at = buffer.as_mut_ptr();
    show!("write", adds(io, || _ = sys!(SYS_write, fd, at, 40)));
    show!("pwrite", adds(io, || _ = sys!(SYS_pwrite64, fd, at, 10, 5)));
    show!("pread", adds(io, || _ = sys!(SYS_pread64, fd, at, 64, 0)));
    show!(
        "read at the end",
        adds(io, || _ = sys!(SYS_read, fd, at, 9))
    );
    let parts = [at.addr(), 3, at.addr(), 4];
    show!(
        "writev",
        adds(io, || _ = sys!(SYS_writev, fd, parts.as_ptr(), 2))
    );
    show!(
        "preadv",
        adds(io, || _ = sys!(SYS_preadv, fd, parts.as_ptr(), 2, 0, 0))
    );
    show!(
        "of no descriptor",
        adds(io, || _ = sys!(SYS_read, -1, at, 9))
    );
    show!(
        "readv of none",
        adds(io, || _ = sys!(SYS_readv, -1, parts.as_ptr(), 2))
    );
    let dir = sys!(SYS_open, c".", O_RDONLY, 0);
    show!(
        "of a directory",
        adds(io, || _ = sys!(SYS_read, dir, at, 9))
    );
    show!("nothing", adds(io, || _ = sys!(SYS_write, fd, at, 0)));
    let mut pipe = [0_i32; 2];
    sys!(SYS_pipe2, pipe.as_mut_ptr(), 0);
    show!(
        "into a pipe",
        adds(io, || _ = sys!(SYS_write, pipe[1], at, 12))
    );
    show!(
        "out of a pipe",
        adds(io, || _ = sys!(SYS_read, pipe[0], at, 64))
    );
    let from = 0_i64;
    show!("sendfile", {
        adds(io, || {
            _ = sys!(SYS_sendfile, pipe[1], fd, &raw const from, 20)
        })
    });
    show!("splice", {
        let null = sys!(SYS_open, c"/dev/null", O_WRONLY, 0);
        adds(io, || _ = sys!(SYS_splice, pipe[0], 0, null, 0, 20, 0))
    });
    let mut pair = [0_i32; 2];
    sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair.as_mut_ptr());
    show!(
        "sendto",
        adds(io, || _ = sys!(SYS_sendto, pair[0], at, 8, 0, 0, 0))
    );
    show!(
        "write to a socket",
        adds(io, || _ = sys!(SYS_write, pair[0], at, 8))
    );
    show!(
        "recvfrom",
        adds(io, || _ = sys!(SYS_recvfrom, pair[1], at, 8, 0, 0, 0))
    );
    show!("a child's, once it was waited for", {
        adds(io, || {
            let pid = child::fork(|| {
                sys!(SYS_pread64, fd, at, 30, 0);
                0
            });
            child::wait(pid);
        })
    });
    let thread = sys!(SYS_open, c"/proc/thread-self/io", O_RDONLY, 0);
    show!("a thread's", thread.outcome());
    sys::close_all(&[fd, io, pipe[0], pipe[1], pair[0], pair[1]]);
    show!(
        "of another user",
        child::run(|| {
            let pid = child::fork(|| {
                loop {
                    sys!(SYS_pause);
                }
            });
            sys!(SYS_setresuid, 1000, 1000, 1000);
            let path = std::ffi::CString::new(format!("/proc/{pid}/io")).unwrap_or_default();
            show!("open", sys!(SYS_open, path.as_c_str(), O_RDONLY, 0));
            0
        })
    );
}

fn interrupts() {
    let text = std::fs::read_to_string("/proc/interrupts").unwrap_or_default();
    let first = text.split_whitespace().next();
    show!("processors", first.unwrap_or("none"));
    for name in ["LOC:", "RES:", "TLB:", "SPU:"] {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        show!(format!("line {name}"), line.is_some());
    }
    let timer = text
        .lines()
        .find(|line| line.trim_start().starts_with("LOC:"));
    let timer = timer.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    show!("timers were counted", timer.is_some_and(|count| count > 0));
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = text.lines().find_map(|line| line.strip_prefix("intr "));
    let all = all.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    show!("all were counted", all >= timer && all.is_some());
}

fn tables() {
    for name in [
        "arp", "netlink", "raw", "raw6", "route", "tcp", "tcp6", "udp", "udp6", "unix",
    ] {
        let text = std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
        show!(
            format!("head of {name}"),
            text.lines().next().unwrap_or("none")
        );
    }
    let text = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    for (at, line) in text.lines().take(2).enumerate() {
        show!(format!("line {at} of dev"), line);
    }
    let text = std::fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    show!("sockets are counted", text.starts_with("sockets: used "));
}

/// The lines of /proc/net/unix that end with a name: flags, type, state, and whose inode it is.
fn lines_of(name: &str, known: &[(&str, i32)]) -> String {
    let inode = |fd: i32| {
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        link.to_string_lossy()
            .trim_matches(|c: char| !c.is_ascii_digit())
            .to_owned()
    };
    let text = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut found = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, flags, kind, state, its, ref path @ ..] = fields[..] else {
            continue;
        };
        let by_inode = known.iter().find(|(_, fd)| inode(*fd) == its);
        if path == [name] || by_inode.is_some() {
            let whose = by_inode.map_or("nobody's", |(whose, _)| whose);
            found.push(format!("{flags} {kind} {state} {} {whose}", path.join(" ")));
        }
    }
    found.sort();
    found.join(", ")
}

fn unix() {
    let address = |name: &[u8]| {
        let mut bytes = (AF_UNIX as u16).to_ne_bytes().to_vec();
        bytes.extend_from_slice(name);
        bytes
    };
    let name = address(b"\0an abstract\0one");
    let server = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0).value();
    show!("new", lines_of("", &[("server", server)]));
    sys!(SYS_bind, server, name.as_ptr(), name.len());
    show!("bound", lines_of("@an", &[("server", server)]));
    sys!(SYS_listen, server, 5);
    show!("listening", lines_of("@an", &[("server", server)]));
    let path = address(b"named\0");
    let other = sys!(SYS_socket, AF_UNIX, SOCK_SEQPACKET, 0).value();
    sys!(SYS_bind, other, path.as_ptr(), path.len());
    sys!(SYS_listen, other, 5);
    let client = sys!(SYS_socket, AF_UNIX, SOCK_SEQPACKET, 0).value();
    sys!(SYS_connect, client, path.as_ptr(), path.len());
    let known = [("listener", other), ("client", client)];
    show!("connected", lines_of("named", &known));
    let accepted = sys!(SYS_accept, other, 0, 0).value();
    let known = [
        ("listener", other),
        ("client", client),
        ("accepted", accepted),
    ];
    show!("accepted", lines_of("named", &known));
    let datagrams = sys!(SYS_socket, AF_UNIX, SOCK_DGRAM, 0).value();
    show!("datagrams", lines_of("", &[("it", datagrams)]));
    sys::close_all(&[server, other, client, accepted, datagrams]);
    show!("closed", lines_of("named", &[]));
}
