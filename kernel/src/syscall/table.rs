//! The dispatchers. Each room answers for its own calls by one `match`; which room it was is
//! remembered for each number. What no room knows is `ENOSYS`, and said once in the log.

use crate::errno::{Errno, Result};
use crate::task::process::Process;
use crate::task::thread::Thread;
use crate::{fs, ipc, mm, scheme, task};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
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

type Dispatcher = fn(&mut SyscallCtx<'_>, u32, Args) -> Answer;

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
    let room = KNOWN[number as usize % KNOWN.len()].load(Ordering::Relaxed);
    if let Some(dispatch) = ROOMS.get(usize::from(room))
        && let Some(answer) = dispatch(ctx, number, args)
    {
        return answer;
    }
    search(ctx, number, args)
}

/// The dispatchers, those of the most frequent calls first.
static ROOMS: [Dispatcher; 22] = [
    task::calls::dispatch,
    fs::calls::io::dispatch,
    ipc::calls::dispatch,
    fs::calls::stat::dispatch,
    fs::calls::opening::dispatch,
    fs::calls::descriptors::dispatch,
    mm::calls::dispatch,
    ipc::socket_calls::dispatch,
    scheme::dispatch,
    task::calls::credentials,
    fs::calls::position::dispatch,
    fs::calls::names::dispatch,
    fs::calls::attributes::dispatch,
    fs::calls::transfer::dispatch,
    fs::calls::xattr::dispatch,
    fs::calls::mount::dispatch,
    fs::calls::aio::dispatch,
    ipc::sysv::dispatch,
    task::trace::calls::dispatch,
    fs::landlock::calls::dispatch,
    ipc::mqueue::calls::dispatch,
    task::futex::dispatch,
];

/// Which of the rooms answered for a number last: it is asked first the next time, so a call costs
/// one step however many rooms there are. Numbers that share an entry only cost each other time.
static KNOWN: [AtomicU8; 512] = [const { AtomicU8::new(0) }; 512];

#[cold]
fn search(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Result<usize> {
    for (room, dispatch) in ROOMS.iter().enumerate() {
        if let Some(answer) = dispatch(ctx, number, args) {
            KNOWN[number as usize % KNOWN.len()].store(room as u8, Ordering::Relaxed);
            return answer;
        }
    }
    log_unknown(number, ctx.thread);
    Err(Errno::ENOSYS)
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
