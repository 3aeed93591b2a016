//! /proc/PID: the files about one process, and /proc/PID/task/TID about one of its threads.

use super::fd::{Descriptors, Shows};
use super::memory::Memory;
use super::namespaces::Kind;
use super::rows::{Part, Rows};
use super::text::{Contents, Make, Take, Text};
use super::{access, attributes, maps, mounts, net, number, status};
use crate::errno::{Errno, Result};
use crate::fs::context::{FsContext, FsView};
use crate::fs::namespace::Path;
use crate::fs::node::{Attributes, DirEntry, Inode, Node, NodeKind, StatFs};
use crate::ipc::inet::Family;
use crate::ipc::inet::ports::Space;
use crate::ipc::netlink::connector;
use crate::mm::space::AddressSpace;
use crate::sched::cpu;
use crate::task::credentials::Capabilities;
use crate::task::oom;
use crate::task::process::Process;
use crate::task::thread::{DEFAULT_SLACK, Thread};
use crate::task::trace::calls::Target as Looked;
use crate::task::tree;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::Ordering;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::{self, Room};

/// The inode number of item `index` of a process.
pub fn ino(pid: u32, index: u64) -> u64 {
    (u64::from(pid) + 1) << 10 | index
}

/// What stands behind a name.
#[derive(Clone, Copy)]
enum Item {
    /// A text that reveals nothing others may not know.
    Public(fn(&Subject) -> Result<Vec<u8>>),
    /// For the owner alone.
    Private(fn(&Subject) -> Result<Vec<u8>>),
    /// A text of this mode about the memory that the process has when it is opened, for who may
    /// look into it.
    OfMemory(u32, fn(&Subject, &Arc<AddressSpace>) -> Result<Vec<u8>>),
    /// As OfMemory, for all to see by their rights, made part by part.
    RowsOfMemory(fn(&Subject, &Arc<AddressSpace>, usize) -> Result<Part>),
    /// As Public, and writable by the owner.
    Writable(
        fn(&Subject) -> Result<Vec<u8>>,
        fn(&Subject, &[u8]) -> Result,
    ),
    /// A link that leads straight there, for who may look into the process.
    Link(Target),
    Fds(Shows),
    Memory,
    Tasks,
    /// A directory of further items.
    Folder(&'static [(&'static str, Item)]),
}

/// Whom the files are about.
#[derive(Clone)]
struct Subject {
    process: Arc<Process>,
    thread: Option<Arc<Thread>>,
}

impl Subject {
    fn owner(&self) -> (u32, u32) {
        let credentials = self.target().credentials();
        (credentials.uid.effective, credentials.gid.effective)
    }

    fn target(&self) -> Looked<'_> {
        Looked {
            process: &self.process,
            thread: self.thread.as_deref(),
        }
    }

    /// Its directories and umask; none when it has ended.
    fn fs(&self) -> Option<Arc<FsContext>> {
        match &self.thread {
            Some(thread) if thread.exited.load(Ordering::SeqCst) => None,
            Some(thread) => Some(thread.fs()),
            None => self.process.fs(),
        }
    }

    /// Its mounts. As on Linux, of one that has ended there are none to be told of.
    fn mounts(&self) -> Result<FsView> {
        Ok(self.fs().ok_or(Errno::EINVAL)?.view())
    }

    /// The thread, or the first of the process.
    fn one_thread(&self) -> Result<Arc<Thread>> {
        let first = || self.process.first_thread();
        self.thread.clone().or_else(first).ok_or(Errno::ESRCH)
    }
}

