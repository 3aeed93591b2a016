//! A process's descriptors.
//!
//! Locks: one spinlock per table, held for look-ups and changes only; descriptions are always
//! dropped after it is released, because dropping one may close a file.

use crate::errno::{Errno, Result};
use crate::fs::open::OpenFile;
use crate::lock_order;
use crate::sched::cpu;
use crate::task::footprint::Look;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// Linux's default for fs.nr_open: no limit raises a table beyond it.
pub const FDS_MAX: usize = 1 << 20;

#[derive(Clone)]
struct Entry {
    open: Arc<OpenFile>,
    close_on_exec: bool,
}

struct Slots {
    entries: Vec<Option<Entry>>,
    /// No descriptor below this one is free.
    first_free: usize,
}

/// What clone's CLONE_FILES shares.
pub struct FdTable {
    slots: SpinLock<Slots>,
    /// Who owns POSIX record locks taken through this table.
    id: u64,
}

static NEXT_ID: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(1);

impl Default for FdTable {
    fn default() -> FdTable {
        FdTable::new()
    }
}

impl Slots {
    fn get(&self, fd: i32) -> Option<&Entry> {
        self.entries.get(usize::try_from(fd).ok()?)?.as_ref()
    }

    fn get_mut(&mut self, fd: i32) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(fd).ok()?)?.as_mut()
    }

    /// The lowest free descriptor that is at least `from` and below `limit`.
    fn free(&mut self, from: usize, limit: usize) -> Result<usize> {
        let mut fd = from.max(self.first_free);
        while self.entries.get(fd).is_some_and(Option::is_some) {
            fd += 1;
        }
        if from <= self.first_free {
            self.first_free = fd;
        }
        if fd >= limit.min(FDS_MAX) {
            return Err(Errno::EMFILE);
        }
        self.grow(fd)?;
        Ok(fd)
    }

    fn grow(&mut self, fd: usize) -> Result {
        if fd >= self.entries.len() {
            let more = fd + 1 - self.entries.len();
            self.entries.room(more)?;
            self.entries.resize_with(fd + 1, || None);
        }
        Ok(())
    }

    fn take(&mut self, fd: usize) -> Option<Entry> {
        let entry = self.entries.get_mut(fd)?.take()?;
        self.first_free = self.first_free.min(fd);
        Some(entry)
    }
}

impl FdTable {
    #[must_use]
    pub fn new() -> FdTable {
        FdTable {
            slots: SpinLock::new(
                lock_order::FD_TABLE,
                Slots {
                    entries: Vec::new(),
                    first_free: 0,
                },
            ),
            id: NEXT_ID.fetch_add(1, core::sync::atomic::Ordering::Relaxed),
        }
    }

    /// Who POSIX record locks taken through this table belong to.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A copy for fork.
    pub fn fork(&self) -> Result<FdTable> {
        let copy = FdTable::new();
        {
            let slots = self.slots.lock();
            let mut entries = Vec::new();
            entries.room(slots.entries.len())?;
            entries.extend(slots.entries.iter().cloned());
            let first_free = slots.first_free;
            drop(slots);
            *copy.slots.lock() = Slots {
                entries,
                first_free,
            };
        }
        Ok(copy)
    }

    /// The description behind `fd`.
    pub fn get(&self, fd: i32) -> Result<Arc<OpenFile>> {
        self.slots
            .lock()
            .get(fd)
            .map(|entry| entry.open.clone())
            .ok_or(Errno::EBADF)
    }

    /// As [`FdTable::get_io`] for each of `fds`, under one lock: of few, that is, and what `take` does is short
    /// and takes no other lock.
    pub fn get_each(
        &self,
        fds: impl Iterator<Item = i32>,
        mut take: impl FnMut(Option<&Arc<OpenFile>>),
    ) {
        let slots = self.slots.lock();
        for fd in fds {
            let open = slots.get(fd).map(|entry| &entry.open);
            take(open.filter(|open| !open.is_path_only()));
        }
    }

    /// As [`FdTable::get`], for operations that an O_PATH descriptor does not allow.
    pub fn get_io(&self, fd: i32) -> Result<Arc<OpenFile>> {
        let open = self.get(fd)?;
        if open.is_path_only() {
            Err(Errno::EBADF)
        } else {
            Ok(open)
        }
    }

    /// Installs `open` at the lowest free descriptor below the RLIMIT_NOFILE `limit`.
    pub fn insert(&self, open: Arc<OpenFile>, close_on_exec: bool, limit: u64) -> Result<i32> {
        self.insert_from(0, open, close_on_exec, limit)
    }

