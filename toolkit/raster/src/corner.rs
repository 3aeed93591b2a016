//! Rounded shapes as rows: where a row is solid, and its coverage at the corners.
//!
//! Corner coverage is computed once for each radius and thickness, and kept per thread. Shapes are
//! walked row by row in spans, so every fill and blit rounds its corners the same way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::rect::Rect;

/// Corner radii in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Radii {
    pub top_left: u32,
    pub top_right: u32,
    pub bottom_left: u32,
    pub bottom_right: u32,
}

impl Radii {
    /// Rounds the top corners only.
    pub const fn top(radius: u32) -> Radii {
        Radii {
            top_left: radius,
            top_right: radius,
            bottom_left: 0,
            bottom_right: 0,
        }
    }

    /// Rounds the bottom corners only.
    pub const fn bottom(radius: u32) -> Radii {
        Radii {
            top_left: 0,
            top_right: 0,
            bottom_left: radius,
            bottom_right: radius,
        }
    }

    /// No radius exceeds half of the shorter side.
    fn fitted(self, rect: &Rect) -> Radii {
        let most = (rect.width.min(rect.height).max(0) as u32) / 2;
        Radii {
            top_left: self.top_left.min(most),
            top_right: self.top_right.min(most),
            bottom_left: self.bottom_left.min(most),
            bottom_right: self.bottom_right.min(most),
        }
    }
}

impl From<u32> for Radii {
    fn from(radius: u32) -> Radii {
        Radii {
            top_left: radius,
            top_right: radius,
            bottom_left: radius,
            bottom_right: radius,
        }
    }
}

