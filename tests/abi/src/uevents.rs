//! Device events between programs: groups, ports and credentials of NETLINK_KOBJECT_UEVENT.

use crate::{child, show, sys};
use libc::*;

const UDEV: u32 = 2;
const OTHER: u32 = 4;

fn socket(kind: i32) -> i32 {
    let flags = kind | SOCK_NONBLOCK | SOCK_CLOEXEC;
    sys!(SYS_socket, AF_NETLINK, flags, NETLINK_KOBJECT_UEVENT).value()
}

/// A `sockaddr_nl`.
fn address(port: u32, groups: u32) -> [u32; 3] {
    [AF_NETLINK as u32, port, groups]
}

fn bind(fd: i32, port: u32, groups: u32) -> sys::Ret {
    sys!(SYS_bind, fd, address(port, groups).as_ptr(), 12)
}

fn port(fd: i32) -> u32 {
    let mut name = [0_u32; 3];
    let mut length = 12_u32;
    sys!(SYS_getsockname, fd, name.as_mut_ptr(), &raw mut length);
    name[1]
}

fn send(fd: i32, text: &[u8], port: u32, groups: u32) -> sys::Ret {
    sys!(
        SYS_sendto,
        fd,
        text.as_ptr(),
        text.len(),
        0,
        address(port, groups).as_ptr(),
        12
    )
}

/// The next event: its text, where it is from, and the sender's credentials if they come with it.
fn receive(fd: i32, from: u32) -> String {
    let mut text = [0_u8; 64];
    let mut name = [0_u32; 3];
    let mut control = [0_u64; 8];
    let mut vector = iovec {
        iov_base: text.as_mut_ptr().cast(),
        iov_len: text.len(),
    };
    // The kernel's msghdr: name, control data's size and flags are words, whatever a C library says.
    let mut header = [
        name.as_mut_ptr() as usize,
        12,
        &raw mut vector as usize,
        1,
        control.as_mut_ptr() as usize,
        size_of_val(&control),
        0,
    ];
    let read = sys!(SYS_recvmsg, fd, header.as_mut_ptr(), 0);
    if read.failed() {
        return read.to_string();
    }
    // Length, level and type, then pid, uid and gid.
    let [length, kind, who, gid] = [control[0], control[1], control[2], control[3]];
    let credentials = if header[5] == 0 {
        "no credentials".to_owned()
    } else {
        format!(
            "{length} {kind:x} own pid {} uid {} gid {}",
            who as u32 == std::process::id(),
            who >> 32,
            gid as u32
        )
    };
    format!(
        "{:?} from its port {} groups {} {credentials}",
        String::from_utf8_lossy(&text[..read.0 as usize]),
        name[1] == from,
        name[2]
    )
}

/// One question to the network's protocol, and what comes back: kinds, flags and numbers.
fn asked(fd: i32, kind: u16, flags: u16, body: &[u8]) -> String {
    let mut text = (16 + body.len() as u32).to_ne_bytes().to_vec();
    text.extend_from_slice(&kind.to_ne_bytes());
    text.extend_from_slice(&flags.to_ne_bytes());
    text.extend_from_slice(&7_u32.to_ne_bytes());
    text.extend_from_slice(&0_u32.to_ne_bytes());
    text.extend_from_slice(body);
    let to = address(0, 0);
    let sent = sys!(
        SYS_sendto,
        fd,
        text.as_ptr(),
        text.len(),
        0,
        to.as_ptr(),
        12
    );
    let mut got = [0_u32; 64];
    let room = size_of_val(&got);
    let len = sys!(SYS_recvfrom, fd, got.as_mut_ptr(), room, MSG_DONTWAIT, 0, 0);
    let mine = got[3] == port(fd);
    format!(
        "{sent} {len} kind {} flags {:#x} number {} for {} {mine} error {}",
        got[1] & 0xffff,
        got[1] >> 16,
        got[2],
        got[0],
        got[4].cast_signed()
    )
}

fn network() {
    const REQUEST: u16 = 1;
    const ACKNOWLEDGE: u16 = 4;
    let fd = sys!(SYS_socket, AF_NETLINK, SOCK_RAW, 0).value();
    show!("of the network", sys::Ret(fd as isize).outcome());
    let to = address(0, 0);
    show!("bound", bind(fd, 0, 0));
    show!("its port", port(fd) as i32 == sys!(SYS_getpid).value());
    show!("no such question", asked(fd, 2000, REQUEST, &[0; 4]));
    show!("nothing", asked(fd, 1, REQUEST | ACKNOWLEDGE, &[]));
    show!("nothing, and no answer", asked(fd, 1, REQUEST, &[]));
    show!("no request", asked(fd, 2000, 0, &[0; 4]));
    let short = [0_u8; 8];
    let sent = sys!(SYS_sendto, fd, short.as_ptr(), 8, 0, to.as_ptr(), 12);
    show!("too short", sent);
    show!(
        "no such protocol",
        sys!(SYS_socket, AF_NETLINK, SOCK_RAW, 77)
    );
    show!("no such kind", sys!(SYS_socket, AF_NETLINK, SOCK_STREAM, 0));
    sys!(SYS_close, fd);
}

pub fn run() {
    network();
    let (listener, sender) = (socket(SOCK_RAW), socket(SOCK_DGRAM));
    show!("bind to a group", bind(listener, 0, UDEV));
    show!(
        "its port is the process",
        port(listener) == std::process::id()
    );
    show!("send to the group", send(sender, b"one", 0, UDEV));
    show!("another port for the other", port(sender) != port(listener));
    show!("received", receive(listener, port(sender)));
    show!("nothing more", receive(listener, 0));
    let on = 1_i32;
    show!(
        "pass credentials",
        sys!(
            SYS_setsockopt,
            listener,
            SOL_SOCKET,
            SO_PASSCRED,
            &raw const on,
            4
        )
    );
    show!("send again", send(sender, b"two", 0, UDEV));
    show!("received with credentials", receive(listener, port(sender)));
    show!("send to another group", send(sender, b"three", 0, OTHER));
    show!("which is not ours", receive(listener, 0));
    show!("send to one's own group", send(listener, b"four", 0, UDEV));
    show!("not to oneself", receive(listener, 0));
    show!(
        "send to nobody's port",
        send(sender, b"five", 0x7777_7777, 0)
    );
    let third = socket(SOCK_RAW);
    show!("bind to a taken port", bind(third, port(listener), UDEV));
    show!("bind to a port of one's own", bind(third, 0x7777_7777, 0));
    show!("and to another", bind(third, 0x7777_7778, 0));
    show!("bind to a group later", bind(third, 0x7777_7777, UDEV));
    let wrong = [AF_UNIX as u32, 0, UDEV];
    show!(
        "bind as another family",
        sys!(SYS_bind, third, wrong.as_ptr(), 12)
    );
    let ended = child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        let own = socket(SOCK_RAW);
        show!("listen as a user", bind(own, 0, UDEV));
        show!("send as a user", send(own, b"six", 0, UDEV));
        0
    });
    show!("the user's process", ended);
    sys::close_all(&[listener, sender, third]);
}
