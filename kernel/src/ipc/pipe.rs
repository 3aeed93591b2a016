//! Pipes and FIFOs.
//!
//! [`Contents`] under a sleeping mutex, as filling it may fault; the number of queued bytes and of
//! open ends are mirrored in atomics, so that poll and sleepers look without the mutex. Order:
//! whoever changes the ring stores the mirror before it lets go and wakes after it.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::node::{Attachment, Attributes, Node, NodeKind, OpenFlags, Timestamp};
use crate::fs::open::OpenFile;
use crate::fs::unnamed;
use crate::ipc::packets::Contents;
use crate::ipc::wait_for;
use crate::lock_order;
use crate::population::{Counted, ObjectKind};
use crate::sched::mutex::Mutex;
use crate::sched::wait::WaitQueue;
use crate::task::footprint::Look;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use ochre_hal::PAGE_SIZE;

/// Writes up to this size are not interleaved with others.
const PIPE_BUF: usize = PAGE_SIZE;
const DEFAULT_CAPACITY: usize = 16 * PAGE_SIZE;
/// Linux's default of fs.pipe-max-size.
pub const MAX_CAPACITY: usize = 1 << 20;

pub struct Pipe {
    _counted: Counted<{ ObjectKind::Pipe as usize }>,
    contents: Mutex<Contents>,
    /// Bytes queued and bytes that fit, and the capacity: mirrors of the contents.
    queued: AtomicUsize,
    free: AtomicUsize,
    capacity: AtomicUsize,
    /// Somebody has a [`Claim`]; changed under the contents' lock.
    claimed: AtomicBool,
    /// The least room that a sleeping writer waits for; none: `usize::MAX`.
    wanted: AtomicUsize,
    readers: AtomicUsize,
    writers: AtomicUsize,
    /// How often an end was opened: a FIFO's open waits for the other side by these.
    readers_ever: AtomicUsize,
    writers_ever: AtomicUsize,
    /// Waiters for data; for space.
    read_queue: WaitQueue,
    write_queue: WaitQueue,
    ino: u64,
    created: Timestamp,
    /// Who made it, by the numbers that count for files: who may open it anew, through /proc.
    owner: (u32, u32),
}

/// One open end (both, for a FIFO opened for reading and writing).
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// The count of writers ever when this end was opened: no hang-up before the first writer.
    seen_writers: usize,
}

impl Pipe {
    fn new(owner: (u32, u32)) -> Result<Arc<Pipe>> {
        Ok(Arc::new(Pipe {
            _counted: Counted::new(),
            contents: Mutex::new(lock_order::sleeping::PIPE, Contents::new(DEFAULT_CAPACITY)?),
            queued: AtomicUsize::new(0),
            free: AtomicUsize::new(DEFAULT_CAPACITY),
            capacity: AtomicUsize::new(DEFAULT_CAPACITY),
            claimed: AtomicBool::new(false),
            wanted: AtomicUsize::new(usize::MAX),
            readers: AtomicUsize::new(0),
            writers: AtomicUsize::new(0),
            readers_ever: AtomicUsize::new(0),
            writers_ever: AtomicUsize::new(0),
            read_queue: WaitQueue::new(),
            write_queue: WaitQueue::new(),
            ino: unnamed::next_ino(),
            created: Timestamp::now(),
            owner,
        }))
    }

    fn mirror(&self, contents: &Contents) {
        self.free.store(contents.free(), Ordering::Release);
        self.queued.store(contents.len(), Ordering::SeqCst);
    }

    fn queued(&self) -> usize {
        self.queued.load(Ordering::SeqCst)
    }

    fn free(&self) -> usize {
        self.free.load(Ordering::SeqCst)
    }

    fn has_readers(&self) -> bool {
        self.readers.load(Ordering::SeqCst) > 0
    }

    fn has_writers(&self) -> bool {
        self.writers.load(Ordering::SeqCst) > 0
    }

    fn read(&self, dst: &mut Dest<'_>, nonblock: bool) -> Result<usize> {
        if dst.remaining() == 0 {
            return Ok(0);
        }
        loop {
            if self.queued() > 0 {
                let mut contents = self.contents.lock();
                if !contents.is_empty() && !self.is_claimed() {
                    let before = contents.free();
                    let result = contents.pull(dst);
                    self.mirror(&contents);
                    drop(contents);
                    self.room_made(before);
                    return result;
                }
            }
            // Writers are looked at before data: the last one may write and close in between.
            let ended = !self.has_writers();
            if ended && self.queued() == 0 {
                return Ok(0);
            }
            wait_for(nonblock, &self.read_queue, || self.readable())?;
        }
    }

