//! The mappings of an address space, told a few at a time: its lock is not held while somebody makes
//! something of them.

use super::mapping::{Backing, Flags, Name, ObjectName};
use super::object::MemoryObject;
use super::space::AddressSpace;
use crate::errno::Result;
use crate::fs::namespace::Path;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::{Room, append};
use ochre_hal::paging::Perms;

/// One mapping.
pub struct Row {
    pub start: usize,
    pub end: usize,
    pub perms: Perms,
    pub shared: bool,
    pub flags: Flags,
    /// What it shows, and from which byte on; of anonymous memory nothing, from 0.
    pub object: Option<Arc<MemoryObject>>,
    pub offset: u64,
    pub name: Shown,
}

/// What it is called.
pub enum Shown {
    Nothing,
    File(Path),
    Object(Arc<ObjectName>),
    Label(&'static str),
    /// Key and number of a shared memory segment.
    Segment(i32, i32),
}

impl From<&Name> for Shown {
    fn from(name: &Name) -> Shown {
        match name {
            Name::None => Shown::Nothing,
            Name::File(path) => Shown::File(path.clone()),
            Name::Object(name) => Shown::Object(name.clone()),
            Name::Label(label) => Shown::Label(label),
            Name::Segment(attachment) => {
                let (key, id) = attachment.name();
                Shown::Segment(key, id)
            }
        }
    }
}

impl Shown {
    /// Puts the name, as seen from `root`, at the end of `out`.
    pub fn write(&self, root: &Path, out: &mut Vec<u8>) -> Result {
        match self {
            Shown::Nothing => {}
            Shown::Object(name) => append(out, &name.text)?,
            Shown::Label(label) => append(out, label.as_bytes())?,
            Shown::Segment(key, _) => {
                append(out, format!("/SYSV{key:08x} (deleted)").as_bytes())?;
            }
            Shown::File(path) => {
                append(out, &path.name_from(root, usize::MAX)?.0)?;
                if path.dentry.is_removed() {
                    append(out, b" (deleted)")?;
                }
            }
        }
        Ok(())
    }
}

/// Rows taken from the space at a time.
pub const ROWS: usize = 64;

/// Some rows: of the mapping that holds the address `from`, and of those that follow.
pub fn rows(space: &AddressSpace, from: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    rows.room_exact(ROWS)?;
    let inner = space.lock();
    let first = inner.find(from).map_or(from, |mapping| mapping.start);
    for (_, mapping) in inner.maps.range(first..).take(ROWS) {
        let (object, offset) = match &mapping.backing {
            Backing::Anonymous => (None, 0),
            Backing::Object(object, offset) => (Some(object.object().clone()), *offset),
        };
        rows.push(Row {
            start: mapping.start,
            end: mapping.end,
            perms: mapping.perms,
            shared: mapping.shared,
            flags: mapping.flags,
            object,
            offset,
            name: Shown::from(&mapping.name),
        });
    }
    drop(inner);
    Ok(rows)
}
