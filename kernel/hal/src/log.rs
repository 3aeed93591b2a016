//! The kernel's log: a ring of text that also goes to the first serial port.

use crate::sync::SpinLock;
use crate::{rank, serial, time};
use core::fmt::{self, Write};

const SIZE: usize = 64 << 10;
const LINE: usize = 512;

struct Ring {
    bytes: [u8; SIZE],
    /// Bytes ever written.
    end: u64,
}

static RING: SpinLock<Ring> = SpinLock::new(
    rank::LOG,
    Ring {
        bytes: [0; SIZE],
        end: 0,
    },
);

/// A line being put together; what doesn't fit is cut.
struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = LINE - 1 - self.len;
        let n = s.len().min(room);
        self.bytes[self.len..self.len + n].copy_from_slice(&s.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}

/// Appends one line.
pub fn write_line(args: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; LINE],
        len: 0,
    };
    let micros = time::now() / 1000;
    // Writing to `Line` can't fail.
    let _ = write!(
        line,
        "[{:5}.{:06}] ",
        micros / 1_000_000,
        micros % 1_000_000
    );
    let _ = line.write_fmt(args);
    line.bytes[line.len] = b'\n';
    line.len += 1;
    let line = &line.bytes[..line.len];
    let mut ring = RING.lock();
    for &byte in line {
        let at = (ring.end % SIZE as u64) as usize;
        ring.bytes[at] = byte;
        ring.end += 1;
    }
    // In order with the ring's, so under its lock.
    serial::write(0, line);
}

/// Copies log bytes from absolute position `from`; returns (position after what was copied, bytes
/// copied). Positions before the ring's oldest byte jump to it.
pub fn read(from: u64, dst: &mut [u8]) -> (u64, usize) {
    let ring = RING.lock();
    let from = from.clamp(ring.end.saturating_sub(SIZE as u64), ring.end);
    let len = dst.len().min((ring.end - from) as usize);
    for (offset, byte) in dst[..len].iter_mut().enumerate() {
        *byte = ring.bytes[((from + offset as u64) % SIZE as u64) as usize];
    }
    (from + len as u64, len)
}

#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::log::write_line(format_args!($($arg)*)) };
}
