//! The names of /sys.
//!
//! Invariants: every entry but the root is listed in its directory, and directories are made with
//! what is put into them. A node's number follows from its path, so that the next process of this
//! server goes on where a dead one stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Directory(BTreeSet<String>),
    Attribute(Arc<[u8]>),
    Link(String),
}

/// See the module's header. Paths begin with a slash and are relative to /sys; the root is empty.
#[derive(Debug)]
pub struct Tree {
    nodes: BTreeMap<u64, (String, Node)>,
}

impl Default for Tree {
    fn default() -> Tree {
        let root = (String::new(), Node::Directory(BTreeSet::new()));
        Tree {
            nodes: BTreeMap::from([(number(""), root)]),
        }
    }
}

/// The number of the node at `path`: 0 for the root, else its FNV-1a hash, of which 63 bits count.
/// That two of the few thousand paths meet is as likely as that a disk lies.
#[must_use]
pub fn number(path: &str) -> u64 {
    if path.is_empty() {
        return ochre_abi::scheme::ROOT;
    }
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 1).max(1)
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The way from the directory of `from` to `to`, both of them paths of the tree.
#[must_use]
pub fn relative(from: &str, to: &str) -> String {
    let (directory, _) = split(from);
    let from: Vec<&str> = directory.split('/').skip(1).collect();
    let to: Vec<&str> = to.split('/').skip(1).collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    up.chain(to[common..].iter().copied())
        .collect::<Vec<_>>()
        .join("/")
}

impl Tree {
    /// The node of that number, and its path.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<(&str, &Node)> {
        self.nodes
            .get(&number)
            .map(|(path, node)| (path.as_str(), node))
    }

    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.get(number(path)).map(|(_, node)| node)
    }

    /// The directory at `path`, made unless it is there.
    fn directory(&mut self, path: &str) -> &mut BTreeSet<String> {
        if !path.is_empty() && !matches!(self.at(path), Some(Node::Directory(_))) {
            self.put(path, Node::Directory(BTreeSet::new()));
        }
        match self.nodes.get_mut(&number(path)) {
            Some((_, Node::Directory(names))) => names,
            _ => unreachable!("the root is a directory, and any other was just made"),
        }
    }

    fn put(&mut self, path: &str, node: Node) {
        let (directory, name) = split(path);
        self.directory(directory).insert(name.into());
        self.nodes.insert(number(path), (path.into(), node));
    }

    pub fn make_directory(&mut self, path: &str) {
        self.directory(path);
    }

    pub fn attribute(&mut self, path: &str, content: impl Into<Arc<[u8]>>) {
        self.put(path, Node::Attribute(content.into()));
    }

    /// A link at `path` that leads to `target`, another path of the tree.
    pub fn link(&mut self, path: &str, target: &str) {
        self.put(path, Node::Link(relative(path, target)));
    }

    /// Removes what is at `path` and below. Directories that are empty then stay.
    pub fn remove(&mut self, path: &str) {
        let Some((_, node)) = self.nodes.remove(&number(path)) else {
            return;
        };
        if let Node::Directory(names) = node {
            for name in names {
                self.remove(&format!("{path}/{name}"));
            }
        }
        let (directory, name) = split(path);
        if let Some((_, Node::Directory(names))) = self.nodes.get_mut(&number(directory)) {
            names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_to_their_directory() {
        assert_eq!(
            relative("/class/input/event0", "/devices/x/event0"),
            "../../devices/x/event0"
        );
        assert_eq!(relative("/devices/a/b/device", "/devices/a"), "..");
        assert_eq!(relative("/devices/a/link", "/devices/a/b"), "b");
    }

    #[test]
    fn what_is_put_is_listed_until_it_is_removed() {
        let mut tree = Tree::default();
        tree.attribute("/devices/a/dev", *b"13:64\n");
        tree.link("/class/input/a", "/devices/a");
        assert_eq!(
            tree.at("/devices"),
            Some(&Node::Directory(["a".to_string()].into()))
        );
        assert_eq!(
            tree.at("/class/input/a"),
            Some(&Node::Link("../../devices/a".into()))
        );
        tree.remove("/devices/a");
        assert_eq!(tree.at("/devices"), Some(&Node::Directory([].into())));
        assert_eq!(tree.at("/devices/a/dev"), None);
    }
}
