//! Directories of fixed names, built once.

use super::attributes;
use super::text::Text;
use crate::errno::{Errno, Result};
use crate::fs::node::{Attributes, DirEntry, Inode, Node, NodeKind, StatFs};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

enum Item {
    Node(Arc<Node>),
    Directory(Tree),
}

/// A directory under construction.
#[derive(Default)]
pub struct Tree {
    items: BTreeMap<Box<str>, Item>,
}

pub fn next_ino() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x1_0000_0000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Tree {
    #[must_use]
    pub fn new() -> Tree {
        Tree::default()
    }

    /// The directory that `path` is in, and its last component.
    fn place<'p>(&mut self, path: &'p str) -> (&mut Tree, &'p str) {
        match path.split_once('/') {
            None => (self, path),
            Some((first, rest)) => self.directory(first).place(rest),
        }
    }

    /// The directory `name`, made if it is new.
    pub fn directory(&mut self, path: &str) -> &mut Tree {
        if let Some((first, rest)) = path.split_once('/') {
            return self.directory(first).directory(rest);
        }
        let item = self
            .items
            .entry(Box::from(path))
            .or_insert_with(|| Item::Directory(Tree::new()));
        if let Item::Node(_) = item {
            *item = Item::Directory(Tree::new());
        }
        match item {
            Item::Directory(tree) => tree,
            Item::Node(_) => unreachable!("replaced just above"),
        }
    }

    /// A file at `path`, below this directory.
    pub fn file(&mut self, path: &str, make: impl Fn() -> Vec<u8> + Send + Sync + 'static) {
        let (tree, name) = self.place(path);
        let node = Text::new(next_ino(), Box::new(move || Ok(make()))).node();
        tree.items.insert(Box::from(name), Item::Node(node));
    }

    /// A file that always says the same.
    pub fn fixed(&mut self, path: &str, text: impl Into<Vec<u8>>) {
        let text: Vec<u8> = text.into();
        self.file(path, move || text.clone());
    }

    /// A file of a kind of its own: that takes writes, say.
    pub fn writable(&mut self, path: &str, text: Text) {
        let (tree, name) = self.place(path);
        tree.items.insert(Box::from(name), Item::Node(text.node()));
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, text: impl Fn() -> Vec<u8> + Send + Sync + 'static) {
        let (tree, name) = self.place(path);
        let link = Link {
            ino: next_ino(),
            text: Box::new(text),
        };
        tree.items.insert(
            Box::from(name),
            Item::Node(Node::new(NodeKind::Symlink, link)),
        );
    }

    #[must_use]
    pub fn build(self) -> Arc<Node> {
        let entries = self
            .items
            .into_iter()
            .map(|(name, item)| match item {
                Item::Node(node) => (name, node),
                Item::Directory(tree) => (name, tree.build()),
            })
            .collect();
        Node::new(
            NodeKind::Directory,
            Directory {
                ino: next_ino(),
                entries,
            },
        )
    }
}

struct Link {
    ino: u64,
    text: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
}

impl Inode for Link {
    fn attributes(&self) -> Result<Attributes> {
        Ok(attributes(self.ino, NodeKind::Symlink, 0o777, 0, 0))
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        Ok((self.text)())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Directory {
    ino: u64,
    /// Sorted by name.
    entries: Vec<(Box<str>, Arc<Node>)>,
}

impl Inode for Directory {
    fn attributes(&self) -> Result<Attributes> {
        Ok(attributes(self.ino, NodeKind::Directory, 0o555, 0, 0))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        let found = self
            .entries
            .binary_search_by(|(known, _)| known.as_bytes().cmp(name));
        found
            .map(|at| self.entries[at].1.clone())
            .map_err(|_| Errno::ENOENT)
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        // Position 3 is the first entry.
        let first = usize::try_from(from.saturating_sub(3)).unwrap_or(usize::MAX);
        for (at, (name, node)) in self.entries.iter().enumerate().skip(first) {
            let ino = node.attributes()?.ino;
            let name = name.as_bytes();
            if !emit(DirEntry {
                ino,
                kind: node.kind(),
                name,
                next: at as u64 + 4,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(super::stat_fs())
    }

    fn caches_names(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
