//! One value for each CPU.

use crate::cpu::{self, CpuId, MAX_CPUS};
use core::cell::UnsafeCell;
use core::mem::{ManuallyDrop, MaybeUninit};

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
        let values = ManuallyDrop::new(values);
        let mut slots = [const { MaybeUninit::<Slot<T>>::uninit() }; MAX_CPUS];
        let mut i = 0;
        while i < MAX_CPUS {
            let from: *const T = (&raw const values).cast::<T>();
            // SAFETY: `from` points at MAX_CPUS initialised values that ManuallyDrop keeps from
            // being dropped; each is read once.
            slots[i] = MaybeUninit::new(Slot(unsafe { from.add(i).read() }));
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

/// Like [`PerCpu`] for what only its own CPU ever touches, through raw pointers.
pub(crate) struct RawPerCpu<T> {
    slots: UnsafeCell<[T; MAX_CPUS]>,
}

// SAFETY: only pointers are handed out; those who use them keep to their own CPU's instance.
unsafe impl<T> Sync for RawPerCpu<T> {}

impl<T> RawPerCpu<T> {
    pub(crate) const fn new(values: [T; MAX_CPUS]) -> RawPerCpu<T> {
        RawPerCpu {
            slots: UnsafeCell::new(values),
        }
    }

    pub(crate) fn get(&self, cpu: CpuId) -> *mut T {
        assert!(cpu < MAX_CPUS);
        // SAFETY: the index is within the array.
        unsafe { self.slots.get().cast::<T>().add(cpu) }
    }
}
