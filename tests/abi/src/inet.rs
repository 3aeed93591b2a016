//! The Internet's sockets on a machine all of whose interfaces are down: addresses and ports, options,
//! and calls that find no way to anybody.

use crate::{child, show, sys};
use libc::*;

/// A `sockaddr_in`.
fn v4(address: [u8; 4], port: u16) -> Vec<u8> {
    let mut bytes = (AF_INET as u16).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&address);
    bytes.resize(16, 0);
    bytes
}

/// A `sockaddr_in6`.
fn v6(address: [u8; 16], port: u16) -> Vec<u8> {
    let mut bytes = (AF_INET6 as u16).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&address);
    bytes.resize(28, 0);
    bytes
}

const ANY: [u8; 4] = [0; 4];
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
/// Nobody's (RFC 5737).
const NOBODY: [u8; 4] = [192, 0, 2, 1];
const GROUP: [u8; 4] = [224, 0, 0, 5];
const ALL: [u8; 4] = [255; 4];
const ANY6: [u8; 16] = [0; 16];
const LOOPBACK6: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// Nobody's (RFC 3849).
const NOBODY6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// An address of the old kind in the new one's clothes.
const MAPPED: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
const MAPPED_ANY: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];

const FAMILIES: [(&str, i32); 2] = [("v4", AF_INET), ("v6", AF_INET6)];
const KINDS: [(&str, i32); 2] = [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)];

fn socket(family: i32, kind: i32) -> i32 {
    sys!(SYS_socket, family, kind, 0).value()
}

fn close(fd: i32) {
    sys!(SYS_close, fd);
}

fn bind(fd: i32, address: &[u8]) -> sys::Ret {
    sys!(SYS_bind, fd, address.as_ptr(), address.len())
}

fn connect(fd: i32, address: &[u8]) -> sys::Ret {
    sys!(SYS_connect, fd, address.as_ptr(), address.len())
}

fn send(fd: i32, flags: i32, address: &[u8]) -> sys::Ret {
    let to = if address.is_empty() {
        0
    } else {
        address.as_ptr() as usize
    };
    sys!(
        SYS_sendto,
        fd,
        c"text".as_ptr(),
        4,
        flags | MSG_NOSIGNAL,
        to,
        address.len()
    )
}

fn receive(fd: i32, flags: i32) -> sys::Ret {
    let mut room = [0_u8; 16];
    sys!(
        SYS_recvfrom,
        fd,
        room.as_mut_ptr(),
        16,
        flags | MSG_DONTWAIT,
        0,
        0
    )
}

