//! Asynchronous I/O: io_setup, io_submit, io_getevents. As with Linux's buffered files, the work is
//! done while it is submitted; its result waits as an event until it is asked for. `IOCB_CMD_POLL`
//! is not known, as before Linux 4.18.
//!
//! A context's number is the address of a page that is mapped for it: libaio looks there for a ring
//! of events that it could read by itself, finds none, and asks the kernel. Contexts belong to the
//! address space. Locks: a context's own, which is never held while bytes move or user memory is
//! touched.

use super::io::{RWF_KNOWN, limit_size, wish_of};
use super::{dest_of, file_of, source_of, vector_of};
use crate::errno::{Errno, Result};
use crate::file::{Events, Io};
use crate::fs::open::OpenFile;
use crate::ipc::eventfd::EventFd;
use crate::ipc::poll::deadline_timespec;
use crate::linux::general as raw;
use crate::lock_order;
use crate::mm::object::MemoryObject;
use crate::mm::space::AddressSpace;
use crate::mm::uptr::UserPtr;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::signal::calls::{no_handler, read_mask, set_temporary_mask};
use crate::uio::{Dest, Source};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::{AtomicUsize, Ordering};
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::Room;
use ochre_hal::paging::Perms;
use ochre_hal::sync::SpinLock;

/// Events of all contexts together: `/proc/sys/fs/aio-max-nr`.
pub const MAX_EVENTS: usize = 65536;

/// More than this is no number of events.
const SANE_EVENTS: usize = 0x1000_0000 / size_of::<Event>();

/// `IOCB_CMD_*`.
const READ: u16 = 0;
const WRITE: u16 = 1;
const SYNC: u16 = 2;
const DATA_SYNC: u16 = 3;
const READ_VECTOR: u16 = 7;
const WRITE_VECTOR: u16 = 8;

/// `IOCB_FLAG_RESFD`: an eventfd is to be told.
const TELL: u32 = 1;

/// `struct iocb`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Request {
    data: u64,
    key: u32,
    rw_flags: u32,
    operation: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_fd: u32,
}

/// Where `key` is in a request.
const KEY_AT: usize = 8;

/// `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Event {
    data: u64,
    request: u64,
    result: i64,
    second: i64,
}

/// Contexts, by their number.
pub type Contexts = SpinLock<BTreeMap<usize, Arc<Context>>>;

pub struct Context {
    /// How many events may be unread.
    room: usize,
    events: SpinLock<VecDeque<Event>>,
    /// Announces events, and the context's end.
    queue: WaitQueue,
}

/// Events that contexts have room for.
static RESERVED: AtomicUsize = AtomicUsize::new(0);

/// What `/proc/sys/fs/aio-nr` tells.
#[must_use]
pub fn reserved() -> usize {
    RESERVED.load(Ordering::Relaxed)
}

impl Context {
    fn new(room: usize) -> Result<Arc<Context>> {
        let more = |all: usize| all.checked_add(room).filter(|&sum| sum <= MAX_EVENTS);
        RESERVED
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|_| Errno::EAGAIN)?;
        // From here on its end gives the room back.
        let mut context = Context {
            room,
            events: SpinLock::new(lock_order::CELL, VecDeque::new()),
            queue: WaitQueue::new(),
        };
        context.events.get_mut().room_exact(room)?;
        Ok(Arc::new(context))
    }

    fn is_full(&self) -> bool {
        self.events.lock().len() >= self.room
    }

    fn complete(&self, event: Event) {
        self.events.lock().push_back(event);
        self.queue.wake_all(Events::READABLE);
    }

    /// Moves up to `count` events to `out`, and returns how many. One that can't be written stays.
    fn take(&self, count: usize, out: UserPtr<Event>) -> Result<usize> {
        for done in 0..count {
            let Some(event) = self.events.lock().pop_front() else {
                return Ok(done);
            };
            if let Err(error) = out.element(done).write(&event) {
                self.events.lock().push_front(event);
                return if done > 0 { Ok(done) } else { Err(error) };
            }
        }
        Ok(count)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        RESERVED.fetch_sub(self.room, Ordering::Relaxed);
    }
}

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, a: Args) -> Answer {
    Some(match number {
        raw::__NR_io_setup => setup(ctx, a[0] as u32 as usize, a[1]),
        raw::__NR_io_destroy => destroy(ctx, a[0]),
        raw::__NR_io_submit => submit(ctx, a[0], a[1].cast_signed(), a[2]),
        raw::__NR_io_cancel => cancel(ctx, a[0], a[1]),
        raw::__NR_io_getevents => get_events(ctx, a),
        raw::__NR_io_pgetevents => masked_get_events(ctx, a),
        _ => return None,
    })
}

