//! poll, select and epoll_wait as system calls: one look at many files, and a wait on all of them.

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::fd_table::FdTable;
use crate::fs::open::OpenFile;
use crate::mm::uptr::{Timespec, Timeval, UserPtr};
use crate::sched::wait::{self, Interrupt, WaitQueue};
use crate::syscall::table::SyscallCtx;
use crate::task::limits::Resource;
use crate::task::signal::calls::{no_handler, read_mask, set_temporary_mask};
use crate::time::Deadline;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission::Room;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}

/// How many descriptors are looked up under one lock.
const AT_ONCE: usize = 32;

/// A deadline from milliseconds; negative: none.
pub fn deadline_ms(ms: i32) -> Option<Deadline> {
    let ms = u64::try_from(ms).ok()?;
    Some(Deadline::after(ms * 1_000_000))
}

/// A deadline from a relative timespec in user memory; null: none.
pub fn deadline_timespec(addr: usize) -> Result<Option<Deadline>> {
    let Some(pointer) = UserPtr::<Timespec>::new(addr).non_null() else {
        return Ok(None);
    };
    let nanos = pointer.read()?.to_nanos()?;
    Ok(Some(Deadline::after(nanos)))
}

/// Sleeps on all `files` until `look` finds something or the deadline passes (None).
fn wait_on<'a, T>(
    files: impl ExactSizeIterator<Item = Option<&'a Arc<OpenFile>>>,
    deadline: Option<Deadline>,
    mut look: impl FnMut() -> Option<T>,
) -> Result<Option<T>> {
    if let Some(found) = look() {
        return Ok(Some(found));
    }
    // A deadline that has passed asks for one look only.
    if deadline.is_some_and(Deadline::has_come) {
        return Ok(None);
    }
    let mut queues: Vec<&WaitQueue> = Vec::new();
    queues.room(files.len())?;
    for open in files.flatten() {
        queues.extend(open.file().wait_queue());
        queues.extend(open.file().second_wait_queue());
    }
    match wait::wait_until(&queues, deadline, Interrupt::Signals, look) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ETIMEDOUT) => Ok(None),
        Err(error) => Err(no_handler(error)),
    }
}

/// poll(2) and ppoll(2), with the deadline made.
pub fn poll(
    ctx: &SyscallCtx<'_>,
    addr: usize,
    count: usize,
    deadline: Option<Deadline>,
) -> Result<usize> {
    if count as u64 > ctx.process.limit(Resource::Files) {
        return Err(Errno::EINVAL);
    }
    let pointer = UserPtr::<PollFd>::new(addr);
    let mut fds = pointer.read_vec(count, count)?;
    let table = ctx.thread.files();
    let mut files: Vec<Option<Arc<OpenFile>>> = Vec::new();
    files.room(count)?;
    for part in fds.chunks(AT_ONCE) {
        let asked = part.iter().map(|poll| poll.fd);
        table.get_each(asked, |open| files.push(open.cloned()));
    }
    for (poll, open) in fds.iter_mut().zip(&files) {
        poll.revents = if open.is_none() && poll.fd >= 0 {
            Events::NVAL.bits() as i16
        } else {
            0
        };
    }
    let look = || {
        let mut ready = 0;
        for (poll, open) in fds.iter_mut().zip(&files) {
            if let Some(open) = open {
                let wanted = Events::from_bits_truncate(u32::from(poll.events as u16))
                    | Events::ERR
                    | Events::HUP;
                let events = open.file().poll() & wanted;
                poll.revents = events.bits() as i16;
            }
            ready += usize::from(poll.revents != 0);
        }
        (ready > 0).then_some(ready)
    };
    let waited = wait_on(files.iter().map(Option::as_ref), deadline, look);
    // Also where a signal came first: programs look at what they find here without asking why.
    for (index, poll) in fds.iter().enumerate() {
        pointer
            .element(index)
            .cast::<i16>()
            .byte_add(6)
            .write(&poll.revents)?;
    }
    Ok(waited?.unwrap_or(0))
}

/// Gives the rest of the time back, as Linux does after ppoll and pselect6.
fn write_rest(addr: usize, deadline: Option<Deadline>) -> Result {
    if let (Some(pointer), Some(at)) = (UserPtr::<Timespec>::new(addr).non_null(), deadline) {
        pointer.write(&Timespec::from_nanos(at.left()))?;
    }
    Ok(())
}

pub fn ppoll(ctx: &SyscallCtx<'_>, a: [usize; 6]) -> Result<usize> {
    let deadline = deadline_timespec(a[2])?;
    if let Some(mask) = read_mask(a[3], a[4])? {
        set_temporary_mask(ctx, mask);
    }
    let result = poll(ctx, a[0], a[1], deadline);
    // A failure to tell the rest changes nothing about the answer.
    let _ = write_rest(a[2], deadline);
    result
}

