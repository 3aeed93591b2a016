//! The heap's end.

use super::map::{populate, space_of};
use super::mapping::{Backing, Flags, Mapping, Name};
use super::space::Unmapped;
use crate::errno::Result;
use crate::syscall::table::SyscallCtx;
use crate::task::limits::Resource;
use ochre_hal::paging::Perms;
use ochre_hal::{PAGE_SIZE, USER_END};

/// brk: never fails, but answers with the end as it is.
pub fn brk(ctx: &mut SyscallCtx<'_>, wish: usize) -> Result<usize> {
    let space = space_of(ctx)?;
    let mut inner = space.lock_maps();
    let (start, old) = (inner.layout.brk_start, inner.layout.brk);
    if wish < start || wish >= USER_END - PAGE_SIZE {
        return Ok(old);
    }
    if (wish - start) as u64 > ctx.process.limit(Resource::Data) {
        return Ok(old);
    }
    let (old_end, new_end) = (
        old.next_multiple_of(PAGE_SIZE),
        wish.next_multiple_of(PAGE_SIZE),
    );
    if new_end < old_end {
        let mut unmapped = Unmapped::default();
        if inner.unmap(new_end..old_end, &mut unmapped).is_err() {
            return Ok(old);
        }
        inner.layout.brk = wish;
        drop(inner);
        space.release(unmapped);
        return Ok(wish);
    }
    if new_end > old_end {
        // One page is kept free above: running over the end faults.
        let free = inner.is_free(old_end..new_end + PAGE_SIZE);
        let locks = inner.future_locks;
        if !locks.is_empty() && !inner.may_lock(ctx.process, new_end - old_end) {
            return Ok(old);
        }
        if !free || !inner.allows(ctx.process, new_end - old_end, true) {
            return Ok(old);
        }
        let mapping = Mapping {
            start: old_end,
            end: new_end,
            perms: Perms::READ | Perms::WRITE,
            max: Perms::all(),
            shared: false,
            backing: Backing::Anonymous,
            flags: locks,
            name: Name::Label("[heap]"),
        };
        if inner.insert(mapping).is_err() {
            return Ok(old);
        }
        inner.layout.brk = wish;
        drop(inner);
        if locks == Flags::LOCKED {
            populate(&space, old_end..new_end);
        }
        return Ok(wish);
    }
    inner.layout.brk = wish;
    Ok(wish)
}
