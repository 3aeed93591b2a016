//! Addresses as text: `inet_pton`, `inet_ntop`, `inet_aton`, byte order.

use crate::errno;
use crate::string::str::bytes;
use core::ffi::{c_char, c_int, c_void};
use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;

/// A text in a buffer, ended by zero; longer text is cut.
pub struct Text<'a> {
    buffer: &'a mut [u8],
    used: usize,
    pub cut: bool,
}

impl<'a> Text<'a> {
    pub fn new(buffer: &'a mut [u8]) -> Self {
        if let Some(first) = buffer.first_mut() {
            *first = 0;
        }
        Text {
            cut: buffer.is_empty(),
            buffer,
            used: 0,
        }
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for &byte in text.as_bytes() {
            if self.used + 1 >= self.buffer.len() {
                self.cut = true;
                return Ok(());
            }
            self.buffer[self.used] = byte;
            self.buffer[self.used + 1] = 0;
            self.used += 1;
        }
        Ok(())
    }
}

pub fn parse(text: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn inet_pton(family: c_int, text: *const c_char, out: *mut c_void) -> c_int {
    match (family, parse(bytes(text))) {
        (libc::AF_INET, Some(IpAddr::V4(found))) => out.cast::<[u8; 4]>().write(found.octets()),
        (libc::AF_INET6, Some(IpAddr::V6(found))) => out.cast::<[u8; 16]>().write(found.octets()),
        (libc::AF_INET | libc::AF_INET6, _) => return 0,
        _ => return errno::fail(libc::EAFNOSUPPORT) as c_int,
    }
    1
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_ntop(
    family: c_int,
    address: *const c_void,
    buffer: *mut c_char,
    size: libc::socklen_t,
) -> *const c_char {
    let address = match family {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*address.cast::<[u8; 4]>())),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*address.cast::<[u8; 16]>())),
        _ => {
            errno::set(libc::EAFNOSUPPORT);
            return ptr::null();
        }
    };
    let mut text = Text::new(core::slice::from_raw_parts_mut(
        buffer.cast(),
        size as usize,
    ));
    let _ = write!(text, "{address}");
    if text.cut {
        errno::set(libc::ENOSPC);
        return ptr::null();
    }
    buffer
}

/// The old form: one to four numbers, decimal, octal or hexadecimal, the last one filling what is left.
fn parse_old(text: &[u8]) -> Option<u32> {
    let (mut value, mut parts, mut rest) = (0u64, 0, text);
    loop {
        let found = crate::stdlib::number::integer(|at| rest.get(at).copied().unwrap_or(0), 0);
        if found.length == 0 || found.overflow || !rest[0].is_ascii_digit() {
            return None;
        }
        rest = &rest[found.length..];
        let last = !matches!(rest, [b'.', _, ..]);
        let width = if last { 32 - 8 * parts } else { 8 };
        if found.magnitude >> width != 0 {
            return None;
        }
        value = value << width | found.magnitude;
        if last {
            let clean = rest.first().is_none_or(u8::is_ascii_whitespace);
            return if clean { Some(value as u32) } else { None };
        }
        parts += 1;
        if parts == 4 {
            return None;
        }
        rest = &rest[1..];
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn inet_aton(text: *const c_char, out: *mut libc::in_addr) -> c_int {
    match parse_old(bytes(text)) {
        Some(address) => {
            (*out).s_addr = address.to_be();
            1
        }
        None => 0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn inet_addr(text: *const c_char) -> u32 {
    parse_old(bytes(text)).map_or(u32::MAX, u32::to_be)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn inet_ntoa(address: libc::in_addr) -> *mut c_char {
    static mut TEXT: [c_char; 16] = [0; 16];
    let text = (&raw mut TEXT).cast::<c_char>();
    inet_ntop(libc::AF_INET, (&raw const address).cast(), text, 16);
    text
}

#[unsafe(no_mangle)]
extern "C" fn htonl(value: u32) -> u32 {
    value.to_be()
}

#[unsafe(no_mangle)]
extern "C" fn htons(value: u16) -> u16 {
    value.to_be()
}

#[unsafe(no_mangle)]
extern "C" fn ntohl(value: u32) -> u32 {
    u32::from_be(value)
}

#[unsafe(no_mangle)]
extern "C" fn ntohs(value: u16) -> u16 {
    u16::from_be(value)
}

/// netinet/in.h.
#[unsafe(no_mangle)]
static in6addr_any: [u8; 16] = [0; 16];
#[unsafe(no_mangle)]
static in6addr_loopback: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
