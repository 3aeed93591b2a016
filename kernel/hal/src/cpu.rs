//! The CPU that runs this, and its fellows.

use crate::sync::SpinLock;
use bitflags::bitflags;

/// Dense number of a CPU: 0 is the one that booted.
pub type CpuId = usize;

pub const MAX_CPUS: usize = 64;

bitflags! {
    /// Features that the kernel tells user space of or chooses by.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        const FSGSBASE = 1 << 0;
        const SMEP = 1 << 1;
        const SMAP = 1 << 2;
        const UMIP = 1 << 3;
        const XSAVE = 1 << 4;
        const AVX = 1 << 5;
        const RDRAND = 1 << 6;
        const X2APIC = 1 << 7;
        const TSC_DEADLINE = 1 << 8;
        const PAGE_1G = 1 << 9;
        const HYPERVISOR = 1 << 10;
        const XSAVEOPT = 1 << 11;
        const XGETBV1 = 1 << 12;
        const INVARIANT_TSC = 1 << 13;
        const ERMS = 1 << 14;
        const RDTSCP = 1 << 15;
        const RDPID = 1 << 16;
        const NX = 1 << 17;
    }
}

/// The CPU this runs on. Stays true until the next switch or user-mode return.
#[must_use]
pub fn id() -> CpuId {
    todo!()
}

/// CPUs that run.
#[must_use]
pub fn count() -> usize {
    todo!()
}

/// One turn of a spin loop: serves TLB shootdowns that wait for this CPU.
pub fn relax() {
    todo!()
}

/// Takes pending interrupts. The caller holds no spinlock.
pub fn poll_interrupts() {
    todo!()
}

/// Halts until an interrupt; it is taken before this returns.
pub fn idle_wait() {
    todo!()
}

/// Makes `cpu` return from user mode with [`Trap::Interrupt`](crate::user::Trap), or wakes it from
/// [`idle_wait`].
pub fn kick(_cpu: CpuId) {
    todo!()
}

/// Entropy: the CPU's generator, else jitter of the clock.
#[must_use]
pub fn random_u64() -> u64 {
    todo!()
}

#[must_use]
pub fn features() -> Features {
    todo!()
}

/// The processor's marketing name, from CPUID.
#[must_use]
pub fn brand() -> &'static str {
    todo!()
}

/// CPUID leaf 1's EDX: what Linux passes as AT_HWCAP.
#[must_use]
pub fn hwcap() -> usize {
    todo!()
}

/// Linux's AT_HWCAP2: bit 1 is FSGSBASE.
#[must_use]
pub fn hwcap2() -> usize {
    todo!()
}

/// The raw answer of CPUID, for /proc/cpuinfo: eax, ebx, ecx, edx.
#[must_use]
pub fn cpuid(_leaf: u32, _subleaf: u32) -> [u32; 4] {
    todo!()
}

pub fn reboot() -> ! {
    todo!()
}

pub fn power_off() -> ! {
    todo!()
}

/// Ends QEMU with status `code << 1 | 1` where the command line says `debug_exit`; else returns.
pub fn debug_exit(_code: u8) {
    todo!()
}

/// Stops this CPU for good.
pub fn halt() -> ! {
    todo!()
}

const _: fn() = || {
    fn sync<T: Sync>() {}
    sync::<SpinLock<u8>>();
};
