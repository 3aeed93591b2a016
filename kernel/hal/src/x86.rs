//! Single instructions of the CPU, each as a function. What they may be used for is said by the
//! modules that call them; here only the instruction's own conditions are checked.

use core::arch::asm;

pub mod msr {
    pub const APIC_BASE: u32 = 0x1b;
    pub const TSC_DEADLINE: u32 = 0x6e0;
    pub const PAT: u32 = 0x277;
    pub const EFER: u32 = 0xc000_0080;
    pub const STAR: u32 = 0xc000_0081;
    pub const LSTAR: u32 = 0xc000_0082;
    pub const SFMASK: u32 = 0xc000_0084;
    pub const FS_BASE: u32 = 0xc000_0100;
    pub const GS_BASE: u32 = 0xc000_0101;
    pub const KERNEL_GS_BASE: u32 = 0xc000_0102;
    pub const TSC_AUX: u32 = 0xc000_0103;
}

pub mod rflags {
    pub const IF: usize = 1 << 9;
    /// The next instruction traps by no address of its own.
    pub const RF: usize = 1 << 16;
    pub const AC: usize = 1 << 18;
    /// CF, PF, AF, ZF, SF, TF, DF, OF, NT, AC, ID: what user code may set.
    pub const USER: usize = 0x24_4dd5;
    /// Cleared by `syscall`: TF, IF, DF, IOPL, NT, RF, AC and the arithmetic flags.
    pub const SYSCALL_MASK: u64 = 0x25_7fd5;
    /// Bit 1 is always set.
    pub const FIXED: usize = 2;
}

pub mod cr0 {
    pub const MP: u64 = 1 << 1;
    pub const EM: u64 = 1 << 2;
    pub const TS: u64 = 1 << 3;
    pub const NE: u64 = 1 << 5;
    pub const WP: u64 = 1 << 16;
}

pub mod cr4 {
    pub const PAE: u64 = 1 << 5;
    pub const PGE: u64 = 1 << 7;
    pub const OSFXSR: u64 = 1 << 9;
    pub const OSXMMEXCPT: u64 = 1 << 10;
    pub const UMIP: u64 = 1 << 11;
    pub const FSGSBASE: u64 = 1 << 16;
    pub const OSXSAVE: u64 = 1 << 18;
    pub const SMEP: u64 = 1 << 20;
    pub const SMAP: u64 = 1 << 21;
}

#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4] {
    let r = core::arch::x86_64::__cpuid_count(leaf, subleaf);
    [r.eax, r.ebx, r.ecx, r.edx]
}

/// # Safety
/// The register exists on this CPU.
#[inline]
pub unsafe fn rdmsr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reading a register that exists changes nothing.
    unsafe {
        asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high,
            options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// # Safety
/// The register exists, and the value keeps what the kernel relies on.
#[inline]
pub unsafe fn wrmsr(register: u32, value: u64) {
    // SAFETY: by the caller's promise.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}

macro_rules! control_register {
    ($read:ident, $write:ident, $name:literal) => {
        #[must_use]
        #[inline]
        pub fn $read() -> u64 {
            let value: u64;
            // SAFETY: reading a control register in ring 0 changes nothing.
            unsafe {
                asm!(concat!("mov {}, ", $name), out(reg) value,
                    options(nomem, nostack, preserves_flags));
            }
            value
        }

        /// # Safety
        /// The value keeps what the kernel relies on.
        #[inline]
        pub unsafe fn $write(value: u64) {
            // SAFETY: by the caller's promise.
            unsafe {
                asm!(concat!("mov ", $name, ", {}"), in(reg) value,
                    options(nostack, preserves_flags));
            }
        }
    };
}

control_register!(read_cr0, write_cr0, "cr0");
control_register!(read_cr3, write_cr3, "cr3");
control_register!(read_cr4, write_cr4, "cr4");

/// The address of the last page fault.
#[must_use]
#[inline]
pub fn read_cr2() -> u64 {
    let value: u64;
    // SAFETY: reading a control register in ring 0 changes nothing.
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Forgets the translation of the page at `address` in the active space.
#[inline]
pub fn invlpg(address: usize) {
    // SAFETY: dropping a cached translation is always allowed.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

#[must_use]
#[inline]
pub fn rdtsc() -> u64 {
    // SAFETY: the kernel never sets CR4.TSD, and ring 0 may read it anyway.
    unsafe { core::arch::x86_64::_rdtsc() }
}

macro_rules! port_io {
    ($input:ident, $output:ident, $ty:ty, $reg:tt) => {
        /// # Safety
        /// Reading the port has no effect that the kernel's memory safety rests on.
        #[inline]
        pub unsafe fn $input(port: u16) -> $ty {
            let value: $ty;
            // SAFETY: by the caller's promise.
            unsafe {
                asm!(concat!("in ", $reg, ", dx"), in("dx") port, out($reg) value,
                    options(nostack, preserves_flags));
            }
            value
        }

        /// # Safety
        /// Writing the port has no effect that the kernel's memory safety rests on.
        #[inline]
        pub unsafe fn $output(port: u16, value: $ty) {
            // SAFETY: by the caller's promise.
            unsafe {
                asm!(concat!("out dx, ", $reg), in("dx") port, in($reg) value,
                    options(nostack, preserves_flags));
            }
        }
    };
}

port_io!(inb, outb, u8, "al");
port_io!(inw, outw, u16, "ax");
port_io!(inl, outl, u32, "eax");

/// Lets a waiting interrupt in.
#[inline]
pub fn interrupt_window() {
    // SAFETY: interrupt handlers keep all registers; the caller holds no lock that they take.
    // `sti` delays by one instruction, so the nop is where they run.
    unsafe { asm!("sti", "nop", "cli", options(nostack)) };
}

/// Halts until an interrupt has been served.
#[inline]
pub fn halt_until_interrupt() {
    // SAFETY: as in `interrupt_window`; `sti; hlt` leaves no gap to lose a wake-up in.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// Stops this CPU for good.
pub fn halt_forever() -> ! {
    loop {
        // SAFETY: with interrupts off only an NMI ends the halt, and its handler returns here.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

/// Resets the machine by an exception without handlers.
pub fn triple_fault() -> ! {
    let nothing = [0u16; 5];
    // SAFETY: ends the machine.
    unsafe { asm!("lidt [{}]", "int3", in(reg) &raw const nothing, options(nostack)) };
    halt_forever()
}
