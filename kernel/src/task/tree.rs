//! The process table: all numbers, and how processes hang together (parents, groups, sessions).
//!
//! One lock guards all of it, so that every relation is seen whole. A process stays in the table,
//! as a zombie, until its parent has waited for it.

use super::Pid;
use super::process::Process;
use super::session::{Group, Session};
use super::thread::Thread;
use crate::errno::{Errno, Result};
use crate::lock_order;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::ops::Bound;
use core::sync::atomic::Ordering;
use ochre_hal::sync::SpinLock;

/// Numbers are below this, as Linux's default on 64-bit machines.
pub const PID_MAX: Pid = 4_194_304;

struct Node {
    process: Arc<Process>,
    children: BTreeSet<Pid>,
    group: Arc<Group>,
}

struct Tree {
    last: Pid,
    threads: BTreeMap<Pid, Arc<Thread>>,
    processes: BTreeMap<Pid, Node>,
    /// Groups and sessions keep their number taken while they have members.
    groups: BTreeMap<Pid, (Arc<Group>, BTreeSet<Pid>)>,
}

static TREE: SpinLock<Tree> = SpinLock::new(
    lock_order::PROCESS_TREE,
    Tree {
        last: 0,
        threads: BTreeMap::new(),
        processes: BTreeMap::new(),
        groups: BTreeMap::new(),
    },
);

impl Tree {
    fn is_free(&self, pid: Pid) -> bool {
        !self.threads.contains_key(&pid)
            && !self.processes.contains_key(&pid)
            && !self.groups.contains_key(&pid)
            && !self.groups.values().any(|(g, _)| g.session.id == pid)
    }

