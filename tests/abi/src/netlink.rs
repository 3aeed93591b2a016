//! Netlink about tasks: families that are found by name, what tasks have used (TASKSTATS), and what
//! becomes of them (the connector).

use crate::{child, show, sys};
use libc::*;

const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const DUMP: u16 = 0x300;
/// The kind of an error's message.
const ERROR: u16 = 2;
/// The family of the families, its question and that question's attributes.
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// TASKSTATS's question and its attributes.
const GET: u8 = 1;
const OF_THREAD: u16 = 1;
const OF_PROCESS: u16 = 2;

fn open(protocol: i32) -> i32 {
    sys!(SYS_socket, AF_NETLINK, SOCK_RAW, protocol).value()
}

fn bind(fd: i32, groups: u32) -> sys::Ret {
    let address = [AF_NETLINK as u32, 0, groups];
    sys!(SYS_bind, fd, address.as_ptr(), 12)
}

fn send(fd: i32, kind: u16, flags: u16, body: &[u8]) -> sys::Ret {
    let mut text = (16 + body.len() as u32).to_ne_bytes().to_vec();
    text.extend_from_slice(&kind.to_ne_bytes());
    text.extend_from_slice(&flags.to_ne_bytes());
    text.extend_from_slice(&[0; 8]);
    text.extend_from_slice(body);
    sys!(SYS_write, fd, text.as_ptr(), text.len())
}

fn receive(fd: i32, flags: i32) -> Vec<u8> {
    let mut text = vec![0; 4096];
    let len = sys!(SYS_recvfrom, fd, text.as_mut_ptr(), 4096, flags, 0, 0);
    text.truncate(usize::try_from(len.0).unwrap_or(0));
    text
}

fn number(text: &[u8], at: usize) -> u32 {
    let bytes = text.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(u32::MAX, u32::from_ne_bytes)
}

fn short(text: &[u8], at: usize) -> u16 {
    number(text, at) as u16
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut text = (4 + value.len() as u16).to_ne_bytes().to_vec();
    text.extend_from_slice(&kind.to_ne_bytes());
    text.extend_from_slice(value);
    text.resize(text.len().next_multiple_of(4), 0);
    text
}

