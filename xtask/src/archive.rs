//! The boot archive's format: cpio "newc", as Linux unpacks it, with one addition that Linux and
//! the cpio tool don't notice: the data of files of a page or more begins on a page boundary of the
//! archive, so that Ochre's kernel keeps those pages in place as the file's contents.
//!
//! The boundary is reached by ending the name in more NULs than one. A name has at most 4,096 bytes
//! (Linux's PATH_MAX); where that is too few, an entry for the root directory goes before, which is
//! there already and changes nothing.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const PAGE: u64 = 4096;
/// The header before each name: magic and thirteen numbers of eight hexadecimal digits.
const HEADER: u64 = 110;
/// The longest name with its NULs.
const LONGEST_NAME: u64 = 4096;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// What every entry has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Permission bits with set-id and sticky.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time in seconds since 1970.
    pub mtime: u32,
}

/// A file's identity where it has several names: equal numbers are one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The inode number; 0 lets the writer choose one.
    pub inode: u32,
    /// How many names the archive has for it.
    pub count: u32,
}

/// Writes an archive, front to back.
pub struct Writer<W> {
    to: W,
    offset: u64,
    next_inode: u32,
}

impl<W: Write> Writer<W> {
    /// Begins an archive. Inodes that the caller numbers itself must be below `first_inode`.
    pub fn new(to: W, first_inode: u32) -> Writer<W> {
        Writer {
            to,
            offset: 0,
            next_inode: first_inode.max(1),
        }
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &Path, owner: Owner) -> io::Result<()> {
        self.entry(path, DIRECTORY, owner, None, 0, false)
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &Path, target: &OsStr, owner: Owner) -> io::Result<()> {
        let target = target.as_bytes();
        let owner = Owner {
            mode: 0o777,
            ..owner
        };
        self.entry(path, SYMLINK, owner, None, target.len() as u64, false)?;
        self.write(target)?;
        self.pad()
    }

    /// Adds a file of `size` bytes of `data`: the first name of several, or the only one.
    pub fn file(
        &mut self,
        path: &Path,
        owner: Owner,
        links: Option<Links>,
        size: u64,
        data: &mut dyn Read,
    ) -> io::Result<()> {
        if size > u64::from(u32::MAX) {
            let message = format!("{} is larger than an archive's 4 GiB", path.display());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.entry(path, REGULAR, owner, links, size, size >= PAGE)?;
        // A file that shrinks or grows while it is read must not shift what follows.
        let copied = io::copy(&mut data.take(size), &mut self.to)?;
        let missing = size - copied;
        io::copy(&mut io::repeat(0).take(missing), &mut self.to)?;
        self.offset += size;
        self.pad()
    }

    /// Adds a further name of a file that is already in.
    pub fn link(&mut self, path: &Path, owner: Owner, links: Links) -> io::Result<()> {
        self.entry(path, REGULAR, owner, Some(links), 0, false)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.header(0, Owner::default(), Links { inode: 0, count: 1 }, 0, 11)?;
        self.write(b"TRAILER!!!\0")?;
        self.pad()?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn entry(
        &mut self,
        path: &Path,
        kind: u32,
        owner: Owner,
        links: Option<Links>,
        size: u64,
        aligned: bool,
    ) -> io::Result<()> {
        let path = path
            .strip_prefix("/")
            .unwrap_or(path)
            .as_os_str()
            .as_bytes();
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let shortest = name.len() as u64 + 1;
        if shortest > LONGEST_NAME || name.contains(&0) {
            let message = format!("{} is no possible path", String::from_utf8_lossy(name));
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, message));
        }
        let mut length = shortest;
        if aligned {
            if aligning(self.offset, shortest).is_none() {
                self.make_room(shortest)?;
            }
            length = aligning(self.offset, shortest).unwrap_or(shortest);
        }
        let links = links.unwrap_or_else(|| {
            self.next_inode += 1;
            Links {
                inode: self.next_inode,
                count: 1,
            }
        });
        self.header(kind, owner, links, size, length)?;
        self.write(name)?;
        self.zeros(length - name.len() as u64)?;
        self.pad()
    }

    /// Writes a directory entry for the root that ends where an entry can be aligned.
    fn make_room(&mut self, shortest: u64) -> io::Result<()> {
        let ends_well = |length: &u64| {
            let end = (self.offset + HEADER + length).next_multiple_of(4);
            aligning(end, shortest).is_some()
        };
        let length = (2..=LONGEST_NAME).find(ends_well).unwrap_or(2);
        let owner = Owner {
            mode: 0o755,
            ..Owner::default()
        };
        self.header(DIRECTORY, owner, Links { inode: 1, count: 2 }, 0, length)?;
        self.write(b".")?;
        self.zeros(length - 1)?;
        self.pad()
    }