/// Coverage of a top left corner, `side` × `side`, and of its mirror image.
struct Corner {
    side: i32,
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Corner {
    fn row(&self, mirrored: bool, y: i32) -> &[u8] {
        let side = self.side as usize;
        let coverage = if mirrored { &self.right } else { &self.left };
        &coverage[y as usize * side..(y as usize + 1) * side]
    }
}

/// Corners kept; a theme has a handful, and a flood of odd radii must not grow without bound.
const KEPT: usize = 64;

thread_local! {
    static CORNERS: RefCell<HashMap<(u32, u32), Rc<Corner>>> = RefCell::new(HashMap::new());
}

/// Subsamples along each side of a pixel.
const SAMPLES: u32 = 16;

/// Coverage, 0 to 255, of the pixel by a quarter disc whose square begins at the origin.
fn disc_coverage(radius: u32, x: u32, y: u32) -> u32 {
    if x >= radius || y >= radius {
        return 255;
    }
    let centre = i64::from(radius * SAMPLES * 2);
    let mut inside = 0;
    for sy in 0..SAMPLES {
        for sx in 0..SAMPLES {
            let dx = centre - i64::from((x * SAMPLES + sx) * 2 + 1);
            let dy = centre - i64::from((y * SAMPLES + sy) * 2 + 1);
            inside += u32::from(dx * dx + dy * dy <= centre * centre);
        }
    }
    inside * 255 / (SAMPLES * SAMPLES)
}

/// The corner of a shape with `radius`; of a ring of that thickness when it isn't 0.
fn corner(radius: u32, thickness: u32) -> Rc<Corner> {
    CORNERS.with_borrow_mut(|kept| {
        if let Some(corner) = kept.get(&(radius, thickness)) {
            return corner.clone();
        }
        let side = if thickness == 0 {
            radius
        } else {
            radius.max(thickness)
        };
        let inner = radius.saturating_sub(thickness);
        let mut left = Vec::with_capacity((side * side) as usize);
        for y in 0..side {
            for x in 0..side {
                let mut coverage = disc_coverage(radius, x, y);
                if thickness != 0 && x >= thickness && y >= thickness {
                    coverage -= disc_coverage(inner, x - thickness, y - thickness);
                }
                left.push(coverage as u8);
            }
        }
        let mut right = left.clone();
        for row in right.chunks_mut(side.max(1) as usize) {
            row.reverse();
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        let corner = Rc::new(Corner {
            side: side as i32,
            left,
            right,
        });
        kept.insert((radius, thickness), corner.clone());
        corner
    })
}

/// A span within a row: `from`, `to`, and coverage if it isn't solid.
type Span<'a> = (i32, i32, Option<&'a [u8]>);

/// Calls `draw(y, from, to, coverage)` for the part of the span inside `clip`.
fn emit(y: i32, span: Span, clip: &Rect, draw: &mut impl FnMut(i32, i32, i32, Option<&[u8]>)) {
    let (from, to, coverage) = span;
    let (left, right) = (from.max(clip.x), to.min(clip.right()));
    if left < right {
        let inside = (left - from) as usize..(right - from) as usize;
        draw(y, left, right, coverage.map(|coverage| &coverage[inside]));
    }
}

/// Walks a rounded rectangle: for every row inside `clip`, up to three spans.
pub(crate) fn rounded_rows(
    shape: Rect,
    radii: Radii,
    clip: Rect,
    mut draw: impl FnMut(i32, i32, i32, Option<&[u8]>),
) {
    let visible = shape.intersect(&clip);
    if visible.is_empty() {
        return;
    }
    let radii = radii.fitted(&shape);
    let corners = [
        radii.top_left,
        radii.top_right,
        radii.bottom_left,
        radii.bottom_right,
    ]
    .map(|radius| corner(radius, 0));
    for y in visible.y..visible.bottom() {
        let (from_top, from_bottom) = (y - shape.y, shape.bottom() - 1 - y);
        let pick = |top: usize, bottom: usize| {
            if from_top < corners[top].side {
                Some((&corners[top], from_top))
            } else if from_bottom < corners[bottom].side {
                Some((&corners[bottom], from_bottom))
            } else {
                None
            }
        };
        let (mut from, mut to) = (shape.x, shape.right());
        if let Some((corner, row)) = pick(0, 2) {
            from += corner.side;
            emit(
                y,
                (shape.x, from, Some(corner.row(false, row))),
                &visible,
                &mut draw,
            );
        }
        if let Some((corner, row)) = pick(1, 3) {
            to -= corner.side;
            emit(
                y,
                (to, shape.right(), Some(corner.row(true, row))),
                &visible,
                &mut draw,
            );
        }
        emit(y, (from, to, None), &visible, &mut draw);
    }
}

/// Walks the border of a rounded rectangle, `thickness` pixels inside its edges.
pub(crate) fn ring_rows(
    shape: Rect,
    radii: Radii,
    thickness: u32,
    clip: Rect,
    mut draw: impl FnMut(i32, i32, i32, Option<&[u8]>),
) {
    let visible = shape.intersect(&clip);
    if visible.is_empty() {
        return;
    }
    // A ring that leaves no hole is the whole shape.
    if thickness >= (shape.width.min(shape.height) as u32).div_ceil(2) {
        return rounded_rows(shape, radii, clip, draw);
    }
    let radii = radii.fitted(&shape);
    let corners = [
        radii.top_left,
        radii.top_right,
        radii.bottom_left,
        radii.bottom_right,
    ]
    .map(|radius| corner(radius, thickness));
    let thick = thickness as i32;
    for y in visible.y..visible.bottom() {
        let (from_top, from_bottom) = (y - shape.y, shape.bottom() - 1 - y);
        let pick = |top: usize, bottom: usize| {
            if from_top < corners[top].side {
                Some((&corners[top], from_top))
            } else if from_bottom < corners[bottom].side {
                Some((&corners[bottom], from_bottom))
            } else {
                None
            }
        };
        let mut from = shape.x + thick;
        match pick(0, 2) {
            Some((corner, row)) => {
                from = shape.x + corner.side;
                emit(
                    y,
                    (shape.x, from, Some(corner.row(false, row))),
                    &visible,
                    &mut draw,
                );
            }
            None => emit(y, (shape.x, from, None), &visible, &mut draw),
        }
        let mut to = shape.right() - thick;
        match pick(1, 3) {
            Some((corner, row)) => {
                to = shape.right() - corner.side;
                emit(
                    y,
                    (to, shape.right(), Some(corner.row(true, row))),
                    &visible,
                    &mut draw,
                );
            }
            None => emit(y, (to, shape.right(), None), &visible, &mut draw),
        }
        if from_top < thick || from_bottom < thick {
            emit(y, (from, to, None), &visible, &mut draw);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corner_covers_the_area_of_a_quarter_disc() {
        for radius in [1u32, 4, 10, 33] {
            let total: u32 = corner(radius, 0)
                .left
                .iter()
                .map(|part| u32::from(*part))
                .sum();
            let area = f64::from(total) / 255.0;
            let want = std::f64::consts::FRAC_PI_4 * f64::from(radius * radius);
            assert!(
                (area - want).abs() < 0.02 * want + 0.1,
                "{radius}: {area} for {want}"
            );
        }
    }

    #[test]
    fn every_pixel_of_the_shape_is_visited_once() {
        let shape = Rect::new(3, 2, 21, 17);
        let radii = Radii {
            top_left: 5,
            top_right: 0,
            bottom_left: 100,
            bottom_right: 3,
        };
        for clip in [
            Rect::new(0, 0, 40, 40),
            Rect::new(5, 4, 9, 9),
            Rect::new(20, 0, 3, 40),
        ] {
            let mut seen = vec![0; 40 * 40];
            rounded_rows(shape, radii, clip, |y, from, to, coverage| {
                assert!(coverage.is_none_or(|coverage| coverage.len() == (to - from) as usize));
                for x in from..to {
                    seen[(y * 40 + x) as usize] += 1;
                }
            });
            for y in 0..40 {
                for x in 0..40 {
                    let want = shape.contains(x, y) && clip.contains(x, y);
                    assert_eq!(seen[(y * 40 + x) as usize], u32::from(want), "{x},{y}");
                }
            }
        }
    }
}
