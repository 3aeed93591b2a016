//! A directory's entries, ordered by (hash of the name, name).

use super::hash;
use crate::errno::{Errno, Result};
use crate::fs::node::Node;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use ochre_hal::admission;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    position: u64,
    name: Box<[u8]>,
}

#[derive(Default)]
pub struct Entries {
    map: BTreeMap<Key, Arc<Node>>,
    /// The directory was removed: nothing can be made in it any more.
    dead: bool,
}

fn at(position: u64) -> Key {
    Key {
        position,
        name: Box::default(),
    }
}

impl Entries {
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Node>> {
        let position = hash::position(name);
        self.map
            .range(at(position)..)
            .take_while(|(key, _)| key.position == position)
            .find(|(key, _)| *key.name == *name)
            .map(|(_, node)| node)
    }

    /// Enters a name that is free.
    pub fn insert(&mut self, name: &[u8], node: Arc<Node>) -> Result {
        if self.dead {
            return Err(Errno::ENOENT);
        }
        if self.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        admission::ask()?;
        self.put(name, node);
        Ok(())
    }

    /// As [`Entries::insert`], where all that could hinder it was looked at.
    pub fn put(&mut self, name: &[u8], node: Arc<Node>) {
        self.map.insert(
            Key {
                position: hash::position(name),
                name: Box::from(name),
            },
            node,
        );
    }

    /// Takes `name` away if it means `node`. The caller drops the node outside of its lock.
    pub fn remove(&mut self, name: &[u8], node: &Node) -> Result<Arc<Node>> {
        match self.get(name) {
            Some(known) if **known == *node => {}
            _ => return Err(Errno::ENOENT),
        }
        let key = Key {
            position: hash::position(name),
            name: Box::from(name),
        };
        self.map.remove(&key).ok_or(Errno::ENOENT)
    }

    /// Puts `node` under a name that exists; returns what was there.
    pub fn exchange(&mut self, name: &[u8], node: Arc<Node>) -> Option<Arc<Node>> {
        let key = Key {
            position: hash::position(name),
            name: Box::from(name),
        };
        self.map
            .get_mut(&key)
            .map(|slot| core::mem::replace(slot, node))
    }

    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn is_dead(&self) -> bool {
        self.dead
    }

    pub fn kill(&mut self) {
        self.dead = true;
    }

    /// Entries from `position` on.
    pub fn from(&self, position: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<Node>)> {
        self.map
            .range(at(position)..)
            .map(|(key, node)| (key.position, &*key.name, node))
    }

    /// All nodes: for taking a tree apart without recursion.
    pub fn take_all(&mut self) -> impl Iterator<Item = Arc<Node>> + use<> {
        core::mem::take(&mut self.map).into_values()
    }
}
