//! The tree of names: which name in which directory led to a node.
//!
//! A [`Dentry`] ties a node to its parent and name, so that `..`, getcwd and /proc/PID/fd have an
//! answer that follows renames. File systems own the truth about names; dentries exist for what is
//! in use, plus a bounded cache of recently looked-up names ([`NameCache`]) for file systems that
//! allow it ([`Inode::caches_names`](crate::fs::node::Inode::caches_names)).
//!
//! Invariants: a directory has at most one dentry; children point strongly to their parent and
//! parents weakly to their children; what a child map says of a caching file system is true, which
//! the generation counter protects against a lookup racing a change. Renames hold the file
//! system's shape ([`Inode::shape`](crate::fs::node::Inode::shape)), so ancestry is stable under it. No two dentry locks are held at once, and no
//! dentry is dropped under one.

use crate::errno::Result;
use crate::fs::node::Node;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::mutex::{Mutex, MutexGuard};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

/// One name's place in the tree.
pub struct Dentry {
    _counted: Counted<{ ObjectKind::DirectoryEntry as usize }>,
    node: Arc<Node>,
    place: SpinLock<Place>,
    children: SpinLock<BTreeMap<Box<[u8]>, Weak<Dentry>>>,
    /// Held while a name in this directory is changed, at the file system and here.
    changing: Mutex<()>,
    /// Counts changes of this directory's names.
    generation: AtomicU64,
    /// How many mounts cover this dentry, over all namespaces.
    covered: AtomicU32,
    /// Slot in the name cache plus one; 0 when not kept there.
    slot: AtomicUsize,
    /// Second chance in the name cache.
    used: AtomicBool,
}

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
    /// The name was taken away; the node lives on while it is open.
    removed: bool,
}

impl Dentry {
    /// The root of a file system, or of an object that has no name (a pipe, a memfd): `name` is
    /// what /proc/PID/fd shows for the latter.
    #[must_use]
    pub fn root(node: Arc<Node>, name: &[u8]) -> Arc<Dentry> {
        let dentry = Dentry::make(node, None, name);
        dentry.remember_in_node();
        dentry
    }

    fn make(node: Arc<Node>, parent: Option<Arc<Dentry>>, name: &[u8]) -> Arc<Dentry> {
        Arc::new(Dentry {
            _counted: Counted::new(),
            node,
            place: SpinLock::new(
                lock_order::FS_NAMES,
                Place {
                    parent,
                    name: Box::from(name),
                    removed: false,
                },
            ),
            children: SpinLock::new(lock_order::FS_NAMES, BTreeMap::new()),
            changing: Mutex::new(lock_order::sleeping::NAMES, ()),
            generation: AtomicU64::new(0),
            covered: AtomicU32::new(0),
            slot: AtomicUsize::new(0),
            used: AtomicBool::new(false),
        })
    }

