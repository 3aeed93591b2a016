//! Name resolution: from a string to a place in the tree.
//!
//! The walk is a loop over components with its own stack of link texts (path_resolution(7)):
//! symbolic links, `..` over mount points, magic links of /proc, trailing slashes, and openat2's
//! restrictions. Nothing here holds a lock between two components.

use crate::errno::{Errno, Result};
use crate::fs::access::Identity;
use crate::fs::context::FsView;
use crate::fs::namespace::Path;
use crate::fs::node::NodeKind;
use alloc::vec::Vec;
use bitflags::bitflags;
use ochre_hal::admission::Room;

/// PATH_MAX without its NUL.
pub const PATH_MAX: usize = 4095;
pub const NAME_MAX: usize = 255;
/// Symbolic links followed in one resolution.
const LINKS_MAX: u32 = 40;

bitflags! {
    /// How to resolve.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Resolve: u32 {
        /// Follow a symbolic link that is the last component.
        const FOLLOW = 1;
        /// The result must be a directory.
        const DIRECTORY = 2;
        /// An empty path means the start itself (AT_EMPTY_PATH).
        const EMPTY = 4;
        const NO_SYMLINKS = 8;
        const NO_MAGIC_LINKS = 0x10;
        const NO_MOUNT_CROSSING = 0x20;
        const BENEATH = 0x40;
        const IN_ROOT = 0x80;
    }
}

/// The last component of a path whose parent was resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    Name(Vec<u8>),
    Dot,
    DotDot,
    /// The path was `/`, or empty with EMPTY.
    Root,
}

/// Where a walk for the parent ended.
pub struct Parent {
    pub dir: Path,
    pub last: Last,
    /// The path ended in a slash: the name must be a directory's.
    pub trailing_slash: bool,
}

/// A resolution under way.
pub struct Walk<'a> {
    view: &'a FsView,
    identity: &'a Identity,
    resolve: Resolve,
    at: Path,
    /// Where an absolute link starts, and what `..` cannot leave.
    root: Path,
    /// What is left to walk: the innermost link's rest last.
    rest: Vec<(Vec<u8>, usize)>,
    links: u32,
}

enum Step {
    Name(Vec<u8>),
    Dot,
    DotDot,
}

