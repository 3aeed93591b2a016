//! What a program says and asks about its pages: madvise, msync, mincore.

use super::map::{bring_in, page_range, space_of};
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
    let change = |change: &dyn Fn(&mut Mapping) -> Result| {
        // All that is mapped is served, as on Linux.
        let mut inner = space.lock_maps();
        inner.change_mapped(range.clone(), |mapping, _| change(mapping))
    };
    let set = |on: Flags, off: Flags| {
        change(&|mapping| {
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
        | raw::MADV_MERGEABLE
        | raw::MADV_UNMERGEABLE => change(&|_| Ok(()))?,
        raw::MADV_COLD | raw::MADV_PAGEOUT => change(&unlocked)?,
        raw::MADV_DONTNEED | raw::MADV_FREE => {
            let mut pages = Detached::default();
            let changed = space
                .lock_maps()
                .change_mapped(range.clone(), |mapping, table| {
                    unlocked(mapping)?;
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
            let (objects, hole) = objects_of(ctx, range.clone(), |mapping| {
                unlocked(mapping)?;
                if matches!(mapping.backing, Backing::Anonymous) {
                    return Err(Errno::EINVAL);
                }
                if mapping.shared && mapping.perms.contains(Perms::WRITE) {
                    Ok(())
                } else {
                    Err(Errno::EACCES)
                }
            })?;
            for (object, start, len) in objects {
                object.punch(start, len);
            }
            hole?;
        }
        raw::MADV_DONTFORK => set(Flags::NO_FORK, none)?,
        raw::MADV_DOFORK => set(none, Flags::NO_FORK)?,
        raw::MADV_WIPEONFORK => change(&|mapping| {
            if !matches!(mapping.backing, Backing::Anonymous) {
                return Err(Errno::EINVAL);
            }
            mapping.flags |= Flags::WIPE_ON_FORK;
            Ok(())
        })?,
        raw::MADV_KEEPONFORK => set(none, Flags::WIPE_ON_FORK)?,
        raw::MADV_HUGEPAGE => set(Flags::HUGE, Flags::NO_HUGE)?,
        raw::MADV_NOHUGEPAGE => set(Flags::NO_HUGE, Flags::HUGE)?,
        raw::MADV_DONTDUMP => set(Flags::NO_DUMP, none)?,
        raw::MADV_DODUMP => set(none, Flags::NO_DUMP)?,
        raw::MADV_POPULATE_READ => bring_in(&space, range, |mapping| {
            permitted(mapping, Perms::READ).ok_or(Errno::EINVAL)
        })?,
        raw::MADV_POPULATE_WRITE => bring_in(&space, range, |mapping| {
            permitted(mapping, Perms::WRITE).ok_or(Errno::EINVAL)
        })?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// What is locked stays.
fn unlocked(mapping: &mut Mapping) -> Result {
    if mapping.flags.contains(Flags::LOCKED) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// `access`, if the mapping allows it and has pages to bring in, which a device's has not.
fn permitted(mapping: &Mapping, access: Perms) -> Option<Perms> {
    let device = mapping
        .object_page(mapping.start)
        .is_some_and(|(object, _)| object.is_device());
    (mapping.perms.contains(access) && !device).then_some(access)
}

/// What a range of mappings shows of objects.
type Shown = Vec<(Arc<MemoryObject>, u64, u64)>;

/// The objects behind a range of mappings, with the byte ranges that it shows of them; and `ENOMEM`
/// besides where a part is unmapped.
fn objects_of(
    ctx: &SyscallCtx<'_>,
    range: core::ops::Range<usize>,
    mut accept: impl FnMut(&mut Mapping) -> Result,
) -> Result<(Shown, Result)> {
    let space = space_of(ctx)?;
    let mut found = Vec::new();
    let mut refused = Ok(());
    let hole = space.lock_maps().change_mapped(range, |mapping, _| {
        refused = accept(mapping);
        refused?;
        if let Backing::Object(object, from) = &mapping.backing {
            refused = found.room(1).map_err(Errno::from);
            refused?;
            found.push((object.object().clone(), *from, mapping.size() as u64));
        }
        Ok(())
    });
    refused?;
    Ok((found, hole))
}

pub fn msync(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, flags: u32) -> Result<usize> {
    let known = raw::MS_ASYNC | raw::MS_INVALIDATE | raw::MS_SYNC;
    if flags & !known != 0 || flags & (raw::MS_ASYNC | raw::MS_SYNC) == raw::MS_ASYNC | raw::MS_SYNC
    {
        return Err(Errno::EINVAL);
    }
    let range = page_range(addr, len, Errno::ENOMEM)?;
    let (objects, hole) = objects_of(ctx, range, |mapping| {
        if flags & raw::MS_INVALIDATE != 0 && mapping.flags.contains(Flags::LOCKED) {
            return Err(Errno::EBUSY);
        }
        Ok(())
    })?;
    if flags & raw::MS_SYNC != 0 {
        for (object, start, len) in objects {
            cpu::breathe();
            object.write_back(start, len)?;
        }
    }
    hole?;
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
