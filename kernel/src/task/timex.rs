//! adjtimex and clock_adjtime: what a time daemon says of the clock, and what it asks. The clock goes
//! at its own rate here: it can be set, and be described, but not be made to go faster or slower.
//!
//! The lock is taken for each call, and never while user memory is touched.

use super::credentials::Capabilities;
use crate::errno::{Errno, Result};
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::uptr::{Timeval, UserPtr};
use crate::syscall::table::SyscallCtx;
use crate::time;
use bitflags::bitflags;
use bytemuck::{Pod, Zeroable};
use ochre_hal::sync::SpinLock;

bitflags! {
    /// `ADJ_*` of linux/timex.h.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Modes: u32 {
        const OFFSET = 0x0001;
        const FREQUENCY = 0x0002;
        const MAX_ERROR = 0x0004;
        const EST_ERROR = 0x0008;
        const STATUS = 0x0010;
        const TIME_CONST = 0x0020;
        const TAI = 0x0080;
        const SET_OFFSET = 0x0100;
        const MICRO = 0x1000;
        const NANO = 0x2000;
        const TICK = 0x4000;
        /// adjtime(3): with `OFFSET` it sets, with `NANO`, too, it only asks.
        const ADJTIME = 0x8000;
    }
}

bitflags! {
    /// `STA_*`.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Status: i32 {
        const UNSYNC = 0x0040;
        const NANO = 0x2000;
        /// What only the kernel sets: PPS signals, clock errors, nanoseconds, the clock's source.
        const READ_ONLY = 0xff00;
    }
}

/// `TIME_OK` and `TIME_ERROR`: whether the clock is said to be right.
const TIME_OK: usize = 0;
const TIME_ERROR: usize = 5;

/// Microseconds of a tick at 100 Hz.
const TICK: i64 = 10_000;

/// The greatest error that is told, in microseconds, and the one of a clock nobody looks after.
const ERROR_MAX: i64 = 16_000_000;

/// `struct timex`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Timex {
    modes: u32,
    _pad0: u32,
    offset: i64,
    frequency: i64,
    max_error: i64,
    est_error: i64,
    status: i32,
    _pad1: u32,
    constant: i64,
    precision: i64,
    tolerance: i64,
    time: Timeval,
    tick: i64,
    /// Of a PPS signal, which there is none of.
    pps: [i64; 8],
    tai: i32,
    _rest: [u32; 11],
}

/// What was said of the clock.
struct State {
    status: Status,
    max_error: i64,
    est_error: i64,
    constant: i64,
    tai: i32,
}

static STATE: SpinLock<State> = SpinLock::new(
    lock_order::CELL,
    State {
        status: Status::UNSYNC,
        max_error: ERROR_MAX,
        est_error: ERROR_MAX,
        constant: 2,
        tai: 0,
    },
);

pub fn clock_adjtime(ctx: &SyscallCtx<'_>, clock: usize, at: usize) -> Result<usize> {
    match clock as u32 {
        raw::CLOCK_REALTIME => adjtimex(ctx, at),
        raw::CLOCK_MONOTONIC
        | raw::CLOCK_MONOTONIC_RAW
        | raw::CLOCK_REALTIME_COARSE
        | raw::CLOCK_MONOTONIC_COARSE
        | raw::CLOCK_PROCESS_CPUTIME_ID
        | raw::CLOCK_THREAD_CPUTIME_ID
        | raw::CLOCK_BOOTTIME
        | raw::CLOCK_REALTIME_ALARM
        | raw::CLOCK_BOOTTIME_ALARM
        | raw::CLOCK_TAI => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::EINVAL),
    }
}

