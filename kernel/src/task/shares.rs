//! What each user has of things of which one user may have so many, whatever the limits of descriptors.

use crate::lock_order;
use alloc::collections::BTreeMap;
use core::fmt;
use ochre_hal::sync::SpinLock;

/// Who has how much of one thing.
pub struct Shares(SpinLock<BTreeMap<u32, u64>>);

/// What somebody has of it, as long as this is there.
pub struct Share {
    of: &'static Shares,
    uid: u32,
    amount: u64,
}

impl Shares {
    #[must_use]
    pub const fn new() -> Shares {
        Shares(SpinLock::new(lock_order::SHARES, BTreeMap::new()))
    }

    /// None when `uid` would have more than `limit`.
    pub fn take(&'static self, uid: u32, amount: u64, limit: u64) -> Option<Share> {
        let mut taken = self.0.lock();
        let all = taken.entry(uid).or_insert(0);
        let sum = all.checked_add(amount).filter(|&sum| sum <= limit);
        match sum {
            Some(sum) => *all = sum,
            None if *all == 0 => {
                taken.remove(&uid);
            }
            None => {}
        }
        sum.map(|_| Share {
            of: self,
            uid,
            amount,
        })
    }
}

impl Default for Shares {
    fn default() -> Shares {
        Shares::new()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of user {}", self.amount, self.uid)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.0.lock();
        if let Some(all) = taken.get_mut(&self.uid) {
            *all -= self.amount;
            if *all == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}
