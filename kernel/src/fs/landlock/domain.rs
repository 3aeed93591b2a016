//! A domain: layers of rules, each of which must let a right remain.
//!
//! A right remains at a place if, in every layer that handles it, a rule for the place or one of the
//! directories above it lets it remain. A file that is moved or linked into another directory must
//! not gain rights by it.

use super::ruleset::{Rules, Ruleset};
use super::{making, removing};
use crate::errno::{Errno, Result};
use crate::fs::namespace::Path;
use crate::fs::node::{Node, NodeKind};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use ochre_hal::admission::{self, Room};

bitflags! {
    /// LANDLOCK_ACCESS_FS_*.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Rights: u64 {
        const EXECUTE = 1 << 0;
        const WRITE_FILE = 1 << 1;
        const READ_FILE = 1 << 2;
        const READ_DIR = 1 << 3;
        const REMOVE_DIR = 1 << 4;
        const REMOVE_FILE = 1 << 5;
        const MAKE_CHAR = 1 << 6;
        const MAKE_DIR = 1 << 7;
        const MAKE_REG = 1 << 8;
        const MAKE_SOCK = 1 << 9;
        const MAKE_FIFO = 1 << 10;
        const MAKE_BLOCK = 1 << 11;
        const MAKE_SYM = 1 << 12;
        /// To move or link files between directories. Every layer takes it, handled or not.
        const REFER = 1 << 13;
        const TRUNCATE = 1 << 14;
    }
}

impl Rights {
    /// Those that mean something for what is no directory.
    pub const OF_FILES: Rights = Rights::EXECUTE
        .union(Rights::WRITE_FILE)
        .union(Rights::READ_FILE)
        .union(Rights::TRUNCATE);
}

/// LANDLOCK_MAX_NUM_LAYERS.
const LAYERS_MAX: usize = 16;
/// How many rights there are.
const RIGHTS: usize = 15;

/// One ruleset that a thread bound itself to.
pub struct Layer {
    handled: Rights,
    rules: Rules,
}

impl Layer {
    /// What this layer lets remain at `node` by itself: what it takes no notice of, too.
    fn rights_at(&self, node: &Node) -> Rights {
        self.rules.rights_at(node)
    }
}

pub struct Domain {
    layers: Vec<Arc<Layer>>,
}

/// For each right the layers, as bits, that have not let it remain yet.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Missing([u16; RIGHTS]);

impl Missing {
    /// Takes away what the layers let remain at `node`, as far as `rights` goes; true when none of
    /// `rights` is missing any more.
    fn grant(&mut self, domain: &Domain, node: &Node, rights: Rights) -> bool {
        for (number, layer) in domain.layers.iter().enumerate() {
            let granted = (layer.rights_at(node) & rights).bits();
            for (right, layers) in self.0.iter_mut().enumerate() {
                if granted & 1 << right != 0 {
                    *layers &= !(1 << number);
                }
            }
        }
        !self.lacks(rights)
    }

    fn lacks(&self, rights: Rights) -> bool {
        let bits = rights.bits();
        let mut missing = self.0.iter().enumerate();
        missing.any(|(right, &layers)| bits & 1 << right != 0 && layers != 0)
    }

    /// Forgets all but `rights`; true when none of them is missing.
    fn narrow(&mut self, rights: Rights) -> bool {
        for (right, layers) in self.0.iter_mut().enumerate() {
            if rights.bits() & 1 << right == 0 {
                *layers = 0;
            }
        }
        *self == Missing([0; RIGHTS])
    }

    /// Whether a child, at which `child` is missing, has nothing more in a directory where `to` is
    /// missing than in one where `from` is.
    fn gains_nothing(from: &Missing, child: &Missing, is_dir: bool, to: &Missing) -> bool {
        (0..RIGHTS).all(|right| {
            let matters = is_dir || Rights::OF_FILES.bits() & 1 << right != 0;
            !matters || from.0[right] & child.0[right] & !to.0[right] == 0
        })
    }
}

/// Calls `step` for the place and all directories above it, over mounts, until it is content; whether
/// it ever was.
fn upwards(place: &Path, mut step: impl FnMut(&Node) -> bool) -> bool {
    let mut at = place.clone();
    loop {
        if step(at.node()) {
            return true;
        }
        while at.is_mount_root() {
            match at.mount.point() {
                Some(point) => at = point,
                None => return false,
            }
        }
        match at.dentry.parent() {
            Some(parent) => at.dentry = parent,
            None => return false,
        }
    }
}

/// A file on its way to another directory.
pub struct Move<'a> {
    pub from_dir: &'a Path,
    pub old: &'a Path,
    pub to_dir: &'a Path,
    /// What is at the new name.
    pub new: Option<&'a Path>,
    /// The old name goes, and what was at the new one: a rename, not a link.
    pub removes: bool,
    /// What is at the new name comes to the old one.
    pub exchanges: bool,
}

impl Domain {
    /// `older`'s layers, and one of what `ruleset` says now.
    pub fn deeper(older: Option<&Arc<Domain>>, ruleset: &Ruleset) -> Result<Arc<Domain>> {
        let older = older.map_or(&[][..], |older| &older.layers);
        if older.len() >= LAYERS_MAX {
            return Err(Errno::E2BIG);
        }
        let rules = ruleset.rules()?;
        let mut layers = Vec::new();
        layers.room_exact(older.len() + 1)?;
        layers.extend_from_slice(older);
        admission::ask()?;
        layers.push(Arc::new(Layer {
            handled: ruleset.handled | Rights::REFER,
            rules,
        }));
        Ok(Arc::new(Domain { layers }))
    }

