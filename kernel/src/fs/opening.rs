//! open(2): from a name and flags to an open file description.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::access::{Access, Identity};
use crate::fs::busy::{OpenUse, ReadUse, WriteUse};
use crate::fs::context::FsView;
use crate::fs::dentry::Dentry;
use crate::fs::directory::Directory;
use crate::fs::inotify::{self, Mask};
use crate::fs::landlock::Rights;
use crate::fs::lease;
use crate::fs::namespace::{MountFlags, Path};
use crate::fs::node::{AttributeChange, NewKind, NewNode, Node, NodeKind, OpenFlags};
use crate::fs::open::OpenFile;
use crate::fs::path::{Last, Resolve, Walk};
use crate::fs::{device, unnamed};
use crate::ipc::pipe;
use alloc::sync::Arc;
use core::any::Any;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub flags: OpenFlags,
    /// Permission bits of a file to be made, after the umask.
    pub mode: u32,
    pub resolve: Resolve,
}

impl How {
    /// Flags as open(2) takes them: what does not apply together is dropped or refused.
    pub fn from_open(raw_flags: u32, mode: u32, umask: u32) -> Result<How> {
        let mut flags = OpenFlags::from_bits_truncate(raw_flags);
        if flags.contains(OpenFlags::PATH) {
            flags &=
                OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NO_FOLLOW | OpenFlags::CLOEXEC;
        }
        if flags.contains(OpenFlags::TMPFILE)
            && (!flags.contains(OpenFlags::DIRECTORY)
                || flags.contains(OpenFlags::CREATE)
                || !flags.writes())
        {
            return Err(Errno::EINVAL);
        }
        if flags.contains(OpenFlags::CREATE | OpenFlags::DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        if flags.contains(OpenFlags::SYNC) {
            flags |= OpenFlags::DSYNC;
        }
        Ok(How {
            flags,
            mode: mode & 0o7777 & !umask,
            resolve: Resolve::empty(),
        })
    }
}

/// Opens `path`, relative to `start`.
pub fn open_at(
    view: &FsView,
    identity: &Identity,
    start: Path,
    path: &[u8],
    how: &How,
) -> Result<Arc<OpenFile>> {
    let flags = how.flags;
    if flags.contains(OpenFlags::TMPFILE) {
        return open_unnamed(view, identity, start, path, how);
    }
    let mut resolve = how.resolve;
    // With O_EXCL the name itself must be new: a link under it is not followed.
    if !flags.contains(OpenFlags::NO_FOLLOW)
        && !flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE)
    {
        resolve |= Resolve::FOLLOW;
    }
    if flags.contains(OpenFlags::CREATE) {
        return open_or_create(view, identity, start, path, how, resolve);
    }
    if flags.contains(OpenFlags::DIRECTORY) {
        resolve |= Resolve::DIRECTORY;
    }
    let place = view.lookup_at(identity, start, path, resolve)?;
    open_place(identity, place, flags)
}