pub fn adjtimex(ctx: &SyscallCtx<'_>, at: usize) -> Result<usize> {
    let at = UserPtr::<Timex>::new(at);
    let mut timex = at.read()?;
    let modes = Modes::from_bits_retain(timex.modes);
    check(ctx, &timex, modes)?;
    if modes.contains(Modes::ADJTIME) {
        // What is left of an earlier adjustment: none is ever under way.
        timex.offset = 0;
    } else {
        if modes.contains(Modes::SET_OFFSET) {
            let part = if modes.contains(Modes::NANO) { 1 } else { 1000 };
            let change = timex
                .time
                .sec
                .saturating_mul(time::NANOS_PER_SECOND as i64)
                .saturating_add(timex.time.usec * part);
            super::clock::set_realtime(time::realtime().saturating_add_signed(change));
        }
        STATE.lock().take(&timex, modes);
        timex.offset = 0;
    }
    let result = STATE.lock().tell(&mut timex);
    at.write(&timex)?;
    Ok(result)
}

/// Whether the caller may ask that, and it can be done.
fn check(ctx: &SyscallCtx<'_>, timex: &Timex, modes: Modes) -> Result {
    let allowed = || {
        let can = ctx.thread.credentials().can(Capabilities::SYS_TIME);
        if can { Ok(()) } else { Err(Errno::EPERM) }
    };
    if modes.contains(Modes::ADJTIME) {
        if !modes.contains(Modes::OFFSET) {
            return Err(Errno::EINVAL);
        }
        if !modes.contains(Modes::NANO) {
            allowed()?;
            if timex.offset != 0 {
                return Err(Errno::EOPNOTSUPP);
            }
        }
        return Ok(());
    }
    if !modes.is_empty() {
        allowed()?;
    }
    if modes.contains(Modes::TICK) {
        if !(TICK * 9 / 10..=TICK * 11 / 10).contains(&timex.tick) {
            return Err(Errno::EINVAL);
        }
        if timex.tick != TICK {
            return Err(Errno::EOPNOTSUPP);
        }
    }
    if modes.contains(Modes::SET_OFFSET) {
        let parts = if modes.contains(Modes::NANO) {
            1_000_000_000
        } else {
            1_000_000
        };
        if !(0..parts).contains(&timex.time.usec) {
            return Err(Errno::EINVAL);
        }
    }
    let rate = modes.contains(Modes::FREQUENCY) && timex.frequency != 0;
    let offset = modes.contains(Modes::OFFSET) && timex.offset != 0;
    if rate || offset {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(())
}

impl State {
    fn take(&mut self, timex: &Timex, modes: Modes) {
        if modes.contains(Modes::STATUS) {
            let new = Status::from_bits_retain(timex.status);
            self.status = (self.status & Status::READ_ONLY) | (new - Status::READ_ONLY);
        }
        self.status.set(
            Status::NANO,
            (self.status.contains(Status::NANO) || modes.contains(Modes::NANO))
                && !modes.contains(Modes::MICRO),
        );
        if modes.contains(Modes::MAX_ERROR) {
            self.max_error = timex.max_error.clamp(0, ERROR_MAX);
        }
        if modes.contains(Modes::EST_ERROR) {
            self.est_error = timex.est_error.clamp(0, ERROR_MAX);
        }
        if modes.contains(Modes::TIME_CONST) {
            let extra = if self.status.contains(Status::NANO) {
                0
            } else {
                4
            };
            self.constant = timex.constant.clamp(0, 10).saturating_add(extra).min(10);
        }
        if modes.contains(Modes::TAI)
            && let Ok(tai @ 0..) = i32::try_from(timex.constant)
        {
            self.tai = tai;
        }
    }

    /// Fills in how the clock is; whether it is right.
    fn tell(&self, timex: &mut Timex) -> usize {
        let now = time::realtime();
        timex.frequency = 0;
        timex.max_error = self.max_error;
        timex.est_error = self.est_error;
        timex.status = self.status.bits();
        timex.constant = self.constant;
        timex.precision = 1;
        // 500 parts in a million, in units of 2^-16.
        timex.tolerance = 500 << 16;
        timex.tick = TICK;
        timex.pps = [0; 8];
        timex.tai = self.tai;
        timex.time = Timeval::from_nanos(now);
        if self.status.contains(Status::NANO) {
            timex.time.usec = (now % time::NANOS_PER_SECOND) as i64;
        }
        if self.status.contains(Status::UNSYNC) {
            TIME_ERROR
        } else {
            TIME_OK
        }
    }
}
