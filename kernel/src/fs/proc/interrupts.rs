//! /proc/interrupts, and what /proc/stat says of them. A device's interrupt goes by the number of its
//! vector.

use crate::scheme::interrupt;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use ochre_hal::cpu;
use ochre_hal::irq::{self, Vector};

/// On all processors.
fn sum(vector: Vector) -> u64 {
    (0..cpu::count())
        .map(|id| u64::from(irq::times(vector, id)))
        .sum()
}

/// The line of /proc/stat: all interrupts, and then each number's.
pub fn total() -> String {
    let all: u64 = irq::vectors().map(sum).sum();
    let mut line = format!("intr {all}");
    let devices = irq::vectors().filter(|vector| !irq::OWN.iter().any(|own| own.1 == *vector));
    let last = devices.filter(|&vector| sum(vector) > 0).max();
    if let Some(last) = last {
        for number in 0..=last.0 {
            let _ = write!(line, " {}", sum(Vector(number)));
        }
    }
    line
}

/// /proc/interrupts.
pub fn table() -> Vec<u8> {
    let count = cpu::count();
    let mut text = String::from("    ");
    for id in 0..count {
        let _ = write!(text, "       CPU{id:<1}");
    }
    text.push('\n');
    let row = |name: &str, vector: Vector, what: &str| {
        let mut row = format!("{name:>3}:");
        for id in 0..count {
            let _ = write!(row, " {:>10}", irq::times(vector, id));
        }
        let _ = writeln!(row, "  {what}");
        row
    };
    for vector in irq::vectors() {
        if let Some(what) = interrupt::describe(vector) {
            text.push_str(&row(&format!("{}", vector.0), vector, &what));
        }
    }
    for (name, vector, what) in irq::OWN {
        text.push_str(&row(name, vector, &format!(" {what}")));
    }
    text.into_bytes()
}
