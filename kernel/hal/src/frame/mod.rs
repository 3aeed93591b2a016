//! RAM frames: 4 KiB or 2 MiB of memory, shared by reference counting.
//!
//! Contents are only ever copied or touched by atomics, never borrowed, so a frame is safe to use
//! while user space maps and writes it. Single frames come from small caches of the CPU, of which one
//! has what it zeroed while it was idle, those from the buddy allocator. A last part of memory is
//! kept for the kernel's own structures, so that user pages run out first.

mod buddy;
mod huge;
pub mod meta;
mod zeroes;

use crate::addr::{HUGE_SIZE, PAGE_SIZE, PhysAddr};
use crate::admission::Room;
use crate::cpu::MAX_CPUS;
use crate::memory::{Regions, direct};
use crate::percpu::PerCpu;
use crate::sync::SpinLock;
use crate::{admission, mem, rank};
use alloc::vec::Vec;
use buddy::{Buddy, MAX_ORDER};
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::num::NonZeroU64;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub use huge::Eagerness;
use meta::{Meta, state};

/// No memory is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// A shared owner of one frame. Cloning adds an owner; the last drop frees.
///
/// The physical address, with [`HUGE`] in its lowest bit.
#[derive(PartialEq, Eq)]
pub struct Frame(NonZeroU64);

const HUGE: u64 = 1;

#[derive(Clone, Copy, Debug)]
pub struct FrameStats {
    /// 4 KiB frames that the allocator ever had.
    pub total: usize,
    pub free: usize,
    /// Page tables.
    pub tables: usize,
    /// Kernel stacks, those kept for later ones included.
    pub stacks: usize,
    /// The heap's.
    pub heap: usize,
    /// Of huge frames that are whole.
    pub huge: usize,
}

/// Frames that the kernel uses, by what for.
static TABLES: AtomicUsize = AtomicUsize::new(0);
static STACKS: AtomicUsize = AtomicUsize::new(0);
static HEAP: AtomicUsize = AtomicUsize::new(0);

static BUDDY: SpinLock<Buddy> = SpinLock::new(rank::FRAMES, Buddy::new());
/// Frames that only the kernel's own structures may use.
static RESERVE: AtomicUsize = AtomicUsize::new(0);

/// Less than half of the reserve is left.
static SHORT: AtomicBool = AtomicBool::new(false);

/// Works on the free blocks, and notes whether they are few then.
fn with_buddy<R>(work: impl FnOnce(&mut Buddy) -> R) -> R {
    let mut buddy = BUDDY.lock();
    let result = work(&mut buddy);
    let short = buddy.free_frames() < RESERVE.load(Ordering::Relaxed) / 2;
    SHORT.store(short, Ordering::Relaxed);
    result
}

/// Whether so little is left that nothing new may be begun. What the CPUs keep for themselves
/// counts as taken.
#[inline]
#[must_use]
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed)
}

/// Whether `bytes` of the heap can be had while half of the reserve stays.
pub(crate) fn leaves_reserve(bytes: usize) -> bool {
    if bytes <= PAGE_SIZE {
        return !is_short();
    }
    let frames = bytes.div_ceil(PAGE_SIZE);
    let floor = RESERVE.load(Ordering::Relaxed) / 2;
    let buddy = BUDDY.lock();
    // Without any frames (in unit tests) the heap is not of them.
    buddy.total_frames() == 0
        // Blocks are as large as the next power of two.
        || frames <= 1 << MAX_ORDER && buddy.free_frames() >= floor + frames.next_power_of_two()
}

/// Whether user pages can be had.
#[must_use]
pub fn has_some_for_users() -> bool {
    BUDDY.lock().free_frames() >= RESERVE.load(Ordering::Relaxed)
}

const CACHE: usize = 64;

/// A CPU's free single frames, by frame number. Touched by its own CPU only, but for the count,
/// which the statistics read.
struct Cache {
    len: AtomicUsize,
    frames: UnsafeCell<[usize; CACHE]>,
}

