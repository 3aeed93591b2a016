//! Questions about the network (NETLINK_ROUTE, rtnetlink(7)): there are no interfaces, addresses or
//! routes, and none can be made.

use super::socket::NetlinkSocket;
use crate::errno::{Errno, Result};
use crate::sched;
use crate::task::credentials::Capabilities;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;

/// `NETLINK_ROUTE`.
pub const PROTOCOL: u32 = 0;

/// `struct nlmsghdr`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    len: u32,
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
}

const HEADER: usize = size_of::<Header>();

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_MULTI: u16 = 2;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CAPPED: u16 = 0x100;

/// Kinds below are netlink's own.
const RTM_BASE: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_GETROUTE: u16 = 26;
/// The last that Linux 6.1 knows (RTM_GETTUNNEL).
const RTM_MAX: u16 = 122;
/// Kinds come in fours: new, delete, get, set.
const GET: u16 = 2;

/// What comes of one question.
enum Outcome {
    /// Nothing to be said, but that it was understood.
    Done,
    /// The end of a list that is empty.
    EmptyList,
    Failed(Errno),
}

/// Answers all questions in a message of `socket`, whose port is `port`.
pub(super) fn answer(socket: &NetlinkSocket, port: u32, mut text: &[u8]) -> Result {
    while let Some(header) = text.get(..HEADER) {
        let header: Header = bytemuck::pod_read_unaligned(header);
        let len = header.len as usize;
        let Some(question) = text.get(..len).filter(|_| len >= HEADER) else {
            break;
        };
        let outcome = match header.kind {
            _ if header.flags & NLM_F_REQUEST == 0 => Outcome::Done,
            kind if kind < RTM_BASE => Outcome::Done,
            _ => outcome(&header, len - HEADER),
        };
        match outcome {
            Outcome::EmptyList => {
                let done = reply(&header, port, NLMSG_DONE, NLM_F_MULTI, 0, &[])?;
                socket.tell(done);
            }
            Outcome::Failed(error) => {
                let number = -i32::from(error.number());
                let told = reply(&header, port, NLMSG_ERROR, 0, number, question)?;
                socket.tell(told);
            }
            Outcome::Done if header.flags & NLM_F_ACK != 0 => {
                let asked = &question[..HEADER];
                let told = reply(&header, port, NLMSG_ERROR, NLM_F_CAPPED, 0, asked)?;
                socket.tell(told);
            }
            Outcome::Done => {}
        }
        // The next begins at a multiple of four.
        text = text.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(())
}

fn outcome(header: &Header, body: usize) -> Outcome {
    if header.kind > RTM_MAX {
        return Outcome::Failed(Errno::EOPNOTSUPP);
    }
    // Each begins with an address family.
    if body == 0 {
        return Outcome::Done;
    }
    let gets = header.kind % 4 == GET;
    let credentials = sched::current().process().credentials();
    if !gets && !credentials.can(Capabilities::NET_ADMIN) {
        return Outcome::Failed(Errno::EPERM);
    }
    match header.kind {
        _ if gets && header.flags & NLM_F_DUMP == NLM_F_DUMP => Outcome::EmptyList,
        RTM_GETLINK => Outcome::Failed(Errno::ENODEV),
        RTM_GETROUTE => Outcome::Failed(Errno::ENETUNREACH),
        _ => Outcome::Failed(Errno::EOPNOTSUPP),
    }
}

/// A message with a number, and what was asked.
fn reply(
    to: &Header,
    port: u32,
    kind: u16,
    flags: u16,
    number: i32,
    asked: &[u8],
) -> Result<Vec<u8>> {
    let len = HEADER + size_of::<i32>() + asked.len();
    let header = Header {
        len: len as u32,
        kind,
        flags,
        sequence: to.sequence,
        port,
    };
    let mut text = Vec::new();
    text.room_exact(len)?;
    text.extend_from_slice(bytemuck::bytes_of(&header));
    text.extend_from_slice(&number.to_ne_bytes());
    text.extend_from_slice(asked);
    Ok(text)
}
