//! What every socket can do: the interface between the socket calls ([`super::socket_calls`]) and
//! the address families. Unix sockets implement it here; the network's are a scheme's.

use crate::errno::{Errno, Result};
use crate::fs::open::OpenFile;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;

bitflags! {
    /// MSG_* of send and receive calls, and of `msg_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MessageFlags: u32 {
        const OOB = 0x1;
        const PEEK = 0x2;
        const DONT_ROUTE = 0x4;
        const CONTROL_TRUNCATED = 0x8;
        const TRUNCATED = 0x20;
        const DONT_WAIT = 0x40;
        const END_OF_RECORD = 0x80;
        const WAIT_ALL = 0x100;
        const CONFIRM = 0x800;
        const ERROR_QUEUE = 0x2000;
        const NO_SIGNAL = 0x4000;
        const MORE = 0x8000;
        const WAIT_FOR_ONE = 0x1_0000;
        const FAST_OPEN = 0x2000_0000;
        const CLOSE_ON_EXEC = 0x4000_0000;
    }
}

/// Who sent a message: SCM_CREDENTIALS, SO_PEERCRED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    pub pid: u32,
    pub uid: u32,
    pub gid: u32,
}

/// What travels beside the bytes.
#[derive(Default)]
pub struct Control {
    /// SCM_RIGHTS.
    pub files: Vec<Arc<OpenFile>>,
    /// SCM_CREDENTIALS.
    pub credentials: Option<PeerCredentials>,
}

/// A message to be sent.
pub struct Outgoing<'a, 'b> {
    pub data: &'a mut Source<'b>,
    /// The destination, as the caller's sockaddr; empty for none.
    pub address: &'a [u8],
    pub control: Control,
    pub flags: MessageFlags,
}

/// A message received.
#[derive(Default)]
pub struct Incoming {
    /// Bytes moved, or with MSG_TRUNC in the request the message's real length.
    pub bytes: usize,
    /// The sender's sockaddr; empty when it has none.
    pub address: Vec<u8>,
    pub control: Control,
    /// MSG_TRUNC, MSG_EOR.
    pub flags: MessageFlags,
}

/// A socket. Addresses are whole sockaddrs, family included.
pub trait Socket: Send + Sync {
    /// (domain, type, protocol).
    fn kind(&self) -> (u32, u32, u32);

    fn bind(&self, address: &[u8]) -> Result;

    fn connect(&self, address: &[u8], nonblock: bool) -> Result;

    fn listen(&self, backlog: i32) -> Result;

    /// The next connection, as a new file.
    fn accept(&self, nonblock: bool) -> Result<Arc<dyn crate::file::File>>;

    /// Bytes sent.
    fn send(&self, message: Outgoing<'_, '_>, nonblock: bool) -> Result<usize>;

    fn receive(&self, dst: &mut Dest<'_>, flags: MessageFlags, nonblock: bool) -> Result<Incoming>;

    fn shutdown(&self, read: bool, write: bool) -> Result;

    fn local_address(&self) -> Result<Vec<u8>>;

    fn peer_address(&self) -> Result<Vec<u8>>;

    fn set_option(&self, _level: u32, _name: u32, _value: &[u8]) -> Result {
        Err(Errno::ENOPROTOOPT)
    }

    /// The option's value; the caller cuts it to the user's buffer.
    fn option(&self, _level: u32, _name: u32) -> Result<Vec<u8>> {
        Err(Errno::ENOPROTOOPT)
    }

    /// Whether received messages carry the sender's credentials (SO_PASSCRED).
    fn passes_credentials(&self) -> bool {
        false
    }
}
