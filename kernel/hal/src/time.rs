//! Time: the monotonic clock, this CPU's one-shot timer, and the date at boot.
//!
//! The clock is the time stamp counter. Its frequency comes from CPUID or the hypervisor where they
//! say it, else from a comparison with the HPET, or the PIT where there is none, over the part of
//! the boot between [`begin`] and [`finish`].

use crate::cpu::Features;
use crate::sync::Once;
use crate::x86::{self, inb, outb};
use crate::{acpi, apic, cpu, local};
use core::sync::atomic::{AtomicU64, Ordering};

const NANOS: u64 = 1_000_000_000;
/// How long the comparison lasts at least.
const CALIBRATION: u64 = 10_000_000;

/// Counter to nanoseconds: `(tsc − base) · mult >> 32`.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub base: u64,
    pub mult: u64,
}

static BASE: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds per tick, times 2^32; a guess of 1 GHz until [`finish`].
static MULT: AtomicU64 = AtomicU64::new(1 << 32);
static KHZ: AtomicU64 = AtomicU64::new(1_000_000);
/// APIC timer ticks per nanosecond, times 2^32.
static TIMER_MULT: AtomicU64 = AtomicU64::new(0);
static WALL: AtomicU64 = AtomicU64::new(0);

#[inline]
fn scaled(value: u64, mult: u64) -> u64 {
    ((u128::from(value) * u128::from(mult)) >> 32) as u64
}

/// Nanoseconds since boot; never goes back, same on all CPUs.
#[inline]
#[must_use]
pub fn now() -> u64 {
    let ticks = x86::rdtsc().wrapping_sub(BASE.load(Ordering::Relaxed));
    scaled(ticks, MULT.load(Ordering::Relaxed))
}

pub fn scale() -> Scale {
    Scale {
        base: BASE.load(Ordering::Relaxed),
        mult: MULT.load(Ordering::Relaxed),
    }
}

/// Unix time in nanoseconds at `now() == 0`, from the CMOS clock, read once at boot.
#[must_use]
pub fn wall_offset() -> u64 {
    WALL.load(Ordering::Relaxed)
}

/// The time stamp counter's frequency in kHz.
#[must_use]
pub fn tsc_khz() -> u64 {
    KHZ.load(Ordering::Relaxed)
}

/// Calls `KernelUpcalls::timer` on this CPU once `now()` has reached `deadline`; a past deadline
/// fires at once. None stops the timer.
pub fn set_deadline(deadline: Option<u64>) {
    local::this().deadline.set(deadline.unwrap_or(NEVER));
    arm(deadline);
}

const NEVER: u64 = u64::MAX;

/// The timer's interrupt: whether the deadline has passed. The timer and the clock are different
/// oscillators to a hypervisor, so it may be a little early; then it is armed again.
pub(crate) fn deadline_passed() -> bool {
    let local = local::this();
    let deadline = local.deadline.get();
    if deadline == NEVER {
        return false;
    }
    let passed = now() >= deadline;
    if passed {
        local.deadline.set(NEVER);
    } else {
        arm(Some(deadline));
    }
    passed
}

fn arm(deadline: Option<u64>) {
    if apic::has_tsc_deadline() {
        apic::set_tsc_deadline(deadline.map_or(0, tsc_at));
        return;
    }
    let ticks = deadline.map_or(0, |deadline| {
        let nanos = deadline.saturating_sub(now());
        // One more tick, so that the deadline has passed when it fires.
        scaled(nanos, TIMER_MULT.load(Ordering::Relaxed))
            .saturating_add(1)
            .min(u64::from(u32::MAX))
    });
    apic::set_countdown(ticks as u32);
}

/// The counter's value at a time of the clock, rounded up.
fn tsc_at(nanos: u64) -> u64 {
    let ticks = (u128::from(nanos) << 32) / u128::from(MULT.load(Ordering::Relaxed));
    BASE.load(Ordering::Relaxed)
        .saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX))
        + 1
}

/// Waits; for hardware that needs a pause.
pub(crate) fn spin_nanos(nanos: u64) {
    let start = now();
    while now().wrapping_sub(start) < nanos {
        cpu::relax();
    }
}

/// What the counter is compared with.
enum Reference {
    /// Main counter's address, and its period in femtoseconds.
    Hpet(usize, u64),
    /// Channel 2 of the PIT, counting down from 65,535 at 1.193182 MHz: 54 ms.
    Pit,
}

/// One moment on all clocks.
struct Sample {
    counter: u64,
    tsc: u64,
    countdown: u32,
}

struct Begin {
    reference: Reference,
    sample: Sample,
}

static BEGIN: Once<Begin> = Once::new();

impl Reference {
    fn choose() -> Reference {
        const CONFIGURATION: usize = 0x10;
        const COUNTER: usize = 0xf0;
        if let Some(phys) = acpi::tables().and_then(|t| t.hpet) {
            let base = cpu::registers(phys, 1024).addr();
            // SAFETY: the HPET's registers are mapped; enabling the counter interrupts nobody.
            let period = unsafe {
                let configuration = (base + CONFIGURATION) as *mut u64;
                configuration.write_volatile(configuration.read_volatile() | 1);
                (base as *const u64).read_volatile() >> 32
            };
            if (1..=100_000_000).contains(&period) {
                return Reference::Hpet(base + COUNTER, period);
            }
        }
        // SAFETY: channel 2 drives the speaker, which its gate's second bit keeps silent.
        unsafe {
            outb(0x61, inb(0x61) & !2 | 1);
            outb(0x43, 0b1011_0000);
            outb(0x42, 0xff);
            outb(0x42, 0xff);
        }
        Reference::Pit
    }

