//! `getaddrinfo`: numbers, then `/etc/hosts`, then DNS.

use super::{address, dns, hosts, service};
use crate::malloc::{calloc, free};
use crate::string::str::bytes;
use core::ffi::{CStr, c_char, c_int};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;
use libc::{addrinfo, sockaddr_in6};

/// One result with its address; freed in whole chains.
#[repr(C)]
struct Entry {
    info: addrinfo,
    address: sockaddr_in6,
}

const LIMIT: usize = 48;

/// What a name may be asked for, as socket type and protocol.
const KINDS: [(c_int, c_int); 3] = [
    (libc::SOCK_STREAM, libc::IPPROTO_TCP),
    (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    (libc::SOCK_RAW, 0),
];

struct Found {
    list: [Option<IpAddr>; LIMIT],
    count: usize,
}

impl Found {
    fn add(&mut self, address: IpAddr) {
        let known = self.list[..self.count].contains(&Some(address));
        if self.count < LIMIT && !known {
            self.list[self.count] = Some(address);
            self.count += 1;
        }
    }
}

/// Lays an address into a socket address; its family and size.
pub fn fill(out: &mut sockaddr_in6, address: IpAddr, port: u16, scope: u32) -> (c_int, u32) {
    match address {
        IpAddr::V4(address) => {
            let v4: *mut sockaddr_in6 = out;
            // SAFETY: the IPv4 form is the smaller of the two.
            let v4 = unsafe { &mut *v4.cast::<libc::sockaddr_in>() };
            v4.sin_family = libc::AF_INET as u16;
            v4.sin_port = port.to_be();
            v4.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
            (libc::AF_INET, size_of::<libc::sockaddr_in>() as u32)
        }
        IpAddr::V6(address) => {
            out.sin6_family = libc::AF_INET6 as u16;
            out.sin6_port = port.to_be();
            out.sin6_addr.s6_addr = address.octets();
            out.sin6_scope_id = scope;
            (libc::AF_INET6, size_of::<sockaddr_in6>() as u32)
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
) -> c_int {
    if node.is_null() && service.is_null() {
        return libc::EAI_NONAME;
    }
    let (mut flags, mut family, mut kind, mut protocol) = (0, libc::AF_UNSPEC, 0, 0);
    if let Some(hints) = hints.as_ref() {
        flags = hints.ai_flags;
        family = hints.ai_family;
        kind = hints.ai_socktype;
        protocol = hints.ai_protocol;
    }
    if !matches!(family, libc::AF_UNSPEC | libc::AF_INET | libc::AF_INET6) {
        return libc::EAI_FAMILY;
    }
    let fits = |&&(k, p): &&(c_int, c_int)| {
        (kind == 0 || kind == k) && (protocol == 0 || protocol == p || p == 0)
    };
    if KINDS.iter().filter(fits).count() == 0 {
        return libc::EAI_SOCKTYPE;
    }
    let service = if service.is_null() {
        None
    } else {
        Some(bytes(service))
    };
    let mut scope = 0;
    let mut found = Found {
        list: [None; LIMIT],
        count: 0,
    };
    let node_name = if node.is_null() {
        None
    } else {
        Some(bytes(node))
    };
    if let Err(error) = collect(node_name, family, flags, &mut found, &mut scope) {
        return error;
    }
    build(
        &found,
        service,
        node,
        flags,
        (kind, protocol),
        scope,
        result,
    )
}

fn collect(
    node: Option<&[u8]>,
    family: c_int,
    flags: c_int,
    found: &mut Found,
    scope: &mut u32,
) -> Result<(), c_int> {
    let (v4, v6) = (family != libc::AF_INET6, family != libc::AF_INET);
    let Some(node) = node else {
        let passive = flags & libc::AI_PASSIVE != 0;
        if v4 {
            found.add(IpAddr::V4(if passive {
                Ipv4Addr::UNSPECIFIED
            } else {
                Ipv4Addr::LOCALHOST
            }));
        }
        if v6 {
            found.add(IpAddr::V6(if passive {
                Ipv6Addr::UNSPECIFIED
            } else {
                Ipv6Addr::LOCALHOST
            }));
        }
        return Ok(());
    };
    let mut parts = node.splitn(2, |&byte| byte == b'%');
    let (plain, zone) = (parts.next().unwrap_or(node), parts.next());
    if let Some(address) = address::parse(plain) {
        match (address, zone) {
            (IpAddr::V6(_), Some(zone)) => {
                *scope = super::interface::index(zone).ok_or(libc::EAI_NONAME)?;
            }
            (IpAddr::V4(_), Some(_)) => return Err(libc::EAI_NONAME),
            _ => {}
        }
        if address.is_ipv4() && !v4 || address.is_ipv6() && !v6 {
            return Err(libc::EAI_NODATA);
        }
        found.add(address);
        return Ok(());
    }
    if flags & libc::AI_NUMERICHOST != 0 || node.is_empty() || node.len() > 253 {
        return Err(libc::EAI_NONAME);
    }
    let wanted = |address: &IpAddr| address.is_ipv4() && v4 || address.is_ipv6() && v6;
    hosts::addresses(node, |address| {
        if wanted(&address) {
            found.add(address);
        }
    });
    if found.count > 0 {
        return Ok(());
    }
    // RFC 6761: these never go to a server.
    let name = node.strip_suffix(b".").unwrap_or(node);
    let local = name.eq_ignore_ascii_case(b"localhost")
        || name.len() > 10 && name[name.len() - 10..].eq_ignore_ascii_case(b".localhost");
    if local {
        if v6 {
            found.add(IpAddr::V6(Ipv6Addr::LOCALHOST));
        }
        if v4 {
            found.add(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        return Ok(());
    }
    match dns::addresses(node, v4, v6, &mut |address| found.add(address)) {
        Ok(()) => Ok(()),
        Err(dns::Failure::NoName) => Err(libc::EAI_NONAME),
        Err(dns::Failure::Again) => Err(libc::EAI_AGAIN),
        Err(dns::Failure::Fail) => Err(libc::EAI_FAIL),
    }
}

unsafe fn build(
    found: &Found,
    service: Option<&[u8]>,
    name: *const c_char,
    flags: c_int,
    (kind, protocol): (c_int, c_int),
    scope: u32,
    result: *mut *mut addrinfo,
) -> c_int {
    let mut first: *mut Entry = ptr::null_mut();
    let mut last: *mut Entry = ptr::null_mut();
    let mut served = false;
    for address in found.list[..found.count].iter().flatten() {
        for &(k, p) in &KINDS {
            if kind != 0 && kind != k || protocol != 0 && p != 0 && protocol != p {
                continue;
            }
            let Some(port) = port(service, flags, k) else {
                continue;
            };
            served = true;
            let entry = calloc(1, size_of::<Entry>()).cast::<Entry>();
            if entry.is_null() {
                freeaddrinfo(first.cast());
                return libc::EAI_MEMORY;
            }
            let (family, size) = fill(&mut (*entry).address, *address, port, scope);
            (*entry).info.ai_family = family;
            (*entry).info.ai_socktype = k;
            (*entry).info.ai_protocol = if p == 0 { protocol } else { p };
            (*entry).info.ai_addrlen = size;
            (*entry).info.ai_addr = (&raw mut (*entry).address).cast();
            if first.is_null() {
                first = entry;
                if flags & libc::AI_CANONNAME != 0 && !name.is_null() {
                    (*entry).info.ai_canonname = crate::string::str::strdup(name);
                }
            } else {
                (*last).info.ai_next = entry.cast();
            }
            last = entry;
        }
    }
    if !served {
        return libc::EAI_SERVICE;
    }
    *result = first.cast();
    0
}

fn port(service: Option<&[u8]>, flags: c_int, kind: c_int) -> Option<u16> {
    let Some(service) = service else {
        return Some(0);
    };
    if let Some(port) = crate::account::lines::number(service) {
        return u16::try_from(port).ok();
    }
    if flags & libc::AI_NUMERICSERV != 0 {
        return None;
    }
    match kind {
        libc::SOCK_STREAM => service::port(service, Some(b"tcp")),
        libc::SOCK_DGRAM => service::port(service, Some(b"udp")),
        _ => None,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(list: *mut addrinfo) {
    let mut info = list;
    while !info.is_null() {
        let next = (*info).ai_next;
        free((*info).ai_canonname.cast());
        free(info.cast());
        info = next;
    }
}

#[unsafe(no_mangle)]
extern "C" fn gai_strerror(error: c_int) -> *const c_char {
    let text: &CStr = match error {
        0 => c"Success",
        libc::EAI_BADFLAGS => c"Bad value for ai_flags",
        libc::EAI_NONAME => c"Name or service not known",
        libc::EAI_AGAIN => c"Temporary failure in name resolution",
        libc::EAI_FAIL => c"Non-recoverable failure in name resolution",
        libc::EAI_NODATA => c"No address associated with hostname",
        libc::EAI_FAMILY => c"ai_family not supported",
        libc::EAI_SOCKTYPE => c"ai_socktype not supported",
        libc::EAI_SERVICE => c"Servname not supported for ai_socktype",
        libc::EAI_MEMORY => c"Memory allocation failure",
        libc::EAI_SYSTEM => c"System error",
        libc::EAI_OVERFLOW => c"Argument buffer overflow",
        _ => c"Unknown error",
    };
    text.as_ptr()
}
