//! mmap, munmap, mprotect.

use super::fault::{self, Denied};
use super::lock;
use super::mapping::{Backing, Flags, Mapping, Name, ObjectName, ObjectRef};
use super::object::MemoryObject;
use super::space::{AddressSpace, MIN_ADDR, Unmapped};
use crate::errno::{Errno, Result};
use crate::file::View;
use crate::fs::namespace::MountFlags;
use crate::linux::general as raw;
use crate::sched::cpu;
use crate::sched::wait::Interrupt;
use crate::syscall::table::{Args, SyscallCtx};
use crate::task::credentials::Capabilities;
use crate::task::limits::{INFINITY, Resource};
use crate::task::thread::Thread;
use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::paging::Perms;
use ochre_hal::sync::Once;
use ochre_hal::{HUGE_SIZE, PAGE_SIZE, USER_END};

/// The caller's address space.
pub fn space_of(ctx: &SyscallCtx<'_>) -> Result<Arc<AddressSpace>> {
    ctx.process.space().ok_or(Errno::ESRCH)
}

/// PROT_* as permissions. The hardware can't write or execute without reading.
fn perms_of(prot: u32) -> Perms {
    let mut perms = Perms::empty();
    if prot & (raw::PROT_READ | raw::PROT_WRITE | raw::PROT_EXEC) != 0 {
        perms |= Perms::READ;
    }
    if prot & raw::PROT_WRITE != 0 {
        perms |= Perms::WRITE;
    }
    if prot & raw::PROT_EXEC != 0 {
        perms |= Perms::EXEC;
    }
    perms
}

/// The page range of `[addr, addr + len)`; `error` when it leaves the user half.
pub(super) fn page_range(addr: usize, len: usize, error: Errno) -> Result<Range<usize>> {
    if !addr.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let len = len.checked_next_multiple_of(PAGE_SIZE).ok_or(error)?;
    match addr.checked_add(len) {
        Some(end) if end <= USER_END => Ok(addr..end),
        _ => Err(error),
    }
}

/// What stands behind a new mapping.
struct What {
    backing: Backing,
    max: Perms,
    name: Name,
}

fn anonymous(shared: bool, len: usize) -> Result<What> {
    let (backing, name) = if shared {
        let object = ObjectRef::new(MemoryObject::anonymous(len as u64), true)?;
        let name = Name::Object(ObjectName::anonymous()?);
        (Backing::Object(object, 0), name)
    } else {
        (Backing::Anonymous, Name::None)
    };
    Ok(What {
        backing,
        max: Perms::all(),
        name,
    })
}

fn file(
    thread: &Thread,
    fd: i32,
    offset: u64,
    len: usize,
    perms: Perms,
    shared: bool,
) -> Result<What> {
    let open = thread.open_file(fd)?;
    if !open.readable() {
        return Err(Errno::EACCES);
    }
    let writes = shared && perms.contains(Perms::WRITE);
    if writes && !open.writable() {
        return Err(Errno::EACCES);
    }
    let mut max = Perms::all();
    if open
        .path()
        .is_some_and(|path| path.mount.flags().contains(MountFlags::NO_EXEC))
    {
        if perms.contains(Perms::EXEC) {
            return Err(Errno::EPERM);
        }
        max -= Perms::EXEC;
    }
    let end = offset.checked_add(len as u64);
    if end.is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Errno::EOVERFLOW);
    }
    let View {
        object,
        offset,
        writable,
    } = open.file().memory(offset, len, writes)?;
    if writes && !writable {
        return Err(Errno::EACCES);
    }
    if !shared && object.is_device() {
        // There are no private copies of a device's memory: writes would reach it.
        if perms.contains(Perms::WRITE) {
            return Err(Errno::EINVAL);
        }
        max -= Perms::WRITE;
    }
    let mut writer = shared && open.writable() && writable;
    if shared && !writer {
        max -= Perms::WRITE;
    }
    if writer && !writes && object.viewers.add_writer().is_ok() {
        // Only asked whether one may be; the reference below counts.
        object.viewers.remove_writer();
    } else if writer && !writes {
        writer = false;
        max -= Perms::WRITE;
    }
    let name = match open.path() {
        Some(path) => Name::File(path.clone()),
        None => {
            let known = open.attributes();
            let (device, ino) = known.map_or_else(|_| Default::default(), |of| (of.dev, of.ino));
            Name::Object(ObjectName::new(&open.description(), device, ino)?)
        }
    };
    Ok(What {
        backing: Backing::Object(
            ObjectRef::new(object, writer)?.with_use(open.writing()),
            offset,
        ),
        max,
        name,
    })
}

/// Where a mapping is to go.
pub enum Place {
    /// At the wish if that is free, else anywhere.
    Anywhere(Option<usize>),
    /// There, instead of what is there.
    Instead(usize),
    /// There, if nothing is: else EEXIST.
    Only(usize),
}

