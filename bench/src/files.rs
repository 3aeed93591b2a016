//! Files in memory: names, descriptors and contents.

use crate::measure::{Row, each};
use anyhow::Result;
use rustix::fs::{FlockOperation, fcntl_lock};
use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub const ROWS: &[Row] = &[
    Row {
        name: "file-create-delete",
        measure: create_delete,
    },
    Row {
        name: "file-open-close",
        measure: || with_file(|path| again(|| drop(File::open(path)))),
    },
    Row {
        name: "file-stat",
        measure: || with_file(|path| again(|| drop(black_box(fs::metadata(path))))),
    },
    Row {
        name: "file-read-4KiB",
        measure: read,
    },
    Row {
        name: "file-write-4KiB",
        measure: write,
    },
    Row {
        name: "file-copy-MiB",
        measure: || with_file(copy),
    },
    Row {
        name: "file-lock-unlock",
        measure: || with_file(lock),
    },
    Row {
        name: "file-list-1000",
        measure: list,
    },
];

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("bench-{name}-{}", std::process::id()))
}

fn create_delete() -> Result<f64> {
    let path = place("create");
    each(|count| {
        for _ in 0..count {
            File::create(&path)?;
            fs::remove_file(&path)?;
        }
        Ok(())
    })
}

/// Measures something with the path of a file that is there.
pub fn with_file(measure: impl Fn(&Path) -> Result<f64>) -> Result<f64> {
    let path = place("there");
    File::create(&path)?;
    let result = measure(&path);
    fs::remove_file(path)?;
    result
}

fn again(work: impl Fn()) -> Result<f64> {
    each(|count| {
        for _ in 0..count {
            work();
        }
        Ok(())
    })
}

fn read() -> Result<f64> {
    let path = place("read");
    fs::write(&path, vec![1; 1 << 20])?;
    let file = File::open(&path)?;
    let mut page = vec![0; 4096];
    let result = each(|count| {
        for index in 0..count {
            file.read_exact_at(&mut page, index % 256 * 4096)?;
        }
        Ok(())
    });
    fs::remove_file(path)?;
    result
}

fn write() -> Result<f64> {
    let path = place("write");
    fs::write(&path, vec![1; 1 << 20])?;
    let file = File::options().write(true).open(&path)?;
    let page = vec![0; 4096];
    let result = each(|count| {
        for index in 0..count {
            file.write_all_at(&page, index % 256 * 4096)?;
        }
        Ok(())
    });
    fs::remove_file(path)?;
    result
}

/// Copies a mebibyte by pieces of 1 KiB.
fn copy(path: &Path) -> Result<f64> {
    const PIECES: u64 = 1024;
    fs::write(path, vec![1; 1 << 20])?;
    let from = File::open(path)?;
    let copy = place("copy");
    let to = File::create(&copy)?;
    let mut piece = [0; 1024];
    let result = each(|count| {
        for index in (0..count).flat_map(|_| 0..PIECES) {
            from.read_exact_at(&mut piece, index * PIECES)?;
            to.write_all_at(&piece, index * PIECES)?;
        }
        Ok(())
    });
    fs::remove_file(copy)?;
    result
}

/// Locks a file against other processes, and unlocks it.
fn lock(path: &Path) -> Result<f64> {
    let file = File::options().write(true).open(path)?;
    each(|count| {
        for _ in 0..count {
            fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
            fcntl_lock(&file, FlockOperation::NonBlockingUnlock)?;
        }
        Ok(())
    })
}

fn list() -> Result<f64> {
    let folder = place("list");
    fs::create_dir(&folder)?;
    for number in 0..1000 {
        File::create(folder.join(number.to_string()))?;
    }
    let result = each(|count| {
        for _ in 0..count {
            black_box(fs::read_dir(&folder)?.count());
        }
        Ok(())
    });
    fs::remove_dir_all(folder)?;
    result
}
