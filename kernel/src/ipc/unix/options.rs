//! Socket options of unix sockets: the general ones, and who is at the other end.

use super::{Phase, UnixSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket_options::int;
use crate::linux::net as raw;
use alloc::vec::Vec;

impl UnixSocket {
    pub(super) fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result {
        if level != raw::SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        self.options.set(name, value)
    }

    pub(super) fn option(&self, level: u32, name: u32) -> Result<Vec<u8>> {
        if level != raw::SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        match name {
            raw::SO_ACCEPTCONN => {
                let listens = matches!(self.state.lock().phase, Phase::Listening { .. });
                Ok(int(listens.into()))
            }
            raw::SO_PEERCRED => {
                let peer = self.state.lock().peer_credentials;
                let (pid, uid, gid) =
                    peer.map_or((0, u32::MAX, u32::MAX), |p| (p.pid, p.uid, p.gid));
                Ok([pid, uid, gid].map(u32::to_ne_bytes).concat())
            }
            _ => self.options.get(self.address_kind(), name),
        }
    }
}
