//! A node is what a name means: a file, directory, symbolic link, device, FIFO or socket.
//!
//! A [`Node`] is the kernel's half, the same for every file system: identity, advisory locks,
//! watches, and what is attached to it at run time (a FIFO's pipe, a bound socket). The file
//! system's half is its [`Inode`]: tmpfs, /proc and the schemes of user-space servers implement
//! that trait. Both live in one allocation (`Node` is unsized in its last field).
//!
//! Locks: methods of `Inode` may sleep (a scheme asks its server), so they are called with no
//! spinlock held. Serialization of changes to one directory is the file system's own affair.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::busy::Uses;
use crate::fs::flock::NodeLocks;
use crate::fs::inotify::Watches;
use crate::fs::namespace::Path;
use crate::linux::general as raw;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::mutex::Mutex;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bitflags::bitflags;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use ochre_hal::sync::SpinLock;

/// The type half of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

impl NodeKind {
    /// The S_IFMT bits of this kind.
    #[must_use]
    pub fn mode_bits(self) -> u32 {
        match self {
            NodeKind::Regular => raw::S_IFREG,
            NodeKind::Directory => raw::S_IFDIR,
            NodeKind::Symlink => raw::S_IFLNK,
            NodeKind::CharDevice => raw::S_IFCHR,
            NodeKind::BlockDevice => raw::S_IFBLK,
            NodeKind::Fifo => raw::S_IFIFO,
            NodeKind::Socket => raw::S_IFSOCK,
        }
    }

    /// The kind that a mode's S_IFMT bits name.
    #[must_use]
    pub fn from_mode(mode: u32) -> Option<NodeKind> {
        Some(match mode & raw::S_IFMT {
            raw::S_IFREG => NodeKind::Regular,
            raw::S_IFDIR => NodeKind::Directory,
            raw::S_IFLNK => NodeKind::Symlink,
            raw::S_IFCHR => NodeKind::CharDevice,
            raw::S_IFBLK => NodeKind::BlockDevice,
            raw::S_IFIFO => NodeKind::Fifo,
            raw::S_IFSOCK => NodeKind::Socket,
            _ => return None,
        })
    }

    /// `d_type` of getdents64.
    #[must_use]
    pub fn dirent_type(self) -> u8 {
        (self.mode_bits() >> 12) as u8
    }

    #[must_use]
    pub fn is_dir(self) -> bool {
        self == NodeKind::Directory
    }
}

/// A device number, in the kernel-internal layout of stat's `st_rdev` (glibc's `makedev`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct DeviceNumber(pub u64);

impl DeviceNumber {
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> DeviceNumber {
        let (major, minor) = (major as u64, minor as u64);
        DeviceNumber(
            (minor & 0xff)
                | (major & 0xfff) << 8
                | (minor & !0xff & 0xffff_ffff) << 12
                | (major & !0xfff) << 32,
        )
    }

    #[must_use]
    pub const fn major(self) -> u32 {
        ((self.0 >> 8 & 0xfff) | (self.0 >> 32 & !0xfff)) as u32
    }

    #[must_use]
    pub const fn minor(self) -> u32 {
        ((self.0 & 0xff) | (self.0 >> 12 & 0xffff_ff00)) as u32
    }

    /// As the files of /proc have it that print a kernel's own form of it.
    #[must_use]
    pub const fn internal(self) -> u32 {
        self.major() << 20 | self.minor()
    }
}

/// A point in wall-clock time: nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    #[must_use]
    pub fn now() -> Timestamp {
        Timestamp(crate::time::realtime() as i64)
    }

    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    #[must_use]
    pub fn nanoseconds(self) -> u32 {
        self.0.rem_euclid(1_000_000_000) as u32
    }
}

/// What stat and statx report.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// The file system's device number (`st_dev`).
    pub dev: DeviceNumber,
    pub ino: u64,
    /// Type and permission bits.
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: DeviceNumber,
    pub size: u64,
    /// In units of 512 bytes.
    pub blocks: u64,
    pub block_size: u32,
    pub atime: Timestamp,
    pub mtime: Timestamp,
    pub ctime: Timestamp,
    pub btime: Timestamp,
}

/// What chmod, chown, truncate and utimensat change; absent fields stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttributeChange {
    /// Permission bits (07777).
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub atime: Option<Timestamp>,
    pub mtime: Option<Timestamp>,
}

/// A node to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    pub what: NewKind<'a>,
    /// Permission bits, after the umask.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum NewKind<'a> {
    Regular,
    Directory,
    Symlink(&'a [u8]),
    CharDevice(DeviceNumber),
    BlockDevice(DeviceNumber),
    Fifo,
    Socket,
}

impl NewKind<'_> {
    #[must_use]
    pub fn kind(self) -> NodeKind {
        match self {
            NewKind::Regular => NodeKind::Regular,
            NewKind::Directory => NodeKind::Directory,
            NewKind::Symlink(_) => NodeKind::Symlink,
            NewKind::CharDevice(_) => NodeKind::CharDevice,
            NewKind::BlockDevice(_) => NodeKind::BlockDevice,
            NewKind::Fifo => NodeKind::Fifo,
            NewKind::Socket => NodeKind::Socket,
        }
    }
}

