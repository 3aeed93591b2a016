//! Who maps an object: which address spaces, and how many of their mappings may write.

use super::MemoryObject;
use crate::errno::{Errno, Result};
use crate::lock_order;
use crate::mm::space::AddressSpace;
use crate::sched::cpu;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::ops::Bound;
use core::sync::atomic::{AtomicIsize, Ordering};
use ochre_hal::frame::Frame;
use ochre_hal::sync::SpinLock;

pub struct Viewers {
    /// Shared mappings that are or may become writable; −1 when such are refused (write seal).
    writers: AtomicIsize,
    /// Address spaces that map the object, by their id: what it drops is unmapped there.
    spaces: SpinLock<BTreeMap<u64, Weak<AddressSpace>>>,
}

impl Viewers {
    pub(super) fn none() -> Viewers {
        Viewers {
            writers: AtomicIsize::new(0),
            spaces: SpinLock::new(lock_order::OBJECT, BTreeMap::new()),
        }
    }

    /// Notes that the address space has a mapping.
    pub fn attach(&self, space: &Arc<AddressSpace>) {
        let mut spaces = self.spaces.lock();
        if spaces.contains_key(&space.id()) {
            return;
        }
        // Those that unmapped it before they ended are still listed: looked for now and then.
        if spaces.len().is_power_of_two() {
            spaces.retain(|_, space| space.strong_count() > 0);
        }
        spaces.insert(space.id(), Arc::downgrade(space));
    }

    /// The address space has no more mappings.
    pub fn detach(&self, space: &AddressSpace) {
        let gone = self.spaces.lock().remove(&space.id());
        drop(gone);
    }

    /// Those that come meanwhile may be missed. The caller holds no spinlock.
    fn each(&self, mut each: impl FnMut(&AddressSpace)) {
        let mut from = Bound::Unbounded;
        loop {
            let next = {
                let spaces = self.spaces.lock();
                let mut others = spaces.range((from, Bound::Unbounded));
                others.find_map(|(&id, space)| Some((id, space.upgrade()?)))
            };
            let Some((id, space)) = next else { return };
            each(&space);
            drop(space);
            from = Bound::Excluded(id);
            cpu::breathe();
        }
    }

    /// Counts a shared mapping that may be written; `EPERM` when the object is sealed against that.
    pub fn add_writer(&self) -> Result {
        let more = |n| if n < 0 { None } else { Some(n + 1) };
        match self
            .writers
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::EPERM),
        }
    }

    pub fn remove_writer(&self) {
        self.writers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Refuses writable shared mappings from now on (F_SEAL_WRITE); `EBUSY` while there are any.
    pub fn seal(&self) -> Result {
        match self
            .writers
            .compare_exchange(0, -1, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) | Err(-1) => Ok(()),
            Err(_) => Err(Errno::EBUSY),
        }
    }
}

impl MemoryObject {
    /// Takes the pages `[first, last)` out of all page tables: of private mappings those that `gone`
    /// picks.
    pub(super) fn unmap_everywhere(
        &self,
        first: u64,
        last: u64,
        gone: &dyn Fn(u64, &Frame) -> bool,
    ) {
        self.viewers
            .each(|space| space.unmap_object(self, first, last, gone));
    }

    /// Takes the right to write the pages `[first, last)` out of all page tables.
    pub(super) fn protect_everywhere(&self, first: u64, last: u64) {
        self.viewers
            .each(|space| space.write_protect_object(self, first, last));
    }
}
