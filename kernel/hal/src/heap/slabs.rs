//! Free objects of one size, by the page that they lie in: a page of which all are free is given
//! back.
//!
//! What is known of a page costs no memory: the links to other pages are in its first free object,
//! how many there are and which is the first in a number that the page has anyway.

use crate::addr::PAGE_SIZE;
use core::sync::atomic::{AtomicU32, Ordering};

/// Objects begin at multiples of so many bytes, and have at least as many.
pub const STEP: usize = 16;
/// No page.
const NONE: u32 = u32::MAX;
/// Pages with nothing but free objects that stay for the next need.
const KEPT: usize = 8;

/// Pages by their numbers.
pub trait Pages {
    /// Where a page begins.
    fn start(&self, page: u32) -> *mut u8;

    /// A number that is the list's while the page is one of its.
    fn tally(&self, page: u32) -> &AtomicU32;
}

/// A free object.
#[repr(C)]
struct Free {
    /// The page's next one, in steps from its beginning; of its last one, anything.
    next: u32,
    /// Of the page's first one: the pages before and after it in the list.
    before: u32,
    after: u32,
}

const _: () = assert!(size_of::<Free>() <= STEP);

/// Free objects, so many to a `whole` page.
pub struct Slabs {
    first: u32,
    free: usize,
    /// Pages with nothing but free objects.
    idle: usize,
    whole: u32,
}

impl Slabs {
    /// For objects of `size` bytes.
    pub const fn new(size: usize) -> Slabs {
        Slabs {
            first: NONE,
            free: 0,
            idle: 0,
            whole: (PAGE_SIZE / size) as u32,
        }
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.free
    }

    /// Takes a free object; returns its page if that is not needed any more.
    ///
    /// # Safety
    /// The object is memory of this size in that page, at a multiple of [`STEP`], which nobody else
    /// uses; the page's tally was 0 before its first one came.
    pub unsafe fn push(&mut self, pages: &impl Pages, page: u32, offset: usize) -> Option<u32> {
        let (count, head) = tally(pages, page);
        let index = (offset / STEP) as u32;
        let object = if count == 0 {
            if self.first != NONE {
                // SAFETY: a page in the list has a first free object.
                unsafe { (*first(pages, self.first)).before = page };
            }
            let after = core::mem::replace(&mut self.first, page);
            Free {
                next: 0,
                before: NONE,
                after,
            }
        } else {
            // SAFETY: as above.
            let old = unsafe { &*at(pages, page, head) };
            Free { next: head, ..*old }
        };
        // SAFETY: by the caller's promise.
        unsafe { at(pages, page, index).write(object) };
        set_tally(pages, page, count + 1, index);
        self.free += 1;
        if count + 1 < self.whole {
            return None;
        }
        if self.idle < KEPT {
            self.idle += 1;
            return None;
        }
        self.unlink(pages, page);
        set_tally(pages, page, 0, 0);
        self.free -= self.whole as usize;
        Some(page)
    }

    /// Hands an object out.
    pub fn pop(&mut self, pages: &impl Pages) -> Option<*mut u8> {
        if self.first == NONE {
            return None;
        }
        let page = self.first;
        let (count, head) = tally(pages, page);
        let object = at(pages, page, head);
        // SAFETY: free objects in the list were written by `push`.
        let Free { next, after, .. } = unsafe { object.read() };
        if count == self.whole {
            self.idle -= 1;
        }
        if count == 1 {
            self.unlink(pages, page);
            set_tally(pages, page, 0, 0);
        } else {
            // SAFETY: as above; there are more free objects, so this has a next one.
            unsafe {
                (*at(pages, page, next)).before = NONE;
                (*at(pages, page, next)).after = after;
            }
            set_tally(pages, page, count - 1, next);
        }
        self.free -= 1;
        Some(object.cast())
    }

    /// Takes a page out of the list.
    fn unlink(&mut self, pages: &impl Pages, page: u32) {
        // SAFETY: pages in the list have a first free object, which links them.
        unsafe {
            let Free { before, after, .. } = first(pages, page).read();
            match before {
                NONE => self.first = after,
                before => (*first(pages, before)).after = after,
            }
            if after != NONE {
                (*first(pages, after)).before = before;
            }
        }
    }
}

