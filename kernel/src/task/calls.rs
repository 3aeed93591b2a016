//! The system calls of this room.

use crate::linux::general as nr;
use crate::syscall::table::{Answer, Args, SyscallCtx};

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    Some(match number {
        nr::__NR_futex => super::futex::call(ctx.thread, args),
        _ => return None,
    })
}
