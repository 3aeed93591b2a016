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
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
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
    /// The place it covers; none for a namespace's root. Changes with the namespace's table locked.
    point: SpinLock<Option<Path>>,
    /// `tmpfs`, `proc`, `ext4`, …: what /proc/mounts shows.
    pub kind: Box<str>,
    pub source: Box<str>,
    flags: AtomicU32,
    /// It can't be bound elsewhere (MS_UNBINDABLE).
    unbindable: AtomicBool,
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
    pub fn point(&self) -> Option<Path> {
        self.point.lock().clone()
    }

    #[must_use]
    pub fn is_unbindable(&self) -> bool {
        self.unbindable.load(Ordering::Relaxed)
    }

    pub fn set_unbindable(&self, on: bool) {
        self.unbindable.store(on, Ordering::Relaxed);
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
        let mut point = self.point.get_mut().take();
        while let Some(Path { mount, dentry }) = point {
            drop(dentry);
            point = Arc::into_inner(mount).and_then(|mut mount| mount.point.get_mut().take());
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
                let Some(point) = at.mount.point() else {
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
                        at = point;
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
            point: SpinLock::new(lock_order::CELL, point),
            kind: Box::from(kind),
            source: Box::from(source),
            flags: AtomicU32::new(flags.bits()),
            unbindable: AtomicBool::new(false),
        })
    }

    /// Another one of the same, from `root` on, that covers `point`.
    fn copy(&self, root: Arc<Dentry>, point: Option<Path>) -> Arc<Mount> {
        Mount::new(root, point, &self.kind, &self.source, self.flags())
    }

    fn moved(&self, to: Path) {
        let old = self.point.lock().replace(to);
        drop(old);
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

/// Whether `root` can cover this place.
fn check_point(point: &Path, root: &Node) -> Result {
    if root.is_dir() != point.node().is_dir() {
        return Err(Errno::ENOTDIR);
    }
    if point.dentry.is_removed() {
        return Err(Errno::ENOENT);
    }
    Ok(())
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
        check_point(&point, root.node())?;
        let point = self.cross(point);
        let mount = Mount::new(root, Some(point), kind, source, flags);
        self.attach(core::slice::from_ref(&mount))?;
        Ok(mount)
    }

    /// Enters mounts, of which the first covers a place that nothing covers, and the others places of their own.
    fn attach(&self, made: &[Arc<Mount>]) -> Result {
        let mut table = self.table.lock();
        if table.len() + made.len() > MOUNTS_MAX {
            return Err(Errno::ENOSPC);
        }
        let mut points = made.iter().filter_map(|mount| mount.point());
        if points
            .next()
            .is_some_and(|at| table.contains_key(&key(&at)))
        {
            return Err(Errno::EBUSY);
        }
        for mount in made {
            if let Some(point) = mount.point() {
                table.insert(key(&point), mount.clone());
                point.dentry.cover();
            }
        }
        Ok(())
    }

    /// Whether it is one of this namespace.
    fn has(&self, mount: &Arc<Mount>) -> bool {
        let known = |point| self.table.lock().get(&key(&point)).cloned();
        match mount.point() {
            Some(point) => known(point).is_some_and(|known| Arc::ptr_eq(&known, mount)),
            None => Arc::ptr_eq(&self.root, mount),
        }
    }

    /// What is mounted on `top`, and on that, and so on: each after what it is mounted on.
    pub fn below(&self, top: &Arc<Mount>) -> Vec<Arc<Mount>> {
        let table = self.table.lock();
        let mut found: Vec<Arc<Mount>> = Vec::new();
        let mut of = top.id;
        for next in 0.. {
            let on_it = table.range((of, 0)..=(of, usize::MAX));
            found.extend(on_it.map(|(_, mount)| mount.clone()));
            let Some(mount) = found.get(next) else { break };
            of = mount.id;
        }
        found
    }

    /// Shows at `point` what is at `from`, with what is mounted below if `recursive` (MS_BIND, MS_REC).
    pub fn bind(&self, point: Path, from: &Path, recursive: bool) -> Result {
        if from.mount.is_unbindable() || !self.has(&from.mount) {
            return Err(Errno::EINVAL);
        }
        check_point(&point, from.node())?;
        let point = self.cross(point);
        let mut copies = Copies::new();
        let top = from.mount.copy(from.dentry.clone(), Some(point));
        copies.insert(from.mount.id, top.clone());
        let mut made = Vec::new();
        made.room(1)?;
        made.push(top);
        let below = if recursive {
            self.below(&from.mount)
        } else {
            Vec::new()
        };
        for mount in below {
            let Some(Path { mount: on, dentry }) = mount.point() else {
                continue;
            };
            // With one that stays away stays what is on it.
            let Some(parent) = copies.get(&on.id).cloned() else {
                continue;
            };
            let outside = Arc::ptr_eq(&on, &from.mount) && !from.dentry.contains(&dentry);
            if mount.is_unbindable() || outside {
                continue;
            }
            admission::ask()?;
            let place = Path {
                mount: parent,
                dentry,
            };
            let copy = mount.copy(mount.root.clone(), Some(place));
            copies.insert(mount.id, copy.clone());
            made.room(1)?;
            made.push(copy);
        }
        self.attach(&made)
    }

    /// Has a mount cover another place (MS_MOVE), with all that is mounted on it.
    pub fn move_to(&self, from: &Path, point: Path) -> Result {
        let mount = &from.mount;
        let old = mount.point().ok_or(Errno::EINVAL)?;
        if !from.is_mount_root()
            || !self.has(mount)
            || from.node().is_dir() != point.node().is_dir()
        {
            return Err(Errno::EINVAL);
        }
        if point.dentry.is_removed() {
            return Err(Errno::ENOENT);
        }
        let point = self.cross(point);
        let mut table = self.table.lock();
        let mut on = Some(point.clone());
        while let Some(Path { mount: above, .. }) = on {
            if Arc::ptr_eq(&above, mount) {
                return Err(Errno::ELOOP);
            }
            on = above.point();
        }
        self.put(&mut table, mount, &old, &point)
    }

    /// Takes a mount from where it was, and puts it where nothing is.
    fn put(
        &self,
        table: &mut BTreeMap<(u64, usize), Arc<Mount>>,
        mount: &Arc<Mount>,
        old: &Path,
        new: &Path,
    ) -> Result {
        if table.contains_key(&key(new)) {
            return Err(Errno::EBUSY);
        }
        let known = table.get(&key(old));
        if !known.is_some_and(|known| Arc::ptr_eq(known, mount)) {
            return Err(Errno::EINVAL);
        }
        table.remove(&key(old));
        table.insert(key(new), mount.clone());
        old.dentry.uncover();
        new.dentry.cover();
        mount.moved(new.clone());
        Ok(())
    }

    /// pivot_root(2): the mount `new` takes the place of `root`'s, which then covers `aside`.
    pub fn pivot(&self, root: &Path, new: &Path, aside: &Path) -> Result {
        if !self.has(&root.mount) || !self.has(&new.mount) {
            return Err(Errno::EINVAL);
        }
        if new.dentry.is_removed() || aside.dentry.is_removed() {
            return Err(Errno::ENOENT);
        }
        if Arc::ptr_eq(&new.mount, &root.mount) || Arc::ptr_eq(&aside.mount, &root.mount) {
            return Err(Errno::EBUSY);
        }
        let mounted = root.is_mount_root() && new.is_mount_root();
        if !mounted || !aside.is_within(new) || !new.is_within(root) {
            return Err(Errno::EINVAL);
        }
        let at_root = root.mount.point().ok_or(Errno::EINVAL)?;
        let at_new = new.mount.point().ok_or(Errno::EINVAL)?;
        let mut table = self.table.lock();
        let is_at = |place: &Path, mount: &Arc<Mount>| {
            table
                .get(&key(place))
                .is_some_and(|known| Arc::ptr_eq(known, mount))
        };
        // Somebody may have changed what was looked at.
        if !is_at(&at_root, &root.mount) || !is_at(&at_new, &new.mount) {
            return Err(Errno::EINVAL);
        }
        if table.contains_key(&key(aside)) {
            return Err(Errno::EBUSY);
        }
        self.put(&mut table, &root.mount, &at_root, aside)?;
        self.put(&mut table, &new.mount, &at_new, &at_root)
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
            let at = key(&point);
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
        let root = self.root.copy(self.root.root.clone(), None);
        root.set_unbindable(self.root.is_unbindable());
        let copy = Arc::new(Namespace {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            root: root.clone(),
            table: SpinLock::new(lock_order::FS_NAMES, BTreeMap::new()),
        });
        let mut copies = Copies::new();
        copies.insert(self.root.id, root);
        for mount in self.below(&self.root) {
            let Some(Path { mount: on, dentry }) = mount.point() else {
                continue;
            };
            let Some(parent) = copies.get(&on.id).cloned() else {
                continue;
            };
            let place = Path {
                mount: parent,
                dentry,
            };
            let copied = mount.copy(mount.root.clone(), Some(place));
            copied.set_unbindable(mount.is_unbindable());
            copy.attach(core::slice::from_ref(&copied))?;
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
