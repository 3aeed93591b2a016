//! One open file's queue.

use crate::evdev::abi::{EV_SYN, InputEvent, SYN_DROPPED};
use ochre_driver::{Errno, Result};
use rustix::time::ClockId;
use std::collections::VecDeque;

/// Events kept for a client that does not read.
const QUEUE: usize = 512;
const POLLIN: u32 = 0x1;
const POLLOUT: u32 = 0x4;
const POLLERR: u32 = 0x8;
const POLLHUP: u32 = 0x10;

pub struct Client {
    queue: VecDeque<InputEvent>,
    pub clock: ClockId,
    /// It has nothing of the device any more (EVIOCREVOKE).
    pub revoked: bool,
    /// What the kernel was told last of its readiness.
    #[cfg(test)]
    pub told: u32,
}

impl Client {
    pub fn new(clock: ClockId) -> Client {
        Client {
            queue: VecDeque::new(),
            clock,
            revoked: false,
            #[cfg(test)]
            told: POLLOUT,
        }
    }

    /// Queues a frame. One that has no room replaces all that was queued by SYN_DROPPED, after
    /// which the client asks for the device's state (Documentation/input/event-codes.rst).
    pub fn push(&mut self, frame: &[InputEvent]) {
        if self.queue.len() + frame.len() > QUEUE {
            let Some(last) = frame.last() else { return };
            self.queue.clear();
            self.queue.push_back(InputEvent {
                kind: EV_SYN,
                code: SYN_DROPPED,
                value: 0,
                ..*last
            });
        }
        self.queue.extend(frame.iter().take(QUEUE));
    }

    /// Moves whole events into `buffer`.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.len() < size_of::<InputEvent>() {
            return Err(Errno::INVAL);
        }
        if self.queue.is_empty() {
            return Err(Errno::AGAIN);
        }
        let mut used = 0;
        for place in buffer.chunks_exact_mut(size_of::<InputEvent>()) {
            let Some(event) = self.queue.pop_front() else {
                break;
            };
            place.copy_from_slice(bytemuck::bytes_of(&event));
            used += place.len();
        }
        Ok(used)
    }

    /// The file's readiness in poll(2) bits.
    pub fn level(&self) -> u32 {
        if self.revoked {
            POLLHUP | POLLERR
        } else if self.queue.is_empty() {
            POLLOUT
        } else {
            POLLIN | POLLOUT
        }
    }

    /// Forgets what is queued: the clock changed, and old stamps would mislead.
    pub fn clear(&mut self) {
        self.queue.clear();
    }
}