impl Cache {
    const fn new() -> Cache {
        Cache {
            len: AtomicUsize::new(0),
            frames: UnsafeCell::new([0; CACHE]),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    #[inline]
    fn push(&self, pfn: usize) {
        let len = self.len();
        // SAFETY: the array is this CPU's own, and kernel code isn't interrupted.
        unsafe { (*self.frames.get())[len] = pfn };
        self.len.store(len + 1, Ordering::Relaxed);
    }

    #[inline]
    fn pop(&self) -> Option<usize> {
        let len = self.len().checked_sub(1)?;
        self.len.store(len, Ordering::Relaxed);
        // SAFETY: as in `push`.
        Some(unsafe { (*self.frames.get())[len] })
    }
}

// SAFETY: see the type: the array is its own CPU's, the count is atomic.
unsafe impl Sync for Cache {}

static CACHES: PerCpu<Cache> = PerCpu::new([const { Cache::new() }; MAX_CPUS]);

/// As [`CACHES`], with frames that are zero.
static ZEROED: PerCpu<Cache> = PerCpu::new([const { Cache::new() }; MAX_CPUS]);

/// Hands `free` to the allocator. The metadata table for all of `ram` comes out of it first.
pub fn init(ram: &Regions, free: &mut Regions) -> Result<(), OutOfMemory> {
    let len = (ram.end() as usize) / PAGE_SIZE;
    let bytes = (len * meta::BYTES).next_multiple_of(PAGE_SIZE);
    let table = free
        .take(bytes as u64, PAGE_SIZE as u64, u64::MAX)
        .ok_or(OutOfMemory)?;
    // SAFETY: the memory was free RAM, is in the direct map, and stays the table's.
    unsafe {
        mem::zero(direct(table.0), bytes);
        meta::init(direct(table.0).cast::<Meta>(), len);
    }
    let mut buddy = BUDDY.lock();
    for region in free.iter() {
        let (start, end) = (
            region.start as usize / PAGE_SIZE,
            region.end as usize / PAGE_SIZE,
        );
        buddy.add_range(start, end);
    }
    RESERVE.store(
        (buddy.total_frames() / 128).clamp(64, 4096),
        Ordering::Relaxed,
    );
    Ok(())
}

/// Who asks for memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    User,
    /// Page tables of user space, whose number it determines: they are had longer than its pages, but not
    /// to the end.
    Tables,
    Kernel,
}

/// Whether `frames` leave what the kernel needs for itself.
fn may_take(buddy: &Buddy, who: For, frames: usize) -> bool {
    let reserve = RESERVE.load(Ordering::Relaxed);
    let floor = match who {
        For::User => reserve,
        For::Tables => reserve / 2,
        For::Kernel => return true,
    };
    buddy.free_frames() >= floor + frames
}

/// Takes a single frame from this CPU's cache.
#[inline]
fn take(who: For) -> Result<usize, OutOfMemory> {
    // What the kernel has put aside there of its own part is not for others.
    if who != For::Kernel && is_short() {
        return Err(OutOfMemory);
    }
    let cache = CACHES.this();
    match cache.pop() {
        Some(pfn) => Ok(pfn),
        None => refill(cache, who),
    }
}

#[cold]
fn refill(cache: &Cache, who: For) -> Result<usize, OutOfMemory> {
    let taken = with_buddy(|buddy| {
        if !may_take(buddy, who, 0) {
            return None;
        }
        while cache.len() < CACHE / 2 {
            let Some(pfn) = buddy.alloc(0) else { break };
            cache.push(pfn);
        }
        cache.pop()
    });
    taken.or_else(|| ZEROED.this().pop()).ok_or(OutOfMemory)
}

/// As [`take`], a frame of zeros.
#[inline]
fn take_zeroed(who: For) -> Result<usize, OutOfMemory> {
    if !is_short()
        && let Some(pfn) = ZEROED.this().pop()
    {
        return Ok(pfn);
    }
    let pfn = take(who)?;
    // SAFETY: the frame was free and is now the caller's.
    unsafe { mem::zero(direct((pfn * PAGE_SIZE) as u64), PAGE_SIZE) };
    Ok(pfn)
}

/// Zeroes a free frame for who will need one, while there is nothing better to do; false when there
/// are enough of them.
#[must_use]
pub fn zero_ahead() -> bool {
    let zeroed = ZEROED.this();
    if zeroed.len() == CACHE {
        return false;
    }
    let taken = with_buddy(|buddy| {
        let plenty = may_take(buddy, For::User, CACHE * MAX_CPUS);
        plenty.then(|| buddy.alloc(0)).flatten()
    });
    let Some(pfn) = taken else { return false };
    // SAFETY: the frame was free and is now this CPU's.
    unsafe { mem::zero(direct((pfn * PAGE_SIZE) as u64), PAGE_SIZE) };
    zeroed.push(pfn);
    true
}

#[inline]
fn give_back(pfn: usize) {
    let cache = CACHES.this();
    if cache.len() == CACHE {
        with_buddy(|buddy| {
            while cache.len() > CACHE / 2
                && let Some(pfn) = cache.pop()
            {
                buddy.free(pfn, 0);
            }
        });
    }
    cache.push(pfn);
}

/// A zeroed frame for a page table of user space; its address.
pub(crate) fn alloc_table() -> Result<u64, OutOfMemory> {
    alloc_counted(For::Tables, &TABLES)
}

/// As [`alloc_table`], for one of the kernel's.
pub(crate) fn alloc_kernel_table() -> Result<u64, OutOfMemory> {
    alloc_counted(For::Kernel, &TABLES)
}

/// A zeroed frame for a kernel stack, which keeps it for good; its address.
pub(crate) fn alloc_stack_page() -> Result<u64, OutOfMemory> {
    alloc_counted(For::Kernel, &STACKS)
}

fn alloc_counted(who: For, use_of: &AtomicUsize) -> Result<u64, OutOfMemory> {
    if admission::refused() {
        return Err(OutOfMemory);
    }
    let phys = (take_zeroed(who)? * PAGE_SIZE) as u64;
    use_of.fetch_add(1, Ordering::Relaxed);
    Ok(phys)
}

/// # Safety
/// `phys` came from [`alloc_table`] and is in use nowhere.
pub(crate) unsafe fn free_table(phys: u64) {
    TABLES.fetch_sub(1, Ordering::Relaxed);
    give_back(phys as usize / PAGE_SIZE);
}

/// A block of 2^`order` frames for the heap; its address.
pub(crate) fn alloc_block(order: usize) -> Option<u64> {
    let pfn = if order == 0 {
        take(For::Kernel).ok()?
    } else if order <= MAX_ORDER {
        with_buddy(|buddy| buddy.alloc(order))?
    } else {
        return None;
    };
    HEAP.fetch_add(1 << order, Ordering::Relaxed);
    Some((pfn * PAGE_SIZE) as u64)
}

/// # Safety
/// The block came from [`alloc_block`] with the same order and is in use nowhere.
pub(crate) unsafe fn free_block(phys: u64, order: usize) {
    let pfn = phys as usize / PAGE_SIZE;
    HEAP.fetch_sub(1 << order, Ordering::Relaxed);
    if order == 0 {
        give_back(pfn);
    } else {
        with_buddy(|buddy| buddy.free(pfn, order));
    }
}

/// Marks pages that were never the allocator's as frames with one owner each: the boot archive's.
///
/// # Safety
/// The pages are RAM inside the table, in use by the caller alone.
pub(crate) unsafe fn adopt(phys: u64, pages: usize) {
    for pfn in phys as usize / PAGE_SIZE..phys as usize / PAGE_SIZE + pages {
        let meta = meta::of(pfn);
        meta.state.store(state::PLAIN, Ordering::Relaxed);
        meta.owners.store(1, Ordering::Relaxed);
    }
    BUDDY.lock().adopt(pages);
}

impl Frame {
    fn new_small(pfn: usize) -> Frame {
        meta::of(pfn).owners.store(1, Ordering::Relaxed);
        let phys = NonZeroU64::new((pfn * PAGE_SIZE) as u64).expect("frame 0 is never free");
        Frame(phys)
    }

