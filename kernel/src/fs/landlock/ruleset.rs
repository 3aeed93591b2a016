//! A ruleset: rights that are to be taken, and the files beneath which some of them remain.

use super::domain::Rights;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::node::Node;
use crate::lock_order;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// Rules of one ruleset.
const RULES_MAX: usize = 1 << 16;

/// What remains beneath a file. The node is kept, so that its number means no other.
#[derive(Clone)]
struct Rule {
    node: Arc<Node>,
    rights: Rights,
}

/// Rules by their nodes' numbers.
#[derive(Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    fn position(&self, node: &Node) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&node.id(), |rule| rule.node.id())
    }

    /// What remains at and beneath `node` by the rule that names it.
    pub fn rights_at(&self, node: &Node) -> Rights {
        self.position(node)
            .map_or(Rights::empty(), |at| self.0[at].rights)
    }

    fn add(&mut self, node: &Arc<Node>, rights: Rights) -> Result {
        match self.position(node) {
            Ok(at) => self.0[at].rights |= rights,
            Err(_) if self.0.len() >= RULES_MAX => return Err(Errno::E2BIG),
            Err(at) => {
                self.0.room(1)?;
                let node = node.clone();
                self.0.insert(at, Rule { node, rights });
            }
        }
        Ok(())
    }

    fn copy(&self) -> Result<Rules> {
        let mut copy = Vec::new();
        copy.room_exact(self.0.len())?;
        copy.extend_from_slice(&self.0);
        Ok(Rules(copy))
    }
}

/// What landlock_create_ruleset(2) gives a descriptor of.
pub struct Ruleset {
    pub handled: Rights,
    rules: SpinLock<Rules>,
}

impl Ruleset {
    #[must_use]
    pub fn new(handled: Rights) -> Ruleset {
        Ruleset {
            handled,
            rules: SpinLock::new(lock_order::FILE, Rules::default()),
        }
    }

    /// Lets `rights`, some of those that are handled, remain beneath `node`.
    pub fn add(&self, node: &Arc<Node>, rights: Rights) -> Result {
        if !node.is_dir() && !Rights::OF_FILES.contains(rights) {
            return Err(Errno::EINVAL);
        }
        self.rules.lock().add(node, rights)
    }

    /// The rules as they are now.
    pub fn rules(&self) -> Result<Rules> {
        self.rules.lock().copy()
    }
}

impl File for Ruleset {
    fn description(&self) -> Vec<u8> {
        b"anon_inode:[landlock-ruleset]".to_vec()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
