//! User buffers of read and write calls: one range, or an array of them.

use crate::errno::{Errno, Result};
use crate::mm::uptr::{UserPtr, user_range};
use crate::uio::{Dest, Source, UserRange};
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;

/// Linux moves at most this much in one call.
const RW_MAX: usize = 0x7fff_f000;
/// UIO_MAXIOV.
const VECTORS_MAX: usize = 1024;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct IoVec {
    base: usize,
    len: usize,
}

fn range(addr: usize, len: usize) -> Result<UserRange> {
    // The address is checked for the length as asked, like Linux's access_ok.
    let range = user_range(addr, len)?;
    Ok(UserRange {
        len: range.len.min(RW_MAX),
        ..range
    })
}

/// The destination `buf`, `count` of read(2).
pub fn dest_of(addr: usize, count: usize) -> Result<Dest<'static>> {
    range(addr, count).map(Dest::user_range)
}

/// The source `buf`, `count` of write(2).
pub fn source_of(addr: usize, count: usize) -> Result<Source<'static>> {
    range(addr, count).map(Source::user_range)
}

/// An iovec array.
pub fn vector_of(addr: usize, count: usize) -> Result<Vec<UserRange>> {
    if count > VECTORS_MAX {
        return Err(Errno::EINVAL);
    }
    let vectors = UserPtr::<IoVec>::new(addr).read_vec(count, VECTORS_MAX)?;
    let mut ranges = Vec::new();
    ranges.room_exact(count)?;
    let mut total = 0usize;
    for IoVec { base, len } in vectors {
        if isize::try_from(len).is_err() {
            return Err(Errno::EINVAL);
        }
        let mut range = user_range(base, len)?;
        range.len = range.len.min(RW_MAX - total);
        total += range.len;
        ranges.push(range);
    }
    Ok(ranges)
}
