//! Questions about the network (NETLINK_ROUTE, rtnetlink(7)): there are no interfaces, addresses or
//! routes, and none can be made.

use super::may_administrate;
use super::message::{Outcome, Question};
use crate::errno::{Errno, Result};

/// `NETLINK_ROUTE`.
pub const PROTOCOL: u32 = 0;

const RTM_GETLINK: u16 = 18;
const RTM_GETROUTE: u16 = 26;
/// The last that Linux 6.1 knows (RTM_GETTUNNEL).
const RTM_MAX: u16 = 122;
/// Kinds come in fours: new, delete, get, set.
const GET: u16 = 2;

pub(super) fn answer(question: &Question<'_>) -> Result<Outcome> {
    let kind = question.header.kind;
    if kind > RTM_MAX {
        return Err(Errno::EOPNOTSUPP);
    }
    // Each begins with an address family.
    if question.body.is_empty() {
        return Ok(Outcome::Done);
    }
    let gets = kind % 4 == GET;
    if !gets && !may_administrate() {
        return Err(Errno::EPERM);
    }
    match kind {
        _ if gets && question.wants_list() => Ok(Outcome::List),
        RTM_GETLINK => Err(Errno::ENODEV),
        RTM_GETROUTE => Err(Errno::ENETUNREACH),
        _ => Err(Errno::EOPNOTSUPP),
    }
}
