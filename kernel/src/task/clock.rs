//! Clocks, sleeping, and timers that signal: the calls.

use super::cpu_clock::CpuClock;
use super::credentials::Capabilities;
use super::thread::{Restart, Thread};
use super::timers::{Notify, SignalTimer, Source};
use super::{signal, timers};
use crate::errno::{Errno, Result};
use crate::ipc::timerfd;
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::uptr::{Timespec, Timeval, UserPtr};
use crate::sched::timer;
use crate::sched::wait::{Interrupt, sleep_until, wait_until};
use crate::syscall::table::SyscallCtx;
use crate::time::{self, Clock, Deadline};
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use ochre_hal::sync::SpinLock;

/// The value of a clock.
pub fn read(thread: &Arc<Thread>, clock: u32) -> Result<u64> {
    if let Some(clock) = CpuClock::parse(thread, clock, true)? {
        return clock.now().ok_or(Errno::EINVAL);
    }
    wall(clock).ok_or(Errno::EINVAL)
}

/// The value of a clock that always goes; None when there is no such clock.
fn wall(clock: u32) -> Option<u64> {
    Some(match clock {
        raw::CLOCK_REALTIME
        | raw::CLOCK_REALTIME_COARSE
        | raw::CLOCK_REALTIME_ALARM
        | raw::CLOCK_TAI => time::realtime(),
        raw::CLOCK_MONOTONIC
        | raw::CLOCK_MONOTONIC_RAW
        | raw::CLOCK_MONOTONIC_COARSE
        | raw::CLOCK_BOOTTIME
        | raw::CLOCK_BOOTTIME_ALARM => time::monotonic(),
        _ => return None,
    })
}

pub fn gettime(ctx: &SyscallCtx<'_>, clock: usize, out: usize) -> Result<usize> {
    let now = read(ctx.thread, clock as u32)?;
    UserPtr::<Timespec>::new(out).write(&Timespec::from_nanos(now))?;
    Ok(0)
}

pub fn getres(ctx: &SyscallCtx<'_>, clock: usize, out: usize) -> Result<usize> {
    let nanos = match CpuClock::parse(ctx.thread, clock as u32, true)? {
        Some(clock) => clock.resolution(),
        None => wall(clock as u32).map(|_| 1).ok_or(Errno::EINVAL)?,
    };
    UserPtr::<Timespec>::new(out).write_if(&Timespec::from_nanos(nanos))?;
    Ok(0)
}

pub fn settime(ctx: &SyscallCtx<'_>, clock: usize, value: usize) -> Result<usize> {
    let value = UserPtr::<Timespec>::new(value).read()?.to_nanos()?;
    let own = [raw::CLOCK_PROCESS_CPUTIME_ID, raw::CLOCK_THREAD_CPUTIME_ID];
    if !own.contains(&(clock as u32)) && CpuClock::parse(ctx.thread, clock as u32, false)?.is_some()
    {
        return Err(Errno::EPERM);
    }
    if clock as u32 != raw::CLOCK_REALTIME {
        return Err(Errno::EINVAL);
    }
    if !ctx.thread.credentials().can(Capabilities::SYS_TIME) {
        return Err(Errno::EPERM);
    }
    set_realtime(value);
    Ok(0)
}

/// Sets real time, by which what waits for a point of it goes from then on.
pub fn set_realtime(nanos: u64) {
    time::set_realtime(nanos);
    timer::realtime_was_set();
    timerfd::realtime_was_set();
}

pub fn gettimeofday(value: usize, zone: usize) -> Result<usize> {
    UserPtr::<Timeval>::new(value).write_if(&Timeval::from_nanos(time::realtime()))?;
    UserPtr::<[i32; 2]>::new(zone).write_if(&ZONE.lock().unwrap_or_default())?;
    Ok(0)
}

/// `struct timezone`, once it was set: minutes west of Greenwich, and what nobody uses. Kept for who asks.
static ZONE: SpinLock<Option<[i32; 2]>> = SpinLock::new(lock_order::CELL, None);

