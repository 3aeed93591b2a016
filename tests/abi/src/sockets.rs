//! Unix sockets: pairs, names, messages, descriptors and credentials passed, shutting down.

use crate::{child, show, sys};
use libc::*;

fn pair(kind: i32) -> [i32; 2] {
    let mut ends = [0; 2];
    let made = sys!(SYS_socketpair, AF_UNIX, kind, 0, ends.as_mut_ptr());
    if made.failed() {
        println!("socketpair: {made}");
    }
    ends
}

fn close(ends: [i32; 2]) {
    sys::close_all(&ends);
}

fn send(fd: i32, text: &str, flags: i32) -> sys::Ret {
    sys!(
        SYS_sendto,
        fd,
        text.as_ptr(),
        text.len(),
        flags | MSG_NOSIGNAL,
        0,
        0
    )
}

fn receive(fd: i32, room: usize, flags: i32) -> String {
    let mut bytes = vec![0_u8; room];
    let read = sys!(
        SYS_recvfrom,
        fd,
        bytes.as_mut_ptr(),
        room,
        flags | MSG_DONTWAIT,
        0,
        0
    );
    if read.failed() {
        read.to_string()
    } else {
        let len = (read.0 as usize).min(room);
        format!("{} {:?}", read, String::from_utf8_lossy(&bytes[..len]))
    }
}

/// A `sockaddr_un`, and its length.
fn address(name: &[u8]) -> ([u8; 110], u32) {
    let mut bytes = [0; 110];
    bytes[0] = AF_UNIX as u8;
    bytes[2..2 + name.len()].copy_from_slice(name);
    (bytes, 2 + name.len() as u32)
}

fn bind(fd: i32, name: &[u8]) -> sys::Ret {
    let (bytes, len) = address(name);
    sys!(SYS_bind, fd, bytes.as_ptr(), len)
}

fn connect(fd: i32, name: &[u8]) -> sys::Ret {
    let (bytes, len) = address(name);
    sys!(SYS_connect, fd, bytes.as_ptr(), len)
}

fn socket(kind: i32) -> i32 {
    sys!(SYS_socket, AF_UNIX, kind, 0).value()
}

fn option(fd: i32, which: i32) -> String {
    let mut value = 0_i32;
    let mut len = 4_u32;
    let got = sys!(
        SYS_getsockopt,
        fd,
        SOL_SOCKET,
        which,
        &raw mut value,
        &raw mut len
    );
    if got.failed() {
        got.to_string()
    } else {
        value.to_string()
    }
}

pub fn run() {
    kinds();
    streams();
    records();
    names();
    descriptors();
    credentials();
    shutting();
    options();
}

fn kinds() {
    show!("no family", sys!(SYS_socket, 99, SOCK_STREAM, 0));
    show!("no kind", sys!(SYS_socket, AF_UNIX, 77, 0));
    show!("wrong protocol", sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 99));
    show!("flags", {
        let fd = socket(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
        let flags = format!(
            "{:#o} {}",
            sys!(SYS_fcntl, fd, F_GETFL).0,
            sys!(SYS_fcntl, fd, F_GETFD)
        );
        sys!(SYS_close, fd);
        flags
    });
    show!("raw is datagram", {
        let fd = socket(SOCK_RAW);
        let kind = option(fd, SO_TYPE);
        sys!(SYS_close, fd);
        kind
    });
    show!(
        "pair of wrong address",
        sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8)
    );
    show!("call on a file", sys!(SYS_listen, 1, 1).failed());
    show!("call on nothing", sys!(SYS_listen, 99, 1));
}

