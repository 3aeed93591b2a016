//! Processes that take turns: a byte goes round in a ring of them.

use crate::measure::{Row, each};
use anyhow::{Result, ensure};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::hint::black_box;
use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};

pub const ROWS: &[Row] = &[
    Row {
        name: "turn-2-processes",
        measure: || ring(2, 0),
    },
    Row {
        name: "turn-8-processes-16KiB",
        measure: || ring(8, 16 << 10),
    },
    Row {
        name: "turn-16-processes-64KiB",
        measure: || ring(16, 64 << 10),
    },
];

/// What a turn takes: a process reads the byte, sums up `size` bytes of its own, and writes it to the
/// next one.
fn ring(processes: usize, size: usize) -> Result<f64> {
    let (mut from, mut to) = pipe()?;
    let mut children = Vec::new();
    for _ in 1..processes {
        let (next, writer) = pipe()?;
        // SAFETY: this process has one thread here, so the child finds no lock held by another.
        let child = unsafe { libc::fork() };
        ensure!(child >= 0, "fork: {}", io::Error::last_os_error());
        if child == 0 {
            // Only what is its own stays open, so that the ring ends when the first one closes.
            drop((to, next));
            pass_on(from, writer, size);
            // SAFETY: it may be called at any time.
            unsafe { libc::_exit(0) };
        }
        children.push(child);
        from = next;
    }
    let memory = vec![1_u8; size];
    let result = each(|count| {
        let mut byte = [0];
        for _ in 0..count.div_ceil(processes as u64) {
            to.write_all(&byte)?;
            from.read_exact(&mut byte)?;
            sum(&memory);
        }
        Ok(())
    });
    drop((from, to));
    for child in children {
        waitpid(Pid::from_raw(child), WaitOptions::empty())?;
    }
    result
}

fn sum(memory: &[u8]) {
    let sum: u64 = memory.iter().step_by(64).map(|&byte| u64::from(byte)).sum();
    black_box(sum);
}

fn pass_on(mut from: PipeReader, mut to: PipeWriter, size: usize) {
    let memory = vec![1_u8; size];
    let mut byte = [0];
    while let Ok(1) = from.read(&mut byte) {
        sum(&memory);
        if to.write_all(&byte).is_err() {
            return;
        }
    }
}
