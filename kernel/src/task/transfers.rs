//! What threads read and write by calls: the bytes that go through read, write and their variants,
//! whatever is behind the descriptor, and how often. Sockets' own calls don't count, as on Linux.

use crate::errno::Result;
use core::ops::AddAssign;
use core::sync::atomic::{AtomicU64, Ordering};

/// What there was until now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transferred {
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub reads: u64,
    pub writes: u64,
}

impl AddAssign for Transferred {
    fn add_assign(&mut self, other: Transferred) {
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
        self.reads += other.reads;
        self.writes += other.writes;
    }
}

/// A thread's counts; it alone adds.
#[derive(Default)]
pub struct Transfers {
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

fn add(count: &AtomicU64, more: u64) {
    count.store(
        count.load(Ordering::Relaxed).wrapping_add(more),
        Ordering::Relaxed,
    );
}

impl Transfers {
    /// A call read; what came of it.
    pub fn read(&self, result: &Result<usize>) {
        add(&self.reads, 1);
        if let Ok(bytes) = *result {
            add(&self.bytes_read, bytes as u64);
        }
    }

    /// A call wrote.
    pub fn wrote(&self, result: &Result<usize>) {
        add(&self.writes, 1);
        if let Ok(bytes) = *result {
            add(&self.bytes_written, bytes as u64);
        }
    }

    #[must_use]
    pub fn get(&self) -> Transferred {
        Transferred {
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }
}
