//! Address spaces: a tree of mappings and the page table that caches what they say.
//!
//! The page table never shows more than the mappings allow; it may show less, which a fault puts
//! right. One spinlock guards both. It is never held while a page is brought in or user memory is
//! touched. A fork lets go of it now and then; the mappings stay as they are until it is done, as whoever
//! changes them waits ([`AddressSpace::lock_maps`]). Only faults go on, by which a stack may grow.

use super::mapping::{Backing, Flags, Mapping, Name, ObjectRef};
use super::object::{MemoryObject, leftovers};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::busy::ExecUse;
use crate::fs::calls::aio;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::cpu;
use crate::sched::wait::{Interrupt, WaitQueue};
use crate::task::limits::{INFINITY, Resource};
use crate::task::process::Process;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use ochre_hal::admission;
use ochre_hal::frame::Frame;
use ochre_hal::paging::{Detached, PageTable, Perms};
use ochre_hal::sync::{SpinGuard, SpinLock};
use ochre_hal::{PAGE_SIZE, USER_END};

/// The lowest address that is ever mapped unasked for: null pointers with offsets fault.
pub const MIN_ADDR: usize = 0x1_0000;

/// Mappings of one space, as Linux's default.
pub const MAX_MAPPINGS: usize = 65_530;

/// Pages kept free below a growing stack.
pub const STACK_GAP: usize = 256 * PAGE_SIZE;

/// What the kernel and /proc know of a program's memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    pub code: (usize, usize),
    pub data: (usize, usize),
    pub brk_start: usize,
    pub brk: usize,
    pub stack: usize,
    pub args: (usize, usize),
    pub env: (usize, usize),
    pub vdso: usize,
}

pub struct AddressSpace {
    _counted: Counted<{ ObjectKind::AddressSpace as usize }>,
    id: u64,
    inner: SpinLock<Inner>,
    /// Announces that no fork copies its mappings any more.
    forked: WaitQueue,
    /// Processes that live in it: more than one after vfork or CLONE_VM.
    users: AtomicUsize,
    /// AT_* values of the program, as bytes: /proc/self/auxv.
    pub auxv: SpinLock<Vec<u8>>,
    /// /proc/self/coredump_filter.
    pub dump_filter: AtomicU32,
    /// membarrier's registration: of all who live here, and of forked children.
    pub private_barriers: AtomicBool,
    /// Asynchronous I/O that its programs have set up.
    pub aio: aio::Contexts,
    /// Keeps the program from being written while it runs here.
    program: SpinLock<Option<Arc<ExecUse>>>,
}

pub struct Inner {
    pub maps: BTreeMap<usize, Mapping>,
    pub table: PageTable,
    pub layout: Layout,
    /// New mappings are placed below this.
    pub base: usize,
    /// Where to look first: below the mapping placed last.
    hint: usize,
    /// Pages of all mappings together.
    pub total: usize,
    /// The most that they ever were.
    pub peak: usize,
    /// prctl(PR_SET_THP_DISABLE): no huge pages that weren't asked for, nor those that were.
    pub small_pages_only: bool,
    /// A fork copies the mappings, and may have let go of the lock for others to run.
    forking: bool,
    /// How what is mapped from now on is locked (MCL_FUTURE).
    pub future_locks: Flags,
}

/// What [`Inner::unmap`] took out, for [`AddressSpace::release`].
#[must_use = "its pages count until they are released"]
#[derive(Default)]
pub struct Unmapped {
    mappings: BTreeMap<usize, Mapping>,
    pages: Detached,
}

/// Drops mappings; other threads run meanwhile. The caller holds no spinlock.
fn let_go(mut mappings: BTreeMap<usize, Mapping>) {
    /// Mappings between two looks at what else there is to do.
    const STEP: usize = 64;
    for count in 1.. {
        if mappings.pop_first().is_none() {
            break;
        }
        if count % STEP == 0 {
            cpu::breathe();
        }
        leftovers::let_go();
    }
}

/// Addresses that show an object, from its page number `page` on.
struct Shown {
    at: Range<usize>,
    page: u64,
    shared: bool,
}

