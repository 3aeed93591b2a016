//! A filter that leaves calls to a supervisor: what it asks, and the descriptor by which it is
//! answered (SECCOMP_FILTER_FLAG_NEW_LISTENER).
//!
//! A thread whose call is asked about is in the list from then until it goes on; it goes on when the
//! question is answered, when a signal comes, or when nobody holds the descriptor any more. While a
//! supervisor puts a descriptor into its table, it stays.

use super::bpf::Data;
use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::linux::general::O_CLOEXEC;
use crate::lock_order;
use crate::mm::uptr::UserPtr;
use crate::random;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::task::limits::Resource;
use crate::task::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use core::any::Any;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::SpinLock;

const SECCOMP_IOCTL_NOTIF_RECV: u32 = 0xc050_2100;
const SECCOMP_IOCTL_NOTIF_SEND: u32 = 0xc018_2101;
const SECCOMP_IOCTL_NOTIF_ID_VALID: u32 = 0x4008_2102;
/// The same, as it was defined at first.
const SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR: u32 = 0x8008_2102;
const SECCOMP_IOCTL_NOTIF_SET_FLAGS: u32 = 0x4008_2104;
/// Its argument may grow: what else is in the command, size and direction, doesn't matter.
const SECCOMP_IOCTL_NOTIF_ADDFD: u32 = 0x2103;
const NAME_MASK: u32 = 0xffff;
const SIZE_SHIFT: u32 = 16;
const SIZE_MASK: u32 = 0x3fff;

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`: the call is made.
const CONTINUE: u32 = 1;
/// `SECCOMP_ADDFD_FLAG_*`: at this number; and answer the call with it.
const ADD_AT: u32 = 1;
const ADD_AND_SEND: u32 = 2;
/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`: a wish of where the supervisor is to run.
const WAKE_HERE: usize = 1;

/// `struct seccomp_notif`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawQuestion {
    id: u64,
    tid: u32,
    flags: u32,
    data: Data,
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawReply {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

/// `struct seccomp_notif_addfd`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RawAddFd {
    id: u64,
    flags: u32,
    source: u32,
    target: u32,
    target_flags: u32,
}