    fn header(
        &mut self,
        kind: u32,
        owner: Owner,
        links: Links,
        size: u64,
        name: u64,
    ) -> io::Result<()> {
        let mode = if kind == 0 {
            0
        } else {
            kind | owner.mode & 0o7777
        };
        let Owner {
            uid, gid, mtime, ..
        } = owner;
        let Links { inode, count } = links;
        let header = format!(
            "070701{inode:08x}{mode:08x}{uid:08x}{gid:08x}{count:08x}{mtime:08x}{size:08x}\
             {:08x}{:08x}{:08x}{:08x}{name:08x}{:08x}",
            0, 0, 0, 0, 0
        );
        self.write(header.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(count), &mut self.to)?;
        self.offset += count;
        Ok(())
    }

    /// Headers and data begin on multiples of four.
    fn pad(&mut self) -> io::Result<()> {
        self.zeros(self.offset.next_multiple_of(4) - self.offset)
    }
}

/// The length of name with which an entry written at `offset` has its data on a page boundary.
/// Up to three bytes of the way are the padding that every name has.
fn aligning(offset: u64, shortest: u64) -> Option<u64> {
    let gap = PAGE - (offset + HEADER) % PAGE;
    [gap, gap + PAGE]
        .into_iter()
        .map(|gap| (gap, gap.min(LONGEST_NAME)))
        .find(|(gap, length)| gap - length <= 3 && *length >= shortest)
        .map(|(_, length)| length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Owner = Owner {
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 1,
    };

    /// Name, size and offset of data of each entry, read as the format's description says.
    fn entries(archive: &[u8]) -> Vec<(String, usize, usize)> {
        let number = |at: usize, field: usize| {
            let digits = &archive[at + 6 + field * 8..][..8];
            usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
        };
        let mut found = Vec::new();
        let mut at = 0;
        while at < archive.len() {
            assert_eq!(&archive[at..at + 6], b"070701", "a header at {at}");
            let (size, name_size) = (number(at, 6), number(at, 11));
            assert!(name_size <= 4096);
            let name = &archive[at + 110..at + 110 + name_size];
            assert_eq!(name.last(), Some(&0));
            let name = name.split(|byte| *byte == 0).next().unwrap();
            let data = (at + 110 + name_size).next_multiple_of(4);
            found.push((String::from_utf8(name.to_vec()).unwrap(), size, data));
            at = (data + size).next_multiple_of(4);
        }
        found
    }

    #[test]
    fn data_of_a_page_or_more_is_aligned_wherever_the_entry_falls() {
        for lead in (0..4200).step_by(52) {
            for length in [1, 100, 3000, 4000, 4095] {
                let mut writer = Writer::new(Vec::new(), 1);
                let (before, name) = ("a".repeat(lead % 200 + 1), "b".repeat(length));
                let filler = vec![1; lead];
                let path = Path::new(&before);
                writer
                    .file(path, PLAIN, None, lead as u64, &mut &filler[..])
                    .unwrap();
                let page = vec![2; 5000];
                writer
                    .file(Path::new(&name), PLAIN, None, 5000, &mut &page[..])
                    .unwrap();
                let archive = writer.finish().unwrap();
                let entries = entries(&archive);
                let (_, size, data) = entries
                    .iter()
                    .find(|entry| entry.0 == name)
                    .expect("the file is in");
                assert_eq!(
                    (data % 4096, *size),
                    (0, 5000),
                    "lead {lead}, name of {length}"
                );
                assert!(archive[*data..][..5000].iter().all(|byte| *byte == 2));
            }
        }
    }

    #[test]
    fn small_files_are_not_padded() {
        let mut writer = Writer::new(Vec::new(), 1);
        writer
            .file(Path::new("/a"), PLAIN, None, 3, &mut &b"abc"[..])
            .unwrap();
        let archive = writer.finish().unwrap();
        assert_eq!(archive.len(), 112 + 4 + 124);
    }

    #[test]
    fn a_file_that_shrank_does_not_shift_the_rest() {
        let mut writer = Writer::new(Vec::new(), 1);
        writer
            .file(Path::new("/a"), PLAIN, None, 9, &mut &b"abc"[..])
            .unwrap();
        writer.directory(Path::new("/d"), PLAIN).unwrap();
        let archive = writer.finish().unwrap();
        let names: Vec<_> = entries(&archive).into_iter().map(|entry| entry.0).collect();
        assert_eq!(names, ["a", "d", "TRAILER!!!"]);
    }
}
