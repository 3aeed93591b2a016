//! Pointers from user space. One is an allegation: an address and a type, nothing checked. Reading
//! and writing through it checks, and fails with `EFAULT`.

use crate::errno::{Errno, Result};
use crate::uio::UserRange;
use alloc::vec::Vec;
use bytemuck::{AnyBitPattern, NoUninit, Zeroable};
use core::marker::PhantomData;
use ochre_hal::admission::Room;
use ochre_hal::{USER_END, uaccess};

/// An address at which user space says there are one or more `T`.
#[derive(Debug)]
pub struct UserPtr<T> {
    addr: usize,
    _type: PhantomData<T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> UserPtr<T> {
    #[must_use]
    pub const fn new(addr: usize) -> UserPtr<T> {
        UserPtr {
            addr,
            _type: PhantomData,
        }
    }

    #[must_use]
    pub const fn addr(self) -> usize {
        self.addr
    }

    #[must_use]
    pub const fn is_null(self) -> bool {
        self.addr == 0
    }

    /// None for a null pointer: for arguments that may be left out.
    #[must_use]
    pub fn non_null(self) -> Option<UserPtr<T>> {
        (self.addr != 0).then_some(self)
    }

    /// The pointer to element `index`.
    #[must_use]
    pub const fn element(self, index: usize) -> UserPtr<T> {
        UserPtr::new(self.addr.wrapping_add(index.wrapping_mul(size_of::<T>())))
    }

    #[must_use]
    pub const fn cast<U>(self) -> UserPtr<U> {
        UserPtr::new(self.addr)
    }

    #[must_use]
    pub const fn byte_add(self, bytes: usize) -> UserPtr<T> {
        UserPtr::new(self.addr.wrapping_add(bytes))
    }
}

impl<T: AnyBitPattern + NoUninit + Zeroable> UserPtr<T> {
    pub fn read(self) -> Result<T> {
        let mut value = T::zeroed();
        uaccess::copy_in(bytemuck::bytes_of_mut(&mut value), self.addr)?;
        Ok(value)
    }

    /// Reads `count` elements, at most `max` (more is `EINVAL`).
    pub fn read_vec(self, count: usize, max: usize) -> Result<Vec<T>> {
        if count > max {
            return Err(Errno::EINVAL);
        }
        let mut all = Vec::new();
        all.room_exact(count)?;
        all.resize(count, T::zeroed());
        uaccess::copy_in(bytemuck::cast_slice_mut(&mut all), self.addr)?;
        Ok(all)
    }
}

impl<T: NoUninit> UserPtr<T> {
    pub fn write(self, value: &T) -> Result {
        Ok(uaccess::copy_out(self.addr, bytemuck::bytes_of(value))?)
    }

    pub fn write_slice(self, values: &[T]) -> Result {
        Ok(uaccess::copy_out(self.addr, bytemuck::cast_slice(values))?)
    }

    /// Writes unless the pointer is null.
    pub fn write_if(self, value: &T) -> Result {
        if self.is_null() {
            Ok(())
        } else {
            self.write(value)
        }
    }
}

/// A range of user memory; `EFAULT` where it reaches out of the user half.
pub fn user_range(addr: usize, len: usize) -> Result<UserRange> {
    match addr.checked_add(len) {
        Some(end) if end <= USER_END => Ok(UserRange { addr, len }),
        _ => Err(Errno::EFAULT),
    }
}

/// A NUL-terminated string of at most `max` bytes without the NUL; longer is `too_long`.
pub fn read_string(addr: usize, max: usize, too_long: Errno) -> Result<Vec<u8>> {
    const STEP: usize = 256;
    let mut out: Vec<u8> = Vec::new();
    loop {
        let room = (max + 1 - out.len()).min(STEP);
        if room == 0 {
            return Err(too_long);
        }
        let from = out.len();
        out.room(room)?;
        out.resize(from + room, 0);
        let at = addr.checked_add(from).ok_or(Errno::EFAULT)?;
        let n = uaccess::copy_in_str(&mut out[from..], at)?;
        if n < room {
            out.truncate(from + n);
            return Ok(out);
        }
    }
}

/// Linux's `timespec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Timespec {
    pub sec: i64,
    pub nsec: i64,
}

impl Timespec {
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Timespec {
        Timespec {
            sec: (nanos / 1_000_000_000) as i64,
            nsec: (nanos % 1_000_000_000) as i64,
        }
    }

    /// As nanoseconds, saturating; `EINVAL` when it is no valid time.
    pub fn to_nanos(self) -> Result<u64> {
        if self.sec < 0 || !(0..1_000_000_000).contains(&self.nsec) {
            return Err(Errno::EINVAL);
        }
        Ok((self.sec as u64)
            .saturating_mul(1_000_000_000)
            .saturating_add(self.nsec as u64))
    }
}

/// Linux's `timeval`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Timeval {
    pub sec: i64,
    pub usec: i64,
}

impl Timeval {
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Timeval {
        Timeval {
            sec: (nanos / 1_000_000_000) as i64,
            usec: (nanos % 1_000_000_000 / 1000) as i64,
        }
    }

    pub fn to_nanos(self) -> Result<u64> {
        if self.sec < 0 || !(0..1_000_000).contains(&self.usec) {
            return Err(Errno::EINVAL);
        }
        Ok((self.sec as u64)
            .saturating_mul(1_000_000_000)
            .saturating_add(self.usec as u64 * 1000))
    }
}
