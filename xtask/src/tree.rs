//! The guest's files, gathered from host files, host folders and generated contents before they are
//! written as an archive.
//!
//! Paths are the guest's. A path through a symbolic link lands where the guest's kernel would take
//! it: with Debian's `/bin -> usr/bin` in the tree, `/bin/foo` is put at `/usr/bin/foo`, whichever
//! of the two came first. Later additions replace earlier ones.

use crate::archive::{Links, Owner, Writer};
use anyhow::{Context, Result, bail};
use rustix::process::{getegid, geteuid};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::BufWriter;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// The files of a guest.
#[derive(Default)]
pub struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
}

struct Node {
    owner: Owner,
    kind: Kind,
}

enum Kind {
    Directory,
    Symlink(OsString),
    /// A host file, with the identity of those that have several names.
    Host {
        path: PathBuf,
        size: u64,
        shared: Option<(u64, u64)>,
    },
    Bytes(Vec<u8>),
}

impl Tree {
    /// Puts a file with these contents.
    pub fn bytes(&mut self, path: impl AsRef<Path>, mode: u32, bytes: Vec<u8>) -> Result<()> {
        let owner = Owner {
            mode,
            ..Owner::default()
        };
        self.insert(
            path.as_ref(),
            Node {
                owner,
                kind: Kind::Bytes(bytes),
            },
        )
    }

    /// Makes a directory be there.
    pub fn directory(&mut self, path: impl AsRef<Path>, mode: u32) -> Result<()> {
        let owner = Owner {
            mode,
            ..Owner::default()
        };
        self.insert(
            path.as_ref(),
            Node {
                owner,
                kind: Kind::Directory,
            },
        )
    }

    /// Puts a symbolic link, unless something has that name already.
    pub fn link_if_absent(&mut self, path: impl AsRef<Path>, target: &str) -> Result<()> {
        let path = self.resolve(path.as_ref())?;
        if self.nodes.contains_key(&path) {
            return Ok(());
        }
        let kind = Kind::Symlink(target.into());
        self.insert(
            &path,
            Node {
                owner: Owner::default(),
                kind,
            },
        )
    }

