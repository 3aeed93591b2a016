//! A stub resolver (RFC 1035): questions by UDP to the servers of `/etc/resolv.conf`, answers checked before use.
//!
//! What a server says is hostile input: every offset is bounded, compression pointers only lead backwards, and only an
//! answer to the question that was asked, from the server it was asked of, with its random number, counts.

use super::address::parse;
use crate::account::lines::{Lines, number};
use crate::sys::sys;
use core::ffi::c_int;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const NAME: usize = 255;
const PACKET: usize = 1232;
const SERVERS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The name does not exist, or has no address of the kind.
    NoName,
    /// No server answered.
    Again,
    /// A server refused or answered nonsense.
    Fail,
}

struct Settings {
    servers: [Option<IpAddr>; SERVERS],
    timeout: i32,
    attempts: u32,
    search: [u8; NAME],
    search_length: usize,
    dots: usize,
}

fn settings() -> Settings {
    let mut settings = Settings {
        servers: [None; SERVERS],
        timeout: 5,
        attempts: 2,
        search: [0; NAME],
        search_length: 0,
        dots: 1,
    };
    let mut count = 0;
    if let Ok(mut lines) = Lines::open(c"/etc/resolv.conf") {
        while let Some(line) = lines.next() {
            let mut words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            match words.next() {
                Some(b"nameserver") => {
                    if let Some(address) = words.next().and_then(parse)
                        && count < SERVERS
                    {
                        settings.servers[count] = Some(address);
                        count += 1;
                    }
                }
                Some(b"search" | b"domain") => {
                    if let Some(word) = words.next()
                        && word.len() <= NAME
                    {
                        settings.search[..word.len()].copy_from_slice(word);
                        settings.search_length = word.len();
                    }
                }
                Some(b"options") => {
                    for option in words {
                        let mut parts = option.split(|&byte| byte == b':');
                        match (parts.next(), parts.next().and_then(number)) {
                            (Some(b"timeout"), Some(n)) => settings.timeout = n.clamp(1, 30) as i32,
                            (Some(b"attempts"), Some(n)) => settings.attempts = n.clamp(1, 5),
                            (Some(b"ndots"), Some(n)) => settings.dots = n.min(15) as usize,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }
    if count == 0 {
        settings.servers[0] = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    settings
}

/// Addresses of `name` in the families asked for.
pub fn addresses(
    name: &[u8],
    v4: bool,
    v6: bool,
    found: &mut dyn FnMut(IpAddr),
) -> Result<(), Failure> {
    let settings = settings();
    let dots = name.iter().filter(|&&byte| byte == b'.').count();
    let absolute = name.last() == Some(&b'.');
    let with_search = !absolute && settings.search_length > 0;
    let mut full = [0u8; NAME];
    let joined = {
        let length = name.len() + 1 + settings.search_length;
        if with_search && length <= NAME {
            full[..name.len()].copy_from_slice(name);
            full[name.len()] = b'.';
            full[name.len() + 1..length]
                .copy_from_slice(&settings.search[..settings.search_length]);
            Some(&full[..length])
        } else {
            None
        }
    };
    // A name with dots is tried as it is first, one without in the search domain first.
    let as_is_first = absolute || dots >= settings.dots;
    let order = if as_is_first {
        [Some(name), joined]
    } else {
        [joined, Some(name)]
    };
    let mut failure = Failure::NoName;
    for candidate in order.into_iter().flatten() {
        let mut any = false;
        for (wanted, kind) in [(v4, A), (v6, AAAA)] {
            if !wanted {
                continue;
            }
            let mut take = |kind: u16, data: &[u8], _: &[u8], _: usize| {
                let address = match kind {
                    A => <[u8; 4]>::try_from(data).map(|b| IpAddr::V4(Ipv4Addr::from(b))),
                    _ => <[u8; 16]>::try_from(data).map(|b| IpAddr::V6(Ipv6Addr::from(b))),
                };
                if let Ok(address) = address {
                    any = true;
                    found(address);
                }
            };
            match query(&settings, candidate, kind, &mut take) {
                Ok(()) | Err(Failure::NoName) => {}
                Err(error) => failure = error,
            }
        }
        if any {
            return Ok(());
        }
    }
    Err(failure)
}

/// The name of `address`.
pub fn name(address: IpAddr, found: impl FnOnce(&[u8])) -> Result<(), Failure> {
    let mut question = [0u8; 80];
    let mut text = crate::text::Writer::new(&mut question);
    match address {
        IpAddr::V4(address) => {
            for octet in address.octets().into_iter().rev() {
                text.number(octet.into()).put(b".");
            }
            text.put(b"in-addr.arpa");
        }
        IpAddr::V6(address) => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            for octet in address.octets().into_iter().rev() {
                text.put(&[
                    HEX[octet as usize & 15],
                    b'.',
                    HEX[octet as usize >> 4],
                    b'.',
                ]);
            }
            text.put(b"ip6.arpa");
        }
    }
    let length = text.len();
    let (mut answer, mut answer_length) = ([0u8; NAME + 1], None);
    let mut take = |_: u16, _: &[u8], packet: &[u8], at: usize| {
        answer_length = answer_length.or_else(|| read_name(packet, at, &mut answer));
    };
    query(&settings(), &question[..length], PTR, &mut take)?;
    match answer_length {
        Some(length) => {
            found(&answer[..length]);
            Ok(())
        }
        None => Err(Failure::NoName),
    }
}

/// Takes a record: its type, its data, and for names in it the packet and the data's offset.
type Take<'a> = &'a mut dyn FnMut(u16, &[u8], &[u8], usize);

fn query(settings: &Settings, name: &[u8], kind: u16, take: Take<'_>) -> Result<(), Failure> {
    let mut question = [0u8; 12 + NAME + 1 + 4];
    let id = (crate::stdlib::random::bits() as u16).to_be_bytes();
    let length = encode(name, kind, id, &mut question).ok_or(Failure::NoName)?;
    let question = &question[..length];
    for _ in 0..settings.attempts {
        for server in settings.servers.iter().flatten() {
            let mut answer = [0u8; PACKET];
            let Some(size) = ask(*server, question, settings.timeout, &mut answer) else {
                continue;
            };
            match read_answer(question, &answer[..size], kind, take) {
                // The next server may know better.
                Err(Failure::Fail) => {}
                result => return result,
            }
        }
    }
    Err(Failure::Again)
}

fn encode(name: &[u8], kind: u16, id: [u8; 2], packet: &mut [u8]) -> Option<usize> {
    packet[..2].copy_from_slice(&id);
    // Recursion desired; one question.
    packet[2] = 1;
    packet[5] = 1;
    let mut at = 12;
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || name.len() > NAME - 2 {
        return None;
    }
    for label in name.split(|&byte| byte == b'.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        packet[at] = label.len() as u8;
        packet[at + 1..at + 1 + label.len()].copy_from_slice(label);
        at += 1 + label.len();
    }
    packet[at] = 0;
    packet[at + 1..at + 3].copy_from_slice(&kind.to_be_bytes());
    packet[at + 3..at + 5].copy_from_slice(&1u16.to_be_bytes());
    Some(at + 5)
}

/// One question to one server; the size of an answer with the question's number.
fn ask(server: IpAddr, question: &[u8], timeout: i32, answer: &mut [u8; PACKET]) -> Option<usize> {
    // SAFETY: all pointers are to locals and slices of the sizes given.
    unsafe {
        let mut storage: libc::sockaddr_in6 = core::mem::zeroed();
        let (family, size) = super::lookup::fill(&mut storage, server, 53, 0);
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        let fd = sys!(SYS_socket, family, kind, 0i32);
        if fd < 0 {
            return None;
        }
        // Connected: the kernel drops what comes from anyone else.
        let mut got = None;
        if sys!(SYS_connect, fd, &raw const storage, size) == 0
            && sys!(
                SYS_sendto,
                fd,
                question.as_ptr(),
                question.len(),
                libc::MSG_NOSIGNAL,
                0usize,
                0
            ) == question.len() as isize
        {
            got = receive(fd as c_int, question, timeout, answer);
        }
        sys!(SYS_close, fd);
        got
    }
}

fn receive(fd: c_int, question: &[u8], timeout: i32, answer: &mut [u8; PACKET]) -> Option<usize> {
    let deadline = crate::time::clock::now(libc::CLOCK_MONOTONIC).tv_sec + i64::from(timeout);
    loop {
        let left = deadline - crate::time::clock::now(libc::CLOCK_MONOTONIC).tv_sec;
        if left <= 0 {
            return None;
        }
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: a local structure and a buffer of its size.
        let size = unsafe {
            if sys!(SYS_poll, &raw mut poll, 1, left as i32 * 1000) == 0 {
                return None;
            }
            sys!(
                SYS_recvfrom,
                fd,
                answer.as_mut_ptr(),
                PACKET,
                libc::MSG_DONTWAIT,
                0usize,
                0usize
            )
        };
        match size {
            size if size >= 12 && answer[..2] == question[..2] => return Some(size as usize),
            error if error == -libc::ECONNREFUSED as isize => return None,
            _ => {}
        }
    }
}

fn word(packet: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?))
}

fn read_answer(question: &[u8], packet: &[u8], kind: u16, take: Take<'_>) -> Result<(), Failure> {
    let flags = word(packet, 2).ok_or(Failure::Fail)?;
    let questions = word(packet, 4).ok_or(Failure::Fail)?;
    let answers = word(packet, 6).ok_or(Failure::Fail)?;
    let asked = packet.get(12..question.len()).ok_or(Failure::Fail)?;
    if flags & 0x8000 == 0 || questions != 1 || !asked.eq_ignore_ascii_case(&question[12..]) {
        return Err(Failure::Fail);
    }
    match flags & 15 {
        0 => {}
        3 => return Err(Failure::NoName),
        _ => return Err(Failure::Fail),
    }
    let mut at = question.len();
    let mut any = false;
    // Of other types only aliases come before the records asked for, and those follow in the same answer.
    for _ in 0..answers {
        let record = skip_name(packet, at).ok_or(Failure::Fail)?;
        let found = word(packet, record).ok_or(Failure::Fail)?;
        let class = word(packet, record + 2).ok_or(Failure::Fail)?;
        let size = word(packet, record + 8).ok_or(Failure::Fail)? as usize;
        let start = record + 10;
        let data = packet.get(start..start + size).ok_or(Failure::Fail)?;
        if found == kind && class == 1 {
            any = true;
            take(kind, data, packet, start);
        }
        at = start + size;
    }
    if any { Ok(()) } else { Err(Failure::NoName) }
}

fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length if length & 0xc0 == 0 => at += 1 + length as usize,
            _ => return None,
        }
    }
}

/// The name at `at` as text with dots. A pointer must lead to an earlier place, so the walk ends.
fn read_name(packet: &[u8], mut at: usize, out: &mut [u8; NAME + 1]) -> Option<usize> {
    let (mut used, mut bound) = (0, at);
    loop {
        let length = *packet.get(at)? as usize;
        if length & 0xc0 == 0xc0 {
            let target = usize::from(word(packet, at)? & 0x3fff);
            if target >= bound {
                return None;
            }
            (at, bound) = (target, target);
            continue;
        }
        if length == 0 {
            return if used == 0 { None } else { Some(used) };
        }
        let label = packet.get(at + 1..at + 1 + length)?;
        let dot = usize::from(used > 0);
        if length & 0xc0 != 0 || used + dot + length > NAME {
            return None;
        }
        if dot == 1 {
            out[used] = b'.';
        }
        out[used + dot..used + dot + length].copy_from_slice(label);
        used += dot + length;
        at += 1 + length;
    }
}