/// Bytes of a process's own memory.
fn bytes_of(space: &AddressSpace, (start, end): (usize, usize)) -> Result<Vec<u8>> {
    let len = end.saturating_sub(start).min(1 << 20);
    let mut bytes = admission::zeroes(len)?;
    let read = crate::mm::remote::read(space, start, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// A process's arguments. A program that has written a title over them, and over the NUL at their
/// end, has that instead: as far as the next NUL, be it among the environment's strings.
fn arguments(space: &AddressSpace) -> Result<Vec<u8>> {
    let (args, env) = {
        let inner = space.lock();
        (inner.layout.args, inner.layout.env)
    };
    let last = bytes_of(space, (args.1.saturating_sub(1).max(args.0), args.1));
    if !last.is_ok_and(|last| last.first().is_some_and(|&byte| byte != 0)) {
        return bytes_of(space, args);
    }
    let end = if env.0 == args.1 { env.1 } else { args.1 };
    let mut title = bytes_of(space, (args.0, end.min(args.0.saturating_add(PAGE_SIZE))))?;
    let len = title.iter().position(|&byte| byte == 0);
    title.truncate(len.map_or(title.len(), |len| len + 1));
    Ok(title)
}

/// A text of `make`'s about the memory that the process has now, empty when nobody lives in it any
/// more.
fn bind(
    subject: &Subject,
    make: fn(&Subject, &Arc<AddressSpace>) -> Result<Vec<u8>>,
) -> Result<Box<Make>> {
    let space = access(subject.target(), || Ok(subject.process.space()))?;
    let subject = subject.clone();
    Ok(Box::new(move || {
        let lived_in = space.as_ref().filter(|space| space.user_count() > 0);
        lived_in.map_or(Ok(Vec::new()), |space| make(&subject, space))
    }))
}

/// As [`bind`], of rows.
fn bind_rows(
    subject: &Subject,
    make: fn(&Subject, &Arc<AddressSpace>, usize) -> Result<Part>,
) -> Result<Box<Rows>> {
    let space = access(subject.target(), || Ok(subject.process.space()))?;
    let subject = subject.clone();
    Ok(Box::new(move |from| {
        let lived_in = space.as_ref().filter(|space| space.user_count() > 0);
        lived_in.map_or(Ok(Part::default()), |space| make(&subject, space, from))
    }))
}

const NAMESPACES: &[(&str, Item)] = &[
    ("cgroup", Item::Link(Target::Namespace(Kind::Cgroup))),
    ("ipc", Item::Link(Target::Namespace(Kind::Ipc))),
    ("mnt", Item::Link(Target::Namespace(Kind::Mount))),
    ("net", Item::Link(Target::Namespace(Kind::Net))),
    ("pid", Item::Link(Target::Namespace(Kind::Pid))),
    ("pid_for_children", Item::Link(Target::Namespace(Kind::Pid))),
    ("time", Item::Link(Target::Namespace(Kind::Time))),
    (
        "time_for_children",
        Item::Link(Target::Namespace(Kind::Time)),
    ),
    ("user", Item::Link(Target::Namespace(Kind::User))),
    ("uts", Item::Link(Target::Namespace(Kind::Uts))),
];

/// There is one network. It has no interfaces, so that Linux would not even have a table of routes.
const NET: &[(&str, Item)] = &[
    ("arp", Item::Public(|_| Ok(net::ARP.to_vec()))),
    ("dev", Item::Public(|_| Ok(net::DEVICES.to_vec()))),
    ("if_inet6", Item::Public(|_| Ok(Vec::new()))),
    ("netlink", Item::Public(|_| net::netlink())),
    ("packet", Item::Public(|_| Ok(net::PACKET.to_vec()))),
    ("raw", Item::Public(|_| Ok(net::RAW.to_vec()))),
    ("raw6", Item::Public(|_| Ok(net::raw6()))),
    ("route", Item::Public(|_| Ok(Vec::new()))),
    ("sockstat", Item::Public(|_| net::counts())),
    ("tcp", Item::Public(|_| net::ports(Space::Tcp, Family::V4))),
    ("tcp6", Item::Public(|_| net::ports(Space::Tcp, Family::V6))),
    ("udp", Item::Public(|_| net::ports(Space::Udp, Family::V4))),
    ("udp6", Item::Public(|_| net::ports(Space::Udp, Family::V6))),
    ("unix", Item::Public(|_| net::unix())),
];

/// What a process and a thread both have.
const COMMON: &[(&str, Item)] = &[
    (
        "auxv",
        Item::OfMemory(0o400, |_, space| Ok(space.auxv.lock().clone())),
    ),
    ("cgroup", Item::Public(|_| Ok(b"0::/\n".to_vec()))),
    (
        "cmdline",
        Item::Public(|s| match s.process.space() {
            Some(space) => arguments(&space),
            // A zombie has none.
            None => Ok(Vec::new()),
        }),
    ),
    ("children", Item::Public(children)),
    ("comm", Item::Writable(comm, set_comm)),
    (
        "coredump_filter",
        Item::Writable(dump_filter, set_dump_filter),
    ),
    (
        "cwd",
        Item::Link(Target::Place(|s| {
            Ok(s.fs().ok_or(Errno::ENOENT)?.view().cwd)
        })),
    ),
    (
        "environ",
        Item::OfMemory(0o400, |_, space| {
            let env = space.lock().layout.env;
            bytes_of(space, env)
        }),
    ),
    (
        "exe",
        Item::Link(Target::Place(|s| {
            s.process.program().path.ok_or(Errno::ENOENT)
        })),
    ),
    ("fail-nth", Item::Writable(fail_nth, set_fail_nth)),
    ("fd", Item::Fds(Shows::Links)),
    ("fdinfo", Item::Fds(Shows::Infos)),
    (
        "gid_map",
        Item::Public(|_| Ok(b"         0          0 4294967295\n".to_vec())),
    ),
    (
        "io",
        Item::Private(|s| {
            let counts = || Ok(status::transferred(&s.process, s.thread.as_deref()));
            Ok(status::transfers(access(s.target(), counts)?))
        }),
    ),
    ("limits", Item::Public(|s| status::limits(&s.process))),
    ("loginuid", Item::Public(|_| Ok(b"4294967295".to_vec()))),
    (
        "maps",
        Item::RowsOfMemory(|_, space, from| maps::maps(space, from)),
    ),
    ("mem", Item::Memory),
    (
        "mountinfo",
        Item::Public(|s| mounts::mountinfo(&s.mounts()?)),
    ),
    ("mounts", Item::Public(|s| mounts::mounts(&s.mounts()?))),
    ("net", Item::Folder(NET)),
    ("ns", Item::Folder(NAMESPACES)),
    (
        "oom_score",
        Item::Public(|s| Ok(format!("{}\n", oom::score(&s.process)).into_bytes())),
    ),
    ("oom_score_adj", Item::Writable(oom_adjust, set_oom_adjust)),
    (
        "personality",
        Item::Private(|s| {
            let personality = || Ok(s.process.personality.load(Ordering::Relaxed));
            let personality = access(s.target(), personality)?;
            Ok(format!("{personality:08x}\n").into_bytes())
        }),
    ),
    (
        "root",
        Item::Link(Target::Place(|s| {
            Ok(s.fs().ok_or(Errno::ENOENT)?.view().root)
        })),
    ),
    (
        "schedstat",
        Item::Public(|s| Ok(status::schedstat(&*s.one_thread()?))),
    ),
    ("sessionid", Item::Public(|_| Ok(b"4294967295".to_vec()))),
    ("setgroups", Item::Public(|_| Ok(b"allow\n".to_vec()))),
    (
        "smaps",
        Item::RowsOfMemory(|_, space, from| maps::smaps(space, from)),
    ),
    (
        "smaps_rollup",
        Item::OfMemory(0o444, |_, space| maps::smaps_rollup(space)),
    ),
    // What a thread does in the kernel is shown to nobody.
    (
        "stack",
        Item::Private(|s| access(s.target(), || Ok(Vec::new()))),
    ),
    (
        "stat",
        Item::Public(|s| Ok(status::stat(&s.process, s.thread.as_ref()))),
    ),
    ("statm", Item::Public(|s| Ok(status::statm(&s.process)))),
    (
        "status",
        Item::Public(|s| Ok(status::status(&s.process, s.thread.as_ref()))),
    ),
    ("task", Item::Tasks),
    (
        "timerslack_ns",
        Item::Writable(timer_slack, set_timer_slack),
    ),
    (
        "uid_map",
        Item::Public(|_| Ok(b"         0          0 4294967295\n".to_vec())),
    ),
    ("wchan", Item::Public(|_| Ok(b"0".to_vec()))),
];

fn comm(subject: &Subject) -> Result<Vec<u8>> {
    let name = match &subject.thread {
        Some(thread) => thread.name(),
        None => subject.process.name(),
    };
    let len = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    let mut text = name[..len].to_vec();
    text.push(b'\n');
    Ok(text)
}

fn set_comm(subject: &Subject, bytes: &[u8]) -> Result {
    let name = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let thread = subject.one_thread()?;
    thread.set_name(name);
    connector::is_renamed(&thread);
    Ok(())
}

/// The children of the process, which count as its first thread's.
fn children(subject: &Subject) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let parent = subject.process.pid;
    if subject.one_thread()?.tid() != parent {
        return Ok(text);
    }
    for process in tree::children_of(parent) {
        cpu::breathe();
        admission::append(&mut text, format!("{} ", process.pid).as_bytes())?;
    }
    Ok(text)
}

fn number_of(bytes: &[u8]) -> Result<u64> {
    let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    text.trim().parse().map_err(|_| Errno::EINVAL)
}

/// Kept for who asks: there are no dumps of memory.
fn dump_filter(subject: &Subject) -> Result<Vec<u8>> {
    let space = subject.process.space();
    let text = space.map(|space| {
        let filter = space.dump_filter.load(Ordering::Relaxed);
        format!("{filter:08x}\n").into_bytes()
    });
    Ok(text.unwrap_or_default())
}

fn set_dump_filter(subject: &Subject, bytes: &[u8]) -> Result {
    let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let text = text.trim();
    let filter = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).map_err(|_| Errno::EINVAL)?,
        None => text.parse().map_err(|_| Errno::EINVAL)?,
    };
    let space = subject.process.space().ok_or(Errno::ESRCH)?;
    space
        .dump_filter
        .store(filter & DUMP_FILTER, Ordering::Relaxed);
    Ok(())
}

