//! Memory objects: the one thing behind everything that can be mapped. Anonymous shared memory,
//! memfd and tmpfs files (pages appear when touched), files of servers and of the boot archive
//! (pages come from a [`Pager`]), device memory.
//!
//! read, write, mmap and page faults all meet here, on the same frames, so they agree by
//! construction. Bytes past `size` in the last page are zero whenever `size` grows over them.
//!
//! Locks: the page lock is innermost but for the heap. No lock is held while bytes move or a pager
//! works: a page being loaded is marked so, and others wait for it.

use super::allowance::Allowance;
use super::space::AddressSpace;
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::lock_order;
use crate::sched::wait::WaitQueue;
use crate::uio::{Dest, Source};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use ochre_hal::PAGE_SIZE;
use ochre_hal::addr::PhysAddr;
use ochre_hal::admission::Room;
use ochre_hal::frame::Frame;
use ochre_hal::paging::Cache;
use ochre_hal::sync::SpinLock;

const PAGE: u64 = PAGE_SIZE as u64;

/// The largest object: what fits a signed file offset.
pub const MAX_SIZE: u64 = i64::MAX as u64 & !(PAGE - 1);

/// Where an object's absent pages come from, and its changed ones go. Called with no lock held; may
/// sleep.
pub trait Pager: Send + Sync {
    /// Fills `frames` (zeroed before the call) with the pages from number `first` on.
    fn page_in(&self, first: u64, frames: &[Frame]) -> Result;

    /// Writes changed pages back. `len` is how many bytes of them lie within the object.
    fn page_out(&self, _first: u64, _frames: &[Frame], _len: usize) -> Result {
        Err(Errno::EROFS)
    }

    /// How many pages one [`Pager::page_in`] may bring.
    fn batch(&self) -> usize {
        1
    }
}

/// One page of an object, for mapping.
pub enum Page {
    Ram(Frame),
    Device(PhysAddr, Cache),
}

enum Slot {
    Present { frame: Frame, dirty: bool },
    Loading,
}

struct Pages {
    size: u64,
    slots: BTreeMap<u64, Slot>,
    present: u64,
}

enum Kind {
    /// Absent pages are zero.
    Anonymous,
    Paged(Arc<dyn Pager>),
    Device(PhysAddr, Cache),
}

pub struct MemoryObject {
    /// Never reused: names the object in futex keys.
    id: u64,
    kind: Kind,
    pages: SpinLock<Pages>,
    /// Announces loaded pages.
    loaded: WaitQueue,
    /// Shared mappings that are or may become writable; −1 when such are refused (write seal).
    writers: AtomicIsize,
    /// What its pages are taken from.
    allowance: Option<Arc<Allowance>>,
    /// Address spaces that map it, by their id: truncation unmaps there.
    spaces: SpinLock<BTreeMap<u64, Weak<AddressSpace>>>,
}

fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE)
}

impl MemoryObject {
    fn new(kind: Kind, size: u64) -> Arc<MemoryObject> {
        MemoryObject::within(kind, size, None)
    }