fn open_or_create(
    view: &FsView,
    identity: &Identity,
    start: Path,
    path: &[u8],
    how: &How,
    resolve: Resolve,
) -> Result<Arc<OpenFile>> {
    let flags = how.flags;
    let mut walk = Walk::new(view, identity, start, path, resolve)?;
    loop {
        let parent = walk.parent()?;
        let name = match parent.last {
            // A magic link led straight to the object.
            Last::Root if !parent.dir.node().is_dir() => {
                return open_place(identity, parent.dir, flags);
            }
            Last::Name(name) if !parent.trailing_slash => name,
            _ => return Err(Errno::EISDIR),
        };
        match walk.last_child(&name) {
            Ok(place) => {
                if flags.contains(OpenFlags::EXCLUSIVE) {
                    return Err(Errno::EEXIST);
                }
                if place.node().kind() == NodeKind::Symlink {
                    if !resolve.contains(Resolve::FOLLOW) {
                        return Err(Errno::ELOOP);
                    }
                    walk.follow(&place)?;
                    continue;
                }
                return open_place(identity, place, flags);
            }
            Err(Errno::ENOENT) => match create(identity, &parent.dir, &name, how) {
                Ok(place) => {
                    let truncates = identity.check_open(&place, flags)?;
                    let uses = uses_of(&place, flags)?;
                    return describe(place, flags, uses, truncates);
                }
                // Somebody was faster: look again.
                Err(Errno::EEXIST) if !flags.contains(OpenFlags::EXCLUSIVE) => {
                    let place = walk.last_child(&name)?;
                    return open_place(identity, place, flags);
                }
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

fn create(identity: &Identity, dir: &Path, name: &[u8], how: &How) -> Result<Path> {
    dir.mount.check_writable()?;
    identity.check_confined(dir, Rights::MAKE_REG)?;
    identity.check_node(dir.node(), Access::WRITE | Access::EXEC)?;
    if dir.dentry.is_removed() {
        return Err(Errno::ENOENT);
    }
    let (mode, uid, gid) = identity.for_new(dir.node(), NodeKind::Regular, how.mode)?;
    let new = NewNode {
        what: NewKind::Regular,
        mode,
        uid,
        gid,
    };
    let _names = dir.dentry.lock_names()?;
    let node = dir.node().inode().create(name, &new)?;
    let dentry = dir.dentry.created(name, node)?;
    inotify::notify_name(dir.node(), name, Mask::CREATE, false, 0);
    Ok(Path {
        mount: dir.mount.clone(),
        dentry,
    })
}

fn open_unnamed(
    view: &FsView,
    identity: &Identity,
    start: Path,
    path: &[u8],
    how: &How,
) -> Result<Arc<OpenFile>> {
    let resolve = how.resolve | Resolve::FOLLOW | Resolve::DIRECTORY;
    let dir = view.lookup_at(identity, start, path, resolve)?;
    dir.mount.check_writable()?;
    identity.check_node(dir.node(), Access::WRITE | Access::EXEC)?;
    let (mode, uid, gid) = identity.for_new(dir.node(), NodeKind::Regular, how.mode)?;
    let new = NewNode {
        what: NewKind::Regular,
        mode,
        uid,
        gid,
    };
    let rights = how.flags - OpenFlags::DIRECTORY;
    let truncates = identity.check_open(&dir, rights)?;
    let node = dir.node().inode().create_unnamed(&new)?;
    let name = alloc::format!("#{}", node.attributes()?.ino);
    let place = Path {
        mount: dir.mount,
        dentry: Dentry::root(node, name.as_bytes()),
    };
    // The file is never to get a name.
    if how.flags.contains(OpenFlags::EXCLUSIVE) {
        place.dentry.nameless();
    }
    let flags = how.flags - OpenFlags::DIRECTORY;
    let uses = uses_of(&place, flags)?;
    describe(place, flags, uses, truncates)
}

/// Counts the file as open: what keeps it from being executed while it is written.
fn uses_of(place: &Path, flags: OpenFlags) -> Result<OpenUse> {
    let mut uses = OpenUse::default();
    if place.node().kind() == NodeKind::Regular {
        let node = unnamed::underlying(place.node());
        if !flags.writes() {
            uses.reading = Some(ReadUse::of(&node));
        }
        if flags.writes() || flags.contains(OpenFlags::TRUNCATE) {
            uses.writing = Some(WriteUse::of(&node)?);
        }
    }
    Ok(uses)
}

/// Opens what a name was resolved to.
pub fn open_place(identity: &Identity, place: Path, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let node = place.node().clone();
    let kind = node.kind();
    if flags.contains(OpenFlags::DIRECTORY) && !kind.is_dir() {
        return Err(Errno::ENOTDIR);
    }
    if flags.contains(OpenFlags::PATH) {
        let file = Arc::new(PathOnly { node });
        return OpenFile::new(file, Some(place), flags);
    }
    let truncates = flags.contains(OpenFlags::TRUNCATE);
    let changes = flags.writes() || truncates;
    match kind {
        NodeKind::Symlink => return Err(Errno::ELOOP),
        NodeKind::Directory if changes || flags.contains(OpenFlags::CREATE) => {
            return Err(Errno::EISDIR);
        }
        NodeKind::CharDevice | NodeKind::BlockDevice
            if place.mount.flags().contains(MountFlags::NO_DEV) =>
        {
            return Err(Errno::EACCES);
        }
        _ => {}
    }
    let mut wish = Access::empty();
    if flags.reads() {
        wish |= Access::READ;
    }
    if changes {
        wish |= Access::WRITE;
    }
    identity.check_node(&node, wish)?;
    if changes && matches!(kind, NodeKind::Regular) {
        place.mount.check_writable()?;
    }
    if flags.contains(OpenFlags::NO_ATIME)
        && !identity.owns_all
        && !identity.owns(&node.attributes()?)
    {
        return Err(Errno::EPERM);
    }
    let truncatable = identity.check_open(&place, flags)?;
    if truncates && !truncatable && kind == NodeKind::Regular {
        return Err(Errno::EACCES);
    }
    let mut uses = uses_of(&place, flags)?;
    if kind == NodeKind::Regular {
        lease::give_way(&node, flags.writes(), flags.contains(OpenFlags::NONBLOCK))?;
    }
    if truncates && kind == NodeKind::Regular {
        node.inode().set_attributes(&AttributeChange {
            size: Some(0),
            ..Default::default()
        })?;
        inotify::notify(&place, Mask::MODIFY);
    }
    uses.writing = uses.writing.filter(|_| flags.writes());
    describe(place, flags, uses, truncatable)
}

/// The description itself; permissions are settled, and whether it may be `truncatable`.
fn describe(
    place: Path,
    flags: OpenFlags,
    uses: OpenUse,
    truncatable: bool,
) -> Result<Arc<OpenFile>> {
    let node = place.node();
    let file: Arc<dyn File> = match node.kind() {
        NodeKind::Directory => Arc::new(Directory::new(node.clone())),
        NodeKind::Fifo if !node.inode().serves_devices() => pipe::open_fifo(node, flags)?,
        NodeKind::Socket if !node.inode().serves_devices() => return Err(Errno::ENXIO),
        NodeKind::CharDevice if !node.inode().serves_devices() => {
            device::open(node.attributes()?.rdev, node, flags)?
        }
        _ => node.inode().open(node, flags)?,
    };
    let open = OpenFile::with_use(file, Some(place), flags, uses)?;
    if !truncatable {
        open.forbid_truncation();
    }
    if let Some(path) = open.path() {
        inotify::notify(path, Mask::OPEN);
    }
    Ok(open)
}

/// O_PATH: a place in the tree, and nothing that can be done with its contents.
struct PathOnly {
    node: Arc<Node>,
}

impl File for PathOnly {
    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A place for a description that has no name, so that /proc/PID/fd/N leads somewhere: opening it
/// opens the object anew.
#[must_use]
pub fn place_of(open: &Arc<OpenFile>) -> Path {
    match open.path() {
        Some(path) => path.clone(),
        None => Path::unnamed(unnamed::reopened(open), &open.description()),
    }
}