/// Kinds of memory that Linux's filter knows.
const DUMP_FILTER: u32 = 0x1ff;

/// A thread's own is its own affair; others need a right to change how it is scheduled.
fn slack_of(subject: &Subject) -> Result<Arc<Thread>> {
    let thread = subject.one_thread()?;
    let current = crate::sched::current();
    let may = || current.process().credentials().can(Capabilities::SYS_NICE);
    if Arc::ptr_eq(&thread, &current) || may() {
        Ok(thread)
    } else {
        Err(Errno::EPERM)
    }
}

fn timer_slack(subject: &Subject) -> Result<Vec<u8>> {
    let slack = slack_of(subject)?.timer_slack.load(Ordering::Relaxed);
    Ok(format!("{slack}\n").into_bytes())
}

fn set_timer_slack(subject: &Subject, bytes: &[u8]) -> Result {
    let slack = match number_of(bytes)? {
        0 => DEFAULT_SLACK,
        slack => slack,
    };
    slack_of(subject)?
        .timer_slack
        .store(slack, Ordering::Relaxed);
    Ok(())
}

fn fail_nth(subject: &Subject) -> Result<Vec<u8>> {
    let left = subject.one_thread()?.fail_nth.load(Ordering::Relaxed);
    Ok(format!("{left}\n").into_bytes())
}

