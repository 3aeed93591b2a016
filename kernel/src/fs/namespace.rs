//! Mounts: which file system's root covers which directory.
//!
//! A [`Path`] is a place in the visible tree: a dentry as seen through a mount. A [`Namespace`] is
//! a table of mounts; a process sees the names that its namespace mounts, and no others.
//!
//! Locks: the table is one spinlock, taken on a walk only at dentries that something covers.

use crate::errno::{Errno, Result};
use crate::fs::dentry::Dentry;
use crate::fs::node::Node;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

bitflags! {
    /// What a mount forbids; the bits of mount(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MountFlags: u32 {
        const READ_ONLY = 1;
        const NO_SUID = 2;
        const NO_DEV = 4;
        const NO_EXEC = 8;
        const NO_ATIME = 1024;
        const NO_DIR_ATIME = 2048;
        const RELATIME = 1 << 21;
    }
}

/// A file system's root, attached somewhere.
pub struct Mount {
    _counted: Counted<{ ObjectKind::Mount as usize }>,
    pub id: u64,
    root: Arc<Dentry>,
    /// The place it covers; none for a namespace's root.
    point: Option<Path>,
    /// `tmpfs`, `proc`, `ext4`, …: what /proc/mounts shows.
    pub kind: Box<str>,
    pub source: Box<str>,
    flags: AtomicU32,
}

impl Mount {
    #[must_use]
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    #[must_use]
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    pub fn set_flags(&self, flags: MountFlags) {
        self.flags.store(flags.bits(), Ordering::Relaxed);
    }

    #[must_use]
    pub fn point(&self) -> Option<&Path> {
        self.point.as_ref()
    }

    /// EROFS when this mount takes no changes.
    pub fn check_writable(&self) -> Result {
        if self.flags().contains(MountFlags::READ_ONLY) {
            Err(Errno::EROFS)
        } else {
            Ok(())
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A loop, as with a dentry's parents: thousands may be stacked on one place.
        let mut point = self.point.take();
        while let Some(Path { mount, dentry }) = point {
            drop(dentry);
            point = Arc::into_inner(mount).and_then(|mut mount| mount.point.take());
        }
    }
}

/// A place in the tree of names, as one namespace sees it.
#[derive(Clone)]
pub struct Path {
    pub mount: Arc<Mount>,
    pub dentry: Arc<Dentry>,
}

impl Path {
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        self.dentry.node()
    }

    /// Whether this is the root of its mount.
    #[must_use]
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.dentry, self.mount.root())
    }

    /// The root of its mount.
    #[must_use]
    pub fn mount_root(&self) -> Path {
        Path {
            mount: self.mount.clone(),
            dentry: self.mount.root().clone(),
        }
    }

    /// Whether it is of an object that has no name in any directory.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        Arc::ptr_eq(&self.mount, &unnamed_mount())
    }

    /// A path of an object that has no name in any directory: a pipe, a memfd.
    #[must_use]
    pub fn unnamed(node: Arc<Node>, name: &[u8]) -> Path {
        Path {
            mount: unnamed_mount(),
            dentry: Dentry::root(node, name),
        }
    }

    /// Whether it is `root` or somewhere below.
    #[must_use]
    pub fn is_within(&self, root: &Path) -> bool {
        let mut at = self.clone();
        while at != *root {
            if at.is_mount_root() {
                let Some(point) = at.mount.point().cloned() else {
                    return false;
                };
                at = point;
            } else {
                let Some(parent) = at.dentry.parent() else {
                    return false;
                };
                at.dentry = parent;
            }
        }
        true
    }

    /// The absolute name as seen from `root`, and whether it is reachable from there; `ENAMETOOLONG` where
    /// it has more than `longest` bytes.
    pub fn name_from(&self, root: &Path, longest: usize) -> Result<(Vec<u8>, bool)> {
        // From its end to its beginning, as the way leads upwards.
        let mut name = Vec::new();
        let mut at = self.clone();
        let reachable = loop {
            if at == *root {
                break true;
            }
            if at.is_mount_root() {
                match at.mount.point() {
                    Some(point) => {
                        at = point.clone();
                        continue;
                    }
                    None => break name.is_empty() || Arc::ptr_eq(&at.mount, &root.mount),
                }
            }
            let part = at.dentry.name();
            if name.len() + part.len() + 1 > longest {
                return Err(Errno::ENAMETOOLONG);
            }
            name.room(part.len() + 1)?;
            name.extend(part.iter().rev());
            name.push(b'/');
            match at.dentry.parent() {
                Some(parent) => at.dentry = parent,
                None => {
                    // Its name is all that there is: `pipe:[7]`.
                    if &*at.mount.kind == UNNAMED {
                        name.pop();
                    }
                    break false;
                }
            }
        };
        name.reverse();
        if name.is_empty() {
            admission::append(&mut name, b"/")?;
        }
        Ok((name, reachable))
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        Arc::ptr_eq(&self.dentry, &other.dentry) && Arc::ptr_eq(&self.mount, &other.mount)
    }
}