/// Kinds and values of all attributes.
fn attributes(mut text: &[u8]) -> Vec<(u16, &[u8])> {
    let mut all = Vec::new();
    while text.len() >= 4 {
        let len = usize::from(short(text, 0));
        let Some(value) = text.get(4..len) else {
            break;
        };
        all.push((short(text, 2), value));
        text = text.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    all
}

fn command(command: u8, attributes: &[u8]) -> Vec<u8> {
    let mut body = vec![command, 1, 0, 0];
    body.extend_from_slice(attributes);
    body
}

/// What comes back: an error, or an answer's command.
fn asked(fd: i32, kind: u16, flags: u16, body: &[u8]) -> String {
    let sent = send(fd, kind, REQUEST | flags, body);
    if sent.failed() {
        return format!("not sent: {sent}");
    }
    let text = receive(fd, MSG_DONTWAIT);
    match short(&text, 4) {
        _ if text.is_empty() => "nothing".to_owned(),
        ERROR => sys::Ret(number(&text, 16).cast_signed() as isize).to_string(),
        _ => format!("command {}", text[16]),
    }
}

fn family(fd: i32, name: &[u8]) -> Vec<u8> {
    let body = command(GET_FAMILY, &attribute(FAMILY_NAME, name));
    send(fd, CONTROL, REQUEST, &body);
    receive(fd, MSG_DONTWAIT)
}

fn families(fd: i32) {
    show!("no such family", asked(fd, 0x7000, 0, &[0; 4]));
    show!("too short", asked(fd, CONTROL, 0, &[3, 1]));
    show!("no such command", asked(fd, CONTROL, 0, &command(77, &[])));
    let ask = |attributes: &[u8]| asked(fd, CONTROL, 0, &command(GET_FAMILY, attributes));
    show!("no name", ask(&[]));
    show!("another name", ask(&attribute(FAMILY_NAME, b"nobody\0")));
    show!("no end", ask(&attribute(FAMILY_NAME, b"TASKSTATS")));
    show!("too long", ask(&attribute(FAMILY_NAME, &[b'x'; 40])));
    show!("an end within", ask(&attribute(FAMILY_NAME, &[0; 40])));
    show!("another id", ask(&attribute(FAMILY_ID, &[0, 0x70])));
    show!("half an id", ask(&attribute(FAMILY_ID, &[0x10])));
    show!("its own id", ask(&attribute(FAMILY_ID, &[0x10, 0])));
    for name in [&b"nlctrl\0"[..], b"TASKSTATS\0"] {
        let text = family(fd, name);
        let shown = String::from_utf8_lossy(&name[..name.len() - 1]);
        show!(
            format!("{shown}, its answer"),
            format!("kind {} {:?}", short(&text, 4), text.get(16..20))
        );
        for (kind, value) in attributes(text.get(20..).unwrap_or(&[])) {
            // Numbers are given in the order of arrival; commands and groups are more on Linux.
            match kind {
                FAMILY_ID => show!(format!("{shown}, its number's size"), value.len()),
                2..=5 => show!(format!("{shown}, {kind}"), format!("{value:?}")),
                _ => {}
            }
        }
    }
}

fn id_of(fd: i32, name: &[u8]) -> u16 {
    let text = family(fd, name);
    let all = attributes(text.get(20..).unwrap_or(&[]));
    let id = all.iter().find(|(kind, _)| *kind == FAMILY_ID);
    id.map_or(0, |(_, value)| u16::from_ne_bytes([value[0], value[1]]))
}

/// What is told of a thread or a process: the kinds around it, and the numbers themselves.
fn stats(fd: i32, id: u16, of: u16, pid: u32) -> (String, Vec<u8>) {
    let body = command(GET, &attribute(of, &pid.to_ne_bytes()));
    send(fd, id, REQUEST, &body);
    let text = receive(fd, MSG_DONTWAIT);
    let mut shape = format!("command {:?}", text.get(16));
    let mut numbers = Vec::new();
    for (kind, value) in attributes(text.get(20..).unwrap_or(&[])) {
        shape += &format!(", {kind} with");
        for (kind, value) in attributes(value) {
            if value.len() == 4 {
                shape += &format!(" {kind} of it {}", number(value, 0) == pid);
            } else {
                shape += &format!(" {kind} of at least 416 {}", value.len() >= 416);
                numbers = value.to_vec();
            }
        }
    }
    (shape, numbers)
}

fn usage(fd: i32) {
    let id = id_of(fd, b"TASKSTATS\0");
    let ask = |flags: u16, attributes: &[u8]| asked(fd, id, flags, &command(GET, attributes));
    show!("no task", ask(0, &[]));
    show!("half a number", ask(0, &attribute(OF_THREAD, &[1, 0])));
    let nobody = 0x7fff_fff0_u32.to_ne_bytes();
    show!("nobody's thread", ask(0, &attribute(OF_THREAD, &nobody)));
    show!("nobody's process", ask(0, &attribute(OF_PROCESS, &nobody)));
    show!("a list", ask(DUMP, &attribute(OF_THREAD, &nobody)));
    show!("no such command of it", asked(fd, id, 0, &command(9, &[])));
    let pid = std::process::id();
    let own = attribute(OF_THREAD, &pid.to_ne_bytes());
    show!("an answer, then its receipt", ask(ACKNOWLEDGE, &own));
    let receipt = receive(fd, MSG_DONTWAIT);
    show!(
        "the receipt",
        format!("{} {}", short(&receipt, 4), number(&receipt, 16))
    );
    let null = sys!(SYS_openat, AT_FDCWD, c"/dev/null", O_WRONLY).value();
    sys!(SYS_write, null, [0_u8; 2000].as_ptr(), 2000);
    sys!(SYS_close, null);
    let (shape, thread) = stats(fd, id, OF_THREAD, pid);
    show!("of a thread", shape);
    show!("its version", short(&thread, 0) >= 13);
    let name = thread.get(80..112).unwrap_or(&[]);
    show!(
        "its name",
        String::from_utf8_lossy(name).trim_end_matches('\0')
    );
    show!(
        "its nice value and policy",
        format!("{:?} {:?}", thread.get(9), thread.get(112))
    );
    let (user, group) = (number(&thread, 120), number(&thread, 124));
    show!("its user and group", format!("{user} {group}"));
    show!("its number", number(&thread, 128) == pid);
    let parent = sys!(SYS_getppid).0 as u32;
    show!("its parent", number(&thread, 132) == parent);
    show!("its process", number(&thread, 368) == pid);
    let mut now: timespec = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    sys!(SYS_clock_gettime, CLOCK_REALTIME, &raw mut now);
    let begun = i64::from(number(&thread, 136));
    show!(
        "it began",
        (now.tv_sec - 1000..=now.tv_sec).contains(&begun)
    );
    for (what, at) in [
        ("time since it began", 144),
        ("page faults", 168),
        ("most memory in use", 200),
        ("most memory mapped", 208),
        ("bytes written", 224),
        ("reads", 232),
        ("writes", 240),
    ] {
        let more = number(&thread, at) != 0 || number(&thread, at + 4) != 0;
        show!(format!("{what}, not 0"), more);
    }
    let (shape, process) = stats(fd, id, OF_PROCESS, pid);
    show!("of a process", shape);
    show!("its name is not told", number(&process, 80));
    show!(
        "as a user",
        child::run(|| {
            sys!(SYS_setresuid, 1000, 1000, 1000);
            println!("the family, as a user: {}", id_of(fd, b"TASKSTATS\0") == id);
            println!("its usage, as a user: {}", ask(0, &own));
            0
        })
    );
}

/// Answers that nobody reads are lost beyond what may wait, which SO_RCVBUF says.
fn unread(fd: i32) {
    let asked = [0_u8; 16_368];
    let fill = || {
        let sent = (0..256).filter(|_| !send(fd, 200, REQUEST, &asked).failed());
        sent.count()
    };
    let lost = || {
        let mut byte = [0_u8; 1];
        sys!(SYS_recvfrom, fd, byte.as_mut_ptr(), 1, MSG_DONTWAIT, 0, 0)
    };
    let read = || (0..256).take_while(|_| !lost().failed()).count();
    show!("questions that are repeated to nobody", fill());
    show!("some were lost", lost());
    show!("some were not", (2..64).contains(&read()));
    let size =
        |option: i32, size: u32| sys!(SYS_setsockopt, fd, SOL_SOCKET, option, &raw const size, 4);
    let told = || {
        let (mut size, mut len) = (0_u32, 4_u32);
        let (at, len) = (&raw mut size, &raw mut len);
        let answer = sys!(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVBUF, at, len);
        format!("{answer} {size}")
    };
    show!("may wait", told());
    show!("nothing may wait", size(SO_RCVBUF, 0));
    show!("a little may", told());
    fill();
    show!("most were lost", lost());
    show!("one was not", read());
    show!("all may wait", size(SO_RCVBUF, u32::MAX >> 1));
    show!("twice the most", told());
    show!("even more", size(SO_RCVBUFFORCE, 1 << 20));
    show!("twice that", told());
    child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        show!("even more, as a user", size(SO_RCVBUFFORCE, 1 << 20));
        0
    });
}

