//! Bilinear scaling from any part of an image, in 16.16 fixed point.
//!
//! A row of the result first mixes its two source rows, over the columns it needs, then walks the
//! mixed row. Sample points are pixel centres and clamp at the source's edges; a part of the result
//! repaints exactly as the whole did.

use crate::blit::blend_row;
use crate::canvas::{Canvas, Image};
use crate::color::lerp256;
use crate::rect::Rect;

/// A rectangle in 16.16 fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedRect {
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
}

const ONE: i64 = 1 << 16;

impl From<Rect> for FixedRect {
    fn from(rect: Rect) -> FixedRect {
        FixedRect {
            x: i64::from(rect.x) << 16,
            y: i64::from(rect.y) << 16,
            width: i64::from(rect.width) << 16,
            height: i64::from(rect.height) << 16,
        }
    }
}

impl FixedRect {
    /// From pixels; what is no number becomes 0, what is too large the largest there is.
    pub fn from_f64(x: f64, y: f64, width: f64, height: f64) -> FixedRect {
        let fixed = |value: f64| (value.clamp(-1e9, 1e9) * ONE as f64).round() as i64;
        FixedRect {
            x: fixed(x),
            y: fixed(y),
            width: fixed(width),
            height: fixed(height),
        }
    }

    /// The rectangle in whole pixels, if it is one.
    pub fn to_rect(&self) -> Option<Rect> {
        let whole = |value: i64| (value & 0xffff == 0).then(|| i32::try_from(value >> 16).ok())?;
        Some(Rect::new(
            whole(self.x)?,
            whole(self.y)?,
            whole(self.width)?,
            whole(self.height)?,
        ))
    }

    /// Only sizes that `i64` arithmetic can walk.
    fn is_sane(&self) -> bool {
        let most = 1i64 << 46;
        self.width > 0
            && self.height > 0
            && [self.x, self.y, self.width, self.height]
                .iter()
                .all(|side| side.abs() < most)
    }
}

/// One axis: the sample position for each result pixel.
struct Axis {
    start: i64,
    step: i64,
    last: i64,
}

impl Axis {
    fn new(from: i64, length: i64, result: i32, pixels: i32) -> Axis {
        let step = length / i64::from(result);
        // The centre of the first result pixel, measured from source pixel centres.
        Axis {
            start: from + step / 2 - ONE / 2,
            step,
            last: i64::from(pixels - 1) << 16,
        }
    }

    fn at(&self, result: i32) -> i64 {
        (self.start + i64::from(result) * self.step).clamp(0, self.last)
    }
}

