//! landlock_create_ruleset, landlock_add_rule, landlock_restrict_self.

use super::VERSION;
use super::domain::{Domain, Rights};
use super::ruleset::Ruleset;
use crate::errno::{Errno, Result};
use crate::fs::calls::install;
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// LANDLOCK_CREATE_RULESET_VERSION.
const ASK_VERSION: u32 = 1;
/// LANDLOCK_RULE_PATH_BENEATH.
const PATH_BENEATH: u32 = 1;
/// A `struct landlock_ruleset_attr` is no larger than a page.
const SIZE_MAX: usize = 4096;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_landlock_create_ruleset => create(ctx, a[0], a[1], a[2] as u32),
        raw::__NR_landlock_add_rule => add_rule(ctx, a[0], a[1] as u32, a[2], a[3] as u32),
        raw::__NR_landlock_restrict_self => restrict_self(ctx, a[0], a[1] as u32),
        _ => return None,
    })
}

fn create(ctx: &SyscallCtx<'_>, attributes: usize, size: usize, flags: u32) -> Result<usize> {
    if flags != 0 {
        return if flags == ASK_VERSION && attributes == 0 && size == 0 {
            Ok(VERSION)
        } else {
            Err(Errno::EINVAL)
        };
    }
    if attributes == 0 {
        return Err(Errno::EFAULT);
    }
    if size < size_of::<u64>() {
        return Err(Errno::EINVAL);
    }
    if size > SIZE_MAX {
        return Err(Errno::E2BIG);
    }
    let words = UserPtr::<u8>::new(attributes).read_vec(size, SIZE_MAX)?;
    let (first, rest) = words.split_at(size_of::<u64>());
    // What a later version of the structure has may not be asked for.
    if rest.iter().any(|&byte| byte != 0) {
        return Err(Errno::E2BIG);
    }
    let first = first.try_into().map_err(|_| Errno::EINVAL)?;
    let handled = Rights::from_bits(u64::from_ne_bytes(first)).ok_or(Errno::EINVAL)?;
    if handled.is_empty() {
        return Err(Errno::ENOMSG);
    }
    let open = OpenFile::unnamed(Arc::new(Ruleset::new(handled)), OpenFlags::READ_WRITE)?;
    install(ctx, open, true)
}

/// The ruleset behind a descriptor.
fn ruleset_of(ctx: &SyscallCtx<'_>, fd: usize) -> Result<Arc<OpenFile>> {
    let open = ctx.thread.open_file(fd as i32)?;
    match open.downcast::<Ruleset>() {
        Some(_) => Ok(open),
        None => Err(Errno::EBADFD),
    }
}

fn add_rule(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    kind: u32,
    attributes: usize,
    flags: u32,
) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let open = ruleset_of(ctx, fd)?;
    let ruleset = open.downcast::<Ruleset>().ok_or(Errno::EBADFD)?;
    if kind != PATH_BENEATH {
        return Err(Errno::EINVAL);
    }
    // A packed `struct landlock_path_beneath_attr`: the rights, and the file's descriptor.
    let [low, high, parent] = UserPtr::<[u32; 3]>::new(attributes).read()?;
    let allowed = u64::from(low) | u64::from(high) << 32;
    if allowed == 0 {
        return Err(Errno::ENOMSG);
    }
    let allowed = Rights::from_bits(allowed)
        .filter(|allowed| ruleset.handled.contains(*allowed))
        .ok_or(Errno::EINVAL)?;
    let parent = ctx.thread.files().get(parent.cast_signed())?;
    let place = parent
        .path()
        .filter(|path| !path.is_nameless())
        .ok_or(Errno::EBADFD)?;
    ruleset.add(place.node(), allowed)?;
    Ok(0)
}

fn restrict_self(ctx: &SyscallCtx<'_>, fd: usize, flags: u32) -> Result<usize> {
    let unraised = ctx.thread.no_new_privileges.load(Ordering::Relaxed);
    if !unraised && !ctx.thread.credentials().can(Capabilities::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let open = ruleset_of(ctx, fd)?;
    let ruleset = open.downcast::<Ruleset>().ok_or(Errno::EBADFD)?;
    let confinement = &ctx.thread.landlock;
    confinement.set(Domain::deeper(confinement.domain().as_ref(), ruleset)?);
    Ok(0)
}
