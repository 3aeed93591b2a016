//! What a program says and asks about its pages: madvise, msync, mincore, mlock.

use super::map::{page_range, populate, space_of};
use super::mapping::{Backing, Flags, Mapping};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::object::MemoryObject;
use crate::sched::cpu;
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::Room;
use ochre_hal::paging::{Detached, Perms};

pub fn madvise(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, advice: u32) -> Result<usize> {
    let range = page_range(addr, len, Errno::EINVAL)?;
    let space = space_of(ctx)?;
    let set = |on: Flags, off: Flags| -> Result {
        space.lock().change(range.clone(), |mapping, _| {
            mapping.flags = (mapping.flags | on) - off;
            Ok(())
        })
    };
    let none = Flags::empty();
    match advice {
        raw::MADV_NORMAL
        | raw::MADV_RANDOM
        | raw::MADV_SEQUENTIAL
        | raw::MADV_WILLNEED
        | raw::MADV_COLD
        | raw::MADV_PAGEOUT
        | raw::MADV_MERGEABLE
        | raw::MADV_UNMERGEABLE => {
            space.lock().change(range.clone(), |_, _| Ok(()))?;
        }
        raw::MADV_DONTNEED | raw::MADV_FREE => {
            let mut pages = Detached::default();
            let changed = space.lock().change(range.clone(), |mapping, table| {
                if mapping.flags.contains(Flags::LOCKED) {
                    return Err(Errno::EINVAL);
                }
                if advice == raw::MADV_FREE && !matches!(mapping.backing, Backing::Anonymous) {
                    return Err(Errno::EINVAL);
                }
                table.detach(mapping.start..mapping.end, &mut pages);
                Ok(())
            });
            space.release_pages(&mut pages);
            changed?;
        }
        raw::MADV_REMOVE => {
            for (object, start, len) in objects_of(ctx, range.clone(), |m| {
                m.shared && m.max.contains(Perms::WRITE)
            })? {
                object.punch(start, len);
            }
        }
        raw::MADV_DONTFORK => set(Flags::NO_FORK, none)?,
        raw::MADV_DOFORK => set(none, Flags::NO_FORK)?,
        raw::MADV_WIPEONFORK => set(Flags::WIPE_ON_FORK, none)?,
        raw::MADV_KEEPONFORK => set(none, Flags::WIPE_ON_FORK)?,
        raw::MADV_HUGEPAGE => set(Flags::HUGE, Flags::NO_HUGE)?,
        raw::MADV_NOHUGEPAGE => set(Flags::NO_HUGE, Flags::HUGE)?,
        raw::MADV_DONTDUMP => set(Flags::NO_DUMP, none)?,
        raw::MADV_DODUMP => set(none, Flags::NO_DUMP)?,
        raw::MADV_POPULATE_READ | raw::MADV_POPULATE_WRITE => {
            space.lock().change(range.clone(), |_, _| Ok(()))?;
            populate(&space, range);
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// The objects behind a range of mappings, with the byte ranges that it shows of them.
fn objects_of(
    ctx: &SyscallCtx<'_>,
    range: core::ops::Range<usize>,
    accept: impl Fn(&Mapping) -> bool,
) -> Result<Vec<(Arc<MemoryObject>, u64, u64)>> {
    let space = space_of(ctx)?;
    let inner = space.lock();
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let mapping = inner.find(at).ok_or(Errno::ENOMEM)?;
        let end = mapping.end.min(range.end);
        if let Backing::Object(object, offset) = &mapping.backing {
            if !accept(mapping) {
                return Err(Errno::EACCES);
            }
            let from = offset + (at - mapping.start) as u64;
            found.room(1)?;
            found.push((object.object().clone(), from, (end - at) as u64));
        }
        at = end;
    }
    Ok(found)
}

pub fn msync(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, flags: u32) -> Result<usize> {
    let known = raw::MS_ASYNC | raw::MS_INVALIDATE | raw::MS_SYNC;
    if flags & !known != 0 || flags & (raw::MS_ASYNC | raw::MS_SYNC) == raw::MS_ASYNC | raw::MS_SYNC
    {
        return Err(Errno::EINVAL);
    }
    let range = page_range(addr, len, Errno::ENOMEM)?;
    let objects = objects_of(ctx, range, |_| true)?;
    if flags & raw::MS_SYNC != 0 {
        for (object, start, len) in objects {
            cpu::breathe();
            object.write_back(start, len)?;
        }
    }
    Ok(0)
}

pub fn mincore(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, out: usize) -> Result<usize> {
    /// Pages answered at a time.
    const STEP: usize = 512;
    let range = page_range(addr, len, Errno::ENOMEM)?;
    let space = space_of(ctx)?;
    let mut at = range.start;
    while at < range.end {
        let count = ((range.end - at) / PAGE_SIZE).min(STEP);
        let mut bytes = [0u8; STEP];
        {
            let inner = space.lock();
            for (i, byte) in bytes[..count].iter_mut().enumerate() {
                let page = at + i * PAGE_SIZE;
                let mapping = inner.find(page).ok_or(Errno::ENOMEM)?;
                let resident = inner.table.get(page).is_some()
                    || mapping
                        .object_page(page)
                        .is_some_and(|(object, index)| object.resident_frame(index).is_some());
                *byte = u8::from(resident);
            }
        }
        ochre_hal::uaccess::copy_out(out + (at - range.start) / PAGE_SIZE, &bytes[..count])?;
        at += count * PAGE_SIZE;
        cpu::breathe();
    }
    Ok(0)
}

/// Nothing is ever swapped out, so a locked page is one that is there.
pub fn mlock(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, now: bool) -> Result<usize> {
    let start = addr & !(PAGE_SIZE - 1);
    let len = len.checked_add(addr - start).ok_or(Errno::EINVAL)?;
    let range = page_range(start, len, Errno::EINVAL)?;
    let space = space_of(ctx)?;
    space.lock().change(range.clone(), |mapping, _| {
        mapping.flags |= Flags::LOCKED;
        Ok(())
    })?;
    if now {
        populate(&space, range);
    }
    Ok(0)
}

pub fn munlock(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize) -> Result<usize> {
    let start = addr & !(PAGE_SIZE - 1);
    let len = len.checked_add(addr - start).ok_or(Errno::EINVAL)?;
    let range = page_range(start, len, Errno::EINVAL)?;
    space_of(ctx)?.lock().change(range, |mapping, _| {
        mapping.flags -= Flags::LOCKED;
        Ok(())
    })?;
    Ok(0)
}

pub fn mlockall(ctx: &mut SyscallCtx<'_>, flags: u32) -> Result<usize> {
    let known = raw::MCL_CURRENT | raw::MCL_FUTURE | raw::MCL_ONFAULT;
    if flags == 0 || flags & !known != 0 || flags == raw::MCL_ONFAULT {
        return Err(Errno::EINVAL);
    }
    let _ = space_of(ctx)?;
    Ok(0)
}

pub fn munlockall(ctx: &mut SyscallCtx<'_>) -> Result<usize> {
    for mapping in space_of(ctx)?.lock().maps.values_mut() {
        mapping.flags -= Flags::LOCKED;
    }
    Ok(0)
}
