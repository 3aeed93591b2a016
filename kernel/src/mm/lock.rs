//! Memory that is to stay in memory: mlock and its kin, and how much of it there may be. Nothing is ever
//! swapped out, so a locked page is one that is there.
//!
//! What is locked is counted when it is asked for: few programs do.

use super::map::{bring_in, page_range, populate, space_of};
use super::mapping::{Flags, Mapping};
use super::space::Inner;
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::sched;
use crate::syscall::table::SyscallCtx;
use crate::task::credentials::Capabilities;
use crate::task::limits::Resource;
use crate::task::process::Process;
use core::ops::Range;
use ochre_hal::PAGE_SIZE;
use ochre_hal::paging::Perms;

/// How a mapping can be locked.
const LOCKS: Flags = Flags::LOCKED.union(Flags::ON_FAULT);

/// EPERM for who may lock nothing at all.
pub fn check(process: &Process) -> Result {
    if process.limit(Resource::LockedMemory) == 0 && !is_free() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// Whether no limit counts for the caller.
fn is_free() -> bool {
    sched::current().credentials().can(Capabilities::IPC_LOCK)
}

/// Whether so many bytes are within the limit of `process`, the caller's.
fn allows(process: &Process, bytes: usize) -> bool {
    bytes as u64 <= process.limit(Resource::LockedMemory) || is_free()
}

impl Inner {
    /// Bytes of the mappings in `range` for which `counts`.
    fn count(&self, range: Range<usize>, counts: impl Fn(&Mapping) -> bool) -> usize {
        let parts = self.maps.values().filter(|mapping| counts(mapping));
        parts
            .map(|m| {
                m.end
                    .min(range.end)
                    .saturating_sub(m.start.max(range.start))
            })
            .sum()
    }

    /// Bytes that are locked of `range`.
    pub fn locked(&self, range: Range<usize>) -> usize {
        self.count(range, |mapping| mapping.flags.contains(Flags::LOCKED))
    }

    /// Whether `process` may have so many more bytes locked.
    pub fn may_lock(&self, process: &Process, more: usize) -> bool {
        is_free() || allows(process, self.locked(0..usize::MAX).saturating_add(more))
    }

    /// Bytes that count as data (RLIMIT_DATA).
    pub fn data(&self) -> usize {
        self.count(0..usize::MAX, Mapping::is_data)
    }

    /// Bytes of `range` that will count so besides once they may be written.
    pub fn data_if_writable(&self, range: Range<usize>) -> usize {
        let private = |mapping: &Mapping| !mapping.shared && !mapping.is_data();
        self.count(range, |mapping| {
            private(mapping) && !mapping.flags.contains(Flags::GROWS_DOWN)
        })
    }
}

/// The pages that hold `len` bytes at `addr`.
fn pages(addr: usize, len: usize) -> Result<Range<usize>> {
    let start = addr & !(PAGE_SIZE - 1);
    let len = len.checked_add(addr - start).ok_or(Errno::EINVAL)?;
    page_range(start, len, Errno::EINVAL)
}

fn set(mapping: &mut Mapping, locks: Flags) {
    if mapping.is_pageable() {
        mapping.flags = (mapping.flags - LOCKS) | locks;
    }
}

/// mlock and mlock2.
pub fn mlock(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, now: bool) -> Result<usize> {
    check(ctx.process)?;
    let range = pages(addr, len)?;
    let space = space_of(ctx)?;
    let mut inner = space.lock_maps();
    let more = range.len() - inner.locked(range.clone());
    if !inner.may_lock(ctx.process, more) {
        return Err(Errno::ENOMEM);
    }
    let locks = if now { Flags::LOCKED } else { LOCKS };
    inner.change(range.clone(), |mapping, _| {
        set(mapping, locks);
        Ok(())
    })?;
    drop(inner);
    if now {
        let there = bring_in(&space, range, |mapping| match mapping.perms {
            perms if perms.contains(Perms::WRITE) && !mapping.shared => Ok(Perms::WRITE),
            perms if perms.contains(Perms::READ) => Ok(Perms::READ),
            _ => Err(Errno::EFAULT),
        });
        // POSIX's errors: what can't be there, and what there is no memory for now.
        match there {
            Err(Errno::EFAULT) => return Err(Errno::ENOMEM),
            Err(Errno::ENOMEM) => return Err(Errno::EAGAIN),
            other => other?,
        }
    }
    Ok(0)
}

pub fn munlock(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize) -> Result<usize> {
    let range = pages(addr, len)?;
    space_of(ctx)?.lock_maps().change(range, |mapping, _| {
        set(mapping, Flags::empty());
        Ok(())
    })?;
    Ok(0)
}

pub fn mlockall(ctx: &mut SyscallCtx<'_>, flags: u32) -> Result<usize> {
    let known = raw::MCL_CURRENT | raw::MCL_FUTURE | raw::MCL_ONFAULT;
    if flags == 0 || flags & !known != 0 || flags == raw::MCL_ONFAULT {
        return Err(Errno::EINVAL);
    }
    check(ctx.process)?;
    let space = space_of(ctx)?;
    let locks = if flags & raw::MCL_ONFAULT != 0 {
        LOCKS
    } else {
        Flags::LOCKED
    };
    let current = flags & raw::MCL_CURRENT != 0;
    {
        let mut inner = space.lock_maps();
        if current && !allows(ctx.process, inner.total * PAGE_SIZE) {
            return Err(Errno::ENOMEM);
        }
        inner.future_locks = if flags & raw::MCL_FUTURE != 0 {
            locks
        } else {
            Flags::empty()
        };
        if current {
            inner
                .maps
                .values_mut()
                .for_each(|mapping| set(mapping, locks));
        }
    }
    if current && locks == Flags::LOCKED {
        // Each that is there now; what comes meanwhile sees to itself.
        let mut at = 0;
        let next = |at: usize| space.lock().after(at);
        while let Some(mapping) = next(at) {
            at = mapping.end;
            populate(&space, mapping);
        }
    }
    Ok(0)
}

pub fn munlockall(ctx: &mut SyscallCtx<'_>) -> Result<usize> {
    let space = space_of(ctx)?;
    let mut inner = space.lock_maps();
    inner.future_locks = Flags::empty();
    for mapping in inner.maps.values_mut() {
        set(mapping, Flags::empty());
    }
    Ok(0)
}
