//! Addresses: physical, virtual, and the sizes of pages.

use core::fmt;
use core::ops::{Add, Sub};

pub const PAGE_SIZE: usize = 4096;
pub const HUGE_SIZE: usize = 2 << 20;

/// First address past what user space may map: the last page below the canonical hole stays
/// unmapped, so that no `syscall` instruction can end at a non-canonical address.
pub const USER_END: usize = 0x7fff_ffff_f000;

/// An address on the bus.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysAddr(pub u64);

/// An address that goes through the page tables.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtAddr(pub usize);

impl PhysAddr {
    #[must_use]
    pub const fn is_aligned(self, align: usize) -> bool {
        self.0 & (align as u64 - 1) == 0
    }

    /// The start of the page that holds this address.
    #[must_use]
    pub const fn page(self) -> PhysAddr {
        PhysAddr(self.0 & !(PAGE_SIZE as u64 - 1))
    }

    #[must_use]
    pub const fn offset_in_page(self) -> usize {
        self.0 as usize & (PAGE_SIZE - 1)
    }
}

impl VirtAddr {
    #[must_use]
    pub const fn is_aligned(self, align: usize) -> bool {
        self.0 & (align - 1) == 0
    }

    /// The start of the page that holds this address.
    #[must_use]
    pub const fn page(self) -> VirtAddr {
        VirtAddr(self.0 & !(PAGE_SIZE - 1))
    }

    #[must_use]
    pub const fn offset_in_page(self) -> usize {
        self.0 & (PAGE_SIZE - 1)
    }

    /// Whether user space may map this address.
    #[must_use]
    pub const fn is_user(self) -> bool {
        self.0 < USER_END
    }
}

impl Add<usize> for VirtAddr {
    type Output = VirtAddr;
    fn add(self, bytes: usize) -> VirtAddr {
        VirtAddr(self.0.wrapping_add(bytes))
    }
}

impl Sub<VirtAddr> for VirtAddr {
    type Output = usize;
    fn sub(self, other: VirtAddr) -> usize {
        self.0.wrapping_sub(other.0)
    }
}

impl Add<u64> for PhysAddr {
    type Output = PhysAddr;
    fn add(self, bytes: u64) -> PhysAddr {
        PhysAddr(self.0.wrapping_add(bytes))
    }
}

impl fmt::Debug for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phys {:#x}", self.0)
    }
}

impl fmt::Debug for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
