//! mount and umount of what the kernel has itself: tmpfs, /proc, binds and remounts. A server mounts
//! its scheme by a native call.

use super::{Caller, read_path};
use crate::errno::{Errno, Result};
use crate::fs::namespace::MountFlags;
use crate::fs::path::Resolve;
use crate::fs::tmpfs::Tmpfs;
use crate::linux::general as raw;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_mount => mount(ctx, a),
        raw::__NR_umount2 => umount(ctx, a[0], a[1] as u32),
        _ => return None,
    })
}

/// Who is confined could see by other names what it gave up.
fn check(ctx: &SyscallCtx<'_>) -> Result {
    if ctx.thread.landlock.domain().is_none()
        && ctx.thread.credentials().can(Capabilities::SYS_ADMIN)
    {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// An optional string argument, as text.
fn text(addr: usize) -> Result<alloc::string::String> {
    if addr == 0 {
        return Ok(alloc::string::String::new());
    }
    alloc::string::String::from_utf8(read_path(addr)?).map_err(|_| Errno::EINVAL)
}

fn mount(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    check(ctx)?;
    let source = text(a[0])?;
    let target = read_path(a[1])?;
    let bits = a[3] as u32;
    let flags = MountFlags::from_bits_truncate(bits);
    let caller = Caller::of(ctx);
    let point = caller
        .view
        .lookup(&caller.identity, &target, Resolve::FOLLOW)?;
    let namespace = &caller.view.namespace;
    if bits & raw::MS_REMOUNT != 0 {
        if !point.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        Tmpfs::remount(point.node(), &text(a[4])?)?;
        point.mount.set_flags(flags);
        return Ok(0);
    }
    if bits & (raw::MS_SHARED | raw::MS_PRIVATE | raw::MS_SLAVE | raw::MS_UNBINDABLE) != 0 {
        // Namespaces do not propagate mounts: private is what every mount is.
        return if bits & raw::MS_SHARED == 0 {
            Ok(0)
        } else {
            Err(Errno::EINVAL)
        };
    }
    if bits & raw::MS_MOVE != 0 {
        return Err(Errno::EINVAL);
    }
    if bits & raw::MS_BIND != 0 {
        let from = caller
            .view
            .lookup(&caller.identity, source.as_bytes(), Resolve::FOLLOW)?;
        let flags = from.mount.flags();
        let kind = from.mount.kind.clone();
        let source = from.mount.source.clone();
        namespace.mount(point, from.dentry.clone(), &kind, &source, flags)?;
        return Ok(0);
    }
    let kind = text(a[2])?;
    let root = match kind.as_str() {
        "tmpfs" | "ramfs" => {
            let options = text(a[4])?;
            if kind == "tmpfs" {
                Tmpfs::mounted(&options)?
            } else {
                // Without limits, and deaf to all but the mode.
                let mode = options.split(',').find(|word| word.starts_with("mode="));
                let mode = mode.unwrap_or("mode=0755");
                Tmpfs::mounted(&alloc::format!("size=0,nr_inodes=0,{mode}"))?
            }
        }
        "proc" => crate::fs::proc::root(),
        "sysfs" => crate::fs::proc::sys_root(),
        _ => return Err(Errno::ENODEV),
    };
    namespace.mount_node(point, root, &kind, &source, flags)?;
    Ok(0)
}

fn umount(ctx: &SyscallCtx<'_>, target: usize, flags: u32) -> Result<usize> {
    check(ctx)?;
    let known = raw::MNT_FORCE | raw::MNT_DETACH | raw::MNT_EXPIRE | raw::UMOUNT_NOFOLLOW;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let resolve = if flags & raw::UMOUNT_NOFOLLOW != 0 {
        Resolve::empty()
    } else {
        Resolve::FOLLOW
    };
    let caller = Caller::of(ctx);
    let mount = {
        let place = caller
            .view
            .lookup(&caller.identity, &read_path(target)?, resolve)?;
        if !place.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        place.mount
    };
    caller
        .view
        .namespace
        .unmount(&mount, flags & raw::MNT_DETACH != 0)?;
    Ok(0)
}
