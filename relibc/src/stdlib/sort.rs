//! `qsort` and `bsearch`. Sorting is a heap sort after an insertion sort for small arrays: no memory, no bad case.

use core::ffi::{c_int, c_void};
use core::ptr;

pub type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
type CompareWith = unsafe extern "C" fn(*const c_void, *const c_void, *mut c_void) -> c_int;

/// An array of elements whose size is known only at run time.
struct Array<F> {
    base: *mut u8,
    size: usize,
    compare: F,
}

impl<F: Fn(*const c_void, *const c_void) -> c_int> Array<F> {
    unsafe fn at(&self, index: usize) -> *mut u8 {
        self.base.add(index * self.size)
    }

    unsafe fn less(&self, a: usize, b: usize) -> bool {
        (self.compare)(self.at(a).cast(), self.at(b).cast()) < 0
    }

    unsafe fn swap(&self, a: usize, b: usize) {
        if a == b {
            return;
        }
        let (mut a, mut b, mut left) = (self.at(a), self.at(b), self.size);
        while left >= 8 {
            ptr::swap_nonoverlapping(a.cast::<[u8; 8]>(), b.cast::<[u8; 8]>(), 1);
            (a, b, left) = (a.add(8), b.add(8), left - 8);
        }
        ptr::swap_nonoverlapping(a, b, left);
    }

    unsafe fn sort(&self, count: usize) {
        self.quick(0, count, 2 * (usize::BITS - count.leading_zeros()));
    }

    /// Sorts `from..to`; a range that was split unevenly too often is left to the heap sort.
    unsafe fn quick(&self, mut from: usize, mut to: usize, mut depth: u32) {
        while to - from > 12 {
            if depth == 0 {
                return self.heap(from, to);
            }
            depth -= 1;
            let (middle, last) = (from + (to - from) / 2, to - 1);
            // The median of three comes to the front, as the pivot.
            if self.less(middle, from) {
                self.swap(middle, from);
            }
            if self.less(last, middle) {
                self.swap(last, middle);
                if self.less(middle, from) {
                    self.swap(middle, from);
                }
            }
            self.swap(from, middle);
            let (mut low, mut high) = (from, to);
            loop {
                low += 1;
                while low < to && self.less(low, from) {
                    low += 1;
                }
                high -= 1;
                while self.less(from, high) {
                    high -= 1;
                }
                if low >= high {
                    break;
                }
                self.swap(low, high);
            }
            self.swap(from, high);
            if high - from < to - high {
                self.quick(from, high, depth);
                from = high + 1;
            } else {
                self.quick(high + 1, to, depth);
                to = high;
            }
        }
        for next in from + 1..to {
            let mut at = next;
            while at > from && self.less(at, at - 1) {
                self.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    unsafe fn heap(&self, from: usize, to: usize) {
        let count = to - from;
        let sink = |mut parent: usize, count: usize| loop {
            let mut child = 2 * parent + 1;
            if child >= count {
                return;
            }
            if child + 1 < count && self.less(from + child, from + child + 1) {
                child += 1;
            }
            if !self.less(from + parent, from + child) {
                return;
            }
            self.swap(from + parent, from + child);
            parent = child;
        };
        for parent in (0..count / 2).rev() {
            sink(parent, count);
        }
        for end in (1..count).rev() {
            self.swap(from, from + end);
            sink(0, end);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn qsort(base: *mut c_void, count: usize, size: usize, compare: Compare) {
    if count > 1 && size > 0 {
        Array {
            base: base.cast(),
            size,
            compare: |a, b| compare(a, b),
        }
        .sort(count);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn qsort_r(
    base: *mut c_void,
    count: usize,
    size: usize,
    compare: CompareWith,
    context: *mut c_void,
) {
    if count > 1 && size > 0 {
        Array {
            base: base.cast(),
            size,
            compare: |a, b| compare(a, b, context),
        }
        .sort(count);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bsearch(
    key: *const c_void,
    base: *const c_void,
    count: usize,
    size: usize,
    compare: Compare,
) -> *mut c_void {
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = from + (to - from) / 2;
        let element = base.byte_add(middle * size);
        match compare(key, element) {
            0 => return element.cast_mut(),
            order if order < 0 => to = middle,
            _ => from = middle + 1,
        }
    }
    ptr::null_mut()
}
