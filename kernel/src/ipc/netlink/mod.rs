//! AF_NETLINK: [`uevent`] tells listeners of devices that change; [`route`] answers questions about a
//! network that has no interfaces, and [`generic`] some about tasks; [`connector`] tells what becomes
//! of tasks. C libraries also have themselves told of message queues by a socket of the network's.

pub mod connector;
mod generic;
mod message;
pub mod route;
mod socket;
mod taskstats;
pub mod uevent;

use crate::sched;
use crate::task::credentials::Capabilities;
pub use socket::{NetlinkSocket, Report, report};

/// Whether the caller may change the network, or ask what only those may know who can.
fn may_administrate() -> bool {
    let credentials = sched::current().credentials();
    credentials.can(Capabilities::NET_ADMIN)
}