    fn within(kind: Kind, size: u64, allowance: Option<Arc<Allowance>>) -> Arc<MemoryObject> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let pages = Pages {
            size: size.min(MAX_SIZE),
            slots: BTreeMap::new(),
            present: 0,
        };
        Arc::new(MemoryObject {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            kind,
            pages: SpinLock::new(lock_order::OBJECT, pages),
            loaded: WaitQueue::new(),
            writers: AtomicIsize::new(0),
            allowance,
            spaces: SpinLock::new(lock_order::OBJECT, BTreeMap::new()),
        })
    }

    /// Memory that is zero until written.
    #[must_use]
    pub fn anonymous(size: u64) -> Arc<MemoryObject> {
        MemoryObject::new(Kind::Anonymous, size)
    }

    /// Memory whose pages count as used of `allowance`: `ENOSPC` when it has none left.
    #[must_use]
    pub fn charged(allowance: &Arc<Allowance>) -> Arc<MemoryObject> {
        MemoryObject::within(Kind::Anonymous, 0, Some(allowance.clone()))
    }

    /// A frame for a page that is new.
    fn new_frame(&self) -> Result<Frame> {
        let Some(allowance) = &self.allowance else {
            return Ok(Frame::alloc_zeroed()?);
        };
        allowance.charge(1)?;
        Frame::alloc_zeroed().map_err(|error| {
            allowance.release(1);
            Errno::from(error)
        })
    }

    /// Gives back what dropped pages used.
    fn release(&self, pages: u64) {
        if let Some(allowance) = &self.allowance {
            allowance.release(pages);
        }
    }

    /// Memory whose absent pages `pager` brings.
    #[must_use]
    pub fn paged(size: u64, pager: Arc<dyn Pager>) -> Arc<MemoryObject> {
        MemoryObject::new(Kind::Paged(pager), size)
    }

    /// Device memory.
    #[must_use]
    pub fn device(base: PhysAddr, size: u64, cache: Cache) -> Arc<MemoryObject> {
        MemoryObject::new(Kind::Device(base, cache), size)
    }

    /// Memory made of these frames, in order: DMA buffers.
    #[must_use]
    pub fn from_frames(frames: Vec<Frame>) -> Arc<MemoryObject> {
        let object = MemoryObject::anonymous(frames.len() as u64 * PAGE);
        for (index, frame) in frames.into_iter().enumerate() {
            object.put_frame(index as u64, frame);
        }
        object
    }

    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    #[must_use]
    pub fn size(&self) -> u64 {
        self.pages.lock().size
    }

    /// Pages in memory.
    #[must_use]
    pub fn resident(&self) -> u64 {
        self.pages.lock().present
    }

    #[must_use]
    pub fn is_device(&self) -> bool {
        matches!(self.kind, Kind::Device(..))
    }

    /// Whether writes through a mapping must be noticed, to be written back.
    #[must_use]
    pub fn tracks_writes(&self) -> bool {
        matches!(self.kind, Kind::Paged(_))
    }

    /// Takes `frame` in place as page `index`: a page of the boot archive, a page a server brought
    /// unasked. A page that is present stays.
    pub fn put_frame(&self, index: u64, frame: Frame) {
        let mut pages = self.pages.lock();
        if index < pages_of(pages.size)
            && !matches!(pages.slots.get(&index), Some(Slot::Present { .. }))
        {
            pages.slots.insert(
                index,
                Slot::Present {
                    frame,
                    dirty: false,
                },
            );
            pages.present += 1;
            if let Some(allowance) = &self.allowance {
                allowance.charge_anyway(1);
            }
        }
    }

    /// The page's frame if it is in memory.
    #[must_use]
    pub fn resident_frame(&self, index: u64) -> Option<Frame> {
        let pages = self.pages.lock();
        match pages.slots.get(&index) {
            Some(Slot::Present { frame, .. }) if index < pages_of(pages.size) => {
                Some(frame.clone())
            }
            _ => None,
        }
    }

    /// Calls `each` with the pages of `[first, first + count)` that are in memory.
    pub fn for_resident(&self, first: u64, count: u64, mut each: impl FnMut(u64, &Frame)) {
        let pages = self.pages.lock();
        let end = first.saturating_add(count).min(pages_of(pages.size));
        if first < end {
            for (&index, slot) in pages.slots.range(first..end) {
                if let Slot::Present { frame, .. } = slot {
                    each(index, frame);
                }
            }
        }
    }

    /// The page for mapping, brought into memory if need be: may sleep. `ENXIO` past the end.
    pub fn page(&self, index: u64) -> Result<Page> {
        if let Kind::Device(base, cache) = self.kind {
            if index >= pages_of(self.size()) {
                return Err(Errno::ENXIO);
            }
            return Ok(Page::Device(PhysAddr(base.0 + index * PAGE), cache));
        }
        self.frame(index).map(Page::Ram)
    }

    /// The page's frame, brought into memory if need be: may sleep. `ENXIO` past the end.
    pub fn frame(&self, index: u64) -> Result<Frame> {
        loop {
            let mut pages = self.pages.lock();
            if index >= pages_of(pages.size) {
                return Err(Errno::ENXIO);
            }
            match pages.slots.get(&index) {
                Some(Slot::Present { frame, .. }) => return Ok(frame.clone()),
                Some(Slot::Loading) => {
                    drop(pages);
                    self.loaded.wait_uninterrupted(|| {
                        let loading =
                            matches!(self.pages.lock().slots.get(&index), Some(Slot::Loading));
                        (!loading).then_some(())
                    });
                }
                None => match &self.kind {
                    Kind::Anonymous => {
                        let frame = self.new_frame()?;
                        let slot = Slot::Present {
                            frame: frame.clone(),
                            dirty: false,
                        };
                        pages.slots.insert(index, slot);
                        pages.present += 1;
                        return Ok(frame);
                    }
                    Kind::Paged(pager) => {
                        let count = pages.mark_loading(index, pager.batch());
                        drop(pages);
                        self.load(&**pager, index, count)?;
                    }
                    Kind::Device(..) => return Err(Errno::ENXIO),
                },
            }
        }
    }

    /// Brings `count` pages marked as loading.
    fn load(&self, pager: &dyn Pager, first: u64, count: usize) -> Result {
        let mut frames = Vec::new();
        let filled = frames
            .room(count)
            .map_err(Errno::from)
            .and_then(|()| {
                for _ in 0..count {
                    frames.push(Frame::alloc_zeroed()?);
                }
                Ok(())
            })
            .and_then(|()| pager.page_in(first, &frames));
        let mut pages = self.pages.lock();
        for i in 0..count as u64 {
            let index = first + i;
            // A truncation may have taken the slot away meanwhile, or a frame been put.
            if !matches!(pages.slots.get(&index), Some(Slot::Loading)) {
                continue;
            }
            pages.slots.remove(&index);
            if filled.is_ok() && index < pages_of(pages.size) {
                let frame = frames[i as usize].clone();
                pages.slots.insert(
                    index,
                    Slot::Present {
                        frame,
                        dirty: false,
                    },
                );
                pages.present += 1;
            }
        }
        drop(pages);
        self.loaded.wake_all(Events::all());
        filled
    }

    /// Notes that the page is changed through a mapping.
    pub fn mark_dirty(&self, index: u64) {
        if self.tracks_writes()
            && let Some(Slot::Present { dirty, .. }) = self.pages.lock().slots.get_mut(&index)
        {
            *dirty = true;
        }
    }

    /// Reads from `offset`; stops at the end of the object or of `dst`.
    pub fn read(&self, offset: u64, dst: &mut Dest<'_>) -> Result<usize> {
        let before = dst.done();
        let mut at = offset;
        while !dst.is_full() {
            let size = self.size();
            if at >= size {
                break;
            }
            let within = (at % PAGE) as usize;
            let n = (PAGE_SIZE - within)
                .min(dst.remaining())
                .min(usize::try_from(size - at).unwrap_or(usize::MAX));
            let index = at / PAGE;
            let frame = match (self.resident_frame(index), &self.kind) {
                (Some(frame), _) => Some(frame),
                (None, Kind::Anonymous) => None,
                (None, Kind::Device(..)) => return Err(Errno::EIO),
                (None, Kind::Paged(_)) => match self.frame(index) {
                    Ok(frame) => Some(frame),
                    // Truncated meanwhile.
                    Err(Errno::ENXIO) => break,
                    Err(_) if dst.done() > before => break,
                    Err(error) => return Err(error),
                },
            };
            let moved = match frame {
                Some(frame) => dst.put_frame(&frame, within, n),
                None => dst.put_zeroes(n),
            };
            if let Err(error) = moved {
                if dst.done() > before {
                    break;
                }
                return Err(error);
            }
            at += n as u64;
        }
        Ok(dst.done() - before)
    }

    /// Writes at `offset`, growing the object as needed (the caller has checked limits).
    pub fn write(&self, offset: u64, src: &mut Source<'_>) -> Result<usize> {
        let before = src.done();
        let mut at = offset;
        let finish = |done: usize, error: Errno| {
            if done > before {
                Ok(done - before)
            } else {
                Err(error)
            }
        };
        while !src.is_full() {
            if at >= MAX_SIZE {
                return finish(src.done(), Errno::EFBIG);
            }
            let within = (at % PAGE) as usize;
            let n = (PAGE_SIZE - within).min(src.remaining());
            let frame = match self.frame_for_write(at / PAGE, within, n) {
                Ok(frame) => frame,
                Err(error) => return finish(src.done(), error),
            };
            let taken = src.done();
            let result = src.take_to_frame(&frame, within, n);
            let index = at / PAGE;
            at += (src.done() - taken) as u64;
            if src.done() > taken {
                let mut pages = self.pages.lock();
                pages.size = pages.size.max(at);
                if let Some(Slot::Present { dirty, .. }) = pages.slots.get_mut(&index) {
                    *dirty = true;
                }
            }
            if let Err(error) = result {
                return finish(src.done(), error);
            }
        }
        Ok(src.done() - before)
    }

    /// The frame that bytes are about to be written to, also just past the end.
    fn frame_for_write(&self, index: u64, within: usize, n: usize) -> Result<Frame> {
        {
            let mut pages = self.pages.lock();
            match pages.slots.get(&index) {
                Some(Slot::Present { frame, .. }) => return Ok(frame.clone()),
                Some(Slot::Loading) => {}
                // A page that is new, or overwritten whole, need not be asked for.
                None if matches!(self.kind, Kind::Anonymous)
                    || index >= pages_of(pages.size)
                    || (within == 0 && n == PAGE_SIZE && !self.is_device()) =>
                {
                    let frame = self.new_frame()?;
                    let slot = Slot::Present {
                        frame: frame.clone(),
                        dirty: true,
                    };
                    pages.slots.insert(index, slot);
                    pages.present += 1;
                    return Ok(frame);
                }
                None => {}
            }
        }
        self.frame(index)
    }

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
        let dropped = pages.slots.split_off(&first);
        let gone = dropped
            .values()
            .filter(|s| matches!(s, Slot::Present { .. }))
            .count() as u64;
        pages.present -= gone;
        self.release(gone);
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
        drop(dropped);
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
        if first >= last {
            return;
        }
        let mut dropped = pages.slots.split_off(&first);
        let mut kept = dropped.split_off(&last);
        pages.slots.append(&mut kept);
        let gone = dropped
            .values()
            .filter(|s| matches!(s, Slot::Present { .. }))
            .count() as u64;
        pages.present -= gone;
        drop(pages);
        self.release(gone);
        self.unmap_dropped(first, last, &dropped);
    }

    /// Brings all pages of the range into memory, or none that isn't there: fallocate.
    pub fn populate(&self, start: u64, len: u64) -> Result {
        let (first, end) = (start / PAGE, pages_of(start.saturating_add(len)));
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for index in first..end {
            if self.resident_frame(index).is_some() {
                continue;
            }
            if let Err(error) = self.frame(index) {
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
                pages.present -= 1;
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
                pages.present -= 1;
            }
        }
        drop(pages);
        self.unmap_dropped(first, last, &dropped);
    }

    /// Registers a mapping's address space, for truncation.
    pub fn attach(&self, space: &Arc<AddressSpace>) {
        if self.is_device() {
            return;
        }
        let mut spaces = self.spaces.lock();
        if spaces.contains_key(&space.id()) {
            return;
        }
        // Those that unmapped it before they ended are still listed: looked for now and then.
        if spaces.len().is_power_of_two() {
            spaces.retain(|_, space| space.strong_count() > 0);
        }
        spaces.insert(space.id(), Arc::downgrade(space));
    }

    /// The address space has no more mappings.
    pub fn detach(&self, space: &AddressSpace) {
        let gone = self.spaces.lock().remove(&space.id());
        drop(gone);
    }

    fn each_space(&self, mut each: impl FnMut(&AddressSpace)) {
        let spaces: Vec<_> = self
            .spaces
            .lock()
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        for space in spaces {
            each(&space);
        }
    }

    /// Takes the pages `[first, last)` out of all page tables: of private mappings those that `gone`
    /// picks.
    fn unmap_everywhere(&self, first: u64, last: u64, gone: &dyn Fn(u64, &Frame) -> bool) {
        self.each_space(|space| space.unmap_object(self, first, last, gone));
    }

    /// Takes pages that the object has dropped out of all page tables, but leaves the copies that
    /// private mappings have made of them.
    fn unmap_dropped(&self, first: u64, last: u64, dropped: &BTreeMap<u64, Slot>) {
        self.unmap_everywhere(first, last, &|index, shown| {
            matches!(dropped.get(&index), Some(Slot::Present { frame, .. }) if frame.same(shown))
        });
    }

    fn protect_everywhere(&self, first: u64, last: u64) {
        self.each_space(|space| space.write_protect_object(self, first, last));
    }

    /// Counts a shared mapping that may be written; `EPERM` when the object is sealed against that.
    pub fn add_writer(&self) -> Result {
        let more = |n| if n < 0 { None } else { Some(n + 1) };
        match self
            .writers
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::EPERM),
        }
    }

    pub fn remove_writer(&self) {
        self.writers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Refuses writable shared mappings from now on (F_SEAL_WRITE); `EBUSY` while there are any.
    pub fn seal_writers(&self) -> Result {
        match self
            .writers
            .compare_exchange(0, -1, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) | Err(-1) => Ok(()),
            Err(_) => Err(Errno::EBUSY),
        }
    }
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        let present = self.pages.get_mut().present;
        self.release(present);
    }
}

impl Pages {
    /// Marks absent pages from `index` on as loading, `batch` at most; returns how many.
    fn mark_loading(&mut self, index: u64, batch: usize) -> usize {
        let end = pages_of(self.size).min(index.saturating_add(batch.max(1) as u64));
        let mut count = 0;
        for i in index..end {
            if self.slots.contains_key(&i) {
                break;
            }
            self.slots.insert(i, Slot::Loading);
            count += 1;
        }
        count
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
