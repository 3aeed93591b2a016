//! One pixel: a premultiplied `0xAARRGGBB` word, and the arithmetic on it.
//!
//! Two channels are handled in one `u32` (`0x00ff00ff` lanes). [`div255`] is exact rounding division
//! for products of two bytes, so every kernel agrees with the naive formula to the bit.

/// A premultiplied colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Color(pub u32);

pub(crate) const LANES: u32 = 0x00ff_00ff;

impl Color {
    pub const TRANSPARENT: Color = Color(0);
    pub const BLACK: Color = Color(0xff00_0000);
    pub const WHITE: Color = Color(0xffff_ffff);

    /// An opaque colour from `0xRRGGBB`.
    pub const fn rgb(rgb: u32) -> Color {
        Color(0xff00_0000 | rgb)
    }

    /// From straight (not premultiplied) channels.
    pub const fn rgba(red: u8, green: u8, blue: u8, alpha: u8) -> Color {
        let opaque = 0xff00_0000 | (red as u32) << 16 | (green as u32) << 8 | blue as u32;
        Color(scale(opaque, alpha as u32))
    }

    pub const fn alpha(self) -> u8 {
        (self.0 >> 24) as u8
    }

    pub const fn is_opaque(self) -> bool {
        self.0 >> 24 == 255
    }

    /// The same colour, `alpha`/255 as strong.
    #[must_use]
    pub const fn faded(self, alpha: u8) -> Color {
        Color(scale(self.0, alpha as u32))
    }

    /// This colour over another.
    #[must_use]
    pub const fn over(self, below: Color) -> Color {
        Color(over(self.0, below.0))
    }

    /// `part`/255 of the way to `other`.
    #[must_use]
    pub const fn mix(self, other: Color, part: u8) -> Color {
        Color(lerp255(self.0, other.0, part as u32))
    }

    /// Straight channels: red, green, blue, alpha.
    pub const fn to_rgba(self) -> [u8; 4] {
        let alpha = self.0 >> 24;
        if alpha == 0 {
            return [0; 4];
        }
        [
            straight_channel(self.0 >> 16, alpha),
            straight_channel(self.0 >> 8, alpha),
            straight_channel(self.0, alpha),
            alpha as u8,
        ]
    }

    /// Perceived lightness of the straight colour, 0 to 255 (Rec. 709 weights on encoded values).
    pub const fn luma(self) -> u8 {
        let [red, green, blue, _] = self.to_rgba();
        ((red as u32 * 54 + green as u32 * 183 + blue as u32 * 19) >> 8) as u8
    }
}

const fn straight_channel(channel: u32, alpha: u32) -> u8 {
    let value = ((channel & 0xff) * 255 + alpha / 2) / alpha;
    if value > 255 { 255 } else { value as u8 }
}

/// Both lanes divided by 255, rounded. Each lane must hold at most 255 * 255.
#[inline(always)]
pub(crate) const fn div255(lanes: u32) -> u32 {
    let biased = lanes + 0x0080_0080;
    ((biased + ((biased >> 8) & LANES)) >> 8) & LANES
}

/// Every channel times `factor`/255.
#[inline(always)]
pub(crate) const fn scale(pixel: u32, factor: u32) -> u32 {
    let rb = div255((pixel & LANES) * factor);
    let ag = div255(((pixel >> 8) & LANES) * factor);
    rb | ag << 8
}

/// Source over destination. The sum wraps for sources that are not really premultiplied: such a
/// client gets odd colours, nobody else notices.
#[inline(always)]
pub(crate) const fn over(source: u32, below: u32) -> u32 {
    source.wrapping_add(scale(below, 255 - (source >> 24)))
}

/// `from` to `to`, `part`/255 of the way.
#[inline(always)]
pub(crate) const fn lerp255(from: u32, to: u32, part: u32) -> u32 {
    let rest = 255 - part;
    let rb = div255((from & LANES) * rest + (to & LANES) * part);
    let ag = div255(((from >> 8) & LANES) * rest + ((to >> 8) & LANES) * part);
    rb | ag << 8
}

/// `from` to `to`, `part`/256 of the way; truncates, for filters.
#[inline(always)]
pub(crate) const fn lerp256(from: u32, to: u32, part: u32) -> u32 {
    let rest = 256 - part;
    let rb = (((from & LANES) * rest + (to & LANES) * part) >> 8) & LANES;
    let ag = (((from >> 8) & LANES) * rest + ((to >> 8) & LANES) * part) & !LANES;
    rb | ag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact_for_every_product() {
        for a in 0..=255u32 {
            for b in 0..=255u32 {
                let want = (a * b * 2 + 255) / 510;
                assert_eq!(div255(a * b), want, "{a} * {b}");
                assert_eq!(div255((a * b) << 16), want << 16, "{a} * {b}, high lane");
            }
        }
    }

    #[test]
    fn over_matches_the_formula_per_channel() {
        for alpha in 0..=255u8 {
            let source = Color::rgba(200, 100, 7, alpha);
            let below = Color::rgb(0x12_80_fe);
            let got = source.over(below).0;
            for shift in [0, 8, 16, 24] {
                let s = (source.0 >> shift) & 0xff;
                let d = (below.0 >> shift) & 0xff;
                let want = s + (d * (255 - alpha as u32) * 2 + 255) / 510;
                assert_eq!((got >> shift) & 0xff, want);
            }
        }
    }

    #[test]
    fn mixing_reaches_both_ends() {
        let (a, b) = (Color::rgb(0x102030), Color::rgb(0xfefdfc));
        assert_eq!(a.mix(b, 0), a);
        assert_eq!(a.mix(b, 255), b);
        assert_eq!(lerp256(a.0, b.0, 0), a.0);
        assert_eq!(lerp256(a.0, b.0, 256), b.0);
    }

    #[test]
    fn straight_channels_come_back() {
        assert_eq!(Color::rgba(10, 20, 30, 255).to_rgba(), [10, 20, 30, 255]);
        assert_eq!(Color::rgba(255, 0, 128, 128).to_rgba(), [255, 0, 128, 128]);
        assert_eq!(Color::TRANSPARENT.to_rgba(), [0; 4]);
    }
}
