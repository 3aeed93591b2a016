//! Names of unix sockets (unix(7)): a path, an abstract name, or none.

use super::{Kind, UnixSocket};
use crate::errno::{Errno, Result};
use crate::linux::net as raw;
use crate::lock_order;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use ochre_hal::sync::SpinLock;

/// Longest name: sun_path.
const PATH_MAX: usize = 108;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Path(Box<[u8]>),
    /// Without the leading NUL.
    Abstract(Box<[u8]>),
}

/// What a caller's sockaddr says.
pub enum Wanted {
    Name(Name),
    /// Only the family: bind chooses an abstract name.
    Auto,
}

impl Name {
    /// As a sockaddr_un.
    #[must_use]
    pub fn to_sockaddr(&self) -> Vec<u8> {
        let mut out = family();
        match self {
            Name::Path(path) => {
                out.extend_from_slice(path);
                out.push(0);
            }
            Name::Abstract(name) => {
                out.push(0);
                out.extend_from_slice(name);
            }
        }
        out
    }
}

/// A sockaddr_un without a name.
#[must_use]
pub fn family() -> Vec<u8> {
    (raw::AF_UNIX as u16).to_ne_bytes().to_vec()
}

/// Takes a sockaddr apart.
pub fn parse(address: &[u8]) -> Result<Wanted> {
    let (family, name) = address.split_at_checked(2).ok_or(Errno::EINVAL)?;
    if u32::from(u16::from_ne_bytes([family[0], family[1]])) != raw::AF_UNIX {
        return Err(Errno::EINVAL);
    }
    if name.len() > PATH_MAX {
        return Err(Errno::EINVAL);
    }
    match name.split_first() {
        None => Ok(Wanted::Auto),
        Some((0, rest)) => Ok(Wanted::Name(Name::Abstract(Box::from(rest)))),
        Some(_) => {
            let len = name
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(name.len());
            Ok(Wanted::Name(Name::Path(Box::from(&name[..len]))))
        }
    }
}

/// Each kind of socket has names of its own.
type AbstractNames = BTreeMap<(Kind, Box<[u8]>), Weak<UnixSocket>>;

static ABSTRACT: SpinLock<AbstractNames> = SpinLock::new(lock_order::FS_NAMES, BTreeMap::new());

/// Takes an abstract name for `socket`.
pub fn take_abstract(kind: Kind, name: &[u8], socket: &Arc<UnixSocket>) -> Result {
    let key = (kind, Box::from(name));
    let mut names = ABSTRACT.lock();
    if names
        .get(&key)
        .is_some_and(|known| known.strong_count() > 0)
    {
        return Err(Errno::EADDRINUSE);
    }
    names.insert(key, Arc::downgrade(socket));
    Ok(())
}

/// Takes any free abstract name.
pub fn take_any(socket: &Arc<UnixSocket>) -> Result<Name> {
    for number in 0..0x10_0000u32 {
        let name = alloc::format!("{number:05x}");
        if take_abstract(socket.kind, name.as_bytes(), socket).is_ok() {
            return Ok(Name::Abstract(Box::from(name.as_bytes())));
        }
    }
    Err(Errno::ENOSPC)
}

pub fn find_abstract(kind: Kind, name: &[u8]) -> Option<Arc<UnixSocket>> {
    ABSTRACT.lock().get(&(kind, Box::from(name)))?.upgrade()
}

/// Gives an abstract name back.
pub fn release_abstract(kind: Kind, name: &[u8]) {
    let gone = ABSTRACT.lock().remove(&(kind, Box::from(name)));
    drop(gone);
}
