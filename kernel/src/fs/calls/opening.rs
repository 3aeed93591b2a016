//! open and its variants.

use super::{CWD, Caller, install, read_path};
use crate::errno::{Errno, Result};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::fs::opening::{How, open_at};
use crate::fs::path::Resolve;
use crate::fs::tmpfs::TmpFile;
use crate::linux::general as raw;
use crate::mm::uptr::{self, UserPtr};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_open => openat(ctx, CWD, a[0], a[1] as u32, a[2] as u32),
        raw::__NR_openat => openat(ctx, a[0], a[1], a[2] as u32, a[3] as u32),
        raw::__NR_creat => {
            let flags = raw::O_CREAT | raw::O_WRONLY | raw::O_TRUNC;
            openat(ctx, CWD, a[0], flags, a[1] as u32)
        }
        raw::__NR_openat2 => openat2(ctx, a[0], a[1], a[2], a[3]),
        raw::__NR_memfd_create => memfd_create(ctx, a[0], a[1] as u32),
        _ => return None,
    })
}

fn openat(ctx: &SyscallCtx<'_>, at: usize, path: usize, flags: u32, mode: u32) -> Result<usize> {
    // The kernel is 64-bit: every open is O_LARGEFILE.
    let how = How::from_open(flags | raw::O_LARGEFILE, mode, ctx.thread.fs().umask())?;
    open(ctx, at, path, &how)
}

fn open(ctx: &SyscallCtx<'_>, at: usize, path: usize, how: &How) -> Result<usize> {
    let path = read_path(path)?;
    let caller = Caller::of(ctx);
    let start = caller.start(ctx, at, &path)?;
    let open = open_at(&caller.view, &caller.identity, start, &path, how)?;
    install(ctx, open, how.flags.contains(OpenFlags::CLOEXEC))
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

fn openat2(ctx: &SyscallCtx<'_>, at: usize, path: usize, how: usize, size: usize) -> Result<usize> {
    if size < size_of::<OpenHow>() {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let extra = size - size_of::<OpenHow>();
    let tail = UserPtr::<u8>::new(how)
        .byte_add(size_of::<OpenHow>())
        .read_vec(extra, 4096)?;
    if tail.iter().any(|&byte| byte != 0) {
        return Err(Errno::E2BIG);
    }
    let how = UserPtr::<OpenHow>::new(how).read()?;
    let flags = u32::try_from(how.flags).map_err(|_| Errno::EINVAL)?;
    let known = OpenFlags::all().bits();
    let makes = flags & (raw::O_CREAT | raw::__O_TMPFILE) != 0;
    if flags & !known != 0 || how.mode & !0o7777 != 0 || (how.mode != 0 && !makes) {
        return Err(Errno::EINVAL);
    }
    let mut resolve = Resolve::empty();
    for (bit, flag) in [
        (raw::RESOLVE_NO_XDEV, Resolve::NO_MOUNT_CROSSING),
        (raw::RESOLVE_NO_MAGICLINKS, Resolve::NO_MAGIC_LINKS),
        (
            raw::RESOLVE_NO_SYMLINKS,
            Resolve::NO_SYMLINKS | Resolve::NO_MAGIC_LINKS,
        ),
        (raw::RESOLVE_BENEATH, Resolve::BENEATH),
        (raw::RESOLVE_IN_ROOT, Resolve::IN_ROOT),
    ] {
        if how.resolve & u64::from(bit) != 0 {
            resolve |= flag;
        }
    }
    let known = raw::RESOLVE_NO_XDEV
        | raw::RESOLVE_NO_MAGICLINKS
        | raw::RESOLVE_NO_SYMLINKS
        | raw::RESOLVE_BENEATH
        | raw::RESOLVE_IN_ROOT;
    if how.resolve & u64::from(raw::RESOLVE_CACHED) != 0 {
        return Err(Errno::EAGAIN);
    }
    if how.resolve & !u64::from(known) != 0 || resolve.contains(Resolve::BENEATH | Resolve::IN_ROOT)
    {
        return Err(Errno::EINVAL);
    }
    if flags & raw::O_PATH != 0
        && flags & !(raw::O_PATH | raw::O_DIRECTORY | raw::O_NOFOLLOW | raw::O_CLOEXEC) != 0
    {
        return Err(Errno::EINVAL);
    }
    let umask = ctx.thread.fs().umask();
    let how = How {
        resolve,
        ..How::from_open(flags, how.mode as u32, umask)?
    };
    open(ctx, at, path, &how)
}

/// Longest name of a memfd.
const MEMFD_NAME_MAX: usize = 249;

fn memfd_create(ctx: &SyscallCtx<'_>, name: usize, flags: u32) -> Result<usize> {
    // Huge pages are an optimization that ordinary pages replace, as in Linux without hugetlbfs
    // they would be refused: so they are.
    let known = raw::MFD_CLOEXEC | raw::MFD_ALLOW_SEALING | raw::MFD_NOEXEC_SEAL | raw::MFD_EXEC;
    if flags & !known != 0
        || flags & (raw::MFD_NOEXEC_SEAL | raw::MFD_EXEC) == raw::MFD_NOEXEC_SEAL | raw::MFD_EXEC
    {
        return Err(Errno::EINVAL);
    }
    let name = uptr::read_string(name, MEMFD_NAME_MAX, Errno::EINVAL)?;
    let credentials = ctx.thread.credentials();
    let sealable = flags & (raw::MFD_ALLOW_SEALING | raw::MFD_NOEXEC_SEAL) != 0;
    let file = TmpFile::memfd(&name, sealable, credentials.uid.fs, credentials.gid.fs)?;
    // As Linux: this description keeps nobody from executing what is in it; others may.
    let open = OpenFile::unnamed(
        Arc::new(file),
        OpenFlags::READ_WRITE | OpenFlags::LARGE_FILE,
    )?;
    install(ctx, open, flags & raw::MFD_CLOEXEC != 0)
}
