//! Message queues: messages with a type, of which a receiver can choose.

use super::ids::{
    self, IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, Owner, Permissions, READ, WRITE,
};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::lock_order;
use crate::mm::uptr::UserPtr;
use crate::sched::wait::WaitQueue;
use crate::syscall::table::SyscallCtx;
use crate::task::Pid;
use crate::task::credentials::{Capabilities, Credentials};
use crate::task::signal::calls::no_handler;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::{AtomicUsize, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

const MSG_NOERROR: u32 = 0o10000;
const MSG_EXCEPT: u32 = 0o20000;
const MSG_COPY: u32 = 0o40000;

const MSG_STAT: u32 = 11;
const MSG_INFO: u32 = 12;
const MSG_STAT_ANY: u32 = 13;

/// Queues, bytes of a message, and bytes of a queue unless it is set otherwise.
pub const MAX_QUEUES: usize = 32000;
pub const MESSAGE_MAX: usize = 8192;
pub const QUEUE_BYTES: usize = 16384;
/// Bytes of all messages, as the memory is nobody's.
const TOTAL_MAX: usize = 64 << 20;
/// What a message takes besides its text.
const OVERHEAD: usize = 64;

static QUEUES: ids::Table<Queue> = ids::Table::new(MAX_QUEUES);
/// What all messages take.
static TOTAL: AtomicUsize = AtomicUsize::new(0);

pub struct Queue {
    id: i32,
    state: SpinLock<State>,
    readers: WaitQueue,
    writers: WaitQueue,
}

pub struct State {
    pub owner: Owner,
    messages: VecDeque<Message>,
    pub bytes: usize,
    limit: usize,
    pub send_time: i64,
    pub receive_time: i64,
    pub change_time: i64,
    pub last_sender: Pid,
    pub last_receiver: Pid,
    removed: bool,
}

impl State {
    pub fn count(&self) -> usize {
        self.messages.len()
    }
}

struct Message {
    kind: i64,
    text: Vec<u8>,
}

impl Message {
    fn new(kind: i64, text: Vec<u8>) -> Result<Message> {
        let size = text.len() + OVERHEAD;
        if TOTAL.fetch_add(size, Ordering::Relaxed) + size > TOTAL_MAX {
            TOTAL.fetch_sub(size, Ordering::Relaxed);
            return Err(Errno::ENOMEM);
        }
        Ok(Message { kind, text })
    }

    fn copy(&self) -> Result<Message> {
        Message::new(self.kind, admission::copy(&self.text)?)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        TOTAL.fetch_sub(self.text.len() + OVERHEAD, Ordering::Relaxed);
    }
}

pub fn get(ctx: &SyscallCtx<'_>, key: i32, flags: u32) -> Result<usize> {
    let credentials = ctx.thread.credentials();
    loop {
        if let Some((id, queue)) = QUEUES.find(key, flags)? {
            let owner = queue.state.lock().owner;
            owner.check(&credentials, ids::wish_of(flags))?;
            return Ok(id as usize);
        }
        let state = State {
            owner: Owner::new(key, flags, &credentials),
            messages: VecDeque::new(),
            bytes: 0,
            limit: QUEUE_BYTES,
            send_time: 0,
            receive_time: 0,
            change_time: ids::now(),
            last_sender: 0,
            last_receiver: 0,
            removed: false,
        };
        let made = QUEUES.add(key, |id| {
            Arc::new(Queue {
                id,
                state: SpinLock::new(lock_order::SYSV_OBJECT, state),
                readers: WaitQueue::new(),
                writers: WaitQueue::new(),
            })
        })?;
        if let Some(id) = made {
            return Ok(id as usize);
        }
    }
}

/// Waits until `look` says something. With IPC_NOWAIT, `otherwise` at once.
fn wait<T>(
    queue: &WaitQueue,
    flags: u32,
    otherwise: Errno,
    mut look: impl FnMut() -> Option<Result<T>>,
) -> Result<T> {
    match look() {
        Some(result) => result,
        None if flags & IPC_NOWAIT != 0 => Err(otherwise),
        None => queue.wait(look).map_err(no_handler)?,
    }
}

pub fn send(ctx: &SyscallCtx<'_>, id: i32, addr: usize, size: usize, flags: u32) -> Result<usize> {
    let kind = UserPtr::<i64>::new(addr).read()?;
    if size > MESSAGE_MAX || id < 0 || kind < 1 {
        return Err(Errno::EINVAL);
    }
    let text = UserPtr::<u8>::new(addr.wrapping_add(8)).read_vec(size, MESSAGE_MAX)?;
    let mut message = Some(Message::new(kind, text)?);
    let queue = QUEUES.get(id)?;
    let credentials = ctx.thread.credentials();
    wait(&queue.writers, flags, Errno::EAGAIN, || {
        let mut state = queue.state.lock();
        if state.removed {
            return Some(Err(Errno::EIDRM));
        }
        if let Err(error) = state.owner.check(&credentials, WRITE) {
            return Some(Err(error));
        }
        if state.bytes + size > state.limit || state.messages.len() >= state.limit {
            return None;
        }
        if let Err(error) = state.messages.room(1) {
            return Some(Err(error.into()));
        }
        state.messages.extend(message.take());
        state.bytes += size;
        state.send_time = ids::now();
        state.last_sender = ctx.process.pid;
        Some(Ok(()))
    })?;
    queue.readers.wake_all(Events::READABLE);
    Ok(0)
}

/// Which message a receiver means by its type.
fn choose(messages: &VecDeque<Message>, kind: i64, flags: u32) -> Option<usize> {
    if flags & MSG_COPY != 0 {
        let at = usize::try_from(kind).ok()?;
        return (at < messages.len()).then_some(at);
    }
    match kind {
        0 => (!messages.is_empty()).then_some(0),
        kind if kind < 0 => {
            let most = kind.checked_neg().unwrap_or(i64::MAX);
            let fitting = messages.iter().enumerate().filter(|(_, m)| m.kind <= most);
            fitting.min_by_key(|(_, m)| m.kind).map(|(at, _)| at)
        }
        kind => {
            let except = flags & MSG_EXCEPT != 0;
            messages.iter().position(|m| (m.kind == kind) != except)
        }
    }
}

pub fn receive(
    ctx: &SyscallCtx<'_>,
    id: i32,
    (addr, size): (usize, usize),
    kind: i64,
    flags: u32,
) -> Result<usize> {
    if id < 0 || isize::try_from(size).is_err() {
        return Err(Errno::EINVAL);
    }
    let copies = flags & MSG_COPY != 0;
    if copies && (flags & MSG_EXCEPT != 0 || flags & IPC_NOWAIT == 0) {
        return Err(Errno::EINVAL);
    }
    let queue = QUEUES.get(id)?;
    let credentials = ctx.thread.credentials();
    let message = wait(&queue.readers, flags, Errno::ENOMSG, || {
        let mut state = queue.state.lock();
        if state.removed {
            return Some(Err(Errno::EIDRM));
        }
        if let Err(error) = state.owner.check(&credentials, READ) {
            return Some(Err(error));
        }
        let at = choose(&state.messages, kind, flags)?;
        let chosen = &state.messages[at];
        if chosen.text.len() > size && flags & MSG_NOERROR == 0 {
            return Some(Err(Errno::E2BIG));
        }
        if copies {
            return Some(chosen.copy());
        }
        let taken = state.messages.remove(at)?;
        state.bytes -= taken.text.len();
        state.receive_time = ids::now();
        state.last_receiver = ctx.process.pid;
        Some(Ok(taken))
    })?;
    if !copies {
        queue.writers.wake_all(Events::WRITABLE);
    }
    let len = message.text.len().min(size);
    UserPtr::<i64>::new(addr).write(&message.kind)?;
    UserPtr::<u8>::new(addr.wrapping_add(8)).write_slice(&message.text[..len])?;
    Ok(len)
}

/// `struct msqid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Status {
    permissions: Permissions,
    times: [i64; 3],
    bytes: u64,
    count: u64,
    limit: u64,
    last_sender: u32,
    last_receiver: u32,
    _unused: [u64; 2],
}

