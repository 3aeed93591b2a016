//! The kernel's heap: size classes of small objects carved from frames, larger ones as blocks of
//! frames.
//!
//! Each CPU has a list of free objects for each class and trades half a list at a time with the
//! class's common ones. Classes up to a page are aligned to their largest power of two. A page of
//! which all objects are common goes back to the frames, but for a few.

mod slabs;

use crate::addr::PAGE_SIZE;
use crate::cpu::MAX_CPUS;
use crate::frame::{self, meta};
use crate::memory::{direct, physical_of};
use crate::percpu::RawPerCpu;
use crate::sync::SpinLock;
use crate::{local, rank};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use slabs::{Pages, Slabs};

const CLASSES: [usize; 15] = [
    16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1360, 2048, 4096,
];
/// Classes of up to this size live here; a whole page is a block of order 0.
const LARGEST: usize = 2048;
const SMALL_CLASSES: usize = CLASSES.len() - 1;

/// Class of each size in steps of 16 bytes.
static CLASS_OF: [u8; LARGEST / 16 + 1] = {
    let mut table = [0; LARGEST / 16 + 1];
    let mut step = 0;
    while step < table.len() {
        let mut class = 0;
        while CLASSES[class] < step * 16 {
            class += 1;
        }
        table[step] = class as u8;
        step += 1;
    }
    table
};

/// A free object: the next one of its list.
struct Free {
    next: *mut Free,
}

#[derive(Clone, Copy)]
struct List {
    head: *mut Free,
    len: usize,
}

impl List {
    const EMPTY: List = List {
        head: ptr::null_mut(),
        len: 0,
    };

    /// # Safety
    /// `object` is free memory of at least 16 bytes.
    unsafe fn push(&mut self, object: *mut u8) {
        let object = object.cast::<Free>();
        // SAFETY: by the caller's promise; classes are multiples of 16, so it is aligned.
        unsafe { object.write(Free { next: self.head }) };
        self.head = object;
        self.len += 1;
    }

    fn pop(&mut self) -> Option<*mut u8> {
        if self.head.is_null() {
            return None;
        }
        let object = self.head;
        // SAFETY: objects on the list are free and were linked by `push`.
        self.head = unsafe { (*object).next };
        self.len -= 1;
        Some(object.cast())
    }
}

static COMMON: SpinLock<[Slabs; SMALL_CLASSES]> = SpinLock::new(rank::HEAP, {
    let mut classes = [const { Slabs::new(PAGE_SIZE) }; SMALL_CLASSES];
    let mut class = 0;
    while class < SMALL_CLASSES {
        classes[class] = Slabs::new(CLASSES[class]);
        class += 1;
    }
    classes
});

/// The frames of the heap. Nobody counts their owners, so that number is the lists'.
struct Frames;

impl Pages for Frames {
    fn start(&self, page: u32) -> *mut u8 {
        direct(u64::from(page) * PAGE_SIZE as u64)
    }

    fn tally(&self, page: u32) -> &AtomicU32 {
        &meta::of(page as usize).owners
    }
}

static CACHES: RawPerCpu<[List; SMALL_CLASSES]> =
    RawPerCpu::new([const { [List::EMPTY; SMALL_CLASSES] }; MAX_CPUS]);

/// Objects a CPU keeps of a class before it gives half back.
fn cache_limit(class: usize) -> usize {
    (16384 / CLASSES[class]).clamp(16, 128)
}

/// Pages that each class has.
static PAGES: [AtomicUsize; SMALL_CLASSES] = [const { AtomicUsize::new(0) }; SMALL_CLASSES];

/// Objects of one size class.
#[derive(Clone, Copy, Debug)]
pub struct ClassStats {
    /// Bytes of an object.
    pub size: usize,
    /// Objects in use, or kept by another CPU for its next use.
    pub active: usize,
    /// Objects that there is memory for.
    pub total: usize,
}

/// What there is of each class.
pub fn stats() -> impl Iterator<Item = ClassStats> {
    (0..SMALL_CLASSES).map(|class| {
        let size = CLASSES[class];
        let total = PAGES[class].load(Ordering::Relaxed) * (PAGE_SIZE / size);
        // SAFETY: the list is this CPU's own, and kernel code isn't interrupted.
        let here = unsafe { (*CACHES.get(local::id()))[class].len };
        let free = COMMON.lock()[class].len() + here;
        ClassStats {
            size,
            active: total.saturating_sub(free),
            total,
        }
    })
}

