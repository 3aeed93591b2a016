//! The kernel's side of a ring: the memory that a server shares with it.
//!
//! The server can write any of it at any time. Indices and messages are read by copy and bounded
//! before use; the kernel's own indices are kept outside the ring and only published there.

use crate::errno::{Errno, Result};
use crate::mm::object::MemoryObject;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::Ordering;
use ochre_abi::scheme::{
    COMPLETIONS, Completion, PAYLOAD, REQUESTS, RING_SIZE, Request, SLOTS, payload_offset, ring,
};
use ochre_hal::addr::PAGE_SIZE;
use ochre_hal::frame::Frame;
use ochre_hal::uaccess;

/// The shared memory of one server.
pub struct Ring {
    memory: Arc<MemoryObject>,
    header: Frame,
}

impl Ring {
    pub fn new() -> Result<Ring> {
        let memory = MemoryObject::anonymous(RING_SIZE as u64);
        let header = memory.frame(0)?;
        Ok(Ring { memory, header })
    }

    /// What the server maps.
    #[must_use]
    pub fn memory(&self) -> &Arc<MemoryObject> {
        &self.memory
    }

    /// Requests published in the ring that the server has not taken; more than there is room for
    /// means that the server wrote nonsense.
    pub fn waiting(&self, tail: u32) -> Result<usize> {
        let head = self
            .header
            .atomic_u32(ring::REQUESTS_HEAD)
            .load(Ordering::Acquire);
        match tail.wrapping_sub(head) as usize {
            n if n <= SLOTS => Ok(n),
            _ => Err(Errno::EIO),
        }
    }

    /// Publishes a request at `tail`; the caller made sure that there is room.
    pub fn publish(&self, tail: u32, request: &Request) -> Result {
        let at = REQUESTS + tail as usize % SLOTS * size_of::<Request>();
        self.write(at, bytemuck::bytes_of(request))?;
        let next = tail.wrapping_add(1);
        self.header
            .atomic_u32(ring::REQUESTS_TAIL)
            .store(next, Ordering::Release);
        Ok(())
    }

    /// Completions that the server has put after `head`, at most as many as the ring holds.
    #[must_use]
    pub fn completed(&self, head: u32) -> usize {
        let tail = self
            .header
            .atomic_u32(ring::COMPLETIONS_TAIL)
            .load(Ordering::Acquire);
        (tail.wrapping_sub(head) as usize).min(SLOTS)
    }

    /// The completion at `head`.
    pub fn completion(&self, head: u32) -> Result<Completion> {
        let at = COMPLETIONS + head as usize % SLOTS * size_of::<Completion>();
        let mut completion = Completion::zeroed();
        self.read(at, bytemuck::bytes_of_mut(&mut completion))?;
        Ok(completion)
    }

    /// Tells the server that completions before `head` were taken.
    pub fn taken(&self, head: u32) {
        self.header
            .atomic_u32(ring::COMPLETIONS_HEAD)
            .store(head, Ordering::Release);
    }

    fn write(&self, at: usize, bytes: &[u8]) -> Result {
        self.pieces(at, bytes.len(), |frame, offset, done, len| {
            frame.write(offset, &bytes[done..done + len]);
            Ok(())
        })
    }

    fn read(&self, at: usize, bytes: &mut [u8]) -> Result {
        self.pieces(at, bytes.len(), |frame, offset, done, len| {
            frame.read(offset, &mut bytes[done..done + len]);
            Ok(())
        })
    }

    /// Calls `each(frame, offset in it, bytes done, bytes now)` for the pages of a range.
    fn pieces(
        &self,
        at: usize,
        len: usize,
        mut each: impl FnMut(&Frame, usize, usize, usize) -> Result,
    ) -> Result {
        let mut done = 0;
        while done < len {
            let position = at + done;
            let offset = position % PAGE_SIZE;
            let piece = (PAGE_SIZE - offset).min(len - done);
            let frame = self.memory.frame((position / PAGE_SIZE) as u64)?;
            each(&frame, offset, done, piece)?;
            done += piece;
        }
        Ok(())
    }

    /// The area of `slot` from `offset`; everything is inside it, or EINVAL.
    fn area(slot: usize, offset: usize, len: usize) -> Result<usize> {
        match offset.checked_add(len) {
            Some(end) if end <= PAYLOAD && slot < SLOTS => Ok(payload_offset(slot) + offset),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Puts the kernel's bytes into a payload area.
    pub fn put(&self, slot: usize, offset: usize, bytes: &[u8]) -> Result {
        self.write(Ring::area(slot, offset, bytes.len())?, bytes)
    }

    /// Reads a payload area into the kernel's memory.
    pub fn get(&self, slot: usize, offset: usize, bytes: &mut [u8]) -> Result {
        self.read(Ring::area(slot, offset, bytes.len())?, bytes)
    }

    /// A plain struct at the start of a payload area.
    pub fn get_struct<T: Pod>(&self, slot: usize, offset: usize) -> Result<T> {
        let mut value = T::zeroed();
        self.get(slot, offset, bytemuck::bytes_of_mut(&mut value))?;
        Ok(value)
    }

    /// Moves `len` bytes of a write into a payload area: one copy, from the client to the server.
    pub fn take(&self, slot: usize, source: &mut Source<'_>, len: usize) -> Result {
        self.pieces(Ring::area(slot, 0, len)?, len, |frame, offset, _, piece| {
            source.take_to_frame(frame, offset, piece)
        })
    }

    /// Moves `len` bytes of a payload area to a reader: one copy, from the server to the client.
    pub fn give(&self, slot: usize, dest: &mut Dest<'_>, len: usize) -> Result {
        self.pieces(Ring::area(slot, 0, len)?, len, |frame, offset, _, piece| {
            dest.put_frame(frame, offset, piece)
        })
    }

    /// Copies user memory of the caller into a payload area.
    pub fn copy_from_user(&self, slot: usize, offset: usize, from: usize, len: usize) -> Result {
        self.pieces(
            Ring::area(slot, offset, len)?,
            len,
            |frame, at, done, piece| Ok(uaccess::frame_from_user(frame, at, from + done, piece)?),
        )
    }

    /// Copies from a payload area to user memory of the caller.
    pub fn copy_to_user(&self, slot: usize, offset: usize, to: usize, len: usize) -> Result {
        self.pieces(
            Ring::area(slot, offset, len)?,
            len,
            |frame, at, done, piece| Ok(uaccess::frame_to_user(to + done, frame, at, piece)?),
        )
    }
}