/// `struct seccomp_notif_sizes`: question, reply, data.
pub(super) const SIZES: [u16; 3] = [
    size_of::<RawQuestion>() as u16,
    size_of::<RawReply>() as u16,
    size_of::<Data>() as u16,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Received,
    Answered(Reply),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reply {
    value: i64,
    error: i32,
    goes_on: bool,
}

impl Reply {
    fn error(errno: Errno) -> Reply {
        Reply {
            value: 0,
            error: -i32::from(errno.number()),
            goes_on: false,
        }
    }

    fn value(value: i64) -> Reply {
        Reply {
            value,
            error: 0,
            goes_on: false,
        }
    }
}

struct Question {
    id: u64,
    thread: Arc<Thread>,
    data: Data,
    stage: Stage,
    /// Descriptors that are being put into its table.
    adding: u32,
    /// One of these is to be the answer.
    sending: bool,
}

struct State {
    /// Somebody holds the descriptor.
    heard: bool,
    /// No thread has the filter any more.
    unused: bool,
    next_id: u64,
    /// Questions that nobody has taken; those that were taken back count, too, as on Linux.
    untaken: u32,
    questions: Vec<Question>,
}

impl State {
    fn find(&mut self, id: u64) -> Option<&mut Question> {
        self.questions.iter_mut().find(|q| q.id == id)
    }

    /// The question that a supervisor has received and not answered yet.
    fn open(&mut self, id: u64) -> Result<&mut Question> {
        let question = self.find(id).ok_or(Errno::ENOENT)?;
        if question.stage != Stage::Received || question.sending {
            return Err(Errno::EINPROGRESS);
        }
        Ok(question)
    }
}

/// What a filter and its supervisor share.
pub(super) struct Questions {
    state: SpinLock<State>,
    /// Supervisors wait here.
    queue: WaitQueue,
    /// Once a supervisor has received a question, only a deadly signal ends the wait for its answer.
    steadfast: bool,
}

/// What comes of a call.
pub(super) enum Answer {
    Made,
    /// It returns this.
    Returns(usize),
    /// A signal came.
    Interrupted,
}

impl Questions {
    pub fn new(steadfast: bool) -> Result<Arc<Questions>> {
        admission::ask()?;
        let mut id = [0; 8];
        random::fill(&mut id);
        Ok(Arc::new(Questions {
            state: SpinLock::new(
                lock_order::SUPERVISION,
                State {
                    heard: true,
                    unused: false,
                    next_id: u64::from_ne_bytes(id),
                    untaken: 0,
                    questions: Vec::new(),
                },
            ),
            queue: WaitQueue::new(),
            steadfast,
        }))
    }

    /// The filter has no threads any more, and can get none.
    pub fn end(&self) {
        self.state.lock().unused = true;
        self.queue.wake_all(Events::HUP);
    }

    /// Asks about the call of `thread`, and waits for the answer.
    pub fn ask(&self, thread: &Arc<Thread>, data: &Data) -> Answer {
        let id = {
            let mut state = self.state.lock();
            if !state.heard {
                return Answer::Returns(Errno::ENOSYS.to_ret());
            }
            if state.questions.room(1).is_err() {
                return Answer::Returns(Errno::ENOMEM.to_ret());
            }
            let id = state.next_id;
            state.next_id = id.wrapping_add(1);
            state.untaken += 1;
            state.questions.push(Question {
                id,
                thread: thread.clone(),
                data: *data,
                stage: Stage::New,
                adding: 0,
                sending: false,
            });
            id
        };
        self.queue.wake_all(Events::READABLE);
        let reply = self.wait_for_reply(id);
        // Descriptors that are on their way still arrive.
        let settled = || {
            let mut state = self.state.lock();
            let at = state.questions.iter().position(|q| q.id == id)?;
            (state.questions[at].adding == 0).then(|| drop(state.questions.remove(at)))
        };
        let _ = wait_until(&[], None, Interrupt::Never, settled);
        match reply {
            None => Answer::Interrupted,
            Some(reply) if reply.goes_on => Answer::Made,
            Some(Reply {
                error: 0, value, ..
            }) => Answer::Returns(value as usize),
            Some(Reply { error, .. }) => Answer::Returns(error as usize),
        }
    }

    /// None: a signal came first.
    fn wait_for_reply(&self, id: u64) -> Option<Reply> {
        let stage = || self.state.lock().find(id).map(|q| q.stage);
        let mut interrupt = Interrupt::Signals;
        loop {
            let waited = wait_until(&[], None, interrupt, || match stage() {
                Some(Stage::Answered(reply)) => Some(reply),
                _ => None,
            });
            match waited {
                Ok(reply) => return Some(reply),
                Err(_)
                    if self.steadfast
                        && interrupt == Interrupt::Signals
                        && stage() != Some(Stage::New) =>
                {
                    interrupt = Interrupt::Kill;
                }
                Err(_) => return None,
            }
        }
    }

    fn receive(&self, arg: usize) -> Result<usize> {
        let at = UserPtr::<RawQuestion>::new(arg);
        // What a longer question may ask for one day.
        if bytemuck::bytes_of(&at.read()?)
            .iter()
            .any(|&byte| byte != 0)
        {
            return Err(Errno::EINVAL);
        }
        wait_until(&[&self.queue], None, Interrupt::Signals, || {
            let mut state = self.state.lock();
            if state.untaken > 0 && !state.unused {
                state.untaken -= 1;
                return Some(());
            }
            state.unused.then_some(())
        })?;
        let raw = {
            let mut state = self.state.lock();
            let mut questions = state.questions.iter_mut();
            let question = questions.find(|q| q.stage == Stage::New);
            // Who asked may have been interrupted.
            let question = question.ok_or(Errno::ENOENT)?;
            question.stage = Stage::Received;
            RawQuestion {
                id: question.id,
                tid: question.thread.tid(),
                flags: 0,
                data: question.data,
            }
        };
        self.queue.wake_all(Events::WRITABLE);
        let written = at.write(&raw);
        if written.is_err() {
            // Nobody has seen it: it is to be received again.
            let mut state = self.state.lock();
            if let Ok(question) = state.open(raw.id) {
                question.stage = Stage::New;
                state.untaken += 1;
            }
            drop(state);
            self.queue.wake_all(Events::READABLE);
        }
        written.map(|()| 0)
    }

    fn send(&self, arg: usize) -> Result<usize> {
        let raw = UserPtr::<RawReply>::new(arg).read()?;
        let goes_on = raw.flags & CONTINUE != 0;
        if raw.flags & !CONTINUE != 0 || goes_on && (raw.error != 0 || raw.value != 0) {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        let question = state.open(raw.id)?;
        question.stage = Stage::Answered(Reply {
            value: raw.value,
            error: raw.error,
            goes_on,
        });
        question.thread.unpark();
        Ok(0)
    }

    fn is_valid(&self, arg: usize) -> Result<usize> {
        let id = UserPtr::<u64>::new(arg).read()?;
        let mut state = self.state.lock();
        match state.find(id) {
            Some(question) if question.stage == Stage::Received => Ok(0),
            _ => Err(Errno::ENOENT),
        }
    }

    /// Puts a copy of one of the supervisor's descriptors into the table of the thread that asked.
    fn add_fd(&self, arg: usize, size: usize) -> Result<usize> {
        let raw = read_add_fd(arg, size)?;
        let sends = raw.flags & ADD_AND_SEND != 0;
        let open = {
            let files = crate::sched::current().files();
            files.get_io(raw.source as i32)?
        };
        let thread = {
            let mut state = self.state.lock();
            let question = state.open(raw.id)?;
            if sends && question.adding > 0 {
                return Err(Errno::EBUSY);
            }
            question.adding += 1;
            question.sending = sends;
            question.thread.clone()
        };
        // The thread stays in its call, and with it its table, until this is counted off.
        let added = put(&thread, open, &raw);
        let mut state = self.state.lock();
        if let Some(question) = state.find(raw.id) {
            question.adding -= 1;
            if sends {
                question.sending = false;
            }
            if let (true, Ok(fd)) = (sends, added) {
                question.stage = Stage::Answered(Reply::value(i64::from(fd)));
            }
            question.thread.unpark();
        }
        Ok(added? as usize)
    }
}

/// The argument, of a program that may know a longer or a shorter one.
fn read_add_fd(arg: usize, size: usize) -> Result<RawAddFd> {
    const KNOWN: usize = size_of::<RawAddFd>();
    if !(KNOWN..PAGE_SIZE).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let more = UserPtr::<u8>::new(arg).element(KNOWN);
    if more
        .read_vec(size - KNOWN, PAGE_SIZE)?
        .iter()
        .any(|&byte| byte != 0)
    {
        return Err(Errno::E2BIG);
    }
    let raw = UserPtr::<RawAddFd>::new(arg).read()?;
    if raw.target_flags & !O_CLOEXEC != 0
        || raw.flags & !(ADD_AT | ADD_AND_SEND) != 0
        || raw.target != 0 && raw.flags & ADD_AT == 0
    {
        return Err(Errno::EINVAL);
    }
    Ok(raw)
}

fn put(thread: &Thread, open: Arc<OpenFile>, raw: &RawAddFd) -> Result<i32> {
    let close_on_exec = raw.target_flags & O_CLOEXEC != 0;
    let limit = thread.process().limit(Resource::Files);
    if raw.flags & ADD_AT == 0 {
        return thread.files().insert(open, close_on_exec, limit);
    }
    let fd = raw.target as i32;
    thread.files().replace(fd, open, close_on_exec, limit)?;
    Ok(fd)
}

/// The supervisor's end.
pub(super) struct Listener(Arc<Questions>);

impl Listener {
    /// A descriptor's contents.
    pub fn open(questions: Arc<Questions>) -> Result<Arc<OpenFile>> {
        OpenFile::unnamed(Arc::new(Listener(questions)), OpenFlags::READ_WRITE)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.heard = false;
        for question in &mut state.questions {
            if !matches!(question.stage, Stage::Answered(_)) {
                question.stage = Stage::Answered(Reply::error(Errno::ENOSYS));
                question.thread.unpark();
            }
        }
    }
}

impl File for Listener {
    fn ioctl(&self, command: u32, arg: usize) -> Result<usize> {
        let questions = &self.0;
        let name = match command & NAME_MASK {
            SECCOMP_IOCTL_NOTIF_ADDFD => SECCOMP_IOCTL_NOTIF_ADDFD,
            _ => command,
        };
        match name {
            SECCOMP_IOCTL_NOTIF_RECV => questions.receive(arg),
            SECCOMP_IOCTL_NOTIF_SEND => questions.send(arg),
            SECCOMP_IOCTL_NOTIF_ID_VALID | SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR => {
                questions.is_valid(arg)
            }
            SECCOMP_IOCTL_NOTIF_ADDFD => {
                questions.add_fd(arg, (command >> SIZE_SHIFT & SIZE_MASK) as usize)
            }
            SECCOMP_IOCTL_NOTIF_SET_FLAGS if arg & !WAKE_HERE == 0 => Ok(0),
            _ => Err(Errno::EINVAL),
        }
    }

    fn poll(&self) -> Events {
        let state = self.0.state.lock();
        let mut events = Events::empty();
        for question in &state.questions {
            match question.stage {
                Stage::New => events |= Events::READABLE,
                Stage::Received => events |= Events::WRITABLE,
                Stage::Answered(_) => {}
            }
        }
        if state.unused {
            events |= Events::HUP;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:seccomp notify".to_vec()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
