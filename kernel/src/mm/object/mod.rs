//! Memory objects: the one thing behind everything that can be mapped. Anonymous shared memory,
//! memfd and tmpfs files (pages appear when touched), files of servers and of the boot archive
//! (pages come from a [`Pager`]), device memory.
//!
//! read, write, mmap and page faults all meet here, on the same frames, so they agree by
//! construction. Bytes past `size` in the last page are zero whenever `size` grows over them.
//!
//! Locks: the page lock is innermost but for the heap. No lock is held while bytes move or a pager
//! works: a page being loaded is marked so, and others wait for it.

mod bytes;
pub mod leftovers;
mod ranges;
mod viewers;

use self::viewers::Viewers;
use super::allowance::Allowance;
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::cpu;
use crate::sched::wait::WaitQueue;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
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

impl Slot {
    fn is_present(&self) -> bool {
        matches!(self, Slot::Present { .. })
    }
}

struct Pages {
    size: u64,
    slots: BTreeMap<u64, Slot>,
    present: u64,
    /// The pages of all objects of this kind.
    of_kind: &'static AtomicU64,
}

/// Pages in memory of objects without a pager, and of those with one.
static WITHOUT_PAGER: AtomicU64 = AtomicU64::new(0);
static WITH_PAGER: AtomicU64 = AtomicU64::new(0);

/// Pages in memory of all objects: anonymous ones and files of tmpfs; files of servers and of the boot
/// archive.
#[must_use]
pub fn pages_in_memory() -> (u64, u64) {
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    (count(&WITHOUT_PAGER), count(&WITH_PAGER))
}

enum Kind {
    /// Absent pages are zero.
    Anonymous,
    Paged(Arc<dyn Pager>),
    Device(PhysAddr, Cache),
}

pub struct MemoryObject {
    _counted: Counted<{ ObjectKind::MemoryObject as usize }>,
    /// Never reused: names the object in futex keys.
    id: u64,
    kind: Kind,
    pages: SpinLock<Pages>,
    /// Announces loaded pages.
    loaded: WaitQueue,
    pub viewers: Viewers,
    /// What its pages are taken from.
    allowance: Option<Arc<Allowance>>,
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
            of_kind: match kind {
                Kind::Paged(_) => &WITH_PAGER,
                _ => &WITHOUT_PAGER,
            },
        };
        Arc::new(MemoryObject {
            _counted: Counted::new(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            kind,
            pages: SpinLock::new(lock_order::OBJECT, pages),
            loaded: WaitQueue::new(),
            viewers: Viewers::none(),
            allowance,
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
        if index < pages_of(pages.size) && !pages.slots.get(&index).is_some_and(Slot::is_present) {
            pages.put(index, frame, false);
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

    /// The page's frame for who only looks: if it is in memory, or a pager brings it. May sleep.
    #[must_use]
    pub fn kept_frame(&self, index: u64) -> Option<Frame> {
        match self.kind {
            Kind::Paged(_) => self.frame(index).ok(),
            _ => self.resident_frame(index),
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
                        pages.put(index, frame.clone(), false);
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
                pages.put(index, frames[i as usize].clone(), false);
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
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        let pages = self.pages.get_mut();
        let present = pages.present;
        pages.count_gone(present);
        let slots = core::mem::take(&mut pages.slots);
        self.release(present);
        if slots.len() > STEP {
            leftovers::leave(Dropped { slots, present });
        }
    }
}

impl Pages {
    /// Enters a page that was absent, or loading.
    fn put(&mut self, index: u64, frame: Frame, dirty: bool) {
        self.slots.insert(index, Slot::Present { frame, dirty });
        self.present += 1;
        self.of_kind.fetch_add(1, Ordering::Relaxed);
    }

    /// So many pages were taken out.
    fn count_gone(&mut self, pages: u64) {
        self.present -= pages;
        self.of_kind.fetch_sub(pages, Ordering::Relaxed);
    }

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

    /// Takes the slots from `first` on out.
    fn take_from(&mut self, first: u64) -> Dropped {
        let slots = self.slots.split_off(&first);
        let count = |slots: &BTreeMap<u64, Slot>| {
            let present = slots.values().filter(|slot| slot.is_present());
            present.count() as u64
        };
        // What is fewer is counted: mostly all goes.
        let present = if self.slots.len() < slots.len() {
            self.present - count(&self.slots)
        } else {
            count(&slots)
        };
        self.count_gone(present);
        Dropped { slots, present }
    }

    /// Takes some slots of `[first, last)` out; also returns up to where none is left.
    fn take_some(&mut self, first: u64, last: u64) -> (Dropped, u64) {
        let mut dropped = Dropped {
            slots: BTreeMap::new(),
            present: 0,
        };
        while let Some((&index, _)) = self.slots.range(first..last).next() {
            if dropped.slots.len() == STEP {
                self.count_gone(dropped.present);
                return (dropped, index);
            }
            if let Some(slot) = self.slots.remove(&index) {
                dropped.present += u64::from(slot.is_present());
                dropped.slots.insert(index, slot);
            }
        }
        self.count_gone(dropped.present);
        (dropped, last)
    }
}

/// Frames that are released between two looks at what else there is to do.
const STEP: usize = 512;

/// What was taken out of an object.
struct Dropped {
    slots: BTreeMap<u64, Slot>,
    /// How many of them are pages.
    present: u64,
}

impl Dropped {
    /// Releases the frames; other threads run meanwhile. The caller holds no spinlock.
    fn let_go(mut self) {
        for left in (0..self.slots.len()).rev() {
            drop(self.slots.pop_first());
            if left > 0 && left.is_multiple_of(STEP) {
                cpu::breathe();
            }
        }
    }
}
