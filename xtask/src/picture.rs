//! What is on a screen, as QEMU writes it: the binary form of PPM (netpbm's `ppm(5)`).

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;

/// The largest side that is believed.
const MAX_SIDE: usize = 16384;

/// Three bytes: red, green, blue.
pub type Colour = [u8; 3];

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    pixels: Vec<u8>,
}

/// An area in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Picture {
    /// Reads `P6 WIDTH HEIGHT 255` and the pixels behind it.
    pub fn parse(bytes: &[u8]) -> Result<Picture> {
        let mut rest = bytes;
        let mut word = || -> Result<&[u8]> {
            let begin = rest.iter().position(|b| !b.is_ascii_whitespace());
            rest = &rest[begin.context("the picture's head is cut")?..];
            let end = rest.iter().position(u8::is_ascii_whitespace);
            let (word, more) = rest.split_at(end.context("the picture's head is cut")?);
            rest = more;
            Ok(word)
        };
        ensure!(word()? == b"P6", "not a binary PPM");
        let mut number = || -> Result<usize> {
            let text = String::from_utf8_lossy(word()?).into_owned();
            text.parse().with_context(|| format!("no number: {text}"))
        };
        let (width, height, depth) = (number()?, number()?, number()?);
        if depth != 255 || !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            bail!("a picture of {width}x{height} with {depth} levels");
        }
        // One white space ends the head.
        let pixels = rest.get(1..=width * height * 3).context("it is cut")?;
        Ok(Picture {
            width,
            height,
            pixels: pixels.to_vec(),
        })
    }

    /// The colour of a pixel; of the nearest one if it is outside.
    pub fn at(&self, x: usize, y: usize) -> Colour {
        let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
        let at = (y * self.width + x) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// The bytes of some rows.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> &[u8] {
        let row = self.width * 3;
        let end = rows.end.min(self.height);
        &self.pixels[rows.start.min(end) * row..end * row]
    }

    /// Whether it shows more than a few plain areas and letters: at least so many colours, on a
    /// grid of 16 pixels.
    pub fn is_rich(&self, colours: usize) -> bool {
        let rows = (0..self.height).step_by(16);
        let points = rows.flat_map(|y| (0..self.width).step_by(16).map(move |x| (x, y)));
        let seen: BTreeSet<Colour> = points.map(|(x, y)| self.at(x, y)).collect();
        seen.len() >= colours
    }

    /// The least area with all pixels of exactly this colour, and how many there are.
    pub fn find(&self, colour: Colour) -> Option<(Area, usize)> {
        let mut bounds: Option<[usize; 4]> = None;
        let mut count = 0;
        for (index, pixel) in self.pixels.chunks_exact(3).enumerate() {
            if pixel == colour {
                let (x, y) = (index % self.width, index / self.width);
                let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
                bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
                count += 1;
            }
        }
        let [left, top, right, bottom] = bounds?;
        let area = Area {
            x: left,
            y: top,
            width: right - left + 1,
            height: bottom - top + 1,
        };
        Some((area, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_and_searched() {
        let mut file = b"P6\n3 2\n255\n".to_vec();
        file.extend([0; 9]);
        file.extend([0, 0, 0, 7, 8, 9, 7, 8, 9]);
        let picture = Picture::parse(&file).unwrap();
        assert_eq!(picture.at(1, 1), [7, 8, 9]);
        let area = Area {
            x: 1,
            y: 1,
            width: 2,
            height: 1,
        };
        assert_eq!(picture.find([7, 8, 9]), Some((area, 2)));
        assert_eq!(picture.find([1, 1, 1]), None);
        assert!(picture.is_rich(1) && !picture.is_rich(2));
    }

    #[test]
    fn broken_pictures_are_refused() {
        for wrong in [
            &b""[..],
            b"P6",
            b"P5 1 1 255 \0\0\0",
            b"P6 2 1 255\n\0\0\0",
            b"P6 0 1 255\n",
            b"P6 99999 99999 255\n",
            b"P6 1 x 255\n\0\0\0",
        ] {
            assert!(Picture::parse(wrong).is_err());
        }
    }
}