/// EPERM where only who may reach the machine's ports and memory may have something mapped
/// (vm.mmap_min_addr).
pub(super) fn check_place(ctx: &SyscallCtx<'_>, addr: usize) -> Result {
    if addr < MIN_ADDR && !ctx.thread.credentials().can(Capabilities::SYS_RAWIO) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// Enters a mapping, whose addresses are yet offsets from its place.
pub fn add(ctx: &SyscallCtx<'_>, place: Place, mut mapping: Mapping) -> Result<usize> {
    let space = space_of(ctx)?;
    let len = mapping.end;
    let mut inner = space.lock_maps();
    if mapping.is_pageable() {
        mapping.flags |= inner.future_locks;
    }
    if mapping.flags.contains(Flags::LOCKED) && !inner.may_lock(ctx.process, len) {
        return Err(Errno::EAGAIN);
    }
    if !inner.allows(ctx.process, len, mapping.is_data()) {
        return Err(Errno::ENOMEM);
    }
    let brought_in = mapping.is_brought_in();
    // What a mapping takes the place of is gone before that is there.
    inner.room_for(1)?;
    let mut replaced = Unmapped::default();
    let start = match place {
        Place::Anywhere(wish) => {
            let huge =
                matches!(mapping.backing, Backing::Anonymous) && len.is_multiple_of(HUGE_SIZE);
            let align = if huge { HUGE_SIZE } else { PAGE_SIZE };
            inner
                .find_free_aligned(len, wish, align)
                .or_else(|| inner.find_free(len, None))
                .ok_or(Errno::ENOMEM)?
        }
        Place::Instead(addr) | Place::Only(addr) => {
            let range = page_range(addr, len, Errno::ENOMEM)?;
            check_place(ctx, addr)?;
            if matches!(place, Place::Only(_)) && !inner.is_free(range.clone()) {
                return Err(Errno::EEXIST);
            }
            inner.unmap(range, &mut replaced)?;
            addr
        }
    };
    mapping.start = start;
    mapping.end = start + len;
    space.attach(&mapping);
    inner.put(mapping);
    drop(inner);
    space.release(replaced);
    if brought_in {
        populate(&space, start..start + len);
    }
    Ok(start)
}

/// /proc/sys/vm/overcommit_memory is 1: nobody is refused memory for asking for much.
pub static OVERCOMMITS: AtomicBool = AtomicBool::new(false);

/// Pages of RAM: a number that stays.
fn total_pages() -> usize {
    static TOTAL: Once<usize> = Once::new();
    *TOTAL.get_or_init(|| ochre_hal::frame::stats().total)
}

/// The flags that MAP_SHARED_VALIDATE lets pass (Linux's LEGACY_MAP_MASK).
const KNOWN: u32 = raw::MAP_TYPE
    | raw::MAP_FIXED
    | raw::MAP_ANONYMOUS
    | raw::MAP_32BIT
    | raw::MAP_DENYWRITE
    | raw::MAP_EXECUTABLE
    | raw::MAP_UNINITIALIZED
    | raw::MAP_GROWSDOWN
    | raw::MAP_LOCKED
    | raw::MAP_NORESERVE
    | raw::MAP_POPULATE
    | raw::MAP_NONBLOCK
    | raw::MAP_STACK
    | raw::MAP_HUGETLB
    | raw::MAP_HUGE_2MB
    | raw::MAP_HUGE_1GB;

pub fn mmap(ctx: &mut SyscallCtx<'_>, args: Args) -> Result<usize> {
    let [addr, len, prot, flags, fd, offset] = args;
    let (prot, flags) = (prot as u32, flags as u32);
    if len == 0 || !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let len = len
        .checked_next_multiple_of(PAGE_SIZE)
        .ok_or(Errno::ENOMEM)?;
    if len > USER_END {
        return Err(Errno::ENOMEM);
    }
    let shared = match flags & raw::MAP_TYPE {
        raw::MAP_PRIVATE => false,
        raw::MAP_SHARED | raw::MAP_SHARED_VALIDATE => true,
        _ => return Err(Errno::EINVAL),
    };
    let of_file = flags & raw::MAP_ANONYMOUS == 0;
    if flags & raw::MAP_TYPE == raw::MAP_SHARED_VALIDATE && !of_file
        || flags & raw::MAP_GROWSDOWN != 0 && (of_file || shared)
    {
        return Err(Errno::EINVAL);
    }
    if flags & raw::MAP_HUGETLB != 0 {
        // No reserved huge pages, as on a Linux that set none aside.
        return Err(Errno::ENOMEM);
    }
    let perms = perms_of(prot);
    let what = if of_file {
        if flags & raw::MAP_TYPE == raw::MAP_SHARED_VALIDATE && flags & !KNOWN != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        file(ctx.thread, fd as i32, offset as u64, len, perms, shared)?
    } else {
        anonymous(shared, len)?
    };
    let mut kept = Flags::empty();
    if flags & raw::MAP_GROWSDOWN != 0 && matches!(what.backing, Backing::Anonymous) {
        kept |= Flags::GROWS_DOWN;
    }
    if flags & raw::MAP_NORESERVE != 0 {
        kept |= Flags::NO_RESERVE;
    }
    if flags & raw::MAP_LOCKED != 0 {
        lock::check(ctx.process)?;
        kept |= Flags::LOCKED;
    }
    if flags & raw::MAP_STACK != 0 {
        // Most of a thread's stack is never used (so Linux has it from 6.7 on).
        kept |= Flags::NO_HUGE;
    }
    // A single private request beyond all memory is a mistake, as Linux's heuristic has it, unless
    // somebody knows better.
    let private = matches!(what.backing, Backing::Anonymous);
    if private
        && perms.contains(Perms::WRITE)
        && !kept.contains(Flags::NO_RESERVE)
        && !OVERCOMMITS.load(Ordering::Relaxed)
        && len / PAGE_SIZE > total_pages()
    {
        return Err(Errno::ENOMEM);
    }
    let place = if flags & raw::MAP_FIXED_NOREPLACE != 0 {
        Place::Only(addr)
    } else if flags & raw::MAP_FIXED != 0 {
        Place::Instead(addr)
    } else {
        // A wish too low is one for the lowest place.
        let wish = addr & !(PAGE_SIZE - 1);
        Place::Anywhere((wish != 0).then_some(wish.max(MIN_ADDR)))
    };
    let mapping = Mapping {
        start: 0,
        end: len,
        perms,
        max: what.max,
        shared,
        backing: what.backing,
        flags: kept,
        name: what.name,
    };
    let start = add(ctx, place, mapping)?;
    if flags & (raw::MAP_POPULATE | raw::MAP_NONBLOCK) == raw::MAP_POPULATE {
        populate(&space_of(ctx)?, start..start + len);
    }
    Ok(start)
}

/// Brings the pages of a range in, as far as that goes.
pub(super) fn populate(space: &Arc<AddressSpace>, range: Range<usize>) {
    let _ = bring_in(space, range, |mapping| {
        if mapping.perms.contains(Perms::WRITE) {
            Ok(Perms::WRITE)
        } else if mapping.perms.contains(Perms::READ) {
            Ok(Perms::READ)
        } else {
            Err(Errno::ENOMEM)
        }
    });
}

/// Brings the pages of a range in, by the access that `wish` says. Who is killed needs no more.
pub(super) fn bring_in(
    space: &Arc<AddressSpace>,
    range: Range<usize>,
    wish: impl Fn(&Mapping) -> Result<Perms>,
) -> Result {
    /// Pages between two looks at what else there is to do.
    const STEP: usize = 64;
    let mut at = range.start;
    while at < range.end {
        if (at - range.start).is_multiple_of(STEP * PAGE_SIZE) {
            cpu::breathe();
            if cpu::current().is_interrupted(Interrupt::Kill) {
                return Err(Errno::EINTR);
            }
        }
        let wish = wish(space.lock().find(at).ok_or(Errno::ENOMEM)?)?;
        fault::handle(space, at, wish).map_err(|denied| match denied {
            Denied::OutOfMemory | Denied::Unmapped => Errno::ENOMEM,
            Denied::Forbidden | Denied::Bus => Errno::EFAULT,
        })?;
        at += PAGE_SIZE;
    }
    Ok(())
}

pub fn munmap(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize) -> Result<usize> {
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    let range = page_range(addr, len, Errno::EINVAL)?;
    space_of(ctx)?.unmap(range)?;
    Ok(0)
}

pub fn mprotect(ctx: &mut SyscallCtx<'_>, addr: usize, len: usize, prot: u32) -> Result<usize> {
    let grows = raw::PROT_GROWSDOWN | raw::PROT_GROWSUP;
    let known = raw::PROT_READ | raw::PROT_WRITE | raw::PROT_EXEC | raw::PROT_SEM;
    if prot & !(known | grows) != 0 || prot & grows == grows {
        return Err(Errno::EINVAL);
    }
    let mut range = page_range(addr, len, Errno::ENOMEM)?;
    if range.is_empty() {
        return Ok(0);
    }
    let perms = perms_of(prot);
    let space = space_of(ctx)?;
    let mut inner = space.lock_maps();
    if prot & raw::PROT_GROWSDOWN != 0 {
        let mapping = inner.find(range.start).ok_or(Errno::ENOMEM)?;
        if !mapping.flags.contains(Flags::GROWS_DOWN) {
            return Err(Errno::EINVAL);
        }
        range.start = mapping.start;
    }
    if perms.contains(Perms::WRITE) && ctx.process.limit(Resource::Data) != INFINITY {
        let more = inner.data_if_writable(range.clone());
        if more > 0 && !inner.allows_data(ctx.process, more) {
            return Err(Errno::ENOMEM);
        }
    }
    inner.change(range, |mapping, table| {
        if !mapping.max.contains(perms) {
            return Err(Errno::EACCES);
        }
        if mapping.perms == perms {
            return Ok(());
        }
        mapping.perms = perms;
        // The right to write comes back page by page, by faults that look at what is shared.
        table.protect_with(mapping.start..mapping.end, |_, old| {
            if old.contains(Perms::WRITE) {
                perms
            } else {
                perms - Perms::WRITE
            }
        });
        Ok(())
    })?;
    Ok(0)
}
