//! The order in which spinlocks are taken: strictly increasing rank on one CPU, checked in debug
//! builds by the lock itself. One table, so that a new lock's place is decided with all others in
//! sight. Outermost first; gaps leave room.

use ochre_hal::sync::Rank;

/// Mutexes, whose waiters sleep (`sched/mutex.rs`): an order of their own, along one thread, before all
/// spinlocks.
pub mod sleeping {
    use super::Rank;

    /// Which epoll sets are in which.
    pub const NESTING: Rank = 2;
    /// Who is whose ancestor in a file system.
    pub const SHAPE: Rank = 4;
    /// The names in a directory.
    pub const NAMES: Rank = 6;
    /// A second directory (rename takes them in order of their nodes' numbers).
    pub const NAMES_INNER: Rank = 7;
    /// Positions of open files.
    pub const CURSOR: Rank = 10;
    /// What was made for readers of a file of /proc.
    pub const TEXT: Rank = 14;
    /// What is in a pipe, or in a socket's inbox.
    pub const PIPE: Rank = 18;
    pub const INBOX: Rank = 20;
    /// Size and seals of a file of tmpfs.
    pub const WRITING: Rank = 24;
}

/// Whether somebody may look into a process, while that is found out and made use of.
pub const INSPECTION: Rank = 5;
/// Scheme tables and their rings: held while names and files are looked at.
pub const SCHEME: Rank = 10;
/// Directories, the mount table, name caches.
pub const FS_NAMES: Rank = 20;
/// A second directory (rename locks parent before child).
pub const FS_NAMES_INNER: Rank = 22;
/// Attributes and locks of one node.
pub const FS_NODE: Rank = 24;
/// A process's descriptor table, while one of its descriptors is looked up.
pub const FD_TABLE_OF: Rank = 25;
/// Descriptor tables.
pub const FD_TABLE: Rank = 26;
/// Open file descriptions.
pub const FILE: Rank = 28;
/// Epoll sets: scan the files they watch.
pub const EPOLL: Rank = 30;
/// Sockets.
pub const SOCKET: Rank = 34;
/// The peer of a socket whose lock is held.
pub const SOCKET_PEER: Rank = 35;
/// Pipes, ttys, eventfds: leaf stream objects.
pub const PIPE: Rank = 40;
/// What a supervisor is asked of system calls.
pub const SUPERVISION: Rank = 41;
/// A terminal, and the screen it writes to while its lock is held.
pub const TTY: Rank = 42;
pub const TTY_SCREEN: Rank = 43;
/// Parents, children, process groups, sessions, and the table of process numbers.
pub const PROCESS_TREE: Rank = 50;
/// Which threads of a process have the same seccomp filters.
pub const SECCOMP: Rank = 52;
/// The fields of one process.
pub const PROCESS: Rank = 54;
/// Signal actions and pending signals of a process.
pub const SIGNAL: Rank = 58;
/// Mask and pending signals of a thread; inside its process's.
pub const THREAD_SIGNAL: Rank = 60;
/// The threads that a process traces; the state of one of them.
pub const TRACER: Rank = 61;
pub const TRACEE: Rank = 62;
/// Mappings and page table of an address space.
pub const SPACE: Rank = 64;
/// The second address space in fork.
pub const SPACE_CHILD: Rank = 65;
/// The pages of a memory object.
pub const OBJECT: Rank = 68;
/// Futex hash buckets; two are taken in address order by a requeue.
pub const FUTEX: Rank = 72;
pub const FUTEX_SECOND: Rank = 73;
/// The tables of System V IPC, and one of its objects; a mapping that goes takes them.
pub const SYSV_TABLE: Rank = 76;
pub const SYSV_OBJECT: Rank = 77;
/// The list of all unix sockets.
pub const SOCKET_LIST: Rank = 78;
/// What each user has of one thing.
pub const SHARES: Rank = 79;
/// Wait queues. Waking happens outside their lock.
pub const WAIT_QUEUE: Rank = 80;
/// Ready lists of epoll sets: wakers add to them.
pub const READY_LIST: Rank = 85;
/// Run queues.
pub const RUN_QUEUE: Rank = 90;
/// Timer queues.
pub const TIMER: Rank = 100;
/// Small per-CPU and per-thread cells that hold a pointer for an instant; nothing is taken inside.
pub const CELL: Rank = 120;