    fn is_claimed(&self) -> bool {
        self.claimed.load(Ordering::SeqCst)
    }

    /// Whether a reader can go on.
    fn readable(&self) -> Option<()> {
        let has_news = self.queued() > 0 || !self.has_writers();
        (has_news && !self.is_claimed()).then_some(())
    }

    /// Waits for bytes and keeps others from taking them; none at the end. Who has a claim may sleep,
    /// but not for a claim of another pipe's.
    pub fn claim(&self, nonblock: bool) -> Result<Option<Claim<'_>>> {
        loop {
            {
                let contents = self.contents.lock();
                if !contents.is_empty() && !self.claimed.swap(true, Ordering::SeqCst) {
                    return Ok(Some(Claim(self)));
                }
            }
            let ended = !self.has_writers();
            if ended && self.queued() == 0 {
                return Ok(None);
            }
            wait_for(nonblock, &self.read_queue, || self.readable())?;
        }
    }

    /// Whether a writer that needs `room` can go on; it says so while it waits.
    fn writable(&self, room: usize) -> Option<()> {
        self.wanted.fetch_min(room, Ordering::SeqCst);
        (self.free() >= room || !self.has_readers()).then_some(())
    }

    /// A reader made room where `before` bytes were free: wakes writers that have enough, and
    /// pollers once there is room for an atomic write.
    fn room_made(&self, before: usize) {
        let free = self.free();
        if free >= self.wanted.load(Ordering::SeqCst) {
            // Whoever still waits says anew what it wants when it is woken.
            self.wanted.store(usize::MAX, Ordering::SeqCst);
            self.write_queue.wake_all(Events::WRITABLE);
        } else if before < PIPE_BUF && free >= PIPE_BUF {
            self.write_queue.wake_all(Events::WRITABLE);
        }
    }

    fn write(&self, src: &mut Source<'_>, io: Io) -> Result<usize> {
        let (before, total) = (src.done(), src.remaining());
        if total == 0 {
            return Ok(0);
        }
        let result = if io.packets {
            self.write_packets(src, io.nonblock)
        } else {
            self.write_all(src, io.nonblock, if total <= PIPE_BUF { total } else { 1 })
        };
        match result {
            Err(error) if src.done() == before => {
                if error == Errno::EPIPE {
                    crate::ipc::raise_sigpipe();
                }
                Err(error)
            }
            _ => Ok(src.done() - before),
        }
    }

    /// Writes until all is written, waiting for room for `unit` bytes at a time.
    fn write_all(&self, src: &mut Source<'_>, nonblock: bool, unit: usize) -> Result {
        while !src.is_full() {
            if !self.has_readers() {
                return Err(Errno::EPIPE);
            }
            {
                let mut contents = self.contents.lock();
                if contents.free() >= unit {
                    let before = contents.len();
                    let result = contents.push(src);
                    let moved = contents.len() - before;
                    self.mirror(&contents);
                    drop(contents);
                    if moved > 0 {
                        self.read_queue.wake_all(Events::READABLE);
                    }
                    result?;
                    continue;
                }
            }
            // A long write sleeps until half the pipe is free, not for every page that is read.
            let enough = unit.max(src.remaining().min(self.capacity() / 2));
            wait_for(nonblock, &self.write_queue, || self.writable(enough))?;
        }
        Ok(())
    }

    /// Writes packets of a page at most until all is written.
    fn write_packets(&self, src: &mut Source<'_>, nonblock: bool) -> Result {
        while !src.is_full() {
            if !self.has_readers() {
                return Err(Errno::EPIPE);
            }
            let len = src.remaining().min(PIPE_BUF);
            {
                let mut contents = self.contents.lock();
                if contents.free() >= len {
                    let result = contents.push_packet(src, len);
                    self.mirror(&contents);
                    drop(contents);
                    result?;
                    self.read_queue.wake_all(Events::READABLE);
                    continue;
                }
            }
            wait_for(nonblock, &self.write_queue, || self.writable(len))?;
        }
        Ok(())
    }

    /// F_SETPIPE_SZ; returns the new capacity.
    pub fn resize(&self, wanted: usize, privileged: bool) -> Result<usize> {
        let capacity = wanted
            .max(PAGE_SIZE)
            .checked_next_power_of_two()
            .ok_or(Errno::EINVAL)?;
        if capacity > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        // Even a privileged caller is bounded: the capacity is memory nobody accounts for.
        if capacity > MAX_CAPACITY && !privileged {
            return Err(Errno::EPERM);
        }
        if capacity > 16 * MAX_CAPACITY {
            return Err(Errno::ENOMEM);
        }
        let mut contents = self.contents.lock();
        contents.resize(capacity)?;
        self.capacity.store(capacity, Ordering::SeqCst);
        self.mirror(&contents);
        drop(contents);
        self.write_queue.wake_all(Events::WRITABLE);
        Ok(capacity)
    }

    /// Bytes that can be written at once.
    #[must_use]
    pub fn room(&self) -> usize {
        self.free()
    }

    /// Waits until something can be written: splice, tee. A pipe without readers is as one written to.
    pub fn wait_for_room(&self, nonblock: bool) -> Result {
        wait_for(nonblock, &self.write_queue, || self.writable(1))?;
        if self.has_readers() {
            return Ok(());
        }
        crate::ipc::raise_sigpipe();
        Err(Errno::EPIPE)
    }

    /// Copies what waits without taking it: tee.
    pub fn peek(&self, dst: &mut Dest<'_>, nonblock: bool) -> Result<usize> {
        wait_for(nonblock, &self.read_queue, || {
            (self.queued() > 0 || !self.has_writers()).then_some(())
        })?;
        self.contents.lock().peek(dst)?;
        Ok(dst.done())
    }

    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }
}

