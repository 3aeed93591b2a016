//! What files are: stat and statx, access, readlink, statfs.

use super::{CWD, Caller, read_path};
use crate::errno::{Errno, Result};
use crate::fs::access::{Access, Identity};
use crate::fs::namespace::{MountFlags, Path};
use crate::fs::node::{Attributes, DeviceNumber, NodeKind, StatFs, Timestamp};
use crate::fs::path::Resolve;
use crate::ipc::pipe::PipeEnd;
use crate::linux::general as raw;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use bytemuck::{Pod, Zeroable};

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_stat => stat_at(ctx, CWD, a[0], a[1], 0),
        raw::__NR_lstat => stat_at(ctx, CWD, a[0], a[1], raw::AT_SYMLINK_NOFOLLOW),
        raw::__NR_fstat => fstat(ctx, a[0], a[1]),
        raw::__NR_newfstatat => stat_at(ctx, a[0], a[1], a[2], a[3] as u32),
        raw::__NR_statx => statx(ctx, a[0], a[1], a[2] as u32, a[3] as u32, a[4]),
        raw::__NR_access => access(ctx, CWD, a[0], a[1] as u32, 0),
        raw::__NR_faccessat => access(ctx, a[0], a[1], a[2] as u32, 0),
        raw::__NR_faccessat2 => access(ctx, a[0], a[1], a[2] as u32, a[3] as u32),
        raw::__NR_readlink => readlink(ctx, CWD, a[0], a[1], a[2]),
        raw::__NR_readlinkat => readlink(ctx, a[0], a[1], a[2], a[3]),
        raw::__NR_statfs => statfs(ctx, a[0], a[1]),
        raw::__NR_fstatfs => fstatfs(ctx, a[0], a[1]),
        _ => return None,
    })
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Stat {
    dev: u64,
    ino: u64,
    nlink: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    padding: u32,
    rdev: u64,
    size: u64,
    block_size: u64,
    blocks: u64,
    atime: [u64; 2],
    mtime: [u64; 2],
    ctime: [u64; 2],
    unused: [u64; 3],
}

fn time(at: Timestamp) -> [u64; 2] {
    [at.seconds().cast_unsigned(), u64::from(at.nanoseconds())]
}

impl Stat {
    fn new(of: &Attributes) -> Stat {
        Stat {
            dev: of.dev.0,
            ino: of.ino,
            nlink: u64::from(of.nlink),
            mode: of.mode,
            uid: of.uid,
            gid: of.gid,
            rdev: of.rdev.0,
            size: of.size,
            block_size: u64::from(of.block_size),
            blocks: of.blocks,
            atime: time(of.atime),
            mtime: time(of.mtime),
            ctime: time(of.ctime),
            ..Stat::zeroed()
        }
    }
}

fn fstat(ctx: &SyscallCtx<'_>, fd: usize, out: usize) -> Result<usize> {
    let attributes = ctx.thread.files().get(fd as i32)?.attributes()?;
    UserPtr::new(out).write(&Stat::new(&attributes))?;
    Ok(0)
}

/// The attributes of what (`at`, `path`, `flags`) names, and its place if it has one.
fn find(
    ctx: &SyscallCtx<'_>,
    at: usize,
    path: usize,
    flags: u32,
) -> Result<(Attributes, Option<Path>)> {
    let known = raw::AT_SYMLINK_NOFOLLOW
        | raw::AT_EMPTY_PATH
        | raw::AT_NO_AUTOMOUNT
        | raw::AT_STATX_SYNC_TYPE;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    // fstat by another name: what Rust and glibc call.
    if flags & raw::AT_EMPTY_PATH != 0 && at as i32 != raw::AT_FDCWD {
        let empty = path == 0 || UserPtr::<u8>::new(path).read()? == 0;
        if empty {
            let open = ctx.thread.files().get(at as i32)?;
            return Ok((open.attributes()?, open.path().cloned()));
        }
    }
    let place = Caller::of(ctx).place(ctx, at, path, flags, known)?;
    Ok((place.node().attributes()?, Some(place)))
}

