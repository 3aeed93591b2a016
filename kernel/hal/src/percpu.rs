//! One value for each CPU.

use crate::cpu::{self, CpuId, MAX_CPUS};

#[repr(align(64))]
struct Slot<T>(T);

/// A static with one instance for each CPU, each in its own cache lines.
pub struct PerCpu<T> {
    slots: [Slot<T>; MAX_CPUS],
}

impl<T: Sync> PerCpu<T> {
    /// `PerCpu::new([const { … }; MAX_CPUS])`.
    #[must_use]
    pub const fn new(values: [T; MAX_CPUS]) -> PerCpu<T> {
        // `Slot<T>` only adds alignment, so the array is built by moving each value over.
        let values = core::mem::ManuallyDrop::new(values);
        let mut slots = [const { core::mem::MaybeUninit::<Slot<T>>::uninit() }; MAX_CPUS];
        let mut i = 0;
        while i < MAX_CPUS {
            let from: *const T = (&raw const values).cast::<T>();
            // SAFETY: `from` points at MAX_CPUS initialised values that ManuallyDrop keeps from
            // being dropped; each is read once.
            slots[i] = core::mem::MaybeUninit::new(Slot(unsafe { from.add(i).read() }));
            i += 1;
        }
        // SAFETY: all slots were written by the loop, and MaybeUninit has its content's layout.
        let slots = unsafe { core::mem::transmute_copy(&slots) };
        PerCpu { slots }
    }

    /// The instance of the CPU this runs on.
    #[must_use]
    pub fn this(&self) -> &T {
        &self.slots[cpu::id()].0
    }

    #[must_use]
    pub fn on(&self, cpu: CpuId) -> &T {
        &self.slots[cpu].0
    }
}
