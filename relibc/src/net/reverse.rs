//! `getnameinfo`: an address as text, by name if it has one.

use super::address::Text;
use super::{dns, hosts};
use core::ffi::{c_char, c_int};
use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use libc::{sockaddr, socklen_t};

unsafe fn read(address: *const sockaddr, size: socklen_t) -> Option<(IpAddr, u16, u32)> {
    match c_int::from((*address).sa_family) {
        libc::AF_INET if size as usize >= size_of::<libc::sockaddr_in>() => {
            let v4 = &*address.cast::<libc::sockaddr_in>();
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some((IpAddr::V4(ip), u16::from_be(v4.sin_port), 0))
        }
        libc::AF_INET6 if size as usize >= size_of::<libc::sockaddr_in6>() => {
            let v6 = &*address.cast::<libc::sockaddr_in6>();
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some((IpAddr::V6(ip), u16::from_be(v6.sin6_port), v6.sin6_scope_id))
        }
        _ => None,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getnameinfo(
    address: *const sockaddr,
    size: socklen_t,
    host: *mut c_char,
    host_size: socklen_t,
    service: *mut c_char,
    service_size: socklen_t,
    flags: c_int,
) -> c_int {
    let Some((ip, port, scope)) = read(address, size) else {
        return libc::EAI_FAMILY;
    };
    if !host.is_null() && host_size > 0 {
        let buffer = core::slice::from_raw_parts_mut(host.cast::<u8>(), host_size as usize);
        let mut text = Text::new(buffer);
        let named = core::cell::Cell::new(false);
        if flags & libc::NI_NUMERICHOST == 0 {
            let mut put = |name: &[u8]| {
                named.set(true);
                let _ = text.write_str(core::str::from_utf8(name).unwrap_or("?"));
            };
            hosts::name(ip, &mut put);
            if !named.get() {
                let _ = dns::name(ip, &mut put);
            }
        }
        if !named.get() {
            if flags & libc::NI_NAMEREQD != 0 {
                return libc::EAI_NONAME;
            }
            let _ = write!(text, "{ip}");
            if scope != 0 {
                let _ = write!(text, "%{scope}");
            }
        }
        if text.cut {
            return libc::EAI_OVERFLOW;
        }
    }
    if !service.is_null() && service_size > 0 {
        let buffer = core::slice::from_raw_parts_mut(service.cast::<u8>(), service_size as usize);
        let mut text = Text::new(buffer);
        let _ = write!(text, "{port}");
        if text.cut {
            return libc::EAI_OVERFLOW;
        }
    }
    0
}