impl Shown {
    /// What `mapping` shows of the pages `[first, last)` of `object`.
    fn of(mapping: &Mapping, object: &MemoryObject, first: u64, last: u64) -> Option<Shown> {
        let Backing::Object(backing, offset) = &mapping.backing else {
            return None;
        };
        if !core::ptr::eq(&**backing.object(), object) {
            return None;
        }
        let from = offset / PAGE_SIZE as u64;
        let to = from + (mapping.size() / PAGE_SIZE) as u64;
        let (a, b) = (first.max(from), last.min(to));
        let at = |page: u64| mapping.start + (page - from) as usize * PAGE_SIZE;
        (a < b).then(|| Shown {
            at: at(a)..at(b),
            page: a,
            shared: mapping.shared,
        })
    }
}

impl AddressSpace {
    /// An empty space, whose mappings are placed downwards from `base`.
    pub fn new(base: usize) -> Result<Arc<AddressSpace>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let inner = Inner {
            maps: BTreeMap::new(),
            table: PageTable::new()?,
            layout: Layout::default(),
            base,
            hint: base,
            total: 0,
            peak: 0,
            small_pages_only: false,
            forking: false,
            future_locks: Flags::empty(),
        };
        Ok(Arc::new(AddressSpace {
            _counted: Counted::new(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            inner: SpinLock::new(lock_order::SPACE, inner),
            forked: WaitQueue::new(),
            users: AtomicUsize::new(1),
            auxv: SpinLock::new(lock_order::CELL, Vec::new()),
            dump_filter: AtomicU32::new(0x33),
            private_barriers: AtomicBool::new(false),
            aio: SpinLock::new(lock_order::CELL, BTreeMap::new()),
            program: SpinLock::new(lock_order::CELL, None),
        }))
    }

