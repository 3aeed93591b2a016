//! Debug registers (SDM volume 3, 17.2): addresses at which user code traps.
//!
//! They are loaded before user code runs that has some, and off when the kernel has something to do for it: it
//! meets none itself, whatever it reads and writes for the program, and a switch has nothing to save.

use core::arch::asm;

/// What DR6 is when nothing was met; the bits that are met ones read as 0 are among these.
const STATUS_CLEAR: u64 = 0xffff_0ff0;
/// DR7 with nothing enabled: bit 10 is always set.
const CONTROL_OFF: u64 = 0x400;
/// Of DR7, what may be chosen: which are enabled, and their kinds and lengths. Above all not the bit that
/// makes these registers trap themselves.
const CONTROL_USER: u64 = 0xffff_00ff;

/// A thread's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugRegisters {
    pub addresses: [usize; 4],
    /// As DR7.
    pub control: u64,
    /// What the last debug exception was about, as DR6, but 0 for nothing.
    pub status: u64,
}

impl DebugRegisters {
    /// One instruction was made, which was asked for.
    pub const STEP: u64 = 1 << 14;
    /// The addresses that were met, a bit each.
    pub const MET: u64 = 0xf;

    /// Whether number `n` is enabled.
    #[must_use]
    pub fn is_enabled(&self, n: usize) -> bool {
        self.control >> (2 * n) & 3 != 0
    }

    /// Kind (two bits) and length (two more) of number `n`.
    #[must_use]
    pub fn kind(&self, n: usize) -> u64 {
        self.control >> (16 + 4 * n) & 0xf
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.control & 0xff != 0
    }

    /// Has the CPU look out from now on.
    #[cold]
    pub(crate) fn load(&self) {
        let [a, b, c, d] = self.addresses;
        let control = self.control & CONTROL_USER | CONTROL_OFF;
        // SAFETY: in kernel mode these registers can be written, and what is met traps from user mode only:
        // between here and there no address of user space is used.
        unsafe {
            asm!(
                "mov dr0, {a}",
                "mov dr1, {b}",
                "mov dr2, {c}",
                "mov dr3, {d}",
                "mov dr7, {control}",
                a = in(reg) a,
                b = in(reg) b,
                c = in(reg) c,
                d = in(reg) d,
                control = in(reg) control,
                options(nomem, nostack, preserves_flags),
            );
        }
    }

    /// Has it look out no more.
    #[cold]
    pub(crate) fn unload() {
        // SAFETY: nothing is enabled any more.
        unsafe {
            asm!("mov dr7, {}", in(reg) CONTROL_OFF, options(nomem, nostack, preserves_flags));
        }
    }

    /// After a debug exception: notes what it was about. Whether it stands before an instruction that is
    /// to be made next.
    pub(crate) fn note(&mut self) -> bool {
        let raw: u64;
        // SAFETY: reads and resets what the CPU noted.
        unsafe {
            asm!("mov {}, dr6", out(reg) raw, options(nomem, nostack, preserves_flags));
            asm!("mov dr6, {}", in(reg) STATUS_CLEAR, options(nomem, nostack, preserves_flags));
        }
        let raw = raw ^ STATUS_CLEAR;
        // The CPU may note those that are not enabled, too.
        let met = |n: &usize| raw >> n & 1 != 0 && self.is_enabled(*n);
        let bits = (0..4).filter(met).fold(0, |bits, n| bits | 1 << n);
        let executes = (0..4).any(|n| bits >> n & 1 != 0 && self.kind(n) == 0);
        self.status = raw & Self::STEP | bits;
        executes
    }
}

#[cfg(test)]
mod tests {
    use super::DebugRegisters;

    #[test]
    fn fields_are_where_the_manual_says() {
        let registers = DebugRegisters {
            control: 0x00d0_0004,
            ..DebugRegisters::default()
        };
        assert!(registers.is_on());
        assert!(registers.is_enabled(1) && !registers.is_enabled(0));
        assert_eq!(registers.kind(1), 0xd);
        assert_eq!(registers.kind(0), 0);
    }
}
