//! chmod, chown and times.

use super::{CWD, Caller};
use crate::errno::{Errno, Result};
use crate::fs::access::{Access, Identity};
use crate::fs::file_capabilities;
use crate::fs::inotify::{self, Mask};
use crate::fs::namespace::Path;
use crate::fs::node::{AttributeChange, Attributes, Node, NodeKind, Timestamp};
use crate::linux::general as raw;
use crate::mm::uptr::{Timespec, Timeval, UserPtr};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use alloc::sync::Arc;

/// fchmodat2 is newer than the table of numbers.
const NR_FCHMODAT2: u32 = 452;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    let nofollow = raw::AT_SYMLINK_NOFOLLOW;
    let empty = raw::AT_EMPTY_PATH;
    Some(match number {
        raw::__NR_chmod => chmod(ctx, CWD, a[0], a[1] as u32, 0),
        raw::__NR_fchmodat => chmod(ctx, a[0], a[1], a[2] as u32, 0),
        NR_FCHMODAT2 => chmod(ctx, a[0], a[1], a[2] as u32, a[3] as u32),
        raw::__NR_fchmod => on_open(ctx, a[0], |subject| set_mode(subject, a[1] as u32)),
        raw::__NR_chown => chown(ctx, CWD, a[0], a[1] as u32, a[2] as u32, 0),
        raw::__NR_lchown => chown(ctx, CWD, a[0], a[1] as u32, a[2] as u32, nofollow),
        raw::__NR_fchownat => chown(ctx, a[0], a[1], a[2] as u32, a[3] as u32, a[4] as u32),
        raw::__NR_fchown => on_open(ctx, a[0], |subject| {
            set_owner(subject, a[1] as u32, a[2] as u32)
        }),
        raw::__NR_utimensat if a[1] == 0 => timespecs(a[2]).and_then(|times| {
            if a[3] as u32 & !(nofollow | empty) != 0 {
                return Err(Errno::EINVAL);
            }
            on_open(ctx, a[0], |subject| set_times(subject, times))
        }),
        raw::__NR_utimensat => {
            timespecs(a[2]).and_then(|times| utimes(ctx, a[0], a[1], times, a[3] as u32))
        }
        raw::__NR_futimesat => timevals(a[2]).and_then(|times| utimes(ctx, a[0], a[1], times, 0)),
        raw::__NR_utimes => timevals(a[1]).and_then(|times| utimes(ctx, CWD, a[0], times, 0)),
        raw::__NR_utime => seconds(a[1]).and_then(|times| utimes(ctx, CWD, a[0], times, 0)),
        _ => return None,
    })
}

/// What is changed, and for whom.
struct Subject {
    node: Arc<Node>,
    /// Objects without names have none.
    place: Option<Path>,
    identity: Identity,
}

impl Subject {
    fn apply(&self, change: &AttributeChange) -> Result<usize> {
        self.node.inode().set_attributes(change)?;
        if let Some(place) = &self.place {
            inotify::notify(place, Mask::ATTRIB);
        }
        Ok(0)
    }

    fn attributes(&self) -> Result<Attributes> {
        if let Some(place) = &self.place {
            place.mount.check_writable()?;
        }
        self.node.attributes()
    }
}

fn on_open(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    change: impl FnOnce(&Subject) -> Result<usize>,
) -> Result<usize> {
    let open = ctx.thread.open_file(fd as i32)?;
    let node = open
        .node()
        .unwrap_or_else(|| crate::fs::unnamed::reopened(&open));
    let identity = Identity::of(&ctx.thread.credentials());
    change(&Subject {
        node,
        place: open.path().cloned(),
        identity,
    })
}

fn on_path(
    ctx: &SyscallCtx<'_>,
    at: usize,
    path: usize,
    flags: u32,
    change: impl FnOnce(&Subject) -> Result<usize>,
) -> Result<usize> {
    let caller = Caller::of(ctx);
    let known = raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH;
    let place = caller.place(ctx, at, path, flags, known)?;
    let node = place.node().clone();
    change(&Subject {
        node,
        place: Some(place),
        identity: caller.identity,
    })
}

fn chmod(ctx: &SyscallCtx<'_>, at: usize, path: usize, mode: u32, flags: u32) -> Result<usize> {
    on_path(ctx, at, path, flags, |subject| set_mode(subject, mode))
}

fn set_mode(subject: &Subject, mode: u32) -> Result<usize> {
    let old = subject.attributes()?;
    if !subject.identity.owns(&old) {
        return Err(Errno::EPERM);
    }
    if subject.node.kind() == NodeKind::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut mode = mode & 0o7777;
    if !subject.identity.keeps_set_id && !subject.identity.in_group(old.gid) {
        mode &= !raw::S_ISGID;
    }
    subject.apply(&AttributeChange {
        mode: Some(mode),
        ..Default::default()
    })
}

