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

/// Sets real time. What waits for a point of it is [`clock::set_realtime`]'s affair.
///
/// [`clock::set_realtime`]: crate::task::clock::set_realtime
pub fn set_realtime(nanos: u64) {
    set_offset(nanos.wrapping_sub(monotonic()) as i64);
}

fn set_offset(offset: i64) {
    REALTIME_OFFSET.store(offset, Ordering::SeqCst);
    ochre_hal::vdso::set_realtime_offset(offset as u64);
}

/// The clocks by which waits and timers go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    #[default]
    Monotonic,
    Real,
}

impl Clock {
    #[must_use]
    pub fn now(self) -> u64 {
        self.at(monotonic())
    }

    /// What it shows at a monotonic time, as it is set now.
    #[must_use]
    pub fn at(self, monotonic: u64) -> u64 {
        match self {
            Clock::Monotonic => monotonic,
            Clock::Real => monotonic.saturating_add_signed(realtime_offset()),
        }
    }
}

/// A point of time, in nanoseconds of a clock. One of real time comes sooner or later as that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    pub clock: Clock,
    pub at: u64,
}

impl Deadline {
    #[must_use]
    pub const fn monotonic(at: u64) -> Deadline {
        let clock = Clock::Monotonic;
        Deadline { clock, at }
    }

    /// So many nanoseconds from now.
    #[must_use]
    pub fn after(nanos: u64) -> Deadline {
        Deadline::monotonic(monotonic().saturating_add(nanos))
    }

    #[must_use]
    pub const fn real(at: u64) -> Deadline {
        let clock = Clock::Real;
        Deadline { clock, at }
    }

    #[must_use]
    pub fn has_come(self) -> bool {
        self.clock.now() >= self.at
    }

    /// Nanoseconds until it comes.
    #[must_use]
    pub fn left(self) -> u64 {
        self.at.saturating_sub(self.clock.now())
    }

    /// Its monotonic time, as clocks are set now.
    #[must_use]
    pub fn to_monotonic(self) -> u64 {
        match self.clock {
            Clock::Monotonic => self.at,
            Clock::Real => self
                .at
                .saturating_add_signed(realtime_offset().saturating_neg()),
        }
    }
}
