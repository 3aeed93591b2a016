//! What the search found, kept for the next server: sizing the registers of a function turns it off
//! for a moment, which is no harm at the machine's start alone, when no driver uses it.
//!
//! A line is a function, `BB:DD.F`, and then of each register that decodes memory its index, address,
//! size, and whether it is prefetchable, in hexadecimal.

use crate::bar::Bar;
use crate::config::Location;
use crate::function::Function;
use std::fmt::Write;
use std::{fs, io};

pub const FILE: &str = "/run/pci";
const WRITTEN_FIRST: &str = "/run/pci.new";

/// The functions, if a server of this machine's life has found them.
pub fn load() -> Option<Vec<Function>> {
    parse(&fs::read_to_string(FILE).ok()?).filter(|functions| !functions.is_empty())
}

/// Keeps them, all or nothing.
pub fn save(functions: &[Function]) -> io::Result<()> {
    fs::write(WRITTEN_FIRST, print(functions))?;
    fs::rename(WRITTEN_FIRST, FILE)
}

fn print(functions: &[Function]) -> String {
    let mut text = String::new();
    for function in functions {
        let _ = write!(text, "{}", function.at);
        for bar in &function.bars {
            let (index, prefetchable) = (bar.index, u32::from(bar.prefetchable));
            let _ = write!(
                text,
                " {index:x} {:x} {:x} {prefetchable:x}",
                bar.address, bar.size
            );
        }
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Option<Vec<Function>> {
    text.lines().map(function).collect()
}

fn function(line: &str) -> Option<Function> {
    let (at, registers) = line.split_once(' ').unwrap_or((line, ""));
    let numbers: Option<Vec<u64>> = registers.split_whitespace().map(hexadecimal).collect();
    let bars = numbers?.chunks(4).map(bar).collect::<Option<_>>()?;
    Some(Function {
        at: location(at)?,
        bars,
    })
}

fn bar(numbers: &[u64]) -> Option<Bar> {
    let &[index, address, size, prefetchable] = numbers else {
        return None;
    };
    Some(Bar {
        index: u32::try_from(index).ok()?,
        address,
        size,
        prefetchable: prefetchable != 0,
    })
}

fn location(text: &str) -> Option<Location> {
    let (bus, rest) = text.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let byte = |text| u8::try_from(hexadecimal(text)?).ok();
    Some(Location {
        bus: byte(bus)?,
        device: byte(device)?,
        function: byte(function)?,
    })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_found_again() {
        let at = |device| Location {
            bus: 0,
            device,
            function: 7,
        };
        let bar = |index, address, prefetchable| Bar {
            index,
            address,
            size: 0x1_0000_0000,
            prefetchable,
        };
        let functions = vec![
            Function {
                at: at(2),
                bars: vec![bar(0, 0xfebf_0000, false), bar(4, 0x80_0000_0000, true)],
            },
            Function {
                at: at(0x1f),
                bars: Vec::new(),
            },
        ];
        let text = print(&functions);
        assert_eq!(parse(&text), Some(functions));
        assert_eq!(parse(""), Some(Vec::new()));
    }

    #[test]
    fn a_spoilt_file_is_not_believed() {
        for text in [
            "00:02.0 0 febf0000 1000",
            "00:02.0 0 x 1000 0",
            "00:02",
            "100:02.0",
            "\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