impl Eq for Path {}

/// The file system of objects without names, which can't be mounted.
const UNNAMED: &str = "anon";

/// The mount that objects without names are on: in no namespace.
fn unnamed_mount() -> Arc<Mount> {
    static MOUNT: SpinLock<Option<Arc<Mount>>> = SpinLock::new(lock_order::FS_NAMES, None);
    let known = MOUNT.lock().clone();
    known.unwrap_or_else(|| {
        let root = Dentry::root(
            crate::fs::unnamed::node(crate::fs::node::NodeKind::Directory),
            b"",
        );
        let mount = Mount::new(root, None, UNNAMED, "none", MountFlags::empty());
        MOUNT.lock().get_or_insert(mount).clone()
    })
}

static NEXT_MOUNT: AtomicU64 = AtomicU64::new(20);

impl Mount {
    fn new(
        root: Arc<Dentry>,
        point: Option<Path>,
        kind: &str,
        source: &str,
        flags: MountFlags,
    ) -> Arc<Mount> {
        Arc::new(Mount {
            _counted: Counted::new(),
            id: NEXT_MOUNT.fetch_add(1, Ordering::Relaxed),
            root,
            point,
            kind: Box::from(kind),
            source: Box::from(source),
            flags: AtomicU32::new(flags.bits()),
        })
    }
}

/// Mounts of a new namespace, by the ids of those that they are copies of.
pub type Copies = BTreeMap<u64, Arc<Mount>>;

/// The mounts that a set of processes sees.
pub struct Namespace {
    /// As /proc/PID/ns has it: never reused.
    number: u64,
    root: Arc<Mount>,
    /// Keyed by (mount, dentry) of the covered place.
    table: SpinLock<BTreeMap<(u64, usize), Arc<Mount>>>,
}

fn key(place: &Path) -> (u64, usize) {
    (place.mount.id, Arc::as_ptr(&place.dentry).addr())
}

/// Linux's first one has this, and those that are always the same lower ones.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0xf000_0001);

/// Mounts in one namespace at most: a loop of mount calls must end.
pub const MOUNTS_MAX: usize = 4096;

impl Namespace {
    /// A namespace whose `/` is `root`.
    #[must_use]
    pub fn new(root: Arc<Node>, kind: &str, source: &str) -> Arc<Namespace> {
        let root = Mount::new(
            Dentry::root(root, b""),
            None,
            kind,
            source,
            MountFlags::empty(),
        );
        Arc::new(Namespace {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            root,
            table: SpinLock::new(lock_order::FS_NAMES, BTreeMap::new()),
        })
    }

    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The path `/`.
    #[must_use]
    pub fn root(&self) -> Path {
        self.cross(Path {
            mount: self.root.clone(),
            dentry: self.root.root.clone(),
        })
    }

