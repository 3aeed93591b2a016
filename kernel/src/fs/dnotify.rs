//! fcntl(F_NOTIFY): signals about what happens in a directory, to those who have it open.
//!
//! A watch belongs to one descriptor table's hold on one open file description, and ends when that
//! table closes a descriptor of it. It ends with its first signal, too, unless it is DN_MULTISHOT.

use crate::errno::{Errno, Result};
use crate::fs::inotify::{self, Mask};
use crate::fs::node::Node;
use crate::fs::open::OpenFile;
use crate::fs::sigio::{Receiver, Recipient};
use crate::linux::general as raw;
use crate::lock_order;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

struct Watch {
    table: u64,
    /// The description's number.
    open: u64,
    receiver: Arc<Receiver>,
    fd: i32,
    mask: u32,
}

impl Watch {
    fn is_of(&self, table: u64, open: &OpenFile) -> bool {
        self.table == table && self.open == open.id()
    }
}

/// The watches on one directory.
pub struct Watches {
    list: SpinLock<Vec<Watch>>,
}

impl Watches {
    #[must_use]
    pub const fn new() -> Watches {
        Watches {
            list: SpinLock::new(lock_order::FS_NODE, Vec::new()),
        }
    }
}

impl Default for Watches {
    fn default() -> Watches {
        Watches::new()
    }
}

/// F_NOTIFY on descriptor `fd`: further events to signal, or none any more.
pub fn watch(thread: &Thread, fd: i32, open: &Arc<OpenFile>, mask: u32) -> Result {
    let table = thread.files().id();
    if mask & !raw::DN_MULTISHOT == 0 {
        forget(table, open);
        return Ok(());
    }
    let node = open.node().filter(|node| node.is_dir());
    let node = node.ok_or(Errno::ENOTDIR)?;
    let receiver = open.receiver();
    let owner = Recipient::Process(thread.process().pid);
    receiver.default_owner(owner, &thread.credentials());
    let mut list = node.watches.directory.list.lock();
    if let Some(known) = list.iter_mut().find(|watch| watch.is_of(table, open)) {
        known.fd = fd;
        known.mask |= mask;
        return Ok(());
    }
    list.room(1)?;
    list.push(Watch {
        table,
        open: open.id(),
        receiver,
        fd,
        mask,
    });
    inotify::count(true);
    Ok(())
}

/// The table closes a descriptor of `open`: its watch goes.
pub fn forget(table: u64, open: &OpenFile) {
    let Some(node) = open.path().map(|path| path.node()) else {
        return;
    };
    let mut gone = Vec::new();
    {
        let mut list = node.watches.directory.list.lock();
        while let Some(at) = list.iter().position(|watch| watch.is_of(table, open)) {
            gone.push(list.swap_remove(at));
        }
    }
    for _ in &gone {
        inotify::count(false);
    }
}

/// What of F_NOTIFY's events these are: as many signals.
fn events_of(mask: Mask) -> impl Iterator<Item = u32> {
    [
        (Mask::ACCESS, raw::DN_ACCESS),
        (Mask::MODIFY, raw::DN_MODIFY),
        (Mask::CREATE | Mask::MOVED_TO, raw::DN_CREATE),
        (Mask::MOVED_FROM, raw::DN_RENAME),
        (Mask::DELETE | Mask::MOVED_FROM, raw::DN_DELETE),
        (Mask::ATTRIB, raw::DN_ATTRIB),
    ]
    .into_iter()
    .filter(move |(one, _)| one.intersects(mask))
    .map(|(_, event)| event)
}

/// Something happened in `dir`.
pub fn tell(dir: &Node, mask: Mask) {
    for event in events_of(mask) {
        let mut due = Vec::new();
        {
            let mut list = dir.watches.directory.list.lock();
            let mut at = 0;
            while at < list.len() {
                let watch = &list[at];
                if watch.mask & event == 0 {
                    at += 1;
                    continue;
                }
                due.push((watch.receiver.clone(), watch.fd));
                if watch.mask & raw::DN_MULTISHOT == 0 {
                    list.swap_remove(at);
                    inotify::count(false);
                } else {
                    at += 1;
                }
            }
        }
        for (receiver, fd) in due {
            receiver.tell_with_message(fd);
        }
    }
}
