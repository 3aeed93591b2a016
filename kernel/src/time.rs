//! The kernel's clocks. Monotonic time is nanoseconds since boot; real time is that plus an offset,
//! which clock_settime changes and the vDSO's data page repeats.

use core::sync::atomic::{AtomicI64, Ordering};

pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

static REALTIME_OFFSET: AtomicI64 = AtomicI64::new(0);

/// Takes the real-time clock's value at boot.
pub fn init() {
    set_offset(ochre_hal::time::wall_offset() as i64);
}

/// Nanoseconds since boot.
#[must_use]
pub fn monotonic() -> u64 {
    ochre_hal::time::now()
}

/// Nanoseconds since 1970.
#[must_use]
pub fn realtime() -> u64 {
    monotonic().saturating_add_signed(realtime_offset())
}

/// What real time has over monotonic time.
#[must_use]
pub fn realtime_offset() -> i64 {
    REALTIME_OFFSET.load(Ordering::Relaxed)
}

/// Sets real time.
pub fn set_realtime(nanos: u64) {
    set_offset(nanos.wrapping_sub(monotonic()) as i64);
}

fn set_offset(offset: i64) {
    REALTIME_OFFSET.store(offset, Ordering::Relaxed);
    ochre_hal::vdso::set_realtime_offset(offset as u64);
}

/// The monotonic time at which real time reaches `nanos`.
#[must_use]
pub fn from_realtime(nanos: u64) -> u64 {
    nanos.saturating_add_signed(realtime_offset().saturating_neg())
}
