//! The boot archive (cpio, "newc" format) unpacked into the root file system.
//!
//! Data that begins on a page boundary of the archive is not copied: whole pages of it become the
//! file's pages, taken in place. The rest is copied. The archive's memory that nobody took is
//! free when it is dropped.

use crate::errno::{Errno, Result};
use crate::fs::access::Identity;
use crate::fs::context::FsView;
use crate::fs::names::{self, Name};
use crate::fs::namespace::Path;
use crate::fs::node::{AttributeChange, DeviceNumber, NewKind, NodeKind, Timestamp};
use crate::fs::path::Resolve;
use crate::fs::tmpfs::TmpInode;
use crate::uio::Source;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use ochre_hal::PAGE_SIZE;
use ochre_hal::boot::BootArchive;

const HEADER: usize = 110;
const MAGIC: &[u8] = b"070701";
/// As Linux: names with their NUL and padding fit a path.
const NAME_MAX: usize = 4096;
const TRAILER: &[u8] = b"TRAILER!!!";

/// What is wrong with an archive, and where.
#[derive(Debug)]
pub struct ArchiveError {
    /// Name of the entry, or of the last good one.
    pub entry: String,
    pub offset: usize,
    pub reason: Reason,
}

#[derive(Debug)]
pub enum Reason {
    /// It ends within an entry.
    Truncated,
    /// No header where one is due.
    BadMagic,
    /// A header's field is no hexadecimal number, or out of range.
    BadNumber,
    /// The file system refused.
    Refused(Errno),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entry, offset) = (&self.entry, self.offset);
        match &self.reason {
            Reason::Truncated => write!(f, "the archive ends within entry \"{entry}\""),
            Reason::BadMagic => {
                write!(
                    f,
                    "no cpio header at byte {offset}, after entry \"{entry}\""
                )
            }
            Reason::BadNumber => write!(f, "bad header at byte {offset}, entry \"{entry}\""),
            Reason::Refused(error) => write!(f, "entry \"{entry}\": {error:?}"),
        }
    }
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    pub entries: usize,
    /// Pages that became file contents in place.
    pub pages_in_place: usize,
    /// Bytes copied.
    pub copied: u64,
}

struct Header {
    ino: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    nlink: u32,
    mtime: u32,
    size: usize,
    device: DeviceNumber,
    name_size: usize,
}

impl Header {
    fn parse(bytes: &[u8; HEADER]) -> Result<Header, Reason> {
        if &bytes[..6] != MAGIC {
            return Err(Reason::BadMagic);
        }
        let field = |index: usize| {
            let digits = &bytes[6 + index * 8..14 + index * 8];
            let text = core::str::from_utf8(digits).map_err(|_| Reason::BadNumber)?;
            u32::from_str_radix(text, 16).map_err(|_| Reason::BadNumber)
        };
        Ok(Header {
            ino: field(0)?,
            mode: field(1)?,
            uid: field(2)?,
            gid: field(3)?,
            nlink: field(4)?,
            mtime: field(5)?,
            size: field(6)? as usize,
            device: DeviceNumber::new(field(9)?, field(10)?),
            name_size: field(11)? as usize,
        })
    }
}

struct Unpacker<'a> {
    archive: &'a BootArchive,
    view: &'a FsView,
    identity: Identity,
    /// Files with several names, by inode number.
    links: BTreeMap<u32, Path>,
    /// The directory of the entry before: neighbours share it mostly.
    last_dir: Option<(Vec<u8>, Path)>,
    summary: Summary,
}

/// Unpacks all of `archive` into the tree that `view` sees.
pub fn unpack(archive: &BootArchive, view: &FsView) -> Result<Summary, ArchiveError> {
    let mut unpacker = Unpacker {
        archive,
        view,
        identity: Identity::kernel(),
        links: BTreeMap::new(),
        last_dir: None,
        summary: Summary::default(),
    };
    let mut entry = Vec::new();
    let mut offset = 0;
    while let Some(start) = unpacker.next_header(offset) {
        offset = unpacker
            .entry(start, &mut entry)
            .map_err(|reason| ArchiveError {
                entry: String::from_utf8_lossy(&entry).into_owned(),
                offset: start,
                reason,
            })?;
    }
    Ok(unpacker.summary)
}

