//! Calls that change names, and those about the caller's own place in the tree.

use super::{CWD, Caller, read_path};
use crate::errno::{Errno, Result};
use crate::fs::access::Access;
use crate::fs::names::{self, Name};
use crate::fs::node::{NewKind, RenameFlags};
use crate::fs::path::{PATH_MAX, Resolve};
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_mkdir => mkdir(ctx, CWD, a[0], a[1] as u32),
        raw::__NR_mkdirat => mkdir(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_mknod => mknod(ctx, CWD, a[0], a[1] as u32, a[2] as u64),
        raw::__NR_mknodat => mknod(ctx, a[0], a[1], a[2] as u32, a[3] as u64),
        raw::__NR_symlink => symlink(ctx, a[0], CWD, a[1]),
        raw::__NR_symlinkat => symlink(ctx, a[0], a[1], a[2]),
        raw::__NR_link => link(ctx, CWD, a[0], CWD, a[1], 0),
        raw::__NR_linkat => link(ctx, a[0], a[1], a[2], a[3], a[4] as u32),
        raw::__NR_unlink => unlink(ctx, CWD, a[0], 0),
        raw::__NR_unlinkat => unlink(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_rmdir => unlink(ctx, CWD, a[0], raw::AT_REMOVEDIR),
        raw::__NR_rename => rename(ctx, CWD, a[0], CWD, a[1], 0),
        raw::__NR_renameat => rename(ctx, a[0], a[1], a[2], a[3], 0),
        raw::__NR_renameat2 => rename(ctx, a[0], a[1], a[2], a[3], a[4] as u32),
        raw::__NR_getcwd => getcwd(ctx, a[0], a[1]),
        raw::__NR_chdir => chdir(ctx, a[0]),
        raw::__NR_fchdir => fchdir(ctx, a[0]),
        raw::__NR_chroot => chroot(ctx, a[0]),
        raw::__NR_umask => Ok(ctx.thread.fs().set_umask(a[0] as u32) as usize),
        _ => return None,
    })
}

fn make(
    ctx: &SyscallCtx<'_>,
    at: usize,
    path: usize,
    mode: u32,
    what: impl FnOnce(&Caller) -> Result<NewKind<'static>>,
) -> Result<usize> {
    let path = read_path(path)?;
    let caller = Caller::of(ctx);
    let what = what(&caller)?;
    let start = caller.start(ctx, at, &path)?;
    let name = Name { start, path: &path };
    let mode = mode & !ctx.thread.fs().umask();
    names::make(&caller.view, &caller.identity, &name, what, mode)?;
    Ok(0)
}

fn mkdir(ctx: &SyscallCtx<'_>, at: usize, path: usize, mode: u32) -> Result<usize> {
    make(ctx, at, path, mode & 0o1777, |_| Ok(NewKind::Directory))
}

fn mknod(ctx: &SyscallCtx<'_>, at: usize, path: usize, mode: u32, device: u64) -> Result<usize> {
    make(ctx, at, path, mode & 0o7777, |caller| {
        names::mknod_kind(mode, device, &caller.identity)
    })
}

fn symlink(ctx: &SyscallCtx<'_>, text: usize, at: usize, path: usize) -> Result<usize> {
    let text = read_path(text)?;
    let path = read_path(path)?;
    if text.is_empty() {
        return Err(Errno::ENOENT);
    }
    let caller = Caller::of(ctx);
    let start = caller.start(ctx, at, &path)?;
    let name = Name { start, path: &path };
    names::make(
        &caller.view,
        &caller.identity,
        &name,
        NewKind::Symlink(&text),
        0o777,
    )?;
    Ok(0)
}

