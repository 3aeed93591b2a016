//! One page-table entry (Intel SDM 3A, 4.5), with the two software bits that say who owns what.

use super::{Cache, Perms};
use crate::addr::{HUGE_SIZE, PAGE_SIZE};

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const PWT: u64 = 1 << 3;
const PCD: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const HUGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
/// Software: the entry owns one reference of its frame.
const OWNED: u64 = 1 << 9;
/// Software: the slot is in use, even when no access is allowed and PRESENT is off.
const OCCUPIED: u64 = 1 << 10;
const NO_EXEC: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// An entry's bits. `OCCUPIED` marks leaves; tables are plain PRESENT entries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pte(pub u64);

impl Pte {
    pub const EMPTY: Pte = Pte(0);

    pub const fn table(phys: u64) -> Pte {
        Pte(phys | PRESENT | WRITE | USER)
    }

    pub const fn kernel_table(phys: u64) -> Pte {
        Pte(phys | PRESENT | WRITE)
    }

    /// A kernel leaf. PAT slot 1 (PWT) is write-combining, slot 3 (PWT|PCD) uncached.
    pub fn kernel(phys: u64, perms: Perms, cache: Cache, huge: bool) -> Pte {
        let mut bits = phys | PRESENT | ACCESSED | DIRTY | GLOBAL | cache_bits(cache);
        if perms.contains(Perms::WRITE) {
            bits |= WRITE;
        }
        if !perms.contains(Perms::EXEC) {
            bits |= NO_EXEC;
        }
        if huge {
            bits |= HUGE;
        }
        Pte(bits)
    }

    /// A user leaf.
    pub fn user(phys: u64, perms: Perms, cache: Cache, huge: bool, owned: bool) -> Pte {
        let mut bits = phys | OCCUPIED | USER | cache_bits(cache);
        if huge {
            bits |= HUGE;
        }
        if owned {
            bits |= OWNED;
        }
        Pte(bits).with_perms(perms)
    }

    pub fn with_perms(self, perms: Perms) -> Pte {
        let mut bits = self.0 & !(PRESENT | WRITE | NO_EXEC);
        if !perms.is_empty() {
            bits |= PRESENT;
        }
        if perms.contains(Perms::WRITE) {
            bits |= WRITE;
        }
        if !perms.contains(Perms::EXEC) {
            bits |= NO_EXEC;
        }
        Pte(bits)
    }

    pub fn perms(self) -> Perms {
        let mut perms = Perms::empty();
        if self.0 & PRESENT != 0 {
            perms |= Perms::READ;
            if self.0 & WRITE != 0 {
                perms |= Perms::WRITE;
            }
            if self.0 & NO_EXEC == 0 {
                perms |= Perms::EXEC;
            }
        }
        perms
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    pub const fn is_leaf(self) -> bool {
        self.0 & OCCUPIED != 0
    }

    pub const fn is_huge(self) -> bool {
        self.0 & HUGE != 0
    }

    /// Bytes a leaf maps.
    pub const fn size(self) -> usize {
        if self.is_huge() { HUGE_SIZE } else { PAGE_SIZE }
    }

    pub const fn is_owned(self) -> bool {
        self.0 & OWNED != 0
    }

    pub const fn accessed(self) -> bool {
        self.0 & ACCESSED != 0
    }

    pub const fn dirty(self) -> bool {
        self.0 & DIRTY != 0
    }

    pub const fn clean(self) -> Pte {
        Pte(self.0 & !(DIRTY | ACCESSED))
    }

    pub const fn phys(self) -> u64 {
        self.0 & ADDRESS
    }

    /// The small leaf for part `index` of this huge leaf. (Huge leaves are always write-back, so
    /// the PAT bit, which is elsewhere in huge entries, is never set.)
    pub const fn part(self, index: usize) -> Pte {
        Pte((self.0 & !HUGE) + ((index as u64) << 12))
    }
}

fn cache_bits(cache: Cache) -> u64 {
    match cache {
        Cache::WriteBack => 0,
        Cache::WriteCombining => PWT,
        Cache::Uncached => PWT | PCD,
    }
}

/// What PAT slots 0–3 must mean for [`cache_bits`]: WB, WC, UC-, UC; 4–7 as after reset.
pub const PAT: u64 = 0x0007_0406_0007_0106;
