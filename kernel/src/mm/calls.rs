//! The calls that change mappings.
use crate::syscall::table::{Answer, Args, SyscallCtx};

pub fn dispatch(_ctx: &mut SyscallCtx<'_>, _number: u32, _args: Args) -> Answer {
    None
}
