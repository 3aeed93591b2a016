//! How many objects of each kind there are, for tests that ask whether all that was made has gone: /proc/ochre/objects.
//!
//! An object is counted by a field of its own, [`Counted`], which has no size. What is made as often as a wait on
//! a futex is not counted.

use alloc::string::String;
use core::fmt::Write;
use core::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Copy)]
pub enum ObjectKind {
    Process,
    Thread,
    AddressSpace,
    MemoryObject,
    OpenFile,
    Node,
    DirectoryEntry,
    Mount,
    Pipe,
    Terminal,
    UnixSocket,
    InetSocket,
    NetlinkSocket,
    EpollSet,
    EpollItem,
    EventDescriptor,
    TimerDescriptor,
    SignalDescriptor,
    ProcessDescriptor,
    Inotify,
    InotifyWatch,
    Timer,
    MessageQueue,
    Scheme,
}

const NAMES: [(ObjectKind, &str); 24] = [
    (ObjectKind::Process, "process"),
    (ObjectKind::Thread, "thread"),
    (ObjectKind::AddressSpace, "address_space"),
    (ObjectKind::MemoryObject, "memory_object"),
    (ObjectKind::OpenFile, "open_file"),
    (ObjectKind::Node, "node"),
    (ObjectKind::DirectoryEntry, "directory_entry"),
    (ObjectKind::Mount, "mount"),
    (ObjectKind::Pipe, "pipe"),
    (ObjectKind::Terminal, "terminal"),
    (ObjectKind::UnixSocket, "unix_socket"),
    (ObjectKind::InetSocket, "inet_socket"),
    (ObjectKind::NetlinkSocket, "netlink_socket"),
    (ObjectKind::EpollSet, "epoll_set"),
    (ObjectKind::EpollItem, "epoll_item"),
    (ObjectKind::EventDescriptor, "eventfd"),
    (ObjectKind::TimerDescriptor, "timerfd"),
    (ObjectKind::SignalDescriptor, "signalfd"),
    (ObjectKind::ProcessDescriptor, "pidfd"),
    (ObjectKind::Inotify, "inotify"),
    (ObjectKind::InotifyWatch, "inotify_watch"),
    (ObjectKind::Timer, "timer"),
    (ObjectKind::MessageQueue, "message_queue"),
    (ObjectKind::Scheme, "scheme"),
];

/// On a cache line of its own: CPUs make objects of different kinds at a time.
#[repr(align(64))]
struct Count(AtomicUsize);

static COUNTS: [Count; NAMES.len()] = [const { Count(AtomicUsize::new(0)) }; NAMES.len()];

/// Counts the object that it is a field of, whose kind is a [`ObjectKind`]'s number.
pub struct Counted<const KIND: usize>(());

impl<const KIND: usize> Counted<KIND> {
    #[must_use]
    pub fn new() -> Counted<KIND> {
        COUNTS[KIND].0.fetch_add(1, Ordering::Relaxed);
        Counted(())
    }
}

impl<const KIND: usize> Default for Counted<KIND> {
    fn default() -> Counted<KIND> {
        Counted::new()
    }
}

impl<const KIND: usize> Drop for Counted<KIND> {
    fn drop(&mut self) {
        COUNTS[KIND].0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many there are now.
#[must_use]
pub fn count(kind: ObjectKind) -> usize {
    COUNTS[kind as usize].0.load(Ordering::Relaxed)
}

/// A line for each kind: its name, and how many there are.
#[must_use]
pub fn report() -> String {
    let mut text = String::new();
    for (kind, name) in NAMES {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name} {}", count(kind));
    }
    text
}