fn streams() {
    let ends = pair(SOCK_STREAM);
    show!("send", send(ends[0], "hello", 0));
    show!("send more", send(ends[0], "world", 0));
    show!("peek", receive(ends[1], 3, MSG_PEEK));
    show!("all", receive(ends[1], 20, 0));
    show!("none", receive(ends[1], 20, 0));
    show!("out of band", send(ends[0], "x", MSG_OOB).outcome());
    receive(ends[1], 20, 0);
    show!("receive out of band", receive(ends[1], 1, MSG_OOB));
    let mut waiting = 7_i32;
    send(ends[0], "abc", 0);
    sys!(SYS_ioctl, ends[1], FIONREAD, &raw mut waiting);
    show!("FIONREAD", waiting);
    show!("truncated", receive(ends[1], 1, MSG_TRUNC));
    show!("read", sys!(SYS_read, ends[1], [0_u8; 9].as_mut_ptr(), 9));
    sys!(SYS_close, ends[0]);
    show!("end", receive(ends[1], 9, 0));
    show!("send to nobody", send(ends[1], "x", 0));
    show!(
        "signal",
        child::run(|| {
            sys!(SYS_write, ends[1], c"x", 1);
            0
        })
    );
    sys!(SYS_close, ends[1]);
    let ends = pair(SOCK_STREAM);
    send(ends[1], "unread", 0);
    sys!(SYS_close, ends[0]);
    show!("reset when left unread", receive(ends[1], 9, 0));
    show!("then the end", receive(ends[1], 9, 0));
    sys!(SYS_close, ends[1]);
    let ends = pair(SOCK_STREAM);
    show!("send to an address", {
        let (bytes, len) = address(b"/x");
        sys!(SYS_sendto, ends[0], c"x", 1, 0, bytes.as_ptr(), len)
    });
    close(ends);
}

fn records() {
    for (name, kind) in [("seqpacket", SOCK_SEQPACKET), ("datagram", SOCK_DGRAM)] {
        let ends = pair(kind);
        send(ends[0], "one", 0);
        send(ends[0], "three", 0);
        send(ends[0], "", 0);
        show!(name, receive(ends[1], 9, 0));
        show!(name, receive(ends[1], 2, 0));
        show!(name, receive(ends[1], 9, 0));
        show!(name, receive(ends[1], 9, 0));
        send(ends[0], "length", 0);
        show!(name, receive(ends[1], 2, MSG_TRUNC));
        let large = "x".repeat(400_000);
        show!(name, send(ends[0], &large, MSG_DONTWAIT));
        sys!(SYS_close, ends[0]);
        show!(name, receive(ends[1], 9, 0));
        show!(name, send(ends[1], "x", 0));
        sys!(SYS_close, ends[1]);
    }
}

