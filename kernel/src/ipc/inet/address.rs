//! Addresses of the Internet's families (ip(7), ipv6(7)), as programs give and get them.

use super::{Family, Kind};
use crate::errno::{Errno, Result};
use crate::linux::net as raw;
use alloc::vec::Vec;

/// sizeof(struct sockaddr_in), and what `sockaddr_in6` had before scopes were added (RFC 2133).
const V4_LEN: usize = 16;
const V6_LEAST: usize = 24;
const V6_LEN: usize = 28;

/// An address without its port. One of the old kind in the new one's clothes (RFC 4291, 2.5.5.2) is
/// [`Address::V4`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

impl Address {
    pub const fn any(family: Family) -> Address {
        match family {
            Family::V4 => Address::V4([0; 4]),
            Family::V6 => Address::V6([0; 16]),
        }
    }

    fn of_v6(bytes: [u8; 16]) -> Address {
        match bytes.strip_prefix(&MAPPED) {
            Some(&[a, b, c, d]) => Address::V4([a, b, c, d]),
            _ => Address::V6(bytes),
        }
    }

    pub fn is_any(self) -> bool {
        match self {
            Address::V4(bytes) => bytes == [0; 4],
            Address::V6(bytes) => bytes == [0; 16],
        }
    }

    pub fn is_group(self) -> bool {
        match self {
            Address::V4(bytes) => bytes[0] & 0xf0 == 0xe0,
            Address::V6(bytes) => bytes[0] == 0xff,
        }
    }

    /// As a `sockaddr_in` or `sockaddr_in6`.
    pub fn to_sockaddr(self, family: Family, port: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(V6_LEN);
        out.extend_from_slice(&(family.number() as u16).to_ne_bytes());
        out.extend_from_slice(&port.to_be_bytes());
        match (family, self) {
            (Family::V4, Address::V4(bytes)) => {
                out.extend_from_slice(&bytes);
                out.resize(V4_LEN, 0);
            }
            (_, address) => {
                out.extend_from_slice(&[0; 4]);
                match address {
                    Address::V4(bytes) => {
                        out.extend_from_slice(&MAPPED);
                        out.extend_from_slice(&bytes);
                    }
                    Address::V6(bytes) => out.extend_from_slice(&bytes),
                }
                out.resize(V6_LEN, 0);
            }
        }
        out
    }
}

/// A sockaddr's family.
pub fn family_of(address: &[u8]) -> Option<u32> {
    let bytes = address.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes).into())
}

/// Address and port of a `sockaddr_in`, whatever its family says.
fn v4(address: &[u8]) -> Result<(Address, u16)> {
    match address.first_chunk::<V4_LEN>() {
        Some(&[_, _, high, low, a, b, c, d, ..]) => {
            Ok((Address::V4([a, b, c, d]), u16::from_be_bytes([high, low])))
        }
        None => Err(Errno::EINVAL),
    }
}

/// Address and port of a `sockaddr_in6`.
fn v6(address: &[u8]) -> Result<(Address, u16)> {
    let bytes = address.first_chunk::<V6_LEAST>().ok_or(Errno::EINVAL)?;
    let ip = bytes.last_chunk().ok_or(Errno::EINVAL)?;
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    Ok((Address::of_v6(*ip), port))
}

/// What bind is given. A socket of the old family takes any address without a family, too.
pub fn to_bind(family: Family, kind: Kind, address: &[u8]) -> Result<(Address, u16)> {
    let (place, port) = match family {
        Family::V4 => v4(address)?,
        Family::V6 => v6(address)?,
    };
    let given = family_of(address);
    let nameless = family == Family::V4 && given == Some(raw::AF_UNSPEC) && place.is_any();
    if given != Some(family.number()) && !nameless {
        return Err(Errno::EAFNOSUPPORT);
    }
    if family == Family::V6 && kind == Kind::Stream && place.is_group() {
        return Err(Errno::EINVAL);
    }
    Ok((place, port))
}

