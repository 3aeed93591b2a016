//! inotify(7): watches on nodes, and the queue of what happened to them.
//!
//! Watches hang on the node; an instance holds them by number and pins their nodes. Every file
//! operation asks [`notify`], which is a load of one counter while nobody watches anything.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::dnotify;
use crate::fs::namespace::Path;
use crate::fs::node::Node;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::cpu;
use crate::sched::wait::WaitQueue;
use crate::task::footprint::Look;
use crate::task::shares::{Share, Shares};
use crate::uio::Dest;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bitflags::bitflags;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use ochre_hal::admission::{self, Room, append};
use ochre_hal::sync::SpinLock;

bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Mask: u32 {
        const ACCESS = 0x1;
        const MODIFY = 0x2;
        const ATTRIB = 0x4;
        const CLOSE_WRITE = 0x8;
        const CLOSE_NOWRITE = 0x10;
        const OPEN = 0x20;
        const MOVED_FROM = 0x40;
        const MOVED_TO = 0x80;
        const CREATE = 0x100;
        const DELETE = 0x200;
        const DELETE_SELF = 0x400;
        const MOVE_SELF = 0x800;
        const UNMOUNT = 0x2000;
        const Q_OVERFLOW = 0x4000;
        const IGNORED = 0x8000;
        const ONLYDIR = 0x0100_0000;
        const DONT_FOLLOW = 0x0200_0000;
        const EXCL_UNLINK = 0x0400_0000;
        const MASK_CREATE = 0x1000_0000;
        const MASK_ADD = 0x2000_0000;
        const ISDIR = 0x4000_0000;
        const ONESHOT = 0x8000_0000;
    }
}

/// What a watch can ask for.
const ALL_EVENTS: Mask = Mask::from_bits_retain(0xfff);

/// Watches over the whole system.
static WATCHES: AtomicUsize = AtomicUsize::new(0);

/// A watch of F_NOTIFY came or went.
pub(super) fn count(came: bool) {
    if came {
        WATCHES.fetch_add(1, Ordering::Relaxed);
    } else {
        WATCHES.fetch_sub(1, Ordering::Relaxed);
    }
}

pub const EVENTS_MAX: usize = 16384;
/// Of one user, as /proc/sys/fs/inotify tells.
pub const INSTANCES_MAX: u64 = 128;
pub const WATCHES_MAX: u64 = 65536;

static INSTANCES_TAKEN: Shares = Shares::new();
static WATCHES_TAKEN: Shares = Shares::new();

/// The watches on one node.
pub struct Watches {
    list: SpinLock<Vec<Arc<Watch>>>,
    /// Those of F_NOTIFY.
    pub(super) directory: dnotify::Watches,
}

struct Watch {
    _counted: Counted<{ ObjectKind::InotifyWatch as usize }>,
    number: i32,
    mask: AtomicU32,
    instance: Weak<Inotify>,
    _share: Share,
}

impl Watches {
    #[must_use]
    pub const fn new() -> Watches {
        Watches {
            list: SpinLock::new(lock_order::FS_NODE, Vec::new()),
            directory: dnotify::Watches::new(),
        }
    }

    fn snapshot(&self) -> Vec<Arc<Watch>> {
        self.list.lock().clone()
    }
}

impl Default for Watches {
    fn default() -> Watches {
        Watches::new()
    }
}

struct Event {
    watch: i32,
    mask: u32,
    cookie: u32,
    /// The name in a watched directory.
    name: Option<Arc<[u8]>>,
}

impl Event {
    /// Something was lost.
    const OVERFLOW: Event = Event {
        watch: -1,
        mask: Mask::Q_OVERFLOW.bits(),
        cookie: 0,
        name: None,
    };

    fn name(&self) -> &[u8] {
        self.name.as_deref().unwrap_or_default()
    }

    /// As read: the header and the name with its NUL, padded to the header's size.
    fn size(&self) -> usize {
        let name = match self.name().len() {
            0 => 0,
            len => (len + 1).next_multiple_of(16),
        };
        16 + name
    }
}

struct State {
    events: VecDeque<Event>,
    /// Watch number → the watch, and its node kept alive.
    watches: BTreeMap<i32, (Arc<Watch>, Arc<Node>)>,
    next_number: i32,
}

/// One inotify instance.
pub struct Inotify {
    _counted: Counted<{ ObjectKind::Inotify as usize }>,
    /// Whose watches these are.
    uid: u32,
    _share: Share,
    state: SpinLock<State>,
    queue: WaitQueue,
}

/// The open file of an instance: its end removes the watches.
pub struct InotifyFile(Arc<Inotify>);

