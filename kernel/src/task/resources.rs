//! What processes use and may use: rusage, times, limits.

use super::credentials::Capabilities;
use super::limits::Limit;
use super::process::{Process, Usage, thread_usage};
use super::{Pid, tree};
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::mm::uptr::{Timeval, UserPtr};
use crate::syscall::table::SyscallCtx;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};

/// Clock ticks of times(2) and /proc are 10 ms.
pub const TICK: u64 = 10_000_000;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Rusage {
    user: Timeval,
    system: Timeval,
    max_resident_kb: u64,
    _unused: [u64; 3],
    minor_faults: u64,
    major_faults: u64,
    _swaps: u64,
    _blocks: [u64; 2],
    _messages: [u64; 3],
    switches: u64,
    preemptions: u64,
}

pub fn write_usage(addr: usize, usage: &Usage) -> Result {
    UserPtr::<Rusage>::new(addr).write(&Rusage {
        user: Timeval::from_nanos(usage.user),
        system: Timeval::from_nanos(usage.system),
        max_resident_kb: usage.max_resident * 4,
        _unused: [0; 3],
        minor_faults: usage.minor_faults,
        major_faults: usage.major_faults,
        _swaps: 0,
        _blocks: [0; 2],
        _messages: [0; 3],
        switches: usage.switches,
        preemptions: usage.preemptions,
    })
}

pub fn getrusage(ctx: &SyscallCtx<'_>, who: usize, out: usize) -> Result<usize> {
    let usage = match who as i32 {
        raw::RUSAGE_CHILDREN => *ctx.process.children_usage.lock(),
        0 => {
            let mut usage = ctx.process.total_usage();
            if let Some(space) = ctx.process.space() {
                usage.max_resident = usage
                    .max_resident
                    .max(space.lock().table.resident_peak() as u64);
            }
            usage
        }
        1 => thread_usage(ctx.thread),
        _ => return Err(Errno::EINVAL),
    };
    write_usage(out, &usage)?;
    Ok(0)
}

pub fn times(ctx: &SyscallCtx<'_>, out: usize) -> Result<usize> {
    if let Some(out) = UserPtr::<[u64; 4]>::new(out).non_null() {
        let mine = ctx.process.total_usage();
        let children = *ctx.process.children_usage.lock();
        out.write(&[mine.user, mine.system, children.user, children.system].map(|t| t / TICK))?;
    }
    Ok((crate::time::monotonic() / TICK) as usize)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawLimit {
    soft: u64,
    hard: u64,
}

fn change(
    ctx: &SyscallCtx<'_>,
    process: &Process,
    resource: usize,
    new: Option<RawLimit>,
) -> Result<Limit> {
    let privileged = ctx.thread.credentials().can(Capabilities::SYS_RESOURCE);
    process.with_limits(|limits| {
        let old = limits.get(resource as u32)?;
        if let Some(new) = new {
            limits.set(
                resource as u32,
                Limit {
                    soft: new.soft,
                    hard: new.hard,
                },
                privileged,
            )?;
        }
        let of_time = [raw::RLIMIT_CPU, raw::RLIMIT_RTTIME].contains(&(resource as u32));
        if of_time && new.is_some() {
            process.timers.watch_cpu_time();
        }
        Ok(old)
    })
}

pub fn prlimit(
    ctx: &SyscallCtx<'_>,
    pid: usize,
    resource: usize,
    new: usize,
    old: usize,
) -> Result<usize> {
    let process: Arc<Process> = match pid as i32 {
        0 => ctx.process.clone(),
        n => tree::process(n as Pid).ok_or(Errno::ESRCH)?,
    };
    if process.pid != ctx.process.pid {
        let (mine, theirs) = (ctx.thread.credentials(), process.credentials());
        let same = theirs.uid.has(mine.uid.real) && theirs.gid.has(mine.gid.real);
        if !same && !mine.can(Capabilities::SYS_RESOURCE) {
            return Err(Errno::EPERM);
        }
    }
    let new = UserPtr::<RawLimit>::new(new)
        .non_null()
        .map(UserPtr::read)
        .transpose()?;
    let previous = change(ctx, &process, resource, new)?;
    let previous = RawLimit {
        soft: previous.soft,
        hard: previous.hard,
    };
    UserPtr::new(old).write_if(&previous)?;
    Ok(0)
}
