//! One thread's heap: for each class the list of its pages that have something free, the first being allocated from.

use super::Block;
use super::class::{self, Class};
use super::segment::{Page, SLOT, Segment};
use crate::futex::Lock;
use crate::pthread::tcb;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A free block: the next one on its page's list.
#[repr(C)]
pub struct FreeBlock {
    pub next: *mut FreeBlock,
}

pub struct Heap {
    pages: [*mut Page; class::COUNT],
    segments: *mut Segment,
    /// An empty segment kept for the next need.
    spare: *mut Segment,
    /// Pages with blocks that other threads freed.
    notified: AtomicPtr<Page>,
    next_idle: *mut Heap,
    /// Free slots that have memory, of all segments.
    pub kept: usize,
    /// The second in which such slots' memory was given back last.
    purged: i64,
}

/// So many free slots may keep their memory.
const KEPT: usize = 16;

/// Heaps of ended threads. A heap is never freed, so remote frees may come at any time.
struct Idle(*mut Heap);

// SAFETY: the list is reached only under its lock.
unsafe impl Send for Idle {}

static IDLE: Lock<Idle> = Lock::new(Idle(ptr::null_mut()));

/// The first thread's.
static MAIN: tcb::Own<Heap> = tcb::Own(core::cell::UnsafeCell::new(Heap::new()));
static MAIN_TAKEN: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

#[inline(always)]
pub unsafe fn current() -> *mut Heap {
    let heap = (*tcb::current()).heap;
    if heap.is_null() { adopt() } else { heap }
}

/// A heap for a thread that allocates for the first time.
#[cold]
unsafe fn adopt() -> *mut Heap {
    let heap = if MAIN_TAKEN.swap(true, Ordering::Relaxed) {
        take_idle()
    } else {
        MAIN.0.get()
    };
    (*tcb::current()).heap = heap;
    heap
}

unsafe fn take_idle() -> *mut Heap {
    let mut idle = IDLE.lock();
    if idle.0.is_null() {
        // A page holds several heaps; they begin idle.
        let size = crate::auxv::PAGE;
        let Some(raw) = super::map::anywhere(size) else {
            crate::exit::abort()
        };
        for index in 0..size / size_of::<Heap>() {
            let heap = raw.cast::<Heap>().add(index);
            heap.write(Heap::new());
            (*heap).next_idle = idle.0;
            idle.0 = heap;
        }
    }
    let heap = idle.0;
    idle.0 = (*heap).next_idle;
    heap
}

/// The calling thread ends: its heap goes to the next one that starts, without the memory that nothing lives in.
pub unsafe fn abandon() {
    let heap = core::mem::replace(&mut (*tcb::current()).heap, ptr::null_mut());
    if heap.is_null() {
        return;
    }
    (*heap).collect();
    (*heap).trim();
    let mut idle = IDLE.lock();
    (*heap).next_idle = idle.0;
    idle.0 = heap;
}

/// Holds what a fork must not copy in the middle of a change.
pub fn lock() {
    IDLE.acquire();
    super::huge::lock();
}

/// # Safety
/// After [`lock`], by the same thread or its fork's child.
pub unsafe fn unlock() {
    super::huge::unlock();
    IDLE.release();
}

impl Heap {
    pub const fn new() -> Heap {
        Heap {
            pages: [ptr::null_mut(); class::COUNT],
            segments: ptr::null_mut(),
            spare: ptr::null_mut(),
            notified: AtomicPtr::new(ptr::null_mut()),
            next_idle: ptr::null_mut(),
            kept: 0,
            purged: 0,
        }
    }

    #[inline(always)]
    pub unsafe fn allocate(&mut self, class: Class) -> Block {
        let page = *self.pages.get_unchecked(class.0);
        if !page.is_null() {
            let block = (*page).free;
            if !block.is_null() {
                (*page).free = (*block).next;
                (*page).used += 1;
                return Block {
                    at: block.cast(),
                    zero: false,
                };
            }
        }
        self.allocate_slow(class)
    }

    #[inline(never)]
    unsafe fn allocate_slow(&mut self, class: Class) -> Block {
        loop {
            let page = self.pages[class.0];
            if page.is_null() {
                if self.collect() && !self.pages[class.0].is_null() {
                    continue;
                }
                if !self.add_page(class) {
                    return Block {
                        at: ptr::null_mut(),
                        zero: false,
                    };
                }
                continue;
            }
            let block = (*page).free;
            if !block.is_null() {
                (*page).free = (*block).next;
                (*page).used += 1;
                return Block {
                    at: block.cast(),
                    zero: false,
                };
            }
            let (fresh, size) = ((*page).fresh, (*page).block_size);
            if (*page).limit as usize - fresh as usize >= size {
                (*page).fresh = fresh.add(size);
                (*page).used += 1;
                return Block {
                    at: fresh,
                    zero: (*page).clean,
                };
            }
            (*page).full = true;
            self.unlink(page);
        }
    }

    unsafe fn add_page(&mut self, class: Class) -> bool {
        let page = self.take_slots(class.slots());
        if page.is_null() {
            return false;
        }
        (*page).block_size = class.block_size();
        (*page).class = class.0 as u8;
        self.link(page);
        true
    }

