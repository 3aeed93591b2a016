//! A colon-separated file, line by line, through a small buffer of its own. A line that does not fit is skipped.

use crate::sys::sys;
use core::ffi::{CStr, c_int};

const BUFFER: usize = 2048;

pub struct Lines {
    fd: c_int,
    at: usize,
    end: usize,
    buffer: [u8; BUFFER],
}

impl Lines {
    pub fn open(path: &CStr) -> Result<Lines, c_int> {
        // SAFETY: a C string.
        let fd = unsafe {
            let flags = libc::O_RDONLY | libc::O_CLOEXEC;
            sys!(SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0)
        };
        if fd < 0 {
            return Err(-fd as c_int);
        }
        Ok(Lines {
            fd: fd as c_int,
            at: 0,
            end: 0,
            buffer: [0; BUFFER],
        })
    }

    /// Reads more behind what is left; whether there was any.
    fn fill(&mut self) -> bool {
        self.buffer.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        let rest = &mut self.buffer[self.end..];
        // SAFETY: the slice is writable.
        let read = unsafe { sys!(SYS_read, self.fd, rest.as_mut_ptr(), rest.len()) };
        if read > 0 {
            self.end += read as usize;
        }
        read > 0
    }

    pub fn next(&mut self) -> Option<&[u8]> {
        let mut skipping = false;
        loop {
            let line = self.buffer[self.at..self.end]
                .iter()
                .position(|&byte| byte == b'\n');
            match line {
                Some(length) => {
                    let start = self.at;
                    self.at += length + 1;
                    if !core::mem::take(&mut skipping) {
                        return Some(&self.buffer[start..start + length]);
                    }
                }
                None => {
                    if self.end - self.at == BUFFER {
                        skipping = true;
                        self.at = self.end;
                    }
                    if !self.fill() {
                        let (start, end) = (self.at, self.end);
                        self.at = end;
                        let last = start < end && !skipping;
                        return if last {
                            Some(&self.buffer[start..end])
                        } else {
                            None
                        };
                    }
                }
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // SAFETY: its own descriptor.
        unsafe { sys!(SYS_close, self.fd) };
    }
}

/// A caller's buffer that strings are laid into.
pub struct Arena<'a>(pub &'a mut [u8]);

impl Arena<'_> {
    pub fn string(&mut self, bytes: &[u8]) -> Option<*mut core::ffi::c_char> {
        let at = self.bytes(bytes.len() + 1)?;
        at[..bytes.len()].copy_from_slice(bytes);
        at[bytes.len()] = 0;
        Some(at.as_mut_ptr().cast())
    }

    pub fn bytes(&mut self, size: usize) -> Option<&mut [u8]> {
        let rest = core::mem::take(&mut self.0);
        if rest.len() < size {
            return None;
        }
        let (taken, rest) = rest.split_at_mut(size);
        self.0 = rest;
        Some(taken)
    }

    /// Room for `count` pointers.
    pub fn pointers<T>(&mut self, count: usize) -> Option<*mut *mut T> {
        let align = self.0.as_ptr().align_offset(8);
        self.bytes(align)?;
        Some(self.bytes(count * 8)?.as_mut_ptr().cast())
    }
}

/// A decimal number that fills the field.
pub fn number(field: &[u8]) -> Option<u32> {
    core::str::from_utf8(field).ok()?.parse().ok()
}
