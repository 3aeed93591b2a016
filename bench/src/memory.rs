//! Memory that is touched for the first time.

use crate::measure::{Row, each};
use std::hint::black_box;

pub const ROWS: &[Row] = &[Row {
    name: "memory-first-touch",
    measure: || {
        const PAGE: usize = 4096;
        each(|count| {
            // An allocation of this size is a mapping of its own, on any C library.
            let pieces = count.div_ceil(PIECE);
            for piece in 0..pieces {
                let pages = PIECE.min(count - piece * PIECE) as usize;
                let mut memory = vec![0_u8; pages * PAGE];
                for page in memory.chunks_mut(PAGE) {
                    page[0] = 1;
                }
                black_box(&mut memory);
            }
            Ok(())
        })
    },
}];

/// Pages in one allocation.
const PIECE: u64 = 4096;
