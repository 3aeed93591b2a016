//! The CPU that runs this, and its fellows.

use crate::addr::PhysAddr;
use crate::paging::tlb;
use crate::sync::Once;
use crate::x86::{self, cr4};
use crate::{acpi, apic, boot, local, time};
use bitflags::bitflags;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

struct Identity {
    features: Features,
    hwcap: usize,
    brand: [u8; 48],
}

static IDENTITY: Once<Identity> = Once::new();
static COUNT: AtomicUsize = AtomicUsize::new(1);

fn identify() -> Identity {
    let max = x86::cpuid(0, 0)[0];
    let max_extended = x86::cpuid(0x8000_0000, 0)[0];
    let leaf = |leaf: u32, subleaf: u32| {
        let limit = if leaf >= 0x8000_0000 {
            max_extended
        } else {
            max
        };
        if leaf <= limit {
            x86::cpuid(leaf, subleaf)
        } else {
            [0; 4]
        }
    };
    let [_, _, c1, d1] = leaf(1, 0);
    let [_, b7, c7, _] = leaf(7, 0);
    let [xsave, ..] = leaf(0xd, 1);
    let [_, _, _, extended] = leaf(0x8000_0001, 0);
    let [_, _, _, power] = leaf(0x8000_0007, 0);
    let mut features = Features::empty();
    let has_xsave = c1 & 1 << 26 != 0;
    for (flag, present) in [
        (Features::FSGSBASE, b7 & 1 != 0),
        (Features::SMEP, b7 & 1 << 7 != 0),
        (Features::SMAP, b7 & 1 << 20 != 0),
        (Features::UMIP, c7 & 1 << 2 != 0),
        (Features::XSAVE, has_xsave),
        (Features::AVX, has_xsave && c1 & 1 << 28 != 0),
        (Features::RDRAND, c1 & 1 << 30 != 0),
        (Features::X2APIC, c1 & 1 << 21 != 0),
        (Features::TSC_DEADLINE, c1 & 1 << 24 != 0),
        (Features::PAGE_1G, extended & 1 << 26 != 0),
        (Features::HYPERVISOR, c1 & 1 << 31 != 0),
        (Features::XSAVEOPT, has_xsave && xsave & 1 != 0),
        (Features::XGETBV1, has_xsave && xsave & 1 << 2 != 0),
        (Features::INVARIANT_TSC, power & 1 << 8 != 0),
        (Features::ERMS, b7 & 1 << 9 != 0),
        (Features::RDTSCP, extended & 1 << 27 != 0),
        (Features::RDPID, c7 & 1 << 22 != 0),
        (Features::NX, extended & 1 << 20 != 0),
    ] {
        features.set(flag, present);
    }
    let mut brand = [0; 48];
    for (index, bytes) in brand.chunks_exact_mut(4).enumerate() {
        let word = leaf(0x8000_0002 + index as u32 / 4, 0)[index % 4];
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Identity {
        features,
        hwcap: d1 as usize,
        brand,
    }
}

fn identity() -> &'static Identity {
    IDENTITY.get_or_init(identify)
}

/// Turns on this CPU's protections.
pub(crate) fn init_cpu() {
    let features = features();
    POLITE.store(!is_translated(), Ordering::Relaxed);
    let mut control = x86::read_cr4() | cr4::PAE | cr4::PGE;
    for (feature, bit) in [
        (Features::FSGSBASE, cr4::FSGSBASE),
        (Features::SMEP, cr4::SMEP),
        (Features::SMAP, cr4::SMAP),
        (Features::UMIP, cr4::UMIP),
    ] {
        if features.contains(feature) {
            control |= bit;
        }
    }
    // SAFETY: each bit's feature exists; the kernel touches user pages between stac and clac only
    // and never runs them; its read-only pages are never written.
    unsafe {
        x86::write_cr4(control);
        x86::write_cr0(x86::read_cr0() | x86::cr0::WP);
        if features.contains(Features::RDTSCP) {
            // What vDSO's getcpu and Linux programs read by rdtscp or rdpid.
            x86::wrmsr(x86::msr::TSC_AUX, id() as u64);
        }
    }
}

/// The CPU this runs on. Stays true until the next switch or user-mode return.
#[inline]
#[must_use]
pub fn id() -> CpuId {
    local::id()
}

/// CPUs that run.
#[must_use]
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

pub(crate) fn set_count(count: usize) {
    COUNT.store(count, Ordering::Relaxed);
}

/// One turn of a spin loop: serves TLB shootdowns that wait for this CPU.
#[inline]
pub fn relax() {
    if cfg!(target_os = "none") {
        tlb::serve();
    }
    pause();
}

/// Whether spinning uses `pause`. QEMU's translator leaves its execution loop and takes a lock that
/// all CPUs and devices share at every one, so a CPU that spins politely there holds up the very
/// CPU it waits for.
static POLITE: AtomicBool = AtomicBool::new(true);

