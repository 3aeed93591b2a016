//! Changes of names: mkdir, mknod, symlink, link, unlink, rmdir, rename.

use crate::errno::{Errno, Result};
use crate::fs::access::{Access, Identity};
use crate::fs::context::FsView;
use crate::fs::inotify::{self, Mask};
use crate::fs::landlock::{self, Move, Rights};
use crate::fs::namespace::Path;
use crate::fs::node::{DeviceNumber, NewKind, NewName, NewNode, Node, NodeKind, RenameFlags};
use crate::fs::path::{Last, Parent, Resolve, Walk};
use crate::lock_order;
use crate::sched::mutex::Mutex;
use alloc::sync::Arc;

/// The shape of the file systems that have no lock of their own for it.
static SHAPE: Mutex<()> = Mutex::new(lock_order::sleeping::SHAPE, ());

/// Held by whoever changes the shape of the tree that `dir` is in: renames, and removals of
/// directories. Ancestry stands still under it, and the file system may lock two directories.
fn shape_of(dir: &Path) -> &Mutex<()> {
    dir.node().inode().shape().unwrap_or(&SHAPE)
}

/// A name relative to a place.
#[derive(Clone)]
pub struct Name<'a> {
    pub start: Path,
    pub path: &'a [u8],
}

fn parent_of(view: &FsView, identity: &Identity, name: &Name<'_>) -> Result<Parent> {
    Walk::new(
        view,
        identity,
        name.start.clone(),
        name.path,
        Resolve::empty(),
    )?
    .parent()
}

/// The child `last` of `dir`, links unfollowed.
fn child_of(view: &FsView, identity: &Identity, dir: &Path, last: &[u8]) -> Result<Path> {
    identity.check_search(dir.node())?;
    let place = Path {
        mount: dir.mount.clone(),
        dentry: dir.dentry.child(last)?,
    };
    Ok(view.namespace.cross(place))
}

/// Makes a node under a new name.
pub fn make(
    view: &FsView,
    identity: &Identity,
    name: &Name<'_>,
    what: NewKind<'_>,
    mode: u32,
) -> Result<Path> {
    let Parent {
        dir,
        last,
        trailing_slash,
    } = parent_of(view, identity, name)?;
    let Last::Name(last) = last else {
        return Err(Errno::EEXIST);
    };
    if !dir.node().is_dir() {
        return Err(Errno::ENOTDIR);
    }
    match child_of(view, identity, &dir, &last) {
        Ok(_) => return Err(Errno::EEXIST),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(error),
    }
    let kind = what.kind();
    if trailing_slash && !kind.is_dir() {
        return Err(Errno::ENOENT);
    }
    identity.check_confined(&dir, landlock::making(kind))?;
    check_create(identity, &dir)?;
    let (mode, uid, gid) = identity.for_new(dir.node(), kind, mode)?;
    let names = dir.dentry.lock_names()?;
    let node = dir.node().inode().create(
        &last,
        &NewNode {
            what,
            mode,
            uid,
            gid,
        },
    )?;
    let dentry = dir.dentry.created(&last, node)?;
    drop(names);
    inotify::notify_name(dir.node(), &last, Mask::CREATE, kind.is_dir(), 0);
    Ok(Path {
        mount: dir.mount,
        dentry,
    })
}

fn check_create(identity: &Identity, dir: &Path) -> Result {
    dir.mount.check_writable()?;
    if dir.dentry.is_removed() {
        return Err(Errno::ENOENT);
    }
    identity.check_node(dir.node(), Access::WRITE | Access::EXEC)
}

/// Gives `target` a further name.
pub fn link(view: &FsView, identity: &Identity, target: &Path, name: &Name<'_>) -> Result {
    let Parent {
        dir,
        last,
        trailing_slash,
    } = parent_of(view, identity, name)?;
    let Last::Name(last) = last else {
        return Err(Errno::EEXIST);
    };
    match child_of(view, identity, &dir, &last) {
        Ok(_) => return Err(Errno::EEXIST),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(error),
    }
    if trailing_slash {
        return Err(Errno::ENOENT);
    }
    if !Arc::ptr_eq(&dir.mount, &target.mount) {
        return Err(Errno::EXDEV);
    }
    if let Some(domain) = &identity.domain {
        let parent = target.dentry.parent();
        domain.check_move(&Move {
            from_dir: &Path {
                mount: target.mount.clone(),
                dentry: parent.unwrap_or_else(|| target.dentry.clone()),
            },
            old: target,
            to_dir: &dir,
            new: None,
            removes: false,
            exchanges: false,
        })?;
    }
    check_create(identity, &dir)?;
    if target.node().is_dir() {
        return Err(Errno::EPERM);
    }
    if target.dentry.is_removed() && target.node().attributes()?.nlink == 0 {
        return Err(Errno::ENOENT);
    }
    let names = dir.dentry.lock_names()?;
    dir.node().inode().link(&last, target.node())?;
    dir.dentry.created(&last, target.node().clone())?;
    drop(names);
    inotify::notify_name(dir.node(), &last, Mask::CREATE, false, 0);
    inotify::notify_self(target.node(), Mask::ATTRIB);
    Ok(())
}

