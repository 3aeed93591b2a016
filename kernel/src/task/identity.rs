//! User and group numbers, capabilities, process groups and sessions: the calls.

use super::credentials::{Capabilities, Credentials, Ids};
use super::dump;
use super::thread::Thread;
use super::{Pid, tree};
use crate::errno::{Errno, Result};
use crate::ipc::netlink::connector;
use crate::mm::uptr::UserPtr;
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::Ordering;

/// Supplementary groups.
const MAX_GROUPS: usize = 65_536;
/// "Leave as it is."
const KEEP: u32 = u32::MAX;

/// Which of the two kinds of numbers.
#[derive(Clone, Copy)]
pub enum Kind {
    User,
    Group,
}

impl Kind {
    fn ids(self, credentials: &mut Credentials) -> &mut Ids {
        match self {
            Kind::User => &mut credentials.uid,
            Kind::Group => &mut credentials.gid,
        }
    }

    fn privilege(self) -> Capabilities {
        match self {
            Kind::User => Capabilities::SETUID,
            Kind::Group => Capabilities::SETGID,
        }
    }
}

/// Has the caller act by `new`. Who becomes somebody else, or may do more, keeps what he has
/// in memory to himself, and is told of his parent's end no more (Linux's `commit_creds`).
pub(super) fn commit(thread: &Thread, new: Credentials) {
    let process = thread.process();
    let old = thread.credentials();
    let others = [(old.uid, new.uid), (old.gid, new.gid)]
        .iter()
        .any(|(old, new)| old.effective != new.effective || old.fs != new.fs);
    if others || !old.permitted.contains(new.permitted) {
        let whose = dump::OF_SET_ID.load(Ordering::Relaxed);
        process.dumpable.store(whose, Ordering::Relaxed);
        thread.parent_death_signal.store(0, Ordering::Relaxed);
    }
    thread.set_credentials(new);
}

/// Changes numbers by `change`, which says whether the caller may; capabilities follow.
fn change_ids(
    ctx: &SyscallCtx<'_>,
    kind: Kind,
    change: impl FnOnce(&mut Ids, bool) -> Result,
) -> Result<usize> {
    let mut new = (*ctx.thread.credentials()).clone();
    let old = new.uid;
    let privileged = new.can(kind.privilege());
    let before = ctx.thread.credentials();
    change(kind.ids(&mut new), privileged)?;
    if matches!(kind, Kind::User) {
        new.after_uid_change(old);
    }
    commit(ctx.thread, new);
    connector::are_others(ctx.thread, &before);
    Ok(0)
}

pub fn set_id(ctx: &SyscallCtx<'_>, kind: Kind, id: usize) -> Result<usize> {
    let id = id as u32;
    if id == KEEP {
        return Err(Errno::EINVAL);
    }
    change_ids(ctx, kind, |ids, privileged| {
        if privileged {
            *ids = Ids::all(id);
        } else if id == ids.real || id == ids.saved {
            ids.effective = id;
            ids.fs = id;
        } else {
            return Err(Errno::EPERM);
        }
        Ok(())
    })
}

pub fn set_re(ctx: &SyscallCtx<'_>, kind: Kind, real: usize, effective: usize) -> Result<usize> {
    let (real, effective) = (real as u32, effective as u32);
    change_ids(ctx, kind, |ids, privileged| {
        let old = *ids;
        if real != KEEP {
            if !privileged && real != old.real && real != old.effective {
                return Err(Errno::EPERM);
            }
            ids.real = real;
        }
        if effective != KEEP {
            if !privileged && !old.has(effective) {
                return Err(Errno::EPERM);
            }
            ids.effective = effective;
        }
        if real != KEEP || (effective != KEEP && effective != old.real) {
            ids.saved = ids.effective;
        }
        ids.fs = ids.effective;
        Ok(())
    })
}

pub fn set_res(ctx: &SyscallCtx<'_>, kind: Kind, wish: [usize; 3]) -> Result<usize> {
    let wish = wish.map(|w| w as u32);
    change_ids(ctx, kind, |ids, privileged| {
        let old = *ids;
        if !privileged && wish.iter().any(|&w| w != KEEP && !old.has(w)) {
            return Err(Errno::EPERM);
        }
        let pick = |w: u32, old: u32| if w == KEEP { old } else { w };
        ids.real = pick(wish[0], old.real);
        ids.effective = pick(wish[1], old.effective);
        ids.saved = pick(wish[2], old.saved);
        ids.fs = ids.effective;
        Ok(())
    })
}

pub fn get_res(ctx: &SyscallCtx<'_>, kind: Kind, out: [usize; 3]) -> Result<usize> {
    let mut credentials = (*ctx.thread.credentials()).clone();
    let ids = *kind.ids(&mut credentials);
    for (addr, id) in out.into_iter().zip([ids.real, ids.effective, ids.saved]) {
        UserPtr::<u32>::new(addr).write(&id)?;
    }
    Ok(0)
}

/// setfsuid, setfsgid: never fail, answer with the old number.
pub fn set_fs(ctx: &SyscallCtx<'_>, kind: Kind, id: usize) -> Result<usize> {
    let id = id as u32;
    let mut new = (*ctx.thread.credentials()).clone();
    let privileged = new.can(kind.privilege());
    let ids = kind.ids(&mut new);
    let old = ids.fs;
    if id != KEEP && (privileged || ids.has(id) || ids.fs == id) {
        ids.fs = id;
        commit(ctx.thread, new);
    }
    Ok(old as usize)
}

