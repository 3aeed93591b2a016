//! Base address registers (PCI 3.0, 6.2.5.1).

use crate::config::{Location, Space};

const FIRST: u8 = 0x10;
const COMMAND: u8 = 0x04;
const IO_SPACE: u32 = 1;
const WIDTH_64: u32 = 2 << 1;
const PREFETCHABLE: u32 = 1 << 3;

/// A register that decodes memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// 0 to 5.
    pub index: u32,
    pub address: u64,
    pub size: u64,
    pub prefetchable: bool,
}

/// The memory registers of a function with `count` of them. A register's size shows in which
/// address bits stay zero when ones are written; decoding is off while they are, so no driver may
/// be using the function.
pub fn probe(space: &Space, at: Location, count: u32) -> Vec<Bar> {
    let command = space.read(at, COMMAND);
    if space.write(at, COMMAND, command & !3).is_err() {
        return Vec::new();
    }
    let mut bars = Vec::new();
    let mut index = 0;
    while index < count {
        let (bar, wide) = probe_one(space, at, index);
        bars.extend(bar);
        index += if wide { 2 } else { 1 };
    }
    // The status half of the word is write-one-to-clear: zeroes leave it alone.
    let _ = space.write(at, COMMAND, command & 0xffff);
    bars
}

fn probe_one(space: &Space, at: Location, index: u32) -> (Option<Bar>, bool) {
    let offset = FIRST + index as u8 * 4;
    let low = space.read(at, offset);
    if low & IO_SPACE != 0 {
        return (None, false);
    }
    let wide = low & 6 == WIDTH_64;
    let mask = u64::from(written_ones(space, at, offset) & !0xf);
    let (high, mask) = if wide {
        let high = space.read(at, offset + 4);
        (
            high,
            mask | u64::from(written_ones(space, at, offset + 4)) << 32,
        )
    } else {
        (0, if mask == 0 { 0 } else { mask | !0 << 32 })
    };
    let size = (!mask).wrapping_add(1);
    let address = u64::from(low & !0xf) | u64::from(high) << 32;
    if mask == 0 || address == 0 {
        return (None, wide);
    }
    let prefetchable = low & PREFETCHABLE != 0;
    (
        Some(Bar {
            index,
            address,
            size,
            prefetchable,
        }),
        wide,
    )
}

/// What a register reads after ones were written to it; its value is put back.
fn written_ones(space: &Space, at: Location, offset: u8) -> u32 {
    let value = space.read(at, offset);
    let _ = space.write(at, offset, u32::MAX);
    let ones = space.read(at, offset);
    let _ = space.write(at, offset, value);
    ones
}
