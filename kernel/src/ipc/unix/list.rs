//! All unix sockets that there are, for /proc.

use super::address::Name;
use super::{Kind, Phase, UnixSocket};
use crate::errno::Result;
use crate::linux::net as raw;
use crate::lock_order;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

/// By inode number.
static ALL: SpinLock<BTreeMap<u64, Weak<UnixSocket>>> =
    SpinLock::new(lock_order::SOCKET_LIST, BTreeMap::new());

/// What is told of a socket.
pub struct Report {
    /// SOCK_STREAM and so on.
    pub kind: u32,
    pub ino: u64,
    pub listens: bool,
    pub connected: bool,
    /// Somebody holds it; false where it waits to be accepted.
    pub accepted: bool,
    /// As /proc/net/unix shows it; empty when it has none.
    pub name: Vec<u8>,
}

pub(super) fn enter(socket: &Arc<UnixSocket>) {
    ALL.lock().insert(socket.ino, Arc::downgrade(socket));
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        ALL.lock().remove(&self.ino);
    }
}

/// How many there are.
#[must_use]
pub fn count() -> usize {
    ALL.lock().len()
}

/// All that are open.
pub fn report() -> Result<Vec<Report>> {
    let sockets = {
        let mut sockets = Vec::new();
        let all = ALL.lock();
        sockets.room_exact(all.len())?;
        sockets.extend(all.values().filter_map(Weak::upgrade));
        sockets
    };
    let mut reports = Vec::new();
    reports.room_exact(sockets.len())?;
    for socket in &sockets {
        let (listens, connected, name) = {
            let state = socket.state.lock();
            if matches!(state.phase, Phase::Closed) {
                continue;
            }
            let listens = matches!(state.phase, Phase::Listening { .. });
            let connected = matches!(state.phase, Phase::Connected(_));
            (listens, connected, state.name.clone())
        };
        reports.push(Report {
            kind: match socket.kind {
                Kind::Stream => raw::SOCK_STREAM,
                Kind::Datagram => raw::SOCK_DGRAM,
                Kind::SeqPacket => raw::SOCK_SEQPACKET,
            },
            ino: socket.ino,
            listens,
            connected,
            accepted: socket.held.load(Ordering::Relaxed),
            name: name.map_or(Ok(Vec::new()), |name| shown(&name))?,
        });
    }
    Ok(reports)
}

/// Of an abstract name each NUL is an @.
fn shown(name: &Name) -> Result<Vec<u8>> {
    Ok(match name {
        Name::Path(path) => admission::copy(path)?,
        Name::Abstract(name) => {
            let mut text = Vec::new();
            text.room_exact(name.len() + 1)?;
            text.push(b'@');
            let visible = |&byte: &u8| if byte == 0 { b'@' } else { byte };
            text.extend(name.iter().map(visible));
            text
        }
    })
}
