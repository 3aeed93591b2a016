//! Memory that is mapped, and touched for the first time.

use crate::files::with_file;
use crate::measure::{Row, each};
use anyhow::Result;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;

pub const ROWS: &[Row] = &[
    Row {
        name: "memory-map-unmap",
        measure: || each(|count| (0..count).try_for_each(|_| touch(PIECE, 0))),
    },
    Row {
        name: "memory-first-touch",
        measure: || each(pages),
    },
    Row {
        name: "memory-touch-16MiB",
        measure: || each(|count| (0..count).try_for_each(|_| touch(LARGE, LARGE / PAGE))),
    },
    Row {
        name: "memory-mapped-file-MiB",
        measure: || with_file(read_mapped),
    },
];

const PAGE: usize = 4096;
/// So little memory that no kernel gives it a large page.
const PIECE: usize = 64 * PAGE;
/// So much that one may.
const LARGE: usize = 16 << 20;

/// Touches `count` pages of small mappings.
pub fn pages(count: u64) -> Result<()> {
    let pieces = count.div_ceil((PIECE / PAGE) as u64);
    for piece in 0..pieces {
        let pages = (count - piece * (PIECE / PAGE) as u64).min((PIECE / PAGE) as u64) as usize;
        touch(PIECE, pages)?;
    }
    Ok(())
}

/// Maps `size` bytes, writes to the first `pages` pages of them, and unmaps them.
fn touch(size: usize, pages: usize) -> Result<()> {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: new memory at a place that the kernel chooses; its pages are written within its size
    // and by nobody else, and nothing points there when it is unmapped.
    unsafe {
        let start = mmap_anonymous(std::ptr::null_mut(), size, protection, flags)?;
        for page in 0..pages.min(size / PAGE) {
            start.cast::<u8>().add(page * PAGE).write_volatile(1);
        }
        munmap(start, size)?;
    }
    Ok(())
}

/// Maps a file of a mebibyte, reads a word of each page, and unmaps it.
fn read_mapped(path: &Path) -> Result<f64> {
    const SIZE: usize = 1 << 20;
    fs::write(path, vec![1; SIZE])?;
    let file = File::open(path)?;
    each(|count| {
        for _ in 0..count {
            // SAFETY: new memory at a place that the kernel chooses; it is read within the file's size,
            // which nobody changes, and nothing points there when it is unmapped.
            unsafe {
                let (nowhere, flags) = (std::ptr::null_mut(), MapFlags::SHARED);
                let start = mmap(nowhere, SIZE, ProtFlags::READ, flags, &file, 0)?;
                for page in 0..SIZE / PAGE {
                    black_box(start.cast::<u8>().add(page * PAGE).read_volatile());
                }
                munmap(start, SIZE)?;
            }
        }
        Ok(())
    })
}
