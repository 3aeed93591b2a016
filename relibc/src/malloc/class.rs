//! Size classes: every 16 bytes up to 128, then four to a doubling, up to 64 KiB. All powers of two are among them.

pub const COUNT: usize = 44;
/// The largest block that shares a page with others.
pub const LARGEST: usize = 64 << 10;
/// The largest block inside a segment.
pub const SPAN_LARGEST: usize = 1 << 20;

#[derive(Clone, Copy)]
pub struct Class(pub usize);

const SMALL: usize = 1024;

/// The classes of sizes up to [`SMALL`], by 16 bytes.
static TABLE: [u8; SMALL / 16 + 1] = {
    let mut table = [0; SMALL / 16 + 1];
    let mut step = 0;
    while step < table.len() {
        table[step] = compute(step * 16) as u8;
        step += 1;
    }
    table
};

const fn compute(size: usize) -> usize {
    if size <= 128 {
        return if size == 0 { 0 } else { (size - 1) / 16 };
    }
    // 128 < size: the doubling it lies in, and which quarter.
    let log = usize::BITS as usize - 1 - (size - 1).leading_zeros() as usize;
    let quarter = ((size - 1) >> (log - 2)) & 3;
    8 + (log - 7) * 4 + quarter
}

impl Class {
    #[inline(always)]
    pub fn of(size: usize) -> Class {
        if size <= SMALL {
            // SAFETY: the index is at most SMALL / 16.
            Class(unsafe { *TABLE.get_unchecked((size + 15) / 16) } as usize)
        } else {
            Class(compute(size))
        }
    }

    pub fn block_size(self) -> usize {
        if self.0 < 8 {
            return (self.0 + 1) * 16;
        }
        let (doubling, quarter) = ((self.0 - 8) / 4, (self.0 - 8) % 4);
        (128 << doubling) + ((quarter + 1) << (5 + doubling))
    }

    /// Slots of a page of this class: at least eight blocks.
    pub fn slots(self) -> usize {
        match self.block_size() {
            ..=8192 => 1,
            ..=16384 => 2,
            ..=32768 => 4,
            _ => 8,
        }
    }
}
