//! The chain of dispatchers. Each room answers for its own calls by one `match`; what no room knows
//! is `ENOSYS`, and said once in the log.

use crate::errno::{Errno, Result};
use crate::task::process::Process;
use crate::task::thread::Thread;
use crate::{fs, ipc, mm, scheme, task};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use ochre_hal::user::UserContext;

/// Who calls, and with which registers.
pub struct SyscallCtx<'a> {
    pub thread: &'a Arc<Thread>,
    pub process: &'a Arc<Process>,
    pub user: &'a mut UserContext,
}

/// A call's six arguments.
pub type Args = [usize; 6];

/// What a room says to a number: None when it is not its call.
pub type Answer = Option<Result<usize>>;

/// Runs the system call that the registers ask for, and leaves its result in them.
pub fn dispatch(thread: &Arc<Thread>, user: &mut UserContext) -> Result<usize> {
    let regs = &user.regs;
    let number = regs.orig_rax as u32;
    let args = [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9];
    let ctx = &mut SyscallCtx {
        thread,
        process: thread.process(),
        user,
    };
    task::calls::dispatch(ctx, number, args)
        .or_else(|| ipc::dispatch(ctx, number, args))
        .or_else(|| fs::dispatch(ctx, number, args))
        .or_else(|| mm::calls::dispatch(ctx, number, args))
        .or_else(|| scheme::dispatch(ctx, number, args))
        .unwrap_or_else(|| {
            log_unknown(number, thread);
            Err(Errno::ENOSYS)
        })
}

fn log_unknown(number: u32, thread: &Thread) {
    static SEEN: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    let Some(word) = SEEN.get(number as usize / 64) else {
        return;
    };
    let bit = 1 << (number % 64);
    if word.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        let name = thread.name();
        let name = core::str::from_utf8(&name)
            .unwrap_or("?")
            .trim_end_matches('\0');
        ochre_hal::log!("system call {number} is unknown (first asked by {name})");
    }
}
