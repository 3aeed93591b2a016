//! What processors are known to give away by speculation, as far as CPUID tells. The kernel has no
//! mitigations to switch, so each is there or not.

use ochre_hal::cpu;

/// AMD's manual, volume 3, appendix E, leaf 80000008H: SSB_NO.
const STORES_IN_ORDER: u32 = 1 << 26;

fn is_amd() -> bool {
    let [_, b, c, d] = cpu::cpuid(0, 0);
    [b, d, c].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}

fn family() -> u32 {
    let signature = cpu::cpuid(1, 0)[0];
    match signature >> 8 & 0xf {
        0xf => 0xf + (signature >> 20 & 0xff),
        family => family,
    }
}

/// Whether loads may be carried out before stores that they depend on.
#[must_use]
pub fn bypasses_stores() -> bool {
    let leaves = cpu::cpuid(0x8000_0000, 0)[0];
    let in_order = leaves >= 0x8000_0008 && cpu::cpuid(0x8000_0008, 0)[1] & STORES_IN_ORDER != 0;
    // Linux knows of these families that they don't.
    !(is_amd() && (in_order || (0xf..=0x12).contains(&family())))
}