impl Queue {
    fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            permissions: state.owner.shown(self.id),
            times: [state.send_time, state.receive_time, state.change_time],
            bytes: state.bytes as u64,
            count: state.messages.len() as u64,
            limit: state.limit as u64,
            last_sender: state.last_sender,
            last_receiver: state.last_receiver,
            _unused: [0; 2],
        }
    }

    fn change(&self, new: &Status, by: &Credentials) -> Result {
        let mut state = self.state.lock();
        state.owner.check_change(by)?;
        let limit = new.limit as usize;
        if limit > QUEUE_BYTES && !by.can(Capabilities::SYS_RESOURCE) {
            return Err(Errno::EPERM);
        }
        state.owner.change(&new.permissions)?;
        state.limit = limit;
        state.change_time = ids::now();
        Ok(())
    }
}

/// `struct msginfo`.
fn info(command: u32) -> [i32; 8] {
    let (queues, messages, bytes) = if command == MSG_INFO {
        let mut sums = (0, 0, 0);
        each(|_, state| {
            sums = (
                sums.0 + 1,
                sums.1 + state.messages.len(),
                sums.2 + state.bytes,
            );
        });
        sums
    } else {
        // MSGPOOL, MSGMAP and MSGTQL, which mean nothing any more.
        (MAX_QUEUES * QUEUE_BYTES / 1024, QUEUE_BYTES, QUEUE_BYTES)
    };
    // The last is a short: MSGSEG.
    let last = 0xffff;
    [
        queues,
        messages,
        MESSAGE_MAX,
        QUEUE_BYTES,
        MAX_QUEUES,
        16,
        bytes,
        last,
    ]
    .map(|n| n as i32)
}