    fn leave_group(&mut self, pid: Pid, group: Pid) {
        if let Some((_, members)) = self.groups.get_mut(&group) {
            members.remove(&pid);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    fn join_group(&mut self, pid: Pid, group: &Arc<Group>) {
        let entry = self
            .groups
            .entry(group.id)
            .or_insert_with(|| (group.clone(), BTreeSet::new()));
        entry.1.insert(pid);
    }
}

/// A number that nothing has. It is not reserved: numbers are used at once, and reuse is far away.
pub fn allocate() -> Result<Pid> {
    let mut tree = TREE.lock();
    for _ in 0..PID_MAX {
        // As Linux: after the wrap, low numbers stay with early daemons.
        tree.last = if tree.last + 1 >= PID_MAX {
            300
        } else {
            tree.last + 1
        };
        let candidate = tree.last;
        if tree.is_free(candidate) {
            return Ok(candidate);
        }
    }
    Err(Errno::EAGAIN)
}

/// Enters a new process under its parent, in the parent's group. Of one that is gone by now (CLONE_PARENT's),
/// process 1 takes the place.
pub fn add_process(process: &Arc<Process>, parent: Pid) {
    let mut tree = TREE.lock();
    let parent = if parent == 0 || tree.processes.contains_key(&parent) {
        parent
    } else {
        super::exit::INIT
    };
    let group = match tree.processes.get_mut(&parent) {
        Some(node) => {
            node.children.insert(process.pid);
            node.group.clone()
        }
        // Process 1, and nothing else, has no parent.
        None => Arc::new(Group::new(0, Arc::new(Session::new(0)))),
    };
    tree.join_group(process.pid, &group);
    process.set_parent(parent);
    let node = Node {
        process: process.clone(),
        children: BTreeSet::new(),
        group,
    };
    tree.processes.insert(process.pid, node);
}

pub fn add_thread(thread: &Arc<Thread>) {
    TREE.lock().threads.insert(thread.tid(), thread.clone());
}

pub fn remove_thread(tid: Pid) {
    let removed = TREE.lock().threads.remove(&tid);
    drop(removed);
}

/// Gives the thread `from` the number `to`, whose owner is gone (execve in a thread that is not
/// the leader).
pub fn renumber_thread(thread: &Arc<Thread>, from: Pid, to: Pid) {
    let mut tree = TREE.lock();
    let old = (
        tree.threads.remove(&from),
        tree.threads.insert(to, thread.clone()),
    );
    drop(tree);
    drop(old);
}

#[must_use]
pub fn thread(tid: Pid) -> Option<Arc<Thread>> {
    TREE.lock().threads.get(&tid).cloned()
}

#[must_use]
pub fn process(pid: Pid) -> Option<Arc<Process>> {
    TREE.lock().processes.get(&pid).map(|n| n.process.clone())
}

/// Numbers above `pid`.
fn above(pid: Pid) -> (Bound<Pid>, Bound<Pid>) {
    (Bound::Excluded(pid), Bound::Unbounded)
}

/// Those whose numbers `next` finds, each after the last, as they come and go: there may be no memory for a
/// list of them.
fn walk(next: impl Fn(&Tree, Pid) -> Option<Pid>) -> impl Iterator<Item = Arc<Process>> {
    let mut last = 0;
    core::iter::from_fn(move || {
        let tree = TREE.lock();
        loop {
            last = next(&tree, last)?;
            if let Some(node) = tree.processes.get(&last) {
                return Some(node.process.clone());
            }
        }
    })
}

/// All processes, zombies included, by number, as they come and go.
pub fn processes() -> impl Iterator<Item = Arc<Process>> {
    walk(|tree, last| {
        tree.processes
            .range(above(last))
            .next()
            .map(|(pid, _)| *pid)
    })
}

/// As many threads as there may be at a time (/proc/sys/kernel/threads-max).
pub const MAX_THREADS: usize = 32768;

/// The number of all threads.
#[must_use]
pub fn thread_count() -> usize {
    TREE.lock().threads.len()
}

/// The number of a user's threads.
#[must_use]
pub fn threads_of(user: u32) -> usize {
    let tree = TREE.lock();
    let threads = tree.processes.values().map(|n| &n.process);
    threads
        .filter(|process| process.credentials().uid.real == user)
        .map(|process| process.thread_count().max(1))
        .sum()
}

/// The number given out last.
#[must_use]
pub fn last_pid() -> Pid {
    TREE.lock().last
}

#[must_use]
pub fn parent_process(pid: Pid) -> Option<Arc<Process>> {
    let tree = TREE.lock();
    let parent = tree.processes.get(&pid)?.process.parent();
    tree.processes.get(&parent).map(|n| n.process.clone())
}

/// The children of a process, as [`processes`].
pub fn children_of(pid: Pid) -> impl Iterator<Item = Arc<Process>> {
    walk(move |tree, last| {
        let node = tree.processes.get(&pid)?;
        node.children.range(above(last)).next().copied()
    })
}

#[must_use]
pub fn group_of(pid: Pid) -> Option<Arc<Group>> {
    TREE.lock().processes.get(&pid).map(|n| n.group.clone())
}

#[must_use]
pub fn session_of(pid: Pid) -> Option<Arc<Session>> {
    group_of(pid).map(|g| g.session.clone())
}

#[must_use]
pub fn group(pgid: Pid) -> Option<Arc<Group>> {
    TREE.lock().groups.get(&pgid).map(|(g, _)| g.clone())
}

/// The members of a group, as [`processes`].
pub fn group_members(pgid: Pid) -> impl Iterator<Item = Arc<Process>> {
    walk(move |tree, last| {
        let (_, members) = tree.groups.get(&pgid)?;
        members.range(above(last)).next().copied()
    })
}

/// Whether no member of the group has a parent in another group of the same session.
#[must_use]
pub fn is_orphaned(group: &Group) -> bool {
    let tree = TREE.lock();
    let Some((_, members)) = tree.groups.get(&group.id) else {
        return true;
    };
    !members
        .iter()
        .filter_map(|m| tree.processes.get(m))
        .any(|member| {
            !member.process.is_zombie()
                && tree
                    .processes
                    .get(&member.process.parent())
                    .is_some_and(|parent| {
                        !parent.process.is_leaving()
                            && parent.group.id != group.id
                            && parent.group.session.id == group.session.id
                    })
        })
}

/// setsid: a new session and group, led by `pid`.
pub fn new_session(pid: Pid) -> Result<Arc<Session>> {
    let mut tree = TREE.lock();
    if tree.groups.contains_key(&pid) {
        return Err(Errno::EPERM);
    }
    let old = tree.processes.get(&pid).ok_or(Errno::ESRCH)?.group.id;
    let session = Arc::new(Session::new(pid));
    let group = Arc::new(Group::new(pid, session.clone()));
    tree.leave_group(pid, old);
    tree.join_group(pid, &group);
    if let Some(node) = tree.processes.get_mut(&pid) {
        node.group = group;
    }
    Ok(session)
}

/// setpgid: moves `pid` (the caller or a child of it that has not executed yet) to group `pgid`.
pub fn set_group(caller: Pid, pid: Pid, pgid: Pid) -> Result {
    let mut tree = TREE.lock();
    let caller_session = tree
        .processes
        .get(&caller)
        .ok_or(Errno::ESRCH)?
        .group
        .session
        .clone();
    let node = tree.processes.get(&pid).ok_or(Errno::ESRCH)?;
    if pid != caller {
        if node.process.parent() != caller {
            return Err(Errno::ESRCH);
        }
        if node.group.session.id != caller_session.id {
            return Err(Errno::EPERM);
        }
        if node.process.has_executed() {
            return Err(Errno::EACCES);
        }
    }
    if node.group.session.id == pid {
        return Err(Errno::EPERM);
    }
    let old = node.group.clone();
    if old.id == pgid {
        return Ok(());
    }
    let group = match tree.groups.get(&pgid) {
        Some((group, _)) if group.session.id == old.session.id => group.clone(),
        None if pgid == pid => Arc::new(Group::new(pgid, old.session.clone())),
        _ => return Err(Errno::EPERM),
    };
    tree.leave_group(pid, old.id);
    tree.join_group(pid, &group);
    if let Some(node) = tree.processes.get_mut(&pid) {
        node.group = group;
    }
    Ok(())
}

/// Hands a child of an exiting process to its reaper (the nearest living subreaper, or process 1),
/// which is told of its end by SIGCHLD: it knows nothing of what their parent asked for. Returns the two;
/// none where no child is left.
pub fn reparent_child(pid: Pid) -> Option<(Arc<Process>, Option<Arc<Process>>)> {
    let mut tree = TREE.lock();
    let node = tree.processes.get_mut(&pid)?;
    let child = node.children.pop_first()?;
    let mut reaper = node.process.parent();
    loop {
        match tree.processes.get(&reaper) {
            Some(n) if reaper == 1 || (n.process.is_subreaper() && !n.process.is_zombie()) => break,
            Some(n) if n.process.parent() != 0 => reaper = n.process.parent(),
            _ => {
                reaper = 1;
                break;
            }
        }
    }
    let reaper = tree.processes.get_mut(&reaper).map(|node| {
        node.children.insert(child);
        node.process.clone()
    });
    let child = tree.processes.get(&child)?.process.clone();
    child.set_parent(reaper.as_ref().map_or(super::exit::INIT, |r| r.pid));
    let told_by = super::signal::SIGCHLD as i32;
    child.exit_signal.store(told_by, Ordering::Relaxed);
    Some((child, reaper))
}

/// Takes a zombie out of the table. False when another waiter was faster.
pub fn reap(pid: Pid) -> bool {
    let mut tree = TREE.lock();
    let Some(node) = tree.processes.remove(&pid) else {
        return false;
    };
    if let Some(parent) = tree.processes.get_mut(&node.process.parent()) {
        parent.children.remove(&pid);
    }
    node.process.set_parent(0);
    tree.leave_group(pid, node.group.id);
    let thread = tree.threads.remove(&pid);
    drop(tree);
    drop((node, thread));
    true
}