/// What a call that asks for an address says: its length, and the address where it isn't a port that
/// the kernel chose.
fn named(call: i64, fd: i32) -> String {
    let mut bytes = [0xaa_u8; 40];
    let mut len = 40_u32;
    let got = sys::call(
        call,
        &[
            fd as usize,
            bytes.as_mut_ptr() as usize,
            &raw mut len as usize,
        ],
    );
    if got.failed() {
        return got.to_string();
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let port = match port {
        32768..=60999 => "chosen".to_owned(),
        port => port.to_string(),
    };
    format!("{len} port {port} {:?}", &bytes[4..len as usize])
}

fn name(fd: i32) -> String {
    named(SYS_getsockname, fd)
}

fn peer(fd: i32) -> String {
    named(SYS_getpeername, fd)
}

/// An option's value as whole numbers, or what the call says.
fn option(fd: i32, level: i32, which: i32, room: u32) -> String {
    let mut value = [0x5a_u8; 64];
    let mut len = room;
    let got = sys!(
        SYS_getsockopt,
        fd,
        level,
        which,
        value.as_mut_ptr(),
        &raw mut len
    );
    if got.failed() {
        return got.to_string();
    }
    let value = &value[..len as usize];
    let words: Vec<i32> = value
        .chunks_exact(4)
        .map(|word| i32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
        .collect();
    if value.len() % 4 == 0 {
        format!("{len} {words:?}")
    } else {
        format!("{len} {value:?}")
    }
}

fn set(fd: i32, level: i32, which: i32, value: i32) -> sys::Ret {
    sys!(SYS_setsockopt, fd, level, which, &raw const value, 4)
}

fn events(fd: i32) -> String {
    let mut asked = pollfd {
        fd,
        events: !0,
        revents: 0,
    };
    sys!(SYS_poll, &raw mut asked, 1, 0);
    format!("{:#x}", asked.revents)
}

/// Runs `work` as an ordinary user.
fn as_user(work: impl FnOnce()) {
    child::run(|| {
        sys!(SYS_setresuid, 65534, 65534, 65534);
        work();
        0
    });
}

pub fn run() {
    kinds();
    for family in FAMILIES {
        for kind in KINDS {
            let what = format!("{} {}", family.0, kind.0);
            binding(&what, family.1, kind.1);
            nobody_there(&what, family.1, kind.1);
            options(&what, family.1, kind.1);
        }
    }
    ports();
    listening();
    both();
    told();
    raw();
    asking();
}

fn kinds() {
    let all = [
        ("stream", SOCK_STREAM),
        ("datagram", SOCK_DGRAM),
        ("raw", SOCK_RAW),
        ("rdm", SOCK_RDM),
        ("seqpacket", SOCK_SEQPACKET),
        ("none", 0),
        ("eleven", 11),
    ];
    for (family_name, family) in FAMILIES {
        for (kind_name, kind) in all {
            for protocol in [0, 1, 6, 17, 58, 255, 256, -1] {
                show!(
                    format!("{family_name} {kind_name} {protocol}"),
                    sys!(SYS_socket, family, kind, protocol).outcome()
                );
            }
        }
        let mut ends = [0; 2];
        show!(
            format!("{family_name} pair"),
            sys!(SYS_socketpair, family, SOCK_STREAM, 0, ends.as_mut_ptr())
        );
    }
    sys!(SYS_close_range, 3, 0xffff, 0);
    as_user(|| {
        for (family_name, family) in FAMILIES {
            show!(
                format!("{family_name} raw of a user"),
                sys!(SYS_socket, family, SOCK_RAW, 1)
            );
            show!(
                format!("{family_name} raw of no protocol of a user"),
                sys!(SYS_socket, family, SOCK_RAW, 0)
            );
            show!(
                format!("{family_name} ping of a user"),
                sys!(
                    SYS_socket,
                    family,
                    SOCK_DGRAM,
                    if family == AF_INET { 1 } else { 58 }
                )
            );
        }
    });
}

/// An address of the family, by the old kind's and the new one's.
fn of(family: i32, old: [u8; 4], new: [u8; 16], port: u16) -> Vec<u8> {
    if family == AF_INET {
        v4(old, port)
    } else {
        v6(new, port)
    }
}

fn binding(what: &str, family: i32, kind: i32) {
    let any = of(family, ANY, ANY6, 0);
    let fd = socket(family, kind);
    show!(format!("{what}, name of a new one"), name(fd));
    show!(format!("{what}, peer of a new one"), peer(fd));
    show!(
        format!("{what}, bind to a short address"),
        bind(fd, &any[..8])
    );
    show!(format!("{what}, bind to two bytes"), bind(fd, &any[..2]));
    show!(format!("{what}, bind to nothing"), bind(fd, &[]));
    let mut other = any.clone();
    other[0] = 1;
    show!(format!("{what}, bind to another family"), bind(fd, &other));
    other[0] = if family == AF_INET { AF_INET6 } else { AF_INET } as u8;
    other.resize(28, 0);
    show!(format!("{what}, bind to the other one"), bind(fd, &other));
    show!(
        format!("{what}, bind to nobody's"),
        bind(fd, &of(family, NOBODY, NOBODY6, 0))
    );
    show!(
        format!("{what}, bind to the loop"),
        bind(fd, &of(family, LOOPBACK, LOOPBACK6, 0))
    );
    show!(format!("{what}, still no name"), name(fd));
    show!(format!("{what}, bind to any"), bind(fd, &any));
    show!(format!("{what}, name"), name(fd));
    show!(format!("{what}, bind again"), bind(fd, &any));
    close(fd);

    let fd = socket(family, kind);
    show!(
        format!("{what}, bind to a port"),
        bind(fd, &of(family, ANY, ANY6, 7001))
    );
    show!(format!("{what}, its name"), name(fd));
    let second = socket(family, kind);
    show!(
        format!("{what}, bind to it again"),
        bind(second, &of(family, ANY, ANY6, 7001))
    );
    show!(
        format!("{what}, bind to another"),
        bind(second, &of(family, ANY, ANY6, 7002))
    );
    close(second);
    close(fd);
    let fd = socket(family, kind);
    show!(
        format!("{what}, bind to it when it is free"),
        bind(fd, &of(family, ANY, ANY6, 7001))
    );
    close(fd);

    let fd = socket(family, kind);
    let mut unspecified = any.clone();
    unspecified[0] = 0;
    show!(
        format!("{what}, bind to any of no family"),
        bind(fd, &unspecified)
    );
    close(fd);
    let fd = socket(family, kind);
    unspecified[4] = 1;
    unspecified[8] = 1;
    show!(
        format!("{what}, bind to some of no family"),
        bind(fd, &unspecified)
    );
    close(fd);
    let fd = socket(family, kind);
    show!(format!("{what}, bind to a group"), {
        let mut group = [0; 16];
        (group[0], group[1], group[15]) = (0xff, 5, 1);
        bind(fd, &of(family, GROUP, group, 7003))
    });
    close(fd);
    as_user(|| {
        let fd = socket(family, kind);
        show!(
            format!("{what}, a user binds to a low port"),
            bind(fd, &of(family, ANY, ANY6, 80))
        );
        show!(
            format!("{what}, a user binds to 1023"),
            bind(fd, &of(family, ANY, ANY6, 1023))
        );
        show!(
            format!("{what}, a user binds to 1024"),
            bind(fd, &of(family, ANY, ANY6, 1024))
        );
    });
}

/// Two sockets, an option for each, and a port: whether the second one may have it.
fn ports() {
    let choices = [
        ("nothing", 0),
        ("address", SO_REUSEADDR),
        ("port", SO_REUSEPORT),
    ];
    for (kind_name, kind) in KINDS {
        for (first_name, first) in choices {
            for (second_name, second) in choices {
                let (one, two) = (socket(AF_INET, kind), socket(AF_INET, kind));
                for (fd, which) in [(one, first), (two, second)] {
                    if which != 0 {
                        set(fd, SOL_SOCKET, which, 1);
                    }
                }
                bind(one, &v4(ANY, 7010));
                show!(
                    format!("{kind_name}, reuse of {first_name} and {second_name}"),
                    bind(two, &v4(ANY, 7010))
                );
                show!(
                    format!("{kind_name}, listening, {first_name} and {second_name}"),
                    format!("{} {}", sys!(SYS_listen, one, 1), sys!(SYS_listen, two, 1))
                );
                sys::close_all(&[one, two]);
            }
        }
        // The new kind's any is the old one's, too, unless it is asked not to be.
        for only in [0, 1] {
            let (one, two) = (socket(AF_INET6, kind), socket(AF_INET, kind));
            show!(
                format!("{kind_name}, only v6 {only}"),
                set(one, IPPROTO_IPV6, IPV6_V6ONLY, only)
            );
            bind(one, &v6(ANY6, 7011));
            show!(
                format!("{kind_name}, v4 beside v6, only {only}"),
                bind(two, &v4(ANY, 7011))
            );
            sys::close_all(&[one, two]);
        }
        let (one, two) = (socket(AF_INET, kind), socket(AF_INET6, kind));
        bind(one, &v4(ANY, 7012));
        show!(
            format!("{kind_name}, v6 beside v4"),
            bind(two, &v6(ANY6, 7012))
        );
        set(two, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        show!(
            format!("{kind_name}, v6 alone beside v4"),
            bind(two, &v6(ANY6, 7012))
        );
        sys::close_all(&[one, two]);
    }
    let (stream, datagram) = (socket(AF_INET, SOCK_STREAM), socket(AF_INET, SOCK_DGRAM));
    bind(stream, &v4(ANY, 7013));
    show!(
        "a datagram's port beside a stream's",
        bind(datagram, &v4(ANY, 7013))
    );
    sys::close_all(&[stream, datagram]);
    show!("another user's port", {
        let fd = socket(AF_INET, SOCK_DGRAM);
        set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        bind(fd, &v4(ANY, 7014));
        as_user(|| {
            let other = socket(AF_INET, SOCK_DGRAM);
            set(other, SOL_SOCKET, SO_REUSEPORT, 1);
            println!("what another user gets: {}", bind(other, &v4(ANY, 7014)));
        });
        close(fd);
        ""
    });
}

fn nobody_there(what: &str, family: i32, kind: i32) {
    let fd = socket(family, kind);
    show!(format!("{what}, events of a new one"), events(fd));
    show!(format!("{what}, receive"), receive(fd, 0));
    show!(
        format!("{what}, receive what went wrong"),
        receive(fd, MSG_ERRQUEUE)
    );
    show!(format!("{what}, receive out of band"), receive(fd, MSG_OOB));
    show!(format!("{what}, send to nowhere"), send(fd, 0, &[]));
    show!(
        format!("{what}, send to nobody"),
        send(fd, 0, &of(family, NOBODY, NOBODY6, 7))
    );
    show!(
        format!("{what}, send to the loop"),
        send(fd, 0, &of(family, LOOPBACK, LOOPBACK6, 7))
    );
    show!(
        format!("{what}, send to any"),
        send(fd, 0, &of(family, ANY, ANY6, 7))
    );
    show!(
        format!("{what}, send to no port"),
        send(fd, 0, &of(family, NOBODY, NOBODY6, 0))
    );
    show!(
        format!("{what}, send to all"),
        send(fd, 0, &of(family, ALL, [0xff; 16], 7))
    );
    show!(
        format!("{what}, send to a short address"),
        send(fd, 0, &[2, 0, 0, 7])
    );
    show!(
        format!("{what}, send to a wrong family"),
        send(fd, 0, &[77; 28])
    );
    show!(
        format!("{what}, send out of band"),
        send(fd, MSG_OOB, &of(family, NOBODY, NOBODY6, 7))
    );
    show!(
        format!("{what}, send fast"),
        send(fd, MSG_FASTOPEN, &of(family, NOBODY, NOBODY6, 7))
    );
    show!(format!("{what}, its name then"), name(fd));
    close(fd);

    let fd = socket(family, kind);
    show!(format!("{what}, write"), {
        let blocked = 1_u64 << (SIGPIPE - 1);
        let old = sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const blocked, 0, 8);
        format!("{} {old}", sys!(SYS_write, fd, c"x".as_ptr(), 1))
    });
    show!(
        format!("{what}, connect to nobody"),
        connect(fd, &of(family, NOBODY, NOBODY6, 7))
    );
    show!(format!("{what}, its peer then"), peer(fd));
    show!(format!("{what}, its name after"), name(fd));
    show!(format!("{what}, events after"), events(fd));
    show!(
        format!("{what}, its error"),
        option(fd, SOL_SOCKET, SO_ERROR, 4)
    );
    show!(
        format!("{what}, connect to the loop"),
        connect(fd, &of(family, LOOPBACK, LOOPBACK6, 7))
    );
    show!(
        format!("{what}, connect to any"),
        connect(fd, &of(family, ANY, ANY6, 7))
    );
    show!(
        format!("{what}, connect to all"),
        connect(fd, &of(family, ALL, [0xff; 16], 7))
    );
    show!(
        format!("{what}, connect to no port"),
        connect(fd, &of(family, NOBODY, NOBODY6, 0))
    );
    show!(
        format!("{what}, connect to a group"),
        connect(fd, &of(family, GROUP, [0xff; 16], 7))
    );
    show!(
        format!("{what}, connect to a short address"),
        connect(fd, &[2, 0, 0, 7, 1, 1])
    );
    show!(format!("{what}, connect to one byte"), connect(fd, &[2]));
    show!(
        format!("{what}, connect to a wrong family"),
        connect(fd, &[77; 28])
    );
    show!(
        format!("{what}, connect to no family"),
        connect(fd, &[0; 28])
    );
    show!(format!("{what}, its name at the end"), name(fd));
    close(fd);

    let fd = socket(family, kind);
    for (how, word) in [("reading", 0), ("writing", 1), ("both", 2), ("wrongly", 3)] {
        show!(
            format!("{what}, shut down {how}"),
            sys!(SYS_shutdown, fd, word)
        );
    }
    show!(format!("{what}, events after shutting down"), events(fd));
    show!(format!("{what}, receive after it"), receive(fd, 0));
    show!(
        format!("{what}, send after it"),
        send(fd, 0, &of(family, NOBODY, NOBODY6, 7))
    );
    close(fd);

    let fd = socket(family, kind);
    bind(fd, &of(family, ANY, ANY6, 7020));
    show!(
        format!("{what}, bound, then connect"),
        connect(fd, &of(family, NOBODY, NOBODY6, 7))
    );
    show!(format!("{what}, the bound one's name"), name(fd));
    show!(
        format!("{what}, bound, connect to no family"),
        connect(fd, &[0; 28])
    );
    show!(format!("{what}, its name after that"), name(fd));
    show!(
        format!("{what}, accept"),
        sys!(SYS_accept4, fd, 0, 0, SOCK_NONBLOCK)
    );
    show!(format!("{what}, seek"), sys!(SYS_lseek, fd, 0, 0));
    let mut count = 7_i32;
    show!(
        format!("{what}, bytes to read"),
        sys!(SYS_ioctl, fd, FIONREAD, &raw mut count)
    );
    show!(format!("{what}, how many"), count);
    show!(
        format!("{what}, bytes unsent"),
        sys!(SYS_ioctl, fd, TIOCOUTQ, &raw mut count)
    );
    show!(
        format!("{what}, at the mark"),
        sys!(SYS_ioctl, fd, 0x8905, &raw mut count)
    );
    show!(
        format!("{what}, no such question"),
        sys!(SYS_ioctl, fd, 0x1234, &raw mut count)
    );
    close(fd);
}

fn listening() {
    for (family_name, family) in FAMILIES {
        let fd = socket(family, SOCK_STREAM);
        show!(
            format!("{family_name}, accept before"),
            sys!(SYS_accept, fd, 0, 0)
        );
        show!(
            format!("{family_name}, listen unbound"),
            sys!(SYS_listen, fd, 5)
        );
        show!(format!("{family_name}, name of the listener"), name(fd));
        show!(
            format!("{family_name}, listens"),
            option(fd, SOL_SOCKET, SO_ACCEPTCONN, 4)
        );
        show!(
            format!("{family_name}, listen again"),
            sys!(SYS_listen, fd, 50)
        );
        sys!(SYS_fcntl, fd, F_SETFL, O_NONBLOCK);
        show!(format!("{family_name}, accept"), sys!(SYS_accept, fd, 0, 0));
        show!(
            format!("{family_name}, accept with wrong flags"),
            sys!(SYS_accept4, fd, 0, 0, 0x1234)
        );
        show!(format!("{family_name}, events of the listener"), events(fd));
        show!(
            format!("{family_name}, the listener connects"),
            connect(fd, &of(family, NOBODY, NOBODY6, 7))
        );
        show!(
            format!("{family_name}, the listener is bound"),
            bind(fd, &of(family, ANY, ANY6, 7030))
        );
        show!(
            format!("{family_name}, the listener sends"),
            send(fd, 0, &[])
        );
        show!(
            format!("{family_name}, the listener receives"),
            receive(fd, 0)
        );
        show!(format!("{family_name}, the listener's peer"), peer(fd));
        let mut count = 7_i32;
        show!(
            format!("{family_name}, the listener's bytes"),
            sys!(SYS_ioctl, fd, FIONREAD, &raw mut count)
        );
        show!(
            format!("{family_name}, the listener is shut for writing"),
            sys!(SYS_shutdown, fd, 1)
        );
        show!(
            format!("{family_name}, still listens"),
            option(fd, SOL_SOCKET, SO_ACCEPTCONN, 4)
        );
        show!(
            format!("{family_name}, the listener is shut"),
            sys!(SYS_shutdown, fd, 0)
        );
        show!(
            format!("{family_name}, listens no more"),
            option(fd, SOL_SOCKET, SO_ACCEPTCONN, 4)
        );
        show!(
            format!("{family_name}, events of what listened"),
            events(fd)
        );
        show!(
            format!("{family_name}, accept of it"),
            sys!(SYS_accept, fd, 0, 0)
        );
        show!(format!("{family_name}, its name"), name(fd));
        show!(
            format!("{family_name}, it listens again"),
            sys!(SYS_listen, fd, 5)
        );
        close(fd);
    }
    show!(
        "a datagram listens",
        sys!(SYS_listen, socket(AF_INET, SOCK_DGRAM), 5)
    );
    let fd = socket(AF_INET, SOCK_STREAM);
    bind(fd, &v4(ANY, 7031));
    show!("a listener that waits is woken by shutting it down", {
        sys!(SYS_listen, fd, 5);
        let pid = child::fork(|| {
            let accepted = sys!(SYS_accept, fd, 0, 0);
            i32::from(accepted.0 as i32 == -EINVAL)
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        sys!(SYS_shutdown, fd, 0);
        child::wait(pid)
    });
    close(fd);
    let fd = socket(AF_INET, SOCK_DGRAM);
    bind(fd, &v4(ANY, 7032));
    show!("a receiver that waits is woken by shutting it down", {
        let pid = child::fork(|| {
            let mut byte = 0_u8;
            let read = sys!(SYS_recvfrom, fd, &raw mut byte, 1, 0, 0, 0);
            read.0.unsigned_abs() as i32
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        println!("shut down: {}", sys!(SYS_shutdown, fd, 2));
        child::wait(pid)
    });
    let time = [0_i64, 20_000];
    show!(
        "a time to wait",
        sys!(
            SYS_setsockopt,
            fd,
            SOL_SOCKET,
            SO_RCVTIMEO,
            time.as_ptr(),
            16
        )
    );
    show!("receive after that time", {
        let fd = socket(AF_INET, SOCK_DGRAM);
        sys!(
            SYS_setsockopt,
            fd,
            SOL_SOCKET,
            SO_RCVTIMEO,
            time.as_ptr(),
            16
        );
        let mut byte = 0_u8;
        sys!(SYS_recvfrom, fd, &raw mut byte, 1, 0, 0, 0)
    });
    close(fd);
}

/// The new kind's sockets with the old kind's addresses.
fn both() {
    for (kind_name, kind) in KINDS {
        let fd = socket(AF_INET6, kind);
        show!(
            format!("{kind_name}, bind to a mapped address"),
            bind(fd, &v6(MAPPED, 0))
        );
        show!(
            format!("{kind_name}, bind to any mapped"),
            bind(fd, &v6(MAPPED_ANY, 0))
        );
        show!(format!("{kind_name}, its name"), name(fd));
        close(fd);
        let fd = socket(AF_INET6, kind);
        show!(
            format!("{kind_name}, connect to a mapped address"),
            connect(fd, &v6(MAPPED, 7))
        );
        show!(
            format!("{kind_name}, connect to the old kind's"),
            connect(fd, &v4(NOBODY, 7))
        );
        show!(
            format!("{kind_name}, send to a mapped address"),
            send(fd, 0, &v6(MAPPED, 7))
        );
        show!(
            format!("{kind_name}, send to the old kind's"),
            send(fd, 0, &v4(NOBODY, 7))
        );
        show!(
            format!("{kind_name}, only v6 then"),
            set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
        );
        show!(
            format!("{kind_name}, connect to it all the same"),
            connect(fd, &v6(MAPPED, 7))
        );
        close(fd);
    }
}

fn options(what: &str, family: i32, kind: i32) {
    let general = [
        ("type", SO_TYPE),
        ("domain", SO_DOMAIN),
        ("protocol", SO_PROTOCOL),
        ("error", SO_ERROR),
        ("listens", SO_ACCEPTCONN),
        ("linger", SO_LINGER),
        ("peer", SO_PEERCRED),
        ("time to receive", SO_RCVTIMEO),
    ];
    let fd = socket(family, kind);
    for (name, which) in general {
        show!(format!("{what}, {name}"), option(fd, SOL_SOCKET, which, 64));
    }
    let switches = [
        ("reuse address", SO_REUSEADDR),
        ("reuse port", SO_REUSEPORT),
        ("keep alive", SO_KEEPALIVE),
        ("broadcast", SO_BROADCAST),
        ("no route", SO_DONTROUTE),
        ("in line", SO_OOBINLINE),
        ("priority", SO_PRIORITY),
        ("least to receive", SO_RCVLOWAT),
        ("stamps", SO_TIMESTAMP),
        ("fine stamps", SO_TIMESTAMPNS),
        ("mark", SO_MARK),
        ("debug", SO_DEBUG),
        ("busy", SO_BUSY_POLL),
        ("lost", SO_RXQ_OVFL),
        ("credentials", SO_PASSCRED),
        ("no check", SO_NO_CHECK),
        ("locked filter", SO_LOCK_FILTER),
        ("incoming CPU", SO_INCOMING_CPU),
        ("none such", 999),
    ];
    for (name, which) in switches {
        show!(
            format!("{what}, {name}"),
            format!(
                "{}, {}, {}",
                option(fd, SOL_SOCKET, which, 64),
                set(fd, SOL_SOCKET, which, 3),
                option(fd, SOL_SOCKET, which, 64)
            )
        );
    }
    for (name, which) in [("to send", SO_SNDBUF), ("to receive", SO_RCVBUF)] {
        for size in [0, 10_000, 100_000, 100_000_000] {
            show!(
                format!("{what}, {size} bytes {name}"),
                format!(
                    "{}, {}",
                    set(fd, SOL_SOCKET, which, size),
                    option(fd, SOL_SOCKET, which, 4)
                )
            );
        }
    }
    show!(format!("{what}, half an option"), {
        let on = 1_i32;
        sys!(
            SYS_setsockopt,
            fd,
            SOL_SOCKET,
            SO_REUSEADDR,
            &raw const on,
            2
        )
    });
    show!(format!("{what}, no such level"), set(fd, 4242, 1, 1));
    show!(
        format!("{what}, no such level to get"),
        option(fd, 4242, 1, 4)
    );
    show!(
        format!("{what}, a byte of an option"),
        option(fd, SOL_SOCKET, SO_TYPE, 1)
    );
    let of_address = [
        ("type of service", IP_TOS, 16),
        ("time to live", IP_TTL, 7),
        ("wrong time to live", IP_TTL, 300),
        ("header", IP_HDRINCL, 1),
        ("find the size", IP_MTU_DISCOVER, 2),
        ("wrong way to find it", IP_MTU_DISCOVER, 99),
        ("errors", IP_RECVERR, 1),
        ("address", IP_PKTINFO, 1),
        ("time to live of others", IP_RECVTTL, 1),
        ("service of others", IP_RECVTOS, 1),
        ("group's reach", IP_MULTICAST_TTL, 3),
        ("group's loop", IP_MULTICAST_LOOP, 0),
        ("foreign", IP_FREEBIND, 1),
        ("transparent", IP_TRANSPARENT, 1),
        ("size", IP_MTU, 1),
        ("port late", 24, 1),
        ("none such", 99, 1),
    ];
    for (name, which, value) in of_address {
        show!(
            format!("{what}, v4's {name}"),
            format!(
                "{}, {}, {}",
                option(fd, IPPROTO_IP, which, 4),
                set(fd, IPPROTO_IP, which, value),
                option(fd, IPPROTO_IP, which, 4)
            )
        );
    }
    let of_new = [
        ("only v6", IPV6_V6ONLY, 1),
        ("hops", IPV6_UNICAST_HOPS, 9),
        ("wrong hops", IPV6_UNICAST_HOPS, 300),
        ("group's hops", IPV6_MULTICAST_HOPS, 4),
        ("group's loop", IPV6_MULTICAST_LOOP, 0),
        ("address", IPV6_RECVPKTINFO, 1),
        ("class", IPV6_TCLASS, 16),
        ("class of others", IPV6_RECVTCLASS, 1),
        ("errors", IPV6_RECVERR, 1),
        ("hops of others", IPV6_RECVHOPLIMIT, 1),
        ("find the size", IPV6_MTU_DISCOVER, 2),
        ("interface", IPV6_MULTICAST_IF, 77),
        ("none such", 199, 1),
    ];
    for (name, which, value) in of_new {
        show!(
            format!("{what}, v6's {name}"),
            format!(
                "{}, {}, {}",
                option(fd, IPPROTO_IPV6, which, 4),
                set(fd, IPPROTO_IPV6, which, value),
                option(fd, IPPROTO_IPV6, which, 4)
            )
        );
    }
    let of_stream = [
        ("at once", TCP_NODELAY, 1),
        ("cork", TCP_CORK, 1),
        ("segment", TCP_MAXSEG, 1000),
        ("wrong segment", TCP_MAXSEG, 4),
        ("idle", TCP_KEEPIDLE, 30),
        ("wrong idle", TCP_KEEPIDLE, 0),
        ("interval", TCP_KEEPINTVL, 5),
        ("probes", TCP_KEEPCNT, 4),
        ("patience", TCP_USER_TIMEOUT, 1000),
        ("quick", TCP_QUICKACK, 0),
        ("lingers", TCP_LINGER2, 10),
        ("defers", TCP_DEFER_ACCEPT, 10),
        ("tries", TCP_SYNCNT, 3),
        ("window", TCP_WINDOW_CLAMP, 10_000),
        ("fast", TCP_FASTOPEN, 5),
        ("least unsent", TCP_NOTSENT_LOWAT, 5),
        ("none such", 199, 1),
    ];
    for (name, which, value) in of_stream {
        show!(
            format!("{what}, TCP's {name}"),
            format!(
                "{}, {}, {}",
                option(fd, IPPROTO_TCP, which, 4),
                set(fd, IPPROTO_TCP, which, value),
                option(fd, IPPROTO_TCP, which, 4)
            )
        );
    }
    show!(
        format!("{what}, UDP's cork"),
        set(fd, IPPROTO_UDP, UDP_CORK, 1)
    );
    let group = [224, 0, 0, 5, 0, 0, 0, 0_u8];
    show!(
        format!("{what}, joins a group"),
        sys!(
            SYS_setsockopt,
            fd,
            IPPROTO_IP,
            IP_ADD_MEMBERSHIP,
            group.as_ptr(),
            8
        )
    );
    show!(
        format!("{what}, a device"),
        sys!(
            SYS_setsockopt,
            fd,
            SOL_SOCKET,
            SO_BINDTODEVICE,
            c"none".as_ptr(),
            4
        )
    );
    close(fd);
}

/// Questions about interfaces.
fn asking() {
    let fd = socket(AF_INET, SOCK_DGRAM);
    let mut list = [0_usize; 2];
    let mut room = [0_u8; 400];
    list[0] = 400;
    list[1] = room.as_mut_ptr() as usize;
    // SIOCGIFCONF: interfaces that have addresses.
    show!("interfaces", sys!(SYS_ioctl, fd, 0x8912, list.as_mut_ptr()));
    show!("bytes of them", list[0] as u32);
    for (name, question) in [
        ("name", 0x8910),
        ("flags", 0x8913),
        ("address", 0x8915),
        ("mask", 0x891b),
        ("size", 0x8921),
        ("hardware", 0x8927),
        ("number", 0x8933),
    ] {
        let mut request = [0_u8; 40];
        request[..5].copy_from_slice(b"none0");
        show!(
            format!("an interface's {name}"),
            sys!(SYS_ioctl, fd, question, request.as_mut_ptr())
        );
    }
    close(fd);
}

/// What /proc/net tells of sockets with ports.
fn told() {
    let bound: Vec<i32> = FAMILIES
        .iter()
        .flat_map(|(_, family)| KINDS.map(|(_, kind)| (*family, kind)))
        .map(|(family, kind)| {
            let fd = socket(family, kind);
            bind(fd, &of(family, ANY, ANY6, 7040 + family as u16));
            fd
        })
        .collect();
    show!(
        "streams that don't listen",
        lines("tcp").len() + lines("tcp6").len()
    );
    for fd in &bound {
        sys!(SYS_listen, *fd, 1);
    }
    for file in ["tcp", "tcp6", "udp", "udp6"] {
        for line in lines(file) {
            // All but the numbers of the socket and of places in the kernel.
            let words: Vec<&str> = line.split_whitespace().collect();
            show!(
                file,
                format!(
                    "{} {:?} {:?} {:?}",
                    line.len() > 120,
                    &words[1..9],
                    &words[10..11],
                    &words[12..]
                )
            );
        }
    }
    sys::close_all(&bound);
}

/// The lines of a table of /proc/net, but for its header.
fn lines(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/self/net/{file}")).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Sockets below the protocols.
fn raw() {
    for (family_name, family) in FAMILIES {
        let protocol = if family == AF_INET { 1 } else { 58 };
        let fd = sys!(SYS_socket, family, SOCK_RAW, protocol).value();
        show!(format!("{family_name} raw, name"), name(fd));
        show!(format!("{family_name} raw, events"), events(fd));
        show!(format!("{family_name} raw, receive"), receive(fd, 0));
        show!(
            format!("{family_name} raw, protocol"),
            option(fd, SOL_SOCKET, SO_PROTOCOL, 4)
        );
        show!(
            format!("{family_name} raw, send to nowhere"),
            send(fd, 0, &[])
        );
        let nobody = of(family, NOBODY, NOBODY6, 7);
        show!(format!("{family_name} raw, connect"), connect(fd, &nobody));
        show!(
            format!("{family_name} raw, listen"),
            sys!(SYS_listen, fd, 1)
        );
        show!(
            format!("{family_name} raw, header"),
            set(fd, IPPROTO_IP, IP_HDRINCL, 1)
        );
        show!(
            format!("{family_name} raw, bind"),
            bind(fd, &of(family, ANY, ANY6, 9))
        );
        show!(
            format!("{family_name} raw, bind again"),
            bind(fd, &of(family, ANY, ANY6, 9))
        );
        show!(format!("{family_name} raw, name then"), name(fd));
        close(fd);
    }
}
