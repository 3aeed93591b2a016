//! The tone of a display: a curve for each colour, laid over what was drawn.
//!
//! Cards without gamma tables are the rule here, so it is done to the pixels, and only to those that
//! a frame drew anew. Screenshots do not have it.

use ochre_raster::Bitmap;
use smithay::utils::{Physical, Rectangle};

use super::{Target, target::rect};

/// How many values a curve has.
pub const CURVE: usize = 256;

/// Curves for red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tone {
    curves: Box<[[u8; CURVE]; 3]>,
}

impl Tone {
    /// From three ramps of [`CURVE`] 16-bit values each, as gamma tables are given.
    pub fn from_ramps(ramps: &[u16]) -> Option<Self> {
        if ramps.len() != 3 * CURVE {
            return None;
        }
        let mut curves = Box::new([[0; CURVE]; 3]);
        for (curve, ramp) in curves.iter_mut().zip(ramps.chunks_exact(CURVE)) {
            for (value, given) in curve.iter_mut().zip(ramp) {
                *value = (given >> 8) as u8;
            }
        }
        Some(Self { curves })
    }

    /// White as a black body of `kelvin` would be; daylight (6500 K) changes nothing.
    pub fn of_temperature(kelvin: u32) -> Self {
        let white = white_of(f64::from(kelvin.clamp(1000, 10_000)));
        let mut curves = Box::new([[0; CURVE]; 3]);
        for (curve, share) in curves.iter_mut().zip(white) {
            for (value, out) in (0u32..).zip(curve.iter_mut()) {
                *out = (f64::from(value) * share).round() as u8;
            }
        }
        Self { curves }
    }

    /// One tone after another.
    pub fn then(&self, next: &Tone) -> Tone {
        let mut curves = self.curves.clone();
        for (curve, after) in curves.iter_mut().zip(next.curves.iter()) {
            for value in curve {
                *value = after[usize::from(*value)];
            }
        }
        Tone { curves }
    }

    /// Lays the tone over what was drawn.
    pub(crate) fn apply(&self, target: &mut Target<'_>, drawn: &[Rectangle<i32, Physical>]) {
        let [red, green, blue] = &*self.curves;
        for part in drawn {
            target.0.map(rect(*part), |pixel| {
                let [b, g, r, a] = pixel.to_le_bytes();
                let toned = [
                    blue[usize::from(b)],
                    green[usize::from(g)],
                    red[usize::from(r)],
                    a,
                ];
                u32::from_le_bytes(toned)
            });
        }
    }

    /// Lays the tone over a picture with holes.
    pub(crate) fn apply_through(&self, picture: &mut Bitmap) {
        let [red, green, blue] = &*self.curves;
        let all = picture.bounds();
        picture.canvas().map(all, |pixel| {
            let [b, g, r, a] = pixel.to_le_bytes();
            let toned = [
                through(blue, b, a),
                through(green, g, a),
                through(red, r, a),
                a,
            ];
            u32::from_le_bytes(toned)
        });
    }
}

/// A colour of a curve's, multiplied with how opaque its pixel is.
fn through(curve: &[u8; CURVE], value: u8, opacity: u8) -> u8 {
    let (value, opacity) = (u32::from(value), u32::from(opacity));
    let pure = (value * 255 + opacity / 2).checked_div(opacity);
    let toned = curve[pure.unwrap_or(0).min(255) as usize];
    ((u32::from(toned) * opacity + 127) / 255) as u8
}

/// Red, green and blue of a black body (Tanner Helland's fit of CIE 1964), relative to 6500 K.
fn white_of(kelvin: f64) -> [f64; 3] {
    let raw = |kelvin: f64| {
        let t = kelvin / 100.0;
        let red = if t <= 66.0 {
            255.0
        } else {
            329.698_727_446 * (t - 60.0).powf(-0.133_204_759_2)
        };
        let green = if t <= 66.0 {
            99.470_802_586_1 * t.ln() - 161.119_568_166_1
        } else {
            288.122_169_528_3 * (t - 60.0).powf(-0.075_514_849_2)
        };
        let blue = if t >= 66.0 {
            255.0
        } else if t <= 19.0 {
            0.0
        } else {
            138.517_731_223_1 * (t - 10.0).ln() - 305.044_792_730_7
        };
        [red, green, blue].map(|channel| channel.clamp(0.0, 255.0))
    };
    let (wanted, day) = (raw(kelvin), raw(6500.0));
    let mut white = [0.0; 3];
    for ((share, wanted), day) in white.iter_mut().zip(wanted).zip(day) {
        *share = (wanted / day).min(1.0);
    }
    white
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daylight_changes_nothing_and_evening_takes_the_blue() {
        let day = Tone::of_temperature(6500);
        assert!(
            day.curves
                .iter()
                .all(|curve| (0u8..=255).all(|value| curve[usize::from(value)] == value))
        );
        let evening = Tone::of_temperature(3400);
        let [red, green, blue] = &*evening.curves;
        assert_eq!(red[255], 255);
        assert!(green[255] < 210 && green[255] > 150, "{}", green[255]);
        assert!(blue[255] < 150 && blue[255] > 80, "{}", blue[255]);
        assert!(blue.is_sorted());
    }

    #[test]
    fn only_what_was_drawn_is_toned_and_each_colour_by_its_own_curve() {
        let mut ramps = vec![0u16; 3 * CURVE];
        ramps[0x10] = 0x4000;
        ramps[CURVE + 0x20] = 0x5000;
        ramps[2 * CURVE + 0x30] = 0x6000;
        let tone = Tone::from_ramps(&ramps).unwrap();
        let mut bitmap = Bitmap::from_pixels(vec![0xff10_2030; 2], 2, 1).unwrap();
        let part = Rectangle::new((1, 0).into(), (5, 5).into());
        tone.apply(&mut Target::of(&mut bitmap), &[part]);
        assert_eq!(bitmap.pixels(), [0xff10_2030, 0xff40_5060]);
        assert!(Tone::from_ramps(&ramps[1..]).is_none());
    }

    #[test]
    fn tones_follow_each_other() {
        let evening = Tone::of_temperature(4000);
        let both = evening.then(&Tone::of_temperature(6500));
        assert_eq!(both, evening);
    }

    #[test]
    fn what_is_half_there_is_half_of_what_it_would_be() {
        let evening = Tone::of_temperature(3400);
        let [hole, full, half] = [0, 0xffff_ffff, 0x8080_8080].map(|pixel| {
            let mut picture = Bitmap::new(1, 1).unwrap();
            let all = picture.bounds();
            picture.canvas().map(all, |_| pixel);
            evening.apply_through(&mut picture);
            picture.pixels()[0]
        });
        assert_eq!((hole, full >> 16, half >> 16), (0, 0xffff, 0x8080));
        let (full, half) = (full & 0xff, half & 0xff);
        assert!(full < 150 && half.abs_diff(full / 2) <= 1, "{full} {half}");
    }
}