    /// Whether this is `other`, or came to be under it.
    #[must_use]
    pub fn descends_from(&self, other: &Domain) -> bool {
        self.layers.len() >= other.layers.len()
            && self
                .layers
                .iter()
                .zip(&other.layers)
                .all(|(a, b)| Arc::ptr_eq(a, b))
    }

    fn handled(&self) -> Rights {
        let all = self.layers.iter();
        all.fold(Rights::empty(), |all, layer| all | layer.handled)
    }

    /// What of `rights` the layers take, before any rule is looked at.
    fn missing(&self, rights: Rights) -> Missing {
        let mut missing = Missing([0; RIGHTS]);
        for (number, layer) in self.layers.iter().enumerate() {
            let taken = (layer.handled & rights).bits();
            for (right, layers) in missing.0.iter_mut().enumerate() {
                if taken & 1 << right != 0 {
                    *layers |= 1 << number;
                }
            }
        }
        missing
    }

    /// What of `rights` is missing at `place`.
    fn missing_at(&self, place: &Path, rights: Rights) -> Missing {
        let mut missing = self.missing(rights);
        if !missing.lacks(rights) {
            return missing;
        }
        if place.is_nameless() {
            return Missing([0; RIGHTS]);
        }
        upwards(place, |node| missing.grant(self, node, rights));
        missing
    }

    /// EACCES unless all of `rights` remain at `place`.
    pub fn check(&self, place: &Path, rights: Rights) -> Result {
        if self.missing_at(place, rights).lacks(rights) {
            Err(Errno::EACCES)
        } else {
            Ok(())
        }
    }

    /// As [`Domain::check`]; whether the right to truncate remains, too.
    pub fn check_open(&self, place: &Path, rights: Rights) -> Result<bool> {
        let missing = self.missing_at(place, rights | Rights::TRUNCATE);
        if missing.lacks(rights) {
            return Err(Errno::EACCES);
        }
        Ok(!missing.lacks(Rights::TRUNCATE))
    }

    /// EACCES, or EXDEV where copying instead may do, unless the file may be moved so.
    pub fn check_move(&self, moved: &Move<'_>) -> Result {
        let kind_of = |place: Option<&Path>| place.map(|place| place.node().kind());
        let (old_kind, new_kind) = (moved.old.node().kind(), kind_of(moved.new));
        let made = |kind: Option<NodeKind>| kind.map_or(Rights::empty(), making);
        let removed = |kind: Option<NodeKind>| match kind {
            Some(kind) if moved.removes => removing(kind),
            _ => Rights::empty(),
        };
        let mut at_from = removed(Some(old_kind));
        if moved.exchanges {
            at_from |= made(new_kind);
        }
        let mut at_to = made(Some(old_kind)) | removed(new_kind);
        if Arc::ptr_eq(&moved.from_dir.dentry, &moved.to_dir.dentry) {
            return self.check(moved.to_dir, at_from | at_to);
        }
        at_from |= Rights::REFER;
        at_to |= Rights::REFER;
        self.check_between(moved, at_from, at_to)
    }

    /// A move between two directories of one mount: `at_from` must remain at the one and `at_to` at
    /// the other, and neither file may gain.
    fn check_between(&self, moved: &Move<'_>, at_from: Rights, at_to: Rights) -> Result {
        let top = moved.to_dir.mount_root();
        let (mut from, allowed_from) = self.beneath(moved.from_dir, &top);
        let (mut to, allowed_to) = self.beneath(moved.to_dir, &top);
        if allowed_from && allowed_to {
            return Ok(());
        }
        let own = |place: &Path| {
            let mut missing = self.missing(Rights::all());
            missing.grant(self, place.node(), Rights::all());
            (missing, place.node().is_dir())
        };
        let (old, old_is_dir) = own(moved.old);
        let new = moved.new.filter(|_| moved.exchanges).map(own);
        // While all rights are compared; then only those that were asked for.
        let mut compares = true;
        let handled = self.handled();
        let allowed = upwards(&top, |node| {
            let gains_nothing = |from: &Missing, to: &Missing| {
                Missing::gains_nothing(from, &old, old_is_dir, to)
                    && new
                        .as_ref()
                        .is_none_or(|(new, is_dir)| Missing::gains_nothing(to, new, *is_dir, from))
            };
            if compares && gains_nothing(&from, &to) {
                let allowed = from.narrow(at_from);
                if to.narrow(at_to) && allowed {
                    return true;
                }
                compares = false;
            }
            let (for_from, for_to) = if compares {
                (handled, handled)
            } else {
                (at_from, at_to)
            };
            let allowed = from.grant(self, node, for_from);
            to.grant(self, node, for_to) && allowed
        });
        if allowed {
            return Ok(());
        }
        let lacks = |missing: &Missing, rights: Rights| missing.lacks(rights - Rights::REFER);
        if lacks(&from, at_from) || lacks(&to, at_to) {
            Err(Errno::EACCES)
        } else {
            Err(Errno::EXDEV)
        }
    }

    /// What is missing at `dir` by the rules for it and the directories above, up to `top`;
    /// true when nothing is.
    fn beneath(&self, dir: &Path, top: &Path) -> (Missing, bool) {
        let mut missing = self.missing(Rights::all());
        let handled = self.handled();
        let mut at = dir.clone();
        loop {
            if missing.grant(self, at.node(), handled) {
                return (missing, true);
            }
            match at.dentry.parent() {
                Some(parent) if at != *top => at.dentry = parent,
                _ => return (missing, false),
            }
        }
    }
}
