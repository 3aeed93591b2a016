//! Advisory locks of a node: whole-file locks of flock(2), byte ranges of fcntl(2).
//!
//! flock locks and F_OFD locks belong to an open file description, POSIX ones to a descriptor
//! table (a process). The two families do not see each other, as on Linux.
//!
//! Locks: one spinlock per node. Who waits for whom among POSIX locks is one global table, for
//! deadlock detection.

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::node::DeviceNumber;
use crate::lock_order;
use crate::sched::wait::WaitQueue;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// Whom a byte-range lock belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A descriptor table: POSIX locks.
    Process(u64),
    /// An open file description: F_OFD locks.
    Open(u64),
}

/// A locked byte range; `end` is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeLock {
    pub owner: Owner,
    /// What F_GETLK reports: the process that took it, or −1 for F_OFD locks.
    pub pid: i32,
    pub start: u64,
    pub end: u64,
    pub exclusive: bool,
}

/// flock's, of an open file description.
#[derive(Clone, Copy)]
pub struct WholeLock {
    open: u64,
    pid: i32,
    exclusive: bool,
}

/// A lock that is held, as /proc tells of it.
#[derive(Clone, Copy)]
pub enum Held {
    Whole(WholeLock),
    Range(RangeLock),
}

impl Held {
    /// Whether it belongs to a descriptor of table `files` for the description `open`.
    #[must_use]
    pub fn is_of(&self, files: u64, open: u64) -> bool {
        match self {
            Held::Whole(lock) => lock.open == open,
            Held::Range(range) => {
                range.owner == Owner::Process(files) || range.owner == Owner::Open(open)
            }
        }
    }

    /// Its line in /proc/locks, behind the number: what is locked is known by its device and number.
    #[must_use]
    pub fn line(&self, (device, ino): (DeviceNumber, u64)) -> String {
        let (kind, pid, exclusive, start, end) = match *self {
            Held::Whole(lock) => ("FLOCK  ADVISORY ", lock.pid, lock.exclusive, 0, u64::MAX),
            Held::Range(range) => {
                let kind = match range.owner {
                    Owner::Process(_) => "POSIX  ADVISORY ",
                    Owner::Open(_) => "OFDLCK ADVISORY ",
                };
                (kind, range.pid, range.exclusive, range.start, range.end)
            }
        };
        let access = if exclusive { "WRITE" } else { "READ" };
        let (major, minor) = (device.major(), device.minor());
        let end = match end {
            end if end >= i64::MAX as u64 => String::from("EOF"),
            end => format!("{end}"),
        };
        format!("{kind} {access} {pid} {major:02x}:{minor:02x}:{ino} {start} {end}\n")
    }
}

#[derive(Default)]
struct State {
    whole: Vec<WholeLock>,
    ranges: Vec<RangeLock>,
}

pub struct NodeLocks {
    state: SpinLock<State>,
    /// Whether any lock was ever taken: closing a file is hot, locks are rare.
    used: AtomicBool,
    released: WaitQueue,
}

/// Range locks of one node.
const RANGES_MAX: usize = 1 << 16;

/// For whom a POSIX owner waits, and at which node's locks.
#[derive(Clone, Copy)]
struct Wait {
    holder: Owner,
    place: usize,
}

/// Which POSIX owner waits for which. Changed under the lock of the node in question: who lets a
/// lock go is waited for no more at once, not when those who waited come to look.
static WAITING: SpinLock<BTreeMap<Owner, Wait>> = SpinLock::new(lock_order::FILE, BTreeMap::new());

impl NodeLocks {
    #[must_use]
    pub const fn new() -> NodeLocks {
        NodeLocks {
            state: SpinLock::new(
                lock_order::FS_NODE,
                State {
                    whole: Vec::new(),
                    ranges: Vec::new(),
                },
            ),
            used: AtomicBool::new(false),
            released: WaitQueue::new(),
        }
    }

    /// All that are held now.
    pub fn held(&self) -> Result<Vec<Held>> {
        let mut held = Vec::new();
        if !self.used.load(Ordering::Acquire) {
            return Ok(held);
        }
        let state = self.state.lock();
        held.room(state.whole.len() + state.ranges.len())?;
        held.extend(state.whole.iter().copied().map(Held::Whole));
        held.extend(state.ranges.iter().copied().map(Held::Range));
        Ok(held)
    }

    /// flock(2): `open` takes the lock for process `pid`, changing one it has. Sleeps unless `nonblock`.
    pub fn lock_whole(&self, open: u64, pid: i32, exclusive: bool, nonblock: bool) -> Result {
        self.used.store(true, Ordering::Release);
        let mut dropped = false;
        let mut attempt = || -> Option<Result> {
            let mut state = self.state.lock();
            // Not an atomic conversion: the old lock is gone even if the new one has to wait.
            let had = state.whole.len();
            let differs = |lock: &WholeLock| lock.open != open || lock.exclusive == exclusive;
            state.whole.retain(differs);
            dropped |= state.whole.len() != had;
            if state.whole.iter().any(|lock| lock.open == open) {
                return Some(Ok(()));
            }
            if state.whole.iter().any(|lock| lock.exclusive || exclusive) {
                return None;
            }
            Some(state.whole.room(1).map_err(Errno::from).map(|()| {
                state.whole.push(WholeLock {
                    open,
                    pid,
                    exclusive,
                });
            }))
        };
        let result = match attempt() {
            Some(result) => result,
            None if nonblock => Err(Errno::EAGAIN),
            None => {
                self.released.wake_all(Events::all());
                self.released.wait(&mut attempt).and_then(|result| result)
            }
        };
        if dropped {
            self.released.wake_all(Events::all());
        }
        result
    }