    /// Covers the directory (or, for a bind of a file, the file) at `point` with `root`.
    pub fn mount(
        &self,
        point: Path,
        root: Arc<Dentry>,
        kind: &str,
        source: &str,
        flags: MountFlags,
    ) -> Result<Arc<Mount>> {
        if root.node().is_dir() != point.node().is_dir() {
            return Err(Errno::ENOTDIR);
        }
        if point.dentry.is_removed() {
            return Err(Errno::ENOENT);
        }
        let point = self.cross(point);
        let at = key(&point);
        let covered = point.dentry.clone();
        let mount = Mount::new(root, Some(point), kind, source, flags);
        let mut table = self.table.lock();
        if table.len() >= MOUNTS_MAX {
            return Err(Errno::ENOSPC);
        }
        if table.contains_key(&at) {
            return Err(Errno::EBUSY);
        }
        table.insert(at, mount.clone());
        covered.cover();
        Ok(mount)
    }

    /// Mounts a whole file system: `root` is its root node.
    pub fn mount_node(
        &self,
        point: Path,
        root: Arc<Node>,
        kind: &str,
        source: &str,
        flags: MountFlags,
    ) -> Result<Arc<Mount>> {
        self.mount(point, Dentry::root(root, b""), kind, source, flags)
    }

    /// Uncovers what `mount` covers. With `detach`, users of the mount keep it until they end.
    pub fn unmount(&self, mount: &Arc<Mount>, detach: bool) -> Result {
        let Some(point) = mount.point() else {
            return Err(Errno::EINVAL);
        };
        let removed = {
            let mut table = self.table.lock();
            let at = key(point);
            if !table
                .get(&at)
                .is_some_and(|known| Arc::ptr_eq(known, mount))
            {
                return Err(Errno::EINVAL);
            }
            let has_children = table.values().any(|other| {
                other
                    .point()
                    .is_some_and(|point| Arc::ptr_eq(&point.mount, mount))
            });
            // The table's and the caller's references; whoever else has one uses the mount.
            if !detach && (has_children || Arc::strong_count(mount) > 2) {
                return Err(Errno::EBUSY);
            }
            table.remove(&at)
        };
        point.dentry.uncover();
        drop(removed);
        crate::fs::dentry::shrink_name_cache();
        Ok(())
    }

    /// The mount on top of `place`, or `place` itself.
    #[must_use]
    pub fn cross(&self, mut place: Path) -> Path {
        while place.dentry.is_covered() {
            let Some(mount) = self.table.lock().get(&key(&place)).cloned() else {
                break;
            };
            place = Path {
                dentry: mount.root.clone(),
                mount,
            };
        }
        place
    }

    /// All mounts, in the order they were made.
    #[must_use]
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        let mut all: Vec<Arc<Mount>> = core::iter::once(self.root.clone())
            .chain(self.table.lock().values().cloned())
            .collect();
        all.sort_by_key(|mount| mount.id);
        all
    }

    /// A namespace of its own with the same mounts (unshare(CLONE_NEWNS)): mounts are rebuilt
    /// parent first, so that each points at its copy's parent.
    pub fn try_clone(&self) -> Result<(Arc<Namespace>, Copies)> {
        let root = Mount::new(
            self.root.root.clone(),
            None,
            &self.root.kind,
            &self.root.source,
            self.root.flags(),
        );
        let copy = Arc::new(Namespace {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            root: root.clone(),
            table: SpinLock::new(lock_order::FS_NAMES, BTreeMap::new()),
        });
        let mut copies = Copies::new();
        copies.insert(self.root.id, root);
        for mount in self.mounts() {
            let Some(point) = mount.point() else { continue };
            let Some(parent) = copies.get(&point.mount.id).cloned() else {
                continue;
            };
            let place = Path {
                mount: parent,
                dentry: point.dentry.clone(),
            };
            let copied = copy.mount(
                place,
                mount.root.clone(),
                &mount.kind,
                &mount.source,
                mount.flags(),
            )?;
            copies.insert(mount.id, copied);
        }
        Ok((copy, copies))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for mount in self.table.get_mut().values() {
            if let Some(point) = mount.point() {
                point.dentry.uncover();
            }
        }
    }
}
