//! What /proc/sysvipc says.

use super::{messages, semaphores, shared};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// What /proc/sys/kernel says of the bounds.
pub struct Bounds {
    /// Bytes of a segment, and segments.
    pub shared: [u64; 2],
    /// Of a set, of all sets, operations of a call, sets.
    pub semaphores: [usize; 4],
    /// Bytes of a message and of a queue, queues.
    pub messages: [usize; 3],
}

impl Bounds {
    #[must_use]
    pub fn get() -> Bounds {
        use messages::{MAX_QUEUES, MESSAGE_MAX, QUEUE_BYTES};
        use semaphores::{MAX_SETS, OPERATIONS_MAX, SET_MAX, TOTAL_TOLD};
        Bounds {
            shared: [shared::MAX_SIZE, shared::MAX_SEGMENTS as u64],
            semaphores: [SET_MAX, TOTAL_TOLD, OPERATIONS_MAX, MAX_SETS],
            messages: [MESSAGE_MAX, QUEUE_BYTES, MAX_QUEUES],
        }
    }
}

/// /proc/sysvipc/shm.
#[must_use]
pub fn segments() -> Vec<u8> {
    let mut text = String::from(
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  \
         cgid      atime      dtime      ctime                   rss                  swap\n",
    );
    shared::each(|id, size, creator, state, resident| {
        let o = &state.owner;
        let _ = writeln!(
            text,
            "{:10} {id:10}  {:4o} {size:21} {creator:5} {:5}  {:5} {:5} {:5} {:5} {:5} \
             {:10} {:10} {:10} {resident:21} {:21}",
            o.key,
            o.mode,
            state.last,
            state.attached,
            o.uid,
            o.gid,
            o.creator_uid,
            o.creator_gid,
            state.attach_time,
            state.detach_time,
            state.change_time,
            0,
        );
    });
    text.into_bytes()
}

/// /proc/sysvipc/sem.
#[must_use]
pub fn sets() -> Vec<u8> {
    let mut text = String::from(
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
    );
    semaphores::each(|id, count, state| {
        let o = &state.owner;
        let _ = writeln!(
            text,
            "{:10} {id:10}  {:4o} {count:10} {:5} {:5} {:5} {:5} {:10} {:10}",
            o.key,
            o.mode,
            o.uid,
            o.gid,
            o.creator_uid,
            o.creator_gid,
            state.operation_time,
            state.change_time,
        );
    });
    text.into_bytes()
}

/// /proc/sysvipc/msg.
#[must_use]
pub fn queues() -> Vec<u8> {
    let mut text = String::from(
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid \
         \x20    stime      rtime      ctime\n",
    );
    messages::each(|id, state| {
        let o = &state.owner;
        let _ = writeln!(
            text,
            "{:10} {id:10}  {:4o}  {:10} {:10} {:5} {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10}",
            o.key,
            o.mode,
            state.bytes,
            state.count(),
            state.last_sender,
            state.last_receiver,
            o.uid,
            o.gid,
            o.creator_uid,
            o.creator_gid,
            state.send_time,
            state.receive_time,
            state.change_time,
        );
    });
    text.into_bytes()
}
