//! The kernel's log: a ring of records that also go to the first serial port, as lines.

use crate::sync::SpinLock;
use crate::{rank, serial, time};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes of text kept.
pub const SIZE: usize = 64 << 10;
/// Records kept.
const COUNT: usize = 1024;
/// The longest text of a record.
pub const TEXT_MAX: usize = 992;

/// Of the kernel's own records: facility 0, and "informational".
const OWN: u16 = 6;

#[derive(Clone, Copy)]
struct Place {
    /// Where the text begins, in bytes ever written.
    start: u64,
    len: usize,
    priority: u16,
    micros: u64,
}

struct Ring {
    bytes: [u8; SIZE],
    /// Bytes ever written.
    end: u64,
    places: [Place; COUNT],
    /// The numbers of the oldest record, and of the next.
    first: u64,
    next: u64,
}

static RING: SpinLock<Ring> = SpinLock::new(
    rank::LOG,
    Ring {
        bytes: [0; SIZE],
        end: 0,
        places: [Place {
            start: 0,
            len: 0,
            priority: 0,
            micros: 0,
        }; COUNT],
        first: 0,
        next: 0,
    },
);

/// Something was written that nobody was told of.
static NEWS: AtomicBool = AtomicBool::new(false);

/// A record, but for its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub number: u64,
    /// Facility and level, as syslog(3) packs them.
    pub priority: u16,
    /// Microseconds since boot.
    pub micros: u64,
    /// Bytes of text.
    pub len: usize,
}

impl Ring {
    fn place(&self, number: u64) -> &Place {
        &self.places[(number % COUNT as u64) as usize]
    }

    fn push(&mut self, priority: u16, micros: u64, text: &[u8]) {
        let start = self.end;
        for &byte in text {
            let at = (self.end % SIZE as u64) as usize;
            self.bytes[at] = byte;
            self.end += 1;
        }
        let oldest = self.end.saturating_sub(SIZE as u64);
        self.places[(self.next % COUNT as u64) as usize] = Place {
            start,
            len: text.len(),
            priority,
            micros,
        };
        self.next += 1;
        self.first = self.first.max(self.next.saturating_sub(COUNT as u64));
        while self.place(self.first).start < oldest {
            self.first += 1;
        }
    }
}

/// Text being put together; what doesn't fit is cut.
struct Line<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Line<N> {
    fn new() -> Line<N> {
        Line {
            bytes: [0; N],
            len: 0,
        }
    }
}

impl<const N: usize> Write for Line<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let n = s.len().min(N - self.len);
        self.bytes[self.len..self.len + n].copy_from_slice(&s.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}

/// Appends one line of the kernel's own.
pub fn write_line(args: fmt::Arguments<'_>) {
    let mut line = Line::<TEXT_MAX>::new();
    // Writing to `Line` can't fail.
    let _ = line.write_fmt(args);
    write(OWN, &line.bytes[..line.len]);
}

/// Appends a record, whose text is cut to [`TEXT_MAX`].
pub fn write(priority: u16, text: &[u8]) {
    let text = &text[..text.len().min(TEXT_MAX)];
    let micros = time::now() / 1000;
    let mut stamp = Line::<32>::new();
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let _ = write!(stamp, "[{seconds:5}.{rest:06}] ");
    let mut ring = RING.lock();
    ring.push(priority, micros, text);
    // In order with the ring's, so under its lock.
    serial::write(0, &stamp.bytes[..stamp.len]);
    serial::write(0, text);
    serial::write(0, b"\n");
    drop(ring);
    NEWS.store(true, Ordering::Release);
}

/// The record `number`, or the oldest after it that is still there, with as much of its text as `text` holds.
/// None if there is none yet.
#[must_use]
pub fn record(number: u64, text: &mut [u8]) -> Option<Record> {
    let ring = RING.lock();
    let number = number.max(ring.first);
    if number >= ring.next {
        return None;
    }
    let place = *ring.place(number);
    let shown = text.iter_mut().take(place.len);
    for (offset, byte) in shown.enumerate() {
        *byte = ring.bytes[((place.start + offset as u64) % SIZE as u64) as usize];
    }
    Some(Record {
        number,
        priority: place.priority,
        micros: place.micros,
        len: place.len,
    })
}

/// The numbers of the oldest record, and of the next to come.
#[must_use]
pub fn bounds() -> (u64, u64) {
    let ring = RING.lock();
    (ring.first, ring.next)
}

/// Whether something was written since this was asked last.
#[must_use]
pub fn take_news() -> bool {
    NEWS.load(Ordering::Relaxed) && NEWS.swap(false, Ordering::AcqRel)
}

#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::log::write_line(format_args!($($arg)*)) };
}
