//! mount, umount and pivot_root of what the kernel has itself: tmpfs, /proc, binds and remounts. A server mounts
//! its scheme by a native call.

use super::{Caller, read_path};
use crate::errno::{Errno, Result};
use crate::fs::namespace::{MountFlags, Namespace, Path};
use crate::fs::path::Resolve;
use crate::fs::tmpfs::Tmpfs;
use crate::linux::general as raw;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;
use crate::task::tree;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_mount => mount(ctx, a),
        raw::__NR_pivot_root => pivot_root(ctx, a[0], a[1]),
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
        // With MS_BIND it is about the mount alone, not its file system.
        if bits & raw::MS_BIND == 0 {
            Tmpfs::remount(point.node(), &text(a[4])?)?;
        }
        point.mount.set_flags(flags);
        return Ok(0);
    }
    let propagation = raw::MS_SHARED | raw::MS_PRIVATE | raw::MS_SLAVE | raw::MS_UNBINDABLE;
    let binds = bits & raw::MS_BIND != 0;
    if bits & propagation != 0 && !binds {
        set_propagation(namespace, &point, bits)?;
        return Ok(0);
    }
    if binds || bits & raw::MS_MOVE != 0 {
        if source.is_empty() {
            return Err(Errno::EINVAL);
        }
        let from = caller
            .view
            .lookup(&caller.identity, source.as_bytes(), Resolve::FOLLOW)?;
        if binds {
            namespace.bind(point, &from, bits & raw::MS_REC != 0)?;
        } else {
            namespace.move_to(&from, point)?;
        }
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

/// Whether what is mounted below comes to be elsewhere, too: nowhere, as namespaces do not propagate mounts. So
/// private is what every mount is, and a slave is one, too; shared none can be.
fn set_propagation(namespace: &Namespace, point: &Path, bits: u32) -> Result {
    let unbindable = match bits & !(raw::MS_REC | raw::MS_SILENT) {
        raw::MS_PRIVATE => Some(false),
        raw::MS_UNBINDABLE => Some(true),
        raw::MS_SLAVE => None,
        _ => return Err(Errno::EINVAL),
    };
    if !point.is_mount_root() {
        return Err(Errno::EINVAL);
    }
    let Some(unbindable) = unbindable else {
        return Ok(());
    };
    point.mount.set_unbindable(unbindable);
    if bits & raw::MS_REC != 0 {
        for mount in namespace.below(&point.mount) {
            mount.set_unbindable(unbindable);
        }
    }
    Ok(())
}

/// pivot_root(2). Who had the old root as root or working directory has the new one.
fn pivot_root(ctx: &SyscallCtx<'_>, new: usize, aside: usize) -> Result<usize> {
    check(ctx)?;
    let caller = Caller::of(ctx);
    let directory = |name: usize| {
        let resolve = Resolve::FOLLOW | Resolve::DIRECTORY;
        caller
            .view
            .lookup(&caller.identity, &read_path(name)?, resolve)
    };
    let (new, aside) = (directory(new)?, directory(aside)?);
    let root = &caller.view.root;
    caller.view.namespace.pivot(root, &new, &aside)?;
    for process in tree::processes() {
        for thread in process.threads() {
            thread.fs().follow(root, &new);
        }
    }
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
