//! Files that are written and files that are executed exclude each other: ETXTBSY.
//!
//! A node counts its uses of either kind in one number, as Linux's `i_writecount`: above 0 those
//! that may write (descriptions, and mappings made by them), below 0 the programs that run it.

use crate::errno::{Errno, Result};
use crate::fs::node::Node;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering};

/// The uses of one node.
#[derive(Default)]
pub struct Uses(AtomicI32);

impl Uses {
    fn change(&self, by: i32) -> Result {
        let allowed = |uses: i32| {
            let next = uses.checked_add(by)?;
            (uses == 0 || uses.signum() == by.signum()).then_some(next)
        };
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, allowed)
            .map(|_| ())
            .map_err(|_| Errno::ETXTBSY)
    }
}

/// Somebody may write: nobody executes it.
pub struct WriteUse(Arc<Node>);

impl WriteUse {
    pub fn of(node: &Arc<Node>) -> Result<WriteUse> {
        node.uses.change(1)?;
        Ok(WriteUse(node.clone()))
    }
}

impl Clone for WriteUse {
    fn clone(&self) -> WriteUse {
        self.0.uses.0.fetch_add(1, Ordering::SeqCst);
        WriteUse(self.0.clone())
    }
}

impl Drop for WriteUse {
    fn drop(&mut self) {
        self.0.uses.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// It is executed: nobody may write.
pub struct ExecUse(Arc<Node>);

impl ExecUse {
    pub fn of(node: &Arc<Node>) -> Result<ExecUse> {
        node.uses.change(-1)?;
        Ok(ExecUse(node.clone()))
    }
}

impl Drop for ExecUse {
    fn drop(&mut self) {
        self.0.uses.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::Uses;
    use crate::errno::Errno;

    #[test]
    fn writing_and_executing_exclude_each_other() {
        let uses = Uses::default();
        assert_eq!(uses.change(1), Ok(()));
        assert_eq!(uses.change(1), Ok(()));
        assert_eq!(uses.change(-1), Err(Errno::ETXTBSY));
        let uses = Uses::default();
        assert_eq!(uses.change(-1), Ok(()));
        assert_eq!(uses.change(-1), Ok(()));
        assert_eq!(uses.change(1), Err(Errno::ETXTBSY));
    }
}
