//! What the hal asks of the kernel. All are called with interrupts off.

use crate::boot::BootInfo;
use crate::irq::Vector;
use core::fmt;

pub trait KernelUpcalls {
    /// The boot CPU's start, on its idle context; the other CPUs call [`Self::secondary`] at the
    /// same time.
    fn main(boot: &'static BootInfo) -> !;
    /// Another CPU's start, on its idle context.
    fn secondary() -> !;
    /// The kernel touched user memory at `addr` and faulted: true to retry. May sleep.
    fn page_fault(addr: usize, write: bool) -> bool;
    /// This CPU's deadline has passed. In interrupt context of user mode, idle or a poll point:
    /// no lock is held.
    fn timer();
    /// A device raised `vector`. Context as for [`Self::timer`].
    fn interrupt(vector: Vector);
    /// Another CPU kicked this one. Context as for [`Self::timer`].
    fn kick();
    /// Bytes wait at a serial port. Context as for [`Self::timer`].
    fn serial(port: usize);
    /// The kernel panics; prints what it knows of the current thread. Takes no locks.
    fn describe_current(out: &mut dyn fmt::Write);
}

/// Makes `$kernel` the kernel of this binary.
#[macro_export]
macro_rules! entry {
    ($kernel:ty) => {};
}
