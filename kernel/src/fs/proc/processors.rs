//! How the processors hang together, as CPUID tells it: cores, packages, caches. (Intel's manual,
//! volume 2A, CPUID, leaves 4, 0BH and 1FH; AMD's, volume 3, appendix E, leaves
//! 80000005H, 80000006H and 8000001DH.)

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use ochre_hal::cpu::{self, CpuId};

/// Those whose numbers of the interrupt controller are equal but for the lowest `bits`.
#[derive(Clone, Copy)]
pub struct Together {
    bits: u32,
    number: u32,
}

impl Together {
    fn of(id: CpuId, bits: u32) -> Together {
        let number = cpu::apic_id(id).checked_shr(bits).unwrap_or(0);
        Together { bits, number }
    }

    pub fn members(self) -> impl Iterator<Item = CpuId> {
        (0..cpu::count()).filter(move |&id| Together::of(id, self.bits).number == self.number)
    }

    /// As sysfs has it in `…_list`.
    pub fn list(self) -> String {
        format!("{}\n", list(self.set()))
    }

    /// The same as a mask in hexadecimal digits.
    pub fn mask(self) -> String {
        format!("{}\n", mask(self.set()))
    }

    fn set(self) -> u64 {
        self.members().fold(0, |set, id| set | 1 << id)
    }
}

/// The numbers of the bits that are set: `0-3,8`.
pub fn list(set: u64) -> String {
    let mut runs: Vec<(CpuId, CpuId)> = Vec::new();
    for id in (0..64).filter(|&id| set & 1 << id != 0) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let mut text = String::new();
    for (first, last) in runs {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = match first == last {
            true => write!(text, "{comma}{first}"),
            false => write!(text, "{comma}{first}-{last}"),
        };
    }
    text
}

/// A digit for each four processors that there are, in words of 32 bits.
pub fn mask(set: u64) -> String {
    let digits = cpu::count().div_ceil(4);
    if digits <= 8 {
        return format!("{set:0digits$x}");
    }
    let (high, low) = (set >> 32, set as u32);
    format!("{high:0width$x},{low:08x}", width = digits - 8)
}

/// Bits of the interrupt controller's number that tell threads of a core apart, and those of a package.
fn bits() -> (u32, u32) {
    let leaves = cpu::cpuid(0, 0)[0];
    let leaf = [0x1f, 0xb].into_iter().find(|&leaf| {
        let [_, threads, ..] = if leaf <= leaves {
            cpu::cpuid(leaf, 0)
        } else {
            [0; 4]
        };
        threads != 0
    });
    let Some(leaf) = leaf else {
        // Processors that know nothing of cores: each is one, in one package.
        return (0, u32::BITS);
    };
    let (mut core, mut package) = (0, 0);
    for level in 0..8 {
        let [bits, _, kind, _] = cpu::cpuid(leaf, level);
        match kind >> 8 & 0xff {
            0 => break,
            1 => core = bits & 0x1f,
            _ => {}
        }
        package = bits & 0x1f;
    }
    (core, package)
}

/// The threads of a processor's core.
pub fn core(id: CpuId) -> Together {
    Together::of(id, bits().0)
}

/// The processors of a processor's package.
pub fn package(id: CpuId) -> Together {
    Together::of(id, bits().1)
}

/// The number of a processor's package.
pub fn package_id(id: CpuId) -> u32 {
    package(id).number
}

/// The number of a processor's core within its package.
pub fn core_id(id: CpuId) -> u32 {
    let (core, package) = bits();
    let within = 1_u32.checked_shl(package.saturating_sub(core)).unwrap_or(0);
    Together::of(id, core).number & within.wrapping_sub(1)
}

/// How many cores a package has.
pub fn cores(id: CpuId) -> usize {
    let first = |&member: &CpuId| core(member).members().next() == Some(member);
    package(id).members().filter(first).count()
}

/// A cache of a processor's.
pub struct Cache {
    pub level: u32,
    /// As sysfs names it.
    pub kind: &'static str,
    /// Bytes.
    pub size: usize,
    /// Bytes.
    pub line: u32,
    pub ways: u32,
    pub sets: u32,
    bits: u32,
}

impl Cache {
    /// The processors that share it.
    pub fn shared(&self, id: CpuId) -> Together {
        Together::of(id, self.bits)
    }
}

/// No processor has more.
const CACHES: u32 = 16;

#[must_use]
pub fn caches() -> Vec<Cache> {
    const AMD_TOPOLOGY: u32 = 1 << 22;
    let extended = cpu::cpuid(0x8000_0000, 0)[0];
    if extended >= 0x8000_001d && cpu::cpuid(0x8000_0001, 0)[2] & AMD_TOPOLOGY != 0 {
        return listed(0x8000_001d);
    }
    let caches = match cpu::cpuid(0, 0)[0] {
        4.. => listed(4),
        _ => Vec::new(),
    };
    if caches.is_empty() && extended >= 0x8000_0006 {
        return by_kind();
    }
    caches
}

/// Of a leaf that has a cache in each subleaf.
fn listed(leaf: u32) -> Vec<Cache> {
    let mut caches = Vec::new();
    for index in 0..CACHES {
        let [a, b, c, _] = cpu::cpuid(leaf, index);
        let kind = match a & 0x1f {
            1 => "Data",
            2 => "Instruction",
            3 => "Unified",
            _ => break,
        };
        let (line, parts, ways) = ((b & 0xfff) + 1, (b >> 12 & 0x3ff) + 1, (b >> 22) + 1);
        let size = (line as usize)
            .saturating_mul(parts as usize * ways as usize)
            .saturating_mul(c as usize + 1);
        let threads = (a >> 14 & 0xfff) + 1;
        caches.push(Cache {
            level: a >> 5 & 7,
            kind,
            size,
            line,
            ways,
            sets: c.saturating_add(1),
            bits: threads.next_power_of_two().ilog2(),
        });
    }
    caches
}

/// Of older processors by AMD: two leaves with a place for each kind of cache.
fn by_kind() -> Vec<Cache> {
    /// By the four bits that stand for them; 0: as many as there are lines.
    const WAYS: [u32; 16] = [0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128, 0];
    let [_, _, data, code] = cpu::cpuid(0x8000_0005, 0);
    let [_, _, second, third] = cpu::cpuid(0x8000_0006, 0);
    let ways = |register: u32| WAYS[(register >> 12 & 15) as usize];
    let package = bits().1;
    let mut caches = Vec::new();
    for (level, kind, kib, line, ways, bits) in [
        (1, "Data", data >> 24, data & 0xff, data >> 16 & 0xff, 0),
        (
            1,
            "Instruction",
            code >> 24,
            code & 0xff,
            code >> 16 & 0xff,
            0,
        ),
        (2, "Unified", second >> 16, second & 0xff, ways(second), 0),
        (
            3,
            "Unified",
            (third >> 18) * 512,
            third & 0xff,
            ways(third),
            package,
        ),
    ] {
        if kib == 0 || line == 0 {
            continue;
        }
        let lines = kib * 1024 / line;
        let ways = if ways == 0 { lines } else { ways };
        caches.push(Cache {
            level,
            kind,
            size: kib as usize * 1024,
            line,
            ways,
            sets: lines / ways,
            bits,
        });
    }
    caches
}
