//! Landlock: a thread gives up, for itself and all it starts, what it doesn't need of the files.
//!
//! A [`Ruleset`](ruleset::Ruleset) says which rights it is about and beneath which files they remain.
//! Each one that a thread binds itself to becomes a [`Layer`](domain::Layer) of its
//! [`Domain`](domain::Domain), which only grows. Where there is none, a check is one comparison.
//!
//! Linux: Documentation/userspace-api/landlock.rst, version 3 of its ABI: files, with moves between
//! directories and truncation.

pub mod calls;
mod confinement;
mod domain;
mod ruleset;

pub use confinement::Confinement;
pub use domain::{Domain, Move, Rights};

use crate::errno::Result;
use crate::fs::access::Identity;
use crate::fs::namespace::Path;
use crate::fs::node::{NodeKind, OpenFlags};

/// LANDLOCK_CREATE_RULESET_VERSION's answer.
pub const VERSION: usize = 3;

impl Identity {
    /// EACCES unless all of `rights` remain at `place`.
    #[inline]
    pub fn check_confined(&self, place: &Path, rights: Rights) -> Result {
        match &self.domain {
            None => Ok(()),
            Some(domain) => domain.check(place, rights),
        }
    }

    /// As [`Identity::check_confined`], for opening with `flags`; whether what is opened may be
    /// truncated.
    #[inline]
    pub fn check_open(&self, place: &Path, flags: OpenFlags) -> Result<bool> {
        let Some(domain) = &self.domain else {
            return Ok(true);
        };
        let mut rights = Rights::empty();
        if flags.reads() {
            rights |= if place.node().is_dir() {
                Rights::READ_DIR
            } else {
                Rights::READ_FILE
            };
        }
        if flags.writes() {
            rights |= Rights::WRITE_FILE;
        }
        domain.check_open(place, rights)
    }
}

/// The right to make a file of this kind in a directory.
#[must_use]
pub fn making(kind: NodeKind) -> Rights {
    match kind {
        NodeKind::Regular => Rights::MAKE_REG,
        NodeKind::Directory => Rights::MAKE_DIR,
        NodeKind::Symlink => Rights::MAKE_SYM,
        NodeKind::CharDevice => Rights::MAKE_CHAR,
        NodeKind::BlockDevice => Rights::MAKE_BLOCK,
        NodeKind::Fifo => Rights::MAKE_FIFO,
        NodeKind::Socket => Rights::MAKE_SOCK,
    }
}

/// The right to take a file of this kind out of a directory.
#[must_use]
pub fn removing(kind: NodeKind) -> Rights {
    if kind.is_dir() {
        Rights::REMOVE_DIR
    } else {
        Rights::REMOVE_FILE
    }
}