    fn read(&self) -> u64 {
        match *self {
            // SAFETY: the register is mapped for good.
            Reference::Hpet(counter, _) => unsafe { (counter as *const u64).read_volatile() },
            // SAFETY: latches and reads channel 2.
            Reference::Pit => unsafe {
                outb(0x43, 0b1000_0000);
                let low = inb(0x42);
                u64::from(u16::from_le_bytes([low, inb(0x42)]))
            },
        }
    }

    /// Reads all clocks: of several tries the one that was least disturbed.
    fn sample(&self) -> Sample {
        const TRIES: usize = 8;
        let attempt = || {
            let before = x86::rdtsc();
            let counter = self.read();
            let countdown = apic::countdown();
            let after = x86::rdtsc();
            (
                after - before,
                Sample {
                    counter,
                    tsc: before + (after - before) / 2,
                    countdown,
                },
            )
        };
        let mut best = attempt();
        for _ in 1..TRIES {
            let next = attempt();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    }

    /// Nanoseconds between two readings.
    fn nanos_between(&self, start: u64, end: u64) -> u64 {
        match *self {
            Reference::Hpet(_, period) => {
                (u128::from(end.wrapping_sub(start)) * u128::from(period) / 1_000_000) as u64
            }
            Reference::Pit => u64::from(start.wrapping_sub(end) as u16) * NANOS / 1_193_182,
        }
    }
}

/// The counter's frequency as CPUID or the hypervisor tell it, in kHz.
fn told_khz() -> Option<u64> {
    if cpu::features().contains(Features::HYPERVISOR) {
        let [max, ..] = x86::cpuid(0x4000_0000, 0);
        if (0x4000_0010..0x4001_0000).contains(&max) {
            let [khz, ..] = x86::cpuid(0x4000_0010, 0);
            return (khz != 0).then_some(u64::from(khz));
        }
    } else if x86::cpuid(0, 0)[0] >= 0x15 {
        let [denominator, numerator, crystal, _] = x86::cpuid(0x15, 0).map(u64::from);
        if denominator != 0 && numerator != 0 && crystal != 0 {
            return Some(crystal * numerator / denominator / 1000);
        }
    }
    None
}

/// Starts the clock at 0.
pub fn start() {
    BASE.store(x86::rdtsc(), Ordering::Relaxed);
}

/// Starts the comparison, and the APIC timer's own.
pub fn begin() {
    apic::set_countdown(u32::MAX);
    let reference = Reference::choose();
    let sample = reference.sample();
    BEGIN.set(Begin { reference, sample });
}

/// Ends the comparison: from here on, time is right.
pub fn finish() {
    let Begin {
        reference,
        sample: start,
    } = BEGIN.get().expect("begun");
    while reference.nanos_between(start.counter, reference.read()) < CALIBRATION {
        core::hint::spin_loop();
    }
    let end = reference.sample();
    let nanos = reference.nanos_between(start.counter, end.counter);
    let tsc = end.tsc - start.tsc;
    let countdown = u64::from(start.countdown - end.countdown);
    apic::set_countdown(0);
    let measured = (u128::from(tsc) * 1_000_000 / u128::from(nanos)) as u64;
    let khz = told_khz().unwrap_or(measured).max(1);
    KHZ.store(khz, Ordering::Relaxed);
    TIMER_MULT.store(
        (u128::from(countdown) << 32).div_ceil(u128::from(nanos)) as u64,
        Ordering::Relaxed,
    );
    MULT.store(
        (1_000_000u128 << 32).div_euclid(u128::from(khz)) as u64,
        Ordering::Relaxed,
    );
    WALL.store(
        cmos::unix_time()
            .saturating_mul(NANOS)
            .saturating_sub(now()),
        Ordering::Relaxed,
    );
}

/// The battery-backed clock (MC146818).
mod cmos {
    use super::{inb, outb};

    fn register(number: u8) -> u8 {
        // SAFETY: selects and reads a CMOS register; bit 7 clear keeps NMIs on.
        unsafe {
            outb(0x70, number);
            inb(0x71)
        }
    }

    /// Seconds, minutes, hours, day, month, year, century.
    fn read() -> [u8; 7] {
        const UPDATING: u8 = 0x80;
        // An update lasts 2 ms at most; without a clock the bit may never fall.
        for _ in 0..10_000 {
            if register(0xa) & UPDATING == 0 {
                break;
            }
        }
        [0, 2, 4, 7, 8, 9, 0x32].map(register)
    }

    /// Unix time, or 0 when the clock makes no sense.
    pub fn unix_time() -> u64 {
        let mut fields = read();
        for _ in 0..4 {
            let again = read();
            if again == fields {
                break;
            }
            fields = again;
        }
        let format = register(0xb);
        let afternoon = fields[2] & 0x80 != 0;
        fields[2] &= 0x7f;
        if format & 4 == 0 {
            fields = fields.map(|bcd| (bcd >> 4) * 10 + (bcd & 0xf));
        }
        if format & 2 == 0 {
            fields[2] = fields[2] % 12 + if afternoon { 12 } else { 0 };
        }
        let [second, minute, hour, day, month, year, century] = fields.map(u64::from);
        let century = if (19..=29).contains(&century) {
            century
        } else {
            20
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return 0;
        }
        let days = days_since_1970(century * 100 + year, month, day);
        days * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Days in the Gregorian calendar, by years that begin in March.
    fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let leap_days = year / 4 - year / 100 + year / 400;
        (year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1).saturating_sub(719_468)
    }

    #[cfg(test)]
    mod tests {
        use super::days_since_1970;

        #[test]
        fn days_count_leap_years() {
            assert_eq!(days_since_1970(1970, 1, 1), 0);
            assert_eq!(days_since_1970(2000, 3, 1), 11_017);
            assert_eq!(days_since_1970(2026, 11, 21), 20_778);
        }
    }
}