    /// Whether the guest has a file of that name, followed through links.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.follow(path.as_ref())
            .is_ok_and(|path| self.nodes.contains_key(&path))
    }

    /// Puts a host file or a whole folder. Links, modes and owners stay as they are; devices,
    /// sockets and pipes are left out.
    pub fn host(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let metadata =
            fs::symlink_metadata(host).with_context(|| format!("cannot add {}", host.display()))?;
        if !guest.is_absolute() {
            bail!("{}: a guest path begins with `/`", guest.display());
        }
        // Asked for by name, a link stands for what it points at.
        let metadata = if metadata.is_symlink() {
            fs::metadata(host)?
        } else {
            metadata
        };
        self.host_entry(host, guest, &metadata)
    }

    /// Puts what has a name on the host under that name, a link as a link.
    pub fn entry(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let metadata =
            fs::symlink_metadata(host).with_context(|| format!("cannot add {}", host.display()))?;
        self.host_entry(host, guest, &metadata)
    }

    fn host_entry(&mut self, host: &Path, guest: &Path, metadata: &Metadata) -> Result<()> {
        let kind = if metadata.is_dir() {
            Kind::Directory
        } else if metadata.is_symlink() {
            Kind::Symlink(fs::read_link(host)?.into_os_string())
        } else if metadata.is_file() {
            let shared = (metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()));
            Kind::Host {
                path: host.to_owned(),
                size: metadata.len(),
                shared,
            }
        } else {
            return Ok(());
        };
        self.insert(
            guest,
            Node {
                owner: owner_of(metadata, guest),
                kind,
            },
        )?;
        if metadata.is_dir() {
            let entries =
                fs::read_dir(host).with_context(|| format!("cannot read {}", host.display()))?;
            for entry in entries {
                let entry = entry?;
                self.host_entry(
                    &entry.path(),
                    &guest.join(entry.file_name()),
                    &entry.metadata()?,
                )?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &Path, node: Node) -> Result<()> {
        let path = self.resolve(path)?;
        if path == Path::new("/") {
            if !matches!(node.kind, Kind::Directory) {
                bail!("only a folder can be put at `/`");
            }
            self.nodes.insert(path, node);
            return Ok(());
        }
        self.make_parents(&path)?;
        let there = self.nodes.get(&path).map(|there| &there.kind);
        match (there, &node.kind) {
            // A folder merges into what a link points at, and takes nothing from a folder.
            (Some(Kind::Symlink(_)), Kind::Directory) => Ok(()),
            (Some(Kind::Directory), Kind::Directory) | (None, _) => {
                self.nodes.insert(path, node);
                Ok(())
            }
            (Some(Kind::Directory), Kind::Symlink(_)) => {
                let children = self.take_children(&path);
                self.nodes.insert(path, node);
                for (child, node) in children {
                    // Not replacing: what the link's target holds came with the link.
                    if !self.has(&child) {
                        self.insert(&child, node)?;
                    }
                }
                Ok(())
            }
            (Some(Kind::Directory), _) => bail!("{} is a folder already", path.display()),
            (Some(_), _) => {
                self.nodes.insert(path, node);
                Ok(())
            }
        }
    }

    fn make_parents(&mut self, path: &Path) -> Result<()> {
        for parent in path.ancestors().skip(1) {
            match self.nodes.get(parent).map(|node| &node.kind) {
                Some(Kind::Directory) => break,
                Some(_) => bail!("{} is no folder", parent.display()),
                None => {
                    let owner = Owner {
                        mode: 0o755,
                        ..Owner::default()
                    };
                    self.nodes.insert(
                        parent.to_owned(),
                        Node {
                            owner,
                            kind: Kind::Directory,
                        },
                    );
                }
            }
        }
        Ok(())
    }

    fn take_children(&mut self, folder: &Path) -> Vec<(PathBuf, Node)> {
        let names: Vec<PathBuf> = self
            .nodes
            .range(folder.to_owned()..)
            .map(|(path, _)| path)
            .skip(1)
            .take_while(|path| path.starts_with(folder))
            .cloned()
            .collect();
        names
            .into_iter()
            .filter_map(|name| self.nodes.remove_entry(&name))
            .collect()
    }

    /// The path with the links in it followed, except a last one.
    fn resolve(&self, path: &Path) -> Result<PathBuf> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(PathBuf::from("/"));
        };
        Ok(self.follow(parent)?.join(name))
    }

    /// The path with all links followed.
    fn follow(&self, path: &Path) -> Result<PathBuf> {
        let mut rest: Vec<OsString> = components(path);
        let mut place = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                place.pop();
                continue;
            }
            place.push(&name);
            if let Some(Kind::Symlink(target)) = self.nodes.get(&place).map(|node| &node.kind) {
                links += 1;
                if links > MOST_LINKS {
                    bail!("{}: links that lead to each other", path.display());
                }
                place.pop();
                if Path::new(target).is_absolute() {
                    place = PathBuf::from("/");
                }
                rest.extend(components(Path::new(target)));
            }
        }
        Ok(place)
    }

    /// Writes all of it as an archive, Ochre's own files first.
    pub fn write(&self, to: File) -> Result<()> {
        let mut inodes: HashMap<(u64, u64), Links> = HashMap::new();
        for node in self.nodes.values() {
            if let Kind::Host {
                shared: Some(key), ..
            } = node.kind
            {
                let inode = inodes.len() as u32 + 2;
                inodes.entry(key).or_insert(Links { inode, count: 0 }).count += 1;
            }
        }
        let mut writer = Writer::new(
            BufWriter::with_capacity(1 << 20, to),
            inodes.len() as u32 + 2,
        );
        let own = |path: &&PathBuf| path.starts_with("/ochre");
        let mut written = HashMap::new();
        for path in self
            .nodes
            .keys()
            .filter(own)
            .chain(self.nodes.keys().filter(|path| !own(path)))
        {
            self.nodes[path]
                .write(path, &mut writer, &inodes, &mut written)
                .with_context(|| format!("cannot archive {}", path.display()))?;
        }
        writer.finish()?;
        Ok(())
    }
}

impl Node {
    fn write<'a>(
        &'a self,
        path: &'a Path,
        writer: &mut Writer<BufWriter<File>>,
        inodes: &HashMap<(u64, u64), Links>,
        written: &mut HashMap<(u64, u64), &'a Path>,
    ) -> Result<()> {
        match &self.kind {
            Kind::Directory => writer.directory(path, self.owner)?,
            Kind::Symlink(target) => writer.symlink(path, target, self.owner)?,
            Kind::Bytes(bytes) => {
                writer.file(path, self.owner, None, bytes.len() as u64, &mut &bytes[..])?;
            }
            Kind::Host {
                path: host,
                size,
                shared,
            } => {
                let links = shared
                    .and_then(|key| inodes.get(&key))
                    .filter(|one| one.count > 1);
                if let (Some(links), Some(key)) = (links, shared)
                    && written.insert(*key, path).is_some()
                {
                    return Ok(writer.link(path, self.owner, *links)?);
                }
                let mut file =
                    File::open(host).with_context(|| format!("cannot read {}", host.display()))?;
                writer.file(path, self.owner, links.copied(), *size, &mut file)?;
            }
        }
        Ok(())
    }
}

/// Owner and mode in the guest. What an ordinary user owns on the host belongs to root in the
/// guest, as a user can't make files of root's; Ochre's own files belong to root always.
fn owner_of(metadata: &Metadata, guest: &Path) -> Owner {
    let (mut uid, mut gid) = (metadata.uid(), metadata.gid());
    let mine = !geteuid().is_root() && uid == geteuid().as_raw();
    if mine || guest.starts_with("/ochre") {
        uid = 0;
    }
    if (mine && gid == getegid().as_raw()) || guest.starts_with("/ochre") {
        gid = 0;
    }
    let mtime = u32::try_from(metadata.mtime()).unwrap_or(0);
    Owner {
        mode: metadata.mode() & 0o7777,
        uid,
        gid,
        mtime,
    }
}

/// The names of a path, last first.
fn components(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsStr::new("..").to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
