//! execve and execveat, and the first program.

use super::{Executable, Request, Strings, execute, read_strings};
use crate::errno::{Errno, Result};
use crate::file::View;
use crate::fs::access::{Access, Identity};
use crate::fs::busy::ExecUse;
use crate::fs::calls::{Caller, read_path};
use crate::fs::context::FsView;
use crate::fs::landlock::Rights;
use crate::fs::namespace::{MountFlags, Path};
use crate::fs::node::{NodeKind, OpenFlags};
use crate::fs::opening::{open_place, place_of};
use crate::fs::path::Resolve;
use crate::fs::{file_capabilities, unnamed};
use crate::linux::general as raw;
use crate::syscall::table::SyscallCtx;
use crate::task::limits::Resource;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Strings of both lists may take a quarter of the stack, within these bounds.
const MIN_STRINGS: usize = 128 << 10;
const MAX_STRINGS: usize = 6 << 20;

/// Opens what `place` means for execution.
fn open(identity: &Identity, place: Path) -> Result<Executable> {
    if place.node().kind() != NodeKind::Regular {
        return Err(Errno::EACCES);
    }
    identity.check_node(place.node(), Access::EXEC)?;
    identity.check_confined(&place, Rights::READ_FILE | Rights::EXECUTE)?;
    let attributes = place.node().attributes()?;
    if attributes.mode & 0o111 == 0 || place.mount.flags().contains(MountFlags::NO_EXEC) {
        return Err(Errno::EACCES);
    }
    let trusted = !place.mount.flags().contains(MountFlags::NO_SUID);
    let open = open_place(&Identity::kernel(), place.clone(), OpenFlags::empty())?;
    let exec_use = Arc::new(ExecUse::of(&unnamed::underlying(place.node()))?);
    let View { object, offset, .. } = open.file().memory(0, 0, false)?;
    if offset != 0 {
        return Err(Errno::ENOEXEC);
    }
    let has = |bits: u32| trusted && attributes.mode & bits == bits;
    let capabilities = if trusted {
        file_capabilities::of(place.node())
    } else {
        Ok(None)
    };
    Ok(Executable {
        object,
        exec_use,
        readable: identity.check_node(place.node(), Access::READ).is_ok(),
        path: Some(place),
        set_uid: has(0o4000).then_some(attributes.uid),
        // Without group execution the bit means mandatory locking.
        set_gid: has(0o2010).then_some(attributes.gid),
        capabilities,
    })
}

/// Opens the file named `name` for execution.
fn open_named(view: &FsView, identity: &Identity, name: &[u8]) -> Result<Executable> {
    open(identity, view.lookup(identity, name, Resolve::FOLLOW)?)
}

pub fn execve(ctx: &mut SyscallCtx<'_>, path: usize, argv: usize, envp: usize) -> Result<usize> {
    let name = read_path(path)?;
    let Caller { identity, view } = Caller::of(ctx);
    let file = open_named(&view, &identity, &name)?;
    run(ctx, file, name, argv, envp)
}

pub fn execveat(ctx: &mut SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [dir, path, argv, envp, flags, _] = args;
    let (dir, flags) = (dir as i32, flags as u32);
    if flags & !(raw::AT_EMPTY_PATH | raw::AT_SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = read_path(path)?;
    let Caller { identity, view } = Caller::of(ctx);
    if path.first() == Some(&b'/') {
        let file = open_named(&view, &identity, &path)?;
        return run(ctx, file, path, argv, envp);
    }
    let start = if dir == raw::AT_FDCWD {
        view.cwd.clone()
    } else {
        place_of(&ctx.thread.files().get(dir)?)
    };
    let (file, name);
    if path.is_empty() {
        if flags & raw::AT_EMPTY_PATH == 0 {
            return Err(Errno::ENOENT);
        }
        file = open(&identity, start)?;
        name = alloc::format!("/dev/fd/{dir}").into_bytes();
    } else {
        let follow = flags & raw::AT_SYMLINK_NOFOLLOW == 0;
        let resolve = if follow {
            Resolve::FOLLOW
        } else {
            Resolve::empty()
        };
        let place = view.lookup_at(&identity, start, &path, resolve)?;
        if place.node().kind() == NodeKind::Symlink {
            return Err(Errno::ELOOP);
        }
        file = open(&identity, place)?;
        name = if dir == raw::AT_FDCWD {
            path
        } else {
            [alloc::format!("/dev/fd/{dir}/").as_bytes(), &path].concat()
        };
    }
    run(ctx, file, name, argv, envp)
}

fn run(
    ctx: &mut SyscallCtx<'_>,
    file: Executable,
    name: Vec<u8>,
    argv: usize,
    envp: usize,
) -> Result<usize> {
    let quarter = usize::try_from(ctx.process.limit(Resource::Stack) / 4).unwrap_or(usize::MAX);
    let mut budget = quarter.clamp(MIN_STRINGS, MAX_STRINGS);
    let mut args = read_strings(argv, &mut budget)?;
    let env = read_strings(envp, &mut budget)?;
    if args.is_empty() {
        args.push_back(Vec::new());
    }
    let Caller { identity, view } = Caller::of(ctx);
    let thread = ctx.thread;
    execute(
        thread,
        ctx.user,
        Request {
            file,
            name,
            args,
            env,
        },
        &mut |name| open_named(&view, &identity, name),
    )?;
    Ok(0)
}

/// The request to run `args[0]`, by the kernel itself.
pub fn first_request(view: &FsView, args: Strings, env: Strings) -> Result<Request> {
    let name = args.front().cloned().ok_or(Errno::EINVAL)?;
    let file = open_named(view, &Identity::kernel(), &name)?;
    Ok(Request {
        file,
        name,
        args,
        env,
    })
}

/// Opens interpreters for the first program.
pub fn opener(view: FsView) -> impl FnMut(&[u8]) -> Result<Executable> {
    move |name| open_named(&view, &Identity::kernel(), name)
}
