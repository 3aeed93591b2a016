//! What the hal asks of the kernel. All are called with interrupts off.

use crate::boot::BootInfo;
use crate::irq::Vector;
use crate::sync::Once;
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
    /// no lock is held. `kernel` says that it passed while the kernel ran, which takes interrupts
    /// only when it is done.
    fn timer(kernel: bool);
    /// A device raised `vector`. Context as for [`Self::timer`].
    fn interrupt(vector: Vector);
    /// Another CPU kicked this one. Context as for [`Self::timer`].
    fn kick();
    /// Bytes wait at a serial port, or it can send what waits. Context as for [`Self::timer`].
    fn serial(port: usize);
    /// Whether the allocation that is about to be made shall fail, though there is memory: only asked
    /// with the boot option `fail-nth`, in any context and under any lock.
    fn refuse_memory() -> bool {
        false
    }
    /// The kernel panics: writes what it knows of the current thread. Takes no locks.
    fn describe_current(out: &mut dyn fmt::Write);
}

/// The trait's functions, once the binary's entry has named who implements it.
pub(crate) struct Upcalls {
    pub main: fn(&'static BootInfo) -> !,
    pub secondary: fn() -> !,
    pub page_fault: fn(usize, bool) -> bool,
    pub timer: fn(bool),
    pub interrupt: fn(Vector),
    pub kick: fn(),
    pub serial: fn(usize),
    pub refuse_memory: fn() -> bool,
    pub describe_current: fn(&mut dyn fmt::Write),
}

static UPCALLS: Once<Upcalls> = Once::new();

pub(crate) fn register<K: KernelUpcalls>() {
    UPCALLS.set(Upcalls {
        main: K::main,
        secondary: K::secondary,
        page_fault: K::page_fault,
        timer: K::timer,
        interrupt: K::interrupt,
        kick: K::kick,
        serial: K::serial,
        refuse_memory: K::refuse_memory,
        describe_current: K::describe_current,
    });
}

#[inline]
pub(crate) fn upcalls() -> &'static Upcalls {
    UPCALLS
        .get()
        .expect("registered by the entry, before anything can call up")
}

pub(crate) fn registered() -> Option<&'static Upcalls> {
    UPCALLS.get()
}

/// Makes `$kernel` the kernel of this binary.
#[macro_export]
macro_rules! entry {
    ($kernel:ty) => {
        /// Called by the assembly of the boot entries, on the boot stack.
        #[unsafe(no_mangle)]
        extern "C" fn ochre_start(protocol: usize, information: u64, image: u64) -> ! {
            $crate::boot::start::<$kernel>(protocol, information, image)
        }
    };
}
