//! mremap, and remap_file_pages.

use super::map::{Place, add, check_place, page_range, populate, space_of};
use super::mapping::{Backing, Flags, Mapping};
use super::space::{Inner, Unmapped};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use core::ops::Range;
use ochre_hal::paging::Perms;
use ochre_hal::{HUGE_SIZE, PAGE_SIZE, USER_END};

pub fn mremap(
    ctx: &mut SyscallCtx<'_>,
    addr: usize,
    old_len: usize,
    new_len: usize,
    flags: u32,
    new_addr: usize,
) -> Result<usize> {
    let (may_move, fixed) = (
        flags & raw::MREMAP_MAYMOVE != 0,
        flags & raw::MREMAP_FIXED != 0,
    );
    let stays = flags & raw::MREMAP_DONTUNMAP != 0;
    let known = raw::MREMAP_MAYMOVE | raw::MREMAP_FIXED | raw::MREMAP_DONTUNMAP;
    if flags & !known != 0 || ((fixed || stays) && !may_move) {
        return Err(Errno::EINVAL);
    }
    if new_len == 0 || old_len == 0 {
        return Err(Errno::EINVAL);
    }
    let old = page_range(addr, old_len, Errno::EINVAL)?;
    let new_len = new_len
        .checked_next_multiple_of(PAGE_SIZE)
        .ok_or(Errno::ENOMEM)?;
    if stays && old.len() != new_len {
        return Err(Errno::EINVAL);
    }
    let space = space_of(ctx)?;
    let mut inner = space.lock_maps();
    let target = if fixed {
        let target = page_range(new_addr, new_len, Errno::EINVAL)?;
        if target.start < old.end && old.start < target.end {
            return Err(Errno::EINVAL);
        }
        check_place(ctx, target.start)?;
        Some(target)
    } else {
        None
    };
    // One mapping must hold all of it.
    if inner.find(old.start).ok_or(Errno::EFAULT)?.end < old.end {
        return Err(Errno::EFAULT);
    }
    let grown = if stays {
        new_len
    } else {
        new_len.saturating_sub(old.len())
    };
    let (is_data, is_locked) = inner.find(old.start).map_or((false, false), |mapping| {
        (mapping.is_data(), mapping.flags.contains(Flags::LOCKED))
    });
    if is_locked && grown > 0 && !inner.may_lock(ctx.process, grown) {
        return Err(Errno::EAGAIN);
    }
    if !inner.allows(ctx.process, grown, is_data) {
        return Err(Errno::ENOMEM);
    }
    let mut unmapped = Unmapped::default();
    let placed = place(&mut inner, old, new_len, target, flags, &mut unmapped);
    drop(inner);
    space.release(unmapped);
    let (start, locked) = placed?;
    if locked {
        populate(&space, start..start + new_len);
    }
    Ok(start)
}

/// Gives the mapping its new length, at `target` or where there is room. Returns where it is then, and
/// whether what is new of it is to be locked in memory.
fn place(
    inner: &mut Inner,
    old: Range<usize>,
    new_len: usize,
    target: Option<Range<usize>>,
    flags: u32,
    unmapped: &mut Unmapped,
) -> Result<(usize, bool)> {
    let may_move = flags & raw::MREMAP_MAYMOVE != 0;
    let stays = flags & raw::MREMAP_DONTUNMAP != 0;
    if new_len < old.len() {
        inner.unmap(old.start + new_len..old.end, unmapped)?;
    }
    let keep = old.start..old.start + old.len().min(new_len);
    if let Some(target) = target {
        let start = target.start;
        inner.unmap(target.clone(), unmapped)?;
        return Ok((start, relocate(inner, keep, target, stays)?));
    }
    if !stays {
        if new_len <= old.len() {
            return Ok((old.start, false));
        }
        if let Some(locked) = extend(inner, &keep, new_len)? {
            return Ok((old.start, locked));
        }
        if !may_move {
            return Err(Errno::ENOMEM);
        }
    }
    // At a place like the old one whole tables can move.
    let align = if keep.start.is_multiple_of(HUGE_SIZE) && keep.len() >= HUGE_SIZE {
        HUGE_SIZE
    } else {
        PAGE_SIZE
    };
    let start = inner
        .find_free_aligned(new_len, None, align)
        .or_else(|| inner.find_free(new_len, None))
        .ok_or(Errno::ENOMEM)?;
    let locked = relocate(inner, keep, start..start + new_len, stays)?;
    Ok((start, locked))
}

