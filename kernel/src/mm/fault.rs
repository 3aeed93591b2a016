//! Page faults: from an address and an access to a page in the page table, or to the signal that
//! the access deserves.

use super::mapping::{Backing, Flags, Mapping};
use super::object::{MemoryObject, Page};
use super::space::{AddressSpace, Inner, STACK_GAP};
use crate::errno::Errno;
use crate::task::limits::Resource;
use crate::task::oom;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::frame::{Eagerness, Frame};
use ochre_hal::paging::{PageTable, Perms};
use ochre_hal::{HUGE_SIZE, PAGE_SIZE};

/// Why an access can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing is mapped there: SIGSEGV, SEGV_MAPERR.
    Unmapped,
    /// The mapping does not allow it: SIGSEGV, SEGV_ACCERR.
    Forbidden,
    /// Past the end of the object, or its pager failed: SIGBUS.
    Bus,
    OutOfMemory,
}

/// Pages mapped at once around a read fault on an object, where they are in memory anyway.
const FAULT_AROUND: usize = 16;

/// Serves a fault of the current thread at `addr`.
pub fn handle(space: &Arc<AddressSpace>, addr: usize, wish: Perms) -> Result<(), Denied> {
    let page = addr & !(PAGE_SIZE - 1);
    loop {
        let mut inner = space.lock();
        if inner.find(addr).is_none() && !grow_stack(&mut inner, addr) {
            return Err(Denied::Unmapped);
        }
        let small_only = inner.small_pages_only;
        let Inner { maps, table, .. } = &mut *inner;
        let Some((_, mapping)) = maps.range_mut(..=addr).next_back() else {
            return Err(Denied::Unmapped);
        };
        // Write and execute imply read in the page table; user space asked for it all the same.
        if !mapping.perms.contains(wish) {
            return Err(Denied::Forbidden);
        }
        let write = wish.contains(Perms::WRITE);
        if let Some(entry) = table.get(page) {
            if write && !entry.perms.contains(Perms::WRITE) {
                let size = entry.size;
                drop(entry);
                return make_writable(mapping, table, page, size);
            }
            // Another thread was here first, or the entry had lost rights that the mapping gives.
            let perms = if entry.perms.contains(Perms::WRITE) {
                mapping.perms
            } else {
                mapping.perms - Perms::WRITE
            };
            if entry.perms != perms {
                table.raise(page, perms);
            }
            return Ok(());
        }
        match &mapping.backing {
            Backing::Anonymous => {
                if write && !small_only && map_huge(mapping, table, page) {
                    return Ok(());
                }
                let (frame, perms) = if write {
                    (Frame::alloc_zeroed(), mapping.perms)
                } else {
                    (Frame::zeroes(), mapping.perms - Perms::WRITE)
                };
                let frame = frame.map_err(|_| Denied::OutOfMemory)?;
                table
                    .map(page, frame, perms)
                    .map_err(|_| Denied::OutOfMemory)?;
                return Ok(());
            }
            Backing::Object(object, offset) => {
                let object = object.object().clone();
                let index = (offset + (page - mapping.start) as u64) / PAGE_SIZE as u64;
                if object.is_device() {
                    let Ok(Page::Device(phys, cache)) = object.page(index) else {
                        return Err(Denied::Bus);
                    };
                    return table
                        .map_device(page, phys, mapping.perms, cache)
                        .map_err(|_| Denied::OutOfMemory);
                }
                if let Some(frame) = object.resident_frame(index) {
                    return map_object_page(mapping, table, &object, page, frame, write);
                }
                drop(inner);
                bring_in(&object, index)?;
                // The mapping may have changed while the page came: look again.
            }
        }
    }
}

/// Maps a huge page around `page`, of an anonymous mapping, where there can and may be one.
fn map_huge(mapping: &Mapping, table: &mut PageTable, page: usize) -> bool {
    let eagerness = if mapping.flags.contains(Flags::HUGE) {
        Eagerness::Always
    } else if mapping.flags.intersects(Flags::NO_HUGE | Flags::GROWS_DOWN) {
        return false;
    } else {
        Eagerness::WhilePlenty
    };
    let Some(start) = mapping.block(page, HUGE_SIZE) else {
        return false;
    };
    // Where memory is too short for one, or for its tables, there may be enough for a small page.
    table.can_map_huge(start)
        && Frame::alloc_huge_zeroed(eagerness)
            .is_ok_and(|frame| table.map(start, frame, mapping.perms).is_ok())
}

fn bring_in(object: &MemoryObject, index: u64) -> Result<(), Denied> {
    if let Some(thread) = crate::sched::cpu::try_current()
        && object.tracks_writes()
    {
        thread.major_faults.fetch_add(1, Ordering::Relaxed);
    }
    match object.frame(index) {
        Ok(_) => Ok(()),
        Err(Errno::ENOMEM) => Err(Denied::OutOfMemory),
        Err(_) => Err(Denied::Bus),
    }
}