    /// Never reused: names the space in futex keys.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// For who looks, or changes pages; who changes mappings waits for forks: [`Self::lock_maps`].
    pub fn lock(&self) -> SpinGuard<'_, Inner> {
        self.inner.lock()
    }

    /// As [`Self::lock`], for who adds, changes or removes mappings. The caller holds no spinlock.
    pub fn lock_maps(&self) -> SpinGuard<'_, Inner> {
        loop {
            let inner = self.lock();
            if !inner.forking {
                return inner;
            }
            drop(inner);
            self.forked
                .wait_uninterrupted(|| (!self.lock().forking).then_some(()));
        }
    }

    #[must_use]
    pub fn user_count(&self) -> usize {
        self.users.load(Ordering::Relaxed)
    }

    /// Another process lives in it from now on.
    pub fn join(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// A process leaves; with the last one goes what is mapped.
    pub fn leave(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.clear();
        }
    }

    /// Makes user addresses mean this space on this CPU.
    pub fn activate(&self) {
        self.lock().table.activate();
    }

    /// A copy for a forked child: private memory is shared until either side writes. Other threads run
    /// meanwhile; who is killed gets none.
    pub fn fork(self: &Arc<Self>) -> Result<Arc<AddressSpace>> {
        let mut parent = self.lock_maps();
        let child = AddressSpace::new(parent.base)?;
        {
            let mut inner = child.inner.lock_same_rank();
            inner.layout = parent.layout;
            inner.hint = parent.hint;
            inner.small_pages_only = parent.small_pages_only;
        }
        parent.forking = true;
        drop(parent);
        let copied = child.copy(self);
        self.lock().forking = false;
        self.forked.wake_all(Events::all());
        if let Err(error) = copied {
            child.clear();
            return Err(error);
        }
        let registered = self.private_barriers.load(Ordering::Relaxed);
        child.private_barriers.store(registered, Ordering::Relaxed);
        let filter = self.dump_filter.load(Ordering::Relaxed);
        child.dump_filter.store(filter, Ordering::Relaxed);
        let auxv = self.auxv.lock().clone();
        *child.auxv.lock() = auxv;
        let program = self.program.lock().clone();
        child.set_program(program);
        Ok(child)
    }

    /// Enters what a forked child has of `parent`: the part that there is memory for on failure.
    fn copy(self: &Arc<Self>, parent: &AddressSpace) -> Result {
        let mut from = 0;
        loop {
            let rest = self.copy_some(&mut parent.lock(), from)?;
            let Some(next) = rest else { return Ok(()) };
            from = next;
            cpu::breathe();
            if cpu::current().is_interrupted(Interrupt::Kill) {
                return Err(Errno::EINTR);
            }
        }
    }

    /// Copies some of what `parent` has from the address `from` on. Returns where there is more.
    fn copy_some(self: &Arc<Self>, parent: &mut Inner, from: usize) -> Result<Option<usize>> {
        /// Mappings and blocks of 2 MiB between two looks at what else there is to do.
        const STEP: usize = 32;
        /// Mappings that one question about memory is for.
        const FEW: usize = 8;
        let mut inner = self.inner.lock_same_rank();
        // The mapping that was begun, if it wasn't done; it may have grown downwards since.
        let mut begun = inner.find(from).is_some();
        let first = parent.find(from).map_or(from, |mapping| mapping.start);
        let Inner { maps, table, .. } = parent;
        let kept = |mapping: &&Mapping| !mapping.flags.contains(Flags::NO_FORK);
        let mut blocks = STEP;
        let mut copied = Ok(None);
        for (at, mapping) in maps.range(first..).map(|(_, m)| m).filter(kept).enumerate() {
            if at == STEP || blocks == 0 {
                copied = Ok(Some(mapping.start));
                break;
            }
            let start = if core::mem::take(&mut begun) {
                from
            } else {
                if at.is_multiple_of(FEW)
                    && let Err(error) = admission::ask()
                {
                    copied = Err(error);
                    break;
                }
                inner.grow(mapping.size() / PAGE_SIZE);
                inner.maps.insert(mapping.start, mapping.for_child());
                self.attach(mapping);
                mapping.start
            };
            let private = matches!(mapping.backing, Backing::Anonymous)
                || mapping.flags.contains(Flags::COPIED);
            if private && !mapping.shared && !mapping.flags.contains(Flags::WIPE_ON_FORK) {
                let range = start..mapping.end;
                copied = table.fork_into(&mut inner.table, range, true, &mut blocks);
                if !matches!(copied, Ok(None)) {
                    break;
                }
            }
        }
        table.finish_fork();
        Ok(copied?)
    }

    /// Takes everything out: the process is gone, its memory with it. Other threads run meanwhile.
    fn clear(&self) {
        /// Blocks of 2 MiB between two looks at what else there is to do.
        const STEP: usize = 8;
        let mut inner = self.lock();
        // Without mappings nothing is brought in any more.
        let maps = core::mem::take(&mut inner.maps);
        inner.total = 0;
        drop(inner);
        while !self.lock().table.clear(STEP) {
            cpu::breathe();
        }
        self.detach(&maps);
        let_go(maps);
        let contexts = core::mem::take(&mut *self.aio.lock());
        drop(contexts);
        self.set_program(None);
    }

    /// The objects of these mappings forget it.
    fn detach(&self, maps: &BTreeMap<usize, Mapping>) {
        for mapping in maps.values() {
            if let Backing::Object(object, _) = &mapping.backing {
                object.object().viewers.detach(self);
            }
        }
    }

    /// Removes all mappings of the range, and lets go of what was there.
    pub fn unmap(&self, range: Range<usize>) -> Result {
        let mut unmapped = Unmapped::default();
        let result = self.lock_maps().unmap(range, &mut unmapped);
        self.release(unmapped);
        result
    }

    /// Lets go of what was unmapped; other threads run meanwhile. The caller holds no spinlock.
    pub fn release(&self, unmapped: Unmapped) {
        let Unmapped {
            mappings,
            mut pages,
        } = unmapped;
        let_go(mappings);
        self.release_pages(&mut pages);
    }

    /// As [`Self::release`], of pages alone.
    pub fn release_pages(&self, pages: &mut Detached) {
        while let Some(released) = pages.release_block() {
            self.lock().table.forget(&released);
            cpu::breathe();
        }
    }

    /// Says which file it runs.
    pub fn set_program(&self, program: Option<Arc<ExecUse>>) {
        let old = core::mem::replace(&mut *self.program.lock(), program);
        drop(old);
    }

    /// Takes the pages `[first, last)` of `object` out of the page table: of private mappings those
    /// that `gone` picks by their number and what is mapped there, which may be a copy.
    pub fn unmap_object(
        &self,
        object: &MemoryObject,
        first: u64,
        last: u64,
        gone: &dyn Fn(u64, &Frame) -> bool,
    ) {
        let Inner { maps, table, .. } = &mut *self.lock();
        let shown = |mapping| Shown::of(mapping, object, first, last);
        for Shown { at, page, shared } in maps.values().filter_map(shown) {
            if shared {
                table.unmap(at);
            } else {
                let start = at.start;
                table.unmap_where(at, |va, frame| {
                    gone(page + ((va - start) / PAGE_SIZE) as u64, frame)
                });
            }
        }
    }

    /// Takes the right to write away from the pages `[first, last)` of `object`.
    pub fn write_protect_object(&self, object: &MemoryObject, first: u64, last: u64) {
        let Inner { maps, table, .. } = &mut *self.lock();
        let shown = |mapping| Shown::of(mapping, object, first, last);
        for shown in maps.values().filter_map(shown).filter(|shown| shown.shared) {
            table.protect_with(shown.at, |_, perms| perms - Perms::WRITE);
        }
    }

    /// Adds a mapping at a free place that the caller chose (execve).
    pub fn add(self: &Arc<Self>, mapping: Mapping) -> Result {
        let mut inner = self.lock_maps();
        if mapping.start >= mapping.end || mapping.end > USER_END {
            return Err(Errno::ENOMEM);
        }
        let mut replaced = Unmapped::default();
        inner.unmap(mapping.start..mapping.end, &mut replaced)?;
        self.attach(&mapping);
        let added = inner.insert(mapping);
        drop(inner);
        self.release(replaced);
        added
    }

    pub(super) fn attach(self: &Arc<Self>, mapping: &Mapping) {
        if let Backing::Object(object, _) = &mapping.backing
            // Device memory is never dropped.
            && !object.object().is_device()
        {
            object.object().viewers.attach(self);
        }
    }

    /// Maps `object` for the kernel's own purposes (schemes, the vDSO) at a place of its choosing.
    pub fn map_object(
        self: &Arc<Self>,
        object: &Arc<MemoryObject>,
        offset: u64,
        len: usize,
        perms: Perms,
        shared: bool,
        label: &'static str,
    ) -> Result<usize> {
        let writer = shared && perms.contains(Perms::WRITE);
        let backing = Backing::Object(ObjectRef::new(object.clone(), writer)?, offset);
        let len = len
            .checked_next_multiple_of(PAGE_SIZE)
            .ok_or(Errno::ENOMEM)?;
        let mut inner = self.lock_maps();
        let start = inner.find_free(len, None).ok_or(Errno::ENOMEM)?;
        let mapping = Mapping {
            start,
            end: start + len,
            perms,
            max: perms,
            shared,
            backing,
            flags: Flags::empty(),
            name: Name::Label(label),
        };
        self.attach(&mapping);
        inner.insert(mapping)?;
        Ok(start)
    }
}

