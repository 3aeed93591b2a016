//! epoll(7): sets of watched files, and a list of those that became ready.
//!
//! An [`Item`] sits in the wait queues of its file; a wake-up puts it on the set's ready list, so
//! that epoll_wait looks at what happened only, however many files are watched. Whether a file is
//! really ready is always asked of the file itself ([`File::poll`]).
//!
//! Life times: queues own items, items refer weakly to their file and their set. A file that ends
//! takes its items with it ([`OpenFile`]'s drop calls [`Item::file_closed`]).
//!
//! Locks: a set's table of items; inside no other lock. The ready list is a leaf that wakers take
//! from anywhere. Neither is held while a file is polled.

use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::fs::open::OpenFile;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::cpu;
use crate::sched::mutex::Mutex;
use crate::sched::wait::{self, Entry, Interrupt, WaitQueue, Wake};
use crate::task::footprint::Look;
use crate::time::Deadline;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use ochre_hal::admission::{self, Room, append};
use ochre_hal::sync::SpinLock;

/// Flags beside the events of a request.
pub const EXCLUSIVE: u32 = 1 << 28;
pub const WAKEUP: u32 = 1 << 29;
pub const ONESHOT: u32 = 1 << 30;
pub const EDGE: u32 = 1 << 31;
const PRIVATE: u32 = EXCLUSIVE | WAKEUP | ONESHOT | EDGE;

/// How many sets may watch one another in a row, besides the first: as deep do wake-ups and questions
/// go from set to set.
const DEPTH_MAX: usize = 4;
/// Files in one set: a bound on what one process can pin.
pub const ITEMS_MAX: usize = 1 << 20;

/// `struct epoll_event`, which is packed on x86-64.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct EpollEvent {
    pub events: u32,
    pub data: u64,
}

/// One watched file in one set.
pub struct Item {
    _counted: Counted<{ ObjectKind::EpollItem as usize }>,
    set: Weak<Epoll>,
    open: Weak<OpenFile>,
    key: Key,
    /// Wanted events and flags; without wanted events the item is disarmed (ONESHOT).
    mask: AtomicU32,
    data: AtomicU64,
    /// On the ready list.
    queued: AtomicBool,
    entries: SpinLock<[Option<Entry>; 2]>,
}

/// A descriptor and the description that it meant when it was added.
type Key = (i32, u64);

pub struct Epoll {
    _counted: Counted<{ ObjectKind::EpollSet as usize }>,
    items: SpinLock<BTreeMap<Key, Arc<Item>>>,
    ready: SpinLock<VecDeque<Arc<Item>>>,
    queue: WaitQueue,
    /// The sets that watch this one, each as often as it has items for it.
    outer: SpinLock<Vec<Weak<Epoll>>>,
}

/// The open file of a set.
pub struct EpollFile(Arc<Epoll>);

/// Held while a set is put into another: circles are looked for.
static NESTING: Mutex<()> = Mutex::new(lock_order::sleeping::NESTING, ());

impl Wake for Item {
    fn wake(self: Arc<Self>, events: Events) -> bool {
        let wanted = self.mask.load(Ordering::Relaxed);
        let wanted_events = Events::from_bits_truncate(wanted);
        if wanted_events.is_empty() {
            return false;
        }
        let always = Events::ERR | Events::HUP;
        if !events.is_empty() && !events.intersects(wanted_events | always) {
            return false;
        }
        let exclusive = wanted & EXCLUSIVE != 0;
        let Some(set) = self.set.upgrade() else {
            return false;
        };
        let woken = set.push(self);
        woken && exclusive
    }
}

impl Item {
    /// The events and the flags the poller asked for.
    fn interest(&self) -> (Events, u32) {
        let mask = self.mask.load(Ordering::Relaxed);
        (Events::from_bits_truncate(mask), mask & PRIVATE)
    }

    /// What of its interest holds now.
    fn poll(&self, file: &dyn File) -> Events {
        let (wanted, _) = self.interest();
        if wanted.is_empty() {
            return Events::empty();
        }
        file.poll() & (wanted | Events::ERR | Events::HUP)
    }

    fn attach(self: &Arc<Self>, file: &dyn File) {
        let queues = [file.wait_queue(), file.second_wait_queue()];
        let entries = queues.map(|queue| queue.map(|queue| queue.add(self.clone())));
        *self.entries.lock() = entries;
    }