fn set_fail_nth(subject: &Subject, bytes: &[u8]) -> Result {
    let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let count = text.trim_end().parse().map_err(|_| Errno::EINVAL)?;
    subject
        .one_thread()?
        .fail_nth
        .store(count, Ordering::Relaxed);
    Ok(())
}

fn oom_adjust(subject: &Subject) -> Result<Vec<u8>> {
    Ok(format!("{}\n", subject.process.oom_adjust.load(Ordering::Relaxed)).into_bytes())
}

fn set_oom_adjust(subject: &Subject, bytes: &[u8]) -> Result {
    let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let value: i32 = text.trim().parse().map_err(|_| Errno::EINVAL)?;
    if !(-1000..=1000).contains(&value) {
        return Err(Errno::EINVAL);
    }
    // Only somebody privileged may make it likelier to be spared than it was made by such.
    let process = &subject.process;
    let privileged = crate::sched::current()
        .credentials()
        .can(Capabilities::SYS_RESOURCE);
    if privileged {
        process.oom_adjust_least.store(value, Ordering::Relaxed);
    } else if value < process.oom_adjust_least.load(Ordering::Relaxed) {
        return Err(Errno::EACCES);
    }
    process.oom_adjust.store(value, Ordering::Relaxed);
    Ok(())
}

