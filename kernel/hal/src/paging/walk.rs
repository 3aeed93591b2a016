//! The tables of a user space: finding, making and visiting slots.
//!
//! Slots are read and written as atomics, as the CPU sets accessed and dirty bits meanwhile.

use super::entry::Pte;
use super::kernel;
use crate::addr::{HUGE_SIZE, PAGE_SIZE};
use crate::frame::{self, Frame, OutOfMemory};
use crate::mem;
use crate::memory::direct;
use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

pub const ENTRIES: usize = 512;
/// The level of the entries that name last-level tables, or are huge leaves.
pub const LAST_TABLES: usize = 2;
/// The level of the entries that name pages.
const PAGES: usize = 1;
/// The level of the first table.
const TOP: usize = 4;
const TOP_USER: usize = ENTRIES / 2;

/// One entry's place.
#[derive(Clone, Copy)]
pub struct Slot<'a> {
    at: *const AtomicU64,
    _table: PhantomData<&'a ()>,
}

impl Slot<'_> {
    #[inline]
    fn atomic(&self) -> &AtomicU64 {
        // SAFETY: slots are made from live tables only, and borrow the `Tables` that own them.
        unsafe { &*self.at }
    }

    #[inline]
    pub fn load(&self) -> Pte {
        Pte(self.atomic().load(Ordering::Relaxed))
    }

    #[inline]
    pub fn store(&self, pte: Pte) {
        self.atomic().store(pte.0, Ordering::Release);
    }

    #[inline]
    pub fn swap(&self, pte: Pte) -> Pte {
        Pte(self.atomic().swap(pte.0, Ordering::AcqRel))
    }

    /// Changes the entry without losing a bit the CPU sets meanwhile; returns the new one.
    pub fn update(&self, change: impl Fn(Pte) -> Pte) -> Pte {
        let mut old = self.load();
        loop {
            let new = change(old);
            match self
                .atomic()
                .compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return new,
                Err(seen) => old = Pte(seen),
            }
        }
    }
}

/// Remembers the table of the last slot, as neighbours mostly share it.
#[derive(Default)]
pub struct Run {
    huge_page: usize,
    table: Option<u64>,
}

pub struct Tables {
    root: u64,
    /// Tables put aside, one for each huge page, so that splitting one cannot fail; linked by
    /// their first word.
    spares: u64,
    /// Tables but for the first one, those put aside included.
    count: usize,
}

fn slot<'a>(table: u64, index: usize) -> Slot<'a> {
    debug_assert!(index < ENTRIES);
    // SAFETY: a table is a frame of 512 entries in the direct map.
    let at = unsafe { direct(table).cast::<AtomicU64>().add(index) };
    Slot {
        at,
        _table: PhantomData,
    }
}

#[inline]
fn index(va: usize, level: usize) -> usize {
    va >> (12 + 9 * (level - 1)) & (ENTRIES - 1)
}

impl Tables {
    /// Empty tables, with the kernel's half in place.
    pub fn new() -> Result<Tables, OutOfMemory> {
        let root = frame::alloc_table()?;
        let half = TOP_USER * size_of::<Pte>();
        // SAFETY: both are tables in the direct map; the kernel's upper half never changes, and
        // the new one is nobody else's.
        unsafe {
            mem::copy(
                direct(root).add(half),
                direct(kernel::root()).add(half),
                half,
            )
        };
        Ok(Tables {
            root,
            spares: 0,
            count: 0,
        })
    }

    pub fn root(&self) -> u64 {
        self.root
    }

    /// Tables that there are beside the first one.
    pub fn count(&self) -> usize {
        self.count
    }

    /// So many tables that were taken out are free.
    pub fn forget(&mut self, tables: usize) {
        // Those of a space that was cleared meanwhile are forgotten already.
        self.count = self.count.saturating_sub(tables);
    }

    fn new_table(&mut self) -> Result<u64, OutOfMemory> {
        let table = frame::alloc_table()?;
        self.count += 1;
        Ok(table)
    }

