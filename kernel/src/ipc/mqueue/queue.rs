//! One message queue.
//!
//! A message for which a receiver waits goes to it directly, and the message of a sender that waits
//! for room goes into the queue as soon as there is some: nobody comes in between.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::node::{Attributes, Timestamp};
use crate::fs::unnamed;
use crate::ipc::netlink::NetlinkSocket;
use crate::linux::general as raw;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::task::process::Process;
use crate::task::shares::Share;
use crate::task::signal::info::{Payload, SigInfo};
use crate::task::signal::send::send_to_process;
use crate::time::Deadline;
use crate::uio::Dest;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cmp::Reverse;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

/// si_code of a signal that says that a message came.
const SI_MESGQ: i32 = -3;
/// st_size of a queue.
const SIZE: u64 = 80;

pub struct Message {
    pub priority: u32,
    pub text: Vec<u8>,
}

/// A thread that waits: a receiver for a message in its slot, a sender until its own is taken.
struct Waiter {
    slot: SpinLock<Option<Message>>,
    changed: WaitQueue,
}

impl Waiter {
    fn with(message: Option<Message>) -> Arc<Waiter> {
        Arc::new(Waiter {
            slot: SpinLock::new(lock_order::CELL, message),
            changed: WaitQueue::new(),
        })
    }
}

/// Who is told, once, of the next message that comes into the empty queue.
pub struct Notice {
    pub process: Weak<Process>,
    pub how: Telling,
}

/// How somebody is told.
pub enum Telling {
    /// Not at all (SIGEV_NONE); but it is the one who would be.
    Not,
    /// By a signal with a value.
    Signal(u32, u64),
    /// By what it said itself, sent to a netlink socket of its: so C libraries make SIGEV_THREAD.
    Cookie(Arc<dyn File>, Cookie),
}

pub type Cookie = [u8; 32];

/// The cookie's last byte says why it is sent.
const MESSAGE_CAME: u8 = 1;
const FORGOTTEN: u8 = 2;

fn send_cookie(socket: &dyn File, mut cookie: Cookie, why: u8) {
    let [.., last] = &mut cookie;
    *last = why;
    if let Some(socket) = socket.as_any().downcast_ref::<NetlinkSocket>() {
        socket.tell(cookie.to_vec());
    }
}

impl Notice {
    fn is_of(&self, process: &Process) -> bool {
        core::ptr::eq(self.process.as_ptr(), process)
    }

    fn is_current(&self) -> bool {
        self.process.upgrade().is_some()
    }
}

struct State {
    /// The highest priority first, then by arrival.
    messages: BTreeMap<(Reverse<u32>, u64), Vec<u8>>,
    arrived: u64,
    receivers: VecDeque<Arc<Waiter>>,
    senders: VecDeque<Arc<Waiter>>,
    notice: Option<Notice>,
    bytes: usize,
}

impl State {
    fn put(&mut self, message: Message) {
        self.arrived += 1;
        self.bytes += message.text.len();
        self.messages
            .insert((Reverse(message.priority), self.arrived), message.text);
    }

    fn take(&mut self) -> Option<Message> {
        let ((Reverse(priority), _), text) = self.messages.pop_first()?;
        self.bytes -= text.len();
        Some(Message { priority, text })
    }
}

pub struct Queue {
    _counted: Counted<{ ObjectKind::MessageQueue as usize }>,
    ino: u64,
    pub uid: u32,
    gid: u32,
    mode: u32,
    made: Timestamp,
    pub max_messages: usize,
    pub max_bytes: usize,
    pub named: AtomicBool,
    _share: Share,
    state: SpinLock<State>,
    readable: WaitQueue,
    writable: WaitQueue,
}

/// What a queue is made with.
pub struct New {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub max_messages: usize,
    pub max_bytes: usize,
    pub share: Share,
}

impl Queue {
    pub fn new(new: New) -> Result<Arc<Queue>> {
        admission::ask()?;
        let state = State {
            messages: BTreeMap::new(),
            arrived: 0,
            receivers: VecDeque::new(),
            senders: VecDeque::new(),
            notice: None,
            bytes: 0,
        };
        Ok(Arc::new(Queue {
            _counted: Counted::new(),
            ino: unnamed::next_ino(),
            uid: new.uid,
            gid: new.gid,
            mode: new.mode,
            made: Timestamp::now(),
            max_messages: new.max_messages,
            max_bytes: new.max_bytes,
            named: AtomicBool::new(true),
            _share: new.share,
            state: SpinLock::new(lock_order::SYSV_OBJECT, state),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
        }))
    }

    pub fn attributes(&self) -> Attributes {
        Attributes {
            uid: self.uid,
            gid: self.gid,
            size: SIZE,
            nlink: u32::from(self.named.load(Ordering::Relaxed)),
            ..unnamed::attributes_of(self.ino, raw::S_IFREG | self.mode, self.made)
        }
    }

    /// Messages that wait.
    pub fn count(&self) -> usize {
        self.state.lock().messages.len()
    }

    /// Sends; waits for room until `deadline`, or not at all.
    pub fn send(&self, message: Message, nonblock: bool, deadline: Option<Deadline>) -> Result {
        let waiter = {
            let mut state = self.state.lock();
            if state.messages.len() < self.max_messages {
                return self.deliver(state, message);
            }
            if nonblock {
                return Err(Errno::EAGAIN);
            }
            state.senders.room(1)?;
            let waiter = Waiter::with(Some(message));
            state.senders.push_back(waiter.clone());
            waiter
        };
        let waited = wait_until(&[&waiter.changed], deadline, Interrupt::Signals, || {
            waiter.slot.lock().is_none().then_some(())
        });
        if waited.is_err() {
            let mut state = self.state.lock();
            state.senders.retain(|other| !Arc::ptr_eq(other, &waiter));
            // It was taken in the meantime.
            if waiter.slot.lock().is_none() {
                return Ok(());
            }
        }
        waited
    }