fn chown(
    ctx: &SyscallCtx<'_>,
    at: usize,
    path: usize,
    uid: u32,
    gid: u32,
    flags: u32,
) -> Result<usize> {
    on_path(ctx, at, path, flags, |subject| set_owner(subject, uid, gid))
}

fn set_owner(subject: &Subject, uid: u32, gid: u32) -> Result<usize> {
    let old = subject.attributes()?;
    let identity = &subject.identity;
    let (uid, gid) = (
        (uid != u32::MAX).then_some(uid),
        (gid != u32::MAX).then_some(gid),
    );
    let may_uid =
        uid.is_none_or(|uid| identity.chowns || (identity.uid == old.uid && uid == old.uid));
    let may_gid = gid.is_none_or(|gid| {
        identity.chowns || (identity.uid == old.uid && (identity.in_group(gid) || gid == old.gid))
    });
    if !may_uid || !may_gid {
        return Err(Errno::EPERM);
    }
    let mut change = AttributeChange {
        uid,
        gid,
        ..Default::default()
    };
    if subject.node.kind() != NodeKind::Directory {
        let mut mode = old.mode & 0o7777 & !raw::S_ISUID;
        if mode & raw::S_IXGRP != 0 {
            mode &= !raw::S_ISGID;
        }
        if mode != old.mode & 0o7777 {
            change.mode = Some(mode);
        }
    }
    let applied = subject.apply(&change)?;
    if subject.node.kind() != NodeKind::Directory {
        file_capabilities::forget(&subject.node);
    }
    Ok(applied)
}

/// A time to set: now, not at all, or this one.
#[derive(Clone, Copy)]
enum Time {
    Now,
    Omit,
    At(Timestamp),
}

/// Access and modification time; None means both now, which needs less permission.
type Times = Option<[Time; 2]>;

fn stamp(sec: i64, nsec: i64) -> Timestamp {
    Timestamp(sec.saturating_mul(1_000_000_000).saturating_add(nsec))
}

fn timespecs(addr: usize) -> Result<Times> {
    if addr == 0 {
        return Ok(None);
    }
    let both = UserPtr::<Timespec>::new(addr).read_vec(2, 2)?;
    let time = |spec: Timespec| {
        Ok(match spec.nsec {
            nsec if nsec == i64::from(raw::UTIME_NOW) => Time::Now,
            nsec if nsec == i64::from(raw::UTIME_OMIT) => Time::Omit,
            nsec @ 0..=999_999_999 => Time::At(stamp(spec.sec, nsec)),
            _ => return Err(Errno::EINVAL),
        })
    };
    Ok(Some([time(both[0])?, time(both[1])?]))
}

fn timevals(addr: usize) -> Result<Times> {
    if addr == 0 {
        return Ok(None);
    }
    let both = UserPtr::<Timeval>::new(addr).read_vec(2, 2)?;
    let time = |value: Timeval| match value.usec {
        usec @ 0..=999_999 => Ok(Time::At(stamp(value.sec, usec * 1000))),
        _ => Err(Errno::EINVAL),
    };
    Ok(Some([time(both[0])?, time(both[1])?]))
}

fn seconds(addr: usize) -> Result<Times> {
    if addr == 0 {
        return Ok(None);
    }
    let both = UserPtr::<i64>::new(addr).read_vec(2, 2)?;
    Ok(Some([
        Time::At(stamp(both[0], 0)),
        Time::At(stamp(both[1], 0)),
    ]))
}

fn utimes(ctx: &SyscallCtx<'_>, at: usize, path: usize, times: Times, flags: u32) -> Result<usize> {
    on_path(ctx, at, path, flags, |subject| set_times(subject, times))
}

fn set_times(subject: &Subject, times: Times) -> Result<usize> {
    let old = subject.attributes()?;
    let [atime, mtime] = times.unwrap_or([Time::Now, Time::Now]);
    match (atime, mtime) {
        (Time::Omit, Time::Omit) => return Ok(0),
        // The present may be set by whoever may write.
        (Time::Now, Time::Now) if subject.identity.owns(&old) => {}
        (Time::Now, Time::Now) => subject.identity.check(&old, Access::WRITE)?,
        _ if !subject.identity.owns(&old) => return Err(Errno::EPERM),
        _ => {}
    }
    let now = Timestamp::now();
    let value = |time| match time {
        Time::Now => Some(now),
        Time::Omit => None,
        Time::At(at) => Some(at),
    };
    subject.apply(&AttributeChange {
        atime: value(atime),
        mtime: value(mtime),
        ..Default::default()
    })
}
