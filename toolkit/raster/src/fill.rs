//! Plain, rounded and graded fills, and outlines.

use crate::canvas::Canvas;
use crate::color::{Color, lerp255};
use crate::corner::{Radii, ring_rows, rounded_rows};
use crate::kernel;
use crate::rect::Rect;

/// Which way a gradient runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the top down.
    Down,
    /// From the left to the right.
    Right,
}

impl Canvas<'_> {
    /// Stores the colour, whatever was there.
    pub fn replace(&mut self, rect: Rect, color: Color) {
        let rect = rect.intersect(&self.clip());
        for y in rect.y..rect.bottom() {
            self.row(y, rect.x, rect.right()).fill(color.0);
        }
    }

    /// Draws the colour over what is there.
    pub fn fill(&mut self, rect: Rect, color: Color) {
        match color.alpha() {
            255 => self.replace(rect, color),
            0 => {}
            _ => {
                let rect = rect.intersect(&self.clip());
                for y in rect.y..rect.bottom() {
                    kernel::fill_over(self.row(y, rect.x, rect.right()), color.0);
                }
            }
        }
    }

    /// Puts `change` of each pixel in its place.
    pub fn map(&mut self, rect: Rect, change: impl Fn(u32) -> u32) {
        let rect = rect.intersect(&self.clip());
        for y in rect.y..rect.bottom() {
            for pixel in self.row(y, rect.x, rect.right()) {
                *pixel = change(*pixel);
            }
        }
    }

    /// Fills a rectangle with antialiased round corners.
    pub fn fill_rounded(&mut self, rect: Rect, radii: impl Into<Radii>, color: Color) {
        if color.alpha() == 0 {
            return;
        }
        rounded_rows(rect, radii.into(), self.clip(), |y, from, to, coverage| {
            let row = self.row(y, from, to);
            match coverage {
                None => kernel::fill_level(row, color.0, 255),
                Some(coverage) => kernel::fill_covered(row, coverage, color.0),
            }
        });
    }

    /// Draws a border of `thickness` pixels inside the edges of the rounded rectangle.
    pub fn outline(&mut self, rect: Rect, radii: impl Into<Radii>, thickness: u32, color: Color) {
        if color.alpha() == 0 || thickness == 0 {
            return;
        }
        ring_rows(
            rect,
            radii.into(),
            thickness,
            self.clip(),
            |y, from, to, coverage| {
                let row = self.row(y, from, to);
                match coverage {
                    None => kernel::fill_level(row, color.0, 255),
                    Some(coverage) => kernel::fill_covered(row, coverage, color.0),
                }
            },
        );
    }

    /// Grades between two colours, over what is there. `rect` sets where the ends are, the clip
    /// what is drawn: a part of a gradient repaints as the whole did.
    pub fn gradient(&mut self, rect: Rect, direction: Direction, from: Color, to: Color) {
        let part = rect.intersect(&self.clip());
        if part.is_empty() {
            return;
        }
        let step = |at: i32, length: i32| {
            let part = (i64::from(at) * 255 * 2 + i64::from(length - 1))
                / (2 * i64::from((length - 1).max(1)));
            Color(lerp255(from.0, to.0, part.clamp(0, 255) as u32))
        };
        match direction {
            Direction::Down => {
                for y in part.y..part.bottom() {
                    let color = step(y - rect.y, rect.height);
                    kernel::fill_level(self.row(y, part.x, part.right()), color.0, 255);
                }
            }
            Direction::Right => {
                let line: Vec<u32> = (part.x..part.right())
                    .map(|x| step(x - rect.x, rect.width).0)
                    .collect();
                for y in part.y..part.bottom() {
                    kernel::blend(self.row(y, part.x, part.right()), &line);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bitmap;

    #[test]
    fn fills_are_clipped_and_blended() {
        let mut bitmap = Bitmap::new(4, 4).unwrap();
        bitmap.canvas().replace(Rect::new(0, 0, 4, 4), Color::WHITE);
        bitmap
            .canvas()
            .fill(Rect::new(2, -5, 100, 6), Color::rgba(0, 0, 0, 128));
        assert_eq!(bitmap.pixels()[..4], [!0, !0, 0xff7f_7f7f, 0xff7f_7f7f]);
        assert!(bitmap.pixels()[4..].iter().all(|pixel| *pixel == !0));
    }

    #[test]
    fn a_gradient_repaints_in_parts() {
        for direction in [Direction::Down, Direction::Right] {
            let (from, to) = (Color::rgb(0x102030), Color::rgb(0xf0e0d0));
            let rect = Rect::new(1, 1, 30, 30);
            let mut whole = Bitmap::new(32, 32).unwrap();
            whole.canvas().gradient(rect, direction, from, to);
            assert_eq!(whole.pixels()[33], from.0);
            assert_eq!(whole.pixels()[30 * 32 + 30], to.0);
            let mut parts = Bitmap::new(32, 32).unwrap();
            for part in [
                Rect::new(0, 0, 13, 32),
                Rect::new(13, 0, 19, 9),
                Rect::new(13, 9, 19, 23),
            ] {
                parts
                    .canvas()
                    .clipped(part)
                    .gradient(rect, direction, from, to);
            }
            assert_eq!(whole, parts);
        }
    }

    #[test]
    fn an_outline_is_the_outer_shape_less_the_inner() {
        let rect = Rect::new(2, 2, 40, 30);
        for (radius, thickness) in [(0, 1), (8, 1), (12, 2), (15, 3), (2, 6)] {
            let mut ring = Bitmap::new(44, 34).unwrap();
            ring.canvas().outline(rect, radius, thickness, Color::WHITE);
            let mut outer = Bitmap::new(44, 34).unwrap();
            outer.canvas().fill_rounded(rect, radius, Color::WHITE);
            let mut inner = Bitmap::new(44, 34).unwrap();
            let inside = radius.saturating_sub(thickness);
            inner
                .canvas()
                .fill_rounded(rect.inset(thickness as i32), inside, Color::WHITE);
            for at in 0..ring.pixels().len() {
                let want = (outer.pixels()[at] >> 24) - (inner.pixels()[at] >> 24);
                assert_eq!(
                    ring.pixels()[at] >> 24,
                    want,
                    "{radius} {thickness} at {at}"
                );
            }
        }
    }
}
