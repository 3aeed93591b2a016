//! A regular file's contents: a memory object, and who may still change it (seals).

use crate::errno::{Errno, Result};
use crate::file::Io;
use crate::lock_order;
use crate::mm::allowance::Allowance;
use crate::mm::object::MemoryObject;
use crate::sched::mutex::Mutex;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use bitflags::bitflags;
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_hal::PAGE_SIZE;
use ochre_hal::frame::Frame;

bitflags! {
    /// memfd's seals, fcntl(F_ADD_SEALS).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Seals: u32 {
        const SEAL = 1;
        const SHRINK = 2;
        const GROW = 4;
        const WRITE = 8;
        const FUTURE_WRITE = 16;
        const EXEC = 32;
    }
}

pub struct FileData {
    object: Arc<MemoryObject>,
    /// Held by writers and changes of size: appends find the end, seals hold.
    writing: Mutex<()>,
    seals: AtomicU32,
}

/// A part of memory that files leave alone: their growth ends with ENOSPC before everybody
/// else's does with ENOMEM.
fn check_space() -> Result {
    let frames = ochre_hal::frame::stats();
    if frames.free < frames.total / 32 {
        Err(Errno::ENOSPC)
    } else {
        Ok(())
    }
}

fn no_space(error: Errno) -> Errno {
    if error == Errno::ENOMEM {
        Errno::ENOSPC
    } else {
        error
    }
}

impl FileData {
    /// An empty file, whose pages are taken from `pages`.
    pub(super) fn new(pages: &Arc<Allowance>) -> FileData {
        FileData {
            object: MemoryObject::charged(pages),
            writing: Mutex::new(lock_order::sleeping::WRITING, ()),
            // As Linux: only memfds that ask for it can be sealed.
            seals: AtomicU32::new(Seals::SEAL.bits()),
        }
    }

    #[must_use]
    pub fn object(&self) -> &Arc<MemoryObject> {
        &self.object
    }

    #[must_use]
    pub fn size(&self) -> u64 {
        self.object.size()
    }

    /// Pages in memory.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.object.resident()
    }

    #[must_use]
    pub fn seals(&self) -> Seals {
        Seals::from_bits_truncate(self.seals.load(Ordering::SeqCst))
    }

    /// Lets a memfd be sealed.
    pub fn allow_seals(&self) {
        self.seals.store(0, Ordering::SeqCst);
    }

    /// F_ADD_SEALS.
    pub fn add_seals(&self, seals: Seals) -> Result {
        let _writing = self.writing.lock();
        if self.seals().contains(Seals::SEAL) {
            return Err(Errno::EPERM);
        }
        if seals.contains(Seals::WRITE) && !self.seals().contains(Seals::WRITE) {
            self.object.viewers.seal()?;
        }
        self.seals.fetch_or(seals.bits(), Ordering::SeqCst);
        Ok(())
    }

    pub(super) fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        self.object.read(io.offset, dst)
    }

    pub(super) fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        if src.is_full() {
            return Ok(0);
        }
        let _writing = self.writing.lock();
        let seals = self.seals();
        if seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
            return Err(Errno::EPERM);
        }
        let size = self.size();
        let offset = if io.append { size } else { io.offset };
        let end = offset
            .checked_add(src.remaining() as u64)
            .ok_or(Errno::EFBIG)?;
        if end > size {
            if seals.contains(Seals::GROW) {
                // Whole pages below the end may still be written, as Linux does it page by page.
                let limit = size / PAGE_SIZE as u64 * PAGE_SIZE as u64;
                if limit <= offset {
                    return Err(Errno::EPERM);
                }
                src.truncate((limit - offset) as usize);
            }
            check_space()?;
        }
        self.object.write(offset, src).map_err(no_space)
    }

    pub(super) fn set_size(&self, size: u64) -> Result {
        let _writing = self.writing.lock();
        let old = self.size();
        let seals = self.seals();
        if (size < old && seals.contains(Seals::SHRINK))
            || (size > old && seals.contains(Seals::GROW))
        {
            return Err(Errno::EPERM);
        }
        self.object.resize(size)
    }

    /// fallocate(2).
    pub(super) fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result {
        use crate::linux::general as raw;
        let end = offset
            .checked_add(len)
            .filter(|&end| i64::try_from(end).is_ok());
        let end = end.ok_or(Errno::EFBIG)?;
        let keep = mode & raw::FALLOC_FL_KEEP_SIZE != 0;
        let _writing = self.writing.lock();
        match mode & !raw::FALLOC_FL_KEEP_SIZE {
            0 => {
                if end > self.size() && !keep && self.seals().contains(Seals::GROW) {
                    return Err(Errno::EPERM);
                }
                let pages = (len / PAGE_SIZE as u64) as usize;
                let frames = ochre_hal::frame::stats();
                if pages > frames.free.saturating_sub(frames.total / 32) {
                    return Err(Errno::ENOSPC);
                }
                let old = self.size();
                if end > old && !keep {
                    self.object.resize(end)?;
                }
                // With KEEP_SIZE, space beyond the end needs no promise: growing can fail anyway.
                let end = end.min(self.size());
                if offset >= end {
                    return Ok(());
                }
                let populated = self.object.populate(offset, end - offset);
                if populated.is_err() && old < self.size() {
                    self.object.resize(old)?;
                }
                populated.map_err(no_space)
            }
            raw::FALLOC_FL_PUNCH_HOLE if keep => {
                if self.seals().intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
                    return Err(Errno::EPERM);
                }
                self.object.punch(offset, len);
                Ok(())
            }
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// Takes frames as the file's pages in place: `len` bytes from page 0 on.
    pub fn fill(&self, frames: impl Iterator<Item = Frame>, len: u64) -> Result {
        let _writing = self.writing.lock();
        self.object.resize(len)?;
        for (index, frame) in frames.enumerate() {
            self.object.put_frame(index as u64, frame);
        }
        Ok(())
    }
}