pub fn get_groups(ctx: &SyscallCtx<'_>, count: usize, out: usize) -> Result<usize> {
    let groups = ctx.thread.credentials().groups.clone();
    if count as i32 != 0 {
        if (count as i32) < groups.len() as i32 {
            return Err(Errno::EINVAL);
        }
        UserPtr::<u32>::new(out).write_slice(&groups)?;
    }
    Ok(groups.len())
}

pub fn set_groups(ctx: &SyscallCtx<'_>, count: usize, list: usize) -> Result<usize> {
    let mut new = (*ctx.thread.credentials()).clone();
    if !new.can(Capabilities::SETGID) {
        return Err(Errno::EPERM);
    }
    let mut groups = UserPtr::<u32>::new(list).read_vec(count as u32 as usize, MAX_GROUPS)?;
    groups.sort_unstable();
    new.groups = Arc::new(groups);
    commit(ctx.thread, new);
    Ok(0)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAP_VERSION_1: u32 = 0x1998_0330;
const CAP_VERSION_2: u32 = 0x2007_1026;
const CAP_VERSION_3: u32 = 0x2008_0522;

/// How many words each set has in the caller's version; an unknown one is answered with ours.
fn cap_words(header: UserPtr<CapHeader>) -> Result<(CapHeader, usize)> {
    let value = header.read()?;
    match value.version {
        CAP_VERSION_1 => Ok((value, 1)),
        CAP_VERSION_2 | CAP_VERSION_3 => Ok((value, 2)),
        _ => {
            header.write(&CapHeader {
                version: CAP_VERSION_3,
                ..value
            })?;
            Err(Errno::EINVAL)
        }
    }
}

pub fn cap_get(ctx: &SyscallCtx<'_>, header: usize, data: usize) -> Result<usize> {
    let asked = cap_words(UserPtr::new(header));
    if data == 0 && asked.is_err() {
        return Ok(0);
    }
    let (header, words) = asked?;
    let credentials = match header.pid {
        0 => ctx.thread.credentials(),
        n if n < 0 => return Err(Errno::EINVAL),
        n => tree::thread(n as Pid).ok_or(Errno::ESRCH)?.credentials(),
    };
    let sets = [
        credentials.effective,
        credentials.permitted,
        credentials.inheritable,
    ];
    let sets = sets.map(|s| s.bits());
    let mut out = [CapData::zeroed(); 2];
    for (word, data) in out.iter_mut().enumerate() {
        let part = |set: u64| (set >> (32 * word)) as u32;
        data.effective = part(sets[0]);
        data.permitted = part(sets[1]);
        data.inheritable = part(sets[2]);
    }
    if data != 0 {
        UserPtr::<CapData>::new(data).write_slice(&out[..words])?;
    }
    Ok(0)
}

pub fn cap_set(ctx: &SyscallCtx<'_>, header: usize, data: usize) -> Result<usize> {
    let (header, words) = cap_words(UserPtr::new(header))?;
    if header.pid != 0 && header.pid as Pid != ctx.thread.tid() {
        return Err(Errno::EPERM);
    }
    let data = UserPtr::<CapData>::new(data).read_vec(words, 2)?;
    let join = |get: fn(&CapData) -> u32| {
        let bits = data
            .iter()
            .rev()
            .fold(0u64, |bits, word| bits << 32 | u64::from(get(word)));
        Capabilities::from_bits_truncate(bits)
    };
    let (effective, permitted, inheritable) = (
        join(|d| d.effective),
        join(|d| d.permitted),
        join(|d| d.inheritable),
    );
    let mut new = (*ctx.thread.credentials()).clone();
    let may_add = if new.can(Capabilities::SETPCAP) {
        new.bounding
    } else {
        new.permitted
    };
    if !new.permitted.contains(permitted)
        || !permitted.contains(effective)
        || !(new.inheritable | may_add).contains(inheritable)
    {
        return Err(Errno::EPERM);
    }
    new.effective = effective;
    new.permitted = permitted;
    new.inheritable = inheritable;
    new.ambient &= permitted & inheritable;
    commit(ctx.thread, new);
    Ok(0)
}

/// 0 means the caller.
fn target(ctx: &SyscallCtx<'_>, pid: usize) -> Result<Pid> {
    match pid as i32 {
        0 => Ok(ctx.process.pid),
        n if n > 0 => Ok(n as Pid),
        _ => Err(Errno::ESRCH),
    }
}

pub fn get_pgid(ctx: &SyscallCtx<'_>, pid: usize) -> Result<usize> {
    let group = tree::group_of(target(ctx, pid)?).ok_or(Errno::ESRCH)?;
    Ok(group.id as usize)
}

pub fn get_sid(ctx: &SyscallCtx<'_>, pid: usize) -> Result<usize> {
    let session = tree::session_of(target(ctx, pid)?).ok_or(Errno::ESRCH)?;
    Ok(session.id as usize)
}

pub fn set_pgid(ctx: &SyscallCtx<'_>, pid: usize, group: usize) -> Result<usize> {
    if (group as i32) < 0 {
        return Err(Errno::EINVAL);
    }
    let pid = match pid as i32 {
        n if n < 0 => return Err(Errno::EINVAL),
        0 => ctx.process.pid,
        n => n as Pid,
    };
    let group = if group as i32 == 0 { pid } else { group as Pid };
    tree::set_group(ctx.process.pid, pid, group)?;
    Ok(0)
}

pub fn set_sid(ctx: &SyscallCtx<'_>) -> Result<usize> {
    let session = tree::new_session(ctx.process.pid)?.id as usize;
    connector::leads_session(ctx.thread);
    Ok(session)
}
