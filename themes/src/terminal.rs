//! The terminal's palette, grown from the same seeds.

use ochre_raster::Color;

use crate::oklch::Oklch;
use crate::proof::readable;
use crate::ramp::Ramp;
use crate::seeds::Mode;

/// Colours of a terminal. Every one but the greys of `ansi` can be read on `background`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub background: Color,
    pub foreground: Color,
    pub cursor: Color,
    pub selection: Color,
    /// Black, red, green, yellow, blue, magenta, cyan, white; then the bright ones.
    pub ansi: [Color; 16],
}

/// Hues of red, green, yellow, blue, magenta and cyan, a little towards ochre's warmth.
const HUES: [f32; 6] = [26.0, 140.0, 82.0, 252.0, 330.0, 200.0];

impl Terminal {
    pub(crate) fn new(neutral: &Ramp, accent: Color, mode: Mode, ratio: f32) -> Terminal {
        let dark = mode == Mode::Dark;
        let background = if dark {
            let first = neutral.oklch(1);
            first.with_lightness(first.lightness - 0.02).to_color()
        } else {
            neutral.oklch(1).with_lightness(0.99).to_color()
        };
        let legible = |color: Oklch, floor: f32| {
            readable(color, &[background], floor, !dark).unwrap_or(neutral.color(12))
        };
        let ratio = ratio.max(4.5);
        let mut ansi = [Color::BLACK; 16];
        for (at, hue) in HUES.iter().enumerate() {
            let (normal, bright) = if dark { (0.72, 0.80) } else { (0.55, 0.48) };
            ansi[at + 1] = legible(Oklch::new(normal, 0.13, *hue), ratio);
            ansi[at + 9] = legible(Oklch::new(bright, 0.15, *hue), ratio);
        }
        if dark {
            ansi[0] = neutral.color(5);
            ansi[8] = legible(neutral.oklch(9), ratio);
            ansi[7] = neutral.oklch(12).with_lightness(0.86).to_color();
            ansi[15] = neutral.oklch(12).with_lightness(0.97).to_color();
        } else {
            ansi[0] = neutral.color(12);
            ansi[8] = legible(neutral.oklch(10), ratio);
            // Programs print in it, believing the ground dark: the line editor what is typed.
            ansi[7] = legible(neutral.oklch(11), ratio);
            ansi[15] = neutral.color(3);
        }
        Terminal {
            background,
            foreground: neutral.color(12),
            cursor: accent,
            selection: background.mix(accent, if dark { 90 } else { 70 }),
            ansi,
        }
    }
}