pub fn settimeofday(ctx: &SyscallCtx<'_>, value: usize, zone: usize) -> Result<usize> {
    /// Minutes that a zone can be away from Greenwich.
    const FARTHEST: i32 = 15 * 60;
    /// Linux leaves thirty years before its last second.
    const LAST: i64 = i64::MAX / time::NANOS_PER_SECOND as i64 - 30 * 365 * 24 * 3600;
    let value = match UserPtr::<Timeval>::new(value).non_null() {
        Some(value) => Some(value.read()?),
        None => None,
    };
    if value.is_some_and(|value| !(0..=1_000_000).contains(&value.usec)) {
        return Err(Errno::EINVAL);
    }
    let zone = match UserPtr::<[i32; 2]>::new(zone).non_null() {
        Some(zone) => Some(zone.read()?),
        None => None,
    };
    let valid = |value: &Timeval| (0..LAST).contains(&value.sec) && value.usec < 1_000_000;
    if value.as_ref().is_some_and(|value| !valid(value)) {
        return Err(Errno::EINVAL);
    }
    if !ctx.thread.credentials().can(Capabilities::SYS_TIME) {
        return Err(Errno::EPERM);
    }
    if let Some(zone) = zone {
        let [west, _] = zone;
        if !(-FARTHEST..=FARTHEST).contains(&west) {
            return Err(Errno::EINVAL);
        }
        let first = ZONE.lock().replace(zone).is_none();
        let words = zone.map(|word| u64::from(word.cast_unsigned()));
        ochre_hal::vdso::set_zone(words[0] | words[1] << 32);
        // Who says first of all where this is says that the clock at boot was local time.
        if first && value.is_none() && west != 0 {
            let nanos = i64::from(west) * 60 * time::NANOS_PER_SECOND as i64;
            set_realtime(time::realtime().saturating_add_signed(nanos));
        }
    }
    if let Some(value) = value {
        set_realtime(value.to_nanos()?);
    }
    Ok(0)
}

pub fn time(out: usize) -> Result<usize> {
    let seconds = time::realtime() / time::NANOS_PER_SECOND;
    UserPtr::<u64>::new(out).write_if(&seconds)?;
    Ok(seconds as usize)
}

/// By what a clock goes that sleeps and timers can be set by.
fn clock_of(clock: u32) -> Result<Clock> {
    match clock {
        raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_ALARM | raw::CLOCK_TAI => Ok(Clock::Real),
        raw::CLOCK_MONOTONIC | raw::CLOCK_BOOTTIME | raw::CLOCK_BOOTTIME_ALARM => {
            Ok(Clock::Monotonic)
        }
        raw::CLOCK_MONOTONIC_RAW | raw::CLOCK_REALTIME_COARSE | raw::CLOCK_MONOTONIC_COARSE => {
            Err(Errno::EOPNOTSUPP)
        }
        _ => Err(Errno::EINVAL),
    }
}

pub fn nanosleep(
    ctx: &SyscallCtx<'_>,
    clock: usize,
    flags: usize,
    request: usize,
    remaining: usize,
) -> Result<usize> {
    let clock = clock as u32;
    let absolute = flags as u32 & raw::TIMER_ABSTIME != 0;
    let request = UserPtr::<Timespec>::new(request).read()?.to_nanos()?;
    if clock == raw::CLOCK_THREAD_CPUTIME_ID {
        return Err(Errno::EOPNOTSUPP);
    }
    if let Some(clock) = CpuClock::parse(ctx.thread, clock, false)? {
        return sleep_by_cpu_time(ctx, &clock, request, absolute, remaining);
    }
    let clock = clock_of(clock)?;
    if absolute {
        let end = Deadline { clock, at: request };
        sleep_until(end, Interrupt::Signals).map_err(signal::calls::no_handler)?;
        return Ok(0);
    }
    sleep_for(ctx, Deadline::after(request), remaining)
}