pub struct Heap;

/// What serves a layout.
enum Place {
    Class(usize),
    Block(usize),
}

fn place(layout: Layout) -> Place {
    let size = layout.size().max(layout.align());
    if layout.align() <= 16 && size <= LARGEST {
        Place::Class(usize::from(CLASS_OF[size.div_ceil(16)]))
    } else if size <= LARGEST {
        // Power-of-two classes are aligned to their size, as slabs start at page boundaries.
        Place::Class(usize::from(CLASS_OF[size.next_power_of_two() / 16]))
    } else {
        Place::Block(size.div_ceil(PAGE_SIZE).next_power_of_two().ilog2() as usize)
    }
}

#[inline]
fn alloc_class(class: usize) -> *mut u8 {
    // SAFETY: the lists are this CPU's own, and kernel code isn't interrupted.
    let list = unsafe { &mut (*CACHES.get(local::id()))[class] };
    match list.pop() {
        Some(object) => object,
        None => refill(class, list),
    }
}

#[cold]
fn refill(class: usize, list: &mut List) -> *mut u8 {
    {
        let mut common = COMMON.lock();
        for _ in 0..cache_limit(class) / 2 {
            let Some(object) = common[class].pop(&Frames) else {
                break;
            };
            // SAFETY: it was free a moment ago and is on no other list now.
            unsafe { list.push(object) };
        }
    }
    if list.len == 0 {
        let Some(phys) = frame::alloc_block(0) else {
            return ptr::null_mut();
        };
        PAGES[class].fetch_add(1, Ordering::Relaxed);
        let page = (phys / PAGE_SIZE as u64) as u32;
        Frames.tally(page).store(0, Ordering::Relaxed);
        let size = CLASSES[class];
        for index in (0..PAGE_SIZE / size).rev() {
            // SAFETY: the page is new, and the object lies inside it.
            unsafe { list.push(direct(phys).add(index * size)) };
        }
    }
    list.pop().unwrap_or(ptr::null_mut())
}

/// # Safety
/// `object` was allocated from `class` and is not used any more.
#[inline]
unsafe fn free_class(class: usize, object: *mut u8) {
    // SAFETY: the lists are this CPU's own, and kernel code isn't interrupted.
    let list = unsafe { &mut (*CACHES.get(local::id()))[class] };
    // SAFETY: by the caller's promise.
    unsafe { list.push(object) };
    if list.len > cache_limit(class) {
        give_half(class, list);
    }
}

/// Gives half of a CPU's free objects to all, and pages with nothing else back to the frames.
#[cold]
fn give_half(class: usize, list: &mut List) {
    let mut idle = List::EMPTY;
    {
        let mut common = COMMON.lock();
        while list.len > cache_limit(class) / 2 {
            let Some(object) = list.pop() else { break };
            let phys = physical_of(object.addr());
            let page = (phys / PAGE_SIZE as u64) as u32;
            let offset = phys as usize % PAGE_SIZE;
            // SAFETY: it was free and is on no other list now; `refill` set the page's tally to 0.
            if let Some(page) = unsafe { common[class].push(&Frames, page, offset) } {
                // SAFETY: nothing of the page is in use.
                unsafe { idle.push(Frames.start(page)) };
            }
        }
    }
    while let Some(page) = idle.pop() {
        PAGES[class].fetch_sub(1, Ordering::Relaxed);
        // SAFETY: `refill` took it as a block of this order, and nothing of it is in use.
        unsafe { frame::free_block(physical_of(page.addr()), 0) };
    }
}

// SAFETY: classes and blocks hand out disjoint memory of the layout's size and alignment, and take
// back by the same function of the layout.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match place(layout) {
            Place::Class(class) => alloc_class(class),
            Place::Block(order) => frame::alloc_block(order).map_or(ptr::null_mut(), direct),
        }
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        match place(layout) {
            // SAFETY: the layout is the one of the allocation, so this is where it came from.
            Place::Class(class) => unsafe { free_class(class, object) },
            // SAFETY: as above.
            Place::Block(order) => unsafe {
                frame::free_block(physical_of(object.addr()), order);
            },
        }
    }
}