    fn detach(&self, file: &dyn File) {
        let entries = core::mem::take(&mut *self.entries.lock());
        for (queue, entry) in [file.wait_queue(), file.second_wait_queue()]
            .iter()
            .zip(entries)
        {
            if let (Some(queue), Some(entry)) = (queue, entry) {
                queue.remove(entry);
            }
        }
    }

    /// The file ends: called from its drop.
    pub fn file_closed(&self, file: &dyn File) {
        self.detach(file);
        self.mask.store(0, Ordering::Relaxed);
        if let Some(set) = self.set.upgrade() {
            let gone = set.items.lock().remove(&self.key);
            drop(gone);
        }
    }
}

impl Epoll {
    /// Puts an item on the ready list. Whether a sleeper was woken.
    fn push(&self, item: Arc<Item>) -> bool {
        if item.queued.swap(true, Ordering::SeqCst) {
            return false;
        }
        self.ready.lock().push_back(item);
        self.queue.wake_one(Events::READABLE)
    }

    /// Hands up to `max` events to `put`; returns how many. An event that `put` can't take stays
    /// for the next call.
    fn collect(
        &self,
        max: usize,
        put: &mut impl FnMut(usize, EpollEvent) -> Result,
    ) -> Result<usize> {
        let mut count = 0;
        // What is put back for the next call is not looked at again in this one.
        let mut rounds = None;
        while count < max {
            let item = {
                let mut ready = self.ready.lock();
                let left = rounds.get_or_insert(ready.len());
                if *left == 0 {
                    return Ok(count);
                }
                *left -= 1;
                ready.pop_front()
            };
            let Some(item) = item else {
                return Ok(count);
            };
            // From here on a new wake-up queues it again.
            item.queued.store(false, Ordering::SeqCst);
            let Some(open) = item.open.upgrade() else {
                continue;
            };
            let events = item.poll(&**open.file());
            if events.is_empty() {
                continue;
            }
            let event = EpollEvent {
                events: events.bits(),
                data: item.data.load(Ordering::Relaxed),
            };
            if let Err(error) = put(count, event) {
                self.put_back(item);
                return if count > 0 { Ok(count) } else { Err(error) };
            }
            count += 1;
            let flags = item.interest().1;
            if flags & ONESHOT != 0 {
                item.mask.fetch_and(PRIVATE, Ordering::Relaxed);
            } else if flags & EDGE == 0 {
                self.put_back(item);
            }
        }
        if rounds.is_some_and(|left| left > 0) {
            // Others who wait may have the rest.
            self.queue.wake_one(Events::READABLE);
        }
        Ok(count)
    }

    fn put_back(&self, item: Arc<Item>) {
        if !item.queued.swap(true, Ordering::SeqCst) {
            self.ready.lock().push_back(item);
        }
    }

    fn has_ready(&self) -> bool {
        !self.ready.lock().is_empty()
    }

    /// Whether some item's file is really ready; others leave the list.
    fn is_ready(&self) -> bool {
        let rounds = self.ready.lock().len();
        for _ in 0..rounds {
            let Some(item) = self.ready.lock().pop_front() else {
                return false;
            };
            item.queued.store(false, Ordering::SeqCst);
            let Some(open) = item.open.upgrade() else {
                continue;
            };
            if !item.poll(&**open.file()).is_empty() {
                if !item.queued.swap(true, Ordering::SeqCst) {
                    self.ready.lock().push_front(item);
                }
                return true;
            }
        }
        false
    }

    /// Adds the sets that this one watches to `found`.
    fn inner_sets(&self, found: &mut Vec<Arc<Epoll>>) -> Result {
        let mut opens = Vec::new();
        {
            let items = self.items.lock();
            opens.room_exact(items.len())?;
            opens.extend(items.values().filter_map(|item| item.open.upgrade()));
        }
        for open in opens {
            if let Some(file) = open.downcast::<EpollFile>() {
                found.room(1)?;
                found.push(file.0.clone());
            }
        }
        Ok(())
    }