fn names() {
    let listener = socket(SOCK_STREAM);
    show!("bind", bind(listener, b"sock"));
    show!("bind again", bind(listener, b"sock2"));
    let second = socket(SOCK_STREAM);
    show!("bind a name that is taken", bind(second, b"sock"));
    show!("bind below nothing", bind(second, b"none/sock"));
    show!("too long", {
        let (bytes, _) = address(b"x");
        sys!(SYS_bind, second, bytes.as_ptr(), 111)
    });
    show!("connect before it listens", connect(second, b"sock"));
    show!("accept before it listens", sys!(SYS_accept, listener, 0, 0));
    show!("listen", sys!(SYS_listen, listener, 1));
    show!("listen unnamed", sys!(SYS_listen, socket(SOCK_STREAM), 1));
    show!(
        "listen for datagrams",
        sys!(SYS_listen, socket(SOCK_DGRAM), 1)
    );
    show!("connect", connect(second, b"sock"));
    show!("connect again", connect(second, b"sock"));
    let waiting = socket(SOCK_STREAM | SOCK_NONBLOCK);
    show!("a second waits", connect(waiting, b"sock"));
    let third = socket(SOCK_STREAM | SOCK_NONBLOCK);
    show!("a third does not", connect(third, b"sock"));
    let (mut bytes, _) = address(b"");
    let mut len = 110_u32;
    let accepted = sys!(
        SYS_accept4,
        listener,
        bytes.as_mut_ptr(),
        &raw mut len,
        SOCK_CLOEXEC
    );
    show!("accept", accepted.outcome());
    show!("its peer has no name", len);
    show!(
        "accept with wrong flags",
        sys!(SYS_accept4, listener, 0, 0, 1)
    );
    len = 110;
    sys!(SYS_getsockname, accepted, bytes.as_mut_ptr(), &raw mut len);
    show!(
        "name",
        "{} {:?}",
        len,
        String::from_utf8_lossy(&bytes[2..6])
    );
    len = 110;
    show!(
        "peer of a listener",
        sys!(SYS_getpeername, listener, bytes.as_mut_ptr(), &raw mut len)
    );
    len = 4;
    sys!(SYS_getpeername, second, bytes.as_mut_ptr(), &raw mut len);
    show!("peer's name into little room", len);
    show!("connect to a file", {
        sys!(SYS_mknod, c"file", S_IFREG | 0o600, 0);
        connect(third, b"file")
    });
    show!("connect to nothing", connect(third, b"absent"));
    show!("wrong kind", connect(socket(SOCK_DGRAM), b"sock"));
    show!("open a socket", sys!(SYS_open, c"sock", O_RDWR, 0));
    sys!(SYS_close, listener);
    show!("connect to a closed one", connect(third, b"sock"));
    show!("unlink", sys!(SYS_unlink, c"sock"));
    let hidden = socket(SOCK_STREAM);
    show!("abstract", bind(hidden, b"\0ochre-abi"));
    sys!(SYS_listen, hidden, 1);
    show!(
        "connect abstract",
        connect(socket(SOCK_STREAM), b"\0ochre-abi")
    );
    show!(
        "no such abstract",
        connect(socket(SOCK_STREAM), b"\0ochre-none")
    );
    let automatic = socket(SOCK_DGRAM);
    show!("automatic name", bind(automatic, b""));
    len = 110;
    sys!(SYS_getsockname, automatic, bytes.as_mut_ptr(), &raw mut len);
    show!("its length", "{} {}", len, bytes[2]);
    let datagram = socket(SOCK_DGRAM);
    show!("send unconnected", send(datagram, "x", 0));
    bind(datagram, b"dgram");
    let sender = socket(SOCK_DGRAM);
    let (to, to_len) = address(b"dgram");
    show!(
        "send to",
        sys!(SYS_sendto, sender, c"hi", 2, 0, to.as_ptr(), to_len)
    );
    show!("receive", receive(datagram, 9, 0));
    show!("connect a datagram socket", connect(sender, b"dgram"));
    show!("send", send(sender, "yo", 0));
    len = 110;
    show!("from nobody", {
        let mut byte = [0_u8; 4];
        let got = sys!(
            SYS_recvfrom,
            datagram,
            byte.as_mut_ptr(),
            4,
            0,
            bytes.as_mut_ptr(),
            &raw mut len
        );
        format!("{got} {len}")
    });
    show!("a peer that is another's", {
        connect(datagram, b"\0elsewhere");
        let ends = pair(SOCK_DGRAM);
        bind(ends[0], b"\0ochre-pair");
        let result = connect(socket(SOCK_DGRAM), b"\0ochre-pair");
        close(ends);
        result
    });
}

/// The kernel's `struct msghdr`.
#[repr(C)]
#[derive(Default)]
struct Message {
    name: usize,
    name_len: usize,
    parts: usize,
    part_count: usize,
    control: usize,
    control_len: usize,
    flags: i32,
}

/// Sends a byte with control data; the call's result.
fn send_control(fd: i32, kind: i32, data: &[i32]) -> sys::Ret {
    let mut control = [0_u64; 40];
    let bytes = size_of_val(data);
    control[0] = 16 + bytes as u64;
    control[1] = SOL_SOCKET as u64 | (kind as u64) << 32;
    for (index, pair) in data.chunks(2).enumerate() {
        let high = pair.get(1).copied().unwrap_or(0);
        control[2 + index] = u64::from(pair[0] as u32) | u64::from(high as u32) << 32;
    }
    let byte = 1_u8;
    let part = iovec {
        iov_base: (&raw const byte).cast_mut().cast(),
        iov_len: 1,
    };
    let message = Message {
        parts: (&raw const part).addr(),
        part_count: 1,
        control: control.as_ptr().addr(),
        control_len: (16 + bytes).next_multiple_of(8),
        ..Message::default()
    };
    sys!(SYS_sendmsg, fd, &raw const message, MSG_NOSIGNAL)
}

/// Receives a message with room for control data: result, flags, and the control words.
fn receive_control(fd: i32, room: usize, flags: i32) -> (sys::Ret, i32, Vec<i32>) {
    let mut control = [0_i32; 64];
    let mut byte = [0_u8; 8];
    let part = iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 8,
    };
    let mut message = Message {
        parts: (&raw const part).addr(),
        part_count: 1,
        control: if room == 0 {
            0
        } else {
            control.as_mut_ptr().addr()
        },
        control_len: room,
        ..Message::default()
    };
    let got = sys!(SYS_recvmsg, fd, &raw mut message, flags | MSG_DONTWAIT);
    let words = message.control_len / 4;
    (got, message.flags, control[..words.min(64)].to_vec())
}