/// Sleeps until a CPU clock shows a time, as seen at ticks.
fn sleep_by_cpu_time(
    ctx: &SyscallCtx<'_>,
    clock: &CpuClock,
    request: u64,
    absolute: bool,
    remaining: usize,
) -> Result<usize> {
    if clock.is_of(ctx.thread) {
        return Err(Errno::EINVAL);
    }
    let now = clock.now().ok_or(Errno::EINVAL)?;
    let end = if absolute {
        request
    } else {
        now.saturating_add(request)
    };
    let timer = SignalTimer::new(
        ctx.process,
        Notify::Wake(Arc::downgrade(ctx.thread)),
        None,
        raw::CLOCK_PROCESS_CPUTIME_ID,
        Source::Cpu(clock.clone()),
    );
    timers::enlist(&timer)?;
    timer.set(end.max(1), 0);
    let slept = wait_until(&[], None, Interrupt::Signals, || {
        clock.now().is_none_or(|now| now >= end).then_some(())
    });
    timer.set(0, 0);
    if slept.is_err() && !absolute {
        let left = end.saturating_sub(clock.now().unwrap_or(end));
        UserPtr::<Timespec>::new(remaining).write_if(&Timespec::from_nanos(left))?;
    }
    slept.map_err(signal::calls::no_handler)?;
    Ok(0)
}

/// A relative sleep that, when a stop interrupts it, goes on to the same end.
fn sleep_for(ctx: &SyscallCtx<'_>, deadline: Deadline, remaining: usize) -> Result<usize> {
    if sleep_until(deadline, Interrupt::Signals).is_ok() {
        return Ok(0);
    }
    let left = Timespec::from_nanos(deadline.left());
    UserPtr::<Timespec>::new(remaining).write_if(&left)?;
    ctx.thread.set_restart(Some(Restart {
        deadline,
        remaining,
    }));
    Err(Errno::RESTART_NO_HANDLER)
}

/// Goes on with a sleep that a stop interrupted.
pub fn restart(ctx: &SyscallCtx<'_>) -> Result<usize> {
    let Restart {
        deadline,
        remaining,
    } = ctx.thread.take_restart().ok_or(Errno::EINTR)?;
    sleep_for(ctx, deadline, remaining)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Itimerval {
    interval: Timeval,
    value: Timeval,
}

fn itimerval((left, interval): (u64, u64)) -> Itimerval {
    let round =
        |nanos: u64| Timeval::from_nanos(nanos.checked_next_multiple_of(1000).unwrap_or(nanos));
    Itimerval {
        interval: round(interval),
        value: round(left),
    }
}

pub fn setitimer(ctx: &SyscallCtx<'_>, which: usize, new: usize, old: usize) -> Result<usize> {
    let value = match UserPtr::<Itimerval>::new(new).non_null() {
        Some(new) => new.read()?,
        None => Itimerval::zeroed(),
    };
    let (first, interval) = (value.value.to_nanos()?, value.interval.to_nanos()?);
    let timer = ctx.process.timers.interval(ctx.process, which as u32)?;
    let next = match first {
        0 => 0,
        first => timer.now().saturating_add(first),
    };
    let previous = timer.set(next, interval);
    UserPtr::new(old).write_if(&itimerval(previous))?;
    Ok(0)
}

pub fn getitimer(ctx: &SyscallCtx<'_>, which: usize, out: usize) -> Result<usize> {
    let timer = ctx.process.timers.interval(ctx.process, which as u32)?;
    let value = timer.get();
    UserPtr::new(out).write(&itimerval(value))?;
    Ok(0)
}

pub fn alarm(ctx: &SyscallCtx<'_>, seconds: usize) -> Result<usize> {
    let seconds = u64::from(seconds as u32);
    let next = match seconds {
        0 => 0,
        n => time::monotonic().saturating_add(n * time::NANOS_PER_SECOND),
    };
    let timer = ctx.process.timers.interval(ctx.process, raw::ITIMER_REAL)?;
    let (left, _) = timer.set(next, 0);
    // Rounded to the nearest second, but never to 0.
    let whole = left.saturating_add(time::NANOS_PER_SECOND / 2) / time::NANOS_PER_SECOND;
    Ok(if left == 0 { 0 } else { whole.max(1) as usize })
}

/// `struct sigevent`, its fixed part.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct SigEvent {
    pub value: u64,
    pub signal: i32,
    pub notify: u32,
    pub tid: u32,
    _rest: [u32; 11],
}

