//! mq_open and its kin, and the names of queues.

use super::TAKEN;
use super::queue::{Cookie, Message, New, Notice, Queue, QueueFile, Telling};
use crate::errno::{Errno, Result};
use crate::fs::access::{Access, Identity};
use crate::fs::calls::{file_of, install, read_path};
use crate::fs::node::OpenFlags;
use crate::fs::open::OpenFile;
use crate::ipc::netlink::NetlinkSocket;
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::clock::SigEvent;
use crate::task::credentials::Capabilities;
use crate::task::limits::Resource;
use crate::task::signal::is_valid;
use crate::time::Deadline;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

/// Priorities are below this.
const PRIORITIES: u32 = 32768;
/// Queues that ordinary users may make (/proc/sys/fs/mqueue/queues_max).
pub const QUEUES_MAX: usize = 256;
/// Messages and bytes of a message, unless it is said; no ordinary user may have more.
pub const MESSAGES: usize = 10;
pub const MESSAGE_BYTES: usize = 8192;
/// Nobody may.
const HARD_MESSAGES: usize = 65536;
const HARD_MESSAGE_BYTES: usize = 16 << 20;
/// What a message and a priority that is in use take besides the text.
const OVERHEAD: usize = 48;

static NAMES: SpinLock<BTreeMap<Box<[u8]>, Arc<Queue>>> =
    SpinLock::new(lock_order::SYSV_TABLE, BTreeMap::new());

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_mq_open => open(ctx, a[0], a[1] as u32, a[2] as u32, a[3]),
        raw::__NR_mq_unlink => unlink(ctx, a[0]),
        raw::__NR_mq_timedsend => send(ctx, a[0], (a[1], a[2]), a[3] as u32, a[4]),
        raw::__NR_mq_timedreceive => receive(ctx, a[0], (a[1], a[2]), a[3], a[4]),
        raw::__NR_mq_notify => notify(ctx, a[0], a[1]),
        raw::__NR_mq_getsetattr => get_set(ctx, a[0], a[1], a[2]),
        _ => return None,
    })
}

/// The first four words of `struct mq_attr`: flags, the most messages, the most bytes of one, how
/// many there are. Four more are kept for later.
type Limits = [i64; 8];

fn name_at(addr: usize) -> Result<Box<[u8]>> {
    let name = read_path(addr)?;
    if name.is_empty() {
        return Err(Errno::ENOENT);
    }
    if name.contains(&b'/') || name == b"." || name == b".." {
        return Err(Errno::EACCES);
    }
    if name.len() > 255 {
        return Err(Errno::ENAMETOOLONG);
    }
    Ok(name.into_boxed_slice())
}

fn open(ctx: &SyscallCtx<'_>, name: usize, flags: u32, mode: u32, limits: usize) -> Result<usize> {
    let limits = UserPtr::<Limits>::new(limits)
        .non_null()
        .map(UserPtr::read)
        .transpose()?;
    let name = name_at(name)?;
    let creates = flags & raw::O_CREAT != 0;
    let access = match flags & raw::O_ACCMODE {
        raw::O_RDONLY => Access::READ,
        raw::O_WRONLY => Access::WRITE,
        raw::O_RDWR => Access::READ | Access::WRITE,
        _ => return Err(Errno::EINVAL),
    };
    let identity = Identity::of_thread(ctx.thread);
    let queue = loop {
        let known = NAMES.lock().get(&name).cloned();
        match known {
            Some(_) if creates && flags & raw::O_EXCL != 0 => return Err(Errno::EEXIST),
            Some(queue) => {
                identity.check(&queue.attributes(), access)?;
                break queue;
            }
            None if creates => {
                // Else somebody was faster: look again.
                if let Some(queue) = make(ctx, &name, &identity, mode, limits)? {
                    break queue;
                }
            }
            None => return Err(Errno::ENOENT),
        }
    };
    let status = OpenFlags::from_bits_truncate(flags & (raw::O_ACCMODE | raw::O_NONBLOCK));
    install(
        ctx,
        OpenFile::unnamed(Arc::new(QueueFile(queue)), status)?,
        true,
    )
}

/// A new queue; none if there is one of that name by now.
fn make(
    ctx: &SyscallCtx<'_>,
    name: &[u8],
    identity: &Identity,
    mode: u32,
    limits: Option<Limits>,
) -> Result<Option<Arc<Queue>>> {
    let privileged = ctx.thread.credentials().can(Capabilities::SYS_RESOURCE);
    let positive = |value: i64| usize::try_from(value).ok().filter(|&value| value > 0);
    let (messages, bytes) = match limits {
        None => (MESSAGES, MESSAGE_BYTES),
        Some([_, messages, bytes, ..]) => positive(messages)
            .zip(positive(bytes))
            .ok_or(Errno::EINVAL)?,
    };
    let (most, largest) = if privileged {
        (HARD_MESSAGES, HARD_MESSAGE_BYTES)
    } else {
        (MESSAGES, MESSAGE_BYTES)
    };
    if messages > most || bytes > largest {
        return Err(Errno::EINVAL);
    }
    let used = messages * (bytes + OVERHEAD) + messages.min(PRIORITIES as usize) * OVERHEAD;
    let uid = ctx.thread.credentials().uid.real;
    let limit = ctx.process.limit(Resource::MessageQueues);
    let share = TAKEN.take(uid, used as u64, limit).ok_or(Errno::EMFILE)?;
    admission::ask()?;
    let queue = Queue::new(New {
        uid: identity.uid,
        gid: identity.gid,
        mode: mode & 0o7777 & !ctx.thread.fs().umask(),
        max_messages: messages,
        max_bytes: bytes,
        share,
    })?;
    let mut names = NAMES.lock();
    if names.len() >= QUEUES_MAX && !privileged {
        return Err(Errno::ENOSPC);
    }
    if names.contains_key(name) {
        // This one takes its share back once the names are let go.
        return Ok(None);
    }
    names.insert(Box::from(name), queue.clone());
    Ok(Some(queue))
}