/// What statfs reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatFs {
    /// The magic number (`TMPFS_MAGIC`, …).
    pub kind: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub files: u64,
    pub files_free: u64,
    pub name_max: u64,
    pub fsid: u64,
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    pub ino: u64,
    pub kind: NodeKind,
    pub name: &'a [u8],
    /// The position to go on from after this entry: never reused while the entry's successors
    /// stay, so that a reader sees every surviving entry once.
    pub next: u64,
}

bitflags! {
    /// renameat2's flags.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct RenameFlags: u32 {
        const NOREPLACE = 1;
        const EXCHANGE = 2;
        /// What overlay file systems take for a name that was removed stays in the old place.
        const WHITEOUT = 4;
    }
}

/// Where something is renamed to.
#[derive(Clone, Copy)]
pub struct NewName<'a> {
    /// A directory of the same file system.
    pub dir: &'a Arc<Node>,
    pub name: &'a [u8],
    /// What the name meant, already checked to be of a fitting kind; the file system checks that a replaced
    /// directory is empty.
    pub replaced: Option<&'a Arc<Node>>,
}

/// The file system's half of a node. Defaults answer for an object that lacks the operation.
///
/// Names are single components: 1 to 255 bytes, no slash, not "." nor "..". Permissions were
/// checked by the caller against [`Inode::attributes`].
pub trait Inode: Any + Send + Sync {
    fn attributes(&self) -> Result<Attributes>;

    /// `st_dev` and `st_ino`, for who must not wait for a server's answer.
    fn identity(&self) -> Result<(DeviceNumber, u64)> {
        let attributes = self.attributes()?;
        Ok((attributes.dev, attributes.ino))
    }

    /// Held by whoever changes the shape of this file system's tree, if it has a lock of its own for
    /// it: a server that does not answer is in the way of its own clients only.
    fn shape(&self) -> Option<&Mutex<()>> {
        None
    }

    fn set_attributes(&self, _change: &AttributeChange) -> Result {
        Err(Errno::EPERM)
    }

    /// The node that `name` means in this directory; `ENOENT` when there is none.
    fn lookup(&self, _name: &[u8]) -> Result<Arc<Node>> {
        Err(Errno::ENOTDIR)
    }

    /// Makes a node under `name`; `EEXIST` when the name is taken.
    fn create(&self, _name: &[u8], _new: &NewNode<'_>) -> Result<Arc<Node>> {
        Err(Errno::EPERM)
    }

    /// Makes a regular file without a name (O_TMPFILE).
    fn create_unnamed(&self, _new: &NewNode<'_>) -> Result<Arc<Node>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Gives `target`, of the same file system and no directory, the further name `name`.
    fn link(&self, _name: &[u8], _target: &Arc<Node>) -> Result {
        Err(Errno::EPERM)
    }

    /// Takes the name of `target`, which is no directory.
    fn unlink(&self, _name: &[u8], _target: &Arc<Node>) -> Result {
        Err(Errno::EPERM)
    }

    /// Takes the name of the directory `target`; `ENOTEMPTY` unless it is empty.
    fn rmdir(&self, _name: &[u8], _target: &Arc<Node>) -> Result {
        Err(Errno::EPERM)
    }

    /// Renames `name` (which means `node`); `whiteout` is to be made in the old place. One rename runs at a
    /// time per file system.
    fn rename(
        &self,
        _name: &[u8],
        _node: &Arc<Node>,
        _to: NewName<'_>,
        _whiteout: Option<&NewNode<'_>>,
        _flags: RenameFlags,
    ) -> Result {
        Err(Errno::EPERM)
    }

    /// Emits entries from position `from` (0: the start) until `emit` returns false. "." and ".."
    /// are the caller's; positions are at least 3.
    fn read_dir(&self, _from: u64, _emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        Err(Errno::ENOTDIR)
    }

    /// A symbolic link's text.
    fn read_link(&self) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// Where following this link leads when it is not its text that says so: /proc/PID/exe,
    /// /proc/PID/fd/N.
    fn magic_link(&self) -> Option<Result<Path>> {
        None
    }

    /// Opens a regular file, or a device that this file system serves itself. `node` is the node
    /// of this inode. Directories, FIFOs, sockets and registered devices are opened by the kernel.
    fn open(&self, _node: &Arc<Node>, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        Err(Errno::ENXIO)
    }

    /// Whether this file system opens its device nodes itself (a scheme does), so that the
    /// kernel's table of devices is not asked.
    fn serves_devices(&self) -> bool {
        false
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Err(Errno::ENOSYS)
    }

    /// Whether the kernel may keep what names in this directory mean until it is told otherwise
    /// ([`Node::forget_name`], or a change made through the kernel).
    fn caches_names(&self) -> bool {
        false
    }

    fn sync(&self) -> Result {
        Ok(())
    }

    fn get_xattr(&self, _name: &[u8]) -> Result<Vec<u8>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// `must` says whether the attribute has to exist already (`Some(true)`, XATTR_REPLACE), must
    /// not (`Some(false)`, XATTR_CREATE), or either.
    fn set_xattr(&self, _name: &[u8], _value: &[u8], _must: Option<bool>) -> Result {
        Err(Errno::EOPNOTSUPP)
    }

    fn remove_xattr(&self, _name: &[u8]) -> Result {
        Err(Errno::EOPNOTSUPP)
    }

    /// The names, each followed by a NUL.
    fn list_xattr(&self) -> Result<Vec<u8>> {
        Err(Errno::EOPNOTSUPP)
    }

    fn as_any(&self) -> &dyn Any;
}

bitflags! {
    /// open(2)'s flags, as the kernel uses them; the two access-mode bits are apart, in [`Access`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct OpenFlags: u32 {
        const WRITE_ONLY = raw::O_WRONLY;
        const READ_WRITE = raw::O_RDWR;
        const CREATE = raw::O_CREAT;
        const EXCLUSIVE = raw::O_EXCL;
        const NO_CTTY = raw::O_NOCTTY;
        const TRUNCATE = raw::O_TRUNC;
        const APPEND = raw::O_APPEND;
        const NONBLOCK = raw::O_NONBLOCK;
        const DSYNC = raw::O_DSYNC;
        const ASYNC = raw::FASYNC;
        const DIRECT = raw::O_DIRECT;
        const LARGE_FILE = raw::O_LARGEFILE;
        const DIRECTORY = raw::O_DIRECTORY;
        const NO_FOLLOW = raw::O_NOFOLLOW;
        const NO_ATIME = raw::O_NOATIME;
        const CLOEXEC = raw::O_CLOEXEC;
        const SYNC = raw::__O_SYNC;
        const PATH = raw::O_PATH;
        const TMPFILE = raw::__O_TMPFILE;
    }
}