impl Inotify {
    fn push(&self, event: Event) {
        {
            let mut state = self.state.lock();
            if state.events.len() >= EVENTS_MAX {
                return;
            }
            let repeated = state.events.back().is_some_and(|last| {
                (last.watch, last.mask, last.cookie) == (event.watch, event.mask, event.cookie)
                    && last.name() == event.name()
            });
            if repeated || state.events.room(1).is_err() {
                return;
            }
            let event = if state.events.len() == EVENTS_MAX - 1 {
                Event::OVERFLOW
            } else {
                event
            };
            state.events.push_back(event);
        }
        self.queue.wake_all(Events::READABLE);
    }

    /// Takes the watch away; tells the reader with IN_IGNORED.
    fn forget(&self, number: i32) -> bool {
        let Some((watch, node)) = self.state.lock().watches.remove(&number) else {
            return false;
        };
        node.watches
            .list
            .lock()
            .retain(|known| !Arc::ptr_eq(known, &watch));
        WATCHES.fetch_sub(1, Ordering::Relaxed);
        let mask = Mask::IGNORED.bits();
        self.push(Event {
            watch: number,
            mask,
            cookie: 0,
            name: None,
        });
        true
    }
}

impl InotifyFile {
    /// One of `uid`'s; EMFILE where that has many.
    pub fn new(uid: u32) -> Result<InotifyFile> {
        let share = INSTANCES_TAKEN.take(uid, 1, INSTANCES_MAX);
        let share = share.ok_or(Errno::EMFILE)?;
        admission::ask()?;
        Ok(InotifyFile(Arc::new(Inotify {
            _counted: Counted::new(),
            uid,
            _share: share,
            state: SpinLock::new(
                lock_order::PIPE,
                State {
                    events: VecDeque::new(),
                    watches: BTreeMap::new(),
                    next_number: 1,
                },
            ),
            queue: WaitQueue::new(),
        })))
    }

    /// inotify_add_watch(2).
    pub fn add(&self, node: &Arc<Node>, mask: Mask) -> Result<i32> {
        let wanted = mask & (ALL_EVENTS | Mask::ONESHOT | Mask::EXCL_UNLINK);
        if (mask & ALL_EVENTS).is_empty() {
            return Err(Errno::EINVAL);
        }
        // Kept until the watch has its number as well: who removes that finds it here.
        let mut list = node.watches.list.lock();
        let known = list
            .iter()
            .find(|watch| core::ptr::eq(watch.instance.as_ptr(), Arc::as_ptr(&self.0)));
        if let Some(known) = known {
            if mask.contains(Mask::MASK_CREATE) {
                return Err(Errno::EEXIST);
            }
            if mask.contains(Mask::MASK_ADD) {
                known.mask.fetch_or(wanted.bits(), Ordering::Relaxed);
            } else {
                known.mask.store(wanted.bits(), Ordering::Relaxed);
            }
            return Ok(known.number);
        }
        admission::ask()?;
        list.room(1)?;
        let share = WATCHES_TAKEN.take(self.0.uid, 1, WATCHES_MAX);
        let share = share.ok_or(Errno::ENOSPC)?;
        let mut state = self.0.state.lock();
        let number = state.next_number;
        state.next_number = number.checked_add(1).ok_or(Errno::ENOSPC)?;
        let watch = Arc::new(Watch {
            _counted: Counted::new(),
            number,
            mask: AtomicU32::new(wanted.bits()),
            instance: Arc::downgrade(&self.0),
            _share: share,
        });
        state.watches.insert(number, (watch.clone(), node.clone()));
        WATCHES.fetch_add(1, Ordering::Relaxed);
        list.push(watch);
        Ok(number)
    }

