//! Physical memory as the boot loader described it, and the direct map through which the kernel
//! reaches all of it.
//!
//! Until the frame allocator is up, memory is taken from the top of the regions by
//! [`Regions::take`]; what is left then becomes the allocator's.

use crate::addr::{PAGE_SIZE, PhysAddr};
use crate::sync::Once;

/// Start of the direct map of RAM.
pub const DIRECT_MAP: usize = 0xffff_8000_0000_0000;
/// What the boot page tables map of it.
pub const BOOT_MAPPED: u64 = 4 << 30;
/// Real-mode memory and the firmware's data are left alone.
pub const LOW_MEMORY: u64 = 1 << 20;

/// Where RAM at `phys` is mapped. Only valid for RAM.
#[inline]
#[must_use]
pub fn direct(phys: u64) -> *mut u8 {
    (DIRECT_MAP + phys as usize) as *mut u8
}

/// The physical address of a direct-mapped address.
#[inline]
#[must_use]
pub fn physical_of(direct: usize) -> u64 {
    (direct - DIRECT_MAP) as u64
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub start: u64,
    pub end: u64,
}

const MAX_REGIONS: usize = 128;

/// A set of physical regions in order, page-aligned, not touching each other.
#[derive(Clone)]
pub struct Regions {
    list: [Region; MAX_REGIONS],
    len: usize,
}

impl Regions {
    pub const fn new() -> Regions {
        Regions {
            list: [Region { start: 0, end: 0 }; MAX_REGIONS],
            len: 0,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Region> + '_ {
        self.list[..self.len].iter().copied()
    }

    pub fn bytes(&self) -> u64 {
        self.iter().map(|r| r.end - r.start).sum()
    }

    /// First address after all regions.
    pub fn end(&self) -> u64 {
        self.iter().last().map_or(0, |r| r.end)
    }

    fn insert(&mut self, at: usize, region: Region) {
        if self.len < MAX_REGIONS {
            self.list.copy_within(at..self.len, at + 1);
            self.list[at] = region;
            self.len += 1;
        }
    }

    fn remove(&mut self, at: usize) {
        self.list.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Adds the whole pages of `[start, end)`. A region that no longer fits into the list is lost,
    /// which costs memory, not correctness.
    pub fn add(&mut self, start: u64, end: u64) {
        let page = PAGE_SIZE as u64;
        let mut start = start.checked_next_multiple_of(page).unwrap_or(!(page - 1));
        let mut end = end & !(page - 1);
        if start >= end {
            return;
        }
        let mut at = 0;
        while at < self.len && self.list[at].end < start {
            at += 1;
        }
        while at < self.len && self.list[at].start <= end {
            start = start.min(self.list[at].start);
            end = end.max(self.list[at].end);
            self.remove(at);
        }
        self.insert(at, Region { start, end });
    }

    /// Takes the pages that `[start, end)` touches out.
    pub fn subtract(&mut self, start: u64, end: u64) {
        let page = PAGE_SIZE as u64;
        let start = start & !(page - 1);
        let end = end.checked_next_multiple_of(page).unwrap_or(u64::MAX);
        let mut at = 0;
        while at < self.len {
            let r = self.list[at];
            if r.end <= start || r.start >= end {
                at += 1;
                continue;
            }
            self.remove(at);
            if r.start < start {
                self.insert(
                    at,
                    Region {
                        start: r.start,
                        end: start,
                    },
                );
                at += 1;
            }
            if r.end > end {
                self.insert(
                    at,
                    Region {
                        start: end,
                        end: r.end,
                    },
                );
                at += 1;
            }
        }
    }

    /// Takes `bytes` (whole pages), aligned to `align`, from as high as possible below `below`.
    pub fn take(&mut self, bytes: u64, align: u64, below: u64) -> Option<PhysAddr> {
        let start = self
            .iter()
            .filter(|r| r.start < below)
            .filter_map(|r| {
                let start = r.end.min(below).checked_sub(bytes)? & !(align - 1);
                (start >= r.start).then_some(start)
            })
            .last()?;
        self.subtract(start, start + bytes);
        Some(PhysAddr(start))
    }
}

static RAM: Once<Regions> = Once::new();

/// Keeps what is RAM for [`is_ram`].
pub fn set_ram(ram: &Regions) {
    RAM.set(ram.clone());
}

/// Whether the page at `phys` is RAM, whoever owns it.
#[must_use]
pub fn is_ram(phys: PhysAddr) -> bool {
    RAM.get()
        .is_none_or(|ram| ram.iter().any(|r| (r.start..r.end).contains(&phys.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    fn list(r: &Regions) -> Vec<(u64, u64)> {
        r.iter().map(|r| (r.start, r.end)).collect()
    }

    #[test]
    fn touching_regions_merge_and_partial_pages_are_dropped() {
        let mut r = Regions::new();
        r.add(0x5000, 0x7000);
        r.add(0x1001, 0x3fff);
        r.add(0x3000, 0x5000);
        assert_eq!(list(&r), [(0x2000, 0x7000)]);
    }

    #[test]
    fn subtracting_splits_and_covers_partial_pages() {
        let mut r = Regions::new();
        r.add(0x1000, 0x9000);
        r.subtract(0x2fff, 0x4001);
        assert_eq!(list(&r), [(0x1000, 0x2000), (0x5000, 0x9000)]);
    }

    #[test]
    fn take_prefers_high_memory_below_the_limit() {
        let mut r = Regions::new();
        r.add(0x1000, 0x9000);
        r.add(0x20_0000, 0x60_0000);
        assert_eq!(
            r.take(0x1000, 0x20_0000, 0x60_0000),
            Some(PhysAddr(0x40_0000))
        );
        assert_eq!(r.take(0x4000, 0x1000, 0x8000), Some(PhysAddr(0x4000)));
        assert_eq!(r.take(0x100_0000, 0x1000, u64::MAX), None);
    }
}