/// What connect is given, that isn't of no family.
pub fn to_connect(family: Family, kind: Kind, address: &[u8]) -> Result<Address> {
    let given = family_of(address).ok_or(Errno::EINVAL)?;
    let (place, _) = match family {
        Family::V4 => v4(address)?,
        Family::V6 if given == raw::AF_INET && kind != Kind::Stream => v4(address)?,
        Family::V6 => v6(address)?,
    };
    let old = matches!(place, Address::V4(_)) && family == Family::V6 && kind != Kind::Stream;
    if given != family.number() && !(old && given == raw::AF_INET) {
        return Err(Errno::EAFNOSUPPORT);
    }
    Ok(place)
}

/// What a datagram is sent to.
pub fn to_send(family: Family, address: &[u8]) -> Result<(Address, u16)> {
    let given = family_of(address).ok_or(Errno::EINVAL)?;
    let (place, port) = match (family, given) {
        (Family::V4, raw::AF_INET | raw::AF_UNSPEC) => v4(address)?,
        (Family::V4, _) if address.len() < V4_LEN => return Err(Errno::EINVAL),
        (Family::V4, _) => return Err(Errno::EAFNOSUPPORT),
        (Family::V6, raw::AF_INET) => v4(address)?,
        (Family::V6, raw::AF_INET6) => v6(address)?,
        (Family::V6, _) => return Err(Errno::EINVAL),
    };
    if port == 0 {
        return Err(Errno::EINVAL);
    }
    Ok((place, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockaddr(family: u32, rest: &[u8], len: usize) -> Vec<u8> {
        let mut bytes = (family as u16).to_ne_bytes().to_vec();
        bytes.extend_from_slice(&7001_u16.to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes.resize(len, 0);
        bytes
    }

    #[test]
    fn an_address_comes_back_as_it_was_given() {
        let old = sockaddr(raw::AF_INET, &[192, 0, 2, 1], 16);
        let (address, port) = to_bind(Family::V4, Kind::Stream, &old).expect("a whole address");
        assert_eq!((address, port), (Address::V4([192, 0, 2, 1]), 7001));
        assert_eq!(address.to_sockaddr(Family::V4, port), old);

        let mut ip = [0; 20];
        (ip[4], ip[5], ip[19]) = (0x20, 1, 9);
        let new = sockaddr(raw::AF_INET6, &ip, 28);
        let (address, port) = to_bind(Family::V6, Kind::Stream, &new).expect("a whole address");
        assert_eq!(address.to_sockaddr(Family::V6, port), new);
    }

    #[test]
    fn a_mapped_address_is_the_old_kinds() {
        let mut ip = [0; 20];
        ip[14..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
        let mapped = sockaddr(raw::AF_INET6, &ip, 28);
        let (address, port) = to_bind(Family::V6, Kind::Stream, &mapped).expect("a whole address");
        assert_eq!(address, Address::V4([192, 0, 2, 1]));
        assert_eq!(address.to_sockaddr(Family::V6, port), mapped);
    }

    #[test]
    fn short_addresses_and_other_families_are_refused() {
        let short = sockaddr(raw::AF_INET, &[0; 4], 15);
        assert_eq!(
            to_bind(Family::V4, Kind::Stream, &short),
            Err(Errno::EINVAL)
        );
        assert_eq!(to_send(Family::V4, &[]), Err(Errno::EINVAL));
        let other = sockaddr(raw::AF_UNIX, &[0; 24], 28);
        for family in [Family::V4, Family::V6] {
            let found = to_bind(family, Kind::Datagram, &other);
            assert_eq!(found, Err(Errno::EAFNOSUPPORT));
            let found = to_connect(family, Kind::Stream, &other);
            assert_eq!(found, Err(Errno::EAFNOSUPPORT));
        }
    }
}
