//! fcntl(F_SETLEASE): who holds a lease on a file is told by a signal before somebody else opens it
//! in a way that conflicts, and has a while to let go of it. The other waits so long.
//!
//! Leases are rare and in one table. That a file has some is said at its node, where open looks.
//! Who opens counts itself before it looks, and who takes a lease says so before it counts, so that
//! one of them sees the other.

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::node::{Node, NodeKind};
use crate::fs::open::OpenFile;
use crate::fs::sigio::{Receiver, Recipient};
use crate::fs::unnamed;
use crate::linux::general::{F_RDLCK, F_UNLCK, F_WRLCK};
use crate::lock_order;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::task::credentials::Capabilities;
use crate::task::thread::Thread;
use crate::time::{self, Deadline};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

/// Seconds that a holder has (/proc/sys/fs/lease-break-time); 0: for ever.
pub static BREAK_TIME: AtomicU32 = AtomicU32::new(45);

/// What a holder has been asked to do, and until when; past that it is done to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Demand {
    None,
    Share(u64),
    Remove(u64),
}

struct Lease {
    /// The description's number.
    open: u64,
    receiver: Arc<Receiver>,
    /// The descriptor by which it was taken.
    fd: i32,
    exclusive: bool,
    demand: Demand,
}

/// By node number; none has an empty list.
static LEASES: SpinLock<BTreeMap<u64, Vec<Lease>>> =
    SpinLock::new(lock_order::FS_NODE, BTreeMap::new());
/// Leases went, or are shared now.
static CHANGED: WaitQueue = WaitQueue::new();

impl Lease {
    fn conflicts(&self, writes: bool) -> bool {
        self.exclusive || writes
    }

    /// When what was demanded happens by itself.
    fn deadline(&self) -> Option<u64> {
        match self.demand {
            Demand::None => None,
            Demand::Share(at) | Demand::Remove(at) => Some(at),
        }
    }

    /// Demands what opening asks for; whether that is news.
    fn demand(&mut self, writes: bool, until: u64) -> bool {
        let news = match self.demand {
            Demand::Remove(_) => false,
            Demand::Share(_) => writes,
            Demand::None => true,
        };
        if news {
            self.demand = if writes {
                Demand::Remove(until)
            } else {
                Demand::Share(until)
            };
        }
        news
    }

    /// The holder has nothing to say any more of who gets its signals, and which.
    fn ended(&self) {
        self.receiver.forget();
    }
}

/// Does to the leases of a node what their holders should have done by now.
fn expire(leases: &mut Vec<Lease>, now: u64) {
    leases.retain_mut(|lease| {
        if lease.deadline().is_none_or(|at| at > now) {
            return true;
        }
        match lease.demand {
            Demand::Remove(_) => {
                lease.ended();
                false
            }
            _ => {
                lease.exclusive = false;
                lease.demand = Demand::None;
                true
            }
        }
    });
}

/// Works on the leases of `node`, none of which is overdue then.
fn with_leases<T>(node: &Node, work: impl FnOnce(&mut Vec<Lease>) -> T) -> T {
    let mut all = LEASES.lock();
    let leases = all.entry(node.id()).or_default();
    expire(leases, time::monotonic());
    let result = work(leases);
    let left = !leases.is_empty();
    if !left {
        all.remove(&node.id());
    }
    node.uses.set_leased(left);
    result
}

/// The node is about to be opened, for writing or for reading alone: waits until no lease is in the
/// way. Its use is counted already.
pub fn give_way(node: &Arc<Node>, writes: bool, nonblock: bool) -> Result {
    let node = unnamed::underlying(node);
    if !node.uses.is_leased() {
        return Ok(());
    }
    loop {
        let seconds = BREAK_TIME.load(Ordering::Relaxed);
        let until = match seconds {
            0 => u64::MAX,
            seconds => time::monotonic().saturating_add(u64::from(seconds) * 1_000_000_000),
        };
        let mut due = Vec::new();
        let deadline = with_leases(&node, |leases| {
            let in_the_way = || leases.iter().filter(|lease| lease.conflicts(writes));
            due.room(in_the_way().count())?;
            let mut deadline = None;
            for lease in leases.iter_mut().filter(|lease| lease.conflicts(writes)) {
                if lease.demand(writes, until) {
                    due.push((lease.receiver.clone(), lease.fd));
                }
                deadline = deadline.min(lease.deadline()).or(lease.deadline());
            }
            Ok::<_, Errno>(deadline)
        })?;
        for (receiver, fd) in due {
            receiver.tell_with_message(fd);
        }
        let Some(deadline) = deadline.map(Deadline::monotonic) else {
            return Ok(());
        };
        if nonblock {
            return Err(Errno::EAGAIN);
        }
        let free = || {
            let leases = LEASES.lock();
            let own = leases.get(&node.id());
            let free = own.is_none_or(|own| !own.iter().any(|lease| lease.conflicts(writes)));
            free.then_some(())
        };
        match wait_until(&[&CHANGED], Some(deadline), Interrupt::Signals, free) {
            // Who is overdue is dealt with, and others may have come.
            Ok(()) | Err(Errno::ETIMEDOUT) => {}
            Err(error) => return Err(error),
        }
    }
}

