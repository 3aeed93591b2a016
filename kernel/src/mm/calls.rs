//! The system calls of this room: which number goes where.

use super::{advise, brk, lock, map, policy, remap};
use crate::errno::Errno;
use crate::linux::general as nr;
use crate::syscall::table::{Answer, Args, SyscallCtx};

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    let [a, b, c, d, e, _] = args;
    Some(match number {
        nr::__NR_mmap => map::mmap(ctx, args),
        nr::__NR_munmap => map::munmap(ctx, a, b),
        nr::__NR_mprotect => map::mprotect(ctx, a, b, c as u32),
        nr::__NR_brk => brk::brk(ctx, a),
        nr::__NR_mremap => remap::mremap(ctx, a, b, c, d as u32, e),
        nr::__NR_remap_file_pages => remap::remap_file_pages(ctx, a, b, c, d, e as u32),
        nr::__NR_madvise => advise::madvise(ctx, a, b, c as u32),
        nr::__NR_msync => advise::msync(ctx, a, b, c as u32),
        nr::__NR_mincore => advise::mincore(ctx, a, b, c),
        nr::__NR_mlock => lock::mlock(ctx, a, b, true),
        nr::__NR_mlock2 if c & !1 != 0 => Err(Errno::EINVAL),
        nr::__NR_mlock2 => lock::mlock(ctx, a, b, c == 0),
        nr::__NR_munlock => lock::munlock(ctx, a, b),
        nr::__NR_mlockall => lock::mlockall(ctx, a as u32),
        nr::__NR_munlockall => lock::munlockall(ctx),
        nr::__NR_set_mempolicy => policy::set_policy(ctx, a as u32, b, c),
        nr::__NR_get_mempolicy => policy::get_policy(ctx, a, b, c, (d, e as u32)),
        nr::__NR_mbind => policy::bind(ctx, args),
        _ => return None,
    })
}
