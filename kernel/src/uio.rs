//! Where the bytes of a read go and those of a write come from: user memory as a list of ranges,
//! or the kernel's own memory. Objects move bytes through these two types only, so every object
//! serves read, readv, pread, sendfile, exec and the kernel's own readers alike.
//!
//! A range of user memory may fault at any byte. A transfer that faults after some progress
//! reports the progress, as Linux does; callers keep the count by [`Dest::done`] and
//! [`Source::done`]. Never hold a spinlock across these calls: a fault may sleep.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use ochre_hal::frame::Frame;
use ochre_hal::{PAGE_SIZE, uaccess};

/// One range of user memory, checked to lie in the user half when it was made.
#[derive(Clone, Copy, Debug)]
pub struct UserRange {
    pub addr: usize,
    pub len: usize,
}

enum Memory<K> {
    /// The usual single range, kept without an allocation.
    One(UserRange),
    User(Vec<UserRange>),
    Kernel(K),
}

impl<K> Memory<K> {
    /// The user ranges, when it is user memory.
    fn ranges(&self) -> Option<&[UserRange]> {
        match self {
            Memory::One(range) => Some(core::slice::from_ref(range)),
            Memory::User(ranges) => Some(ranges),
            Memory::Kernel(_) => None,
        }
    }
}

/// The destination of a read.
pub struct Dest<'a> {
    memory: Memory<&'a mut [u8]>,
    /// Index of the range the next byte belongs to, and the offset in it.
    range: usize,
    offset: usize,
    done: usize,
    total: usize,
}

/// The source of a write.
pub struct Source<'a> {
    memory: Memory<&'a [u8]>,
    range: usize,
    offset: usize,
    done: usize,
    total: usize,
}

fn total(ranges: &[UserRange]) -> usize {
    ranges
        .iter()
        .fold(0usize, |sum, r| sum.saturating_add(r.len))
}

/// The user addresses of the next `len` bytes at (`range`, `offset`), piece by piece.
fn pieces(
    ranges: &[UserRange],
    range: &mut usize,
    offset: &mut usize,
    mut len: usize,
    mut each: impl FnMut(usize, usize) -> Result,
) -> Result {
    while len > 0 {
        let Some(r) = ranges.get(*range) else {
            return Err(Errno::EFAULT);
        };
        let n = (r.len - *offset).min(len);
        if n > 0 {
            each(r.addr + *offset, n)?;
        }
        *offset += n;
        len -= n;
        if *offset == r.len {
            *range += 1;
            *offset = 0;
        }
    }
    Ok(())
}

macro_rules! common {
    ($ty:ident, $slice:ty) => {
        impl<'a> $ty<'a> {
            /// User memory, in order. The ranges were checked against the user half.
            #[must_use]
            pub fn user(ranges: Vec<UserRange>) -> Self {
                let total = total(&ranges);
                $ty {
                    memory: Memory::User(ranges),
                    range: 0,
                    offset: 0,
                    done: 0,
                    total,
                }
            }

            /// One range of user memory, checked against the user half.
            #[must_use]
            pub fn user_range(range: UserRange) -> Self {
                let memory = Memory::One(range);
                $ty {
                    memory,
                    range: 0,
                    offset: 0,
                    done: 0,
                    total: range.len,
                }
            }

            /// The kernel's own memory.
            #[must_use]
            pub fn kernel(bytes: $slice) -> Self {
                let total = bytes.len();
                $ty {
                    memory: Memory::Kernel(bytes),
                    range: 0,
                    offset: 0,
                    done: 0,
                    total,
                }
            }

            /// Bytes still to move.
            #[must_use]
            pub fn remaining(&self) -> usize {
                self.total - self.done
            }

            /// Bytes moved so far.
            #[must_use]
            pub fn done(&self) -> usize {
                self.done
            }

            #[must_use]
            pub fn is_full(&self) -> bool {
                self.remaining() == 0
            }

            /// Limits the transfer to `len` further bytes.
            pub fn truncate(&mut self, len: usize) {
                self.total = self.total.min(self.done.saturating_add(len));
            }
        }
    };
}