impl OpenFlags {
    #[must_use]
    pub fn reads(self) -> bool {
        !self.contains(OpenFlags::WRITE_ONLY)
    }

    #[must_use]
    pub fn writes(self) -> bool {
        self.intersects(OpenFlags::WRITE_ONLY | OpenFlags::READ_WRITE)
    }
}

/// What a node has attached at run time.
#[derive(Default)]
pub enum Attachment {
    #[default]
    None,
    /// The pipe behind a FIFO while somebody has it open.
    Fifo(Weak<crate::ipc::pipe::Pipe>),
    /// The socket bound to this name.
    Socket(Weak<crate::ipc::unix::UnixSocket>),
}

/// A name's target. See the module's header.
pub struct Node<I: ?Sized = dyn Inode> {
    _counted: Counted<{ ObjectKind::Node as usize }>,
    kind: NodeKind,
    /// Unique over the life of the kernel: the identity that maps and locks are keyed by.
    id: u64,
    pub locks: NodeLocks,
    pub watches: Watches,
    /// Who writes or executes it.
    pub uses: Uses,
    pub attachment: SpinLock<Attachment>,
    /// A directory's place in the tree, when it is known (a directory has one only).
    dentry: SpinLock<Weak<crate::fs::dentry::Dentry>>,
    inode: I,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl<I: Inode> Node<I> {
    #[must_use]
    pub fn new(kind: NodeKind, inode: I) -> Arc<Node<I>> {
        Arc::new(Node::unshared(kind, inode))
    }

    /// A node whose inode wants to know its own node: for `Arc::new_cyclic`.
    #[must_use]
    pub fn unshared(kind: NodeKind, inode: I) -> Node<I> {
        Node {
            _counted: Counted::new(),
            kind,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            locks: NodeLocks::new(),
            watches: Watches::new(),
            uses: Uses::default(),
            attachment: SpinLock::new(lock_order::FS_NODE, Attachment::None),
            dentry: SpinLock::new(lock_order::FS_NODE, Weak::new()),
            inode,
        }
    }

    #[must_use]
    pub fn concrete(&self) -> &I {
        &self.inode
    }
}

impl<I: Inode + ?Sized> Node<I> {
    #[must_use]
    pub fn kind(&self) -> NodeKind {
        self.kind
    }

    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind.is_dir()
    }
}

impl Node {
    #[must_use]
    pub fn inode(&self) -> &dyn Inode {
        &self.inode
    }

    /// The file system's own half, when it is a `T`.
    #[must_use]
    pub fn downcast<T: Inode>(&self) -> Option<&T> {
        self.inode.as_any().downcast_ref()
    }

    pub fn attributes(&self) -> Result<Attributes> {
        self.inode.attributes()
    }

    pub(super) fn dentry(&self) -> &SpinLock<Weak<crate::fs::dentry::Dentry>> {
        &self.dentry
    }

    /// Drops what the kernel remembers of `name` in this directory: the file system says that it
    /// changed behind the kernel's back.
    pub fn forget_name(&self, name: &[u8]) {
        let dentry = self.dentry.lock().upgrade();
        if let Some(dentry) = dentry {
            dentry.forget_child(name);
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.id == other.id
    }
}

impl Eq for Node {}