/// Takes the name of anything but a directory.
pub fn unlink(view: &FsView, identity: &Identity, name: &Name<'_>) -> Result {
    let Parent {
        dir,
        last,
        trailing_slash,
    } = parent_of(view, identity, name)?;
    let Last::Name(last) = last else {
        return Err(Errno::EISDIR);
    };
    let names = dir.dentry.lock_names()?;
    let place = child_of(view, identity, &dir, &last)?;
    let node = place.node();
    if trailing_slash {
        return Err(if node.is_dir() {
            Errno::EISDIR
        } else {
            Errno::ENOTDIR
        });
    }
    dir.mount.check_writable()?;
    identity.check_confined(&dir, landlock::removing(node.kind()))?;
    identity.check_delete(dir.node(), node)?;
    if node.is_dir() {
        return Err(Errno::EISDIR);
    }
    if !Arc::ptr_eq(&place.mount, &dir.mount) {
        return Err(Errno::EBUSY);
    }
    dir.node().inode().unlink(&last, node)?;
    dir.dentry.forget_child(&last);
    drop(names);
    inotify::notify_name(dir.node(), &last, Mask::DELETE, false, 0);
    inotify::notify_self(node, Mask::ATTRIB);
    if node
        .attributes()
        .is_ok_and(|attributes| attributes.nlink == 0)
    {
        inotify::notify_self(node, Mask::DELETE_SELF);
    }
    Ok(())
}

pub fn rmdir(view: &FsView, identity: &Identity, name: &Name<'_>) -> Result {
    let Parent { dir, last, .. } = parent_of(view, identity, name)?;
    let last = match last {
        Last::Name(last) => last,
        Last::Dot => return Err(Errno::EINVAL),
        Last::DotDot => return Err(Errno::ENOTEMPTY),
        Last::Root => return Err(Errno::EBUSY),
    };
    let _shape = shape_of(&dir).lock_killable()?;
    let names = dir.dentry.lock_names()?;
    let place = child_of(view, identity, &dir, &last)?;
    dir.mount.check_writable()?;
    identity.check_confined(&dir, Rights::REMOVE_DIR)?;
    identity.check_delete(dir.node(), place.node())?;
    if !place.node().is_dir() {
        return Err(Errno::ENOTDIR);
    }
    if !Arc::ptr_eq(&place.mount, &dir.mount) || place.dentry.is_covered() {
        return Err(Errno::EBUSY);
    }
    dir.node().inode().rmdir(&last, place.node())?;
    dir.dentry.forget_child(&last);
    drop(names);
    inotify::notify_name(dir.node(), &last, Mask::DELETE, true, 0);
    inotify::notify_self(place.node(), Mask::DELETE_SELF);
    Ok(())
}