/// A directory of items.
struct Folder {
    subject: Subject,
    items: &'static [(&'static str, Item)],
    ino: u64,
}

/// /proc/PID, or /proc/PID/task/TID.
pub fn directory(process: &Arc<Process>, thread: Option<Arc<Thread>>) -> Result<Arc<Node>> {
    let id = thread.as_ref().map_or(process.pid, |thread| thread.tid());
    let subject = Subject {
        process: process.clone(),
        thread,
    };
    Ok(Node::new(
        NodeKind::Directory,
        Folder {
            subject,
            items: COMMON,
            ino: ino(id, 0),
        },
    ))
}

/// The process whose directory in /proc `node` is.
#[must_use]
pub fn of_directory(node: &Node) -> Option<Arc<Process>> {
    let folder = node.downcast::<Folder>()?;
    let Subject { process, thread } = &folder.subject;
    let whole = thread.is_none() && folder.ino == ino(process.pid, 0);
    whole.then(|| process.clone())
}

impl Folder {
    /// A thread has no threads, but children; and only a kernel that was told so fails on purpose.
    fn has(&self, (name, _): (&str, Item)) -> bool {
        let of_thread = self.subject.thread.is_some();
        let of_process = ["coredump_filter", "task", "timerslack_ns"];
        (of_thread || name != "children")
            && !(of_thread && of_process.contains(&name))
            && (name != "fail-nth" || admission::has_faults())
    }

    fn make(&self, at: usize) -> Arc<Node> {
        let (_, item) = self.items[at];
        let subject = self.subject.clone();
        let ino = self.ino + 1 + at as u64;
        let owner = subject.owner();
        let file = |mode, contents, take: Option<Box<Take>>| {
            Text {
                ino,
                mode,
                owner,
                contents,
                take,
                constant: false,
            }
            .node()
        };
        let text = |mode, make: fn(&Subject) -> Result<Vec<u8>>, take| {
            let subject = subject.clone();
            let contents = Contents::Made(Box::new(move || make(&subject)));
            file(mode, contents, take)
        };
        match item {
            Item::Public(make) => text(0o444, make, None),
            Item::Private(make) => text(0o400, make, None),
            Item::OfMemory(mode, make) => {
                let bind = move || bind(&subject, make);
                file(mode, Contents::Bound(Box::new(bind)), None)
            }
            Item::RowsOfMemory(make) => {
                let bind = move || bind_rows(&subject, make);
                file(0o444, Contents::Rows(Box::new(bind)), None)
            }
            Item::Writable(make, take) => {
                let subject = subject.clone();
                text(
                    0o644,
                    make,
                    Some(Box::new(move |bytes| take(&subject, bytes))),
                )
            }
            Item::Link(target) => Node::new(
                NodeKind::Symlink,
                Link {
                    subject,
                    target,
                    ino,
                },
            ),
            Item::Fds(shows) => {
                let Subject { process, thread } = subject;
                Node::new(
                    NodeKind::Directory,
                    Descriptors {
                        process,
                        thread,
                        shows,
                    },
                )
            }
            Item::Memory => Node::new(
                NodeKind::Regular,
                Memory {
                    process: subject.process,
                    ino,
                    owner,
                },
            ),
            Item::Tasks => Node::new(NodeKind::Directory, Tasks(subject.process)),
            Item::Folder(items) => {
                let ino = self.ino + 300 + at as u64 * 16;
                Node::new(
                    NodeKind::Directory,
                    Folder {
                        subject,
                        items,
                        ino,
                    },
                )
            }
        }
    }

