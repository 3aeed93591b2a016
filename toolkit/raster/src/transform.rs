//! The eight ways to turn and flip an image (`wl_output.transform`).
//!
//! A transformed image is walked with one stride along a row of the result and another along its
//! columns; each row is an iterator over one slice, forwards or backwards.

use crate::canvas::{Canvas, Image};
use crate::color::{over, scale};
use crate::rect::Rect;

/// A counter-clockwise turn, after an optional flip around the vertical axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transform {
    #[default]
    Normal,
    Rotate90,
    Rotate180,
    Rotate270,
    Flipped,
    Flipped90,
    Flipped180,
    Flipped270,
}

impl Transform {
    pub const ALL: [Transform; 8] = [
        Transform::Normal,
        Transform::Rotate90,
        Transform::Rotate180,
        Transform::Rotate270,
        Transform::Flipped,
        Transform::Flipped90,
        Transform::Flipped180,
        Transform::Flipped270,
    ];

    pub const fn swaps_sides(self) -> bool {
        use Transform::*;
        matches!(self, Rotate90 | Rotate270 | Flipped90 | Flipped270)
    }

    /// The transform that undoes this one.
    pub const fn inverse(self) -> Self {
        match self {
            Transform::Rotate90 => Transform::Rotate270,
            Transform::Rotate270 => Transform::Rotate90,
            itself => itself,
        }
    }

    /// Width and height after the transform.
    pub const fn size(self, width: i32, height: i32) -> (i32, i32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Where in a `width` × `height` image the result's pixel (x, y) comes from.
    pub const fn source(self, x: i32, y: i32, width: i32, height: i32) -> (i32, i32) {
        let (right, bottom) = (width - 1, height - 1);
        match self {
            Transform::Normal => (x, y),
            Transform::Rotate90 => (right - y, x),
            Transform::Rotate180 => (right - x, bottom - y),
            Transform::Rotate270 => (y, bottom - x),
            Transform::Flipped => (right - x, y),
            Transform::Flipped90 => (y, x),
            Transform::Flipped180 => (x, bottom - y),
            Transform::Flipped270 => (right - y, bottom - x),
        }
    }
}

impl Canvas<'_> {
    /// Draws the whole image, transformed, with its top left pixel at `at`.
    pub fn blend_transformed(
        &mut self,
        image: &Image,
        transform: Transform,
        at: (i32, i32),
        alpha: u8,
    ) {
        if transform == Transform::Normal {
            return self.blend(image, image.bounds(), at, alpha);
        }
        let (width, height) = transform.size(image.width(), image.height());
        let rect = Rect::new(at.0, at.1, width, height).intersect(&self.clip());
        if rect.is_empty() || alpha == 0 {
            return;
        }
        let (opaque, plain) = (image.is_opaque(), image.is_opaque() && alpha == 255);
        let force = if opaque { 0xff00_0000 } else { 0 };
        let put = |to: &mut u32, from: &u32| {
            *to = if plain {
                *from | 0xff00_0000
            } else {
                over(scale(*from | force, u32::from(alpha)), *to)
            };
        };
        for y in rect.y..rect.bottom() {
            let place =
                |x: i32| transform.source(x - at.0, y - at.1, image.width(), image.height());
            let (start, end) = (place(rect.x), place(rect.right() - 1));
            let to = self.row(y, rect.x, rect.right());
            let index = |(x, y): (i32, i32)| y as usize * image.stride() + x as usize;
            let low = index(start).min(index(end));
            let high = index(start).max(index(end));
            let step = if start.1 == end.1 { 1 } else { image.stride() };
            let from = image.pixels()[low..=high].iter().step_by(step);
            if index(start) <= index(end) {
                to.iter_mut().zip(from).for_each(|(to, from)| put(to, from));
            } else {
                to.iter_mut()
                    .zip(from.rev())
                    .for_each(|(to, from)| put(to, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bitmap;

    #[test]
    fn every_pixel_comes_from_its_source() {
        let pixels: Vec<u32> = (0..9 * 6).map(|at| 0xff00_0000 | at).collect();
        let image = Image::argb(&pixels, 7, 6, 9).unwrap();
        for transform in Transform::ALL {
            for at in [(0, 0), (-2, 3), (5, -4)] {
                let mut got = Bitmap::new(10, 10).unwrap();
                got.canvas().blend_transformed(&image, transform, at, 255);
                let (width, height) = transform.size(7, 6);
                for y in 0..10 {
                    for x in 0..10 {
                        let inside = Rect::new(at.0, at.1, width, height).contains(x, y);
                        let (sx, sy) = transform.source(x - at.0, y - at.1, 7, 6);
                        let want = if inside {
                            image.pixel(sx, sy).expect("inside the image")
                        } else {
                            0
                        };
                        assert_eq!(got.pixels()[(y * 10 + x) as usize], want, "{transform:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_is_undone_by_its_inverse() {
        for transform in Transform::ALL {
            let (width, height) = transform.size(5, 3);
            let (x, y) = transform.inverse().source(4, 1, width, height);
            assert_eq!(transform.source(x, y, 5, 3), (4, 1), "{transform:?}");
        }
    }

    #[test]
    fn four_quarter_turns_are_none() {
        let pixels: Vec<u32> = (0..12).map(|at| 0xff00_0000 | at).collect();
        let mut turned = Bitmap::from_pixels(pixels.clone(), 4, 3).unwrap();
        for _ in 0..4 {
            let mut next = Bitmap::new(turned.height() as u32, turned.width() as u32).unwrap();
            next.canvas()
                .blend_transformed(&turned.image(), Transform::Rotate90, (0, 0), 255);
            turned = next;
        }
        assert_eq!(turned.pixels(), pixels);
    }
}