    /// Hands a message to who waits for one, or enters it.
    fn deliver(
        &self,
        mut state: ochre_hal::sync::SpinGuard<'_, State>,
        message: Message,
    ) -> Result {
        if let Some(receiver) = state.receivers.pop_front() {
            *receiver.slot.lock() = Some(message);
            drop(state);
            receiver.changed.wake_all(Events::READABLE);
            return Ok(());
        }
        admission::ask()?;
        state.put(message);
        let notice = if state.messages.len() == 1 {
            state.notice.take()
        } else {
            None
        };
        drop(state);
        if let Some(notice) = notice {
            notify(&notice);
        }
        self.readable.wake_all(Events::READABLE);
        Ok(())
    }

    /// Receives; waits for a message until `deadline`, or not at all.
    pub fn receive(&self, nonblock: bool, deadline: Option<Deadline>) -> Result<Message> {
        let waiter = {
            let mut state = self.state.lock();
            if let Some(message) = state.take() {
                let sender = state.senders.pop_front();
                if let Some(next) = sender.as_ref().and_then(|s| s.slot.lock().take()) {
                    state.put(next);
                }
                drop(state);
                match sender {
                    Some(sender) => sender.changed.wake_all(Events::WRITABLE),
                    None => self.writable.wake_all(Events::WRITABLE),
                }
                return Ok(message);
            }
            if nonblock {
                return Err(Errno::EAGAIN);
            }
            state.receivers.room(1)?;
            let waiter = Waiter::with(None);
            state.receivers.push_back(waiter.clone());
            waiter
        };
        let waited = wait_until(&[&waiter.changed], deadline, Interrupt::Signals, || {
            waiter.slot.lock().take()
        });
        if waited.is_err() {
            let mut state = self.state.lock();
            state.receivers.retain(|other| !Arc::ptr_eq(other, &waiter));
            // One was handed over in the meantime.
            if let Some(message) = waiter.slot.lock().take() {
                return Ok(message);
            }
        }
        waited
    }

    /// mq_notify(2): EBUSY when somebody else is to be told, be it the same process.
    pub fn set_notice(&self, notice: Notice) -> Result {
        let mut state = self.state.lock();
        if state.notice.as_ref().is_some_and(Notice::is_current) {
            return Err(Errno::EBUSY);
        }
        let old = state.notice.replace(notice);
        drop(state);
        drop(old);
        Ok(())
    }

    /// `process` wants to be told no more.
    pub fn forget_notice(&self, process: &Process) {
        let mut state = self.state.lock();
        let is_its = state.notice.as_ref().is_some_and(|n| n.is_of(process));
        let old = if is_its { state.notice.take() } else { None };
        drop(state);
        if let Some(Telling::Cookie(socket, cookie)) = old.map(|old| old.how) {
            send_cookie(&*socket, cookie, FORGOTTEN);
        }
    }

    /// What reading the queue as a file tells.
    fn text(&self) -> Vec<u8> {
        let state = self.state.lock();
        let (notify, signal, pid) = match &state.notice {
            None => (0, 0, 0),
            Some(notice) => {
                let pid = notice.process.upgrade().map_or(0, |process| process.pid);
                match notice.how {
                    Telling::Signal(signal, _) => (raw::SIGEV_SIGNAL, signal, pid),
                    Telling::Not => (raw::SIGEV_NONE, 0, pid),
                    Telling::Cookie(..) => (raw::SIGEV_THREAD, 0, pid),
                }
            }
        };
        let bytes = state.bytes;
        alloc::format!(
            "QSIZE:{bytes:<10} NOTIFY:{notify:<5} SIGNO:{signal:<5} NOTIFY_PID:{pid:<6}\n"
        )
        .into_bytes()
    }
}

/// Tells that a message came, from who sent it.
fn notify(notice: &Notice) {
    let Some(process) = notice.process.upgrade() else {
        return;
    };
    let (signal, value) = match &notice.how {
        Telling::Not => return,
        Telling::Signal(signal, value) => (*signal, *value),
        Telling::Cookie(socket, cookie) => return send_cookie(&**socket, *cookie, MESSAGE_CAME),
    };
    let sender = sched::current();
    let info = SigInfo {
        signal,
        errno: 0,
        code: SI_MESGQ,
        payload: Payload::Value {
            pid: sender.process().pid,
            uid: sender.credentials().uid.real,
            value,
        },
    };
    send_to_process(&process, info);
}

/// What a message queue descriptor points at.
pub struct QueueFile(pub Arc<Queue>);

impl File for QueueFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let text = self.0.text();
        let start = usize::try_from(io.offset).unwrap_or(usize::MAX);
        let rest = &text[start.min(text.len())..];
        let len = rest.len().min(dst.remaining());
        dst.put(&rest[..len])?;
        Ok(len)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let count = self.0.count();
        let mut events = Events::empty();
        if count > 0 {
            events |= Events::READABLE;
        }
        if count < self.0.max_messages {
            events |= Events::WRITABLE;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.readable)
    }

    fn second_wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.writable)
    }

    fn attributes(&self) -> Result<Attributes> {
        Ok(self.0.attributes())
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:[mqueue]".to_vec()
    }

    fn flush(&self) {
        self.0.forget_notice(sched::current().process());
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
