//! The same work on all processors at once. What a thing takes is told as on one processor: as long
//! as there, if nobody is in another's way.

use crate::files::with_file;
use crate::measure::{Row, each};
use crate::{memory, process};
use anyhow::{Result, bail};
use std::fs::{self, File};
use std::hint::{black_box, spin_loop};
use std::io::{Read, Write, pipe};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

pub const ROWS: &[Row] = &[
    Row {
        name: "parallel-call-null",
        measure: || {
            together(|count| {
                for _ in 0..count {
                    black_box(rustix::process::getppid());
                }
                Ok(())
            })
        },
    },
    Row {
        name: "parallel-first-touch",
        measure: || together(memory::pages),
    },
    Row {
        name: "parallel-open-close",
        measure: || with_file(|path| together(|count| open(path, count))),
    },
    Row {
        name: "parallel-read-4KiB",
        measure: || with_file(read),
    },
    Row {
        name: "parallel-pipe-byte",
        measure: || together(pipes),
    },
    Row {
        name: "parallel-spawn",
        measure: || together(process::spawn),
    },
];

/// As [`each`], with a thread on each processor: `work(n)` of all of them together is a sample.
fn together(work: impl Fn(u64) -> Result<()> + Sync) -> Result<f64> {
    let processors = thread::available_parallelism()?.get();
    let (start, end) = (Gate::new(processors), Gate::new(processors));
    let (count, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 1..processors {
            scope.spawn(|| {
                loop {
                    start.pass();
                    match count.load(Ordering::Relaxed) {
                        0 => return,
                        count if work(count).is_err() => failed.store(true, Ordering::Relaxed),
                        _ => {}
                    }
                    end.pass();
                }
            });
        }
        let result = each(|each| {
            count.store(each, Ordering::Relaxed);
            start.pass();
            let own = work(each);
            end.pass();
            if failed.load(Ordering::Relaxed) {
                bail!("another thread's work failed");
            }
            own
        });
        count.store(0, Ordering::Relaxed);
        start.pass();
        result
    })
}

/// Lets threads through when all have come. They don't sleep meanwhile: waking them would be a part of
/// each sample.
struct Gate {
    threads: usize,
    come: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Gate {
        Gate {
            threads,
            come: AtomicUsize::new(0),
        }
    }

    fn pass(&self) {
        let all =
            self.come.fetch_add(1, Ordering::AcqRel) / self.threads * self.threads + self.threads;
        let mut turns = 0_u32;
        while self.come.load(Ordering::Acquire) < all {
            turns += 1;
            if turns.is_multiple_of(1024) {
                // Two may be on one processor at first.
                thread::yield_now();
            }
            spin_loop();
        }
    }
}

fn open(path: &Path, count: u64) -> Result<()> {
    for _ in 0..count {
        File::open(path)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<f64> {
    fs::write(path, vec![1; 1 << 20])?;
    let file = File::open(path)?;
    together(|count| {
        let mut page = vec![0; 4096];
        for index in 0..count {
            file.read_exact_at(&mut page, index % 256 * 4096)?;
        }
        Ok(())
    })
}

/// Writes a byte to a pipe of its own and reads it.
fn pipes(count: u64) -> Result<()> {
    let (mut from, mut to) = pipe()?;
    for _ in 0..count {
        to.write_all(&[1])?;
        from.read_exact(&mut [0])?;
    }
    Ok(())
}