impl Unpacker<'_> {
    /// Where the next header begins: archives may follow each other, with zeros between.
    fn next_header(&self, mut offset: usize) -> Option<usize> {
        while offset < self.archive.len() {
            let mut word = [0; 4];
            self.archive.read(offset, &mut word);
            if word != [0; 4] {
                return Some(offset);
            }
            offset += 4;
        }
        None
    }

    /// Unpacks the entry at `start`; returns where it ends.
    fn entry(&mut self, start: usize, entry: &mut Vec<u8>) -> Result<usize, Reason> {
        let mut bytes = [0; HEADER];
        if self.archive.read(start, &mut bytes) < HEADER {
            return Err(Reason::Truncated);
        }
        let header = Header::parse(&bytes)?;
        if header.name_size == 0 || header.name_size > NAME_MAX {
            return Err(Reason::BadNumber);
        }
        let mut name = alloc::vec![0; header.name_size];
        if self.archive.read(start + HEADER, &mut name) < name.len() {
            return Err(Reason::Truncated);
        }
        // The name ends at its first NUL; further ones move the data to a page boundary.
        let len = name
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(Reason::BadNumber)?;
        name.truncate(len);
        let data = (start + HEADER + header.name_size).next_multiple_of(4);
        let end = data + header.size;
        if end > self.archive.len() {
            return Err(Reason::Truncated);
        }
        if name != TRAILER {
            entry.clone_from(&name);
            self.make(&header, &name, data).map_err(Reason::Refused)?;
            self.summary.entries += 1;
        } else {
            self.links.clear();
        }
        Ok(end.next_multiple_of(4))
    }

    /// The directory `path` is in, made if need be; and the last component.
    fn parent<'n>(&mut self, path: &'n [u8]) -> Result<(Path, &'n [u8])> {
        let (dir, last) = match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], path),
        };
        if let Some((known, place)) = &self.last_dir
            && known == dir
        {
            return Ok((place.clone(), last));
        }
        let mut place = self.view.root.clone();
        for part in dir
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
        {
            let resolve = Resolve::FOLLOW | Resolve::DIRECTORY;
            let found = self
                .view
                .lookup_at(&self.identity, place.clone(), part, resolve);
            place = match found {
                Err(Errno::ENOENT) => {
                    let name = Name {
                        start: place,
                        path: part,
                    };
                    names::make(self.view, &self.identity, &name, NewKind::Directory, 0o755)?
                }
                found => found?,
            };
        }
        self.last_dir = Some((dir.to_vec(), place.clone()));
        Ok((place, last))
    }

    fn make(&mut self, header: &Header, path: &[u8], data: usize) -> Result {
        let path = path.strip_prefix(b"./").unwrap_or(path);
        let path = path.strip_prefix(b"/").unwrap_or(path);
        if path.is_empty() || path == b"." {
            return Ok(());
        }
        let kind = NodeKind::from_mode(header.mode).ok_or(Errno::EINVAL)?;
        let (start, last) = self.parent(path)?;
        let name = Name {
            start: start.clone(),
            path: last,
        };
        let existing = self
            .view
            .lookup_at(&self.identity, start, last, Resolve::empty())
            .ok();
        let place = match (existing, kind) {
            // A directory that is there gets the entry's attributes; so does one behind a link,
            // as in a root with merged /usr.
            (Some(place), NodeKind::Directory) if place.node().is_dir() => place,
            (Some(place), NodeKind::Directory) if place.node().kind() == NodeKind::Symlink => {
                return Ok(());
            }
            (existing, _) => {
                // The later of two entries wins, as on Linux.
                if existing.is_some() {
                    names::unlink(self.view, &self.identity, &name)?;
                }
                let linked = self
                    .links
                    .get(&header.ino)
                    .filter(|_| header.nlink > 1)
                    .cloned();
                match linked {
                    Some(target) if kind == NodeKind::Regular => {
                        names::link(self.view, &self.identity, &target, &name)?;
                        target
                    }
                    _ => self.make_new(header, &name, kind, data)?,
                }
            }
        };
        if kind == NodeKind::Regular {
            if header.nlink > 1 {
                self.links.insert(header.ino, place.clone());
            }
            if header.size > 0 {
                self.fill(&place, data, header.size)?;
            }
        }
        let time = Timestamp(i64::from(header.mtime) * 1_000_000_000);
        place.node().inode().set_attributes(&AttributeChange {
            mode: (kind != NodeKind::Symlink).then_some(header.mode & 0o7777),
            uid: Some(header.uid),
            gid: Some(header.gid),
            atime: Some(time),
            mtime: Some(time),
            ..Default::default()
        })
    }

    fn make_new(
        &mut self,
        header: &Header,
        name: &Name<'_>,
        kind: NodeKind,
        data: usize,
    ) -> Result<Path> {
        let mut text = Vec::new();
        let what = match kind {
            NodeKind::Symlink => {
                if header.size > crate::fs::path::PATH_MAX {
                    return Err(Errno::ENAMETOOLONG);
                }
                text.resize(header.size, 0);
                self.archive.read(data, &mut text);
                NewKind::Symlink(&text)
            }
            NodeKind::Regular => NewKind::Regular,
            NodeKind::Directory => NewKind::Directory,
            NodeKind::CharDevice => NewKind::CharDevice(header.device),
            NodeKind::BlockDevice => NewKind::BlockDevice(header.device),
            NodeKind::Fifo => NewKind::Fifo,
            NodeKind::Socket => NewKind::Socket,
        };
        names::make(self.view, &self.identity, name, what, header.mode & 0o7777)
    }

    /// Gives the file its contents.
    fn fill(&mut self, place: &Path, data: usize, size: usize) -> Result {
        let inode = place.node().downcast::<TmpInode>().ok_or(Errno::EXDEV)?;
        let contents = inode.data().ok_or(Errno::EIO)?;
        let whole = if data.is_multiple_of(PAGE_SIZE) {
            size / PAGE_SIZE
        } else {
            0
        };
        let first = data / PAGE_SIZE;
        let frames = (first..first + whole).map_while(|index| self.archive.frame(index));
        contents.fill(frames, (whole * PAGE_SIZE) as u64)?;
        self.summary.pages_in_place += whole;
        // What follows the last whole page shares its page with the next entry: copied.
        let mut at = whole * PAGE_SIZE;
        let mut chunk = [0; 1024];
        while at < size {
            let n = (size - at).min(chunk.len());
            self.archive.read(data + at, &mut chunk[..n]);
            contents
                .object()
                .write(at as u64, &mut Source::kernel(&chunk[..n]))?;
            at += n;
            self.summary.copied += n as u64;
        }
        Ok(())
    }
}