    fn kind(item: Item) -> NodeKind {
        match item {
            Item::Public(_)
            | Item::Private(_)
            | Item::OfMemory(..)
            | Item::RowsOfMemory(_)
            | Item::Writable(..)
            | Item::Memory => NodeKind::Regular,
            Item::Link(_) => NodeKind::Symlink,
            Item::Fds(_) | Item::Tasks | Item::Folder(_) => NodeKind::Directory,
        }
    }
}

impl Inode for Folder {
    fn attributes(&self) -> Result<Attributes> {
        let (uid, gid) = self.subject.owner();
        Ok(attributes(self.ino, NodeKind::Directory, 0o555, uid, gid))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        let found = self
            .items
            .iter()
            .position(|(known, _)| known.as_bytes() == name);
        match found {
            Some(at) if self.has(self.items[at]) => Ok(self.make(at)),
            _ => Err(Errno::ENOENT),
        }
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let first = usize::try_from(from.saturating_sub(3)).unwrap_or(usize::MAX);
        for (at, (name, item)) in self.items.iter().enumerate().skip(first) {
            let entry = DirEntry {
                ino: self.ino + 1 + at as u64,
                kind: Folder::kind(*item),
                name: name.as_bytes(),
                next: at as u64 + 4,
            };
            if self.has((name, *item)) && !emit(entry) {
                break;
            }
        }
        Ok(())
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(super::stat_fs())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Where a link leads.
#[derive(Clone, Copy)]
enum Target {
    Place(fn(&Subject) -> Result<Path>),
    Namespace(Kind),
}

struct Link {
    subject: Subject,
    target: Target,
    ino: u64,
}

impl Inode for Link {
    fn attributes(&self) -> Result<Attributes> {
        let (uid, gid) = self.subject.owner();
        Ok(attributes(self.ino, NodeKind::Symlink, 0o777, uid, gid))
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        let subject = &self.subject;
        match self.target {
            Target::Place(place) => {
                super::fd::text_of(&access(subject.target(), || place(subject))?)
            }
            Target::Namespace(kind) => access(subject.target(), || {
                Ok(kind.text(subject.fs().as_deref())?.into_bytes())
            }),
        }
    }

    fn magic_link(&self) -> Option<Result<Path>> {
        let subject = &self.subject;
        Some(match self.target {
            Target::Place(place) => access(subject.target(), || place(subject)),
            Target::Namespace(kind) => {
                access(subject.target(), || kind.place(subject.fs().as_deref()))
            }
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// /proc/PID/task.
struct Tasks(Arc<Process>);

impl Inode for Tasks {
    fn attributes(&self) -> Result<Attributes> {
        let credentials = self.0.credentials();
        let (uid, gid) = (credentials.uid.effective, credentials.gid.effective);
        Ok(attributes(
            ino(self.0.pid, 97),
            NodeKind::Directory,
            0o555,
            uid,
            gid,
        ))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        let tid = number(name).ok_or(Errno::ENOENT)?;
        let named = |threads: &[Arc<Thread>]| threads.iter().find(|t| t.tid() == tid).cloned();
        let thread = self.0.with_threads(named);
        directory(&self.0, Some(thread.ok_or(Errno::ENOENT)?))
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let mut tids = Vec::new();
        self.0.with_threads(|threads| {
            tids.room_exact(threads.len())?;
            tids.extend(threads.iter().map(|thread| thread.tid()));
            Ok::<_, Errno>(())
        })?;
        tids.sort_unstable();
        for tid in tids {
            // A thread's position is its number, past those that are reserved.
            if u64::from(tid) + 3 < from {
                continue;
            }
            let name = format!("{tid}");
            let next = u64::from(tid) + 4;
            let kind = NodeKind::Directory;
            if !emit(DirEntry {
                ino: ino(tid, 0),
                kind,
                name: name.as_bytes(),
                next,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