/// One that was never finished (a fork or execve that found no memory) still has mappings: objects
/// would remember it for good.
impl Drop for AddressSpace {
    fn drop(&mut self) {
        let maps = core::mem::take(&mut self.inner.get_mut().maps);
        self.detach(&maps);
    }
}

impl Inner {
    /// The mapping that holds `addr`.
    #[must_use]
    pub fn find(&self, addr: usize) -> Option<&Mapping> {
        let (_, mapping) = self.maps.range(..=addr).next_back()?;
        (addr < mapping.end).then_some(mapping)
    }

    /// Whether nothing is mapped in the range.
    #[must_use]
    pub fn is_free(&self, range: Range<usize>) -> bool {
        self.maps
            .range(..range.end)
            .next_back()
            .is_none_or(|(_, m)| m.end <= range.start)
    }

    /// A free place for `len` bytes: at `wish` if that is free, else as high as possible below the
    /// base.
    #[must_use]
    pub fn find_free(&mut self, len: usize, wish: Option<usize>) -> Option<usize> {
        self.find_free_aligned(len, wish, PAGE_SIZE)
    }

    /// As [`Self::find_free`]; unless it is the wish, the place is a multiple of `align`, a power of
    /// two.
    #[must_use]
    pub fn find_free_aligned(
        &mut self,
        len: usize,
        wish: Option<usize>,
        align: usize,
    ) -> Option<usize> {
        if let Some(wish) = wish
            && let Some(end) = wish.checked_add(len)
            && wish >= MIN_ADDR
            && end <= USER_END
            && self.is_free(wish..end)
        {
            return Some(wish);
        }
        let found = self
            .free_below(self.hint, len, align)
            .or_else(|| self.free_below(self.base, len, align))?;
        self.hint = found;
        Some(found)
    }

