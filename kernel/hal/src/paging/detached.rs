//! Memory taken out of a space by whole tables, to be released bit by bit afterwards: taking a table out
//! costs one entry, what it names up to 512 frames.

use super::entry::Pte;
use super::walk::{self, LAST_TABLES};
use super::{PageTable, check, counted, release};
use crate::addr::HUGE_SIZE;
use crate::admission::Room;
use alloc::vec::Vec;
use core::ops::Range;

/// What [`PageTable::detach`] took out: blocks of 2 MiB, which no CPU sees any more.
#[derive(Default)]
pub struct Detached {
    /// Last-level tables and huge leaves.
    blocks: Vec<Pte>,
}

/// A block that was released, of which [`PageTable::forget`] wants to hear.
#[must_use]
pub struct Released {
    /// Pages of RAM that it had mapped.
    pub pages: usize,
    tables: usize,
}

impl Detached {
    /// Releases one block; none at the end.
    pub fn release_block(&mut self) -> Option<Released> {
        let block = self.blocks.pop()?;
        let mut pages = 0;
        let give_back = |pte: Pte| {
            pages += counted(pte);
            release(pte);
        };
        // SAFETY: the block is in no tree, and all CPUs have forgotten it.
        unsafe { walk::free_block(block, give_back) };
        Some(Released {
            pages,
            tables: usize::from(!block.is_leaf()),
        })
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        while self.release_block().is_some() {}
    }
}

impl PageTable {
    /// As [`PageTable::unmap`], but of a long range most of what was mapped is only put into `into`. What
    /// there is no room for there is released at once.
    pub fn detach(&mut self, range: Range<usize>, into: &mut Detached) {
        /// Blocks that are released quicker than put aside; their tables stay for what comes next.
        const FEW: usize = 8;
        check(&range);
        let blocks = range.start.next_multiple_of(HUGE_SIZE)..range.end & !(HUGE_SIZE - 1);
        if blocks.end.saturating_sub(blocks.start) <= FEW * HUGE_SIZE {
            return self.unmap(range);
        }
        let mut count = 0;
        let tables = &self.tables;
        tables.visit_down_to(LAST_TABLES, blocks.clone(), |_, _| count += 1);
        if count <= FEW || into.blocks.room(count).is_err() {
            return self.unmap(range);
        }
        self.unmap(range.start..blocks.start);
        self.unmap(blocks.end..range.end);
        let mut huge = 0;
        self.tables
            .visit_down_to(LAST_TABLES, blocks.clone(), |_, slot| {
                let block = slot.swap(Pte::EMPTY);
                huge += usize::from(block.is_leaf());
                into.blocks.push(block);
            });
        self.root.flush_tables(blocks);
        self.tables.drop_spares(huge);
    }

    /// A block that was detached is released.
    pub fn forget(&mut self, released: &Released) {
        // A space that was cleared meanwhile has forgotten it already.
        self.resident.pages = self.resident.pages.saturating_sub(released.pages);
        self.tables.forget(released.tables);
    }
}
