//! ioctl(2): what concerns every descriptor is answered here, the rest by the object.

use super::fcntl::ask_for_signals;
use super::file_of;
use crate::errno::{Errno, Result};
use crate::fs::node::OpenFlags;
use crate::linux::general as raw;
use crate::linux::ioctl as cmd;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::SyscallCtx;

/// FIGETBSZ: the block size.
const FIGETBSZ: u32 = 2;
const FIOQSIZE: u32 = 0x5460;
const FICLONE: u32 = 0x4004_9409;
const FICLONERANGE: u32 = 0x4020_940d;
const FIDEDUPERANGE: u32 = 0xc018_9436;

pub fn ioctl(ctx: &SyscallCtx<'_>, fd: usize, command: u32, arg: usize) -> Result<usize> {
    let open = file_of(ctx, fd)?;
    match command {
        cmd::FIOCLEX => ctx.thread.files().set_flag(fd as i32, true)?,
        cmd::FIONCLEX => ctx.thread.files().set_flag(fd as i32, false)?,
        cmd::FIONBIO => {
            let on = UserPtr::<u32>::new(arg).read()? != 0;
            let mut flags = open.flags();
            flags.set(OpenFlags::NONBLOCK, on);
            open.set_status(flags);
            open.file().status_changed(on);
        }
        cmd::FIOASYNC => {
            let on = UserPtr::<u32>::new(arg).read()? != 0;
            let mut flags = open.flags();
            if !open.file().signals_events() && on != flags.contains(OpenFlags::ASYNC) {
                return Err(Errno::ENOTTY);
            }
            ask_for_signals(ctx, &open, fd as i32, on);
            flags.set(OpenFlags::ASYNC, on);
            open.set_status(flags);
        }
        cmd::FIONREAD => {
            let mut bytes = match open.file().readable_bytes() {
                Err(Errno::ENOTTY) => return open.file().ioctl(command, arg),
                other => other?,
            };
            if open.file().is_seekable() {
                bytes = bytes.saturating_sub(*open.cursor().lock() as usize);
            }
            UserPtr::new(arg).write(&(bytes.min(i32::MAX as usize) as u32))?;
        }
        FIGETBSZ if is_file(&open)? => {
            UserPtr::new(arg).write(&open.attributes()?.block_size)?;
        }
        FIOQSIZE if is_file(&open)? => UserPtr::new(arg).write(&open.attributes()?.size)?,
        FICLONE | FICLONERANGE | FIDEDUPERANGE => return Err(Errno::EOPNOTSUPP),
        _ => return open.file().ioctl(command, arg),
    }
    Ok(0)
}

fn is_file(open: &crate::fs::open::OpenFile) -> Result<bool> {
    let kind = open.attributes()?.mode & raw::S_IFMT;
    Ok(kind == raw::S_IFREG || kind == raw::S_IFDIR)
}
