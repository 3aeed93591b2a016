//! What processors are known to give away by speculation, as far as CPUID tells. The kernel has no
//! mitigations: what a processor may have counts as open.

use alloc::vec::Vec;
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

/// Those that sysfs has, and what it says of each.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static str)> {
    /// Found on processors by Intel.
    const OF_INTEL: [&str; 12] = [
        "gather_data_sampling",
        "indirect_target_selection",
        "itlb_multihit",
        "l1tf",
        "mds",
        "meltdown",
        "mmio_stale_data",
        "reg_file_data_sampling",
        "srbds",
        "tsx_async_abort",
        "spectre_v1",
        "spectre_v2",
    ];
    /// By AMD, of families from Zen on.
    const OF_AMD: [&str; 3] = ["retbleed", "spec_rstack_overflow", "tsa"];
    let state = |open| if open { "Vulnerable" } else { "Not affected" };
    let both = |name| matches!(name, "spectre_v1" | "spectre_v2");
    let mut all: Vec<_> = Vec::new();
    for name in OF_INTEL {
        all.push((name, state(both(name) || !is_amd())));
    }
    for name in OF_AMD {
        // The first of them is of Intel's, too.
        let open = if is_amd() {
            family() >= 0x17
        } else {
            name == "retbleed"
        };
        all.push((name, state(open)));
    }
    all.push(("spec_store_bypass", state(bypasses_stores())));
    all.push(("vmscape", state(!is_amd() || family() >= 0x17)));
    all
}