    /// Adds the sets that watch this one to `found`.
    fn outer_sets(&self, found: &mut Vec<Arc<Epoll>>) -> Result {
        let outer = self.outer.lock();
        found.room(outer.len())?;
        found.extend(outer.iter().filter_map(Weak::upgrade));
        Ok(())
    }

    fn is_left_by(&self, set: &Arc<Epoll>) {
        let mut outer = self.outer.lock();
        let at = outer
            .iter()
            .position(|known| known.as_ptr() == Arc::as_ptr(set));
        let gone = at.map(|at| outer.swap_remove(at));
        drop(outer);
        drop(gone);
    }
}

/// How far `next` leads on from `set`; ELOOP when that is too far, or by way of `barred`.
fn steps_from(
    set: &Arc<Epoll>,
    barred: &Arc<Epoll>,
    next: fn(&Epoll, &mut Vec<Arc<Epoll>>) -> Result,
) -> Result<usize> {
    let mut level = Vec::from([set.clone()]);
    for steps in 0..=DEPTH_MAX {
        if level.iter().any(|set| Arc::ptr_eq(set, barred)) {
            return Err(Errno::ELOOP);
        }
        let mut further = Vec::new();
        for set in &level {
            next(set, &mut further)?;
        }
        if further.is_empty() {
            return Ok(steps);
        }
        // Many ways may lead to one set.
        further.sort_unstable_by_key(|set| Arc::as_ptr(set).addr());
        further.dedup_by(|one, other| Arc::ptr_eq(one, other));
        level = further;
    }
    Err(Errno::ELOOP)
}

impl EpollFile {
    #[must_use]
    pub fn new() -> EpollFile {
        EpollFile(Arc::new(Epoll {
            _counted: Counted::new(),
            items: SpinLock::new(lock_order::EPOLL, BTreeMap::new()),
            ready: SpinLock::new(lock_order::READY_LIST, VecDeque::new()),
            queue: WaitQueue::new(),
            outer: SpinLock::new(lock_order::CELL, Vec::new()),
        }))
    }

    /// EPOLL_CTL_ADD.
    pub fn add(&self, fd: i32, open: &Arc<OpenFile>, event: EpollEvent) -> Result {
        let set = &self.0;
        let file = &**open.file();
        if file.wait_queue().is_none() {
            return Err(Errno::EPERM);
        }
        let inner = open.downcast::<EpollFile>();
        let mask = event.events;
        let allowed_exclusive = (PRIVATE - ONESHOT)
            | (Events::READABLE | Events::WRITABLE | Events::ERR | Events::HUP).bits();
        if mask & EXCLUSIVE != 0 && (inner.is_some() || mask & !allowed_exclusive != 0) {
            return Err(Errno::EINVAL);
        }
        let _nesting = inner.map(|_| NESTING.lock());
        if let Some(inner) = inner {
            let below = steps_from(&inner.0, set, Epoll::inner_sets)?;
            let above = steps_from(set, &inner.0, Epoll::outer_sets)?;
            if above + 1 + below > DEPTH_MAX {
                return Err(Errno::ELOOP);
            }
            inner.0.outer.lock().room(1)?;
        }
        let key = (fd, open.id());
        admission::ask()?;
        let item = Arc::new(Item {
            _counted: Counted::new(),
            set: Arc::downgrade(set),
            open: Arc::downgrade(open),
            key,
            mask: AtomicU32::new(armed(mask)),
            data: AtomicU64::new(event.data),
            queued: AtomicBool::new(false),
            entries: SpinLock::new(lock_order::CELL, [None; 2]),
        });
        {
            let mut items = set.items.lock();
            if items.contains_key(&key) {
                return Err(Errno::EEXIST);
            }
            if items.len() >= ITEMS_MAX {
                return Err(Errno::ENOSPC);
            }
            items.insert(key, item.clone());
        }
        if let Some(inner) = inner {
            inner.0.outer.lock().push(Arc::downgrade(set));
        }
        item.attach(file);
        open.watched_by(item.clone());
        if !item.poll(file).is_empty() {
            set.push(item);
        }
        Ok(())
    }

    fn find(&self, fd: i32, open: &OpenFile) -> Result<Arc<Item>> {
        self.0
            .items
            .lock()
            .get(&(fd, open.id()))
            .cloned()
            .ok_or(Errno::ENOENT)
    }

