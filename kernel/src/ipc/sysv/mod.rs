//! System V IPC: shared memory, semaphore sets and message queues. They have numbers instead of
//! descriptors, are found by keys, and stay until somebody removes them.
//!
//! Locks: each kind's table, inside it one object's state. Both come after address spaces, as a
//! mapping that goes counts itself off its segment.

mod ids;
mod messages;
pub mod report;
mod semaphores;
mod shared;
mod waiting;

pub use semaphores::{leave, undo_bytes};
pub use shared::Attachment;

use crate::linux::general as nr;
use crate::syscall::table::{Answer, Args, SyscallCtx};

/// Answers the calls of System V IPC.
pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    let [a, b, c, d, e, _] = args;
    Some(match number {
        nr::__NR_shmget => shared::get(ctx, a as i32, b, c as u32),
        nr::__NR_shmat => shared::attach(ctx, a as i32, b, c as u32),
        nr::__NR_shmdt => shared::detach(ctx, a),
        nr::__NR_shmctl => shared::control(ctx, a as i32, b as u32, c),
        nr::__NR_semget => semaphores::get(ctx, a as i32, b as i32, c as u32),
        nr::__NR_semop => semaphores::operate(ctx, a as i32, b, c as u32 as usize, 0),
        nr::__NR_semtimedop => semaphores::operate(ctx, a as i32, b, c as u32 as usize, d),
        nr::__NR_semctl => semaphores::control(ctx, a as i32, b as i32, c as u32, d),
        nr::__NR_msgget => messages::get(ctx, a as i32, b as u32),
        nr::__NR_msgsnd => messages::send(ctx, a as i32, b, c, d as u32),
        nr::__NR_msgrcv => messages::receive(ctx, a as i32, (b, c), d as i64, e as u32),
        nr::__NR_msgctl => messages::control(ctx, a as i32, b as u32, c),
        _ => return None,
    })
}