/// How many objects of a page are free, and which is the first.
fn tally(pages: &impl Pages, page: u32) -> (u32, u32) {
    let tally = pages.tally(page).load(Ordering::Relaxed);
    (tally & 0xffff, tally >> 16)
}

fn set_tally(pages: &impl Pages, page: u32, count: u32, head: u32) {
    pages
        .tally(page)
        .store(count | head << 16, Ordering::Relaxed);
}

fn at(pages: &impl Pages, page: u32, index: u32) -> *mut Free {
    pages.start(page).wrapping_add(index as usize * STEP).cast()
}

fn first(pages: &impl Pages, page: u32) -> *mut Free {
    at(pages, page, tally(pages, page).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::vec::Vec;

    #[repr(align(4096))]
    struct Page([u8; PAGE_SIZE]);

    struct Some4096(Vec<(Box<Page>, AtomicU32)>);

    impl Pages for Some4096 {
        fn start(&self, page: u32) -> *mut u8 {
            (&raw const self.0[page as usize].0.0).cast_mut().cast()
        }

        fn tally(&self, page: u32) -> &AtomicU32 {
            &self.0[page as usize].1
        }
    }

    fn pages(count: usize) -> Some4096 {
        let page = || (Box::new(Page([0; PAGE_SIZE])), AtomicU32::new(0));
        Some4096((0..count).map(|_| page()).collect())
    }

    fn place(pages: &Some4096, object: *mut u8) -> (u32, usize) {
        let find =
            |page: &u32| (object as usize).wrapping_sub(pages.start(*page) as usize) < PAGE_SIZE;
        let page = (0..pages.0.len() as u32)
            .find(find)
            .expect("an object of ours");
        (page, object as usize - pages.start(page) as usize)
    }

    /// Objects are pushed and popped as chance has it: each is there once, and a page goes when it
    /// is whole.
    #[test]
    fn each_object_is_handed_out_once_and_whole_pages_go() {
        for size in [16, 48, 256, 1360, 2048] {
            let pages = pages(40);
            let whole = PAGE_SIZE / size;
            let mut slabs = Slabs::new(size);
            // In use; and free, by page.
            let mut used: Vec<(u32, usize)> = (0..40)
                .flat_map(|page| (0..whole).map(move |n| (page, n * size)))
                .collect();
            let mut free: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
            let mut random = 12345_u64;
            let mut chance = |n: usize| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (random >> 33) as usize % n
            };
            let mut gone = 0;
            let swing = 3 * used.len();
            for round in 0..4 * swing {
                // It swings between all in use and all free.
                let frees = chance(10) < if round / swing % 2 == 0 { 8 } else { 2 };
                if frees && !used.is_empty() {
                    let (page, offset) = used.swap_remove(chance(used.len()));
                    free.entry(page).or_default().insert(offset);
                    // SAFETY: it is in use nowhere.
                    if let Some(back) = unsafe { slabs.push(&pages, page, offset) } {
                        assert_eq!(back, page);
                        assert_eq!(free.remove(&page).expect("it was free").len(), whole);
                        gone += 1;
                        // It comes back as a new one.
                        used.extend((0..whole).map(|n| (page, n * size)));
                    }
                } else if let Some(object) = slabs.pop(&pages) {
                    let (page, offset) = place(&pages, object);
                    let objects = free.get_mut(&page).expect("a page with free objects");
                    assert!(objects.remove(&offset), "it was free");
                    if objects.is_empty() {
                        free.remove(&page);
                    }
                    used.push((page, offset));
                } else {
                    assert!(free.is_empty());
                }
                let count: usize = free.values().map(BTreeSet::len).sum();
                assert_eq!(slabs.len(), count);
                let idle = free.values().filter(|objects| objects.len() == whole);
                assert!(idle.count() <= KEPT);
            }
            assert!(gone > 0, "{size}");
        }
    }
}
