//! Who has which port, and who may have it beside others.

use super::Family;
use super::address::Address;
use crate::errno::{Errno, Result};
use crate::lock_order;
use crate::random;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// From which a port is chosen that nobody asked for (`ip_local_port_range`).
pub const CHOSEN: RangeInclusive<u16> = 32768..=60999;

/// TCP's ports and UDP's are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    Tcp,
    Udp,
}

/// A socket that has a port, or wants one.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Which socket it is.
    pub ino: u64,
    pub family: Family,
    pub address: Address,
    /// IPV6_V6ONLY.
    pub only_new: bool,
    /// SO_REUSEADDR and SO_REUSEPORT.
    pub reuses_address: bool,
    pub reuses_port: bool,
    /// Whose it is: a port is shared within one user's sockets.
    pub uid: u32,
    pub listens: bool,
}

impl Claim {
    /// Whether something that is sent could be for both.
    fn meets(&self, other: &Claim) -> bool {
        match (self.address, other.address) {
            (Address::V4(a), Address::V4(b)) => a == b || a == [0; 4] || b == [0; 4],
            (Address::V6(a), Address::V6(b)) => a == b || a == [0; 16] || b == [0; 16],
            (Address::V6(any), Address::V4(_)) => any == [0; 16] && !self.only_new,
            (Address::V4(_), Address::V6(any)) => any == [0; 16] && !other.only_new,
        }
    }

    /// Whether it can't be beside one that is there.
    fn conflicts(&self, there: &Claim) -> bool {
        let by_address = self.reuses_address && there.reuses_address && !there.listens;
        let by_port = self.reuses_port && there.reuses_port && self.uid == there.uid;
        self.meets(there) && !by_address && !by_port
    }
}

type Ports = BTreeMap<(Space, u16), Vec<Claim>>;

static PORTS: SpinLock<Ports> = SpinLock::new(lock_order::SOCKET_LIST, BTreeMap::new());

/// Enters a claim to the port, or to a free one for 0: which.
pub fn take(space: Space, wanted: u16, claim: Claim) -> Result<u16> {
    let mut offset = [0; 2];
    random::fill(&mut offset);
    let mut ports = PORTS.lock();
    let port = match wanted {
        0 => free(&ports, space, u16::from_ne_bytes(offset)).ok_or(Errno::EADDRINUSE)?,
        wanted => wanted,
    };
    if let Some(there) = ports.get(&(space, port))
        && there.iter().any(|there| claim.conflicts(there))
    {
        return Err(Errno::EADDRINUSE);
    }
    let mut own = ports.remove(&(space, port)).unwrap_or_default();
    let room = own.room(1);
    if room.is_ok() {
        own.push(claim);
    }
    if !own.is_empty() {
        ports.insert((space, port), own);
    }
    room?;
    Ok(port)
}

/// A port of [`CHOSEN`] that nobody has, the first one from some place on, round again.
fn free(ports: &Ports, space: Space, offset: u16) -> Option<u16> {
    let (low, high) = (*CHOSEN.start(), *CHOSEN.end());
    let start = low + offset % (high - low + 1);
    let gap = |from: u16, to: u16| {
        let mut expected = from;
        for (&(_, taken), _) in ports.range((space, from)..=(space, to)) {
            if taken != expected {
                break;
            }
            expected += 1;
        }
        (expected <= to).then_some(expected)
    };
    gap(start, high).or_else(|| gap(low, start))
}

/// Changes a claim.
pub fn change(space: Space, port: u16, ino: u64, change: impl FnOnce(&mut Claim)) {
    let mut ports = PORTS.lock();
    let claims = ports.get_mut(&(space, port)).into_iter().flatten();
    if let Some(own) = claims.into_iter().find(|claim| claim.ino == ino) {
        change(own);
    }
}

