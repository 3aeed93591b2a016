//! A device's interrupt, as a descriptor: reading takes the count of arrivals, writing says that
//! the device was served.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::lock_order;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::uio::{Dest, Source};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use ochre_abi::native::MsiMessage;
use ochre_hal::irq::{self, Vector};
use ochre_hal::sync::SpinLock;

/// See the module's header.
pub struct InterruptFile {
    vector: Vector,
    /// The I/O APIC pin of a line; none for a message.
    line: Option<(u32, bool)>,
    count: AtomicU64,
    arrived: WaitQueue,
}

/// Who owns each vector.
static OWNERS: [SpinLock<Weak<InterruptFile>>; 256] =
    [const { SpinLock::new(lock_order::CELL, Weak::new()) }; 256];

/// A device raised `vector`.
pub fn raise(vector: Vector) {
    let owner = OWNERS[usize::from(vector.0)].lock().upgrade();
    if let Some(interrupt) = owner {
        interrupt.count.fetch_add(1, Ordering::AcqRel);
        interrupt.arrived.wake_all(Events::READABLE);
    }
}

/// How a vector's device raises it; none for a vector that no device has.
#[must_use]
pub fn describe(vector: Vector) -> Option<String> {
    let owner = OWNERS[usize::from(vector.0)].lock().upgrade()?;
    Some(match owner.line {
        Some((gsi, true)) => format!("IO-APIC  {gsi}-fasteoi"),
        Some((gsi, false)) => format!("IO-APIC  {gsi}-edge"),
        None => "PCI-MSI  edge".to_owned(),
    })
}

impl InterruptFile {
    fn new(vector: Vector, line: Option<(u32, bool)>) -> Arc<InterruptFile> {
        let interrupt = Arc::new(InterruptFile {
            vector,
            line,
            count: AtomicU64::new(0),
            arrived: WaitQueue::new(),
        });
        *OWNERS[usize::from(vector.0)].lock() = Arc::downgrade(&interrupt);
        interrupt
    }

    /// The interrupt of an I/O APIC pin.
    pub fn line(gsi: u32, level: bool, active_low: bool) -> Result<Arc<InterruptFile>> {
        let vector = irq::alloc_vector().ok_or(Errno::ENOSPC)?;
        // The sixteen ISA lines go where the firmware's tables say.
        let (gsi, level, low) = match u8::try_from(gsi) {
            Ok(line @ 0..16) => irq::isa_irq(line),
            _ => (gsi, level, active_low),
        };
        if irq::route(gsi, vector, level, low).is_err() {
            irq::free_vector(vector);
            return Err(Errno::ENXIO);
        }
        let interrupt = InterruptFile::new(vector, Some((gsi, level)));
        irq::unmask(gsi);
        Ok(interrupt)
    }

    /// A message-signalled interrupt.
    pub fn message() -> Result<Arc<InterruptFile>> {
        let vector = irq::alloc_vector().ok_or(Errno::ENOSPC)?;
        Ok(InterruptFile::new(vector, None))
    }

    /// What a device writes to raise it; EINVAL for a line.
    pub fn msi_message(&self) -> Result<MsiMessage> {
        if self.line.is_some() {
            return Err(Errno::EINVAL);
        }
        let (address, data) = irq::msi_message(self.vector, ochre_hal::cpu::id());
        Ok(MsiMessage {
            address,
            data,
            _reserved: 0,
        })
    }
}

impl File for InterruptFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        if dst.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let take = || match self.count.swap(0, Ordering::AcqRel) {
            0 => None,
            count => Some(count),
        };
        let count = if io.nonblock {
            take().ok_or(Errno::EAGAIN)?
        } else {
            wait_until(&[&self.arrived], None, Interrupt::Signals, take)?
        };
        dst.put(&count.to_ne_bytes())?;
        Ok(8)
    }

    fn write(&self, _io: Io, src: &mut Source<'_>) -> Result<usize> {
        let len = src.remaining();
        src.skip(len);
        if let Some((gsi, true)) = self.line {
            irq::unmask(gsi);
        }
        Ok(len)
    }

    fn poll(&self) -> Events {
        if self.count.load(Ordering::Acquire) > 0 {
            Events::READABLE | Events::WRITABLE
        } else {
            Events::WRITABLE
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.arrived)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for InterruptFile {
    fn drop(&mut self) {
        if let Some((gsi, _)) = self.line {
            irq::mask(gsi);
        }
        *OWNERS[usize::from(self.vector.0)].lock() = Weak::new();
        irq::free_vector(self.vector);
    }
}
