//! What a system call costs at least.

use crate::measure::{Row, each};
use std::hint::black_box;
use std::time::Instant;

pub const ROWS: &[Row] = &[
    Row {
        name: "call-null",
        measure: || {
            each(|count| {
                for _ in 0..count {
                    black_box(rustix::process::getppid());
                }
                Ok(())
            })
        },
    },
    Row {
        name: "call-clock",
        measure: || {
            each(|count| {
                for _ in 0..count {
                    black_box(Instant::now());
                }
                Ok(())
            })
        },
    },
];
