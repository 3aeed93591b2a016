//! Options of the Internet's sockets (ip(7), ipv6(7), tcp(7), and of socket(7) what other families
//! lack): one table says what each is at first and what it may become. Where nothing is ever sent, they
//! do no more than stay as set, but for those that the socket itself asks for.

use super::Kind;
use crate::errno::{Errno, Result};
use crate::linux::net as raw;

pub const SOCKET: u32 = raw::SOL_SOCKET;
pub const IP: u32 = 0;
pub const TCP: u32 = 6;
pub const UDP: u32 = 17;
pub const IPV6: u32 = 41;

/// What a value may be.
#[derive(Clone, Copy)]
enum Takes {
    /// Anything; kept as 0 or 1.
    Switch,
    /// As said, else EINVAL.
    Between(i32, i32),
    /// As said; −1 asks for what it was at first.
    OrFirst(i32, i32),
    /// Anything, kept between these.
    Within(i32, i32),
    /// A switch that only who has this right may turn on, else the error.
    Privileged(Errno),
}

/// Whose option it is.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    All,
    /// Streams can't set it: the error.
    NoStream(Errno),
    /// Others than raw sockets can't.
    Raw,
}

struct Rule {
    level: u32,
    name: u32,
    first: i32,
    takes: Takes,
    of: Of,
}

const fn rule(level: u32, name: u32, first: i32, takes: Takes, of: Of) -> Rule {
    Rule {
        level,
        name,
        first,
        takes,
        of,
    }
}

const fn switch(level: u32, name: u32) -> Rule {
    rule(level, name, 0, Takes::Switch, Of::All)
}

const fn number(level: u32, name: u32, first: i32, least: i32, most: i32) -> Rule {
    rule(level, name, first, Takes::Between(least, most), Of::All)
}

/// What the headers lack.
const IP_BIND_ADDRESS_NO_PORT: u32 = 24;
const UDP_CORK: u32 = 1;

/// What means something here, by where it is in [`RULES`].
pub const ONLY_NEW: usize = 0;
pub const FOREIGN: usize = 1;
pub const TRANSPARENT: usize = 2;
pub const LATE_PORT: usize = 3;

const COUNT: usize = 57;