pub fn control(ctx: &SyscallCtx<'_>, id: i32, command: u32, arg: usize) -> Result<usize> {
    let credentials = ctx.thread.credentials();
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        IPC_INFO | MSG_INFO => {
            UserPtr::new(arg).write(&info(command))?;
            Ok(QUEUES.highest())
        }
        IPC_STAT | MSG_STAT | MSG_STAT_ANY => {
            let (shown, queue) = if command == IPC_STAT {
                (0, QUEUES.get(id)?)
            } else {
                let found = QUEUES.at(id as u32).ok_or(Errno::EINVAL)?;
                (found.0 as usize, found.1)
            };
            if command != MSG_STAT_ANY {
                let owner = queue.state.lock().owner;
                owner.check(&credentials, READ)?;
            }
            UserPtr::new(arg).write(&queue.status())?;
            Ok(shown)
        }
        IPC_SET => {
            let new = UserPtr::<Status>::new(arg).read()?;
            let queue = QUEUES.get(id)?;
            queue.change(&new, &credentials)?;
            // Who waits may have lost or won by it.
            queue.readers.wake_all(Events::all());
            queue.writers.wake_all(Events::all());
            Ok(0)
        }
        IPC_RMID => {
            let queue = QUEUES.get(id)?;
            let (key, messages) = {
                let mut state = queue.state.lock();
                state.owner.check_change(&credentials)?;
                state.removed = true;
                (state.owner.key, core::mem::take(&mut state.messages))
            };
            drop(messages);
            queue.readers.wake_all(Events::all());
            queue.writers.wake_all(Events::all());
            drop(QUEUES.remove(key, id));
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// What /proc/sysvipc/msg lists.
pub(super) fn each(mut tell: impl FnMut(i32, &State)) {
    for (id, queue) in QUEUES.all() {
        tell(id, &queue.state.lock());
    }
}
