//! Device events: the multicast that udev and libudev users listen to (NETLINK_KOBJECT_UEVENT,
//! `lib/kobject_uevent.c`). What servers announce goes to group 1; the other groups belong to
//! privileged programs, of which udev's is the second.

use super::may_administrate;
use super::socket::{Message, multicast};
use crate::errno::{Errno, Result};
use core::sync::atomic::{AtomicU64, Ordering};

/// `NETLINK_KOBJECT_UEVENT`.
pub const PROTOCOL: u32 = 15;
/// The group that the kernel sends to.
const KERNEL_GROUP: u32 = 1;

/// Sends what a server says of its device to all listeners, with the number that orders events.
pub fn broadcast(event: &[u8]) {
    static SEQUENCE: AtomicU64 = AtomicU64::new(1);
    let number = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let mut text = event.to_vec();
    if text.last() != Some(&0) {
        text.push(0);
    }
    text.extend_from_slice(alloc::format!("SEQNUM={number}\0").as_bytes());
    multicast(PROTOCOL, Message::of_kernel(text, KERNEL_GROUP));
}

/// Whether the caller may send an event, to `groups`.
pub(super) fn check_sender(port: u32, groups: u32) -> Result {
    if !may_administrate() {
        return Err(Errno::EPERM);
    }
    if port != 0 || groups == 0 {
        // Nobody answers at a port: events are for groups.
        return Err(Errno::ECONNREFUSED);
    }
    Ok(())
}