common!(Dest, &'a mut [u8]);
common!(Source, &'a [u8]);

impl Dest<'_> {
    /// Writes all of `bytes`; the caller bounds them by [`Dest::remaining`].
    pub fn put(&mut self, bytes: &[u8]) -> Result {
        debug_assert!(bytes.len() <= self.remaining());
        if let Memory::Kernel(slice) = &mut self.memory {
            slice[self.done..self.done + bytes.len()].copy_from_slice(bytes);
        } else if let Some(ranges) = self.memory.ranges() {
            let mut at = 0;
            pieces(
                ranges,
                &mut self.range,
                &mut self.offset,
                bytes.len(),
                |addr, n| {
                    uaccess::copy_out(addr, &bytes[at..at + n])?;
                    at += n;
                    Ok(())
                },
            )?;
        }
        self.done += bytes.len();
        Ok(())
    }

    /// Writes `len` bytes of `frame` from `offset`: no copy in between.
    pub fn put_frame(&mut self, frame: &Frame, offset: usize, len: usize) -> Result {
        debug_assert!(len <= self.remaining());
        if let Memory::Kernel(slice) = &mut self.memory {
            frame.read(offset, &mut slice[self.done..self.done + len]);
        } else if let Some(ranges) = self.memory.ranges() {
            let mut at = offset;
            pieces(ranges, &mut self.range, &mut self.offset, len, |addr, n| {
                uaccess::frame_to_user(addr, frame, at, n)?;
                at += n;
                Ok(())
            })?;
        }
        self.done += len;
        Ok(())
    }

    /// Writes `len` zero bytes: a hole of a sparse file, /dev/zero. Those before memory that is not there
    /// count as done.
    pub fn put_zeroes(&mut self, len: usize) -> Result {
        debug_assert!(len <= self.remaining());
        let Some(ranges) = self.memory.ranges() else {
            if let Memory::Kernel(slice) = &mut self.memory {
                slice[self.done..self.done + len].fill(0);
            }
            self.done += len;
            return Ok(());
        };
        let done = &mut self.done;
        pieces(
            ranges,
            &mut self.range,
            &mut self.offset,
            len,
            |addr, len| {
                let end = addr + len;
                let mut at = addr;
                while at < end {
                    let n = (PAGE_SIZE - at % PAGE_SIZE).min(end - at);
                    uaccess::zero_out(at, n)?;
                    at += n;
                    *done += n;
                }
                Ok(())
            },
        )
    }
}

impl Source<'_> {
    /// Fills all of `bytes`; the caller bounds them by [`Source::remaining`].
    pub fn take(&mut self, bytes: &mut [u8]) -> Result {
        debug_assert!(bytes.len() <= self.remaining());
        if let Memory::Kernel(slice) = &self.memory {
            bytes.copy_from_slice(&slice[self.done..self.done + bytes.len()]);
        } else if let Some(ranges) = self.memory.ranges() {
            let mut at = 0;
            pieces(
                ranges,
                &mut self.range,
                &mut self.offset,
                bytes.len(),
                |addr, n| {
                    uaccess::copy_in(&mut bytes[at..at + n], addr)?;
                    at += n;
                    Ok(())
                },
            )?;
        }
        self.done += bytes.len();
        Ok(())
    }

    /// Fills `len` bytes of `frame` from `offset`: no copy in between.
    pub fn take_to_frame(&mut self, frame: &Frame, offset: usize, len: usize) -> Result {
        debug_assert!(len <= self.remaining());
        if let Memory::Kernel(slice) = &self.memory {
            frame.write(offset, &slice[self.done..self.done + len]);
        } else if let Some(ranges) = self.memory.ranges() {
            let mut at = offset;
            let result = pieces(ranges, &mut self.range, &mut self.offset, len, |addr, n| {
                uaccess::frame_from_user(frame, at, addr, n)?;
                at += n;
                Ok(())
            });
            if let Err(error) = result {
                // The ranges before the one that failed have been taken.
                self.done += at - offset;
                return Err(error);
            }
        }
        self.done += len;
        Ok(())
    }

    /// Passes over `len` bytes unread: what /dev/null does.
    pub fn skip(&mut self, len: usize) {
        let len = len.min(self.remaining());
        if let Some(ranges) = self.memory.ranges() {
            // The closure touches no memory, so this cannot fail.
            let _ = pieces(
                ranges,
                &mut self.range,
                &mut self.offset,
                len,
                |_, _| Ok(()),
            );
        }
        self.done += len;
    }
}
