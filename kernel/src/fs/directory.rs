//! An open directory: what getdents64 reads.
//!
//! The cursor is 0 before ".", 1 before "..", 2 before the file system's own entries, and from
//! then on the file system's position.

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::namespace::Path;
use crate::fs::node::{Node, NodeKind};
use crate::fs::open::OpenFile;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission::Room;

/// The open file of a directory.
pub struct Directory {
    node: Arc<Node>,
}

/// Bytes of one entry before its name: d_ino, d_off, d_reclen, d_type.
const HEADER: usize = 19;
/// Entries are gathered in the kernel, as the file system's lock does not allow a fault.
const BUFFER_MAX: usize = 32 << 10;

impl Directory {
    #[must_use]
    pub fn new(node: Arc<Node>) -> Directory {
        Directory { node }
    }

    /// Entries from `cursor` on, as linux_dirent64s of at most `room` bytes; and the cursor after
    /// them. EINVAL when not even one fits.
    pub fn read_entries(&self, path: &Path, cursor: u64, room: usize) -> Result<(Vec<u8>, u64)> {
        let room = room.min(BUFFER_MAX);
        let mut out = Vec::new();
        out.room_exact(room)?;
        let mut at = cursor;
        let mut full = false;
        if at == 0 {
            let ino = self.node.attributes()?.ino;
            full |= !push(&mut out, room, ino, 1, NodeKind::Directory, b".");
            if !full {
                at = 1;
            }
        }
        if at == 1 && !full {
            let parent = path.dentry.parent().unwrap_or_else(|| path.dentry.clone());
            let ino = parent.node().attributes()?.ino;
            full |= !push(&mut out, room, ino, 2, NodeKind::Directory, b"..");
            if !full {
                at = 2;
            }
        }
        if at >= 2 && !full {
            let from = if at == 2 { 0 } else { at };
            self.node.inode().read_dir(from, &mut |entry| {
                if push(
                    &mut out, room, entry.ino, entry.next, entry.kind, entry.name,
                ) {
                    at = entry.next;
                    true
                } else {
                    full = true;
                    false
                }
            })?;
        }
        if full && out.is_empty() {
            return Err(Errno::EINVAL);
        }
        Ok((out, at))
    }
}

/// Appends one entry if there is room; the vector's capacity was reserved.
fn push(out: &mut Vec<u8>, room: usize, ino: u64, next: u64, kind: NodeKind, name: &[u8]) -> bool {
    let size = (HEADER + name.len() + 1).next_multiple_of(8);
    if out.len() + size > room {
        return false;
    }
    let at = out.len();
    // The name's NUL, and the rest of eight bytes, stay zero.
    out.resize(at + size, 0);
    let entry = &mut out[at..];
    entry[..8].copy_from_slice(&ino.to_ne_bytes());
    entry[8..16].copy_from_slice(&next.to_ne_bytes());
    entry[16..18].copy_from_slice(&(size as u16).to_ne_bytes());
    entry[18] = kind.dirent_type();
    entry[HEADER..HEADER + name.len()].copy_from_slice(name);
    true
}

/// getdents64's kernel half: entries at the description's cursor.
pub fn next_entries(open: &OpenFile, room: usize) -> Result<Vec<u8>> {
    let directory = open.downcast::<Directory>().ok_or(Errno::ENOTDIR)?;
    let path = open.path().ok_or(Errno::ENOTDIR)?;
    if path.dentry.is_removed() {
        return Err(Errno::ENOENT);
    }
    let mut cursor = open.cursor().lock();
    let (entries, next) = directory.read_entries(path, *cursor, room)?;
    *cursor = next;
    Ok(entries)
}

impl File for Directory {
    fn read(&self, _io: crate::file::Io, _dst: &mut crate::uio::Dest<'_>) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn sync(&self, _data_only: bool) -> Result {
        self.node.inode().sync()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