    fn remember_in_node(self: &Arc<Self>) {
        if self.node.is_dir() {
            *self.node.dentry().lock() = Arc::downgrade(self);
        }
    }

    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Keeps others from changing names in this directory: the file system's change and the
    /// cache's are one. An error when the caller is killed meanwhile.
    pub fn lock_names(&self) -> Result<MutexGuard<'_, ()>> {
        self.changing.lock_killable()
    }

    /// As [`Dentry::lock_names`], of a second directory: the caller orders the two.
    pub fn lock_names_second(&self) -> Result<MutexGuard<'_, ()>> {
        self.changing
            .lock_killable_as(lock_order::sleeping::NAMES_INNER)
    }

    #[must_use]
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.place.lock().parent.clone()
    }

    #[must_use]
    pub fn name(&self) -> Box<[u8]> {
        self.place.lock().name.clone()
    }

    /// A root that has no name and is to get none.
    pub fn nameless(&self) {
        self.place.lock().removed = true;
    }

    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.place.lock().removed
    }

    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.covered.load(Ordering::Acquire) != 0
    }

    pub(super) fn cover(&self) {
        self.covered.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn uncover(&self) {
        self.covered.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether `self` is `other` or one of its ancestors.
    #[must_use]
    pub fn contains(self: &Arc<Self>, other: &Arc<Dentry>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Arc::ptr_eq(self, &dentry) {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    /// What `name` means in this directory.
    pub fn child(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Dentry>> {
        let caches = self.node.inode().caches_names();
        if caches {
            let known = self.children.lock().get(name).and_then(Weak::upgrade);
            if let Some(known) = known {
                known.used.store(true, Ordering::Relaxed);
                return Ok(known);
            }
        }
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let node = self.node.inode().lookup(name)?;
            admission::ask()?;
            if let Some(dentry) = self.intern(name, node, generation) {
                if caches {
                    NAME_CACHE.keep(&dentry);
                }
                return Ok(dentry);
            }
        }
    }

    /// The dentry of a node that was just created under `name`.
    pub fn created(self: &Arc<Self>, name: &[u8], node: Arc<Node>) -> Result<Arc<Dentry>> {
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        match self.intern(name, node, generation) {
            Some(dentry) => {
                if self.node.inode().caches_names() {
                    NAME_CACHE.keep(&dentry);
                }
                Ok(dentry)
            }
            // Somebody changed the directory right away; what the name means now is as good.
            None => self.child(name),
        }
    }

    /// The one dentry for (`self`, `name`, `node`), unless the directory changed since `generation`.
    fn intern(
        self: &Arc<Self>,
        name: &[u8],
        node: Arc<Node>,
        generation: u64,
    ) -> Option<Arc<Dentry>> {
        // Made outside of the lock; dropped outside of it too when another one is there.
        let fresh = Dentry::make(node, Some(self.clone()), name);
        let mut stale = None;
        let result = {
            let mut children = self.children.lock();
            if self.generation.load(Ordering::Acquire) != generation {
                None
            } else {
                match children.get(name).and_then(Weak::upgrade) {
                    Some(known) if Arc::ptr_eq(&known.node, &fresh.node) => Some(known),
                    known => {
                        stale = known;
                        children.insert(Box::from(name), Arc::downgrade(&fresh));
                        Some(fresh.clone())
                    }
                }
            }
        };
        // File systems that make up their nodes at each look (/proc) give a new one while the old
        // is still in use: that one is not gone.
        if let Some(stale) = stale.filter(|_| self.node.inode().caches_names()) {
            stale.place.lock().removed = true;
            NAME_CACHE.release(&stale);
        }
        if result
            .as_ref()
            .is_some_and(|dentry| Arc::ptr_eq(dentry, &fresh))
        {
            fresh.remember_in_node();
        }
        result
    }

    /// `name` no longer means anything here (unlink, rmdir, or a server said so).
    pub fn forget_child(&self, name: &[u8]) {
        let gone = {
            let mut children = self.children.lock();
            self.generation.fetch_add(1, Ordering::AcqRel);
            children.remove(name).and_then(|weak| weak.upgrade())
        };
        if let Some(gone) = gone {
            gone.place.lock().removed = true;
            NAME_CACHE.release(&gone);
        }
    }

    /// After a rename: `child` is now `to_name` in `to`. The caller holds the rename mutex.
    pub fn moved(
        self: &Arc<Self>,
        name: &[u8],
        child: &Arc<Dentry>,
        to: &Arc<Dentry>,
        to_name: &[u8],
    ) {
        to.forget_child(to_name);
        {
            let mut children = self.children.lock();
            self.generation.fetch_add(1, Ordering::AcqRel);
            children.remove(name);
        }
        let old = {
            let mut place = child.place.lock();
            place.name = Box::from(to_name);
            place.removed = false;
            place.parent.replace(to.clone())
        };
        drop(old);
        let mut children = to.children.lock();
        to.generation.fetch_add(1, Ordering::AcqRel);
        children.insert(Box::from(to_name), Arc::downgrade(child));
    }

    /// After an exchange of two names. The caller holds the rename mutex.
    pub fn exchanged(
        a: (&Arc<Dentry>, &[u8], &Arc<Dentry>),
        b: (&Arc<Dentry>, &[u8], &Arc<Dentry>),
    ) {
        for (dir, name, child) in [(a.0, a.1, b.2), (b.0, b.1, a.2)] {
            let old = {
                let mut place = child.place.lock();
                place.name = Box::from(name);
                place.parent.replace(dir.clone())
            };
            drop(old);
            let mut children = dir.children.lock();
            dir.generation.fetch_add(1, Ordering::AcqRel);
            children.insert(Box::from(name), Arc::downgrade(child));
        }
    }

    /// Ends being a child; returns whose. `me`: where it lived, as it may have been moved out to die.
    fn leave_parent(&mut self, me: *const Dentry) -> Option<Arc<Dentry>> {
        let place = self.place.get_mut();
        let parent = place.parent.take()?;
        let mut children = parent.children.lock();
        if children
            .get(&place.name)
            .is_some_and(|weak| core::ptr::eq(weak.as_ptr(), me))
        {
            children.remove(&place.name);
        }
        drop(children);
        Some(parent)
    }
}

impl Drop for Dentry {
    fn drop(&mut self) {
        // A loop, not the recursion that dropping the parent by field would be: a path may be
        // deeper than a kernel stack.
        let mut parent = self.leave_parent(self);
        while let Some(dentry) = parent {
            let place = Arc::as_ptr(&dentry);
            parent = Arc::into_inner(dentry).and_then(|mut dentry| dentry.leave_parent(place));
        }
    }
}

/// Keeps recently looked-up names alive, first in, first out with a second chance.
struct NameCache {
    ring: SpinLock<Ring>,
}

struct Ring {
    slots: Vec<Option<Arc<Dentry>>>,
    hand: usize,
}

const NAME_CACHE_SLOTS: usize = 16384;

static NAME_CACHE: NameCache = NameCache {
    ring: SpinLock::new(
        lock_order::FS_NAMES,
        Ring {
            slots: Vec::new(),
            hand: 0,
        },
    ),
};

impl NameCache {
    fn keep(&self, dentry: &Arc<Dentry>) {
        if dentry.slot.load(Ordering::Relaxed) != 0 {
            return;
        }
        let mut ring = self.ring.lock();
        if dentry.slot.load(Ordering::Relaxed) != 0 {
            return;
        }
        if ring.slots.len() < NAME_CACHE_SLOTS && ring.slots.room(1).is_ok() {
            ring.slots.push(Some(dentry.clone()));
            dentry.slot.store(ring.slots.len(), Ordering::Relaxed);
            return;
        }
        // Bounded: after so many second chances the next one is taken anyway.
        for _ in 0..64 {
            let hand = ring.hand;
            ring.hand = (hand + 1) % ring.slots.len().max(1);
            let Some(slot) = ring.slots.get_mut(hand) else {
                return;
            };
            if slot
                .as_ref()
                .is_some_and(|kept| kept.used.swap(false, Ordering::Relaxed))
            {
                continue;
            }
            let old = slot.replace(dentry.clone());
            dentry.slot.store(hand + 1, Ordering::Relaxed);
            if let Some(old) = &old {
                old.slot.store(0, Ordering::Relaxed);
            }
            drop(ring);
            drop(old);
            return;
        }
    }

    fn release(&self, dentry: &Arc<Dentry>) {
        if dentry.slot.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut ring = self.ring.lock();
        let slot = dentry.slot.swap(0, Ordering::Relaxed);
        let kept = slot
            .checked_sub(1)
            .and_then(|slot| ring.slots.get_mut(slot)?.take());
        drop(ring);
        drop(kept);
    }
}

/// Drops every name kept only by the cache: memory is short, or a file system goes away.
pub fn shrink_name_cache() {
    let slots = {
        let mut ring = NAME_CACHE.ring.lock();
        ring.hand = 0;
        let slots = core::mem::take(&mut ring.slots);
        for dentry in slots.iter().flatten() {
            dentry.slot.store(0, Ordering::Relaxed);
        }
        slots
    };
    drop(slots);
}