/// Has a claim's socket listen, if nobody who does so is in its way.
pub fn listen(port: u16, ino: u64) -> Result {
    let mut ports = PORTS.lock();
    let claims = ports.get_mut(&(Space::Tcp, port)).ok_or(Errno::EINVAL)?;
    let at = claims.iter().position(|claim| claim.ino == ino);
    let at = at.ok_or(Errno::EINVAL)?;
    let own = &claims[at];
    let mut others = claims.iter().filter(|claim| claim.ino != ino);
    if others.any(|there| own.conflicts(there)) {
        return Err(Errno::EADDRINUSE);
    }
    claims[at].listens = true;
    Ok(())
}

/// Gives a port back.
pub fn release(space: Space, port: u16, ino: u64) {
    let mut ports = PORTS.lock();
    if let Some(claims) = ports.get_mut(&(space, port)) {
        claims.retain(|claim| claim.ino != ino);
        if claims.is_empty() {
            ports.remove(&(space, port));
        }
    }
}

/// All claims, by their ports.
pub fn report() -> Result<Vec<(Space, u16, Claim)>> {
    let ports = PORTS.lock();
    let mut all = Vec::new();
    all.room_exact(ports.values().map(Vec::len).sum())?;
    for (&(space, port), claims) in &*ports {
        all.extend(claims.iter().map(|claim| (space, port, claim.clone())));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(ino: u64, address: Address) -> Claim {
        Claim {
            ino,
            family: Family::V4,
            address,
            only_new: false,
            reuses_address: false,
            reuses_port: false,
            uid: 0,
            listens: false,
        }
    }

    const ANY: Address = Address::V4([0; 4]);
    const ANY_NEW: Address = Address::V6([0; 16]);

    #[test]
    fn any_of_the_new_kind_is_any_of_the_old_one() {
        let (old, mut new) = (claim(1, ANY), claim(2, ANY_NEW));
        assert!(old.conflicts(&new) && new.conflicts(&old));
        new.only_new = true;
        assert!(!old.conflicts(&new) && !new.conflicts(&old));
        let some = claim(3, Address::V4([192, 0, 2, 1]));
        let another = claim(4, Address::V4([192, 0, 2, 2]));
        assert!(some.conflicts(&old) && !some.conflicts(&another));
    }

    #[test]
    fn a_port_is_shared_by_those_who_all_agree() {
        let (mut one, mut two) = (claim(1, ANY), claim(2, ANY));
        one.reuses_address = true;
        assert!(two.conflicts(&one));
        two.reuses_address = true;
        assert!(!two.conflicts(&one));
        one.listens = true;
        assert!(two.conflicts(&one));
        (one.reuses_port, two.reuses_port) = (true, true);
        assert!(!two.conflicts(&one));
        two.uid = 1000;
        assert!(two.conflicts(&one));
    }

    #[test]
    fn the_chosen_port_is_free_wherever_the_search_begins() {
        let mut ports = Ports::new();
        let last = *CHOSEN.end();
        for port in CHOSEN.filter(|&port| port != 40_000) {
            ports.insert((Space::Tcp, port), Vec::new());
        }
        for offset in [0, 1, 7_231, 7_232, 7_233, 28_231, 28_232, u16::MAX] {
            assert_eq!(free(&ports, Space::Tcp, offset), Some(40_000), "{offset}");
            assert!(free(&ports, Space::Udp, offset).is_some());
        }
        ports.insert((Space::Tcp, 40_000), Vec::new());
        assert_eq!(free(&ports, Space::Tcp, 5), None);
        ports.remove(&(Space::Tcp, last));
        assert_eq!(free(&ports, Space::Tcp, 5), Some(last));
    }

    #[test]
    fn a_port_that_is_given_back_can_be_had_again() {
        let taken = take(Space::Udp, 7001, claim(1, ANY));
        assert_eq!(taken, Ok(7001));
        let again = take(Space::Udp, 7001, claim(2, ANY));
        assert_eq!(again, Err(Errno::EADDRINUSE));
        assert_eq!(take(Space::Tcp, 7001, claim(3, ANY)), Ok(7001));
        release(Space::Udp, 7001, 1);
        assert_eq!(take(Space::Udp, 7001, claim(2, ANY)), Ok(7001));
    }
}
