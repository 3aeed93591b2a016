//! AF_NETLINK: [`uevent`] tells listeners of devices that change; [`route`] answers questions about a
//! network that has no interfaces. C libraries also have themselves told of message queues by a
//! socket of the latter.

pub mod route;
mod socket;
pub mod uevent;

pub use socket::{NetlinkSocket, Report, report};
