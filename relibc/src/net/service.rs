//! `/etc/services` and the protocols everybody knows.

use crate::account::lines::{Lines, number};

/// The port of a service name, for `protocol` (`tcp` or `udp`) or any.
pub fn port(name: &[u8], protocol: Option<&[u8]>) -> Option<u16> {
    let mut lines = Lines::open(c"/etc/services").ok()?;
    while let Some(line) = lines.next() {
        let line = line.split(|&byte| byte == b'#').next()?;
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let (Some(first), Some(place)) = (words.next(), words.next()) else {
            continue;
        };
        let mut parts = place.split(|&byte| byte == b'/');
        let (Some(port), Some(kind)) = (parts.next().and_then(number), parts.next()) else {
            continue;
        };
        let named = first == name || words.any(|alias| alias == name);
        if named && protocol.is_none_or(|wanted| wanted == kind) {
            return u16::try_from(port).ok();
        }
    }
    None
}
