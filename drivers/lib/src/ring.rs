//! The mapped ring of a server descriptor.

use crate::Result;
use ochre_abi::scheme::{
    COMPLETIONS, Completion, PAYLOAD, REQUESTS, RING_SIZE, Request, SLOTS, payload_offset, ring,
};
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// The shared memory. Requests are copied out and completions copied in; a payload area is lent as
/// a slice while its request is in flight, when the kernel does not touch it.
pub struct Ring {
    base: NonNull<u8>,
}

impl Ring {
    pub fn map(server: BorrowedFd<'_>) -> Result<Ring> {
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing of ours.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                RING_SIZE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                server,
                0,
            )?
        };
        Ok(Ring {
            base: NonNull::new(base.cast()).expect("mmap returns no null"),
        })
    }

    fn index(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: within the mapping, which lives as long as self; aligned; only used as an atomic
        // by both sides.
        unsafe { self.base.add(offset).cast::<AtomicU32>().as_ref() }
    }

    /// The next request, if there is one.
    pub fn next_request(&self) -> Option<Request> {
        let head = self.index(ring::REQUESTS_HEAD).load(Ordering::Relaxed);
        if head == self.index(ring::REQUESTS_TAIL).load(Ordering::Acquire) {
            return None;
        }
        let at = REQUESTS + head as usize % SLOTS * size_of::<Request>();
        // SAFETY: within the mapping; the kernel does not write this entry before the head moves
        // past it.
        let request = unsafe { self.base.add(at).cast::<Request>().read() };
        self.index(ring::REQUESTS_HEAD)
            .store(head.wrapping_add(1), Ordering::Release);
        Some(request)
    }

    /// Whether completions wait for the kernel to take them.
    pub fn has_completions(&self) -> bool {
        let tail = self.index(ring::COMPLETIONS_TAIL).load(Ordering::Relaxed);
        tail != self.index(ring::COMPLETIONS_HEAD).load(Ordering::Acquire)
    }

    /// Whether there is no room for another completion before the kernel has taken some.
    pub fn is_full(&self) -> bool {
        let tail = self.index(ring::COMPLETIONS_TAIL).load(Ordering::Relaxed);
        tail.wrapping_sub(self.index(ring::COMPLETIONS_HEAD).load(Ordering::Acquire)) as usize
            >= SLOTS
    }

    /// Puts a completion; the caller made sure that the ring is not full.
    pub fn complete(&self, completion: &Completion) {
        let tail = self.index(ring::COMPLETIONS_TAIL).load(Ordering::Relaxed);
        let at = COMPLETIONS + tail as usize % SLOTS * size_of::<Completion>();
        // SAFETY: within the mapping; the kernel reads this entry only after the tail moves past it.
        unsafe { self.base.add(at).cast::<Completion>().write(*completion) };
        self.index(ring::COMPLETIONS_TAIL)
            .store(tail.wrapping_add(1), Ordering::Release);
    }

    /// The payload area of a slot.
    ///
    /// # Safety
    /// The slot belongs to a request in flight, and no other slice of it is alive.
    #[expect(
        clippy::mut_from_ref,
        reason = "the caller vouches for exclusivity by slot"
    )]
    pub unsafe fn payload(&self, slot: u32) -> &mut [u8] {
        let at = payload_offset(slot as usize % SLOTS);
        // SAFETY: within the mapping; exclusive by the caller's promise and the protocol.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(at).as_ptr(), PAYLOAD) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and no slice outlives the server loop that owns self. Failure
        // would only leak the range.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), RING_SIZE) };
    }
}
