//! What a pipe holds: bytes, and the bounds of those that were written as packets (O_DIRECT).
//!
//! A read takes bytes up to the first packet's end at most: one packet, or bytes and a packet behind
//! them, as on Linux; what of a packet its reader has no room for is lost.

use crate::errno::{Errno, Result};
use crate::ipc::ring::Ring;
use crate::uio::{Dest, Source};
use alloc::collections::VecDeque;
use core::ops::Range;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::Room;

pub struct Contents {
    ring: Ring,
    /// Bytes taken out so far: where the ring begins in the stream.
    taken: u64,
    /// Where packets are in the stream; they don't overlap.
    packets: VecDeque<Range<u64>>,
}

impl Contents {
    pub fn new(capacity: usize) -> Result<Contents> {
        Ok(Contents {
            ring: Ring::new(capacity)?,
            taken: 0,
            packets: VecDeque::new(),
        })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.ring.held_bytes() + self.packets.len() * size_of::<Range<u64>>()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Bytes that can be written: none while there are as many packets as pages.
    #[must_use]
    pub fn free(&self) -> usize {
        if self.packets.len() * PAGE_SIZE >= self.ring.capacity() {
            0
        } else {
            self.ring.free()
        }
    }

    /// Queues bytes of `src`, as many as fit.
    pub fn push(&mut self, src: &mut Source<'_>) -> Result {
        self.ring.push(src, usize::MAX)
    }

    /// Queues `len` bytes, for which there is room, as a packet: all or nothing.
    pub fn push_packet(&mut self, src: &mut Source<'_>, len: usize) -> Result {
        self.packets.room(1)?;
        let before = self.ring.len();
        if let Err(error) = self.ring.push(src, len) {
            self.ring.retract(self.ring.len() - before);
            return Err(error);
        }
        let start = self.taken + before as u64;
        self.packets
            .push_back(start..self.taken + self.ring.len() as u64);
        Ok(())
    }

    fn take(&mut self, dst: &mut Dest<'_>, max: usize) -> Result<usize> {
        let taken = self.ring.pull(dst, max)?;
        self.taken += taken as u64;
        Ok(taken)
    }

    /// Takes bytes into `dst`; returns how many. A fault after progress is no error.
    pub fn pull(&mut self, dst: &mut Dest<'_>) -> Result<usize> {
        let Some(packet) = self.packets.front().cloned() else {
            return self.take(dst, usize::MAX);
        };
        let ahead = (packet.start.saturating_sub(self.taken)) as usize;
        let mut done = 0;
        if ahead > 0 {
            done = self.take(dst, ahead)?;
            if done < ahead || dst.remaining() == 0 {
                return Ok(done);
            }
        }
        let whole = (packet.end - self.taken) as usize;
        let wanted = whole.min(dst.remaining());
        match self.take(dst, wanted) {
            Ok(got) if got == wanted => {
                self.ring.consume(whole - got);
                self.taken = packet.end;
                self.packets.pop_front();
                Ok(done + got)
            }
            // A fault: the rest of the packet stays.
            Ok(got) => Ok(done + got),
            Err(_) if done > 0 => Ok(done),
            Err(error) => Err(error),
        }
    }

    /// Copies bytes without taking them.
    pub fn peek(&self, dst: &mut Dest<'_>) -> Result {
        self.ring.peek(0, dst, usize::MAX)
    }

    /// As [`Contents::peek`], up to the first packet's end.
    pub fn peek_some(&self, dst: &mut Dest<'_>) -> Result {
        let first = self.packets.front();
        let max = first.map_or(usize::MAX, |packet| (packet.end - self.taken) as usize);
        self.ring.peek(0, dst, max)
    }

    /// Takes `len` bytes away; what of a packet is left is one.
    pub fn consume(&mut self, len: usize) {
        self.ring.consume(len);
        self.taken += len as u64;
        while self.packets.front().is_some_and(|p| p.end <= self.taken) {
            self.packets.pop_front();
        }
    }

    pub fn resize(&mut self, capacity: usize) -> Result {
        if self.packets.len() * PAGE_SIZE > capacity {
            return Err(Errno::EBUSY);
        }
        self.ring.resize(capacity)
    }
}
