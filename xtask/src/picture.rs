//! What is on a screen, as QEMU writes it: the binary form of PPM (netpbm's `ppm(5)`).

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
        let rest = rest.get(1..).context("it is cut")?;
        // QEMU 7.2 fills its rows up to four bytes, which is no PPM.
        let (row, filled) = (width * 3, (width * 3).next_multiple_of(4));
        let row_length = if rest.len() == filled * height {
            filled
        } else {
            row
        };
        let rows = rest.get(..row_length * height).context("it is cut")?;
        let pixels = rows
            .chunks_exact(row_length)
            .flat_map(|filled| &filled[..row]);
        Ok(Picture {
            width,
            height,
            pixels: pixels.copied().collect(),
        })
    }

    /// One of one colour.
    #[cfg(test)]
    pub fn plain(width: usize, height: usize, colour: Colour) -> Picture {
        Picture {
            width,
            height,
            pixels: colour.repeat(width * height),
        }
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

    /// Gives an area one colour.
    pub fn fill(&mut self, area: Area, colour: Colour) {
        let end = (area.x + area.width).min(self.width);
        let begin = area.x.min(end);
        let row = colour.repeat(end - begin);
        for y in area.y..(area.y + area.height).min(self.height) {
            let at = (y * self.width + begin) * 3;
            self.pixels[at..at + row.len()].copy_from_slice(&row);
        }
    }

    /// The least area with all pixels that another picture of the same size has otherwise.
    pub fn difference(&self, other: &Picture) -> Option<Area> {
        if self.pixels == other.pixels {
            return None;
        }
        let pairs = self
            .pixels
            .chunks_exact(3)
            .zip(other.pixels.chunks_exact(3));
        let differ = pairs.map(|(ours, theirs)| ours != theirs).enumerate();
        self.bounds(differ.filter(|(_, differ)| *differ).map(|(index, _)| index))
            .map(|(area, _)| area)
    }

    /// The part of it in an area, as far as that is on it.
    pub fn cut(&self, area: Area) -> Picture {
        let right = (area.x + area.width).clamp(1, self.width);
        let bottom = (area.y + area.height).clamp(1, self.height);
        let (left, top) = (area.x.min(right - 1), area.y.min(bottom - 1));
        let row = self.width * 3;
        let rows = (top..bottom).map(|y| &self.pixels[y * row + left * 3..y * row + right * 3]);
        Picture {
            width: right - left,
            height: bottom - top,
            pixels: rows.flatten().copied().collect(),
        }
    }

    /// Writes it as it is read.
    pub fn save(&self, file: &Path) -> Result<()> {
        let head = format!("P6\n{} {}\n255\n", self.width, self.height);
        let all = [head.as_bytes(), &self.pixels].concat();
        fs::write(file, all).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether it shows more than a few plain areas and letters: at least so many colours, on a
    /// grid of 16 pixels.
    pub fn is_rich(&self, colours: usize) -> bool {
        self.colours(16) >= colours
    }

    /// How many colours there are on a grid of so many pixels.
    pub fn colours(&self, grid: usize) -> usize {
        let rows = (0..self.height).step_by(grid);
        let points = rows.flat_map(|y| (0..self.width).step_by(grid).map(move |x| (x, y)));
        let seen: BTreeSet<Colour> = points.map(|(x, y)| self.at(x, y)).collect();
        seen.len()
    }

    /// The least area with all pixels of exactly this colour, and how many there are.
    pub fn find(&self, colour: Colour) -> Option<(Area, usize)> {
        let pixels = self.pixels.chunks_exact(3).enumerate();
        self.bounds(
            pixels
                .filter(|(_, pixel)| *pixel == colour)
                .map(|(index, _)| index),
        )
    }

    /// The least area with these pixels, and how many they are.
    fn bounds(&self, pixels: impl Iterator<Item = usize>) -> Option<(Area, usize)> {
        let mut bounds: Option<[usize; 4]> = None;
        let mut count = 0;
        for index in pixels {
            let (x, y) = (index % self.width, index / self.width);
            let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
            bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
            count += 1;
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
        assert_eq!(picture.colours(1), 2);
        // As much of the area as there is.
        let cut = picture.cut(Area { height: 9, ..area });
        assert!(cut == Picture::plain(2, 1, [7, 8, 9]));
        let mut filled = b"P6\n3 2\n255\n".to_vec();
        for row in file[file.len() - 18..].chunks_exact(9) {
            filled.extend(row);
            filled.extend([1, 2, 3]);
        }
        assert!(Picture::parse(&filled).unwrap() == picture);
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
