//! The calls that make and use IPC objects.

use crate::errno::{Errno, Result};
use crate::fs::node::OpenFlags;
use crate::ipc::pipe;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::limits::Resource;

/// Answers IPC calls.
pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_pipe => pipe2(ctx, a[0], 0),
        raw::__NR_pipe2 => pipe2(ctx, a[0], a[1] as u32),
        _ => return None,
    })
}

fn pipe2(ctx: &SyscallCtx<'_>, out: usize, flags: u32) -> Result<usize> {
    if flags & !(raw::O_CLOEXEC | raw::O_NONBLOCK | raw::O_DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let close_on_exec = flags & raw::O_CLOEXEC != 0;
    let (reader, writer) = pipe::create(OpenFlags::from_bits_truncate(flags))?;
    let files = ctx.process.files();
    let limit = ctx.process.limit(Resource::Files);
    let read_fd = files.insert(reader, close_on_exec, limit)?;
    let both = files
        .insert(writer, close_on_exec, limit)
        .and_then(|write_fd| Ok((write_fd, UserPtr::new(out).write(&[read_fd, write_fd]))));
    match both {
        Ok((_, Ok(()))) => Ok(0),
        Ok((write_fd, Err(error))) => {
            // Nobody has seen the descriptors yet.
            let _ = files.close(write_fd);
            let _ = files.close(read_fd);
            Err(error)
        }
        Err(error) => {
            let _ = files.close(read_fd);
            Err(error)
        }
    }
}