impl<'a> Walk<'a> {
    /// Starts at `start` (the root for absolute paths).
    pub fn new(
        view: &'a FsView,
        identity: &'a Identity,
        start: Path,
        path: &[u8],
        resolve: Resolve,
    ) -> Result<Walk<'a>> {
        if path.is_empty() && !resolve.contains(Resolve::EMPTY) {
            return Err(Errno::ENOENT);
        }
        let scoped = resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT);
        let root = if scoped {
            start.clone()
        } else {
            view.root.clone()
        };
        let at = match path.first() {
            Some(b'/') if resolve.contains(Resolve::BENEATH) => return Err(Errno::EXDEV),
            Some(b'/') => root.clone(),
            _ => start,
        };
        let mut text = Vec::new();
        text.room_exact(path.len())?;
        text.extend_from_slice(path);
        let mut rest = Vec::new();
        rest.room(4)?;
        rest.push((text, 0));
        Ok(Walk {
            view,
            identity,
            resolve,
            at,
            root,
            rest,
            links: 0,
        })
    }

    /// The next component, and whether only slashes (or nothing) follow it.
    fn next(&mut self) -> Result<Option<Step>> {
        loop {
            let Some((text, pos)) = self.rest.last_mut() else {
                return Ok(None);
            };
            while text.get(*pos) == Some(&b'/') {
                *pos += 1;
            }
            if *pos == text.len() {
                self.rest.pop();
                continue;
            }
            let end = text[*pos..]
                .iter()
                .position(|&b| b == b'/')
                .map_or(text.len(), |n| *pos + n);
            let component = &text[*pos..end];
            let step = match component {
                b"." => Step::Dot,
                b".." => Step::DotDot,
                name if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
                name => Step::Name(name.to_vec()),
            };
            *pos = end;
            return Ok(Some(step));
        }
    }

    /// Whether nothing but slashes is left; and whether there are any.
    fn at_end(&self) -> (bool, bool) {
        let mut slash = false;
        for (text, pos) in self.rest.iter().rev() {
            let left = &text[*pos..];
            if left.iter().any(|&b| b != b'/') {
                return (false, false);
            }
            slash |= !left.is_empty();
        }
        (true, slash)
    }

    fn enter_parent(&mut self) -> Result {
        loop {
            if self.at == self.root {
                if self.resolve.contains(Resolve::BENEATH) {
                    return Err(Errno::EXDEV);
                }
                return Ok(());
            }
            if self.at.is_mount_root() {
                let Some(point) = self.at.mount.point() else {
                    return Ok(());
                };
                if self.resolve.contains(Resolve::NO_MOUNT_CROSSING) {
                    return Err(Errno::EXDEV);
                }
                self.at = point;
                continue;
            }
            break;
        }
        if let Some(parent) = self.at.dentry.parent() {
            self.at.dentry = parent;
        }
        self.at = self.view.namespace.cross(self.at.clone());
        // Where we are may have been moved away from below the root, whom we then never meet.
        if self.is_scoped() && !self.at.is_within(&self.root) {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    fn is_scoped(&self) -> bool {
        self.resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT)
    }

    /// The place that `name` means in the directory we are at, links unfollowed.
    fn child(&self, name: &[u8]) -> Result<Path> {
        if !self.at.node().is_dir() {
            return Err(Errno::ENOTDIR);
        }
        self.identity.check_search(self.at.node())?;
        let dentry = self.at.dentry.child(name)?;
        let place = Path {
            mount: self.at.mount.clone(),
            dentry,
        };
        if !place.dentry.is_covered() {
            return Ok(place);
        }
        let crossed = self.view.namespace.cross(place.clone());
        if self.resolve.contains(Resolve::NO_MOUNT_CROSSING) && crossed != place {
            return Err(Errno::EXDEV);
        }
        Ok(crossed)
    }

    /// Goes where the link `link`, found in the directory we are at, leads: its text is what is
    /// walked next, or, for a magic link, we are there.
    pub fn follow(&mut self, link: &Path) -> Result {
        self.links += 1;
        if self.links > LINKS_MAX || self.resolve.contains(Resolve::NO_SYMLINKS) {
            return Err(Errno::ELOOP);
        }
        if let Some(target) = link.node().inode().magic_link() {
            if self
                .resolve
                .intersects(Resolve::NO_MAGIC_LINKS | Resolve::BENEATH | Resolve::IN_ROOT)
            {
                return Err(if self.resolve.contains(Resolve::NO_MAGIC_LINKS) {
                    Errno::ELOOP
                } else {
                    Errno::EXDEV
                });
            }
            self.at = target?;
            return Ok(());
        }
        let text = link.node().inode().read_link()?;
        if text.is_empty() {
            return Err(Errno::ENOENT);
        }
        if text.len() > PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        if text[0] == b'/' {
            if self.resolve.contains(Resolve::BENEATH) {
                return Err(Errno::EXDEV);
            }
            self.at = self.root.clone();
        }
        self.rest.room(1)?;
        self.rest.push((text, 0));
        Ok(())
    }

    /// Resolves all.
    pub fn finish(mut self) -> Result<Path> {
        let mut must_be_dir = self.resolve.contains(Resolve::DIRECTORY);
        while let Some(step) = self.next()? {
            match step {
                Step::Dot | Step::DotDot if !self.at.node().is_dir() => {
                    return Err(Errno::ENOTDIR);
                }
                Step::Dot => self.identity.check_search(self.at.node())?,
                Step::DotDot => {
                    self.identity.check_search(self.at.node())?;
                    self.enter_parent()?;
                }
                Step::Name(name) => {
                    let child = self.child(&name)?;
                    let (last, slash) = self.at_end();
                    must_be_dir |= last && slash;
                    if child.node().kind() == NodeKind::Symlink
                        && (!last || slash || self.resolve.contains(Resolve::FOLLOW))
                    {
                        self.follow(&child)?;
                    } else {
                        self.at = child;
                    }
                }
            }
        }
        if must_be_dir && !self.at.node().is_dir() {
            return Err(Errno::ENOTDIR);
        }
        Ok(self.at)
    }

    /// Resolves all but the last component. May be called again after [`Walk::follow`].
    pub fn parent(&mut self) -> Result<Parent> {
        loop {
            let Some(step) = self.next()? else {
                return Ok(Parent {
                    dir: self.at.clone(),
                    last: Last::Root,
                    trailing_slash: false,
                });
            };
            if !self.at.node().is_dir() {
                return Err(Errno::ENOTDIR);
            }
            let (last, slash) = self.at_end();
            if last {
                self.identity.check_search(self.at.node())?;
                let last = match step {
                    Step::Dot => Last::Dot,
                    Step::DotDot => Last::DotDot,
                    Step::Name(name) => Last::Name(name),
                };
                return Ok(Parent {
                    dir: self.at.clone(),
                    last,
                    trailing_slash: slash,
                });
            }
            match step {
                Step::Dot => self.identity.check_search(self.at.node())?,
                Step::DotDot => {
                    self.identity.check_search(self.at.node())?;
                    self.enter_parent()?;
                }
                Step::Name(name) => {
                    let child = self.child(&name)?;
                    if child.node().kind() == NodeKind::Symlink {
                        self.follow(&child)?;
                    } else {
                        self.at = child;
                    }
                }
            }
        }
    }

    /// What the last component, found by [`Walk::parent`], means, links unfollowed.
    pub fn last_child(&self, name: &[u8]) -> Result<Path> {
        self.child(name)
    }

    /// Resolves a last component that is no plain name.
    pub fn finish_dots(mut self, last: &Last) -> Result<Path> {
        match last {
            Last::DotDot => self.enter_parent()?,
            Last::Dot | Last::Root | Last::Name(_) => {}
        }
        Ok(self.at)
    }

    /// Where the walk stands.
    #[must_use]
    pub fn here(&self) -> &Path {
        &self.at
    }
}
