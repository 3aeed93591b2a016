//! The functions of the machine, found by walking its buses.

use crate::bar::{self, Bar};
use crate::config::{Location, Space};
use std::collections::BTreeSet;

const HEADER_TYPE_WORD: u8 = 0x0c;
const MULTI_FUNCTION: u32 = 1 << 23;
const BUS_NUMBERS: u8 = 0x18;

/// A function with its registers.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub at: Location,
    pub bars: Vec<Bar>,
}

/// All functions, by depth-first search from bus 0; a bridge's secondary bus is visited once, so
/// wrong bus numbers cannot loop.
pub fn enumerate(space: &Space) -> Vec<Function> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([0u8]);
    let mut buses = vec![0u8];
    while let Some(bus) = buses.pop() {
        for device in 0..32 {
            for function in functions(space, bus, device) {
                let header = space.read(function, HEADER_TYPE_WORD) >> 16 & 0x7f;
                if header == 1 {
                    let secondary = (space.read(function, BUS_NUMBERS) >> 8) as u8;
                    if secondary != 0 && seen.insert(secondary) {
                        buses.push(secondary);
                    }
                }
                let count = if header == 0 { 6 } else { 2 };
                found.push(Function {
                    at: function,
                    bars: bar::probe(space, function, count),
                });
            }
        }
    }
    found.sort_by_key(|f| f.at);
    found
}

fn functions(space: &Space, bus: u8, device: u8) -> Vec<Location> {
    let at = |function| Location {
        bus,
        device,
        function,
    };
    let exists = |at| space.read(at, 0) & 0xffff != 0xffff;
    if !exists(at(0)) {
        return Vec::new();
    }
    let count = if space.read(at(0), HEADER_TYPE_WORD) & MULTI_FUNCTION != 0 {
        8
    } else {
        1
    };
    (0..count).map(at).filter(|f| exists(*f)).collect()
}
