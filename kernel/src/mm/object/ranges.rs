//! What is done to ranges of an object: its size, holes, bringing in, writing back.

use super::bytes::goes_on;
use super::{Kind, MAX_SIZE, MemoryObject, PAGE, Slot, pages_of};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::sched::cpu;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::Room;
use ochre_hal::frame::Frame;

impl MemoryObject {
    /// Sets the size. Shrinking drops the pages behind it, from all mappings too.
    pub fn resize(&self, size: u64) -> Result {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let mut pages = self.pages.lock();
        let old = core::mem::replace(&mut pages.size, size);
        if size >= old {
            return Ok(());
        }
        let first = pages_of(size);
        let dropped = pages.take_from(first);
        self.release(dropped.present);
        let tail = (size % PAGE) as usize;
        if tail != 0
            && let Some(Slot::Present { frame, dirty }) = pages.slots.get_mut(&(size / PAGE))
        {
            frame.zero(tail, PAGE_SIZE - tail);
            *dirty = true;
        }
        drop(pages);
        // Private copies go, too.
        self.unmap_everywhere(first, u64::MAX, &|_, _| true);
        self.loaded.wake_all(Events::all());
        dropped.let_go();
        Ok(())
    }

    /// Makes `[start, start + len)` read as zero, giving back whole pages.
    pub fn punch(&self, start: u64, len: u64) {
        let mut pages = self.pages.lock();
        let end = start.saturating_add(len).min(pages_of(pages.size) * PAGE);
        if start >= end {
            return;
        }
        let (first, last) = (start.div_ceil(PAGE), end / PAGE);
        for (from, to) in partial_pages(start, end) {
            if let Some(Slot::Present { frame, dirty }) = pages.slots.get_mut(&(from / PAGE)) {
                frame.zero((from % PAGE) as usize, (to - from) as usize);
                *dirty = true;
            }
        }
        drop(pages);
        let mut from = first;
        while from < last {
            let (dropped, next) = self.pages.lock().take_some(from, last);
            self.release(dropped.present);
            self.unmap_dropped(from, next, &dropped.slots);
            dropped.let_go();
            from = next;
            cpu::breathe();
        }
    }

    /// Brings all pages of the range into memory, or none that isn't there: fallocate.
    pub fn populate(&self, start: u64, len: u64) -> Result {
        let (first, end) = (start / PAGE, pages_of(start.saturating_add(len)));
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for index in first..end {
            let made = if !goes_on(index) {
                Err(Errno::EINTR)
            } else if self.resident_frame(index).is_some() {
                continue;
            } else {
                self.frame(index).map(drop)
            };
            if let Err(error) = made {
                self.take_back(&runs);
                return Err(error);
            }
            match runs.last_mut() {
                Some((_, end)) if *end == index => *end += 1,
                _ => {
                    runs.room(1)?;
                    runs.push((index, index + 1));
                }
            }
        }
        Ok(())
    }

    /// Drops pages that were made in vain, but for those that are mapped by now.
    fn take_back(&self, runs: &[(u64, u64)]) {
        let mut gone = 0;
        for index in runs.iter().flat_map(|&(first, end)| first..end) {
            let mut pages = self.pages.lock();
            if let Some(Slot::Present { frame, .. }) = pages.slots.get(&index)
                && frame.is_unique()
            {
                let slot = pages.slots.remove(&index);
                pages.count_gone(1);
                gone += 1;
                drop(pages);
                drop(slot);
            }
        }
        self.release(gone);
    }

    /// The first byte at or after `offset` that is in a present page: SEEK_DATA.
    #[must_use]
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        let pages = self.pages.lock();
        if offset >= pages.size {
            return None;
        }
        if !matches!(self.kind, Kind::Anonymous) {
            return Some(offset);
        }
        let (&index, _) = pages.slots.range(offset / PAGE..).next()?;
        let at = (index * PAGE).max(offset);
        (at < pages.size).then_some(at)
    }

    /// The first byte at or after `offset` in no present page, at most the size: SEEK_HOLE.
    #[must_use]
    pub fn next_hole(&self, offset: u64) -> Option<u64> {
        let pages = self.pages.lock();
        if offset >= pages.size {
            return None;
        }
        if !matches!(self.kind, Kind::Anonymous) {
            return Some(pages.size);
        }
        let mut index = offset / PAGE;
        for (&present, _) in pages.slots.range(index..) {
            if present != index {
                break;
            }
            index += 1;
        }
        Some((index * PAGE).max(offset).min(pages.size))
    }

    /// Writes all changed pages of the range back to the pager.
    pub fn write_back(&self, start: u64, len: u64) -> Result {
        let Kind::Paged(pager) = &self.kind else {
            return Ok(());
        };
        let mut next = start / PAGE;
        let end = pages_of(start.saturating_add(len));
        loop {
            let mut run: Vec<Frame> = Vec::new();
            let (first, bytes) = {
                let mut pages = self.pages.lock();
                let size = pages.size;
                let mut first = None;
                for (&index, slot) in pages.slots.range_mut(next..end.max(next)) {
                    if first.is_some_and(|f| index != f + run.len() as u64) || run.len() == 64 {
                        break;
                    }
                    match slot {
                        Slot::Present { frame, dirty } if *dirty => {
                            first.get_or_insert(index);
                            *dirty = false;
                            run.push(frame.clone());
                        }
                        _ if first.is_some() => break,
                        _ => {}
                    }
                }
                let Some(first) = first else { return Ok(()) };
                let bytes = (run.len() as u64 * PAGE).min(size.saturating_sub(first * PAGE));
                (first, bytes as usize)
            };
            next = first + run.len() as u64;
            // Later writes through mappings must fault to be noticed again.
            self.protect_everywhere(first, next);
            if let Err(error) = pager.page_out(first, &run, bytes) {
                for index in first..next {
                    self.mark_dirty(index);
                }
                return Err(error);
            }
        }
    }

    /// Drops unchanged pages of the range: their source has newer ones.
    pub fn invalidate(&self, start: u64, len: u64) {
        if !self.tracks_writes() {
            return;
        }
        let (first, last) = (start / PAGE, pages_of(start.saturating_add(len)));
        let mut pages = self.pages.lock();
        let clean: Vec<u64> = pages
            .slots
            .range(first..last.max(first))
            .filter(|(_, s)| matches!(s, Slot::Present { dirty: false, .. }))
            .map(|(&i, _)| i)
            .collect();
        let mut dropped = BTreeMap::new();
        for index in clean {
            if let Some(slot) = pages.slots.remove(&index) {
                dropped.insert(index, slot);
                pages.count_gone(1);
            }
        }
        drop(pages);
        self.unmap_dropped(first, last, &dropped);
    }

    /// Takes pages that the object has dropped out of all page tables, but leaves the copies that
    /// private mappings have made of them.
    fn unmap_dropped(&self, first: u64, last: u64, dropped: &BTreeMap<u64, Slot>) {
        self.unmap_everywhere(first, last, &|index, shown| {
            matches!(dropped.get(&index), Some(Slot::Present { frame, .. }) if frame.same(shown))
        });
    }
}

/// The parts of `[start, end)` that do not cover their page, as byte ranges.
fn partial_pages(start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
    let (head_end, tail_start) = (start.next_multiple_of(PAGE).min(end), end / PAGE * PAGE);
    let head = (!start.is_multiple_of(PAGE)).then_some((start, head_end));
    let tail = (!end.is_multiple_of(PAGE)
        && tail_start >= start
        && (start.is_multiple_of(PAGE) || tail_start >= head_end))
        .then_some((tail_start, end));
    head.into_iter().chain(tail)
}