    fn free_below(&self, limit: usize, len: usize, align: usize) -> Option<usize> {
        let highest = |end: usize| Some(end.checked_sub(len)? & !(align - 1));
        let mut end = limit;
        for (_, mapping) in self.maps.range(..limit).rev() {
            let floor = mapping.end;
            if let Some(start) = highest(end)
                && start >= floor
            {
                return Some(start);
            }
            end = end.min(mapping.start);
            // A growing stack keeps its gap.
            if mapping.flags.contains(Flags::GROWS_DOWN) {
                end = end.saturating_sub(STACK_GAP);
            }
        }
        highest(end).filter(|&start| start >= MIN_ADDR)
    }

    /// Pages of private mappings that can be written, but for those that need not be there
    /// (MAP_NORESERVE).
    #[must_use]
    pub fn committed(&self) -> usize {
        let counts = |m: &&Mapping| {
            !m.shared && m.perms.contains(Perms::WRITE) && !m.flags.contains(Flags::NO_RESERVE)
        };
        let sizes = self.maps.values().filter(counts).map(Mapping::size);
        sizes.sum::<usize>() / PAGE_SIZE
    }

    /// There are so many pages more.
    pub(super) fn grow(&mut self, pages: usize) {
        self.total += pages;
        self.peak = self.peak.max(self.total);
    }

    /// Whether so many more bytes of mappings stay within `process`'s RLIMIT_AS; and its RLIMIT_DATA, if
    /// they are `data`.
    pub fn allows(&self, process: &Process, more: usize, data: bool) -> bool {
        let mapped = (self.total as u64).saturating_mul(PAGE_SIZE as u64);
        if mapped.saturating_add(more as u64) > process.limit(Resource::AddressSpace) {
            return false;
        }
        !data || self.allows_data(process, more)
    }

    /// Whether so many more bytes of data stay within `process`'s RLIMIT_DATA.
    pub fn allows_data(&self, process: &Process, more: usize) -> bool {
        let limit = process.limit(Resource::Data);
        if limit == INFINITY {
            return true;
        }
        let sum = (self.data() as u64).saturating_add(more as u64);
        // As Linux: of nothing, for Valgrind's sake, the hard limit counts.
        let hard = process.limits().get(Resource::Data as u32);
        sum <= limit || limit == 0 && hard.is_ok_and(|limit| sum <= limit.hard)
    }

    /// The first mapping that begins at `at` or behind it.
    pub fn after(&self, at: usize) -> Option<Range<usize>> {
        let (_, mapping) = self.maps.range(at..).next()?;
        Some(mapping.start..mapping.end)
    }

    /// Whether there can be `more` mappings.
    pub fn room_for(&self, more: usize) -> Result {
        if self.maps.len() + more > MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        Ok(admission::ask()?)
    }

    /// Enters a mapping whose place is free, joined with equal neighbours.
    pub fn insert(&mut self, mapping: Mapping) -> Result {
        self.room_for(1)?;
        self.put(mapping);
        Ok(())
    }

    /// As [`Inner::insert`], where there is room for it.
    pub fn put(&mut self, mapping: Mapping) {
        self.grow(mapping.size() / PAGE_SIZE);
        let start = mapping.start;
        self.maps.insert(start, mapping);
        self.merge_around(start..start + 1);
    }