/// Tells the connector to listen, or whatever `word` is.
fn say(fd: i32, word: u32, len: u16) -> sys::Ret {
    let mut body = Vec::new();
    for number in [1_u32, 1, 7, 40] {
        body.extend_from_slice(&number.to_ne_bytes());
    }
    body.extend_from_slice(&len.to_ne_bytes());
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(&word.to_ne_bytes());
    send(fd, 3, 0, &body)
}

/// The words of the next event, from what happened on; the message around it if that is wanted.
fn event(fd: i32, flags: i32) -> Option<(String, Vec<u32>)> {
    let text = receive(fd, flags);
    if text.is_empty() {
        return None;
    }
    let around = format!(
        "{} kind {} flags {} about {} {} acknowledges {} size {}",
        number(&text, 0),
        short(&text, 4),
        short(&text, 6),
        number(&text, 16),
        number(&text, 20),
        number(&text, 28),
        short(&text, 32)
    );
    let words = (0..10).map(|word| number(&text, 36 + 4 * word));
    Some((around, words.collect()))
}

fn told() {
    let fd = open(NETLINK_CONNECTOR);
    show!(
        "listen as a user",
        child::run(|| {
            sys!(SYS_setresuid, 1000, 1000, 1000);
            let own = open(NETLINK_CONNECTOR);
            println!("bind as a user: {}", bind(own, 1));
            println!("bind to nothing as a user: {}", bind(own, 0));
            println!("and again, without its port: {}", bind(own, 0));
            0
        })
    );
    show!("listen", bind(fd, 1));
    show!("nothing was asked for", say(fd, 1, 3));
    show!("no answer", event(fd, MSG_DONTWAIT).is_none());
    show!("said so", say(fd, 1, 4));
    for (what, word) in [("heard", None), ("not understood", Some(9))] {
        if let Some(word) = word {
            show!("nonsense", say(fd, word, 4));
        }
        let (around, words) = event(fd, 0).unwrap_or_default();
        show!(what, format!("{around}, {} {}", words[0], words[4]));
    }
    let own = std::process::id();
    let pid = child::fork(|| {
        sys!(SYS_prctl, PR_SET_NAME, c"renamed", 0, 0, 0);
        sys!(SYS_setsid);
        sys!(SYS_setresgid, 1001, 1002, 1003);
        sys!(SYS_setresgid, 1001, 1002, 1003);
        sys!(SYS_setresuid, 2001, 0, 0);
        let words = [c"abi".as_ptr(), c"--exit=3".as_ptr(), std::ptr::null()];
        let environment = [std::ptr::null::<c_char>()];
        sys!(
            SYS_execve,
            c"/proc/self/exe",
            words.as_ptr(),
            environment.as_ptr()
        );
        9
    }) as u32;
    show!("the child", child::wait(pid as i32));
    let mut step = 0;
    while let Some((_, words)) = event(fd, 0) {
        // The parent's number is the first of a new task's event.
        let is_fork = words[0] == 1;
        if words[if is_fork { 6 } else { 4 }] != pid {
            continue;
        }
        let names = |word: u32| match word {
            _ if word == pid => "child".to_owned(),
            _ if word == own => "parent".to_owned(),
            _ => word.to_string(),
        };
        let data = words[4..].iter().map(|word| names(*word));
        let data = data.collect::<Vec<_>>().join(" ");
        step += 1;
        show!(format!("event {step}"), format!("{:#x}: {data}", words[0]));
        if words[0] == 1 << 31 {
            break;
        }
    }
    show!("no more", say(fd, 2, 4));
    while event(fd, MSG_DONTWAIT).is_some() {}
    show!("another child", child::run(|| 0));
    show!("of which nobody tells", event(fd, MSG_DONTWAIT).is_none());
    sys!(SYS_close, fd);
}

