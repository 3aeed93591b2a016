//! Files that are written and files that are executed exclude each other: ETXTBSY.
//!
//! A node counts its uses of either kind in one number, as Linux's `i_writecount`: above 0 those
//! that may write (descriptions, and mappings made by them), below 0 the programs that run it.
//! Beside it are counted descriptions that only read, which matter to leases alone.

use crate::errno::{Errno, Result};
use crate::fs::node::{Node, OpenFlags};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

/// The uses of one node.
#[derive(Default)]
pub struct Uses {
    writing: AtomicI32,
    reading: AtomicU32,
    leased: AtomicBool,
}

impl Uses {
    /// Whether somebody holds a lease.
    #[must_use]
    pub fn is_leased(&self) -> bool {
        self.leased.load(Ordering::SeqCst)
    }

    pub fn set_leased(&self, leased: bool) {
        self.leased.store(leased, Ordering::SeqCst);
    }

    /// Whether a description opened with `flags` can have a lease: a shared one while nobody may
    /// write, an exclusive one while nobody else has it open.
    #[must_use]
    pub fn allow_lease(&self, flags: OpenFlags, exclusive: bool) -> bool {
        let (own_writing, own_reading) = if flags.writes() { (1, 0) } else { (0, 1) };
        let writing = self.writing.load(Ordering::SeqCst);
        if exclusive {
            writing == own_writing && self.reading.load(Ordering::SeqCst) == own_reading
        } else {
            writing <= 0
        }
    }

    fn change(&self, by: i32) -> Result {
        let allowed = |uses: i32| {
            let next = uses.checked_add(by)?;
            (uses == 0 || uses.signum() == by.signum()).then_some(next)
        };
        self.writing
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
        self.0.uses.writing.fetch_add(1, Ordering::SeqCst);
        WriteUse(self.0.clone())
    }
}

impl Drop for WriteUse {
    fn drop(&mut self) {
        self.0.uses.writing.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Somebody has it open for reading only.
pub struct ReadUse(Arc<Node>);

impl ReadUse {
    #[must_use]
    pub fn of(node: &Arc<Node>) -> ReadUse {
        node.uses.reading.fetch_add(1, Ordering::SeqCst);
        ReadUse(node.clone())
    }
}

impl Drop for ReadUse {
    fn drop(&mut self) {
        self.0.uses.reading.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What an open description keeps of this.
#[derive(Default)]
pub struct OpenUse {
    pub writing: Option<WriteUse>,
    pub reading: Option<ReadUse>,
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
        self.0.uses.writing.fetch_add(1, Ordering::SeqCst);
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