    /// Joins mappings in and next to the range that continue one another.
    pub fn merge_around(&mut self, range: Range<usize>) {
        let before = self.maps.range(..range.start).next_back();
        let first = before.or_else(|| self.maps.range(range.start..).next());
        let Some(mut current) = first.map(|(&start, _)| start) else {
            return;
        };
        while current < range.end {
            let mut from = self.maps.range_mut(current..);
            let (Some((_, first)), Some((&next, second))) = (from.next(), from.next()) else {
                return;
            };
            if first.continues(second) {
                first.end = second.end;
                first.flags |= second.flags & Flags::COPIED;
                self.maps.remove(&next);
            } else {
                current = next;
            }
        }
    }

    /// Cuts the mapping that spans `addr`, so that one starts there.
    pub fn split_at(&mut self, addr: usize) -> Result {
        let Some(mapping) = self.find(addr) else {
            return Ok(());
        };
        if mapping.start == addr {
            return Ok(());
        }
        let (start, end) = (mapping.start, mapping.end);
        let upper = mapping.part(addr, end);
        self.room_for(1)?;
        if let Some(lower) = self.maps.get_mut(&start) {
            lower.trim(start, addr);
        }
        self.maps.insert(addr, upper);
        Ok(())
    }

    /// Moves the range's mappings, whose ends are the range's, to `into`.
    fn take_out(&mut self, range: Range<usize>, into: &mut BTreeMap<usize, Mapping>) {
        /// So many are moved one by one. More stay in the nodes that they are in, as there may be no memory for
        /// others; that costs a look at all mappings that there are.
        const FEW: usize = 32;
        if self.maps.range(range.clone()).nth(FEW).is_none() {
            while let Some((&start, _)) = self.maps.range(range.clone()).next() {
                if let Some(mapping) = self.maps.remove(&start) {
                    self.total -= mapping.size() / PAGE_SIZE;
                    into.insert(start, mapping);
                }
            }
            return;
        }
        let mut taken = self.maps.split_off(&range.start);
        let mut above = taken.split_off(&range.end);
        self.maps.append(&mut above);
        self.total -= taken.values().map(Mapping::size).sum::<usize>() / PAGE_SIZE;
        into.append(&mut taken);
    }

    /// Removes all mappings of the range.
    pub fn unmap(&mut self, range: Range<usize>, into: &mut Unmapped) -> Result {
        if self.is_free(range.clone()) {
            return Ok(());
        }
        self.split_at(range.start)?;
        self.split_at(range.end)?;
        self.take_out(range.clone(), &mut into.mappings);
        // Objects may be freed only when no entry shows their frames.
        self.table.detach(range.clone(), &mut into.pages);
        self.hint = self.hint.max(range.end).min(self.base);
        Ok(())
    }

    /// Calls `change` for each mapping of the range, cut to it, up to a part that is unmapped: `ENOMEM`.
    pub fn change(
        &mut self,
        range: Range<usize>,
        change: impl FnMut(&mut Mapping, &mut PageTable) -> Result,
    ) -> Result {
        self.change_each(range, true, change)
    }

    /// As [`change`](Inner::change), but also past what is unmapped, before it says so.
    pub fn change_mapped(
        &mut self,
        range: Range<usize>,
        change: impl FnMut(&mut Mapping, &mut PageTable) -> Result,
    ) -> Result {
        self.change_each(range, false, change)
    }

    fn change_each(
        &mut self,
        range: Range<usize>,
        ends_at_hole: bool,
        mut change: impl FnMut(&mut Mapping, &mut PageTable) -> Result,
    ) -> Result {
        if range.is_empty() {
            return Ok(());
        }
        self.split_at(range.start)?;
        self.split_at(range.end)?;
        let mut at = range.start;
        let mut result = Ok(());
        for (&start, mapping) in self.maps.range_mut(range.clone()) {
            if start != at {
                result = Err(Errno::ENOMEM);
                if ends_at_hole {
                    break;
                }
            }
            at = mapping.end;
            if let Err(error) = change(mapping, &mut self.table) {
                result = Err(error);
                break;
            }
        }
        if result.is_ok() && at < range.end {
            result = Err(Errno::ENOMEM);
        }
        self.merge_around(range);
        result
    }
}