pub fn rename(
    view: &FsView,
    identity: &Identity,
    from: &Name<'_>,
    to: &Name<'_>,
    flags: RenameFlags,
) -> Result {
    let others = RenameFlags::NOREPLACE | RenameFlags::WHITEOUT;
    if flags.contains(RenameFlags::EXCHANGE) && flags.intersects(others) {
        return Err(Errno::EINVAL);
    }
    let from = parent_of(view, identity, from)?;
    let to = parent_of(view, identity, to)?;
    if !Arc::ptr_eq(&from.dir.mount, &to.dir.mount) {
        return Err(Errno::EXDEV);
    }
    let Last::Name(name) = &from.last else {
        return Err(Errno::EBUSY);
    };
    let Last::Name(to_name) = &to.last else {
        let exists = flags.contains(RenameFlags::NOREPLACE);
        return Err(if exists { Errno::EEXIST } else { Errno::EBUSY });
    };
    from.dir.mount.check_writable()?;
    let _shape = shape_of(&from.dir).lock_killable()?;
    let (first, second) = match from.dir.node().id().cmp(&to.dir.node().id()) {
        core::cmp::Ordering::Equal => (&from.dir, None),
        core::cmp::Ordering::Less => (&from.dir, Some(&to.dir)),
        core::cmp::Ordering::Greater => (&to.dir, Some(&from.dir)),
    };
    let names = (
        first.dentry.lock_names()?,
        second
            .map(|dir| dir.dentry.lock_names_second())
            .transpose()?,
    );
    let old = child_of(view, identity, &from.dir, name)?;
    let new = match child_of(view, identity, &to.dir, to_name) {
        Ok(place) => Some(place),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error),
    };
    if new.is_some() && flags.contains(RenameFlags::NOREPLACE) {
        return Err(Errno::EEXIST);
    }
    let exchange = flags.contains(RenameFlags::EXCHANGE);
    if exchange && new.is_none() {
        return Err(Errno::ENOENT);
    }
    let is_dir = old.node().is_dir();
    if !is_dir && (from.trailing_slash || (to.trailing_slash && !exchange)) {
        return Err(Errno::ENOTDIR);
    }
    if old.dentry.contains(&to.dir.dentry) {
        return Err(Errno::EINVAL);
    }
    if let Some(new) = &new
        && new.dentry.contains(&from.dir.dentry)
    {
        return Err(if exchange {
            Errno::EINVAL
        } else {
            Errno::ENOTEMPTY
        });
    }
    if let Some(domain) = &identity.domain {
        domain.check_move(&Move {
            from_dir: &from.dir,
            old: &old,
            to_dir: &to.dir,
            new: new.as_ref(),
            removes: true,
            exchanges: exchange,
        })?;
    }
    if let Some(new) = &new
        && new.node() == old.node()
    {
        return Ok(());
    }
    identity.check_delete(from.dir.node(), old.node())?;
    match &new {
        Some(new) => {
            identity.check_delete(to.dir.node(), new.node())?;
            if !exchange && is_dir && !new.node().is_dir() {
                return Err(Errno::ENOTDIR);
            }
            if !exchange && !is_dir && new.node().is_dir() {
                return Err(Errno::EISDIR);
            }
        }
        None => check_create(identity, &to.dir)?,
    }
    let covered = |place: &Path, dir: &Path| {
        !Arc::ptr_eq(&place.mount, &dir.mount) || place.dentry.is_covered()
    };
    if covered(&old, &from.dir) || new.as_ref().is_some_and(|new| covered(new, &to.dir)) {
        return Err(Errno::EBUSY);
    }
    // A directory that changes its parent has its ".." rewritten.
    if is_dir && !Arc::ptr_eq(&from.dir.dentry, &to.dir.dentry) {
        identity.check_node(old.node(), Access::WRITE)?;
    }
    let replaced = new.as_ref().map(Path::node);
    let whiteout = if flags.contains(RenameFlags::WHITEOUT) {
        Some(whiteout(identity, from.dir.node())?)
    } else {
        None
    };
    from.dir.node().inode().rename(
        name,
        old.node(),
        NewName {
            dir: to.dir.node(),
            name: to_name,
            replaced,
        },
        whiteout.as_ref(),
        flags,
    )?;
    match &new {
        Some(new) if exchange => crate::fs::dentry::Dentry::exchanged(
            (&from.dir.dentry, name, &old.dentry),
            (&to.dir.dentry, to_name, &new.dentry),
        ),
        _ => from
            .dir
            .dentry
            .moved(name, &old.dentry, &to.dir.dentry, to_name),
    }
    drop(names);
    let cookie = inotify::next_cookie();
    inotify::notify_name(from.dir.node(), name, Mask::MOVED_FROM, is_dir, cookie);
    inotify::notify_name(to.dir.node(), to_name, Mask::MOVED_TO, is_dir, cookie);
    inotify::notify_self(old.node(), Mask::MOVE_SELF);
    if let Some(new) = new
        && !exchange
    {
        inotify::notify_self(new.node(), Mask::DELETE_SELF);
    }
    Ok(())
}

/// What stays in the old place of what was renamed with RENAME_WHITEOUT: everybody may make it.
fn whiteout(identity: &Identity, dir: &Node) -> Result<NewNode<'static>> {
    let (mode, uid, gid) = identity.for_new(dir, NodeKind::CharDevice, 0)?;
    Ok(NewNode {
        what: NewKind::CharDevice(DeviceNumber::default()),
        mode,
        uid,
        gid,
    })
}

/// The kinds of node that mknod(2) makes.
pub fn mknod_kind(mode: u32, device: u64, identity: &Identity) -> Result<NewKind<'static>> {
    use crate::linux::general as raw;
    // The system call has 12 bits of major and 20 of minor number.
    let number = DeviceNumber(device & 0xffff_ffff);
    if mode & raw::S_IFMT == 0 {
        return Ok(NewKind::Regular);
    }
    Ok(match NodeKind::from_mode(mode).ok_or(Errno::EINVAL)? {
        NodeKind::Regular => NewKind::Regular,
        NodeKind::Fifo => NewKind::Fifo,
        NodeKind::Socket => NewKind::Socket,
        NodeKind::Directory => return Err(Errno::EPERM),
        NodeKind::Symlink => return Err(Errno::EINVAL),
        // Overlay file systems' whiteout: allowed to everybody.
        NodeKind::CharDevice if number.0 == 0 => NewKind::CharDevice(number),
        NodeKind::CharDevice | NodeKind::BlockDevice if !identity.makes_devices => {
            return Err(Errno::EPERM);
        }
        NodeKind::CharDevice => NewKind::CharDevice(number),
        NodeKind::BlockDevice => NewKind::BlockDevice(number),
    })
}
