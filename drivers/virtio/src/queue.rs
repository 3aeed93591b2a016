//! A split virtqueue (virtio 1.2, 2.7): descriptors, the driver's ring of what is offered, the
//! device's ring of what is used.

use ochre_driver::capability::{DeviceMemory, Dma, DmaBuffer};
use ochre_driver::{Errno, Result};
use std::rc::Rc;
use std::sync::atomic::{Ordering, fence};

const NEXT: u16 = 1;
const DEVICE_WRITES: u16 = 2;

/// A piece of DMA memory in a chain.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub bus_address: u64,
    pub len: u32,
    pub device_writes: bool,
}

/// A chain that the device has finished with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// What [`Queue::push`] returned for the chain.
    pub head: u16,
    /// Bytes the device says it wrote: at most what the chain let it write.
    pub written: u32,
}

/// See the module's header.
pub struct Queue {
    memory: DmaBuffer,
    size: u16,
    index: u16,
    door: (Rc<DeviceMemory>, usize),
    free: Vec<u16>,
    /// For each descriptor at the head of a chain in flight: its chain, and the bytes in it that
    /// the device may write.
    chains: Vec<Option<(Vec<u16>, u32)>>,
    offered: u16,
    taken: u16,
}

impl Queue {
    pub(crate) fn new(
        dma: &Dma,
        size: u16,
        index: u16,
        door: (Rc<DeviceMemory>, usize),
    ) -> Result<Queue> {
        let n = usize::from(size);
        let memory = dma.alloc_contiguous(used_offset(n) + 6 + 8 * n)?;
        Ok(Queue {
            memory,
            size,
            index,
            door,
            free: (0..size).rev().collect(),
            chains: vec![None; n],
            offered: 0,
            taken: 0,
        })
    }

    /// Bus addresses of the descriptors, the driver's ring and the device's ring.
    pub(crate) fn addresses(&self) -> [u64; 3] {
        let base = self.memory.bus_address();
        let n = usize::from(self.size);
        [
            base,
            base + driver_offset(n) as u64,
            base + used_offset(n) as u64,
        ]
    }

    /// Entries that are free.
    #[must_use]
    pub fn room(&self) -> usize {
        self.free.len()
    }

    /// Offers a chain; EAGAIN when there is no room for it. The device sees it at the next
    /// [`Queue::notify`] at the latest.
    pub fn push(&mut self, chain: &[Segment]) -> Result<u16> {
        if chain.is_empty() {
            return Err(Errno::INVAL);
        }
        if chain.len() > self.free.len() {
            return Err(Errno::AGAIN);
        }
        let numbers: Vec<u16> = self.free.split_off(self.free.len() - chain.len());
        let head = numbers[0];
        let memory = &self.memory.memory;
        let mut writable = 0u32;
        for (at, (number, segment)) in numbers.iter().zip(chain).enumerate() {
            let next = numbers.get(at + 1);
            let mut flags = if next.is_some() { NEXT } else { 0 };
            if segment.device_writes {
                flags |= DEVICE_WRITES;
                writable = writable.saturating_add(segment.len);
            }
            let offset = usize::from(*number) * 16;
            memory.write(offset, segment.bus_address);
            memory.write(offset + 8, segment.len);
            memory.write(offset + 12, flags);
            memory.write(offset + 14, next.copied().unwrap_or(0));
        }
        let n = usize::from(self.size);
        let ring = driver_offset(n);
        memory.write(ring + 4 + usize::from(self.offered) % n * 2, head);
        self.offered = self.offered.wrapping_add(1);
        // The descriptors are visible before the index that offers them (2.7.13.3.1).
        fence(Ordering::Release);
        memory.write(ring + 2, self.offered);
        self.chains[usize::from(head)] = Some((numbers, writable));
        Ok(head)
    }

    /// Tells the device that there is something new.
    pub fn notify(&self) {
        // The index is visible before the device is told, and before it can look again.
        fence(Ordering::SeqCst);
        self.door.0.write(self.door.1, self.index);
    }

    /// The next chain that the device has finished with. Numbers that it invents are passed over.
    pub fn pop(&mut self) -> Option<Used> {
        let n = usize::from(self.size);
        let ring = used_offset(n);
        loop {
            let memory = &self.memory.memory;
            if memory.read::<u16>(ring + 2) == self.taken {
                return None;
            }
            // The index is read before what it says is there.
            fence(Ordering::Acquire);
            let entry = ring + 4 + usize::from(self.taken) % n * 8;
            let (head, written): (u32, u32) = (memory.read(entry), memory.read(entry + 4));
            self.taken = self.taken.wrapping_add(1);
            let chain = self.chains.get_mut(head as usize).and_then(Option::take);
            if let Some((numbers, writable)) = chain {
                self.free.extend(numbers);
                return Some(Used {
                    head: head as u16,
                    written: written.min(writable),
                });
            }
        }
    }
}

fn driver_offset(n: usize) -> usize {
    n * 16
}

fn used_offset(n: usize) -> usize {
    (driver_offset(n) + 6 + 2 * n).next_multiple_of(4)
}