/// A write to a page that is mapped for reading only, by an entry of `size` bytes.
fn make_writable(
    mapping: &mut Mapping,
    table: &mut PageTable,
    page: usize,
    size: usize,
) -> Result<(), Denied> {
    if mapping.shared {
        if let Some((object, index)) = mapping.object_page(page) {
            object.mark_dirty(index);
        }
        table.raise(page, mapping.perms);
        return Ok(());
    }
    mapping.flags |= Flags::COPIED;
    // The last owner needs no copy.
    let mut alone = false;
    let range = match mapping.block(page, size) {
        Some(start) => start..start + size,
        None => page..page + PAGE_SIZE,
    };
    table.protect_with(range, |frame, old| {
        alone = frame.is_some_and(Frame::is_unique);
        if alone { mapping.perms } else { old }
    });
    if alone {
        return Ok(());
    }
    let Some(entry) = table.get(page) else {
        return Ok(());
    };
    let Some(old) = entry.frame else {
        return Err(Denied::Forbidden);
    };
    let new = if old.is_zeroes() {
        Frame::alloc_zeroed()
    } else {
        Frame::alloc().inspect(|new| new.copy_from(&old, page % old.size()))
    };
    let new = new.map_err(|_| Denied::OutOfMemory)?;
    table
        .replace(page, new, mapping.perms)
        .map_err(|_| Denied::OutOfMemory)
}

/// Maps a page of an object that is in memory, and on reads its neighbours too.
fn map_object_page(
    mapping: &mut Mapping,
    table: &mut PageTable,
    object: &Arc<MemoryObject>,
    page: usize,
    frame: Frame,
    write: bool,
) -> Result<(), Denied> {
    let no_memory = |_| Denied::OutOfMemory;
    if mapping.shared {
        let index = mapping.object_page(page).map_or(0, |(_, index)| index);
        let mut perms = mapping.perms;
        if object.tracks_writes() {
            if write {
                object.mark_dirty(index);
            } else {
                perms -= Perms::WRITE;
            }
        }
        table.map(page, frame, perms).map_err(no_memory)?;
        if write && object.tracks_writes() {
            return Ok(());
        }
        map_around(mapping, table, object, page, perms);
        return Ok(());
    }
    if write {
        mapping.flags |= Flags::COPIED;
        let copy = Frame::alloc().map_err(no_memory)?;
        copy.copy_from(&frame, 0);
        table.map(page, copy, mapping.perms).map_err(no_memory)?;
        return Ok(());
    }
    let perms = mapping.perms - Perms::WRITE;
    table.map(page, frame, perms).map_err(no_memory)?;
    map_around(mapping, table, object, page, perms);
    Ok(())
}

/// Maps the resident neighbours of `page`.
fn map_around(
    mapping: &Mapping,
    table: &mut PageTable,
    object: &MemoryObject,
    page: usize,
    perms: Perms,
) {
    let window = FAULT_AROUND * PAGE_SIZE;
    let start = (page & !(window - 1)).max(mapping.start);
    let end = ((page & !(window - 1)) + window).min(mapping.end);
    let mut taken = 0u32;
    table.for_each(start..end, |va, _| taken |= 1 << ((va - start) / PAGE_SIZE));
    let Some((_, first)) = mapping.object_page(start) else {
        return;
    };
    let mut frames: [Option<Frame>; FAULT_AROUND] = [const { None }; FAULT_AROUND];
    object.for_resident(first, ((end - start) / PAGE_SIZE) as u64, |index, frame| {
        let at = (index - first) as usize;
        if taken & (1 << at) == 0 {
            frames[at] = Some(frame.clone());
        }
    });
    for (at, frame) in frames.into_iter().enumerate() {
        let Some(frame) = frame else { continue };
        if table.map(start + at * PAGE_SIZE, frame, perms).is_err() {
            break;
        }
    }
}

/// Extends a growing mapping down to `addr`, if the one above `addr` is such and the limits of stack and
/// address space and the gap to what lies below allow it.
fn grow_stack(inner: &mut Inner, addr: usize) -> bool {
    let page = addr & !(PAGE_SIZE - 1);
    let Some((&start, mapping)) = inner.maps.range(addr..).next() else {
        return false;
    };
    if !mapping.flags.contains(Flags::GROWS_DOWN) {
        return false;
    }
    let Some(thread) = crate::sched::cpu::try_current() else {
        return false;
    };
    let process = thread.process();
    if (mapping.end - page) as u64 > process.limit(Resource::Stack)
        || !inner.allows(process, start - page, false)
    {
        return false;
    }
    let below = inner
        .maps
        .range(..addr)
        .next_back()
        .map_or(0, |(_, m)| m.end);
    if page < below.saturating_add(STACK_GAP) {
        return false;
    }
    let Some(mut mapping) = inner.maps.remove(&start) else {
        return false;
    };
    inner.grow((start - page) / PAGE_SIZE);
    mapping.start = page;
    inner.maps.insert(page, mapping);
    true
}

/// The kernel touched user memory and faulted; whether to try again.
pub fn from_kernel(addr: usize, write: bool) -> bool {
    let Some(thread) = crate::sched::cpu::try_current() else {
        return false;
    };
    let Some(space) = thread.process().space() else {
        return false;
    };
    thread.minor_faults.fetch_add(1, Ordering::Relaxed);
    let wish = if write { Perms::WRITE } else { Perms::READ };
    match handle(&space, addr, wish) {
        Ok(()) => true,
        Err(Denied::OutOfMemory) => oom::give_way(&thread) == oom::Outcome::Freed,
        Err(_) => false,
    }
}
