//! How much of something may be used: the pages and inodes of a file system.

use crate::errno::{Errno, Result};
use core::sync::atomic::{AtomicU64, Ordering};

pub const UNLIMITED: u64 = u64::MAX;

pub struct Allowance {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Allowance {
    #[must_use]
    pub const fn new(limit: u64) -> Allowance {
        Allowance {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
        }
    }

    /// Takes `count`, or `ENOSPC`.
    pub fn charge(&self, count: u64) -> Result {
        let used = self.used.fetch_add(count, Ordering::Relaxed);
        if used.saturating_add(count) > self.limit() {
            self.release(count);
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    /// Takes `count` whatever the limit says: what is there already.
    pub fn charge_anyway(&self, count: u64) {
        self.used.fetch_add(count, Ordering::Relaxed);
    }

    pub fn release(&self, count: u64) {
        self.used.fetch_sub(count, Ordering::Relaxed);
    }

    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn free(&self) -> u64 {
        let used = self.used.load(Ordering::Relaxed);
        self.limit().saturating_sub(used)
    }

    /// Sets another limit: none below what is used, and none where there was none (`EINVAL`).
    pub fn set_limit(&self, limit: u64) -> Result {
        let used = self.used.load(Ordering::Relaxed);
        if used > limit || (self.limit() == UNLIMITED && limit != UNLIMITED) {
            return Err(Errno::EINVAL);
        }
        self.limit.store(limit, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, UNLIMITED};
    use crate::errno::Errno;

    #[test]
    fn no_more_than_the_limit_is_taken() {
        let pages = Allowance::new(3);
        assert_eq!(pages.charge(2), Ok(()));
        assert_eq!(pages.charge(2), Err(Errno::ENOSPC));
        assert_eq!(pages.charge(1), Ok(()));
        assert_eq!(pages.free(), 0);
        pages.release(3);
        assert_eq!(pages.free(), 3);
    }

    #[test]
    fn a_limit_is_not_moved_below_what_is_used() {
        let pages = Allowance::new(3);
        assert_eq!(pages.charge(2), Ok(()));
        assert_eq!(pages.set_limit(1), Err(Errno::EINVAL));
        assert_eq!(pages.set_limit(2), Ok(()));
        assert_eq!(pages.charge(1), Err(Errno::ENOSPC));
        assert_eq!(Allowance::new(UNLIMITED).set_limit(9), Err(Errno::EINVAL));
    }
}
