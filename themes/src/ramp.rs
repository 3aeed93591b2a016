//! Twelve-step ramps: from the faintest surface (1) to the strongest text (12).
//!
//! The steps have fixed uses, so that a token is a step: 1 and 2 surfaces, 3 to 5 controls at rest,
//! hovered and pressed, 6 to 8 lines, 9 and 10 solid colour, 11 and 12 text.

use ochre_raster::Color;

use crate::oklch::Oklch;
use crate::seeds::Mode;

/// Twelve shades of one hue.
#[derive(Clone, Debug)]
pub struct Ramp([Oklch; 12]);

const LIGHT: [f32; 12] = [
    0.988, 0.972, 0.949, 0.927, 0.903, 0.886, 0.845, 0.765, 0.620, 0.580, 0.490, 0.235,
];
const DARK: [f32; 12] = [
    0.182, 0.212, 0.250, 0.280, 0.312, 0.345, 0.395, 0.485, 0.560, 0.600, 0.770, 0.950,
];

/// How much of the seed's chroma each step carries, for a coloured ramp.
const COLOURED: [f32; 12] = [
    0.08, 0.14, 0.28, 0.38, 0.48, 0.55, 0.65, 0.80, 1.0, 1.0, 0.90, 0.45,
];

impl Ramp {
    /// Greys tinted by `base`, whose lightness is the first step's; the tint fades towards text.
    pub fn neutral(base: Oklch, mode: Mode) -> Ramp {
        let steps = steps(mode);
        let shift = base.lightness - steps[0];
        Ramp(std::array::from_fn(|step| {
            let fade = 1.0 - (step as f32 / 9.0).min(1.0);
            let chroma = base.chroma.min(0.04) * (1.0 + step as f32 * 0.06);
            Oklch::new(
                (steps[step] + shift * fade).clamp(0.0, 1.0),
                chroma,
                base.hue,
            )
        }))
    }

    /// Shades of `seed`, which itself is step 9.
    pub fn coloured(seed: Oklch, mode: Mode) -> Ramp {
        let steps = steps(mode);
        let hover = if mode == Mode::Light { -0.045 } else { 0.045 };
        Ramp(std::array::from_fn(|step| {
            let lightness = match step {
                8 => seed.lightness,
                9 => seed.lightness + hover,
                _ => steps[step],
            };
            Oklch::new(lightness, seed.chroma * COLOURED[step], seed.hue)
        }))
    }

    /// Step 1 to 12.
    pub fn oklch(&self, step: usize) -> Oklch {
        self.0[step.clamp(1, 12) - 1]
    }

    /// Step 1 to 12.
    pub fn color(&self, step: usize) -> Color {
        self.oklch(step).to_color()
    }
}

fn steps(mode: Mode) -> [f32; 12] {
    match mode {
        Mode::Light => LIGHT,
        Mode::Dark => DARK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_runs_one_way() {
        for (mode, base) in [(Mode::Light, 0.94), (Mode::Light, 1.0), (Mode::Dark, 0.12)] {
            let ramp = Ramp::neutral(Oklch::new(base, 0.01, 70.0), mode);
            let lightness: Vec<f32> = (1..=12).map(|step| ramp.oklch(step).lightness).collect();
            let falls = mode == Mode::Light;
            assert!(lightness.is_sorted_by(|a, b| if falls { a >= b } else { a <= b }));
        }
    }

    #[test]
    fn the_seed_is_step_nine() {
        let seed = Color::rgb(0xb25e09);
        assert_eq!(Ramp::coloured(seed.into(), Mode::Light).color(9), seed);
    }
}
