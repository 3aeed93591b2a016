//! Loops over one row of pixels, all slices of equal length.
//!
//! Two forms of each blend give the same bytes: *wide* has no branch per pixel, so that the compiler
//! makes SIMD of it; *narrow* looks at each pixel and skips what is transparent or opaque. An emulator
//! without hardware help runs integer code about twice as fast as SSE, so there the narrow form wins.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::color::{lerp255, over, scale};

/// Which form of the row loops runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Without branches, for SIMD.
    Wide,
    /// Pixel by pixel, for emulated CPUs.
    Narrow,
}

const UNKNOWN: u8 = 0;
const WIDE: u8 = 1;
const NARROW: u8 = 2;

static CHOICE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The form in use; found out at the first call.
#[inline]
pub fn kernel() -> Kernel {
    match CHOICE.load(Ordering::Relaxed) {
        WIDE => Kernel::Wide,
        NARROW => Kernel::Narrow,
        _ => {
            let found = detect();
            set_kernel(found);
            found
        }
    }
}

/// Overrides what was found out.
pub fn set_kernel(kernel: Kernel) {
    let choice = if kernel == Kernel::Wide { WIDE } else { NARROW };
    CHOICE.store(choice, Ordering::Relaxed);
}

/// QEMU's own CPU names itself `TCGTCGTCGTCG` in the hypervisor leaf.
#[cfg(target_arch = "x86_64")]
fn detect() -> Kernel {
    use std::arch::x86_64::__cpuid;
    let hypervisor = __cpuid(1).ecx >> 31 == 1;
    if hypervisor && __cpuid(0x4000_0000).ebx == u32::from_le_bytes(*b"TCGT") {
        Kernel::Narrow
    } else {
        Kernel::Wide
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Kernel {
    Kernel::Wide
}

/// How many pixels the wide form looks at before it decides for all of them.
const BLOCK: usize = 16;

pub(crate) fn copy(to: &mut [u32], from: &[u32]) {
    to.copy_from_slice(from);
}

pub(crate) fn copy_forcing_alpha(to: &mut [u32], from: &[u32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from | 0xff00_0000;
    }
}

/// One colour, premultiplied and not opaque, over a row.
pub(crate) fn fill_over(to: &mut [u32], color: u32) {
    let rest = 255 - (color >> 24);
    for to in to {
        *to = color.wrapping_add(scale(*to, rest));
    }
}

pub(crate) fn blend(to: &mut [u32], from: &[u32]) {
    match kernel() {
        Kernel::Wide => blend_wide(to, from),
        Kernel::Narrow => blend_narrow(to, from),
    }
}

fn blend_wide(to: &mut [u32], from: &[u32]) {
    let (to_blocks, to_rest) = to.as_chunks_mut::<BLOCK>();
    let (from_blocks, from_rest) = from.as_chunks::<BLOCK>();
    for (to, from) in to_blocks.iter_mut().zip(from_blocks) {
        let all = from.iter().fold(u32::MAX, |all, pixel| all & pixel);
        let any = from.iter().fold(0, |any, pixel| any | pixel);
        if all >= 0xff00_0000 {
            *to = *from;
        } else if any != 0 {
            for (to, from) in to.iter_mut().zip(from) {
                *to = over(*from, *to);
            }
        }
    }
    blend_narrow(to_rest, from_rest);
}

fn blend_narrow(to: &mut [u32], from: &[u32]) {
    for (to, from) in to.iter_mut().zip(from) {
        if *from >= 0xff00_0000 {
            *to = *from;
        } else if *from != 0 {
            *to = over(*from, *to);
        }
    }
}

/// Blends with the whole row's strength `alpha`/255.
pub(crate) fn blend_faded(to: &mut [u32], from: &[u32], alpha: u8) {
    let alpha = u32::from(alpha);
    for (to, from) in to.iter_mut().zip(from) {
        *to = over(scale(*from, alpha), *to);
    }
}

/// An opaque row (the top byte of `from` is ignored) at strength `alpha`/255.
pub(crate) fn fade_opaque(to: &mut [u32], from: &[u32], alpha: u8) {
    let alpha = u32::from(alpha);
    for (to, from) in to.iter_mut().zip(from) {
        *to = over(scale(*from | 0xff00_0000, alpha), *to);
    }
}

/// Blends each pixel at the strength of its coverage.
pub(crate) fn blend_covered(to: &mut [u32], from: &[u32], coverage: &[u8], force: u32) {
    for ((to, from), coverage) in to.iter_mut().zip(from).zip(coverage) {
        *to = over(scale(*from | force, u32::from(*coverage)), *to);
    }
}

/// One colour through a coverage row.
pub(crate) fn fill_covered(to: &mut [u32], coverage: &[u8], color: u32) {
    if color >= 0xff00_0000 {
        for (to, coverage) in to.iter_mut().zip(coverage) {
            match coverage {
                0 => {}
                255 => *to = color,
                part => *to = lerp255(*to, color, u32::from(*part)),
            }
        }
    } else {
        for (to, coverage) in to.iter_mut().zip(coverage) {
            if *coverage != 0 {
                *to = over(scale(color, u32::from(*coverage)), *to);
            }
        }
    }
}

/// One opaque or translucent colour through coverage that `table` corrects first.
pub(crate) fn fill_corrected(to: &mut [u32], coverage: &[u8], table: &[u8; 256], color: u32) {
    for (to, coverage) in to.iter_mut().zip(coverage) {
        match table[usize::from(*coverage)] {
            0 => {}
            255 if color >= 0xff00_0000 => *to = color,
            part => *to = over(scale(color, u32::from(part)), *to),
        }
    }
}

/// One colour through coverage at the strength `level`/255: nine-slice edges.
pub(crate) fn fill_level(to: &mut [u32], color: u32, level: u8) {
    match level {
        0 => {}
        255 if color >= 0xff00_0000 => to.fill(color),
        level => fill_over(to, scale(color, u32::from(level))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, mut seed: u32) -> Vec<u32> {
        let mut pixels = Vec::new();
        for at in 0..count {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let alpha = match (at / 20) % 3 {
                0 => 255,
                1 => 0,
                _ => seed >> 24,
            };
            pixels.push(scale(seed | 0xff00_0000, alpha));
        }
        pixels
    }

    #[test]
    fn both_forms_give_the_same_bytes() {
        for count in [0, 1, 15, 16, 17, 200, 1_000] {
            let from = noise(count, 7);
            let mut wide = noise(count, 99);
            let mut narrow = wide.clone();
            let want: Vec<u32> = from.iter().zip(&wide).map(|(s, d)| over(*s, *d)).collect();
            blend_wide(&mut wide, &from);
            blend_narrow(&mut narrow, &from);
            assert_eq!(wide, want);
            assert_eq!(narrow, want);
        }
    }

    #[test]
    fn full_coverage_is_a_copy_and_none_is_nothing() {
        let mut row = [0xff11_2233; 3];
        fill_covered(&mut row, &[0, 255, 128], 0xffff_ffff);
        assert_eq!(row[..2], [0xff11_2233, 0xffff_ffff]);
        assert!(row[2] > 0xff80_8080 && row[2] < 0xffa0_a0a0);
    }
}
