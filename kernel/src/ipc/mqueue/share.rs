//! What each user's message queues take of RLIMIT_MSGQUEUE, full or not.

use crate::lock_order;
use alloc::collections::BTreeMap;
use ochre_hal::sync::SpinLock;

static TAKEN: SpinLock<BTreeMap<u32, u64>> = SpinLock::new(lock_order::SYSV_TABLE, BTreeMap::new());

/// Bytes that a queue takes of its maker's, as long as it is there.
pub struct Share {
    uid: u32,
    bytes: u64,
}

impl Share {
    /// None when `uid` would have more than `limit`.
    pub fn take(uid: u32, bytes: u64, limit: u64) -> Option<Share> {
        let mut taken = TAKEN.lock();
        let all = taken.entry(uid).or_insert(0);
        let sum = all.checked_add(bytes).filter(|&sum| sum <= limit);
        match sum {
            Some(sum) => *all = sum,
            None if *all == 0 => {
                taken.remove(&uid);
            }
            None => {}
        }
        sum.map(|_| Share { uid, bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock();
        if let Some(all) = taken.get_mut(&self.uid) {
            *all -= self.bytes;
            if *all == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}