    pub fn unlock_whole(&self, open: u64) {
        let removed = {
            let mut state = self.state.lock();
            let had = state.whole.len();
            state.whole.retain(|lock| lock.open != open);
            had != state.whole.len()
        };
        if removed {
            self.released.wake_all(Events::all());
        }
    }

    /// The first lock that keeps `wanted` from being taken.
    #[must_use]
    pub fn conflict(&self, wanted: &RangeLock) -> Option<RangeLock> {
        self.state.lock().conflict(wanted)
    }

    /// Takes a byte range; sleeps unless `nonblock`.
    pub fn lock_range(&self, wanted: RangeLock, nonblock: bool) -> Result {
        self.used.store(true, Ordering::Release);
        let attempt = || -> Option<Result> {
            let mut state = self.state.lock();
            match state.conflict(&wanted) {
                None => {
                    let taken = state.replace(&wanted, true);
                    self.changed(wanted.owner);
                    WAITING.lock().remove(&wanted.owner);
                    Some(taken)
                }
                Some(_) if nonblock => Some(Err(Errno::EAGAIN)),
                Some(holder) => self.wait_for(wanted.owner, holder.owner).err().map(Err),
            }
        };
        let result = match self.released.wait(attempt) {
            Ok(result) => result,
            Err(error) => Err(error),
        };
        WAITING.lock().remove(&wanted.owner);
        // A lock turned from exclusive to shared lets others in.
        self.released.wake_all(Events::all());
        result
    }

    /// Releases a byte range of its owner.
    pub fn unlock_range(&self, range: &RangeLock) -> Result {
        if !self.used.load(Ordering::Acquire) {
            return Ok(());
        }
        let result = {
            let mut state = self.state.lock();
            let result = state.replace(range, false);
            self.changed(range.owner);
            result
        };
        self.released.wake_all(Events::all());
        result
    }

    fn release(&self, owner: Owner, whole: Option<u64>) {
        if !self.used.load(Ordering::Acquire) {
            return;
        }
        let changed = {
            let mut state = self.state.lock();
            let before = state.whole.len() + state.ranges.len();
            state.ranges.retain(|lock| lock.owner != owner);
            state.whole.retain(|lock| Some(lock.open) != whole);
            self.changed(owner);
            before != state.whole.len() + state.ranges.len()
        };
        if changed {
            self.released.wake_all(Events::all());
        }
    }

    fn place(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// `owner` has other locks here than it had: whoever waits for it looks again.
    fn changed(&self, owner: Owner) {
        let place = self.place();
        let mut waiting = WAITING.lock();
        waiting.retain(|_, wait| wait.holder != owner || wait.place != place);
    }

    /// Notes that `waiter` waits for `holder`; EDEADLK when that closes a circle.
    fn wait_for(&self, waiter: Owner, holder: Owner) -> Result {
        if matches!(waiter, Owner::Open(_)) {
            return Ok(());
        }
        let mut waiting = WAITING.lock();
        let mut at = holder;
        // As Linux does, give up after a chain of ten.
        for _ in 0..10 {
            match waiting.get(&at) {
                Some(next) if next.holder == waiter => return Err(Errno::EDEADLK),
                Some(next) => at = next.holder,
                None => break,
            }
        }
        let place = self.place();
        waiting.insert(waiter, Wait { holder, place });
        Ok(())
    }

    /// A process closed a descriptor of this node: its POSIX locks go.
    pub fn release_process(&self, process: u64) {
        self.release(Owner::Process(process), None);
    }

    /// An open file description ended.
    pub fn release_open(&self, open: u64) {
        self.release(Owner::Open(open), Some(open));
    }
}

impl Default for NodeLocks {
    fn default() -> NodeLocks {
        NodeLocks::new()
    }
}

impl State {
    fn conflict(&self, wanted: &RangeLock) -> Option<RangeLock> {
        self.ranges
            .iter()
            .filter(|held| {
                held.owner != wanted.owner
                    && held.start <= wanted.end
                    && wanted.start <= held.end
                    && (held.exclusive || wanted.exclusive)
            })
            .min_by_key(|held| held.start)
            .copied()
    }

    /// Cuts `new`'s range out of what its owner holds; then takes it when `lock`.
    fn replace(&mut self, new: &RangeLock, lock: bool) -> Result {
        // At most one lock is split in two, and one is added.
        self.ranges.room(2)?;
        if self.ranges.len() + 2 > RANGES_MAX {
            return Err(Errno::ENOLCK);
        }
        let mut split = None;
        self.ranges.retain_mut(|held| {
            if held.owner != new.owner || held.start > new.end || new.start > held.end {
                return true;
            }
            let (start, end) = (held.start, held.end);
            if start < new.start && end > new.end {
                split = Some(RangeLock {
                    start: new.end + 1,
                    ..*held
                });
                held.end = new.start - 1;
            } else if start < new.start {
                held.end = new.start - 1;
            } else if end > new.end {
                held.start = new.end + 1;
            } else {
                return false;
            }
            true
        });
        self.ranges.extend(split);
        if lock {
            let mut merged = *new;
            self.ranges.retain(|held| {
                let touches = held.owner == new.owner
                    && held.exclusive == new.exclusive
                    && (held.end.checked_add(1) == Some(merged.start)
                        || merged.end.checked_add(1) == Some(held.start));
                if touches {
                    merged.start = merged.start.min(held.start);
                    merged.end = merged.end.max(held.end);
                }
                !touches
            });
            self.ranges.push(merged);
        }
        Ok(())
    }
}