    /// The number of the description that the `nth` entry for descriptor `fd` watches.
    #[must_use]
    pub fn target(&self, fd: i32, nth: usize) -> Option<u64> {
        let items = self.0.items.lock();
        let of_fd = items.range((fd, 0)..=(fd, u64::MAX));
        of_fd.map(|(&(_, id), _)| id).nth(nth)
    }

    /// EPOLL_CTL_MOD.
    pub fn modify(&self, fd: i32, open: &OpenFile, event: EpollEvent) -> Result {
        let item = self.find(fd, open)?;
        if event.events & EXCLUSIVE != 0 || item.interest().1 & EXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        item.data.store(event.data, Ordering::Relaxed);
        item.mask.store(armed(event.events), Ordering::SeqCst);
        if !item.poll(&**open.file()).is_empty() {
            self.0.push(item);
        }
        Ok(())
    }

    /// EPOLL_CTL_DEL.
    pub fn delete(&self, fd: i32, open: &OpenFile) -> Result {
        let item = self.find(fd, open)?;
        item.detach(&**open.file());
        item.mask.store(0, Ordering::SeqCst);
        open.not_watched_by(&item);
        if let Some(inner) = open.downcast::<EpollFile>() {
            inner.0.is_left_by(&self.0);
        }
        let gone = self.0.items.lock().remove(&item.key);
        drop(gone);
        Ok(())
    }

    /// Waits until something is ready or the deadline passes (0 events), and hands up to `max`
    /// events with their numbers to `put`.
    pub fn wait(
        &self,
        max: usize,
        deadline: Option<Deadline>,
        mut put: impl FnMut(usize, EpollEvent) -> Result,
    ) -> Result<usize> {
        let set = &self.0;
        loop {
            let count = set.collect(max, &mut put)?;
            if count > 0 {
                return Ok(count);
            }
            let ready = || set.has_ready().then_some(());
            match wait::wait_until(&[&set.queue], deadline, Interrupt::Signals, ready) {
                Ok(()) => {}
                Err(Errno::ETIMEDOUT) => return Ok(0),
                Err(_) => return Err(Errno::EINTR),
            }
        }
    }
}

/// What is kept of a request's mask: at least ERR and HUP are always wanted, unless disarmed.
fn armed(mask: u32) -> u32 {
    mask & (Events::all().bits() | PRIVATE) | (Events::ERR | Events::HUP).bits()
}

impl Default for EpollFile {
    fn default() -> EpollFile {
        EpollFile::new()
    }
}

impl Drop for EpollFile {
    fn drop(&mut self) {
        let items = core::mem::take(&mut *self.0.items.lock());
        for item in items.into_values() {
            if let Some(open) = item.open.upgrade() {
                item.detach(&**open.file());
                open.not_watched_by(&item);
                if let Some(inner) = open.downcast::<EpollFile>() {
                    inner.0.is_left_by(&self.0);
                }
            }
        }
        let ready = core::mem::take(&mut *self.0.ready.lock());
        drop(ready);
    }
}

impl File for EpollFile {
    fn poll(&self) -> Events {
        if self.0.is_ready() {
            Events::READABLE
        } else {
            Events::empty()
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:[eventpoll]".to_vec()
    }

    fn details(&self) -> Result<Vec<u8>> {
        let mut watched = Vec::new();
        {
            let items = self.0.items.lock();
            watched.room(items.len())?;
            watched.extend(items.values().cloned());
        }
        let mut text = Vec::new();
        for item in watched {
            cpu::breathe();
            let Some(open) = item.open.upgrade() else {
                continue;
            };
            let (mask, data) = (&item.mask, &item.data);
            let position = open.cursor().try_lock().map_or(0, |cursor| *cursor);
            let (device, ino) = open
                .attributes()
                .map_or((0, 0), |a| (a.dev.internal(), a.ino));
            let line = format!(
                "tfd: {:8} events: {:8x} data: {:16x}  pos:{position} ino:{ino:x} sdev:{device:x}\n",
                item.key.0,
                mask.load(Ordering::Relaxed),
                data.load(Ordering::Relaxed),
            );
            append(&mut text, line.as_bytes())?;
        }
        Ok(text)
    }

    fn held_bytes(&self, _look: &mut Look) -> usize {
        self.0.items.lock().len() * size_of::<Item>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
