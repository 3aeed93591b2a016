//! Socket options of level SOL_SOCKET.

use super::inbox::DEFAULT_CAPACITY;
use super::{Kind, Phase, UnixSocket};
use crate::errno::{Errno, Result};
use crate::linux::net as raw;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

fn flag(value: &[u8]) -> Result<bool> {
    let bytes = value.get(..4).ok_or(Errno::EINVAL)?;
    Ok(bytes.iter().any(|&byte| byte != 0))
}

fn int(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// A `timeval` as nanoseconds.
fn timeout(value: &[u8]) -> Result<u64> {
    let (sec, usec) = value.get(..16).ok_or(Errno::EINVAL)?.split_at(8);
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0u64, |sum, &byte| sum << 8 | u64::from(byte))
            .cast_signed()
    };
    let (sec, usec) = (word(sec), word(usec));
    if !(0..1_000_000).contains(&usec) {
        return Err(Errno::EDOM);
    }
    let sec = u64::try_from(sec).unwrap_or(0);
    Ok(sec
        .saturating_mul(1_000_000_000)
        .saturating_add(usec.unsigned_abs() * 1000))
}

fn timeval(nanos: &AtomicU64) -> Vec<u8> {
    let nanos = nanos.load(Ordering::Relaxed);
    let mut out = (nanos / 1_000_000_000).to_ne_bytes().to_vec();
    out.extend_from_slice(&(nanos % 1_000_000_000 / 1000).to_ne_bytes());
    out
}

/// The least sizes that Linux sets, which counts its own overhead.
const SEND_LEAST: u32 = 4608;
const RECEIVE_LEAST: u32 = 2304;

/// Twice the size asked for, as Linux has it; not more than twice its default.
fn buffer_size(value: &[u8]) -> Result<u32> {
    let bytes: [u8; 4] = value
        .get(..4)
        .ok_or(Errno::EINVAL)?
        .try_into()
        .map_err(|_| Errno::EINVAL)?;
    Ok(u32::from_ne_bytes(bytes).min(DEFAULT_CAPACITY as u32) * 2)
}

impl UnixSocket {
    pub(super) fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result {
        if level != raw::SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        match name {
            raw::SO_PASSCRED => self.pass_credentials.store(flag(value)?, Ordering::Relaxed),
            raw::SO_RCVTIMEO_OLD => self
                .receive_timeout
                .store(timeout(value)?, Ordering::Relaxed),
            raw::SO_SNDTIMEO_OLD => self.send_timeout.store(timeout(value)?, Ordering::Relaxed),
            raw::SO_SNDBUF | raw::SO_SNDBUFFORCE => {
                let size = buffer_size(value)?.max(SEND_LEAST);
                self.send_size.store(size, Ordering::Relaxed);
            }
            raw::SO_RCVBUF | raw::SO_RCVBUFFORCE => {
                let size = buffer_size(value)?.max(RECEIVE_LEAST);
                self.receive_size.store(size, Ordering::Relaxed);
            }
            // Accepted, as on Linux, where they mean little or nothing for unix sockets.
            raw::SO_REUSEADDR
            | raw::SO_REUSEPORT
            | raw::SO_KEEPALIVE
            | raw::SO_BROADCAST
            | raw::SO_DONTROUTE
            | raw::SO_OOBINLINE
            | raw::SO_PRIORITY
            | raw::SO_RCVLOWAT
            | raw::SO_TIMESTAMP_OLD
            | raw::SO_PASSSEC => {
                flag(value)?;
            }
            raw::SO_LINGER => {
                value.get(..8).ok_or(Errno::EINVAL)?;
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    pub(super) fn option(&self, level: u32, name: u32) -> Result<Vec<u8>> {
        if level != raw::SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(match name {
            raw::SO_TYPE => int(match self.kind {
                Kind::Stream => raw::SOCK_STREAM,
                Kind::Datagram => raw::SOCK_DGRAM,
                Kind::SeqPacket => raw::SOCK_SEQPACKET,
            }),
            raw::SO_DOMAIN => int(raw::AF_UNIX),
            raw::SO_PROTOCOL => int(0),
            raw::SO_ERROR => int(self.error.swap(0, Ordering::SeqCst).into()),
            raw::SO_ACCEPTCONN => {
                let listens = matches!(self.state.lock().phase, Phase::Listening { .. });
                int(listens.into())
            }
            raw::SO_SNDBUF => int(self.send_size.load(Ordering::Relaxed)),
            raw::SO_RCVBUF => int(self.receive_size.load(Ordering::Relaxed)),
            raw::SO_PASSCRED => int(self.pass_credentials.load(Ordering::Relaxed).into()),
            raw::SO_RCVTIMEO_OLD => timeval(&self.receive_timeout),
            raw::SO_SNDTIMEO_OLD => timeval(&self.send_timeout),
            raw::SO_PEERCRED => {
                let peer = self.state.lock().peer_credentials;
                let (pid, uid, gid) =
                    peer.map_or((0, u32::MAX, u32::MAX), |p| (p.pid, p.uid, p.gid));
                let mut out = int(pid);
                out.extend_from_slice(&uid.to_ne_bytes());
                out.extend_from_slice(&gid.to_ne_bytes());
                out
            }
            raw::SO_RCVLOWAT => int(1),
            raw::SO_LINGER => [0; 8].to_vec(),
            raw::SO_REUSEADDR
            | raw::SO_REUSEPORT
            | raw::SO_KEEPALIVE
            | raw::SO_BROADCAST
            | raw::SO_DONTROUTE
            | raw::SO_OOBINLINE
            | raw::SO_PRIORITY
            | raw::SO_TIMESTAMP_OLD
            | raw::SO_PASSSEC => int(0),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }
}