/// The processor's hint that this is a spin loop, where it helps.
#[inline]
pub(crate) fn pause() {
    if POLITE.load(Ordering::Relaxed) {
        core::hint::spin_loop();
    }
}

/// Whether QEMU translates this machine's code.
fn is_translated() -> bool {
    const SIGNATURE: &[u8; 12] = b"TCGTCGTCGTCG";
    let [_, b, c, d] = x86::cpuid(0x4000_0000, 0);
    let said = [b, c, d].map(u32::to_le_bytes);
    features().contains(Features::HYPERVISOR) && said.as_flattened() == SIGNATURE
}

/// Takes pending interrupts. The caller holds no spinlock.
pub fn poll_interrupts() {
    debug_assert_eq!(
        local::this().held_ranks.get(),
        [0; 4],
        "polled with a spinlock held"
    );
    x86::interrupt_window();
}

/// Halts until an interrupt; it is taken before this returns.
pub fn idle_wait() {
    let local = local::this();
    local.idling.store(true, Ordering::SeqCst);
    x86::halt_until_interrupt();
    tlb::end_idle(local);
}

/// Makes `cpu` return from user mode with [`Trap::Interrupt`](crate::user::Trap), or wakes it from
/// [`idle_wait`].
pub fn kick(cpu: CpuId) {
    apic::send_kick(cpu);
}

/// Returns when each other CPU has passed a memory barrier.
pub fn barrier_everywhere() {
    tlb::barrier_everywhere();
}

/// Entropy: the CPU's generator, else jitter of the clock.
#[must_use]
pub fn random_u64() -> u64 {
    if features().contains(Features::RDRAND) {
        for _ in 0..10 {
            let (value, ok): (u64, u8);
            // SAFETY: the instruction exists; it changes registers only.
            unsafe {
                core::arch::asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok,
                    options(nomem, nostack));
            }
            if ok != 0 {
                return value;
            }
        }
    }
    let local = local::this();
    let mut state = local.jitter.get();
    for _ in 0..16 {
        state = (state ^ x86::rdtsc())
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
    local.jitter.set(state);
    state ^ state >> 32
}

#[inline]
#[must_use]
pub fn features() -> Features {
    identity().features
}

/// The processor's marketing name, from CPUID.
#[must_use]
pub fn brand() -> &'static str {
    let bytes = &identity().brand;
    let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    core::str::from_utf8(&bytes[..len])
        .unwrap_or("unknown")
        .trim()
}

/// CPUID leaf 1's EDX: what Linux passes as AT_HWCAP.
#[must_use]
pub fn hwcap() -> usize {
    identity().hwcap
}

/// Linux's AT_HWCAP2: bit 1 is FSGSBASE.
#[must_use]
pub fn hwcap2() -> usize {
    if features().contains(Features::FSGSBASE) {
        2
    } else {
        0
    }
}

/// The raw answer of CPUID, for /proc/cpuinfo: eax, ebx, ecx, edx.
#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4] {
    x86::cpuid(leaf, subleaf)
}

/// The number that a CPU's interrupt controller has; its bits tell of cores and packages.
#[must_use]
pub fn apic_id(cpu: CpuId) -> u32 {
    crate::smp::apic_id(cpu)
}

pub fn reboot() -> ! {
    if let Some(reset) = acpi::reset_register() {
        // SAFETY: the firmware's own way to reset.
        unsafe { x86::outb(reset.0, reset.1) };
    }
    // SAFETY: the chipset's reset control, then the keyboard controller's reset line: either ends
    // this system.
    unsafe {
        x86::outb(0xcf9, 6);
        time::spin_nanos(10_000_000);
        x86::outb(0x64, 0xfe);
        time::spin_nanos(10_000_000);
    }
    x86::triple_fault()
}

pub fn power_off() -> ! {
    if let Some((port, value)) = acpi::sleep_register() {
        // SAFETY: the firmware's way to enter the soft-off state.
        unsafe { x86::outw(port, value) };
        time::spin_nanos(100_000_000);
    }
    debug_exit(0);
    crate::log!("powered off, as far as this machine can");
    x86::halt_forever()
}

/// Ends QEMU with status `code << 1 | 1` where the command line says `debug_exit`; else returns.
pub fn debug_exit(code: u8) {
    if boot::has_debug_exit() {
        debug_exit_now(code);
    }
}

pub(crate) fn debug_exit_now(code: u8) {
    // SAFETY: QEMU's isa-debug-exit, which the command line says is there; ends the machine.
    unsafe { x86::outl(0xf4, u32::from(code)) };
}

/// Stops this CPU for good.
pub fn halt() -> ! {
    x86::halt_forever()
}

/// Maps the registers of a device that the hal itself drives.
pub(crate) fn registers(phys: u64, len: usize) -> *mut u8 {
    crate::paging::kernel::map_registers(PhysAddr(phys), len)
        .expect("boot has memory for a page table")
}