fn unlink(ctx: &SyscallCtx<'_>, name: usize) -> Result<usize> {
    let name = name_at(name)?;
    let identity = Identity::of_thread(ctx.thread);
    let mut names = NAMES.lock();
    let queue = names.get(&name).ok_or(Errno::ENOENT)?;
    // As in a sticky directory of root's.
    if !identity.owns_all && identity.uid != 0 && identity.uid != queue.uid {
        return Err(Errno::EPERM);
    }
    let gone = names.remove(&name);
    drop(names);
    if let Some(queue) = gone {
        queue.named.store(false, Ordering::Relaxed);
    }
    Ok(0)
}

/// A deadline by the real-time clock.
fn deadline_at(addr: usize) -> Result<Option<Deadline>> {
    let time = UserPtr::<Timespec>::new(addr).non_null();
    let nanos = time.map(|time| time.read()?.to_nanos()).transpose()?;
    Ok(nanos.map(Deadline::real))
}

/// The description behind a descriptor, and the queue behind that.
fn queue_of(ctx: &SyscallCtx<'_>, fd: usize) -> Result<(Arc<OpenFile>, Arc<Queue>)> {
    let open = ctx.thread.open_file(fd as i32)?;
    let queue = open.downcast::<QueueFile>().ok_or(Errno::EBADF)?.0.clone();
    Ok((open, queue))
}

fn is_nonblocking(open: &OpenFile) -> bool {
    open.flags().contains(OpenFlags::NONBLOCK)
}

fn send(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    (text, len): (usize, usize),
    priority: u32,
    timeout: usize,
) -> Result<usize> {
    let deadline = deadline_at(timeout)?;
    if priority >= PRIORITIES {
        return Err(Errno::EINVAL);
    }
    let (open, queue) = queue_of(ctx, fd)?;
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    if len > queue.max_bytes {
        return Err(Errno::EMSGSIZE);
    }
    let text = UserPtr::<u8>::new(text).read_vec(len, queue.max_bytes)?;
    queue.send(Message { priority, text }, is_nonblocking(&open), deadline)?;
    Ok(0)
}

fn receive(
    ctx: &SyscallCtx<'_>,
    fd: usize,
    (text, len): (usize, usize),
    priority: usize,
    timeout: usize,
) -> Result<usize> {
    let deadline = deadline_at(timeout)?;
    let (open, queue) = queue_of(ctx, fd)?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    if len < queue.max_bytes {
        return Err(Errno::EMSGSIZE);
    }
    let message = queue.receive(is_nonblocking(&open), deadline)?;
    UserPtr::<u32>::new(priority).write_if(&message.priority)?;
    UserPtr::<u8>::new(text).write_slice(&message.text)?;
    Ok(message.text.len())
}

fn notify(ctx: &SyscallCtx<'_>, fd: usize, event: usize) -> Result<usize> {
    let event = UserPtr::<SigEvent>::new(event)
        .non_null()
        .map(UserPtr::read)
        .transpose()?;
    let how = event.map(|event| telling(ctx, &event)).transpose()?;
    let (_, queue) = queue_of(ctx, fd)?;
    match how {
        None => queue.forget_notice(ctx.process),
        Some(how) => queue.set_notice(Notice {
            process: Arc::downgrade(ctx.process),
            how,
        })?,
    }
    Ok(0)
}

fn telling(ctx: &SyscallCtx<'_>, event: &SigEvent) -> Result<Telling> {
    match event.notify {
        raw::SIGEV_NONE => Ok(Telling::Not),
        raw::SIGEV_SIGNAL if event.signal == 0 || is_valid(event.signal as usize) => {
            Ok(Telling::Signal(event.signal as u32, event.value))
        }
        // The C library's thread waits at a socket, whose descriptor stands for the signal.
        raw::SIGEV_THREAD => {
            let cookie = UserPtr::<Cookie>::new(event.value as usize).read()?;
            let open = file_of(ctx, event.signal as usize)?;
            open.file().as_socket().ok_or(Errno::ENOTSOCK)?;
            open.downcast::<NetlinkSocket>().ok_or(Errno::EINVAL)?;
            Ok(Telling::Cookie(open.file().clone(), cookie))
        }
        _ => Err(Errno::EINVAL),
    }
}

fn get_set(ctx: &SyscallCtx<'_>, fd: usize, new: usize, old: usize) -> Result<usize> {
    let new = UserPtr::<Limits>::new(new)
        .non_null()
        .map(UserPtr::read)
        .transpose()?;
    let nonblock = i64::from(raw::O_NONBLOCK);
    if new.is_some_and(|new| new[0] & !nonblock != 0) {
        return Err(Errno::EINVAL);
    }
    let (open, queue) = queue_of(ctx, fd)?;
    let was = [
        if is_nonblocking(&open) { nonblock } else { 0 },
        queue.max_messages as i64,
        queue.max_bytes as i64,
        queue.count() as i64,
        0,
        0,
        0,
        0,
    ];
    if let Some(new) = new {
        let others = open.flags() - OpenFlags::NONBLOCK;
        let flags = OpenFlags::from_bits_truncate(new[0] as u32);
        open.set_status(others | (flags & OpenFlags::NONBLOCK));
    }
    UserPtr::<Limits>::new(old).write_if(&was)?;
    Ok(0)
}