    /// A 4 KiB frame with whatever it held before: the caller overwrites all of it before user
    /// space can see it.
    pub fn alloc() -> Result<Frame, OutOfMemory> {
        if admission::refused() {
            return Err(OutOfMemory);
        }
        take(For::User).map(Frame::new_small)
    }

    pub fn alloc_zeroed() -> Result<Frame, OutOfMemory> {
        if admission::refused() {
            return Err(OutOfMemory);
        }
        take_zeroed(For::User).map(Frame::new_small)
    }

    #[inline]
    #[must_use]
    pub fn addr(&self) -> PhysAddr {
        PhysAddr(self.0.get() & !HUGE)
    }

    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        if self.is_huge() { HUGE_SIZE } else { PAGE_SIZE }
    }

    #[inline]
    pub(crate) fn pointer(&self) -> *mut u8 {
        direct(self.addr().0)
    }

    #[inline]
    fn is_huge(&self) -> bool {
        self.0.get() & HUGE != 0
    }

    /// The number of the frame, or of its first part.
    #[inline]
    fn pfn(&self) -> usize {
        self.0.get() as usize / PAGE_SIZE
    }

    /// Whether this is the only owner.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        if self.is_huge() {
            return huge::owners(self.pfn()) == 1;
        }
        meta::of(self.pfn()).owners.load(Ordering::Acquire) == 1
    }

    /// How many own it now; of a huge frame whose parts are owned one by one, those of the part that
    /// most own.
    #[must_use]
    pub fn owners(&self) -> usize {
        if self.is_huge() {
            return huge::owners(self.pfn()) as usize;
        }
        meta::of(self.pfn()).owners.load(Ordering::Relaxed) as usize
    }

    /// Whether both own the same memory.
    #[must_use]
    pub fn same(&self, other: &Frame) -> bool {
        self.addr() == other.addr()
    }

    /// The pointer to `[off, off+len)`, which is checked to lie inside.
    #[inline]
    pub(crate) fn range(&self, off: usize, len: usize) -> *mut u8 {
        let end = off.checked_add(len).expect("a range inside a frame");
        assert!(end <= self.size(), "{off}+{len} is outside of the frame");
        // SAFETY: the offset is inside the frame, which the direct map holds in one piece.
        unsafe { self.pointer().add(off) }
    }

    pub fn read(&self, off: usize, dst: &mut [u8]) {
        let from = self.range(off, dst.len());
        // SAFETY: the range is inside the frame, and `dst` is kernel memory apart from it. User
        // space may write meanwhile: then the bytes are some mix, which nothing relies on.
        unsafe { mem::copy(dst.as_mut_ptr(), from, dst.len()) };
    }

    pub fn write(&self, off: usize, src: &[u8]) {
        let to = self.range(off, src.len());
        // SAFETY: as in `read`; no reference to a frame's bytes ever exists.
        unsafe { mem::copy(to, src.as_ptr(), src.len()) };
    }

    pub fn zero(&self, off: usize, len: usize) {
        let to = self.range(off, len);
        // SAFETY: as in `write`.
        unsafe { mem::zero(to, len) };
    }

    /// Overwrites all of this frame by what `src` has from `off` on.
    pub fn copy_from(&self, src: &Frame, off: usize) {
        let from = src.range(off, self.size());
        // SAFETY: as in `write`; equal frames are copied onto themselves, word by word.
        unsafe { mem::copy(self.pointer(), from, self.size()) };
    }

    #[must_use]
    pub fn atomic_u32(&self, off: usize) -> &AtomicU32 {
        assert!(off.is_multiple_of(4));
        // SAFETY: inside the frame and aligned; everybody else copies or uses atomics too.
        unsafe { AtomicU32::from_ptr(self.range(off, 4).cast()) }
    }

    #[must_use]
    pub fn atomic_u64(&self, off: usize) -> &AtomicU64 {
        assert!(off.is_multiple_of(8));
        // SAFETY: as in `atomic_u32`.
        unsafe { AtomicU64::from_ptr(self.range(off, 8).cast()) }
    }

    /// Gives the reference to whoever keeps the address, size and this promise.
    #[inline]
    pub(crate) fn into_raw(self) -> u64 {
        ManuallyDrop::new(self).0.get() & !HUGE
    }

    /// # Safety
    /// One reference of the frame, by [`Self::into_raw`], becomes the result's.
    #[inline]
    pub(crate) unsafe fn from_raw(phys: u64, huge: bool) -> Frame {
        Frame(NonZeroU64::new(phys | u64::from(huge)).expect("frame 0 is never owned"))
    }
}