/// Lets the mapping that ends at `old.end` grow to `new_len` bytes from `old.start`, if the place
/// behind it is free. Says whether the mapping is locked in memory.
fn extend(inner: &mut Inner, old: &Range<usize>, new_len: usize) -> Result<Option<bool>> {
    let Some(new_end) = old.start.checked_add(new_len) else {
        return Ok(None);
    };
    let ends_here = inner.find(old.start).is_some_and(|m| m.end == old.end);
    if !ends_here || new_end > ochre_hal::USER_END || !inner.is_free(old.end..new_end) {
        return Ok(None);
    }
    let Some((_, mapping)) = inner.maps.range_mut(..=old.start).next_back() else {
        return Ok(None);
    };
    mapping.end = new_end;
    let (start, locked) = (mapping.start, mapping.is_brought_in());
    inner.grow((new_end - old.end) / PAGE_SIZE);
    inner.merge_around(start..new_end);
    Ok(Some(locked))
}

/// Moves the mapping at `from` to `to`, which is free and at least as long. With `stays` only the
/// pages move, and the mapping is left empty.
fn relocate(inner: &mut Inner, from: Range<usize>, to: Range<usize>, stays: bool) -> Result<bool> {
    inner.split_at(from.start)?;
    inner.split_at(from.end)?;
    // Nothing may fail once the pages are there.
    inner.room_for(usize::from(stays))?;
    inner.table.move_range(from.start, to.start, from.len())?;
    let Some(mut mapping) = inner.maps.remove(&from.start) else {
        return Err(Errno::EFAULT);
    };
    inner.total -= mapping.size() / PAGE_SIZE;
    if stays {
        inner.put(mapping.clone());
    }
    mapping.start = to.start;
    mapping.end = to.end;
    let locked = mapping.is_brought_in();
    inner.put(mapping);
    Ok(locked)
}

/// Has a part of a shared mapping show its object from page `page` on, as another mapping.
pub fn remap_file_pages(
    ctx: &SyscallCtx<'_>,
    addr: usize,
    len: usize,
    prot: usize,
    page: usize,
    flags: u32,
) -> Result<usize> {
    let (start, len) = (addr & !(PAGE_SIZE - 1), len & !(PAGE_SIZE - 1));
    let end = start
        .checked_add(len)
        .filter(|&end| start < end && end <= USER_END);
    // Rights stay what they are.
    let (Some(end), 0) = (end, prot) else {
        return Err(Errno::EINVAL);
    };
    page.checked_add(len / PAGE_SIZE).ok_or(Errno::EINVAL)?;
    let space = space_of(ctx)?;
    let mapping = {
        let inner = space.lock_maps();
        let mapping = inner.find(start).ok_or(Errno::EINVAL)?;
        let Backing::Object(object, _) = &mapping.backing else {
            return Err(Errno::EINVAL);
        };
        // One that may never write shares nothing, and a device's server has seen what it let be mapped.
        if !mapping.shared || !mapping.max.contains(Perms::WRITE) || object.object().is_device() {
            return Err(Errno::EINVAL);
        }
        let mut reached = mapping.end;
        while reached < end {
            let next = inner.find(reached).ok_or(Errno::EINVAL)?;
            let same = matches!(&next.backing, Backing::Object(other, _)
                if Arc::ptr_eq(other.object(), object.object()));
            if !same || (next.perms, next.flags) != (mapping.perms, mapping.flags) {
                return Err(Errno::EINVAL);
            }
            reached = next.end;
        }
        let last = page
            .checked_mul(PAGE_SIZE)
            .and_then(|offset| offset.checked_add(len));
        if last.is_none_or(|last| i64::try_from(last).is_err()) {
            return Err(Errno::EOVERFLOW);
        }
        Mapping {
            start: 0,
            end: len,
            backing: Backing::Object(object.clone(), (page * PAGE_SIZE) as u64),
            ..mapping.clone()
        }
    };
    add(ctx, Place::Instead(start), mapping)?;
    if flags & raw::MAP_NONBLOCK == 0 {
        populate(&space, start..end);
    }
    Ok(0)
}
