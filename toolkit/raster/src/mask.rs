//! Drawing a colour through coverage: glyphs and icons.
//!
//! Text needs more than its coverage: plainly blended glyphs look thin, light ones most, while blending
//! in linear light starves dark ones. So the correction strengthens dark text (contrast), then chooses
//! the coverage with which plain blending comes out as blending in a mild gamma would, on the background
//! that the text's own lightness suggests. One table for each of eight lightnesses.

use std::sync::OnceLock;

use crate::canvas::{Canvas, Mask};
use crate::color::Color;
use crate::kernel;
use crate::rect::Rect;

/// Gamma in which glyph edges are averaged; between encoded (1.0) and linear light (2.2).
const GAMMA: f32 = 1.4;

/// How much black text is strengthened; fades to nothing towards white.
const CONTRAST: f32 = 0.75;

/// Lightnesses with their own table.
const LEVELS: usize = 8;

fn correction(level: usize) -> [u8; 256] {
    let text = level as f32 / (LEVELS - 1) as f32;
    let below = 1.0 - text;
    let strength = CONTRAST * (1.0 - text);
    std::array::from_fn(|coverage| {
        let plain = coverage as f32 / 255.0;
        let strong = plain + (1.0 - plain) * strength * plain;
        let corrected = if (text - below).abs() < 0.2 {
            strong // no contrast to speak of, where the quotient means nothing
        } else {
            let light = text.powf(GAMMA) * strong + below.powf(GAMMA) * (1.0 - strong);
            (light.powf(1.0 / GAMMA) - below) / (text - below)
        };
        (corrected.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

fn table(color: Color) -> &'static [u8; 256] {
    static TABLES: OnceLock<[[u8; 256]; LEVELS]> = OnceLock::new();
    let tables = TABLES.get_or_init(|| std::array::from_fn(correction));
    &tables[usize::from(color.luma()) * LEVELS / 256]
}

impl Canvas<'_> {
    /// Draws the colour through a mask whose top left pixel goes to `at`.
    pub fn fill_mask(&mut self, mask: &Mask, at: (i32, i32), color: Color) {
        self.through(mask, at, |row, coverage| {
            kernel::fill_covered(row, coverage, color.0)
        });
    }

    /// Draws a glyph: [`Canvas::fill_mask`] with text's contrast correction.
    pub fn fill_glyph(&mut self, mask: &Mask, at: (i32, i32), color: Color) {
        let table = table(color);
        self.through(mask, at, |row, coverage| {
            kernel::fill_corrected(row, coverage, table, color.0);
        });
    }

    fn through(&mut self, mask: &Mask, at: (i32, i32), draw: impl Fn(&mut [u32], &[u8])) {
        let placed = Rect::new(at.0, at.1, mask.width(), mask.height()).intersect(&self.clip());
        for y in placed.y..placed.bottom() {
            let coverage = mask.row(y - at.1, placed.x - at.0, placed.right() - at.0);
            draw(self.row(y, placed.x, placed.right()), coverage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bitmap;

    #[test]
    fn tables_rise_from_nothing_to_all() {
        for level in 0..LEVELS {
            let table = correction(level);
            assert_eq!((table[0], table[255]), (0, 255));
            assert!(table.is_sorted(), "level {level}");
        }
        assert!(correction(0)[128] > 136, "black text must not look thin");
        assert!(correction(LEVELS - 1)[128] > 136, "nor white text");
    }

    #[test]
    fn masks_are_clipped() {
        let coverage = [255, 128, 0, 255];
        let mask = Mask::new(&coverage, 2, 2, 2).unwrap();
        let mut bitmap = Bitmap::new(2, 2).unwrap();
        bitmap.canvas().fill_mask(&mask, (1, 1), Color::WHITE);
        assert_eq!(bitmap.pixels(), [0, 0, 0, !0]);
        bitmap.canvas().fill_mask(&mask, (-1, 0), Color::WHITE);
        assert_eq!(bitmap.pixels(), [0x8080_8080, 0, !0, !0]);
        bitmap
            .canvas()
            .fill_glyph(&mask, (i32::MIN, i32::MAX), Color::BLACK);
        assert_eq!(bitmap.pixels()[3], !0);
    }
}