fn stat_at(ctx: &SyscallCtx<'_>, at: usize, path: usize, out: usize, flags: u32) -> Result<usize> {
    let (attributes, _) = find(ctx, at, path, flags)?;
    UserPtr::new(out).write(&Stat::new(&attributes))?;
    Ok(0)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct StatxTime {
    sec: i64,
    nsec: u32,
    padding: i32,
}

impl StatxTime {
    fn new(at: Timestamp) -> StatxTime {
        StatxTime {
            sec: at.seconds(),
            nsec: at.nanoseconds(),
            padding: 0,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Statx {
    mask: u32,
    block_size: u32,
    attributes: u64,
    nlink: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    padding: u16,
    ino: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    atime: StatxTime,
    btime: StatxTime,
    ctime: StatxTime,
    mtime: StatxTime,
    rdev: [u32; 2],
    dev: [u32; 2],
    mount: u64,
    spare: [u64; 13],
}

fn numbers(device: DeviceNumber) -> [u32; 2] {
    [device.major(), device.minor()]
}

fn statx(
    ctx: &SyscallCtx<'_>,
    at: usize,
    path: usize,
    flags: u32,
    mask: u32,
    out: usize,
) -> Result<usize> {
    if mask & raw::STATX__RESERVED != 0
        || flags & raw::AT_STATX_SYNC_TYPE == raw::AT_STATX_SYNC_TYPE
    {
        return Err(Errno::EINVAL);
    }
    let (of, place) = find(ctx, at, path, flags)?;
    let is_root = place.as_ref().is_some_and(Path::is_mount_root);
    let known = u64::from(raw::STATX_ATTR_MOUNT_ROOT);
    let statx = Statx {
        mask: raw::STATX_BASIC_STATS
            | raw::STATX_BTIME
            | if place.is_some() {
                raw::STATX_MNT_ID
            } else {
                0
            },
        block_size: of.block_size,
        attributes: if is_root { known } else { 0 },
        nlink: of.nlink,
        uid: of.uid,
        gid: of.gid,
        mode: of.mode as u16,
        ino: of.ino,
        size: of.size,
        blocks: of.blocks,
        attributes_mask: known,
        atime: StatxTime::new(of.atime),
        btime: StatxTime::new(of.btime),
        ctime: StatxTime::new(of.ctime),
        mtime: StatxTime::new(of.mtime),
        rdev: numbers(of.rdev),
        dev: numbers(of.dev),
        mount: place.map_or(0, |place| place.mount.id),
        ..Statx::zeroed()
    };
    UserPtr::new(out).write(&statx)?;
    Ok(0)
}

fn access(ctx: &SyscallCtx<'_>, at: usize, path: usize, mode: u32, flags: u32) -> Result<usize> {
    let known = raw::AT_EACCESS | raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH;
    if mode & !7 != 0 || flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let mut caller = Caller::of(ctx);
    if flags & raw::AT_EACCESS == 0 {
        // access asks for the real user, who has capabilities only when that is root.
        let mut real = (*ctx.thread.credentials()).clone();
        real.uid.fs = real.uid.real;
        real.gid.fs = real.gid.real;
        real.effective = if real.uid.real == 0 {
            real.permitted
        } else {
            crate::task::credentials::Capabilities::empty()
        };
        caller.identity = Identity::of(&real);
    }
    let place = caller.place(ctx, at, path, flags & !raw::AT_EACCESS, known)?;
    let wish = Access::from_bits_truncate(mode);
    let node = place.node();
    if wish.contains(Access::EXEC)
        && node.kind() == NodeKind::Regular
        && place.mount.flags().contains(MountFlags::NO_EXEC)
    {
        return Err(Errno::EACCES);
    }
    caller.identity.check_node(node, wish)?;
    if wish.contains(Access::WRITE)
        && matches!(
            node.kind(),
            NodeKind::Regular | NodeKind::Directory | NodeKind::Symlink
        )
    {
        place.mount.check_writable()?;
    }
    Ok(0)
}

fn readlink(
    ctx: &SyscallCtx<'_>,
    at: usize,
    path: usize,
    out: usize,
    size: usize,
) -> Result<usize> {
    if size as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let path = read_path(path)?;
    let caller = Caller::of(ctx);
    let place = caller.lookup(ctx, at, &path, Resolve::EMPTY)?;
    if place.node().kind() != NodeKind::Symlink {
        return Err(if path.is_empty() {
            Errno::ENOENT
        } else {
            Errno::EINVAL
        });
    }
    let mut text = place.node().inode().read_link()?;
    text.truncate(size as i32 as usize);
    UserPtr::<u8>::new(out).write_slice(&text)?;
    Ok(text.len())
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawStatFs {
    kind: u64,
    block_size: u64,
    blocks: u64,
    blocks_free: u64,
    blocks_available: u64,
    files: u64,
    files_free: u64,
    fsid: u64,
    name_max: u64,
    fragment_size: u64,
    flags: u64,
    spare: [u64; 4],
}

fn write_statfs(of: &StatFs, flags: MountFlags, out: usize) -> Result<usize> {
    /// ST_VALID: the flags mean something.
    const VALID: u64 = 0x20;
    /// ST_RELATIME, which is another bit than mount's.
    const RELATIME: u64 = 0x1000;
    let own = MountFlags::READ_ONLY
        | MountFlags::NO_SUID
        | MountFlags::NO_DEV
        | MountFlags::NO_EXEC
        | MountFlags::NO_ATIME;
    UserPtr::new(out).write(&RawStatFs {
        kind: of.kind,
        block_size: of.block_size,
        blocks: of.blocks,
        blocks_free: of.blocks_free,
        blocks_available: of.blocks_free,
        files: of.files,
        files_free: of.files_free,
        fsid: of.fsid,
        name_max: of.name_max,
        fragment_size: of.block_size,
        flags: u64::from((flags & own).bits()) | VALID | RELATIME,
        spare: [0; 4],
    })?;
    Ok(0)
}

fn statfs(ctx: &SyscallCtx<'_>, path: usize, out: usize) -> Result<usize> {
    let caller = Caller::of(ctx);
    let place = caller
        .view
        .lookup(&caller.identity, &read_path(path)?, Resolve::FOLLOW)?;
    write_statfs(&place.node().inode().stat_fs()?, place.mount.flags(), out)
}

/// Where Linux has what has no name: SOCKFS_MAGIC, PIPEFS_MAGIC, ANON_INODE_FS_MAGIC.
const SOCKFS: u64 = 0x534f_434b;
const PIPEFS: u64 = 0x5049_5045;
const ANONYMOUS: u64 = 0x0904_1934;

fn fstatfs(ctx: &SyscallCtx<'_>, fd: usize, out: usize) -> Result<usize> {
    let open = ctx.thread.files().get(fd as i32)?;
    match (open.path(), open.node()) {
        (Some(path), _) => write_statfs(&path.node().inode().stat_fs()?, path.mount.flags(), out),
        (None, Some(node)) => write_statfs(&node.inode().stat_fs()?, MountFlags::empty(), out),
        (None, None) => {
            let kind = if open.file().as_socket().is_some() {
                SOCKFS
            } else if open.downcast::<PipeEnd>().is_some() {
                PIPEFS
            } else {
                ANONYMOUS
            };
            let of = StatFs {
                kind,
                block_size: 4096,
                name_max: 255,
                ..StatFs::default()
            };
            write_statfs(&of, MountFlags::empty(), out)
        }
    }
}