    /// As [`FdTable::insert`], at `from` or above (F_DUPFD).
    pub fn insert_from(
        &self,
        from: usize,
        open: Arc<OpenFile>,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<i32> {
        let limit = usize::try_from(limit).unwrap_or(FDS_MAX);
        let mut slots = self.slots.lock();
        let fd = match slots.free(from, limit) {
            Ok(fd) => fd,
            Err(error) => {
                drop(slots);
                return Err(error);
            }
        };
        slots.entries[fd] = Some(Entry {
            open,
            close_on_exec,
        });
        if slots.first_free == fd {
            slots.first_free = fd + 1;
        }
        Ok(fd as i32)
    }

    /// Puts `open` at exactly `fd` (dup2), whatever was there before.
    pub fn replace(
        &self,
        fd: i32,
        open: Arc<OpenFile>,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<()> {
        let limit = usize::try_from(limit).unwrap_or(FDS_MAX).min(FDS_MAX);
        let at = usize::try_from(fd)
            .ok()
            .filter(|&at| at < limit)
            .ok_or(Errno::EBADF)?;
        let old = {
            let mut slots = self.slots.lock();
            slots.grow(at)?;
            let old = slots.entries[at].replace(Entry {
                open,
                close_on_exec,
            });
            if slots.first_free == at {
                slots.first_free = at + 1;
            }
            old
        };
        if let Some(old) = old {
            old.open.closed_by(self.id);
        }
        Ok(())
    }

    pub fn close(&self, fd: i32) -> Result<()> {
        let at = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let entry = self.slots.lock().take(at).ok_or(Errno::EBADF)?;
        entry.open.closed_by(self.id);
        Ok(())
    }

    /// Closes all of `first..=last`, or marks them close-on-exec; other threads run meanwhile. The caller holds
    /// no spinlock.
    pub fn close_range(&self, first: u32, last: u32, only_mark: bool) {
        self.close_each(first, last, only_mark, cpu::breathe);
    }

    /// As [`Self::close_range`], with a `pause` after each few that were closed.
    fn close_each(&self, first: u32, last: u32, only_mark: bool, pause: fn()) {
        const FEW: usize = 64;
        let mut fd = first as usize;
        loop {
            let entry = {
                let mut slots = self.slots.lock();
                let end = slots.entries.len().min(last as usize + 1);
                while fd < end && slots.entries[fd].is_none() {
                    fd += 1;
                }
                if fd >= end {
                    return;
                }
                if only_mark {
                    if let Some(entry) = &mut slots.entries[fd] {
                        entry.close_on_exec = true;
                    }
                    fd += 1;
                    continue;
                }
                slots.take(fd)
            };
            if let Some(entry) = entry {
                entry.open.closed_by(self.id);
            }
            fd += 1;
            if fd.is_multiple_of(FEW) {
                pause();
            }
        }
    }

    /// exec: closes what is marked so.
    pub fn close_on_exec(&self) {
        let mut fd = 0;
        loop {
            let entry = {
                let mut slots = self.slots.lock();
                while slots
                    .entries
                    .get(fd)
                    .is_some_and(|e| !e.as_ref().is_some_and(|e| e.close_on_exec))
                {
                    fd += 1;
                }
                if fd >= slots.entries.len() {
                    return;
                }
                slots.take(fd)
            };
            if let Some(entry) = entry {
                entry.open.closed_by(self.id);
            }
            fd += 1;
        }
    }

    /// The process ends: closes everything.
    pub fn close_all(&self) {
        self.close_range(0, u32::MAX - 1, false);
    }

    pub fn flag(&self, fd: i32) -> Result<bool> {
        self.slots
            .lock()
            .get(fd)
            .map(|entry| entry.close_on_exec)
            .ok_or(Errno::EBADF)
    }

    pub fn set_flag(&self, fd: i32, close_on_exec: bool) -> Result {
        let mut slots = self.slots.lock();
        slots.get_mut(fd).ok_or(Errno::EBADF)?.close_on_exec = close_on_exec;
        Ok(())
    }

    /// The lowest descriptor in use that is at least `from`: for /proc/PID/fd.
    #[must_use]
    pub fn next_used(&self, from: usize) -> Option<i32> {
        let slots = self.slots.lock();
        let rest = slots.entries.get(from..)?;
        rest.iter()
            .position(Option::is_some)
            .map(|n| (from + n) as i32)
    }

    /// Bytes that the kernel keeps for some descriptors from `from` on, and for their places in the table; and where
    /// there are more.
    #[must_use]
    pub fn held_bytes(&self, from: usize) -> (usize, Option<usize>) {
        /// Places that are looked at with the lock held.
        const FEW: usize = 64;
        let slots = self.slots.lock();
        let to = slots.entries.len().min(from + FEW);
        let some = slots.entries.get(from..to).unwrap_or_default();
        let mut look = Look::new();
        let parts = some.iter().flatten().map(|entry| look.part_of(&entry.open));
        let bytes = parts.sum::<usize>() + size_of_val(some);
        (bytes, (to < slots.entries.len()).then_some(to))
    }

    /// The number of slots, used or not: FDSize of /proc/PID/status.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.lock().entries.len()
    }
}

impl Drop for FdTable {
    fn drop(&mut self) {
        // Whoever lets go of it last may hold a spinlock.
        self.close_each(0, u32::MAX - 1, false, || ());
    }
}