/// What a socket is, whatever it speaks.
fn as_socket() {
    let option = |fd: i32, level: i32, which: i32| {
        let (mut value, mut len) = (-1_i32, 4_u32);
        let (at, len_at) = (&raw mut value, &raw mut len);
        let answer = sys!(SYS_getsockopt, fd, level, which, at, len_at);
        format!("{answer} {value} {len}")
    };
    let set = |fd: i32, level: i32, which: i32, value: i32| {
        sys!(SYS_setsockopt, fd, level, which, &raw const value, 4)
    };
    for protocol in [NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT] {
        let fd = open(protocol);
        // SAFETY: plain numbers.
        let mut about: stat = unsafe { std::mem::zeroed() };
        sys!(SYS_fstat, fd, &raw mut about);
        show!("a socket's kind", "{:o} {}", about.st_mode, about.st_nlink);
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}"));
        let link = link.map(|link| link.to_string_lossy().into_owned());
        let named = format!("socket:[{}]", about.st_ino);
        show!("named by its number", link.is_ok_and(|link| link == named));
        for (name, which) in [
            ("domain", SO_DOMAIN),
            ("type", SO_TYPE),
            ("protocol", SO_PROTOCOL),
            ("error", SO_ERROR),
            ("listening", SO_ACCEPTCONN),
            ("send buffer", SO_SNDBUF),
            ("pass credentials", SO_PASSCRED),
            ("unknown", 9999),
        ] {
            show!(name, option(fd, SOL_SOCKET, which));
        }
        show!("pass", set(fd, SOL_SOCKET, SO_PASSCRED, 7));
        show!("passes", option(fd, SOL_SOCKET, SO_PASSCRED));
        show!("set its type", set(fd, SOL_SOCKET, SO_TYPE, 1));
        show!("unknown is set", set(fd, SOL_SOCKET, 9999, 1));
        show!("join none", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 0));
        show!("join", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 3));
        show!("join 99", set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 99));
        let (mut own, mut len) = ([0_u32; 3], 12_u32);
        let (at, len_at) = (own.as_mut_ptr(), &raw mut len);
        sys!(SYS_getsockname, fd, at, len_at);
        show!("its groups", own[2]);
        show!("tell more", set(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1));
        show!("tells more", option(fd, SOL_NETLINK, NETLINK_EXT_ACK));
        show!("of another level", set(fd, 77, 1, 1));
        let time = [0_i64, 20_000];
        let at = time.as_ptr();
        let waits = sys!(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, at, 16);
        show!("time to receive", waits);
        let mut byte = [0_u8; 1];
        show!("nothing comes", sys!(SYS_read, fd, byte.as_mut_ptr(), 1));
        sys!(SYS_close, fd);
    }
}

pub fn run() {
    as_socket();
    let fd = open(NETLINK_GENERIC);
    families(fd);
    usage(fd);
    sys!(SYS_close, fd);
    let fd = open(NETLINK_ROUTE);
    unread(fd);
    sys!(SYS_close, fd);
    told();
}
