//! The user half of an address space, as the CPU sees it.
//!
//! Each present entry owns a [`Frame`] (or names device memory). Methods that take `&mut self`
//! are called with the space's lock held. Changes that take rights away flush the TLBs of all
//! CPUs where the space is active before frames are released. Tables are freed with the space, after
//! every CPU has left it; last-level ones also when much is taken out at once ([`Detached`]) or a huge
//! page takes their place, after every CPU, idle ones too, has forgotten where they were.

mod detached;
pub(crate) mod entry;
mod gather;
pub(crate) mod kernel;
pub(crate) mod tlb;
mod walk;

pub use detached::{Detached, Released};
pub(crate) use tlb::Root;
pub use tlb::deactivate;

use crate::addr::{HUGE_SIZE, PAGE_SIZE, PhysAddr, USER_END};
use crate::frame::{Frame, OutOfMemory};
use crate::memory;
use alloc::boxed::Box;
use bitflags::bitflags;
use core::mem::ManuallyDrop;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use entry::Pte;
use gather::Gather;
use walk::{ENTRIES, Slot, Tables};

bitflags! {
    /// What a mapping allows. Empty: the entry keeps its frame, and every access faults.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Perms: u8 {
        const READ = 1;
        const WRITE = 2;
        const EXEC = 4;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    WriteBack,
    WriteCombining,
    Uncached,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    OutOfMemory,
    /// The address is RAM of the frame allocator.
    IsRam,
}

impl From<OutOfMemory> for MapError {
    fn from(_: OutOfMemory) -> MapError {
        MapError::OutOfMemory
    }
}

/// One present mapping.
pub struct Entry {
    /// A new owner of the frame; none for device memory.
    pub frame: Option<Frame>,
    pub phys: PhysAddr,
    pub perms: Perms,
    pub accessed: bool,
    pub dirty: bool,
    /// 4 KiB or 2 MiB.
    pub size: usize,
}

impl Entry {
    fn of(pte: Pte) -> Entry {
        let size = if pte.is_huge() { HUGE_SIZE } else { PAGE_SIZE };
        Entry {
            frame: borrowed(pte).map(|frame| Frame::clone(&frame)),
            phys: PhysAddr(pte.phys()),
            perms: pte.perms(),
            accessed: pte.accessed(),
            dirty: pte.dirty(),
            size,
        }
    }
}

/// The frame that an entry owns, without taking it.
fn borrowed(pte: Pte) -> Option<ManuallyDrop<Frame>> {
    // SAFETY: the entry owns a reference, which stays its own as the copy is never dropped.
    pte.is_owned()
        .then(|| ManuallyDrop::new(unsafe { Frame::from_raw(pte.phys(), pte.is_huge()) }))
}

pub struct PageTable {
    root: Box<Root>,
    tables: Tables,
    /// From the first to the last page that a fork under way has made read-only.
    protected: Option<Range<usize>>,
    resident: Resident,
}

/// Pages of RAM that an entry counts as: none for device memory, nor for what all share that reads untouched
/// memory.
fn counted(pte: Pte) -> usize {
    if pte.is_owned() && !Frame::is_zeroes_at(pte.phys()) {
        pte.size() / PAGE_SIZE
    } else {
        0
    }
}

/// Pages of RAM that a space maps, as [`counted`].
#[derive(Clone, Copy, Default)]
struct Resident {
    pages: usize,
    /// The most that there were.
    peak: usize,
}

impl Resident {
    fn add(&mut self, pte: Pte) {
        self.pages += counted(pte);
        self.peak = self.peak.max(self.pages);
    }

    fn remove(&mut self, pte: Pte) {
        self.pages -= counted(pte);
    }
}

// SAFETY: tables are plain memory that this value owns; CPUs that walk them are told of changes.
unsafe impl Send for PageTable {}
// SAFETY: methods on `&self` only read entries, atomically.
unsafe impl Sync for PageTable {}

/// Panics on an address that the kernel's own arithmetic should have kept out.
fn check(range: &Range<usize>) {
    assert!(
        range.start <= range.end
            && range.end <= USER_END
            && range.start.is_multiple_of(PAGE_SIZE)
            && range.end.is_multiple_of(PAGE_SIZE),
        "not a range of user pages: {range:x?}"
    );
}

