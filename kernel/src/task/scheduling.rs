//! sched_* and priorities: the calls.

use super::credentials::Capabilities;
use super::limits::Resource;
use super::process::Process;
use super::thread::Thread;
use super::{Pid, futex, tree};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::sched::cpu;
use crate::sched::entity::{
    SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_OTHER, SCHED_RR,
};
use crate::sched::placement;
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::Ordering::Relaxed;
use ochre_hal::PAGE_SIZE;

const RESET_ON_FORK: u32 = 0x4000_0000;

fn thread_of(ctx: &SyscallCtx<'_>, tid: usize) -> Result<Arc<Thread>> {
    match tid as i32 {
        0 => Ok(ctx.thread.clone()),
        n if n > 0 => tree::thread(n as Pid).ok_or(Errno::ESRCH),
        _ => Err(Errno::EINVAL),
    }
}

/// As [`thread_of`], for calls to whom a negative number is one that nobody has.
fn any_thread_of(ctx: &SyscallCtx<'_>, tid: usize) -> Result<Arc<Thread>> {
    thread_of(ctx, tid).map_err(|_| Errno::ESRCH)
}

/// EPERM unless the caller may change how `thread` is scheduled.
fn check_owner(ctx: &SyscallCtx<'_>, thread: &Thread) -> Result {
    let (mine, theirs) = (ctx.thread.credentials(), thread.credentials());
    let owner = mine.uid.effective == theirs.uid.effective || mine.uid.effective == theirs.uid.real;
    if owner || mine.can(Capabilities::SYS_NICE) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

pub fn get_scheduler(ctx: &SyscallCtx<'_>, tid: usize) -> Result<usize> {
    let thread = thread_of(ctx, tid)?;
    let reset = if thread.sched.reset_on_fork.load(Relaxed) {
        RESET_ON_FORK
    } else {
        0
    };
    Ok((u32::from(thread.sched.policy.load(Relaxed)) | reset) as usize)
}

/// Whether the policy is a real-time one, if there is such, with this priority.
fn check_policy(policy: u8, priority: u32) -> Result<bool> {
    let realtime = matches!(policy, SCHED_FIFO | SCHED_RR);
    let known = realtime || matches!(policy, SCHED_OTHER | SCHED_BATCH | SCHED_IDLE);
    if !known || (realtime && !(1..=99).contains(&priority)) || (!realtime && priority != 0) {
        return Err(Errno::EINVAL);
    }
    Ok(realtime)
}

fn apply(ctx: &SyscallCtx<'_>, thread: &Arc<Thread>, policy: u32, priority: u32) -> Result {
    let reset = policy & RESET_ON_FORK != 0;
    let policy = u8::try_from(policy & !RESET_ON_FORK).map_err(|_| Errno::EINVAL)?;
    let realtime = check_policy(policy, priority)?;
    check_owner(ctx, thread)?;
    let limit = thread.process().limit(Resource::RealtimePriority);
    let raises =
        u64::from(priority) > limit && priority > u32::from(thread.sched.rt_priority.load(Relaxed));
    if realtime && raises && !ctx.thread.credentials().can(Capabilities::SYS_NICE) {
        return Err(Errno::EPERM);
    }
    thread.sched.policy.store(policy, Relaxed);
    thread.sched.rt_priority.store(priority as u8, Relaxed);
    thread.sched.reset_on_fork.store(reset, Relaxed);
    placement::reprioritize(thread);
    futex::reprioritized(thread);
    Ok(())
}

pub fn set_scheduler(
    ctx: &SyscallCtx<'_>,
    tid: usize,
    policy: Option<usize>,
    param: usize,
) -> Result<usize> {
    let priority = UserPtr::<u32>::new(param)
        .read()
        .map_err(|_| Errno::EINVAL)?;
    let thread = thread_of(ctx, tid)?;
    let policy = policy.map_or_else(
        || u32::from(thread.sched.policy.load(Relaxed)),
        |p| p as u32,
    );
    apply(ctx, &thread, policy, priority)?;
    Ok(0)
}

pub fn get_param(ctx: &SyscallCtx<'_>, tid: usize, out: usize) -> Result<usize> {
    let thread = thread_of(ctx, tid)?;
    UserPtr::<u32>::new(out).write(&u32::from(thread.sched.own_realtime()))?;
    Ok(0)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    util_min: u32,
    util_max: u32,
}

/// The size of its first version.
const ATTR_LEAST: usize = 48;
const ATTR_SIZE: usize = size_of::<SchedAttr>();
/// SCHED_FLAG_*.
const KEEP_POLICY: u64 = 8;
const KEEP_PARAMS: u64 = 0x10;
const UTIL_CLAMP: u64 = 0x60;
const ATTR_FLAGS: u64 = 0x7f;

/// What user space says, in whichever version: what is beyond ours must be nothing.
fn read_attr(at: usize) -> Result<SchedAttr> {
    let too_big = || match UserPtr::<u32>::new(at).write(&(ATTR_SIZE as u32)) {
        Ok(()) => Errno::E2BIG,
        Err(error) => error,
    };
    let size = match UserPtr::<u32>::new(at).read()? as usize {
        0 => ATTR_LEAST,
        size => size,
    };
    if !(ATTR_LEAST..=PAGE_SIZE).contains(&size) {
        return Err(too_big());
    }
    let bytes = UserPtr::<u8>::new(at).read_vec(size, PAGE_SIZE)?;
    let (known, beyond) = bytes.split_at(size.min(ATTR_SIZE));
    if beyond.iter().any(|byte| *byte != 0) {
        return Err(too_big());
    }
    let mut attr = SchedAttr::zeroed();
    bytemuck::bytes_of_mut(&mut attr)[..known.len()].copy_from_slice(known);
    if attr.flags & UTIL_CLAMP != 0 && size < ATTR_SIZE {
        return Err(Errno::EINVAL);
    }
    Ok(attr)
}

pub fn set_attr(ctx: &SyscallCtx<'_>, tid: usize, attr: usize, flags: usize) -> Result<usize> {
    if flags != 0 || attr == 0 || (tid as i32) < 0 {
        return Err(Errno::EINVAL);
    }
    let mut attr = read_attr(attr)?;
    if attr.policy.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let thread = thread_of(ctx, tid)?;
    let sched = &thread.sched;
    let own = u32::from(sched.policy.load(Relaxed));
    if attr.flags & KEEP_PARAMS != 0 {
        match sched.own_realtime() {
            0 => attr.nice = sched.nice.load(Relaxed),
            priority => attr.priority = u32::from(priority),
        }
    }
    let mut reset = attr.flags & 1 != 0;
    if attr.flags & KEEP_POLICY != 0 {
        attr.policy = own;
        reset = sched.reset_on_fork.load(Relaxed);
    }
    let policy = u8::try_from(attr.policy).map_err(|_| Errno::EINVAL)?;
    if attr.flags & !ATTR_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if attr.flags & UTIL_CLAMP != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if attr.flags & KEEP_PARAMS != 0 {
        check_policy(policy, attr.priority)?;
        check_owner(ctx, &thread)?;
        sched.reset_on_fork.store(reset, Relaxed);
        return Ok(0);
    }
    let fair = matches!(policy, SCHED_OTHER | SCHED_BATCH);
    let nice = attr.nice.clamp(-20, 19);
    if fair && !may_renice(ctx, &thread, nice) {
        return Err(Errno::EPERM);
    }
    let reset = if reset { RESET_ON_FORK } else { 0 };
    apply(ctx, &thread, attr.policy | reset, attr.priority)?;
    if fair {
        renice(ctx, &thread, nice)?;
    }
    Ok(0)
}

pub fn get_attr(
    ctx: &SyscallCtx<'_>,
    tid: usize,
    out: usize,
    size: usize,
    flags: usize,
) -> Result<usize> {
    let size = size as u32 as usize;
    if flags != 0 || out == 0 || !(ATTR_LEAST..=PAGE_SIZE).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let thread = thread_of(ctx, tid)?;
    let priority = u32::from(thread.sched.own_realtime());
    let size = size.min(ATTR_SIZE);
    let attr = SchedAttr {
        size: size as u32,
        policy: u32::from(thread.sched.policy.load(Relaxed)),
        flags: u64::from(thread.sched.reset_on_fork.load(Relaxed)),
        nice: if priority == 0 {
            thread.sched.nice.load(Relaxed)
        } else {
            0
        },
        priority,
        ..SchedAttr::zeroed()
    };
    UserPtr::<u8>::new(out).write_slice(&bytemuck::bytes_of(&attr)[..size])?;
    Ok(0)
}

/// sched_get_priority_min and _max.
pub fn priority_bound(policy: usize, max: bool) -> Result<usize> {
    match policy as u8 {
        SCHED_FIFO | SCHED_RR => Ok(if max { 99 } else { 1 }),
        SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub fn rr_interval(ctx: &SyscallCtx<'_>, tid: usize, out: usize) -> Result<usize> {
    let thread = thread_of(ctx, tid)?;
    let slice = match thread.sched.policy.load(Relaxed) {
        SCHED_FIFO => 0,
        SCHED_RR => crate::sched::QUANTUM,
        _ => crate::sched::SLICE,
    };
    UserPtr::<Timespec>::new(out).write(&Timespec::from_nanos(slice))?;
    Ok(0)
}

pub fn set_affinity(ctx: &SyscallCtx<'_>, tid: usize, len: usize, mask: usize) -> Result<usize> {
    let mut bytes = [0; 8];
    let len = len.min(8);
    ochre_hal::uaccess::copy_in(&mut bytes[..len], mask)?;
    let mask = u64::from_ne_bytes(bytes);
    if mask & cpu::online() == 0 {
        return Err(Errno::EINVAL);
    }
    let thread = any_thread_of(ctx, tid)?;
    check_owner(ctx, &thread)?;
    placement::change_affinity(&thread, mask);
    cpu::leave_forbidden();
    Ok(0)
}

pub fn get_affinity(ctx: &SyscallCtx<'_>, tid: usize, len: usize, out: usize) -> Result<usize> {
    if len < 8 || !len.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let thread = any_thread_of(ctx, tid)?;
    let mask = thread.sched.affinity.load(Relaxed) & cpu::online();
    UserPtr::<u64>::new(out).write(&mask)?;
    Ok(8)
}

pub fn getcpu(out_cpu: usize, out_node: usize) -> Result<usize> {
    let id = ochre_hal::cpu::id() as u32;
    UserPtr::<u32>::new(out_cpu).write_if(&id)?;
    UserPtr::<u32>::new(out_node).write_if(&0)?;
    Ok(0)
}

/// Does `each` with the threads that getpriority and setpriority mean.
fn with_threads_of(
    ctx: &SyscallCtx<'_>,
    which: usize,
    who: usize,
    mut each: impl FnMut(&Arc<Thread>),
) -> Result {
    let who = who as u32;
    let mut all = |process: &Process| {
        process.with_threads(|threads| threads.iter().for_each(&mut each));
        cpu::breathe();
    };
    match which as u32 {
        raw::PRIO_PROCESS => each(&any_thread_of(ctx, who as usize)?),
        raw::PRIO_PGRP => {
            let group = match who {
                0 => tree::group_of(ctx.process.pid).map_or(0, |g| g.id),
                n => n,
            };
            tree::group_members(group).for_each(|process| all(&process));
        }
        raw::PRIO_USER => {
            let uid = if who == 0 {
                ctx.thread.credentials().uid.real
            } else {
                who
            };
            tree::processes()
                .filter(|process| process.credentials().uid.real == uid)
                .for_each(|process| all(&process));
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

pub fn get_priority(ctx: &SyscallCtx<'_>, which: usize, who: usize) -> Result<usize> {
    // 1 … 40 instead of 19 … −20, so that no answer looks like an error.
    let mut best = None;
    with_threads_of(ctx, which, who, |thread| {
        best = best.max(Some(20 - thread.sched.nice.load(Relaxed)));
    })?;
    Ok(best.ok_or(Errno::ESRCH)? as usize)
}

/// Whether the caller may have the thread run with `nice`, as far as that is more urgent than before.
fn may_renice(ctx: &SyscallCtx<'_>, thread: &Thread, nice: i32) -> bool {
    nice >= thread.sched.nice.load(Relaxed)
        || (20 - nice) as u64 <= thread.process().limit(Resource::Nice)
        || ctx.thread.credentials().can(Capabilities::SYS_NICE)
}

fn renice(ctx: &SyscallCtx<'_>, thread: &Arc<Thread>, nice: i32) -> Result {
    let nice = nice.clamp(-20, 19);
    check_owner(ctx, thread)?;
    if !may_renice(ctx, thread, nice) {
        return Err(Errno::EACCES);
    }
    thread.sched.nice.store(nice, Relaxed);
    placement::reprioritize(thread);
    Ok(())
}

/// As on Linux, who may not be changed keeps nobody else from it.
pub fn set_priority(ctx: &SyscallCtx<'_>, which: usize, who: usize, nice: usize) -> Result<usize> {
    let mut result = Err(Errno::ESRCH);
    with_threads_of(ctx, which, who, |thread| {
        match renice(ctx, thread, nice as i32) {
            Ok(()) if result == Err(Errno::ESRCH) => result = Ok(0),
            Ok(()) => {}
            Err(error) => result = Err(error),
        }
    })?;
    result
}

/// Classes of ioprio_set.
const IO_NONE: u32 = 0;
const IO_REALTIME: u32 = 1;
const IO_BEST_EFFORT: u32 = 2;
const IO_IDLE: u32 = 3;
const IO_CLASS_SHIFT: u32 = 13;
/// A class's level; what is between the two are hints.
const IO_LEVEL: u32 = 7;

/// Does `each` with those whose I/O priority is meant: as [`with_threads_of`], but counted from one.
fn with_io_threads_of(
    ctx: &SyscallCtx<'_>,
    which: usize,
    who: usize,
    each: impl FnMut(&Arc<Thread>),
) -> Result {
    let which = (which as u32).checked_sub(1).ok_or(Errno::EINVAL)?;
    with_threads_of(ctx, which as usize, who, each)
}

/// Requests are served in their order whatever their priority, which is kept and told.
pub fn set_io_priority(
    ctx: &SyscallCtx<'_>,
    which: usize,
    who: usize,
    value: usize,
) -> Result<usize> {
    let value = value as u32;
    let (class, level) = (value >> IO_CLASS_SHIFT, value & IO_LEVEL);
    match class {
        IO_NONE if level == 0 => {}
        IO_REALTIME => {
            let credentials = ctx.thread.credentials();
            let may = Capabilities::SYS_ADMIN | Capabilities::SYS_NICE;
            if !credentials.effective.intersects(may) {
                return Err(Errno::EPERM);
            }
        }
        IO_BEST_EFFORT | IO_IDLE => {}
        _ => return Err(Errno::EINVAL),
    }
    let mine = ctx.thread.credentials();
    let mut result = Err(Errno::ESRCH);
    with_io_threads_of(ctx, which, who, |thread| {
        // The first that may not be changed ends it.
        if result == Err(Errno::EPERM) {
            return;
        }
        let theirs = thread.credentials();
        let owner = theirs.uid.real == mine.uid.effective || theirs.uid.real == mine.uid.real;
        if owner || mine.can(Capabilities::SYS_NICE) {
            thread.sched.io_priority.store(value, Relaxed);
            result = Ok(0);
        } else {
            result = Err(Errno::EPERM);
        }
    })?;
    result
}

pub fn get_io_priority(ctx: &SyscallCtx<'_>, which: usize, who: usize) -> Result<usize> {
    // The best of several; none of its own counts as the middle of best effort.
    let rank = |value: u32| match value >> IO_CLASS_SHIFT {
        IO_NONE => IO_BEST_EFFORT << IO_CLASS_SHIFT | 4,
        _ => value,
    };
    let mut best = None;
    with_io_threads_of(ctx, which, who, |thread| {
        let value = thread.sched.io_priority.load(Relaxed);
        if best.is_none_or(|best| rank(value) < rank(best)) {
            best = Some(value);
        }
    })?;
    Ok(best.ok_or(Errno::ESRCH)? as usize)
}
