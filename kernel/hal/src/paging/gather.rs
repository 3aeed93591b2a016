//! Collects what a change of page tables lets go of: first all TLBs forget it, then the frames are
//! released.

use super::borrowed;
use super::entry::Pte;
use super::tlb::Root;
use core::mem::ManuallyDrop;

const BATCH: usize = 256;

pub struct Gather<'a> {
    root: &'a Root,
    released: [Pte; BATCH],
    len: usize,
    start: usize,
    end: usize,
}

impl<'a> Gather<'a> {
    pub fn new(root: &'a Root) -> Gather<'a> {
        Gather {
            root,
            released: [Pte::EMPTY; BATCH],
            len: 0,
            start: usize::MAX,
            end: 0,
        }
    }

    /// The translation of `va` must be forgotten.
    pub fn touch(&mut self, va: usize, size: usize) {
        self.start = self.start.min(va);
        self.end = self.end.max(va + size);
    }

    /// `pte` was taken out of the tables at `va`.
    pub fn add(&mut self, va: usize, pte: Pte) {
        if pte.is_empty() {
            return;
        }
        if pte.is_present() {
            self.touch(va, pte.size());
        }
        if pte.is_owned() {
            self.released[self.len] = pte;
            self.len += 1;
            if self.len == BATCH {
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        if self.start < self.end {
            self.root.flush(self.start..self.end);
        }
        (self.start, self.end) = (usize::MAX, 0);
        for pte in &self.released[..self.len] {
            if let Some(frame) = borrowed(*pte) {
                drop(ManuallyDrop::into_inner(frame));
            }
        }
        self.len = 0;
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
