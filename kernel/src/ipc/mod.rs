//! How processes talk: pipes, unix sockets, event objects, terminals, and waiting for many of them
//! at once. Each object is a [`File`](crate::file::File); sleeping is on wait queues, readiness by
//! [`poll`](crate::file::File::poll).

pub mod calls;
pub mod epoll;
pub mod eventfd;
pub mod inet;
mod interfaces;
pub mod mqueue;
pub mod netlink;
mod packets;
pub mod pipe;
pub mod poll;
pub mod pty;
pub mod ring;
pub mod signalfd;
pub mod socket;
pub mod socket_calls;
pub mod socket_options;
pub mod sysv;
pub mod timerfd;
pub mod tty;
pub mod unix;

use crate::errno::{Errno, Result};
use crate::sched::wait::WaitQueue;

/// Waits on `queue` until `condition` gives a value; EAGAIN at once when that would sleep and
/// `nonblock` is set.
pub fn wait_for<T>(
    nonblock: bool,
    queue: &WaitQueue,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    if nonblock {
        return Err(Errno::EAGAIN);
    }
    queue.wait(condition)
}

/// The caller wrote to something that nobody reads any more.
pub fn raise_sigpipe() {
    use crate::task::signal::{self, SigInfo};
    signal::send_to_thread(
        &crate::sched::current(),
        SigInfo::user(signal::SIGPIPE, 0, 0),
    );
}