#[rustfmt::skip]
static RULES: [Rule; COUNT] = [
    switch(IPV6, raw::IPV6_V6ONLY),
    switch(IP, raw::IP_FREEBIND),
    rule(IP, raw::IP_TRANSPARENT, 0, Takes::Privileged(Errno::EPERM), Of::All),
    switch(IP, IP_BIND_ADDRESS_NO_PORT),

    switch(SOCKET, raw::SO_LOCK_FILTER),
    number(SOCKET, raw::SO_ZEROCOPY, 0, 0, 1),
    number(SOCKET, raw::SO_BUSY_POLL, 0, 0, i32::MAX),
    number(SOCKET, raw::SO_INCOMING_CPU, -1, i32::MIN, i32::MAX),
    number(SOCKET, raw::SO_MAX_PACING_RATE, -1, i32::MIN, i32::MAX),

    number(IP, raw::IP_TOS, 0, 0, 255),
    rule(IP, raw::IP_TTL, 64, Takes::OrFirst(1, 255), Of::All),
    rule(IP, raw::IP_HDRINCL, 0, Takes::Switch, Of::Raw),
    number(IP, raw::IP_MTU_DISCOVER, 1, 0, 5),
    switch(IP, raw::IP_RECVERR),
    switch(IP, raw::IP_PKTINFO),
    switch(IP, raw::IP_RECVTTL),
    switch(IP, raw::IP_RECVTOS),
    switch(IP, raw::IP_RECVOPTS),
    switch(IP, raw::IP_RETOPTS),
    switch(IP, raw::IP_PASSSEC),
    switch(IP, raw::IP_RECVORIGDSTADDR),
    switch(IP, raw::IP_CHECKSUM),
    number(IP, raw::IP_MINTTL, 0, 0, 255),
    rule(IP, raw::IP_MULTICAST_TTL, 1, Takes::OrFirst(0, 255), Of::NoStream(Errno::EINVAL)),
    rule(IP, raw::IP_MULTICAST_LOOP, 1, Takes::Switch, Of::All),
    rule(IP, raw::IP_MULTICAST_ALL, 1, Takes::Between(0, 1), Of::All),

    rule(IPV6, raw::IPV6_UNICAST_HOPS, 64, Takes::OrFirst(0, 255), Of::All),
    rule(IPV6, raw::IPV6_MULTICAST_HOPS, 1, Takes::OrFirst(0, 255), Of::NoStream(Errno::ENOPROTOOPT)),
    number(IPV6, raw::IPV6_MULTICAST_LOOP, 1, 0, 1),
    rule(IPV6, raw::IPV6_MULTICAST_IF, 0, Takes::Between(0, 0), Of::NoStream(Errno::ENOPROTOOPT)),
    number(IPV6, raw::IPV6_MULTICAST_ALL, 1, 0, 1),
    switch(IPV6, raw::IPV6_RECVPKTINFO),
    rule(IPV6, raw::IPV6_TCLASS, 0, Takes::OrFirst(0, 255), Of::All),
    switch(IPV6, raw::IPV6_RECVTCLASS),
    switch(IPV6, raw::IPV6_RECVERR),
    switch(IPV6, raw::IPV6_RECVHOPLIMIT),
    switch(IPV6, raw::IPV6_RECVRTHDR),
    switch(IPV6, raw::IPV6_RECVHOPOPTS),
    switch(IPV6, raw::IPV6_RECVDSTOPTS),
    switch(IPV6, raw::IPV6_DONTFRAG),
    number(IPV6, raw::IPV6_MTU_DISCOVER, 1, 0, 5),

    switch(TCP, raw::TCP_NODELAY),
    switch(TCP, raw::TCP_CORK),
    number(TCP, raw::TCP_MAXSEG, 536, 88, 32767),
    number(TCP, raw::TCP_KEEPIDLE, 7200, 1, 32767),
    number(TCP, raw::TCP_KEEPINTVL, 75, 1, 32767),
    number(TCP, raw::TCP_KEEPCNT, 9, 1, 127),
    number(TCP, raw::TCP_USER_TIMEOUT, 0, 0, i32::MAX),
    rule(TCP, raw::TCP_QUICKACK, 1, Takes::Switch, Of::All),
    rule(TCP, raw::TCP_LINGER2, 60, Takes::Within(-1, 120), Of::All),
    rule(TCP, raw::TCP_DEFER_ACCEPT, 0, Takes::Within(0, i32::MAX), Of::All),
    number(TCP, raw::TCP_SYNCNT, 6, 1, 127),
    rule(TCP, raw::TCP_WINDOW_CLAMP, 0, Takes::Within(1152, i32::MAX), Of::All),
    number(TCP, raw::TCP_FASTOPEN, 0, 0, i32::MAX),
    number(TCP, raw::TCP_FASTOPEN_CONNECT, 0, 0, 1),
    number(TCP, raw::TCP_NOTSENT_LOWAT, 0, i32::MIN, i32::MAX),

    rule(UDP, UDP_CORK, 0, Takes::Switch, Of::All),
];

/// What a socket's options are, but for those of all families.
pub struct Options([i32; COUNT]);

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asker {
    pub kind: Kind,
    /// CAP_NET_ADMIN.
    pub administrates: bool,
    /// It has a port, or will never need one.
    pub is_bound: bool,
}

fn word(value: &[u8]) -> Result<i32> {
    let bytes = value.first_chunk().ok_or(Errno::EINVAL)?;
    Ok(i32::from_ne_bytes(*bytes))
}

/// Seconds as TCP keeps them for TCP_DEFER_ACCEPT: the end of the first try, from one second on each
/// twice as long as the last, that isn't before.
fn end_of_tries(seconds: i32) -> i32 {
    let (mut end, mut try_length) = (0_i32, 1);
    while end < seconds && end < i32::from(u8::MAX) * 120 {
        end += try_length;
        try_length = (try_length * 2).min(120);
    }
    end
}

impl Options {
    pub fn new() -> Options {
        Options(core::array::from_fn(|at| RULES[at].first))
    }

