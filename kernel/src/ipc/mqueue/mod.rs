//! POSIX message queues: named queues of messages with priorities, limited when they are made.
//!
//! The names are a space of their own, not files' (Linux's mqueue file system, without a mount).
//! Locks: the table of names and the users' shares, then one queue's state.

pub mod calls;
mod queue;

use crate::task::shares::Shares;

/// What each user's queues take of RLIMIT_MSGQUEUE, full or not.
static TAKEN: Shares = Shares::new();