/// The three sets of select, as words.
struct Sets {
    addrs: [usize; 3],
    wanted: [Vec<u64>; 3],
}

/// What counts for each set.
const MEANING: [Events; 3] = [
    Events::READABLE
        .union(Events::RDBAND)
        .union(Events::HUP)
        .union(Events::ERR),
    Events::WRITABLE.union(Events::WRBAND).union(Events::ERR),
    Events::PRI,
];

impl Sets {
    fn read(count: usize, addrs: [usize; 3]) -> Result<Sets> {
        let words = count.div_ceil(64);
        let mut wanted = [const { Vec::new() }; 3];
        for (set, &addr) in wanted.iter_mut().zip(&addrs) {
            *set = if addr == 0 {
                let mut empty = Vec::new();
                empty.room_exact(words)?;
                empty.resize(words, 0);
                empty
            } else {
                UserPtr::<u64>::new(addr).read_vec(words, words)?
            };
            if let Some(last) = set.last_mut()
                && !count.is_multiple_of(64)
            {
                *last &= (1 << (count % 64)) - 1;
            }
        }
        Ok(Sets { addrs, wanted })
    }
}

fn select_until(
    ctx: &SyscallCtx<'_>,
    count: usize,
    addrs: [usize; 3],
    deadline: Option<Deadline>,
) -> Result<usize> {
    if count as i32 != count as isize as i32 || (count as i32) < 0 {
        return Err(Errno::EINVAL);
    }
    let table: Arc<FdTable> = ctx.thread.files();
    // Linux looks no further than the table is wide.
    let count = count.min(table.capacity().next_multiple_of(64).max(64));
    let sets = Sets::read(count, addrs)?;
    let mut files = Vec::new();
    let mut watched: Vec<(usize, u8)> = Vec::new();
    for fd in 0..count {
        let (word, bit) = (fd / 64, 1u64 << (fd % 64));
        let mut wish = 0;
        for (index, set) in sets.wanted.iter().enumerate() {
            wish |= u8::from(set[word] & bit != 0) << index;
        }
        if wish != 0 {
            files.room(1)?;
            watched.room(1)?;
            files.push(table.get_io(fd as i32)?);
            watched.push((fd, wish));
        }
    }
    let mut result = sets.wanted.clone();
    let look = || {
        let mut ready = 0;
        for set in &mut result {
            set.fill(0);
        }
        for (open, &(fd, wish)) in files.iter().zip(&watched) {
            let events = open.file().poll();
            for (index, set) in result.iter_mut().enumerate() {
                if wish >> index & 1 != 0 && events.intersects(MEANING[index]) {
                    set[fd / 64] |= 1 << (fd % 64);
                    ready += 1;
                }
            }
        }
        (ready > 0).then_some(ready)
    };
    let ready = wait_on(files.iter().map(Some), deadline, look)?.unwrap_or(0);
    for (set, &addr) in result.iter().zip(&sets.addrs) {
        if addr != 0 {
            UserPtr::<u64>::new(addr).write_slice(set)?;
        }
    }
    Ok(ready)
}

pub fn select(ctx: &SyscallCtx<'_>, a: [usize; 6]) -> Result<usize> {
    let timeout = UserPtr::<Timeval>::new(a[4]);
    let deadline = match timeout.non_null() {
        Some(pointer) => {
            let value = pointer.read()?;
            // select normalizes microseconds beyond a second.
            let micros = i128::from(value.sec) * 1_000_000 + i128::from(value.usec);
            let nanos = u64::try_from(micros * 1000).map_err(|_| {
                if micros < 0 {
                    Errno::EINVAL
                } else {
                    Errno::EOVERFLOW
                }
            })?;
            Some(Deadline::after(nanos))
        }
        None => None,
    };
    let result = select_until(ctx, a[0], [a[1], a[2], a[3]], deadline);
    if let (Some(pointer), Some(at)) = (timeout.non_null(), deadline) {
        // A failure to tell the rest changes nothing about the answer.
        let _ = pointer.write(&Timeval::from_nanos(at.left()));
    }
    result
}

pub fn pselect6(ctx: &SyscallCtx<'_>, a: [usize; 6]) -> Result<usize> {
    let deadline = deadline_timespec(a[4])?;
    if a[5] != 0 {
        let [mask, size] = UserPtr::<[usize; 2]>::new(a[5]).read()?;
        if let Some(mask) = read_mask(mask, size)? {
            set_temporary_mask(ctx, mask);
        }
    }
    let result = select_until(ctx, a[0], [a[1], a[2], a[3]], deadline);
    let _ = write_rest(a[4], deadline);
    result
}