fn descriptors() {
    let ends = pair(SOCK_STREAM);
    let file = sys!(SYS_memfd_create, c"passed", 0).value();
    sys!(SYS_write, file, c"inside", 6);
    show!("pass", send_control(ends[0], SCM_RIGHTS, &[file]));
    sys!(SYS_close, file);
    let (got, flags, words) = receive_control(ends[1], 64, MSG_CMSG_CLOEXEC);
    show!(
        "got",
        "{} flags {:#x} words {}",
        got,
        flags & 0xffff,
        words.len()
    );
    let mut bytes = [0_u8; 6];
    sys!(SYS_pread64, words[4], bytes.as_mut_ptr(), 6, 0);
    show!("contents", String::from_utf8_lossy(&bytes));
    show!("close-on-exec", sys!(SYS_fcntl, words[4], F_GETFD));
    sys!(SYS_close, words[4]);
    show!("pass nothing", send_control(ends[0], SCM_RIGHTS, &[99]));
    show!("unknown control", send_control(ends[0], 99, &[1]));
    send_control(ends[0], SCM_RIGHTS, &[0, 1, 2]);
    let (got, flags, words) = receive_control(ends[1], 24, 0);
    show!(
        "room for two",
        "{} truncated {} words {}",
        got,
        flags & MSG_CTRUNC != 0,
        words.len()
    );
    sys::close_all(words.get(4..).unwrap_or_default());
    send_control(ends[0], SCM_RIGHTS, &[0]);
    let (got, flags, _) = receive_control(ends[1], 0, 0);
    show!("no room", "{} truncated {}", got, flags & MSG_CTRUNC != 0);
    send_control(ends[0], SCM_RIGHTS, &[0]);
    send(ends[0], "next", 0);
    let (got, _, words) = receive_control(ends[1], 64, 0);
    show!(
        "with a descriptor, more comes along or not",
        "{} {}",
        got,
        words.len()
    );
    sys::close_all(words.get(4..).unwrap_or_default());
    show!("rest", receive(ends[1], 9, 0));
    show!(
        "too many",
        send_control(ends[0], SCM_RIGHTS, &[0; 254][..70]).outcome()
    );
    close(ends);
    show!("a socket that is sent through itself", {
        let ends = pair(SOCK_STREAM);
        let sent = send_control(ends[0], SCM_RIGHTS, &[ends[0], ends[1]]);
        close(ends);
        sent
    });
    circles();
}