fn link(
    ctx: &SyscallCtx<'_>,
    from_at: usize,
    from: usize,
    at: usize,
    path: usize,
    flags: u32,
) -> Result<usize> {
    if flags & !(raw::AT_SYMLINK_FOLLOW | raw::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut resolve = Resolve::empty();
    if flags & raw::AT_SYMLINK_FOLLOW != 0 {
        resolve |= Resolve::FOLLOW;
    }
    if flags & raw::AT_EMPTY_PATH != 0 {
        if !ctx.thread.credentials().can(Capabilities::DAC_READ_SEARCH) {
            return Err(Errno::ENOENT);
        }
        resolve |= Resolve::EMPTY;
    }
    let from = read_path(from)?;
    let path = read_path(path)?;
    let caller = Caller::of(ctx);
    let target = caller.lookup(ctx, from_at, &from, resolve)?;
    let start = caller.start(ctx, at, &path)?;
    names::link(
        &caller.view,
        &caller.identity,
        &target,
        &Name { start, path: &path },
    )?;
    Ok(0)
}

fn unlink(ctx: &SyscallCtx<'_>, at: usize, path: usize, flags: u32) -> Result<usize> {
    if flags & !raw::AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let path = read_path(path)?;
    let caller = Caller::of(ctx);
    let start = caller.start(ctx, at, &path)?;
    let name = Name { start, path: &path };
    if flags & raw::AT_REMOVEDIR != 0 {
        names::rmdir(&caller.view, &caller.identity, &name)?;
    } else {
        names::unlink(&caller.view, &caller.identity, &name)?;
    }
    Ok(0)
}

fn rename(
    ctx: &SyscallCtx<'_>,
    from_at: usize,
    from: usize,
    to_at: usize,
    to: usize,
    flags: u32,
) -> Result<usize> {
    let flags = RenameFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let (from, to) = (read_path(from)?, read_path(to)?);
    let caller = Caller::of(ctx);
    let from = Name {
        start: caller.start(ctx, from_at, &from)?,
        path: &from,
    };
    let to = Name {
        start: caller.start(ctx, to_at, &to)?,
        path: &to,
    };
    names::rename(&caller.view, &caller.identity, &from, &to, flags)?;
    Ok(0)
}

fn getcwd(ctx: &SyscallCtx<'_>, out: usize, size: usize) -> Result<usize> {
    let view = ctx.thread.fs().view();
    let mut name = view.name_of(&view.cwd)?;
    if name.len() > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    name.push(0);
    if name.len() > size {
        return Err(Errno::ERANGE);
    }
    UserPtr::<u8>::new(out).write_slice(&name)?;
    Ok(name.len())
}

fn chdir(ctx: &SyscallCtx<'_>, path: usize) -> Result<usize> {
    let caller = Caller::of(ctx);
    let resolve = Resolve::FOLLOW | Resolve::DIRECTORY;
    let place = caller
        .view
        .lookup(&caller.identity, &read_path(path)?, resolve)?;
    caller.identity.check_node(place.node(), Access::EXEC)?;
    ctx.thread.fs().set_cwd(place);
    Ok(0)
}

fn fchdir(ctx: &SyscallCtx<'_>, fd: usize) -> Result<usize> {
    let open = ctx.thread.files().get(fd as i32)?;
    let place = open
        .path()
        .filter(|path| path.node().is_dir())
        .ok_or(Errno::ENOTDIR)?;
    Caller::of(ctx)
        .identity
        .check_node(place.node(), Access::EXEC)?;
    ctx.thread.fs().set_cwd(place.clone());
    Ok(0)
}

fn chroot(ctx: &SyscallCtx<'_>, path: usize) -> Result<usize> {
    let caller = Caller::of(ctx);
    let resolve = Resolve::FOLLOW | Resolve::DIRECTORY;
    let place = caller
        .view
        .lookup(&caller.identity, &read_path(path)?, resolve)?;
    caller.identity.check_node(place.node(), Access::EXEC)?;
    if !ctx.thread.credentials().can(Capabilities::SYS_CHROOT) {
        return Err(Errno::EPERM);
    }
    ctx.thread.fs().set_root(place);
    Ok(0)
}
