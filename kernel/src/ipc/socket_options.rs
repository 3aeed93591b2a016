//! The options of level SOL_SOCKET that sockets of all families have (socket(7)), and what follows from
//! them alone: how long a call may wait, and the error that the next one tells.
//!
//! A family answers for what it knows better (SO_PEERCRED, SO_ACCEPTCONN) before it asks here.

use crate::errno::{Errno, Result};
use crate::linux::net as raw;
use crate::sched;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::task::credentials::Capabilities;
use crate::time::Deadline;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

/// What may wait in a buffer unless the socket says otherwise, and the most that it may say: half of what
/// it is then told, as Linux counts its own overhead.
pub const BUFFER_SIZE: u32 = 212_992;
const SEND_LEAST: u32 = 4608;
const RECEIVE_LEAST: u32 = 2304;
/// Times are kept in ticks of Debian's kernel, in nanoseconds.
const TICK: u64 = 4_000_000;

/// See the module's header.
pub struct SocketOptions {
    /// Those that are on or off, by number.
    switches: AtomicU64,
    send_size: AtomicU32,
    receive_size: AtomicU32,
    receive_least: AtomicU32,
    priority: AtomicU32,
    mark: AtomicU32,
    linger: AtomicU32,
    /// Nanoseconds; 0 for as long as it takes.
    send_timeout: AtomicU64,
    receive_timeout: AtomicU64,
    error: AtomicU16,
}

fn word(value: &[u8]) -> Result<u32> {
    let bytes = value.first_chunk().ok_or(Errno::EINVAL)?;
    Ok(u32::from_ne_bytes(*bytes))
}

fn long(value: &[u8], at: usize) -> Result<i64> {
    let bytes = value.get(at..).and_then(|rest| rest.first_chunk());
    Ok(i64::from_ne_bytes(*bytes.ok_or(Errno::EINVAL)?))
}