pub fn timer_create(ctx: &SyscallCtx<'_>, clock: usize, event: usize, out: usize) -> Result<usize> {
    let clock = clock as u32;
    let source = match CpuClock::parse(ctx.thread, clock, false)? {
        Some(clock) => Source::Cpu(clock),
        None => {
            clock_of(clock)?;
            Source::Time
        }
    };
    let event = UserPtr::<SigEvent>::new(event)
        .non_null()
        .map(UserPtr::read)
        .transpose()?;
    let threads = ctx.process.threads();
    let make = |id: i32| {
        let (notify, value) = match event {
            None => (Notify::Process(signal::SIGALRM), id as u64),
            Some(event) => (notify_of(&event, &threads)?, event.value),
        };
        let identity = Some((id, value));
        Ok(SignalTimer::new(
            ctx.process,
            notify,
            identity,
            clock,
            source,
        ))
    };
    let (id, timer) = ctx.process.timers.posix.lock().add(make)?;
    let told = timers::enlist(&timer).and_then(|()| UserPtr::<i32>::new(out).write(&id));
    if let Err(error) = told {
        ctx.process.timers.posix.lock().remove(id);
        return Err(error);
    }
    Ok(0)
}

/// What a `struct sigevent` asks for. `threads` are those of the caller's process.
fn notify_of(event: &SigEvent, threads: &[Arc<Thread>]) -> Result<Notify> {
    let number = || {
        let valid = signal::is_valid(event.signal as usize);
        valid.then_some(event.signal as u32).ok_or(Errno::EINVAL)
    };
    Ok(match event.notify {
        raw::SIGEV_NONE => Notify::Nothing,
        raw::SIGEV_SIGNAL => Notify::Process(number()?),
        raw::SIGEV_THREAD_ID => {
            let thread = threads.iter().find(|t| t.tid() == event.tid);
            Notify::Thread(Arc::downgrade(thread.ok_or(Errno::EINVAL)?), number()?)
        }
        _ => return Err(Errno::EINVAL),
    })
}

fn timer_of(ctx: &SyscallCtx<'_>, id: usize) -> Result<Arc<SignalTimer>> {
    ctx.process
        .timers
        .posix
        .lock()
        .get(id as i32)
        .cloned()
        .ok_or(Errno::EINVAL)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Itimerspec {
    interval: Timespec,
    value: Timespec,
}

fn itimerspec((left, interval): (u64, u64)) -> Itimerspec {
    Itimerspec {
        interval: Timespec::from_nanos(interval),
        value: Timespec::from_nanos(left),
    }
}

pub fn timer_settime(ctx: &SyscallCtx<'_>, args: [usize; 4]) -> Result<usize> {
    let [id, flags, new, old] = args;
    let timer = timer_of(ctx, id)?;
    let new = UserPtr::<Itimerspec>::new(new)
        .non_null()
        .ok_or(Errno::EINVAL)?
        .read()?;
    let (first, interval) = (new.value.to_nanos()?, new.interval.to_nanos()?);
    let absolute = flags as u32 & raw::TIMER_ABSTIME != 0;
    let previous = match timer.source() {
        // What is to come after a while does so however real time is set.
        Source::Time if absolute => timer.set_by(clock_of(timer.clock)?, first, interval),
        _ if first == 0 || absolute => timer.set(first, interval),
        _ => timer.set(timer.now().saturating_add(first), interval),
    };
    UserPtr::new(old).write_if(&itimerspec(previous))?;
    Ok(0)
}

pub fn timer_gettime(ctx: &SyscallCtx<'_>, id: usize, out: usize) -> Result<usize> {
    UserPtr::new(out).write(&itimerspec(timer_of(ctx, id)?.get()))?;
    Ok(0)
}

pub fn timer_getoverrun(ctx: &SyscallCtx<'_>, id: usize) -> Result<usize> {
    Ok(timer_of(ctx, id)?.overrun() as usize)
}

pub fn timer_delete(ctx: &SyscallCtx<'_>, id: usize) -> Result<usize> {
    let removed = ctx.process.timers.posix.lock().remove(id as i32);
    removed.ok_or(Errno::EINVAL)?.set(0, 0);
    Ok(0)
}