/// F_SETLEASE by descriptor `fd`.
pub fn set(thread: &Thread, open: &Arc<OpenFile>, fd: i32, kind: u32) -> Result {
    if ![F_RDLCK, F_WRLCK, F_UNLCK].contains(&kind) {
        return Err(Errno::EINVAL);
    }
    let credentials = thread.credentials();
    if open.attributes()?.uid != credentials.uid.fs && !credentials.can(Capabilities::LEASE) {
        return Err(Errno::EACCES);
    }
    let node = node_of(open)?;
    let changed = with_leases(&node, |leases| match kind {
        F_UNLCK => remove(leases, open),
        _ => add(&node, leases, open, fd, kind == F_WRLCK),
    });
    CHANGED.wake_all(Events::all());
    changed?;
    if kind != F_UNLCK {
        let receiver = open.receiver();
        receiver.default_owner(Recipient::Process(thread.process().pid), &credentials);
    }
    Ok(())
}

fn node_of(open: &OpenFile) -> Result<Arc<Node>> {
    let node = open.node().filter(|node| node.kind() == NodeKind::Regular);
    Ok(unnamed::underlying(&node.ok_or(Errno::EINVAL)?))
}

fn remove(leases: &mut Vec<Lease>, open: &OpenFile) -> Result {
    let at = leases.iter().position(|lease| lease.open == open.id());
    let gone = leases.swap_remove(at.ok_or(Errno::EAGAIN)?);
    gone.ended();
    Ok(())
}

fn add(
    node: &Node,
    leases: &mut Vec<Lease>,
    open: &Arc<OpenFile>,
    fd: i32,
    exclusive: bool,
) -> Result {
    node.uses.set_leased(true);
    let others = leases.iter().filter(|lease| lease.open != open.id());
    let leased = others
        .into_iter()
        .any(|lease| exclusive || matches!(lease.demand, Demand::Remove(_)));
    if leased || !node.uses.allow_lease(open.flags(), exclusive) {
        return Err(Errno::EAGAIN);
    }
    if let Some(own) = leases.iter_mut().find(|lease| lease.open == open.id()) {
        own.exclusive = exclusive;
        // A holder that shares does what it was asked to, if no more was.
        if matches!(own.demand, Demand::Share(_)) && !exclusive {
            own.demand = Demand::None;
        }
        return Ok(());
    }
    admission::ask()?;
    leases.room(1)?;
    leases.push(Lease {
        open: open.id(),
        receiver: open.receiver(),
        fd,
        exclusive,
        demand: Demand::None,
    });
    Ok(())
}

/// F_GETLEASE: the lease of this description, as what it is about to become.
#[must_use]
pub fn get(open: &OpenFile) -> u32 {
    let Ok(node) = node_of(open) else {
        return F_UNLCK;
    };
    if !node.uses.is_leased() {
        return F_UNLCK;
    }
    with_leases(&node, |leases| {
        let own = leases.iter().find(|lease| lease.open == open.id());
        match own.map(|lease| (lease.demand, lease.exclusive)) {
            None | Some((Demand::Remove(_), _)) => F_UNLCK,
            Some((Demand::None, true)) => F_WRLCK,
            Some(_) => F_RDLCK,
        }
    })
}

/// The description `open` of `node` is gone.
pub fn release(node: &Arc<Node>, open: u64) {
    let node = unnamed::underlying(node);
    if !node.uses.is_leased() {
        return;
    }
    with_leases(&node, |leases| leases.retain(|lease| lease.open != open));
    CHANGED.wake_all(Events::all());
}