/// Sockets that are left in each other's queues go, and what waits there with them.
fn circles() {
    // Whether the pipe whose writing end waits in a queue comes to its end.
    let ends_soon = |reader: i32| {
        let start = std::time::Instant::now();
        let mut polled = [pollfd {
            fd: reader,
            events: POLLIN,
            revents: 0,
        }];
        while start.elapsed().as_secs() < 60 {
            // Closing a socket is when kernels look for such.
            close(pair(SOCK_STREAM));
            if sys!(SYS_poll, polled.as_mut_ptr(), 1, 10).0 == 1 {
                return polled[0].revents & POLLHUP != 0;
            }
        }
        false
    };
    let pipe = || {
        let mut ends = [0_i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        ends
    };
    for (name, kind) in [
        ("stream", SOCK_STREAM),
        ("datagram", SOCK_DGRAM),
        ("packet", SOCK_SEQPACKET),
    ] {
        let (ends, [reader, writer]) = (pair(kind), pipe());
        send_control(ends[0], SCM_RIGHTS, &[ends[1], writer]);
        sys!(SYS_close, writer);
        close([ends[1], ends[0]]);
        show!(format!("{name} in its own queue"), ends_soon(reader));
        sys!(SYS_close, reader);

        let (one, other, [reader, writer]) = (pair(kind), pair(kind), pipe());
        send_control(one[0], SCM_RIGHTS, &[other[1], writer]);
        send_control(other[0], SCM_RIGHTS, &[one[1], one[0]]);
        sys!(SYS_close, writer);
        close([one[1], one[0]]);
        close([other[1], other[0]]);
        show!(format!("{name}s in a circle"), ends_soon(reader));
        sys!(SYS_close, reader);

        let (one, other, [reader, writer]) = (pair(kind), pair(kind), pipe());
        send_control(one[0], SCM_RIGHTS, &[one[1], one[0]]);
        send_control(other[0], SCM_RIGHTS, &[one[1], writer]);
        sys!(SYS_close, writer);
        close(one);
        close(pair(SOCK_STREAM));
        let mut polled = [pollfd {
            fd: reader,
            events: POLLIN,
            revents: 0,
        }];
        show!(
            format!("{name} whose circle is held"),
            sys!(SYS_poll, polled.as_mut_ptr(), 1, 30)
        );
        let (got, _, words) = receive_control(other[1], 64, 0);
        show!(format!("{name} taken out"), "{} {}", got, words.len());
        let again = receive_control(words[4], 64, 0);
        show!(
            format!("{name} that was in the circle"),
            "{} {}",
            again.0,
            again.2.len()
        );
        sys::close_all(&words[4..]);
        sys::close_all(again.2.get(4..).unwrap_or_default());
        close(other);
        show!(format!("{name} let go"), ends_soon(reader));
        sys!(SYS_close, reader);
    }
    let (listener, [reader, writer]) = (socket(SOCK_STREAM), pipe());
    bind(listener, b"circle");
    sys!(SYS_listen, listener, 1);
    let client = socket(SOCK_STREAM);
    connect(client, b"circle");
    send_control(client, SCM_RIGHTS, &[listener, writer]);
    sys::close_all(&[listener, client, writer]);
    show!("listener in a connection to it", ends_soon(reader));
    sys!(SYS_close, reader);
    // What /proc shows of a socket does not keep it.
    for (name, flags) in [("place", O_PATH), ("link", O_PATH | O_NOFOLLOW)] {
        let (ends, [reader, writer]) = (pair(SOCK_STREAM), pipe());
        let path = format!("/proc/self/fd/{}", ends[1]);
        let path = std::ffi::CString::new(path).expect("no NUL");
        let held = sys!(SYS_open, &*path, flags).value();
        send_control(ends[0], SCM_RIGHTS, &[held, writer]);
        sys::close_all(&[held, ends[1], ends[0], writer]);
        show!(
            format!("socket whose {name} waits in it"),
            ends_soon(reader)
        );
        sys!(SYS_close, reader);
    }
}

fn credentials() {
    let ends = pair(SOCK_STREAM);
    let mut peer = [0_u32; 3];
    let mut len = 12_u32;
    show!(
        "peer",
        sys!(
            SYS_getsockopt,
            ends[0],
            SOL_SOCKET,
            SO_PEERCRED,
            peer.as_mut_ptr(),
            &raw mut len
        )
    );
    show!(
        "peer is me",
        peer[0] as isize == sys!(SYS_getpid).0 && peer[1] == 0 && len == 12
    );
    let on = 1_i32;
    show!(
        "ask for them",
        sys!(
            SYS_setsockopt,
            ends[1],
            SOL_SOCKET,
            SO_PASSCRED,
            &raw const on,
            4
        )
    );
    send(ends[0], "x", 0);
    let (got, _, words) = receive_control(ends[1], 64, 0);
    show!("they come", "{} kind {} length {}", got, words[3], words[0]);
    show!("mine", words[4] as isize == sys!(SYS_getpid).0);
    let me = sys!(SYS_getpid).0 as i32;
    show!(
        "say them",
        send_control(ends[0], SCM_CREDENTIALS, &[me, 5, 6])
    );
    let (_, _, words) = receive_control(ends[1], 64, 0);
    show!("as said", "{} {}", words[5], words[6]);
    show!(
        "nobody's",
        send_control(ends[0], SCM_CREDENTIALS, &[999_999, 0, 0])
    );
    close(ends);
}

fn shutting() {
    let ends = pair(SOCK_STREAM);
    send(ends[0], "before", 0);
    show!("shut writing", sys!(SYS_shutdown, ends[0], SHUT_WR));
    show!("send", send(ends[0], "x", 0));
    show!("what was sent", receive(ends[1], 9, 0));
    show!("end", receive(ends[1], 9, 0));
    show!("other way", send(ends[1], "back", 0));
    show!("arrives", receive(ends[0], 9, 0));
    let mut polled = [pollfd {
        fd: ends[1],
        events: POLLIN | POLLOUT | POLLRDHUP,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    show!("events", "{:#x}", polled[0].revents);
    show!("shut reading", sys!(SYS_shutdown, ends[0], SHUT_RD));
    polled[0].fd = ends[0];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    show!("events", "{:#x}", polled[0].revents);
    show!("send to it", send(ends[1], "x", 0));
    show!("shut wrongly", sys!(SYS_shutdown, ends[0], 9));
    show!(
        "shut unconnected",
        sys!(SYS_shutdown, socket(SOCK_STREAM), SHUT_RD)
    );
    close(ends);
}

/// What is told of times that were set: whole ticks.
fn kept_times(fd: i32) {
    for (sec, usec) in [(1, 1), (0, 999_999), (-1, 5), (2, -1), (0, 0)] {
        let time = [sec, usec, 0_i64];
        let at = time.as_ptr();
        let set = sys!(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, at, 16);
        let mut told = [-1_i64; 2];
        let mut len = 16_u32;
        let at = told.as_mut_ptr();
        let (which, len) = (SO_SNDTIMEO, &raw mut len);
        sys!(SYS_getsockopt, fd, SOL_SOCKET, which, at, len);
        show!(format!("{sec} s {usec} µs to send"), "{set} {told:?}");
    }
    let linger = [1_i32, 7];
    let at = linger.as_ptr();
    show!(
        "linger",
        sys!(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, at, 8)
    );
    let mut told = [0_i32; 2];
    let (at, mut len) = (told.as_mut_ptr(), 8_u32);
    sys!(SYS_getsockopt, fd, SOL_SOCKET, SO_LINGER, at, &raw mut len);
    show!("lingers", "{told:?}");
}

fn options() {
    let fd = socket(SOCK_STREAM);
    for (name, which) in [
        ("type", SO_TYPE),
        ("domain", SO_DOMAIN),
        ("protocol", SO_PROTOCOL),
        ("error", SO_ERROR),
        ("listening", SO_ACCEPTCONN),
        ("pass credentials", SO_PASSCRED),
        ("send buffer", SO_SNDBUF),
        ("receive buffer", SO_RCVBUF),
        ("reuse", SO_REUSEADDR),
        ("keep alive", SO_KEEPALIVE),
        ("unknown", 9999),
    ] {
        show!(name, option(fd, which));
    }
    let size = 10_000_i32;
    show!(
        "set send buffer",
        sys!(
            SYS_setsockopt,
            fd,
            SOL_SOCKET,
            SO_SNDBUF,
            &raw const size,
            4
        )
    );
    show!("it doubles", option(fd, SO_SNDBUF));
    show!(
        "set with little",
        sys!(
            SYS_setsockopt,
            fd,
            SOL_SOCKET,
            SO_SNDBUF,
            &raw const size,
            2
        )
    );
    show!(
        "unknown level",
        sys!(SYS_setsockopt, fd, 77, 1, &raw const size, 4)
    );
    for (name, which) in [
        ("reuse", SO_REUSEADDR),
        ("keep alive", SO_KEEPALIVE),
        ("broadcast", SO_BROADCAST),
        ("priority", SO_PRIORITY),
        ("enough to read", SO_RCVLOWAT),
        ("type", SO_TYPE),
        ("pass credentials", SO_PASSCRED),
    ] {
        let five = 5_i32;
        show!(
            format!("set {name}"),
            sys!(SYS_setsockopt, fd, SOL_SOCKET, which, &raw const five, 4)
        );
        show!(format!("{name} then"), option(fd, which));
    }
    kept_times(fd);
    let time = [0_i64, 50_000];
    let ends = pair(SOCK_STREAM);
    show!(
        "receive time",
        sys!(
            SYS_setsockopt,
            ends[0],
            SOL_SOCKET,
            SO_RCVTIMEO,
            time.as_ptr(),
            16
        )
    );
    show!(
        "it is up",
        sys!(SYS_recvfrom, ends[0], [0_u8; 1].as_mut_ptr(), 1, 0, 0, 0)
    );
    close(ends);
    sys!(SYS_close, fd);
}