impl Clone for Frame {
    #[inline]
    fn clone(&self) -> Frame {
        if self.is_huge() {
            huge::add_owner_of_all(self.pfn());
        } else {
            add_owner(self.pfn());
        }
        Frame(self.0)
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        if self.is_huge() {
            huge::drop_owner_of_all(self.pfn());
        } else {
            drop_owner(self.pfn());
        }
    }
}

/// So many owners of a small frame are no more told apart: it is never freed then. That many entries are 4 GiB of
/// page tables, which a program can have (for the page of zeroes, say) on a large machine.
const UNCOUNTED: u32 = huge::WHOLE / 2;

/// One owner more of a small frame.
#[inline]
fn add_owner(pfn: usize) {
    if meta::of(pfn).owners.fetch_add(1, Ordering::Relaxed) >= UNCOUNTED {
        keep_for_good(pfn);
    }
}

/// One owner less of a small frame; the last frees it.
#[inline]
fn drop_owner(pfn: usize) {
    match meta::of(pfn).owners.fetch_sub(1, Ordering::Release) {
        1 => {
            fence(Ordering::Acquire);
            give_back(pfn);
        }
        UNCOUNTED.. => keep_for_good(pfn),
        _ => {}
    }
}

/// Sets the count far from both ends of those that say nothing: what other CPUs add or take meanwhile does not
/// leave them.
#[cold]
fn keep_for_good(pfn: usize) {
    let owners = UNCOUNTED + UNCOUNTED / 2;
    meta::of(pfn).owners.store(owners, Ordering::Relaxed);
}

impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "frame {:#x}", self.addr().0)
    }
}

/// Physically consecutive zeroed frames for DMA, all below `below` if given.
pub fn alloc_contiguous(pages: usize, below: Option<PhysAddr>) -> Result<Vec<Frame>, OutOfMemory> {
    let order = pages.max(1).next_power_of_two().ilog2() as usize;
    if order > MAX_ORDER {
        return Err(OutOfMemory);
    }
    let mut frames = Vec::new();
    frames.room_exact(pages)?;
    let first = with_buddy(|buddy| {
        if !may_take(buddy, For::User, 1 << order) {
            return Err(OutOfMemory);
        }
        let limit = below.map_or(usize::MAX, |b| b.0 as usize / PAGE_SIZE);
        let first = buddy.alloc_below(order, limit).ok_or(OutOfMemory)?;
        for surplus in first + pages..first + (1 << order) {
            buddy.free(surplus, 0);
        }
        Ok(first)
    })?;
    for pfn in first..first + pages {
        let frame = Frame::new_small(pfn);
        frame.zero(0, PAGE_SIZE);
        frames.push(frame);
    }
    Ok(frames)
}

#[must_use]
pub fn stats() -> FrameStats {
    let buddy = BUDDY.lock();
    let cached = (0..MAX_CPUS).map(|cpu| CACHES.on(cpu).len() + ZEROED.on(cpu).len());
    FrameStats {
        total: buddy.total_frames(),
        free: buddy.free_frames() + cached.sum::<usize>(),
        tables: TABLES.load(Ordering::Relaxed),
        stacks: STACKS.load(Ordering::Relaxed),
        heap: HEAP.load(Ordering::Relaxed),
        huge: huge::frames(),
    }
}
