//! Copying and blending images, pixel for pixel.

use crate::canvas::{Canvas, Image};
use crate::corner::{Radii, rounded_rows};
use crate::kernel;
use crate::rect::Rect;

/// The part of `source` at `at` that can be read and drawn: the rectangle on the canvas, and what to
/// add to a canvas position to get the image's.
fn placed(canvas: &Canvas, image: &Image, source: Rect, at: (i32, i32)) -> (Rect, i64, i64) {
    let (dx, dy) = (
        i64::from(source.x) - i64::from(at.0),
        i64::from(source.y) - i64::from(at.1),
    );
    let readable = source.intersect(&image.bounds());
    let clip = canvas.clip();
    // In 64 bits: positions come from clients and may be far outside.
    let left = (i64::from(readable.x) - dx).max(i64::from(clip.x));
    let top = (i64::from(readable.y) - dy).max(i64::from(clip.y));
    let right = (i64::from(readable.right()) - dx).min(i64::from(clip.right()));
    let bottom = (i64::from(readable.bottom()) - dy).min(i64::from(clip.bottom()));
    if readable.is_empty() || left >= right || top >= bottom {
        return (Rect::EMPTY, 0, 0);
    }
    (
        Rect::from_edges(left as i32, top as i32, right as i32, bottom as i32),
        dx,
        dy,
    )
}

impl Canvas<'_> {
    /// Replaces pixels by the image's `source` part, alpha and all. Alpha becomes 255 where the
    /// image is an opaque one.
    pub fn copy(&mut self, image: &Image, source: Rect, at: (i32, i32)) {
        let (rect, dx, dy) = placed(self, image, source, at);
        for y in rect.y..rect.bottom() {
            let left = (i64::from(rect.x) + dx) as i32;
            let from = image.row((i64::from(y) + dy) as i32, left, left + rect.width);
            let to = self.row(y, rect.x, rect.right());
            if image.is_opaque() {
                kernel::copy_forcing_alpha(to, from);
            } else {
                kernel::copy(to, from);
            }
        }
    }

    /// Draws the image's `source` part over what is there, at strength `alpha`/255.
    pub fn blend(&mut self, image: &Image, source: Rect, at: (i32, i32), alpha: u8) {
        if alpha == 0 {
            return;
        }
        if image.is_opaque() && alpha == 255 {
            return self.copy(image, source, at);
        }
        let (rect, dx, dy) = placed(self, image, source, at);
        for y in rect.y..rect.bottom() {
            let left = (i64::from(rect.x) + dx) as i32;
            let from = image.row((i64::from(y) + dy) as i32, left, left + rect.width);
            let to = self.row(y, rect.x, rect.right());
            blend_row(to, from, image.is_opaque(), alpha);
        }
    }

    /// [`Canvas::blend`], cut to the rounded rectangle `shape` (in canvas coordinates).
    pub fn blend_rounded(
        &mut self,
        image: &Image,
        source: Rect,
        at: (i32, i32),
        alpha: u8,
        shape: Rect,
        radii: impl Into<Radii>,
    ) {
        let (rect, dx, dy) = placed(self, image, source, at);
        if alpha == 0 || rect.is_empty() {
            return;
        }
        let opaque = image.is_opaque();
        let force = if opaque { 0xff00_0000 } else { 0 };
        rounded_rows(shape, radii.into(), rect, |y, from_x, to_x, coverage| {
            let left = (i64::from(from_x) + dx) as i32;
            let from = image.row((i64::from(y) + dy) as i32, left, left + (to_x - from_x));
            let to = self.row(y, from_x, to_x);
            match coverage {
                None => blend_row(to, from, opaque, alpha),
                Some(coverage) if alpha == 255 => kernel::blend_covered(to, from, coverage, force),
                Some(coverage) => {
                    for ((to, from), part) in to.chunks_mut(1).zip(from.chunks(1)).zip(coverage) {
                        let part = crate::color::div255(u32::from(*part) * u32::from(alpha)) as u8;
                        kernel::blend_covered(to, from, &[part], force);
                    }
                }
            }
        });
    }
}

