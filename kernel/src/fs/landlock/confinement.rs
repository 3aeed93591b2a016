//! The domain that holds one thread.

use super::domain::Domain;
use crate::lock_order;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::sync::SpinLock;

/// Only the thread itself changes it, and a new thread starts with its parent's.
pub struct Confinement {
    /// There is a domain: looked at without the lock.
    on: AtomicBool,
    domain: SpinLock<Option<Arc<Domain>>>,
}

impl Confinement {
    #[must_use]
    pub fn new(domain: Option<Arc<Domain>>) -> Confinement {
        Confinement {
            on: AtomicBool::new(domain.is_some()),
            domain: SpinLock::new(lock_order::CELL, domain),
        }
    }

    #[inline]
    #[must_use]
    pub fn domain(&self) -> Option<Arc<Domain>> {
        if self.on.load(Ordering::Relaxed) {
            self.domain.lock().clone()
        } else {
            None
        }
    }

    pub(super) fn set(&self, domain: Arc<Domain>) {
        let old = self.domain.lock().replace(domain);
        self.on.store(true, Ordering::Relaxed);
        drop(old);
    }

    /// Whether who is held by this may look into who is held by `other`: no less is allowed to it.
    #[must_use]
    pub fn covers(&self, other: &Confinement) -> bool {
        match (self.domain(), other.domain()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.descends_from(&mine),
        }
    }
}
