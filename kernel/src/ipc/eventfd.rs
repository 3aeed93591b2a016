//! eventfd(2): a counter that can be waited for.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::wait_for;
use crate::population::{Counted, ObjectKind};
use crate::sched::wait::WaitQueue;
use crate::uio::{Dest, Source};
use alloc::format;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The counter's largest value.
const MAX: u64 = u64::MAX - 1;

pub struct EventFd {
    _counted: Counted<{ ObjectKind::EventDescriptor as usize }>,
    count: AtomicU64,
    /// Reads take one instead of all.
    semaphore: bool,
    queue: WaitQueue,
    /// Tells it from others in /proc.
    id: u32,
}

impl EventFd {
    #[must_use]
    pub fn new(count: u64, semaphore: bool) -> EventFd {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        EventFd {
            _counted: Counted::new(),
            count: AtomicU64::new(count),
            semaphore,
            queue: WaitQueue::new(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Takes the count, or one of it; None while it is zero.
    fn take(&self) -> Option<u64> {
        let rest = |count| match count {
            0 => None,
            _ if self.semaphore => Some(count - 1),
            _ => Some(0),
        };
        let taken = self
            .count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, rest)
            .ok()?;
        Some(if self.semaphore { 1 } else { taken })
    }

    /// Adds; None while that would overflow.
    fn give(&self, value: u64) -> Option<()> {
        let sum = |count: u64| count.checked_add(value).filter(|&sum| sum <= MAX);
        self.count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, sum)
            .ok()
            .map(|_| ())
    }

    /// Adds from within the kernel: stops at the largest value.
    pub fn signal(&self, value: u64) {
        let sum = |count: u64| Some(count.saturating_add(value).min(MAX));
        // The closure always gives a value.
        let _ = self
            .count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, sum);
        self.queue.wake_all(Events::READABLE);
    }
}

impl File for EventFd {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        if dst.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let value = wait_for(io.nonblock, &self.queue, || self.take())?;
        self.queue.wake_all(Events::WRITABLE);
        dst.put(&value.to_ne_bytes())?;
        Ok(8)
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        if src.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; 8];
        src.take(&mut bytes)?;
        let value = u64::from_ne_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        wait_for(io.nonblock, &self.queue, || self.give(value))?;
        self.queue.wake_all(Events::READABLE);
        Ok(8)
    }

    fn poll(&self) -> Events {
        let count = self.count.load(Ordering::SeqCst);
        let mut events = Events::empty();
        if count > 0 {
            events |= Events::IN;
        }
        if count < MAX {
            events |= Events::OUT;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:[eventfd]".to_vec()
    }

    fn details(&self) -> Result<Vec<u8>> {
        let count = self.count.load(Ordering::SeqCst);
        let id = self.id;
        Ok(format!("eventfd-count: {count:16x}\neventfd-id: {id}\n").into_bytes())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