pub(crate) fn blend_row(to: &mut [u32], from: &[u32], opaque: bool, alpha: u8) {
    match (opaque, alpha) {
        (true, 255) => kernel::copy_forcing_alpha(to, from),
        (true, alpha) => kernel::fade_opaque(to, from, alpha),
        (false, 255) => kernel::blend(to, from),
        (false, alpha) => kernel::blend_faded(to, from, alpha),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Bitmap, Color, Image, Rect};

    fn checker(width: u32, height: u32) -> Bitmap {
        let pixels = (0..width * height)
            .map(|at| 0x8000_0000 | (at % 128))
            .collect();
        Bitmap::from_pixels(pixels, width, height).unwrap()
    }

    #[test]
    fn blends_what_overlaps_as_a_loop_over_pixels_would() {
        let image = checker(9, 7);
        for at in [
            (-4, -3),
            (0, 0),
            (3, 5),
            (30, 30),
            (i32::MIN, 0),
            (i32::MAX, i32::MAX),
        ] {
            for source in [
                Rect::new(0, 0, 9, 7),
                Rect::new(2, 1, 100, 3),
                Rect::new(-3, -3, 9, 9),
            ] {
                let mut got = Bitmap::new(12, 12).unwrap();
                got.canvas()
                    .replace(Rect::new(0, 0, 12, 12), Color::rgb(0x445566));
                let mut want = got.clone().pixels().to_vec();
                got.canvas().blend(&image.image(), source, at, 200);
                for y in 0..12i64 {
                    for x in 0..12i64 {
                        let from_x = x - i64::from(at.0) + i64::from(source.x);
                        let from_y = y - i64::from(at.1) + i64::from(source.y);
                        let inside = from_x >= i64::from(source.x)
                            && from_y >= i64::from(source.y)
                            && from_x < i64::from(source.right())
                            && from_y < i64::from(source.bottom());
                        let word = i32::try_from(from_x)
                            .ok()
                            .zip(i32::try_from(from_y).ok())
                            .and_then(|(x, y)| image.image().pixel(x, y));
                        if let (true, Some(word)) = (inside, word) {
                            let slot = &mut want[(y * 12 + x) as usize];
                            *slot = Color(word).faded(200).over(Color(*slot)).0;
                        }
                    }
                }
                assert_eq!(got.pixels(), want, "{at:?} {source:?}");
            }
        }
    }

    #[test]
    fn the_unused_byte_never_shows() {
        let pixels = [0x0012_3456; 4];
        let image = Image::xrgb(&pixels, 2, 2, 2).unwrap();
        let mut bitmap = Bitmap::new(2, 2).unwrap();
        bitmap.canvas().copy(&image, Rect::new(0, 0, 2, 2), (0, 0));
        assert_eq!(bitmap.pixels(), [0xff12_3456; 4]);
    }

    #[test]
    fn rounded_blends_leave_the_corner_alone() {
        let image = Bitmap::from_pixels(vec![0xffff_ffff; 400], 20, 20).unwrap();
        let whole = Rect::new(0, 0, 20, 20);
        let mut bitmap = Bitmap::new(20, 20).unwrap();
        bitmap
            .canvas()
            .blend_rounded(&image.image(), whole, (0, 0), 255, whole, 8);
        let at = |x: usize, y: usize| bitmap.pixels()[y * 20 + x];
        assert_eq!(at(0, 0), 0);
        assert_eq!(at(19, 19), 0);
        assert_eq!(at(10, 0), 0xffff_ffff);
        assert_eq!(at(3, 3), 0xffff_ffff);
        assert_eq!(at(1, 2), at(18, 17), "the corners mirror each other");
    }
}
