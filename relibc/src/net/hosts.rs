//! `/etc/hosts`: addresses of names, and names of addresses.

use super::address::parse;
use crate::account::lines::Lines;
use core::net::IpAddr;

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = line.split(|&byte| byte == b'#').next().unwrap_or(&[]);
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// Calls `found` with each address of `name`.
pub fn addresses(name: &[u8], mut found: impl FnMut(IpAddr)) {
    let Ok(mut lines) = Lines::open(c"/etc/hosts") else {
        return;
    };
    while let Some(line) = lines.next() {
        let mut fields = fields(line);
        let address = fields.next().and_then(parse);
        if let Some(address) = address
            && fields.any(|field| field.eq_ignore_ascii_case(name))
        {
            found(address);
        }
    }
}

/// Calls `found` with the first name of `address`.
pub fn name(address: IpAddr, found: impl FnOnce(&[u8])) {
    let Ok(mut lines) = Lines::open(c"/etc/hosts") else {
        return;
    };
    while let Some(line) = lines.next() {
        let mut fields = fields(line);
        if fields.next().and_then(parse) == Some(address)
            && let Some(name) = fields.next()
        {
            return found(name);
        }
    }
}