impl PageTable {
    pub fn new() -> Result<PageTable, OutOfMemory> {
        let tables = Tables::new()?;
        let root = Box::new(Root {
            table: tables.root(),
            cpus: AtomicU64::new(0),
        });
        Ok(PageTable {
            root,
            tables,
            protected: None,
            resident: Resident::default(),
        })
    }

    /// Maps `frame` at `va`, whose slot is empty. A huge frame needs a 2 MiB aligned address with
    /// no small pages in its 2 MiB.
    pub fn map(&mut self, va: usize, frame: Frame, perms: Perms) -> Result<(), OutOfMemory> {
        let size = frame.size();
        assert!(
            va.is_multiple_of(size) && va < USER_END,
            "unaligned mapping"
        );
        let huge = size == HUGE_SIZE;
        let slot = if huge {
            self.huge_slot(va)?
        } else {
            self.tables.make_slot(va)?
        };
        assert!(slot.load().is_empty(), "mapped over a mapping at {va:#x}");
        let pte = Pte::user(frame.into_raw(), perms, Cache::WriteBack, huge, true);
        slot.store(pte);
        self.resident.add(pte);
        Ok(())
    }

    /// The empty second-level slot for a huge page, with the table that a later split needs put
    /// aside. An empty table in the way becomes that spare.
    fn huge_slot(&mut self, va: usize) -> Result<Slot<'_>, OutOfMemory> {
        if let Some(table) = self.tables.take_empty_table(va) {
            self.root.flush_tables(va..va + HUGE_SIZE);
            self.tables.put_spare(table);
        } else {
            self.tables.make_spare()?;
        }
        if let Err(error) = self.tables.make_huge_slot(va) {
            self.tables.drop_spares(1);
            return Err(error);
        }
        self.tables.make_huge_slot(va)
    }

    /// Whether a huge frame can be mapped at `va`: aligned and nothing below it.
    #[must_use]
    pub fn can_map_huge(&self, va: usize) -> bool {
        va.is_multiple_of(HUGE_SIZE)
            && va.checked_add(HUGE_SIZE).is_some_and(|end| end <= USER_END)
            && self.tables.is_vacant(va)
    }

    /// Maps one page of device memory.
    pub fn map_device(
        &mut self,
        va: usize,
        phys: PhysAddr,
        perms: Perms,
        cache: Cache,
    ) -> Result<(), MapError> {
        check(&(va..va + PAGE_SIZE));
        if memory::is_ram(phys.page()) {
            return Err(MapError::IsRam);
        }
        let slot = self.tables.make_slot(va)?;
        assert!(slot.load().is_empty(), "mapped over a mapping at {va:#x}");
        slot.store(Pte::user(phys.page().0, perms, cache, false, false));
        Ok(())
    }

    /// Pages of RAM mapped, but for device memory and the page of zeroes that all share.
    #[must_use]
    pub fn resident(&self) -> usize {
        self.resident.pages
    }

    /// Pages that the tables themselves take, but for the first one.
    #[must_use]
    pub fn tables(&self) -> usize {
        self.tables.count()
    }

    /// The most pages of RAM that were mapped at a time.
    #[must_use]
    pub fn resident_peak(&self) -> usize {
        self.resident.peak
    }

    #[must_use]
    pub fn get(&self, va: usize) -> Option<Entry> {
        if va >= USER_END {
            return None;
        }
        let pte = self.tables.find(va)?.load();
        (!pte.is_empty()).then(|| Entry::of(pte))
    }

    /// Puts `frame` in the place of the 4 KiB page at `va` (splitting a huge one).
    pub fn replace(&mut self, va: usize, frame: Frame, perms: Perms) -> Result<(), OutOfMemory> {
        check(&(va..va + PAGE_SIZE));
        assert_eq!(frame.size(), PAGE_SIZE);
        self.tables.split(va);
        let slot = self.tables.make_slot(va)?;
        let new = Pte::user(frame.into_raw(), perms, Cache::WriteBack, false, true);
        let old = slot.swap(new);
        self.resident.remove(old);
        self.resident.add(new);
        let mut gather = Gather::new(&self.root);
        gather.add(va, old);
        Ok(())
    }

    /// Gives the page at `va` new permissions without a remote flush: for faults that only add
    /// rights.
    pub fn raise(&mut self, va: usize, perms: Perms) {
        if let Some(slot) = self.tables.find(va) {
            let pte = slot.load();
            if !pte.is_empty() {
                slot.update(|pte| pte.with_perms(perms));
                crate::x86::invlpg(va);
            }
        }
    }

    /// Sets the permissions of all present entries of the range.
    pub fn protect(&mut self, range: Range<usize>, perms: Perms) {
        self.protect_with(range, |_, _| perms);
    }

    /// Sets the permissions of each present entry to what `choose` says for its frame (none:
    /// device memory) and its old permissions.
    pub fn protect_with(
        &mut self,
        range: Range<usize>,
        mut choose: impl FnMut(Option<&Frame>, Perms) -> Perms,
    ) {
        check(&range);
        self.tables.split_ends(&range);
        let mut gather = Gather::new(&self.root);
        self.tables.visit(range, |va, slot| {
            let old = slot.load();
            let perms = choose(borrowed(old).as_deref(), old.perms());
            if perms != old.perms() {
                slot.update(|pte| pte.with_perms(perms));
                if !perms.contains(old.perms()) {
                    gather.touch(va, old.size());
                }
            }
        });
    }

    pub fn unmap(&mut self, range: Range<usize>) {
        check(&range);
        self.tables.split_ends(&range);
        let mut gather = Gather::new(&self.root);
        let mut huge = 0;
        let resident = &mut self.resident;
        self.tables.visit(range, |va, slot| {
            let pte = slot.swap(Pte::EMPTY);
            huge += usize::from(pte.is_huge());
            resident.remove(pte);
            gather.add(va, pte);
        });
        drop(gather);
        self.tables.drop_spares(huge);
    }

    /// Takes out the range's pages of RAM whose frames `choose` picks.
    pub fn unmap_where(
        &mut self,
        range: Range<usize>,
        mut choose: impl FnMut(usize, &Frame) -> bool,
    ) {
        check(&range);
        self.tables.split_ends(&range);
        let mut gather = Gather::new(&self.root);
        let mut huge = 0;
        let resident = &mut self.resident;
        self.tables.visit(range, |va, slot| {
            if borrowed(slot.load()).is_some_and(|frame| choose(va, &frame)) {
                let pte = slot.swap(Pte::EMPTY);
                huge += usize::from(pte.is_huge());
                resident.remove(pte);
                gather.add(va, pte);
            }
        });
        drop(gather);
        self.tables.drop_spares(huge);
    }

    /// Takes everything out, or so many blocks of 2 MiB: false where more is left. All CPUs leave the
    /// space first, so that no TLB needs to be told of each page.
    pub fn clear(&mut self, blocks: usize) -> bool {
        self.root.evict();
        self.resident.pages = 0;
        // SAFETY: no CPU walks these tables any more.
        unsafe { self.tables.clear(blocks, release) }
    }

    /// Shares the range's entries with `child`, at the same addresses; with `write_protect`, both
    /// lose WRITE, which the TLBs learn by [`Self::finish_fork`]: the caller calls it after the
    /// last range, before the lock is released. Where there is more in the range than so many blocks of
    /// 2 MiB, that stays; returns where it begins. On failure the child keeps what it got.
    pub fn fork_into(
        &mut self,
        child: &mut PageTable,
        range: Range<usize>,
        write_protect: bool,
        blocks: &mut usize,
    ) -> Result<Option<usize>, OutOfMemory> {
        check(&range);
        self.tables.split_ends(&range);
        let protected = &mut self.protected;
        let mut result = Ok(None);
        let mut run = walk::Run::default();
        let mut block = None;
        self.tables.visit_while(range, |va, slot| {
            if block != Some(va / HUGE_SIZE) {
                if *blocks == 0 {
                    result = Ok(Some(va));
                    return false;
                }
                *blocks -= 1;
                block = Some(va / HUGE_SIZE);
            }
            let mut pte = slot.load();
            let made = if pte.is_huge() {
                child.huge_slot(va)
            } else {
                child.tables.make_slot_in_run(va, &mut run)
            };
            let target = match made {
                Ok(target) => target,
                Err(error) => {
                    result = Err(error);
                    return false;
                }
            };
            if write_protect && pte.perms().contains(Perms::WRITE) {
                pte = slot.update(|pte| pte.with_perms(pte.perms() - Perms::WRITE));
                let whole = protected.get_or_insert(va..va);
                whole.start = whole.start.min(va);
                whole.end = whole.end.max(va + pte.size());
            }
            if let Some(frame) = borrowed(pte) {
                core::mem::forget(Frame::clone(&frame));
            }
            target.store(pte.clean());
            child.resident.add(pte);
            true
        });
        result
    }

    /// Makes all CPUs notice what [`Self::fork_into`] protected.
    pub fn finish_fork(&mut self) {
        if let Some(range) = self.protected.take() {
            self.root.flush(range);
        }
    }

    /// Moves the entries of `[from, from+len)` to `to`; the target is empty and doesn't overlap. Where
    /// both begin at the same place within 2 MiB, whole tables move. A failure moves nothing.
    pub fn move_range(&mut self, from: usize, to: usize, len: usize) -> Result<(), OutOfMemory> {
        let range = from..from + len;
        check(&range);
        check(&(to..to + len));
        self.tables.split_ends(&range);
        let aligned = from % HUGE_SIZE == to % HUGE_SIZE;
        let whole = |part: &Range<usize>| aligned && part.len() == HUGE_SIZE;
        let target = |va: usize| va - from + to;
        // Everything that can fail comes first.
        self.tables.each_block(&range, |tables, part| {
            if whole(&part) {
                tables.make_huge_slot(target(part.start))?;
            } else {
                tables.split(part.start);
                tables.make_slot(target(part.start))?;
                tables.make_slot(target(part.end - PAGE_SIZE))?;
            }
            Ok(())
        })?;
        self.tables.each_block(&range, |tables, part| {
            if whole(&part) {
                tables.move_block(part.start, target(part.start));
            } else {
                tables.visit(part, |va, slot| {
                    let new = tables.find(target(va)).expect("made above");
                    new.store(slot.swap(Pte::EMPTY));
                });
            }
            Ok(())
        })?;
        if aligned && len >= HUGE_SIZE {
            self.root.flush_tables(range);
            self.root.flush_tables(to..to + len);
        } else {
            self.root.flush(range);
        }
        Ok(())
    }

    /// Visits the present entries of the range in order.
    pub fn for_each(&self, range: Range<usize>, mut visit: impl FnMut(usize, &Entry)) {
        check(&range);
        self.tables
            .visit(range, |va, slot| visit(va, &Entry::of(slot.load())));
    }

    /// Clears the dirty bits of the range, reporting the pages that had it.
    pub fn clear_dirty(&mut self, range: Range<usize>, mut visit: impl FnMut(usize, &Frame)) {
        check(&range);
        let mut gather = Gather::new(&self.root);
        self.tables.visit(range, |va, slot| {
            let old = slot.load();
            if old.dirty() {
                slot.update(Pte::clean);
                gather.touch(va, old.size());
                if let Some(frame) = borrowed(old) {
                    visit(va, &frame);
                }
            }
        });
    }

    /// Returns when each other CPU where the space is active has passed a memory barrier.
    pub fn barrier(&self) {
        self.root.barrier();
    }

    /// Makes this the space that user addresses mean on this CPU.
    #[inline]
    pub fn activate(&self) {
        self.root.activate();
    }
}

/// Gives up the reference that an entry was.
fn release(pte: Pte) {
    if let Some(frame) = borrowed(pte) {
        drop(ManuallyDrop::into_inner(frame));
    }
}

impl Drop for PageTable {
    fn drop(&mut self) {
        self.clear(usize::MAX);
        debug_assert_eq!(self.root.cpus.load(Ordering::Relaxed), 0);
        // SAFETY: no CPU walks these tables any more, and nobody else names them.
        unsafe { self.tables.free_root() };
    }
}

const _: () = assert!(ENTRIES * PAGE_SIZE == HUGE_SIZE);