impl Canvas<'_> {
    /// Draws `source` of the image stretched to `target`, at strength `alpha`/255. Nothing is scaled
    /// when the sizes agree and the source begins on a pixel.
    pub fn blend_scaled(&mut self, image: &Image, source: FixedRect, target: Rect, alpha: u8) {
        if let Some(whole) = source.to_rect()
            && (whole.width, whole.height) == (target.width, target.height)
        {
            return self.blend(image, whole, (target.x, target.y), alpha);
        }
        let part = target.intersect(&self.clip());
        if part.is_empty() || alpha == 0 || image.bounds().is_empty() || !source.is_sane() {
            return;
        }
        let columns = Axis::new(source.x, source.width, target.width, image.width());
        let rows = Axis::new(source.y, source.height, target.height, image.height());
        let samples: Vec<i64> = (part.x..part.right())
            .map(|x| columns.at(x - target.x))
            .collect();
        // One more than the last sample's column, where there is one, for the right neighbour.
        let first = (samples[0] >> 16) as i32;
        let end = ((samples[samples.len() - 1] >> 16) as i32 + 2).min(image.width());
        let samples: Vec<(u32, u32)> = samples
            .iter()
            .map(|at| ((at >> 16) as u32 - first as u32, (at >> 8) as u32 & 0xff))
            .collect();
        let mut mixed = vec![0; (end - first) as usize + 1];
        let mut line = vec![0; part.width as usize];
        let mut mixed_at = None;
        for y in part.y..part.bottom() {
            let at = rows.at(y - target.y);
            if mixed_at != Some(at >> 8) {
                mixed_at = Some(at >> 8);
                self.mix_rows(image, at, first, end, &mut mixed);
            }
            for (to, (column, part)) in line.iter_mut().zip(&samples) {
                let column = *column as usize;
                *to = lerp256(mixed[column], mixed[column + 1], *part);
            }
            blend_row(
                self.row(y, part.x, part.right()),
                &line,
                image.is_opaque(),
                alpha,
            );
        }
    }

    fn mix_rows(&self, image: &Image, at: i64, first: i32, end: i32, mixed: &mut [u32]) {
        let (row, part) = ((at >> 16) as i32, (at >> 8) as u32 & 0xff);
        let upper = image.row(row, first, end);
        let count = upper.len();
        if part == 0 {
            mixed[..count].copy_from_slice(upper);
        } else {
            let lower = image.row((row + 1).min(image.height() - 1), first, end);
            for ((to, upper), lower) in mixed.iter_mut().zip(upper).zip(lower) {
                *to = lerp256(*upper, *lower, part);
            }
        }
        mixed[count] = mixed[count - 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bitmap, Color};

    fn ramp() -> Bitmap {
        let pixels = (0..8 * 6).map(|at| Color::rgb(((at % 8 * 30) << 16) | (at / 8 * 40)).0);
        Bitmap::from_pixels(pixels.collect(), 8, 6).unwrap()
    }

    #[test]
    fn equal_sizes_copy() {
        let image = ramp();
        let mut got = Bitmap::new(8, 6).unwrap();
        got.canvas()
            .blend_scaled(&image.image(), image.bounds().into(), image.bounds(), 255);
        assert_eq!(got, image);
    }

    #[test]
    fn stays_within_one_of_exact_bilinear() {
        let image = ramp();
        let (width, height) = (19, 23);
        let mut got = Bitmap::new(width, height).unwrap();
        let target = got.bounds();
        let source = FixedRect::from_f64(1.25, 0.5, 5.5, 4.75);
        got.canvas()
            .blend_scaled(&image.image(), source, target, 255);
        for y in 0..height {
            for x in 0..width {
                let sx =
                    (1.25 + (f64::from(x) + 0.5) * 5.5 / f64::from(width) - 0.5).clamp(0.0, 7.0);
                let sy =
                    (0.5 + (f64::from(y) + 0.5) * 4.75 / f64::from(height) - 0.5).clamp(0.0, 5.0);
                let sample = |dx: f64, dy: f64, shift: u32| {
                    let x = ((sx.floor() + dx) as i32).min(7);
                    let y = ((sy.floor() + dy) as i32).min(5);
                    f64::from((image.image().pixel(x, y).unwrap() >> shift) & 0xff)
                };
                for shift in [0, 16, 24] {
                    let (fx, fy) = (sx.fract(), sy.fract());
                    let upper = sample(0.0, 0.0, shift) * (1.0 - fx) + sample(1.0, 0.0, shift) * fx;
                    let lower = sample(0.0, 1.0, shift) * (1.0 - fx) + sample(1.0, 1.0, shift) * fx;
                    let want = upper * (1.0 - fy) + lower * fy;
                    let word = got.pixels()[(y * width + x) as usize];
                    let is = f64::from((word >> shift) & 0xff);
                    assert!((is - want).abs() <= 2.0, "{x},{y}: {is} for {want}");
                }
            }
        }
    }

    #[test]
    fn parts_repaint_as_the_whole() {
        let image = ramp();
        let target = Rect::new(-3, 2, 40, 33);
        let source = FixedRect::from_f64(0.3, 0.0, 7.0, 6.0);
        let mut whole = Bitmap::new(48, 48).unwrap();
        whole
            .canvas()
            .blend_scaled(&image.image(), source, target, 180);
        let mut parts = Bitmap::new(48, 48).unwrap();
        for clip in [
            Rect::new(0, 0, 7, 48),
            Rect::new(7, 0, 41, 11),
            Rect::new(7, 11, 41, 37),
        ] {
            parts
                .canvas()
                .clipped(clip)
                .blend_scaled(&image.image(), source, target, 180);
        }
        assert_eq!(whole, parts);
    }

    #[test]
    fn hostile_sources_draw_nothing_or_edges() {
        let image = ramp();
        let mut bitmap = Bitmap::new(16, 16).unwrap();
        let whole = bitmap.bounds();
        for side in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
            let source = FixedRect::from_f64(side, side, side, side);
            bitmap
                .canvas()
                .blend_scaled(&image.image(), source, whole, 255);
        }
        let far = FixedRect::from_f64(1e6, 1e6, 5.0, 5.0);
        bitmap
            .canvas()
            .blend_scaled(&image.image(), far, whole, 255);
        assert_eq!(bitmap.pixels()[0], image.image().pixel(7, 5).unwrap());
    }
}
