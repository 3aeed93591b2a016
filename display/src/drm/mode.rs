//! Display modes.

use crate::drm::abi::ModeInfo;

/// `DRM_MODE_TYPE_PREFERRED`, `_DRIVER`.
pub const PREFERRED: u32 = 1 << 3;
const DRIVER: u32 = 1 << 6;
const PHSYNC: u32 = 1;
const NVSYNC: u32 = 1 << 3;

/// Sizes that are offered beside the preferred one.
const COMMON: [(u32, u32); 12] = [
    (640, 480),
    (800, 600),
    (1024, 768),
    (1152, 864),
    (1280, 720),
    (1280, 800),
    (1280, 1024),
    (1366, 768),
    (1440, 900),
    (1600, 900),
    (1680, 1050),
    (1920, 1080),
];

/// A mode of `width` × `height` at 60 Hz, for devices without timings of their own: blanking as
/// CVT's reduced form has it (VESA CVT 1.2: 160 pixels, and at least 460 µs of lines).
#[must_use]
pub fn mode(width: u32, height: u32, preferred: bool) -> ModeInfo {
    let clamp = |v: u32| u16::try_from(v).unwrap_or(u16::MAX);
    let blank_lines = (height * 460 * 60).div_ceil(1_000_000 - 460 * 60).max(9);
    let (htotal, vtotal) = (width + 160, height + blank_lines);
    let mut name = [0; 32];
    for (to, from) in name.iter_mut().zip(format!("{width}x{height}").bytes()) {
        *to = from;
    }
    ModeInfo {
        clock: (htotal * vtotal * 60).div_ceil(1000),
        hdisplay: clamp(width),
        hsync_start: clamp(width + 48),
        hsync_end: clamp(width + 80),
        htotal: clamp(htotal),
        hskew: 0,
        vdisplay: clamp(height),
        vsync_start: clamp(height + 3),
        vsync_end: clamp(height + 7),
        vtotal: clamp(vtotal),
        vscan: 0,
        vrefresh: 60,
        flags: PHSYNC | NVSYNC,
        kind: DRIVER | if preferred { PREFERRED } else { 0 },
        name,
    }
}

/// The preferred size's mode, and the common ones within `max` each way.
#[must_use]
pub fn list(preferred: (u32, u32), max: (u32, u32)) -> Vec<ModeInfo> {
    let common = COMMON
        .iter()
        .rev()
        .filter(|size| **size != preferred && size.0 <= max.0 && size.1 <= max.1);
    std::iter::once(mode(preferred.0, preferred.1, true))
        .chain(common.map(|(w, h)| mode(*w, *h, false)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_mode_is_first_and_only_once() {
        let modes = list((1280, 800), (1920, 1080));
        assert_eq!((modes[0].hdisplay, modes[0].vdisplay), (1280, 800));
        assert_eq!(
            modes
                .iter()
                .filter(|m| m.hdisplay == 1280 && m.vdisplay == 800)
                .count(),
            1
        );
    }

    #[test]
    fn timings_give_sixty_hertz() {
        let m = mode(1920, 1080, true);
        let rate = f64::from(m.clock) * 1000.0 / f64::from(m.htotal) / f64::from(m.vtotal);
        assert!((rate - 60.0).abs() < 0.1, "{rate}");
        assert!(m.vsync_end < m.vtotal && m.hsync_end < m.htotal);
    }
}