    /// The slot whose entry translates `va`: in a last-level table, or a huge leaf.
    #[inline]
    pub fn find(&self, va: usize) -> Option<Slot<'_>> {
        let mut table = self.root;
        for level in (2..=4).rev() {
            let slot = slot(table, index(va, level));
            let pte = slot.load();
            if pte.is_leaf() {
                return Some(slot);
            }
            if !pte.is_present() {
                return None;
            }
            table = pte.phys();
        }
        Some(slot(table, index(va, 1)))
    }

    /// The second-level slot of `va`, if there is a table for it.
    pub fn huge(&self, va: usize) -> Option<Slot<'_>> {
        let mut table = self.root;
        for level in (3..=4).rev() {
            let pte = slot(table, index(va, level)).load();
            if !pte.is_present() {
                return None;
            }
            table = pte.phys();
        }
        Some(slot(table, index(va, 2)))
    }

    fn next_table(&mut self, at: Slot<'_>) -> Result<u64, OutOfMemory> {
        let pte = at.load();
        assert!(!pte.is_leaf(), "a huge page is in the way");
        if pte.is_present() {
            return Ok(pte.phys());
        }
        let new = self.new_table()?;
        at.store(Pte::table(new));
        Ok(new)
    }

    /// The second-level slot of `va`, with the tables above it.
    pub fn make_huge_slot(&mut self, va: usize) -> Result<Slot<'_>, OutOfMemory> {
        let mut table = self.root;
        for level in (3..=4).rev() {
            table = self.next_table(slot(table, index(va, level)))?;
        }
        Ok(slot(table, index(va, 2)))
    }

    /// The last-level slot of `va`, with the tables above it. Huge pages there are split before.
    pub fn make_slot(&mut self, va: usize) -> Result<Slot<'_>, OutOfMemory> {
        let mut table = self.root;
        for level in (2..=4).rev() {
            table = self.next_table(slot(table, index(va, level)))?;
        }
        Ok(slot(table, index(va, 1)))
    }

    /// As [`Self::make_slot`], quicker for neighbours.
    pub fn make_slot_in_run(&mut self, va: usize, run: &mut Run) -> Result<Slot<'_>, OutOfMemory> {
        if let Some(table) = run.table
            && run.huge_page == va / HUGE_SIZE
        {
            return Ok(slot(table, index(va, 1)));
        }
        let at = self.make_huge_slot(va)?;
        let at: Slot<'static> = Slot {
            at: at.at,
            _table: PhantomData,
        };
        let table = self.next_table(at)?;
        *run = Run {
            huge_page: va / HUGE_SIZE,
            table: Some(table),
        };
        Ok(slot(table, index(va, 1)))
    }

    /// Whether nothing is mapped in the 2 MiB of `va`.
    pub fn is_vacant(&self, va: usize) -> bool {
        let Some(pte) = self.huge(va).map(|slot| slot.load()) else {
            return true;
        };
        pte.is_empty() || (!pte.is_leaf() && is_empty_table(pte.phys()))
    }

    /// Takes an empty last-level table out. The caller flushes before it is used again.
    pub fn take_empty_table(&mut self, va: usize) -> Option<u64> {
        let slot = self.huge(va)?;
        let pte = slot.load();
        if pte.is_empty() || pte.is_leaf() || !is_empty_table(pte.phys()) {
            return None;
        }
        slot.store(Pte::EMPTY);
        Some(pte.phys())
    }

    /// Puts a new table aside, for a huge page.
    pub fn make_spare(&mut self) -> Result<(), OutOfMemory> {
        let table = self.new_table()?;
        self.put_spare(table);
        Ok(())
    }

    pub fn put_spare(&mut self, table: u64) {
        slot(table, 0).store(Pte(self.spares));
        self.spares = table;
    }

    /// Frees `count` tables that were put aside for huge pages which are gone.
    pub fn drop_spares(&mut self, count: usize) {
        self.count -= count;
        for _ in 0..count {
            let spare = self.take_spare();
            // SAFETY: a spare is in no tree.
            unsafe { frame::free_table(spare) };
        }
    }

    fn take_spare(&mut self) -> u64 {
        let table = self.spares;
        assert_ne!(table, 0, "each huge page has put a table aside");
        self.spares = slot(table, 0).load().0;
        table
    }

    /// Turns the huge page that holds `va`, if there is one, into 512 small ones. All translate
    /// as before, so no TLB needs to know.
    pub fn split(&mut self, va: usize) {
        let Some(at) = self.huge(va) else { return };
        let at: Slot<'static> = Slot {
            at: at.at,
            _table: PhantomData,
        };
        let pte = at.load();
        if !pte.is_leaf() {
            return;
        }
        let table = self.take_spare();
        for part in 0..ENTRIES {
            slot(table, part).store(pte.part(part));
        }
        if pte.is_owned() {
            // SAFETY: the entry's own reference becomes one of each part, which the small leaves have.
            unsafe { Frame::from_raw(pte.phys(), true) }.break_up();
        }
        // The CPU may set the huge leaf's dirty bit until here; the parts of a page that can be
        // written are dirty in any case as far as their owner is concerned.
        at.store(Pte::table(table));
    }

    /// Splits huge pages that `range` covers in part.
    pub fn split_ends(&mut self, range: &Range<usize>) {
        for end in [range.start, range.end] {
            if !end.is_multiple_of(HUGE_SIZE) {
                self.split(end);
            }
        }
    }

    /// Visits the occupied slots of the range in order.
    pub fn visit(&self, range: Range<usize>, visit: impl FnMut(usize, Slot<'_>)) {
        self.visit_down_to(PAGES, range, visit);
    }

    /// As [`Self::visit`], until `visit` says false.
    pub fn visit_while(&self, range: Range<usize>, mut visit: impl FnMut(usize, Slot<'_>) -> bool) {
        self.visit_table(self.root, (TOP, PAGES), range, &mut visit);
    }

    /// As [`Self::visit`], but stops at the entries of `level`, though they name tables.
    pub fn visit_down_to(
        &self,
        level: usize,
        range: Range<usize>,
        mut visit: impl FnMut(usize, Slot<'_>),
    ) {
        let mut visit = |va, slot: Slot<'_>| {
            visit(va, slot);
            true
        };
        self.visit_table(self.root, (TOP, level), range, &mut visit);
    }

    /// Calls `work` for each 2 MiB where there are entries of the range, cut to it, in order, until it fails.
    pub fn each_block(
        &mut self,
        range: &Range<usize>,
        mut work: impl FnMut(&mut Tables, Range<usize>) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        /// What one table of the level above names.
        const SPAN: usize = ENTRIES * HUGE_SIZE;
        let mut start = range.start;
        while start < range.end {
            let first = start & !(SPAN - 1);
            let end = (first + SPAN).min(range.end);
            let mut used = [false; ENTRIES];
            self.visit_down_to(LAST_TABLES, start..end, |va, _| {
                used[(va - first) / HUGE_SIZE] = true;
            });
            for (number, _) in used.iter().enumerate().filter(|(_, used)| **used) {
                let block = first + number * HUGE_SIZE;
                work(self, block.max(start)..(block + HUGE_SIZE).min(end))?;
            }
            start = end;
        }
        Ok(())
    }

    /// Moves a last-level table, or a huge leaf, to a second-level slot that there is, in whose 2 MiB nothing is
    /// mapped. The caller flushes both, with what is kept of tables.
    pub fn move_block(&mut self, from: usize, to: usize) {
        assert!(self.is_vacant(to), "moved over a mapping at {to:#x}");
        let slots = self.huge(from).zip(self.huge(to));
        let (old, new) = slots.expect("there are both");
        let block = old.swap(Pte::EMPTY);
        // An empty table in the way serves the old place.
        old.store(new.swap(block));
    }

    /// `levels`: the table's own, and the one where it stops. False: `visit` has ended it.
    fn visit_table(
        &self,
        table: u64,
        levels: (usize, usize),
        range: Range<usize>,
        visit: &mut impl FnMut(usize, Slot<'_>) -> bool,
    ) -> bool {
        let (level, last) = levels;
        let size = PAGE_SIZE << (9 * (level - 1));
        let mut va = range.start;
        while va < range.end {
            let start = va & !(size - 1);
            let slot = slot(table, index(va, level));
            let pte = slot.load();
            let goes_on = if pte.is_leaf() || (level == last && pte.is_present()) {
                visit(start, slot)
            } else if pte.is_present() {
                let end = (start + size).min(range.end);
                self.visit_table(pte.phys(), (level - 1, last), va..end, visit)
            } else {
                true
            };
            if !goes_on {
                return false;
            }
            va = start + size;
        }
        true
    }

    /// Gives leaves to `release` and frees the tables that named them, all but the top one, until nothing
    /// is left (true) or so many last-level tables are freed.
    ///
    /// # Safety
    /// No CPU walks the tables.
    pub unsafe fn clear(&mut self, mut blocks: usize, mut release: impl FnMut(Pte)) -> bool {
        for index in 0..TOP_USER {
            let slot = slot(self.root, index);
            let pte = slot.load();
            if pte.is_present() {
                // SAFETY: by the caller's promise.
                if !unsafe { free_below(pte.phys(), 3, &mut blocks, &mut release) } {
                    return false;
                }
                slot.store(Pte::EMPTY);
            }
        }
        while self.spares != 0 {
            let spare = self.take_spare();
            // SAFETY: a spare is in no tree.
            unsafe { frame::free_table(spare) };
        }
        self.count = 0;
        true
    }

    /// Frees the top table.
    ///
    /// # Safety
    /// No CPU walks the tables, which were cleared and are not used again.
    pub unsafe fn free_root(&mut self) {
        // SAFETY: the table came from `alloc_table`.
        unsafe { frame::free_table(self.root) };
    }
}

/// Frees what is below a table of this level, and then the table itself: true. With no `blocks` left it
/// stops; what is freed by then is in the table no more.
///
/// # Safety
/// No CPU walks the table. Once it is freed, its entry is not used any more.
unsafe fn free_below(
    table: u64,
    level: usize,
    blocks: &mut usize,
    release: &mut impl FnMut(Pte),
) -> bool {
    for index in 0..ENTRIES {
        let slot = slot(table, index);
        let pte = slot.load();
        if pte.is_empty() {
            continue;
        }
        if level == LAST_TABLES {
            if *blocks == 0 {
                return false;
            }
            *blocks -= 1;
            // SAFETY: each block is in the tree once, and is taken out.
            unsafe { free_block(pte, &mut *release) };
        } else {
            // SAFETY: as above.
            if !unsafe { free_below(pte.phys(), level - 1, blocks, release) } {
                return false;
            }
        }
        slot.store(Pte::EMPTY);
    }
    // SAFETY: the table came from `alloc_table`, and is in the tree no more.
    unsafe { frame::free_table(table) };
    true
}

/// Gives the leaves of a last-level table to `release` and frees it, or a huge leaf to `release`.
///
/// # Safety
/// No CPU walks the table, and no other table names it.
pub unsafe fn free_block(block: Pte, mut release: impl FnMut(Pte)) {
    if block.is_leaf() {
        return release(block);
    }
    let leaves = (0..ENTRIES).map(|index| slot(block.phys(), index).load());
    leaves.filter(|pte| !pte.is_empty()).for_each(release);
    // SAFETY: the table came from `alloc_table`, and is in no tree any more.
    unsafe { frame::free_table(block.phys()) };
}

fn is_empty_table(table: u64) -> bool {
    (0..ENTRIES).all(|index| slot(table, index).load().is_empty())
}
