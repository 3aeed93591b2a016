//! Rings of TRBs (xHCI 1.2, 4.9): those that the driver fills, and the one that the controller
//! fills. Who owns a block is told by its cycle bit, which turns over with each round.

use crate::trb::{CYCLE, LINK, SIZE, TOGGLE, Trb};
use ochre_driver::Result;
use ochre_driver::capability::{DeviceMemory, Dma, DmaBuffer};
use std::sync::atomic::{Ordering, fence};

/// Where memory for the controller comes from.
pub trait Allocate {
    /// `len` bytes in one piece, zeroed.
    fn alloc_contiguous(&self, len: usize) -> Result<DmaBuffer>;
}

impl Allocate for Dma {
    fn alloc_contiguous(&self, len: usize) -> Result<DmaBuffer> {
        Dma::alloc_contiguous(self, len)
    }
}

/// Blocks of a ring: a page.
pub const LENGTH: usize = 256;

fn store(memory: &DeviceMemory, index: usize, trb: Trb) {
    let at = index * SIZE;
    memory.write(at, trb.parameter as u32);
    memory.write(at + 4, (trb.parameter >> 32) as u32);
    memory.write(at + 8, trb.status);
    // The controller takes the block once it sees the cycle bit: all else, and the data it points
    // at, comes before.
    fence(Ordering::Release);
    memory.write(at + 12, trb.control);
}

/// A ring that the driver fills. It may have fewer than [`LENGTH`] − 1 blocks under way: who uses
/// it sees to that.
pub struct Producer {
    buffer: DmaBuffer,
    next: usize,
    cycle: bool,
}

impl Producer {
    pub fn new(dma: &dyn Allocate) -> Result<Producer> {
        Ok(Producer::on(dma.alloc_contiguous(LENGTH * SIZE)?))
    }

    fn on(buffer: DmaBuffer) -> Producer {
        Producer {
            buffer,
            next: 0,
            cycle: true,
        }
    }

    /// Adds a block; the address by which events name it.
    pub fn push(&mut self, mut trb: Trb) -> u64 {
        if self.next == LENGTH - 1 {
            let link = Trb::new(LINK, self.buffer.bus_address(), 0, TOGGLE);
            self.put(link);
            self.next = 0;
            self.cycle = !self.cycle;
        }
        trb.control &= !CYCLE;
        let at = self.address(self.next);
        self.put(trb);
        self.next += 1;
        at
    }

    fn put(&self, mut trb: Trb) {
        trb.control |= u32::from(self.cycle);
        store(&self.buffer.memory, self.next, trb);
    }

    fn address(&self, index: usize) -> u64 {
        self.buffer.bus_address() + (index * SIZE) as u64
    }

    /// Where the controller is to go on, with the cycle state as its lowest bit: the form in which
    /// contexts, CRCR and Set TR Dequeue Pointer take it.
    #[must_use]
    pub fn dequeue(&self) -> u64 {
        self.address(self.next) | u64::from(self.cycle)
    }
}

/// The ring that the controller fills.
pub struct Consumer {
    buffer: DmaBuffer,
    next: usize,
    cycle: bool,
}

impl Consumer {
    pub fn new(dma: &dyn Allocate) -> Result<Consumer> {
        Ok(Consumer::on(dma.alloc_contiguous(LENGTH * SIZE)?))
    }

    fn on(buffer: DmaBuffer) -> Consumer {
        Consumer {
            buffer,
            next: 0,
            cycle: true,
        }
    }

    /// The next event, if there is one.
    pub fn pop(&mut self) -> Option<Trb> {
        let memory = &self.buffer.memory;
        let at = self.next * SIZE;
        let control = memory.read::<u32>(at + 12);
        if (control & CYCLE != 0) != self.cycle {
            return None;
        }
        fence(Ordering::Acquire);
        let low = u64::from(memory.read::<u32>(at));
        let high = u64::from(memory.read::<u32>(at + 4));
        let trb = Trb {
            parameter: high << 32 | low,
            status: memory.read(at + 8),
            control,
        };
        self.next += 1;
        if self.next == LENGTH {
            self.next = 0;
            self.cycle = !self.cycle;
        }
        Some(trb)
    }

    /// The address of the first event that has not been taken.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.start() + (self.next * SIZE) as u64
    }

    #[must_use]
    pub fn start(&self) -> u64 {
        self.buffer.bus_address()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::trb::{NORMAL, TRANSFER_EVENT};
    use ochre_abi::native::DmaSegment;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::AsFd;

    pub fn page() -> DmaBuffer {
        let fd = memfd_create("page", MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&fd, 4096).expect("memory");
        DmaBuffer {
            memory: DeviceMemory::map(fd.as_fd(), 0, 4096).expect("a mapping"),
            segments: vec![DmaSegment {
                bus_address: 0x10_0000,
                length: 4096,
            }],
            fd,
        }
    }

    #[test]
    fn a_ring_goes_round_by_its_link() {
        let mut ring = Producer::on(page());
        let first = ring.push(Trb::new(NORMAL, 1, 0, 0));
        assert_eq!(first, 0x10_0000);
        for _ in 1..LENGTH - 1 {
            ring.push(Trb::new(NORMAL, 2, 0, 0));
        }
        assert_eq!(ring.push(Trb::new(NORMAL, 3, 0, CYCLE)), first);
        assert_eq!(ring.dequeue(), (first + 16), "the cycle state is 0 now");
        let link = ring.buffer.memory.read::<u32>((LENGTH - 1) * SIZE + 12);
        assert_eq!(link, LINK << 10 | TOGGLE | CYCLE);
        let again = ring.buffer.memory.read::<u32>(12);
        assert_eq!(again & CYCLE, 0, "the second round has the other cycle bit");
    }

    #[test]
    fn events_are_taken_once_and_round_after_round() {
        let mut ring = Consumer::on(page());
        assert_eq!(ring.pop(), None);
        for round in 0..3u32 {
            for index in 0..LENGTH {
                let cycle = u32::from(round % 2 == 0);
                let event = Trb::new(TRANSFER_EVENT, index as u64, round, cycle);
                store(&ring.buffer.memory, index, event);
                assert_eq!(ring.position(), ring.start() + (index * SIZE) as u64);
                assert_eq!(ring.pop(), Some(event));
                assert_eq!(ring.pop(), None);
            }
        }
    }
}