/// What waits in a pipe, for one who takes of it only what has gone where it should.
pub struct Claim<'a>(&'a Pipe);

impl Claim<'_> {
    /// Copies what waits, up to a packet's end.
    pub fn peek(&self, dst: &mut Dest<'_>) -> Result {
        self.0.contents.lock().peek_some(dst)
    }

    pub fn take(&self, len: usize) {
        let mut contents = self.0.contents.lock();
        let before = contents.free();
        contents.consume(len);
        self.0.mirror(&contents);
        drop(contents);
        self.0.room_made(before);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.claimed.store(false, Ordering::SeqCst);
        self.0
            .read_queue
            .wake_all(Events::READABLE | Events::WRITABLE);
    }
}

impl PipeEnd {
    fn new(pipe: Arc<Pipe>, reads: bool, writes: bool) -> PipeEnd {
        let seen_writers = match pipe.has_writers() {
            true => usize::MAX,
            false => pipe.writers_ever.load(Ordering::SeqCst),
        };
        if reads {
            pipe.readers.fetch_add(1, Ordering::SeqCst);
            pipe.readers_ever.fetch_add(1, Ordering::SeqCst);
        }
        if writes {
            pipe.writers.fetch_add(1, Ordering::SeqCst);
            pipe.writers_ever.fetch_add(1, Ordering::SeqCst);
        }
        PipeEnd {
            pipe,
            reads,
            writes,
            seen_writers,
        }
    }

    #[must_use]
    pub fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        if self.reads && self.pipe.readers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.pipe
                .write_queue
                .wake_all(Events::ERR | Events::WRITABLE);
        }
        if self.writes && self.pipe.writers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.pipe
                .read_queue
                .wake_all(Events::HUP | Events::READABLE);
        }
    }
}

