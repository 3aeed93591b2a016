//! Extended attributes.

use super::{Caller, read_path};
use crate::errno::{Errno, Result};
use crate::fs::access::{Access, Identity};
use crate::fs::file_capabilities;
use crate::fs::inotify::{self, Mask};
use crate::fs::namespace::Path;
use crate::fs::node::{Node, NodeKind};
use crate::fs::path::Resolve;
use crate::linux::general as raw;
use crate::mm::uptr::{self, UserPtr};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::Capabilities;
use alloc::sync::Arc;
use alloc::vec::Vec;

const NAME_MAX: usize = 255;
const VALUE_MAX: usize = 65536;

/// Whose attribute: by name, by name without following a link, by descriptor.
#[derive(Clone, Copy)]
enum By {
    Path,
    Link,
    Fd,
}

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_setxattr => set(ctx, By::Path, a),
        raw::__NR_lsetxattr => set(ctx, By::Link, a),
        raw::__NR_fsetxattr => set(ctx, By::Fd, a),
        raw::__NR_getxattr => get(ctx, By::Path, a),
        raw::__NR_lgetxattr => get(ctx, By::Link, a),
        raw::__NR_fgetxattr => get(ctx, By::Fd, a),
        raw::__NR_listxattr => list(ctx, By::Path, a),
        raw::__NR_llistxattr => list(ctx, By::Link, a),
        raw::__NR_flistxattr => list(ctx, By::Fd, a),
        raw::__NR_removexattr => remove(ctx, By::Path, a),
        raw::__NR_lremovexattr => remove(ctx, By::Link, a),
        raw::__NR_fremovexattr => remove(ctx, By::Fd, a),
        _ => return None,
    })
}

fn subject(
    ctx: &SyscallCtx<'_>,
    by: By,
    what: usize,
) -> Result<(Arc<Node>, Option<Path>, Identity)> {
    let caller = Caller::of(ctx);
    if let By::Fd = by {
        let open = ctx.thread.open_file(what as i32)?;
        let node = open.node().ok_or(Errno::EOPNOTSUPP)?;
        return Ok((node, open.path().cloned(), caller.identity));
    }
    let resolve = if let By::Path = by {
        Resolve::FOLLOW
    } else {
        Resolve::empty()
    };
    let place = caller
        .view
        .lookup(&caller.identity, &read_path(what)?, resolve)?;
    Ok((place.node().clone(), Some(place), caller.identity))
}

fn read_name(addr: usize) -> Result<Vec<u8>> {
    let name = uptr::read_string(addr, NAME_MAX, Errno::ERANGE)?;
    if name.is_empty() {
        Err(Errno::ERANGE)
    } else {
        Ok(name)
    }
}

/// Who may touch attributes of this class on this node.
fn check(
    ctx: &SyscallCtx<'_>,
    node: &Node,
    identity: &Identity,
    name: &[u8],
    write: bool,
) -> Result {
    let refused = if write { Errno::EPERM } else { Errno::ENODATA };
    let namespaces: [&[u8]; 4] = [b"trusted.", b"security.", b"system.", b"user."];
    if namespaces.contains(&name) {
        return Err(Errno::EINVAL);
    }
    if name.starts_with(b"trusted.") {
        let admin = ctx.thread.credentials().can(Capabilities::SYS_ADMIN);
        return if admin { Ok(()) } else { Err(refused) };
    }
    if name == file_capabilities::NAME {
        let may_set = ctx.thread.credentials().can(Capabilities::SETFCAP);
        return if write && !may_set {
            Err(Errno::EPERM)
        } else {
            Ok(())
        };
    }
    if name.starts_with(b"security.") || name.starts_with(b"system.") {
        return if write && !identity.owns(&node.attributes()?) {
            Err(Errno::EPERM)
        } else {
            Ok(())
        };
    }
    if name.starts_with(b"user.") && !matches!(node.kind(), NodeKind::Regular | NodeKind::Directory)
    {
        return Err(refused);
    }
    identity.check_node(node, if write { Access::WRITE } else { Access::READ })
}

fn get(ctx: &SyscallCtx<'_>, by: By, a: Args) -> Result<usize> {
    let (node, _, identity) = subject(ctx, by, a[0])?;
    let name = read_name(a[1])?;
    check(ctx, &node, &identity, &name, false)?;
    let mut value = node.inode().get_xattr(&name)?;
    if name == file_capabilities::NAME {
        value = file_capabilities::shown(value)?;
    }
    give(&value, a[2], a[3])
}

/// Hands a value out: its size when the caller asks with size 0.
fn give(value: &[u8], out: usize, size: usize) -> Result<usize> {
    if size != 0 {
        if value.len() > size {
            return Err(Errno::ERANGE);
        }
        UserPtr::<u8>::new(out).write_slice(value)?;
    }
    Ok(value.len())
}

fn set(ctx: &SyscallCtx<'_>, by: By, a: Args) -> Result<usize> {
    let must = match a[4] as u32 {
        0 => None,
        raw::XATTR_CREATE => Some(false),
        // With both, the attribute must be there, and then must not.
        flags if flags & !(raw::XATTR_CREATE | raw::XATTR_REPLACE) == 0 => Some(true),
        _ => return Err(Errno::EINVAL),
    };
    let name = read_name(a[1])?;
    if a[3] > VALUE_MAX {
        return Err(Errno::E2BIG);
    }
    let value = UserPtr::<u8>::new(a[2]).read_vec(a[3], VALUE_MAX)?;
    let (node, place, identity) = subject(ctx, by, a[0])?;
    if let Some(place) = &place {
        place.mount.check_writable()?;
    }
    if name == file_capabilities::NAME && !value.is_empty() {
        file_capabilities::check(&value)?;
    }
    check(ctx, &node, &identity, &name, true)?;
    let both = raw::XATTR_CREATE | raw::XATTR_REPLACE;
    if a[4] as u32 == both && node.inode().get_xattr(&name).is_ok() {
        return Err(Errno::EEXIST);
    }
    node.inode().set_xattr(&name, &value, must)?;
    if let Some(place) = &place {
        inotify::notify(place, Mask::ATTRIB);
    }
    Ok(0)
}

fn list(ctx: &SyscallCtx<'_>, by: By, a: Args) -> Result<usize> {
    let (node, _, _) = subject(ctx, by, a[0])?;
    let names = node.inode().list_xattr()?;
    let admin = ctx.thread.credentials().can(Capabilities::SYS_ADMIN);
    let mut visible = Vec::new();
    for name in names.split_inclusive(|&byte| byte == 0) {
        if admin || !name.starts_with(b"trusted.") {
            visible.extend_from_slice(name);
        }
    }
    give(&visible, a[1], a[2])
}

fn remove(ctx: &SyscallCtx<'_>, by: By, a: Args) -> Result<usize> {
    let name = read_name(a[1])?;
    let (node, place, identity) = subject(ctx, by, a[0])?;
    if let Some(place) = &place {
        place.mount.check_writable()?;
    }
    check(ctx, &node, &identity, &name, true)?;
    node.inode().remove_xattr(&name)?;
    if let Some(place) = &place {
        inotify::notify(place, Mask::ATTRIB);
    }
    Ok(0)
}