    /// Whether a switch is on.
    pub fn is_on(&self, which: usize) -> bool {
        self.0[which] != 0
    }

    /// Sets an option of the table; `None` for others.
    pub fn set(&mut self, asker: Asker, level: u32, name: u32, value: &[u8]) -> Option<Result> {
        let at = self.find(level, name)?;
        Some(
            self.checked(asker, at, value)
                .map(|value| self.0[at] = value),
        )
    }

    fn find(&self, level: u32, name: u32) -> Option<usize> {
        RULES
            .iter()
            .position(|rule| (rule.level, rule.name) == (level, name))
    }

    /// What an option becomes.
    fn checked(&self, asker: Asker, at: usize, value: &[u8]) -> Result<i32> {
        let rule = &RULES[at];
        match rule.of {
            Of::NoStream(error) if asker.kind == Kind::Stream => return Err(error),
            Of::Raw if asker.kind != Kind::Raw => return Err(Errno::ENOPROTOOPT),
            _ => {}
        }
        // Programs of old give one byte to options of IP.
        let wanted = match value {
            [byte, rest @ ..] if level_takes_bytes(rule.level) && rest.len() < 3 => (*byte).into(),
            value => word(value)?,
        };
        match (rule.level, rule.name) {
            (IPV6, raw::IPV6_V6ONLY) if asker.is_bound => return Err(Errno::EINVAL),
            (IPV6, raw::IPV6_MULTICAST_IF) if wanted != 0 => return Err(Errno::ENODEV),
            (IP, raw::IP_TOS) => return Ok(wanted & 0xff),
            (SOCKET, raw::SO_BUSY_POLL) if wanted > self.0[at] && !asker.administrates => {
                return Err(Errno::EPERM);
            }
            (TCP, raw::TCP_DEFER_ACCEPT) => return Ok(end_of_tries(wanted)),
            (TCP, raw::TCP_MAXSEG) if wanted == 0 => return Ok(rule.first),
            (TCP, raw::TCP_WINDOW_CLAMP) if wanted == 0 => return Ok(0),
            _ => {}
        }
        match rule.takes {
            Takes::Switch => Ok((wanted != 0).into()),
            Takes::OrFirst(..) if wanted == -1 => Ok(rule.first),
            Takes::Between(least, most) | Takes::OrFirst(least, most) => {
                let fits = (least..=most).contains(&wanted);
                fits.then_some(wanted).ok_or(Errno::EINVAL)
            }
            Takes::Within(least, most) => Ok(wanted.clamp(least, most)),
            Takes::Privileged(error) if wanted != 0 && !asker.administrates => Err(error),
            Takes::Privileged(_) => Ok((wanted != 0).into()),
        }
    }

    /// What an option of the table is; `None` for others.
    pub fn get(&self, level: u32, name: u32) -> Option<i32> {
        Some(self.0[self.find(level, name)?])
    }
}

fn level_takes_bytes(level: u32) -> bool {
    level == IP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once_and_the_named_places_are_theirs() {
        for (at, rule) in RULES.iter().enumerate() {
            let same = |other: &Rule| (other.level, other.name) == (rule.level, rule.name);
            assert_eq!(
                RULES.iter().position(same),
                Some(at),
                "{} {}",
                rule.level,
                rule.name
            );
        }
        let named = |at: usize| (RULES[at].level, RULES[at].name);
        assert_eq!(named(ONLY_NEW), (IPV6, raw::IPV6_V6ONLY));
        assert_eq!(named(FOREIGN), (IP, raw::IP_FREEBIND));
        assert_eq!(named(TRANSPARENT), (IP, raw::IP_TRANSPARENT));
        assert_eq!(named(LATE_PORT), (IP, IP_BIND_ADDRESS_NO_PORT));
    }

    #[test]
    fn tries_end_when_they_do() {
        let found = [0, 1, 2, 3, 4, 10, 15, 16].map(end_of_tries);
        assert_eq!(found, [0, 1, 3, 3, 7, 15, 15, 31]);
        assert!(end_of_tries(i32::MAX) > 0);
    }
}