    /// inotify_rm_watch(2).
    pub fn remove(&self, number: i32) -> Result {
        if self.0.forget(number) {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }
}

impl Drop for InotifyFile {
    fn drop(&mut self) {
        let watches = core::mem::take(&mut self.0.state.lock().watches);
        for (watch, node) in watches.into_values() {
            node.watches
                .list
                .lock()
                .retain(|known| !Arc::ptr_eq(known, &watch));
            WATCHES.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl File for InotifyFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let next = || {
            let mut state = self.0.state.lock();
            let first = state.events.front()?;
            if first.size() > dst.remaining() {
                return Some(Err(Errno::EINVAL));
            }
            let mut taken = Vec::new();
            let mut room = dst.remaining();
            while let Some(event) = state.events.front() {
                if event.size() > room || taken.room(1).is_err() {
                    break;
                }
                room -= event.size();
                taken.extend(state.events.pop_front());
            }
            Some(Ok(taken))
        };
        let events = if io.nonblock {
            next().ok_or(Errno::EAGAIN)??
        } else {
            self.0.queue.wait(next)??
        };
        let mut bytes = Vec::new();
        for event in events {
            bytes.clear();
            bytes.room(event.size())?;
            bytes.extend_from_slice(&event.watch.to_ne_bytes());
            bytes.extend_from_slice(&event.mask.to_ne_bytes());
            bytes.extend_from_slice(&event.cookie.to_ne_bytes());
            bytes.extend_from_slice(&((event.size() - 16) as u32).to_ne_bytes());
            bytes.extend_from_slice(event.name());
            bytes.resize(event.size(), 0);
            dst.put(&bytes)?;
        }
        Ok(dst.done())
    }

    fn poll(&self) -> Events {
        if self.0.state.lock().events.is_empty() {
            Events::empty()
        } else {
            Events::READABLE
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.0.state.lock().events.iter().map(Event::size).sum())
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:inotify".to_vec()
    }

    fn details(&self) -> Result<Vec<u8>> {
        let mut watches = Vec::new();
        {
            let state = self.0.state.lock();
            watches.room(state.watches.len())?;
            watches.extend(state.watches.values().cloned());
        }
        let mut text = Vec::new();
        for (watch, node) in watches {
            cpu::breathe();
            let (device, ino) = node.inode().identity().unwrap_or_default();
            let line = format!(
                "inotify wd:{:x} ino:{ino:x} sdev:{:x} mask:{:x} ignored_mask:0 \n",
                watch.number,
                device.internal(),
                watch.mask.load(Ordering::Relaxed),
            );
            append(&mut text, line.as_bytes())?;
        }
        Ok(text)
    }

    fn held_bytes(&self, _look: &mut Look) -> usize {
        /// A watch, and about what a node takes, which stays for it.
        const WATCH: usize = size_of::<Watch>() + 512;
        let state = self.0.state.lock();
        state.watches.len() * WATCH + state.events.capacity() * size_of::<Event>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn tell(node: &Node, mask: Mask, cookie: u32, name: &[u8]) {
    if node.is_dir() {
        dnotify::tell(node, mask);
    }
    // One for all who are told.
    let mut kept: Option<Result<Arc<[u8]>>> = None;
    for watch in node.watches.snapshot() {
        let wanted = Mask::from_bits_retain(watch.mask.load(Ordering::Relaxed));
        if !wanted.intersects(mask & ALL_EVENTS) {
            continue;
        }
        let Some(instance) = watch.instance.upgrade() else {
            continue;
        };
        let name = (!name.is_empty()).then(|| {
            let keep = || {
                admission::ask()
                    .map(|()| Arc::from(name))
                    .map_err(Errno::from)
            };
            kept.get_or_insert_with(keep).clone()
        });
        instance.push(match name.transpose() {
            Ok(name) => Event {
                watch: watch.number,
                mask: mask.bits(),
                cookie,
                name,
            },
            Err(_) => Event::OVERFLOW,
        });
        if wanted.contains(Mask::ONESHOT) {
            instance.forget(watch.number);
        }
    }
}

/// Something happened to an object: tells who watches it, and who watches its directory.
pub fn notify(path: &Path, mask: Mask) {
    if WATCHES.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mask = if path.node().is_dir() {
        mask | Mask::ISDIR
    } else {
        mask
    };
    if let Some(parent) = path.dentry.parent() {
        tell(parent.node(), mask, 0, &path.dentry.name());
    }
    tell(path.node(), mask, 0, b"");
}

/// A name in `dir` came or went.
pub fn notify_name(dir: &Node, name: &[u8], mask: Mask, is_dir: bool, cookie: u32) {
    if WATCHES.load(Ordering::Relaxed) == 0 {
        return;
    }
    tell(
        dir,
        if is_dir { mask | Mask::ISDIR } else { mask },
        cookie,
        name,
    );
}

/// Something happened to the object itself: MOVE_SELF, DELETE_SELF (which ends its watches).
pub fn notify_self(node: &Node, mask: Mask) {
    if WATCHES.load(Ordering::Relaxed) == 0 {
        return;
    }
    tell(node, mask, 0, b"");
    if mask.contains(Mask::DELETE_SELF) {
        for watch in node.watches.snapshot() {
            if let Some(instance) = watch.instance.upgrade() {
                instance.forget(watch.number);
            }
        }
    }
}

/// Ties the two halves of a rename together.
pub fn next_cookie() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