/// An option's value that is one number.
#[must_use]
pub fn int(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// A `timeval` as nanoseconds. A time before now is up at once.
fn timeout(value: &[u8]) -> Result<u64> {
    let (sec, usec) = (long(value, 0)?, long(value, 8)?);
    if !(0..1_000_000).contains(&usec) {
        return Err(Errno::EDOM);
    }
    let Ok(sec) = u64::try_from(sec) else {
        return Ok(1);
    };
    let ticks = (usec.unsigned_abs() * 1000).next_multiple_of(TICK);
    Ok(sec.saturating_mul(1_000_000_000).saturating_add(ticks))
}

fn timeval(nanos: &AtomicU64) -> Vec<u8> {
    let nanos = nanos.load(Ordering::Relaxed);
    let mut out = (nanos / 1_000_000_000).to_ne_bytes().to_vec();
    out.extend_from_slice(&(nanos % 1_000_000_000 / 1000).to_ne_bytes());
    out
}

fn may(capabilities: Capabilities) -> bool {
    let credentials = sched::current().credentials();
    credentials.effective.intersects(capabilities)
}

/// Twice the size asked for, as Linux has it; above the limit only by `force`.
fn buffer_size(value: &[u8], force: bool, least: u32) -> Result<u32> {
    let size = word(value)?;
    let size = match force {
        false => size.min(BUFFER_SIZE),
        true if !may(Capabilities::NET_ADMIN) => return Err(Errno::EPERM),
        // Negative ones are none.
        true => size.cast_signed().max(0).cast_unsigned(),
    };
    Ok((size.min(i32::MAX as u32 / 2) * 2).max(least))
}

/// Those that are on or off. Most are only kept.
fn is_switch(name: u32) -> bool {
    matches!(
        name,
        raw::SO_DEBUG
            | raw::SO_REUSEADDR
            | raw::SO_REUSEPORT
            | raw::SO_DONTROUTE
            | raw::SO_BROADCAST
            | raw::SO_KEEPALIVE
            | raw::SO_OOBINLINE
            | raw::SO_NO_CHECK
            | raw::SO_PASSCRED
            | raw::SO_PASSSEC
            | raw::SO_TIMESTAMP_OLD
            | raw::SO_TIMESTAMPNS_OLD
            | raw::SO_RXQ_OVFL
    )
}

impl SocketOptions {
    #[must_use]
    pub const fn new() -> SocketOptions {
        SocketOptions::with_sizes(BUFFER_SIZE, BUFFER_SIZE)
    }

    /// With other buffers at first than most have.
    #[must_use]
    pub const fn with_sizes(send: u32, receive: u32) -> SocketOptions {
        SocketOptions {
            switches: AtomicU64::new(0),
            send_size: AtomicU32::new(send),
            receive_size: AtomicU32::new(receive),
            receive_least: AtomicU32::new(1),
            priority: AtomicU32::new(0),
            mark: AtomicU32::new(0),
            linger: AtomicU32::new(0),
            send_timeout: AtomicU64::new(0),
            receive_timeout: AtomicU64::new(0),
            error: AtomicU16::new(0),
        }
    }

    /// setsockopt.
    pub fn set(&self, name: u32, value: &[u8]) -> Result {
        let number = word(value)?;
        match name {
            raw::SO_DEBUG if number != 0 && !may(Capabilities::NET_ADMIN) => {
                return Err(Errno::EACCES);
            }
            _ if is_switch(name) => self.turn(name, number != 0),
            raw::SO_SNDBUF | raw::SO_SNDBUFFORCE => {
                let force = name == raw::SO_SNDBUFFORCE;
                let size = buffer_size(value, force, SEND_LEAST)?;
                self.send_size.store(size, Ordering::Relaxed);
            }
            raw::SO_RCVBUF | raw::SO_RCVBUFFORCE => {
                let force = name == raw::SO_RCVBUFFORCE;
                let size = buffer_size(value, force, RECEIVE_LEAST)?;
                self.receive_size.store(size, Ordering::Relaxed);
            }
            raw::SO_RCVLOWAT => {
                let least = number.clamp(1, i32::MAX as u32);
                self.receive_least.store(least, Ordering::Relaxed);
            }
            raw::SO_PRIORITY | raw::SO_MARK => {
                let free = name == raw::SO_PRIORITY && number <= 6;
                if !free && !may(Capabilities::NET_RAW | Capabilities::NET_ADMIN) {
                    return Err(Errno::EPERM);
                }
                let kept = if name == raw::SO_MARK {
                    &self.mark
                } else {
                    &self.priority
                };
                kept.store(number, Ordering::Relaxed);
            }
            raw::SO_LINGER => {
                let seconds = word(value.get(4..).ok_or(Errno::EINVAL)?)?;
                if number != 0 {
                    self.linger.store(seconds, Ordering::Relaxed);
                }
                self.turn(name, number != 0);
            }
            raw::SO_RCVTIMEO_OLD | raw::SO_RCVTIMEO_NEW => self
                .receive_timeout
                .store(timeout(value)?, Ordering::Relaxed),
            raw::SO_SNDTIMEO_OLD | raw::SO_SNDTIMEO_NEW => {
                self.send_timeout.store(timeout(value)?, Ordering::Relaxed);
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// getsockopt, of a socket of this domain, type and protocol.
    pub fn get(&self, kind: (u32, u32, u32), name: u32) -> Result<Vec<u8>> {
        let load = |value: &AtomicU32| int(value.load(Ordering::Relaxed));
        Ok(match name {
            raw::SO_DOMAIN => int(kind.0),
            raw::SO_TYPE => int(kind.1),
            raw::SO_PROTOCOL => int(kind.2),
            raw::SO_ERROR => int(self.error.swap(0, Ordering::SeqCst).into()),
            raw::SO_ACCEPTCONN => int(0),
            raw::SO_SNDBUF => load(&self.send_size),
            raw::SO_RCVBUF => load(&self.receive_size),
            raw::SO_RCVLOWAT => load(&self.receive_least),
            raw::SO_SNDLOWAT => int(1),
            raw::SO_PRIORITY => load(&self.priority),
            raw::SO_MARK => load(&self.mark),
            raw::SO_LINGER => {
                let mut out = int(self.is_on(name).into());
                out.extend_from_slice(&load(&self.linger));
                out
            }
            raw::SO_RCVTIMEO_OLD | raw::SO_RCVTIMEO_NEW => timeval(&self.receive_timeout),
            raw::SO_SNDTIMEO_OLD | raw::SO_SNDTIMEO_NEW => timeval(&self.send_timeout),
            // Nobody is known to be at the other end.
            raw::SO_PEERCRED => [0, u32::MAX, u32::MAX].map(u32::to_ne_bytes).concat(),
            _ if is_switch(name) => int(self.is_on(name).into()),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    /// Whether SO_PASSCRED or the like is on.
    #[must_use]
    pub fn is_on(&self, name: u32) -> bool {
        self.switches.load(Ordering::Relaxed) & 1 << name != 0
    }

    pub fn turn(&self, name: u32, on: bool) {
        if on {
            self.switches.fetch_or(1 << name, Ordering::Relaxed);
        } else {
            self.switches.fetch_and(!(1 << name), Ordering::Relaxed);
        }
    }

    /// SO_RCVBUF.
    #[must_use]
    pub fn receive_size(&self) -> usize {
        self.receive_size.load(Ordering::Relaxed) as usize
    }

    /// Has the next call, or SO_ERROR, tell `error`.
    pub fn fail(&self, error: Errno) {
        self.error.store(error.number(), Ordering::SeqCst);
    }

    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.error.load(Ordering::SeqCst) != 0
    }

    /// Takes the error.
    pub fn take_error(&self) -> Result {
        match self.error.swap(0, Ordering::SeqCst) {
            0 => Ok(()),
            number => Err(Errno::from_server(number.into())),
        }
    }

    /// Waits on `queue` until `condition` gives a value, or SO_RCVTIMEO is up (EAGAIN).
    pub fn wait_to_receive<T>(
        &self,
        nonblock: bool,
        queue: &WaitQueue,
        condition: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        wait(&self.receive_timeout, nonblock, queue, condition)
    }

    /// As [`wait_to_receive`](SocketOptions::wait_to_receive), with SO_SNDTIMEO.
    pub fn wait_to_send<T>(
        &self,
        nonblock: bool,
        queue: &WaitQueue,
        condition: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        wait(&self.send_timeout, nonblock, queue, condition)
    }
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions::new()
    }
}

fn wait<T>(
    timeout: &AtomicU64,
    nonblock: bool,
    queue: &WaitQueue,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    if nonblock {
        return Err(Errno::EAGAIN);
    }
    let deadline = match timeout.load(Ordering::Relaxed) {
        0 => None,
        nanos => Some(Deadline::after(nanos)),
    };
    match wait_until(&[queue], deadline, Interrupt::Signals, condition) {
        Err(Errno::ETIMEDOUT) => Err(Errno::EAGAIN),
        // A call with a timeout is not restarted: its time would begin anew.
        Err(Errno::RESTART) if deadline.is_some() => Err(Errno::EINTR),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::{SocketOptions, timeout};
    use crate::errno::Errno;
    use crate::linux::net as raw;

    #[test]
    fn what_is_set_is_told() {
        let options = SocketOptions::new();
        let kind = (raw::AF_UNIX, raw::SOCK_STREAM, 0);
        let on = 5_u32.to_ne_bytes();
        assert_eq!(options.set(raw::SO_KEEPALIVE, &on), Ok(()));
        let told = options.get(kind, raw::SO_KEEPALIVE);
        assert_eq!(told, Ok(1_u32.to_ne_bytes().to_vec()));
        assert_eq!(options.set(raw::SO_KEEPALIVE, &on[..3]), Err(Errno::EINVAL));
        assert_eq!(options.set(raw::SO_TYPE, &on), Err(Errno::ENOPROTOOPT));
    }

    #[test]
    fn times_are_whole_ticks() {
        let time = |sec: i64, usec: i64| {
            let mut bytes = sec.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&usec.to_ne_bytes());
            timeout(&bytes)
        };
        assert_eq!(time(0, 0), Ok(0));
        assert_eq!(time(1, 1), Ok(1_004_000_000));
        assert_eq!(time(-1, 0), Ok(1));
        assert_eq!(time(0, 1_000_000), Err(Errno::EDOM));
    }
}
