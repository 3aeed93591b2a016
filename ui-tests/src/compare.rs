//! Whether two pictures are the same, and where they are not.

use crate::picture::Picture;

/// How much a picture may differ. Exact unless a scene says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// A channel may be off by so much in any pixel.
    pub channel: u8,
    /// So many pixels may be off by more.
    pub pixels: usize,
}

impl Tolerance {
    pub const EXACT: Tolerance = Tolerance {
        channel: 0,
        pixels: 0,
    };
}

/// What is different between two pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Pixels that are off by more than the tolerance allows.
    pub pixels: usize,
    /// The most that a channel is off.
    pub largest: u8,
    /// x, y, width and height of the part that differs.
    pub bounds: (usize, usize, usize, usize),
    /// The sizes, if these differ.
    pub sizes: Option<((usize, usize), (usize, usize))>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(((width, height), (now_width, now_height))) = self.sizes {
            return write!(
                out,
                "{width}×{height} was approved, {now_width}×{now_height} is seen"
            );
        }
        let (x, y, width, height) = self.bounds;
        write!(
            out,
            "{} pixels differ, by up to {}, within {width}×{height} at {x}, {y}",
            self.pixels, self.largest
        )
    }
}

/// None if `seen` is like `approved`.
pub fn compare(approved: &Picture, seen: &Picture, tolerance: Tolerance) -> Option<Difference> {
    let sizes = ((approved.width, approved.height), (seen.width, seen.height));
    if sizes.0 != sizes.1 {
        let bounds = (0, 0, seen.width, seen.height);
        return Some(Difference {
            pixels: 0,
            largest: 0,
            bounds,
            sizes: Some(sizes),
        });
    }
    if approved.pixels == seen.pixels {
        return None;
    }
    let (mut pixels, mut largest) = (0, 0);
    let (mut left, mut top, mut right, mut bottom) = (usize::MAX, usize::MAX, 0, 0);
    for (index, (a, b)) in approved.pixels.iter().zip(&seen.pixels).enumerate() {
        let off = distance(*a, *b);
        if off > tolerance.channel {
            let (x, y) = (index % seen.width, index / seen.width);
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
            pixels += 1;
            largest = largest.max(off);
        }
    }
    (pixels > tolerance.pixels).then(|| Difference {
        pixels,
        largest,
        bounds: (left, top, right - left, bottom - top),
        sizes: None,
    })
}

/// The seen picture in pale grey, with what differs in red.
pub fn highlight(approved: &Picture, seen: &Picture, tolerance: Tolerance) -> Picture {
    let mut picture = Picture::new(seen.width, seen.height);
    for (index, pixel) in picture.pixels.iter_mut().enumerate() {
        let (x, y) = (index % seen.width, index / seen.width);
        let now = seen.pixels[index];
        let off = approved
            .pixel(x, y)
            .map_or(255, |before| distance(before, now));
        let [_, red, green, blue] = now.to_be_bytes();
        let grey = (u32::from(red) + u32::from(green) + u32::from(blue)) / 3;
        let pale = 0xc0 + grey / 4;
        *pixel = if off > tolerance.channel {
            0xe0_2020
        } else {
            pale * 0x01_0101
        };
    }
    picture
}

/// The most that a channel differs.
fn distance(a: u32, b: u32) -> u8 {
    if a == b {
        return 0;
    }
    let channels = a.to_be_bytes().into_iter().zip(b.to_be_bytes());
    channels.map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_kept_and_no_more() {
        let approved = Picture::new(10, 10);
        let mut seen = approved.clone();
        assert_eq!(compare(&approved, &seen, Tolerance::EXACT), None);
        seen.pixels[34] = 0x00_0300;
        seen.pixels[57] = 0x10_0001;
        let difference = compare(&approved, &seen, Tolerance::EXACT).unwrap();
        assert_eq!((difference.pixels, difference.largest), (2, 16));
        assert_eq!(difference.bounds, (4, 3, 4, 3));
        for (channel, pixels, differs) in [
            (2, 1, true),
            (3, 0, true),
            (3, 1, false),
            (0, 2, false),
            (16, 0, false),
        ] {
            let tolerance = Tolerance { channel, pixels };
            assert_eq!(
                compare(&approved, &seen, tolerance).is_some(),
                differs,
                "{tolerance:?}"
            );
        }
        let marked = highlight(&approved, &seen, Tolerance::EXACT);
        assert_eq!(
            marked
                .pixels
                .iter()
                .filter(|pixel| **pixel == 0xe0_2020)
                .count(),
            2
        );
    }

    #[test]
    fn another_size_differs_whatever_the_tolerance() {
        let (approved, seen) = (Picture::new(3, 2), Picture::new(2, 3));
        let all = Tolerance {
            channel: 255,
            pixels: 100,
        };
        let difference = compare(&approved, &seen, all).unwrap();
        assert_eq!(difference.to_string(), "3×2 was approved, 2×3 is seen");
        assert_eq!(highlight(&approved, &seen, all).pixels.len(), 6);
    }
}