impl File for PipeEnd {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let read = self.pipe.read(dst, io.nonblock)?;
        if self.writes {
            // A poller of an end that does both waits in the queue of readers.
            self.pipe.read_queue.wake_all(Events::WRITABLE);
        }
        Ok(read)
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        self.pipe.write(src, io)
    }

    fn splices(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn poll(&self) -> Events {
        let mut events = Events::empty();
        if self.reads {
            if self.pipe.queued() > 0 {
                events |= Events::READABLE;
            }
            let had_writer = self.pipe.writers_ever.load(Ordering::SeqCst) != self.seen_writers;
            if !self.pipe.has_writers() && had_writer {
                events |= Events::HUP;
            }
        }
        if self.writes {
            if self.pipe.free() >= PIPE_BUF {
                events |= Events::WRITABLE;
            }
            if !self.pipe.has_readers() {
                events |= Events::ERR;
            }
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(if self.reads {
            &self.pipe.read_queue
        } else {
            &self.pipe.write_queue
        })
    }

    fn signals_events(&self) -> bool {
        true
    }

    fn attributes(&self) -> Result<Attributes> {
        let mode = NodeKind::Fifo.mode_bits() | 0o600;
        let (uid, gid) = self.pipe.owner;
        Ok(Attributes {
            uid,
            gid,
            ..unnamed::attributes_of(self.pipe.ino, mode, self.pipe.created)
        })
    }

    fn description(&self) -> Vec<u8> {
        alloc::format!("pipe:[{}]", self.pipe.ino).into_bytes()
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.pipe.queued())
    }

    fn allocate(&self, _mode: u32, _offset: u64, _len: u64) -> Result {
        Err(Errno::ESPIPE)
    }

    fn held_bytes(&self, _look: &mut Look) -> usize {
        let pipe = &self.pipe;
        let ends = pipe.readers.load(Ordering::Relaxed) + pipe.writers.load(Ordering::Relaxed);
        let own = usize::from(self.reads) + usize::from(self.writes);
        let held = match pipe.contents.try_lock() {
            Some(contents) => contents.held_bytes(),
            None => pipe.queued(),
        };
        held * own / ends.max(1)
    }

    fn reopen(&self, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let (reads, writes) = (flags.reads(), flags.writes());
        Ok(Arc::new(PipeEnd::new(self.pipe.clone(), reads, writes)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// pipe2(2): the reading and the writing end, of a pipe of `owner`'s.
pub fn create(flags: OpenFlags, owner: (u32, u32)) -> Result<(Arc<OpenFile>, Arc<OpenFile>)> {
    let pipe = Pipe::new(owner)?;
    let status = flags & (OpenFlags::NONBLOCK | OpenFlags::DIRECT);
    let reader = PipeEnd::new(pipe.clone(), true, false);
    // No hang-up is reported before a writer was there, which is at once.
    let writer = PipeEnd::new(pipe, false, true);
    Ok((
        OpenFile::unnamed(Arc::new(reader), status)?,
        OpenFile::unnamed(Arc::new(writer), status | OpenFlags::WRITE_ONLY)?,
    ))
}

/// Opens a FIFO: waits for the other side as fifo(7) lays down.
pub fn open_fifo(node: &Node, flags: OpenFlags) -> Result<Arc<dyn File>> {
    let known = match &*node.attachment.lock() {
        Attachment::Fifo(pipe) => pipe.upgrade(),
        _ => None,
    };
    let pipe = match known {
        Some(pipe) => pipe,
        None => {
            // Its node says whose it is.
            let fresh = Pipe::new((0, 0))?;
            let mut attachment = node.attachment.lock();
            let raced = match &*attachment {
                Attachment::Fifo(pipe) => pipe.upgrade(),
                _ => None,
            };
            raced.unwrap_or_else(|| {
                *attachment = Attachment::Fifo(Arc::downgrade(&fresh));
                fresh
            })
        }
    };
    let nonblock = flags.contains(OpenFlags::NONBLOCK);
    let (reads, writes) = (flags.reads(), flags.writes());
    if writes && !reads && nonblock && !pipe.has_readers() {
        return Err(Errno::ENXIO);
    }
    // Looked at before this end is there: as soon as it is, the other side may come, write, and be
    // gone again.
    let writers = pipe.writers_ever.load(Ordering::SeqCst);
    let readers = pipe.readers_ever.load(Ordering::SeqCst);
    let (had_writers, had_readers) = (pipe.has_writers(), pipe.has_readers());
    let end = PipeEnd::new(pipe.clone(), reads, writes);
    if reads {
        pipe.write_queue.wake_all(Events::WRITABLE);
    }
    if writes {
        pipe.read_queue.wake_all(Events::empty());
    }
    if reads && !writes && !nonblock && !had_writers {
        pipe.read_queue
            .wait(|| (pipe.writers_ever.load(Ordering::SeqCst) != writers).then_some(()))?;
    }
    if writes && !reads && !had_readers {
        pipe.write_queue
            .wait(|| (pipe.readers_ever.load(Ordering::SeqCst) != readers).then_some(()))?;
    }
    Ok(Arc::new(end))
}
