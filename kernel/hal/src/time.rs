//! Time: the monotonic clock, this CPU's one-shot timer, and the date at boot.

/// Nanoseconds since boot; never goes back, same on all CPUs.
#[must_use]
pub fn now() -> u64 {
    todo!()
}

/// Unix time in nanoseconds at `now() == 0`, from the CMOS clock, read once at boot.
#[must_use]
pub fn wall_offset() -> u64 {
    todo!()
}

/// Calls `KernelUpcalls::timer` on this CPU once `now()` has reached `deadline`; a past deadline
/// fires at once. None stops the timer.
pub fn set_deadline(_deadline: Option<u64>) {
    todo!()
}

/// The time stamp counter's frequency in kHz.
#[must_use]
pub fn tsc_khz() -> u64 {
    todo!()
}
