//! A circular buffer of bytes in page frames: what pipes and sockets queue data in.
//!
//! Frames come when first written and stay while data moves, so small transfers allocate nothing.
//! An emptied ring starts over in its first page and keeps only that one.

use crate::errno::{Errno, Result};
use crate::uio::{Dest, Source};
use alloc::vec::Vec;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::Room;
use ochre_hal::frame::Frame;

pub struct Ring {
    pages: Vec<Option<Frame>>,
    /// Bytes that may be queued; at most what the pages hold.
    capacity: usize,
    head: usize,
    len: usize,
    /// Pages that hold a frame beyond the first.
    grown: bool,
}

impl Ring {
    /// A ring for `capacity` bytes, rounded up to whole pages of space.
    pub fn new(capacity: usize) -> Result<Ring> {
        let mut pages = Vec::new();
        let count = capacity.div_ceil(PAGE_SIZE);
        pages.room_exact(count)?;
        pages.resize_with(count, || None);
        Ok(Ring {
            pages,
            capacity,
            head: 0,
            len: 0,
            grown: false,
        })
    }

    /// A ring without space, to be replaced before its first use.
    #[must_use]
    pub const fn empty() -> Ring {
        Ring {
            pages: Vec::new(),
            capacity: 0,
            head: 0,
            len: 0,
            grown: false,
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity - self.len
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let frames = self.pages.iter().flatten().count();
        frames * PAGE_SIZE + size_of_val(&self.pages[..])
    }

    fn space(&self) -> usize {
        self.pages.len() * PAGE_SIZE
    }

    /// Queues up to `max` bytes of `src`, as many as fit. An error (a fault) leaves queued what
    /// was moved before it: the caller compares [`Ring::len`].
    pub fn push(&mut self, src: &mut Source<'_>, max: usize) -> Result {
        let mut left = max.min(src.remaining()).min(self.free());
        while left > 0 {
            let at = (self.head + self.len) % self.space();
            let (page, offset) = (at / PAGE_SIZE, at % PAGE_SIZE);
            let n = left.min(PAGE_SIZE - offset);
            let slot = &mut self.pages[page];
            let frame = match slot {
                Some(frame) => frame,
                // Frames may hold old data of other processes; only written bytes are ever read.
                None => slot.insert(Frame::alloc()?),
            };
            src.take_to_frame(frame, offset, n)?;
            self.grown |= page > 0;
            self.len += n;
            left -= n;
        }
        Ok(())
    }

    /// Copies bytes from position `skip` on, without taking them: up to `max` of what is there.
    pub fn peek(&self, skip: usize, dst: &mut Dest<'_>, max: usize) -> Result {
        let mut skip = skip;
        let mut left = max.min(dst.remaining()).min(self.len.saturating_sub(skip));
        while left > 0 {
            let at = (self.head + skip) % self.space();
            let (page, offset) = (at / PAGE_SIZE, at % PAGE_SIZE);
            let n = left.min(PAGE_SIZE - offset);
            let frame = self.pages[page].as_ref().ok_or(Errno::EIO)?;
            dst.put_frame(frame, offset, n)?;
            skip += n;
            left -= n;
        }
        Ok(())
    }

    /// Takes `len` bytes away unread.
    pub fn consume(&mut self, len: usize) {
        let len = len.min(self.len);
        self.len -= len;
        if self.len == 0 {
            self.head = 0;
            if self.grown {
                self.pages.iter_mut().skip(1).for_each(|page| *page = None);
                self.grown = false;
            }
        } else {
            self.head = (self.head + len) % self.space();
        }
    }

    /// Takes up to `max` bytes into `dst`; returns how many. A fault after progress is no error.
    pub fn pull(&mut self, dst: &mut Dest<'_>, max: usize) -> Result<usize> {
        let before = dst.done();
        let result = self.peek(0, dst, max);
        let moved = dst.done() - before;
        self.consume(moved);
        match result {
            Err(error) if moved == 0 => Err(error),
            _ => Ok(moved),
        }
    }

    /// Gives the ring another capacity, not below what is queued.
    pub fn resize(&mut self, capacity: usize) -> Result {
        if capacity < self.len {
            return Err(Errno::EBUSY);
        }
        let mut new = Ring::new(capacity)?;
        let mut chunk = [0; 512];
        while self.len > 0 {
            let n = self.len.min(chunk.len());
            self.peek(0, &mut Dest::kernel(&mut chunk[..n]), n)?;
            new.push(&mut Source::kernel(&chunk[..n]), n)?;
            self.consume(n);
        }
        *self = new;
        Ok(())
    }

    /// Takes back the last `len` bytes queued: a packet that faulted half-way.
    pub fn retract(&mut self, len: usize) {
        self.len -= len.min(self.len);
    }
}