fn space_of(ctx: &SyscallCtx<'_>) -> Result<Arc<AddressSpace>> {
    ctx.process.space().ok_or(Errno::ESRCH)
}

fn context_of(ctx: &SyscallCtx<'_>, id: usize) -> Result<Arc<Context>> {
    let known = space_of(ctx)?.aio.lock().get(&id).cloned();
    known.ok_or(Errno::EINVAL)
}

fn setup(ctx: &SyscallCtx<'_>, count: usize, out: usize) -> Result<usize> {
    let out = UserPtr::<usize>::new(out);
    if out.read()? != 0 || count == 0 || count > SANE_EVENTS {
        return Err(Errno::EINVAL);
    }
    let context = Context::new(count)?;
    let space = space_of(ctx)?;
    let page = MemoryObject::anonymous(PAGE_SIZE as u64);
    let id = space.map_object(&page, 0, PAGE_SIZE, Perms::READ, true, "/[aio] (deleted)")?;
    space.aio.lock().insert(id, context);
    if let Err(error) = out.write(&id) {
        destroy(ctx, id)?;
        return Err(error);
    }
    Ok(0)
}

fn destroy(ctx: &SyscallCtx<'_>, id: usize) -> Result<usize> {
    let space = space_of(ctx)?;
    let removed = space.aio.lock().remove(&id);
    let context = removed.ok_or(Errno::EINVAL)?;
    space.unmap(id..id + PAGE_SIZE)?;
    context.queue.wake_all(Events::HUP);
    Ok(0)
}

fn submit(ctx: &SyscallCtx<'_>, id: usize, count: isize, list: usize) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    let context = context_of(ctx, id)?;
    let list = UserPtr::<usize>::new(list);
    for done in 0..count.min(context.room) {
        let submitted = list
            .element(done)
            .read()
            .and_then(|request| submit_one(ctx, &context, request));
        if let Err(error) = submitted {
            return if done > 0 { Ok(done) } else { Err(error) };
        }
    }
    Ok(count.min(context.room))
}

