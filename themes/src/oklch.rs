//! OKLCH: lightness, chroma and hue as the eye sees them, and contrast as WCAG 2.2 measures it.

use ochre_raster::Color;

/// A colour by lightness (0 to 1), chroma (0 to about 0.37) and hue (degrees).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oklch {
    pub lightness: f32,
    pub chroma: f32,
    pub hue: f32,
}

fn decode(channel: u8) -> f32 {
    let value = f32::from(channel) / 255.0;
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn encode(value: f32) -> f32 {
    let value = value.clamp(0.0, 1.0);
    if value <= 0.003_130_8 {
        value * 12.92
    } else {
        1.055 * value.powf(1.0 / 2.4) - 0.055
    }
}

impl Oklch {
    pub const fn new(lightness: f32, chroma: f32, hue: f32) -> Oklch {
        Oklch {
            lightness,
            chroma,
            hue,
        }
    }

    /// Linear red, green and blue; outside 0 to 1 where sRGB can't show the colour.
    fn linear(self) -> [f32; 3] {
        let (sin, cos) = self.hue.to_radians().sin_cos();
        let (a, b) = (self.chroma * cos, self.chroma * sin);
        // Björn Ottosson, "A perceptual color space for image processing".
        let l = (self.lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
        let m = (self.lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
        let s = (self.lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
        [
            4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
            -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
            -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        ]
    }

    fn in_gamut(self) -> bool {
        self.linear()
            .iter()
            .all(|channel| (-0.000_5..=1.000_5).contains(channel))
    }

    /// The nearest sRGB colour of the same lightness and hue: chroma gives way. Encoded red, green
    /// and blue, 0 to 1.
    pub fn to_srgb(self) -> [f32; 3] {
        let mut shown = self;
        if !shown.in_gamut() {
            let (mut low, mut high) = (0.0, self.chroma);
            for _ in 0..14 {
                shown.chroma = (low + high) / 2.0;
                if shown.in_gamut() {
                    low = shown.chroma
                } else {
                    high = shown.chroma
                }
            }
            shown.chroma = low;
        }
        shown.linear().map(encode)
    }

    /// [`Oklch::to_srgb`] in eight bits a channel.
    pub fn to_color(self) -> Color {
        let [red, green, blue] = self
            .to_srgb()
            .map(|channel| (channel * 255.0).round() as u8);
        Color::rgba(red, green, blue, 255)
    }

    #[must_use]
    pub fn with_lightness(self, lightness: f32) -> Oklch {
        Oklch {
            lightness: lightness.clamp(0.0, 1.0),
            ..self
        }
    }

    #[must_use]
    pub fn with_chroma(self, chroma: f32) -> Oklch {
        Oklch {
            chroma: chroma.max(0.0),
            ..self
        }
    }
}

impl From<Color> for Oklch {
    fn from(color: Color) -> Oklch {
        let [red, green, blue, _] = color.to_rgba();
        let [red, green, blue] = [red, green, blue].map(decode);
        let l = (0.412_221_46 * red + 0.536_332_55 * green + 0.051_445_995 * blue).cbrt();
        let m = (0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue).cbrt();
        let s = (0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue).cbrt();
        let lightness = 0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s;
        let a = 1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s;
        let b = 0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s;
        let hue = b.atan2(a).to_degrees().rem_euclid(360.0);
        Oklch {
            lightness,
            chroma: a.hypot(b),
            hue,
        }
    }
}

fn luminance(color: Color) -> f32 {
    let [red, green, blue, _] = color.to_rgba();
    0.2126 * decode(red) + 0.7152 * decode(green) + 0.0722 * decode(blue)
}

/// WCAG 2.2's contrast ratio, 1 to 21.
pub fn contrast(a: Color, b: Color) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back() {
        for rgb in [
            0x000000, 0xffffff, 0xc8842b, 0x3366cc, 0x00ff00, 0xff00ff, 0x123456,
        ] {
            assert_eq!(
                Oklch::from(Color::rgb(rgb)).to_color(),
                Color::rgb(rgb),
                "{rgb:06x}"
            );
        }
    }

    #[test]
    fn known_values() {
        let red = Oklch::from(Color::rgb(0xff0000));
        assert!((red.lightness - 0.628).abs() < 0.001 && (red.chroma - 0.2577).abs() < 0.001);
        assert!((red.hue - 29.23).abs() < 0.1);
        assert!((contrast(Color::BLACK, Color::WHITE) - 21.0).abs() < 0.01);
        assert!((contrast(Color::rgb(0x767676), Color::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn impossible_chroma_gives_way_to_lightness_and_hue() {
        let wish = Oklch::new(0.9, 0.4, 260.0);
        let got = Oklch::from(wish.to_color());
        assert!((got.lightness - 0.9).abs() < 0.01, "{got:?}");
        assert!((got.hue - 260.0).abs() < 6.0, "{got:?}");
    }
}