    /// Slots from a segment that has them, the spare one, or a new one.
    unsafe fn take_slots(&mut self, count: usize) -> *mut Page {
        let heap: *mut Heap = self;
        let mut segment = self.segments;
        let mut full = 0;
        while !segment.is_null() {
            let page = Segment::take(segment, heap, count);
            if !page.is_null() {
                return page;
            }
            full += 1;
            segment = (*segment).next;
        }
        let mut segment = core::mem::replace(&mut self.spare, ptr::null_mut());
        if segment.is_null() {
            segment = Segment::create(full);
            if segment.is_null() {
                return ptr::null_mut();
            }
        }
        (*segment).previous = ptr::null_mut();
        (*segment).next = self.segments;
        if !self.segments.is_null() {
            (*self.segments).previous = segment;
        }
        self.segments = segment;
        Segment::take(segment, heap, count)
    }

    pub unsafe fn allocate_span(&mut self, size: usize) -> Block {
        self.collect();
        let count = size.div_ceil(SLOT);
        let page = self.take_slots(count);
        if page.is_null() {
            return Block {
                at: ptr::null_mut(),
                zero: false,
            };
        }
        (*page).block_size = count * SLOT;
        (*page).class = u8::MAX;
        (*page).used = 1;
        (*page).full = true;
        Block {
            at: (*page).fresh,
            zero: (*page).clean,
        }
    }

    #[inline(always)]
    pub unsafe fn free(&mut self, page: *mut Page, block: *mut FreeBlock) {
        (*block).next = (*page).free;
        (*page).free = block;
        (*page).used -= 1;
        if (*page).used == 0 || (*page).full {
            self.free_slow(page);
        }
    }

    #[inline(never)]
    unsafe fn free_slow(&mut self, page: *mut Page) {
        if (*page).class == u8::MAX {
            return self.release(page);
        }
        if (*page).full {
            (*page).full = false;
            self.link(page);
        }
        // The last page of a class stays, so that one block allocated and freed in turn costs nothing.
        if (*page).used == 0 && !((*page).next.is_null() && (*page).previous.is_null()) {
            self.unlink(page);
            self.release(page);
        }
    }

    unsafe fn release(&mut self, page: *mut Page) {
        let segment = Segment::of(page.cast::<u8>().add(1));
        Segment::give(segment, page);
        if Segment::is_empty(segment) {
            let (previous, next) = ((*segment).previous, (*segment).next);
            if !next.is_null() {
                (*next).previous = previous;
            }
            if previous.is_null() {
                self.segments = next;
            } else {
                (*previous).next = next;
            }
            if self.spare.is_null() {
                self.spare = segment;
            } else {
                self.kept -= Segment::kept(segment);
                Segment::destroy(segment);
            }
        }
        if self.kept > KEPT {
            self.purge();
        }
    }

    /// Gives the memory of free slots back, once in a second: what is taken and given in turns soon
    /// keeps it.
    #[cold]
    unsafe fn purge(&mut self) {
        let now = crate::time::clock::now(libc::CLOCK_MONOTONIC_COARSE).tv_sec;
        if now == self.purged {
            return;
        }
        self.purged = now;
        self.kept = 0;
        let mut segment = self.segments;
        while !segment.is_null() {
            self.kept += Segment::purge(segment);
            segment = (*segment).next;
        }
        if !self.spare.is_null() {
            self.kept += Segment::purge(self.spare);
        }
    }

    unsafe fn link(&mut self, page: *mut Page) {
        let head = &mut self.pages[(*page).class as usize];
        (*page).previous = ptr::null_mut();
        (*page).next = *head;
        if !head.is_null() {
            (**head).previous = page;
        }
        *head = page;
    }

    unsafe fn unlink(&mut self, page: *mut Page) {
        let (previous, next) = ((*page).previous, (*page).next);
        if !next.is_null() {
            (*next).previous = previous;
        }
        if previous.is_null() {
            self.pages[(*page).class as usize] = next;
        } else {
            (*previous).next = next;
        }
    }

    /// Called by other threads: `page` has blocks to take back.
    pub unsafe fn notify(heap: *mut Heap, page: *mut Page) {
        let notified = &(*heap).notified;
        let mut head = notified.load(Ordering::Relaxed);
        loop {
            (*page).next_notified = head;
            match notified.compare_exchange_weak(head, page, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes back what other threads freed. A page with remote blocks has them still counted as used, so it stays until then.
    unsafe fn collect(&mut self) -> bool {
        if self.notified.load(Ordering::Relaxed).is_null() {
            return false;
        }
        let mut page = self.notified.swap(ptr::null_mut(), Ordering::AcqRel);
        while !page.is_null() {
            // Read before the remote list is emptied: from then on the page may be notified anew.
            let next = (*page).next_notified;
            let mut block = (*page).remote.swap(ptr::null_mut(), Ordering::AcqRel);
            while !block.is_null() {
                let following = (*block).next;
                self.free(page, block);
                block = following;
            }
            page = next;
        }
        true
    }

    /// Gives pages and segments without a live block back.
    unsafe fn trim(&mut self) {
        for class in 0..class::COUNT {
            let mut page = self.pages[class];
            while !page.is_null() {
                let next = (*page).next;
                if (*page).used == 0 {
                    self.unlink(page);
                    self.release(page);
                }
                page = next;
            }
        }
    }
}