/// Carries one request out. What is wrong with the request is the call's failure, what is wrong
/// with the transfer is the event's.
fn submit_one(ctx: &SyscallCtx<'_>, context: &Context, at: usize) -> Result {
    let request = UserPtr::<Request>::new(at).read()?;
    if request.reserved != 0 || i64::try_from(request.bytes).is_err() {
        return Err(Errno::EINVAL);
    }
    if context.is_full() {
        return Err(Errno::EAGAIN);
    }
    let open = file_of(ctx, request.fd as usize)?;
    let told = if request.flags & TELL != 0 {
        let told = file_of(ctx, request.event_fd as usize)?;
        told.downcast::<EventFd>().ok_or(Errno::EINVAL)?;
        Some(told)
    } else {
        None
    };
    UserPtr::<u32>::new(at).byte_add(KEY_AT).write(&0)?;
    let result = match request.operation {
        READ | READ_VECTOR => {
            let io = io_of(&open, &request, open.readable())?;
            let mut dst = match request.operation {
                READ => dest_of(request.buffer as usize, request.bytes as usize)?,
                _ => Dest::user(vector_of(request.buffer as usize, request.bytes as usize)?),
            };
            open.file().read(io, &mut dst)
        }
        WRITE | WRITE_VECTOR => {
            let io = io_of(&open, &request, open.writable())?;
            let mut src = match request.operation {
                WRITE => source_of(request.buffer as usize, request.bytes as usize)?,
                _ => Source::user(vector_of(request.buffer as usize, request.bytes as usize)?),
            };
            limit_size(ctx, &open, Some(io.offset), &mut src)
                .and_then(|()| open.file().write(io, &mut src))
        }
        SYNC | DATA_SYNC => {
            let empty = request.buffer == 0 && request.bytes == 0 && request.offset == 0;
            if !empty || request.rw_flags != 0 {
                return Err(Errno::EINVAL);
            }
            open.file().sync(request.operation == DATA_SYNC).map(|()| 0)
        }
        _ => return Err(Errno::EINVAL),
    };
    let result = match result {
        Ok(bytes) => bytes as i64,
        // The request can't be made again.
        Err(Errno::RESTART | Errno::RESTART_NO_HANDLER) => -i64::from(Errno::EINTR.number()),
        Err(error) => -i64::from(error.number()),
    };
    context.complete(Event {
        data: request.data,
        request: at as u64,
        result,
        second: 0,
    });
    if let Some(told) = told
        && let Some(counter) = told.downcast::<EventFd>()
    {
        counter.signal(1);
    }
    Ok(())
}

/// Where and how a transfer happens. `allowed`: the description may do that.
fn io_of(open: &OpenFile, request: &Request, allowed: bool) -> Result<Io> {
    if !allowed {
        return Err(Errno::EBADF);
    }
    if request.rw_flags & !RWF_KNOWN != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let offset = u64::try_from(request.offset).map_err(|_| Errno::EINVAL)?;
    Ok(wish_of(request.rw_flags).on(open.io(offset)))
}

/// Nothing is ever under way that could be cancelled.
fn cancel(ctx: &SyscallCtx<'_>, id: usize, request: usize) -> Result<usize> {
    UserPtr::<u32>::new(request).byte_add(KEY_AT).read()?;
    context_of(ctx, id)?;
    Err(Errno::EINVAL)
}

fn get_events(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    let deadline = deadline_timespec(a[4])?;
    let context = context_of(ctx, a[0])?;
    let (least, most) = (a[1].cast_signed(), a[2].cast_signed());
    if least < 0 || least > most {
        return Err(Errno::EINVAL);
    }
    let (least, most) = (least.cast_unsigned(), most.cast_unsigned());
    let out = UserPtr::<Event>::new(a[3]);
    let mut done = context.take(most, out)?;
    while done < least {
        let destroyed = || !context_of(ctx, a[0]).is_ok_and(|known| Arc::ptr_eq(&known, &context));
        let waited = wait_until(&[&context.queue], deadline, Interrupt::Signals, || {
            (destroyed() || !context.events.lock().is_empty()).then_some(())
        });
        match waited {
            Ok(()) if destroyed() => {
                return if done > 0 {
                    Ok(done)
                } else {
                    Err(Errno::EINVAL)
                };
            }
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) => break,
            Err(_) if done > 0 => break,
            Err(error) => return Err(no_handler(error)),
        }
        match context.take(most - done, out.element(done)) {
            Ok(more) => done += more,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// With a signal mask for as long as the call waits.
fn masked_get_events(ctx: &SyscallCtx<'_>, a: Args) -> Result<usize> {
    if a[5] != 0 {
        let [mask, size] = UserPtr::<[usize; 2]>::new(a[5]).read()?;
        if let Some(mask) = read_mask(mask, size)? {
            set_temporary_mask(ctx, mask);
        }
    }
    get_events(ctx, a)
}
