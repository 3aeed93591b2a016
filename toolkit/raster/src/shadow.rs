//! Soft shadows of rounded boxes, as cached nine-slices.
//!
//! The blurred shape is computed once for a box just large enough that its middle row and column no
//! longer change; larger boxes repeat that row and column. Three box blurs stand in for the Gaussian
//! (within 3 %), each a running sum.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::canvas::{Bitmap, Canvas};
use crate::color::Color;
use crate::kernel;
use crate::rect::Rect;

/// How a shadow looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shadow {
    /// Standard deviation of the blur in pixels.
    pub sigma: f32,
    /// Corner radius of the box that casts it.
    pub radius: u32,
    pub color: Color,
    /// So far above the shadow lies an opaque box of its size and radius: what that covers anyway is
    /// left out.
    pub hollow: Option<i32>,
}

/// Blurred coverage; `stretch` is the row and column that repeat.
struct Slice {
    coverage: Vec<u8>,
    width: i32,
    height: i32,
    margin: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// Sigma in quarter pixels.
    sigma: u32,
    radius: u32,
    width: i32,
    height: i32,
}

/// Slices kept; each is up to a few hundred KiB.
const KEPT: usize = 32;

/// No shadow is softer than this, whatever a theme asks.
const MAX_SIGMA: f32 = 128.0;

thread_local! {
    static SLICES: RefCell<HashMap<Key, Rc<Slice>>> = RefCell::new(HashMap::new());
}

impl Shadow {
    fn sigma(&self) -> f32 {
        if self.sigma.is_finite() {
            self.sigma.clamp(0.25, MAX_SIGMA)
        } else {
            0.25
        }
    }

    /// How far the shadow reaches beyond the box.
    pub fn margin(&self) -> i32 {
        (box_radii(self.sigma()).iter().sum::<usize>()) as i32
    }

    /// Everything that drawing it for `rect` can touch.
    pub fn bounds(&self, rect: Rect) -> Rect {
        rect.inset(-self.margin())
    }
}

/// Half-widths of three box blurs whose variances add up to sigma's.
fn box_radii(sigma: f32) -> [usize; 3] {
    let ideal = (4.0 * sigma * sigma + 1.0).sqrt();
    let mut low = ideal.floor() as i32;
    if low % 2 == 0 {
        low -= 1;
    }
    let wide = low + 2;
    let narrow_passes = ((12.0 * sigma * sigma - (3 * low * low + 12 * low + 9) as f32)
        / (-4 * low - 4) as f32)
        .round() as i32;
    std::array::from_fn(|pass| {
        let width = if (pass as i32) < narrow_passes {
            low
        } else {
            wide
        };
        (width.max(1) / 2) as usize
    })
}

/// Blurs `count` elements that lie `step` apart, with zeros outside.
fn box_blur(line: &mut [u16], start: usize, step: usize, radius: usize, scratch: &mut [u16]) {
    let count = scratch.len();
    if radius == 0 {
        return;
    }
    for (at, value) in scratch.iter_mut().enumerate() {
        *value = line[start + at * step];
    }
    let width = (2 * radius + 1) as u32;
    let mut sum: u32 = scratch[..radius.min(count)]
        .iter()
        .map(|value| u32::from(*value))
        .sum();
    for at in 0..count {
        if let Some(value) = scratch.get(at + radius) {
            sum += u32::from(*value);
        }
        line[start + at * step] = ((sum + width / 2) / width) as u16;
        if let Some(value) = at.checked_sub(radius).and_then(|at| scratch.get(at)) {
            sum -= u32::from(*value);
        }
    }
}

fn blurred(key: Key, sigma: f32) -> Slice {
    let radii = box_radii(sigma);
    let margin = radii.iter().sum::<usize>() as i32;
    let (width, height) = (key.width + 2 * margin, key.height + 2 * margin);
    let mut shape = Bitmap::new(width as u32, height as u32).expect("bounded by MAX_SIGMA");
    shape.canvas().fill_rounded(
        Rect::new(margin, margin, key.width, key.height),
        key.radius,
        Color::WHITE,
    );
    // Eight more bits while blurring, against visible steps in wide shadows.
    let mut line: Vec<u16> = shape
        .pixels()
        .iter()
        .map(|pixel| ((pixel >> 24) * 257) as u16)
        .collect();
    let (columns, rows) = (width as usize, height as usize);
    let mut scratch = vec![0; columns.max(rows)];
    for radius in radii {
        for row in 0..rows {
            box_blur(&mut line, row * columns, 1, radius, &mut scratch[..columns]);
        }
        for column in 0..columns {
            box_blur(&mut line, column, columns, radius, &mut scratch[..rows]);
        }
    }
    let coverage = line.iter().map(|value| (value >> 8) as u8).collect();
    Slice {
        coverage,
        width,
        height,
        margin,
    }
}

fn slice(shadow: &Shadow, rect: Rect) -> Rc<Slice> {
    let sigma = (shadow.sigma() * 4.0).round() as u32;
    let exact = sigma as f32 / 4.0;
    let radius = shadow
        .radius
        .min(rect.width.min(rect.height) as u32 / 2)
        .min(1 << 10);
    let reach = Shadow {
        sigma: exact,
        ..*shadow
    }
    .margin();
    // Beyond both corners' reach nothing changes any more; the odd one is the repeated line.
    let enough = 2 * (reach + radius as i32) + 1;
    let key = Key {
        sigma,
        radius,
        width: rect.width.min(enough),
        height: rect.height.min(enough),
    };
    SLICES.with_borrow_mut(|kept| {
        if let Some(slice) = kept.get(&key) {
            return slice.clone();
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        let slice = Rc::new(blurred(key, exact));
        kept.insert(key, slice.clone());
        slice
    })
}

/// Which slice element the position belongs to, when `extra` repeats of the middle one are added.
fn fold(at: i32, length: i32, extra: i32) -> i32 {
    let middle = length / 2;
    if at <= middle {
        at
    } else {
        (at - extra).max(middle)
    }
}

impl Canvas<'_> {
    /// Draws the shadow that a box at `rect` casts.
    pub fn shadow(&mut self, rect: Rect, shadow: &Shadow) {
        if rect.is_empty() || shadow.color.alpha() == 0 {
            return;
        }
        if !self.clip().intersects(&shadow.bounds(rect)) {
            return;
        }
        let slice = slice(shadow, rect);
        let outer = rect.inset(-slice.margin);
        let (extra_x, extra_y) = (outer.width - slice.width, outer.height - slice.height);
        let visible = outer.intersect(&self.clip());
        let middle = outer.x + slice.width / 2;
        let color = shadow.color.0;
        // What the box hides for certain: its rows between the corners, to their full width.
        let radius = shadow.radius as i32;
        let hidden = shadow.hollow.map_or(Rect::default(), |drop| {
            Rect::from_edges(
                rect.x,
                (rect.y - drop).saturating_add(radius),
                rect.right(),
                (rect.bottom() - drop).saturating_sub(radius),
            )
        });
        for y in visible.y..visible.bottom() {
            let row = fold(y - outer.y, slice.height, extra_y) as usize * slice.width as usize;
            let coverage = &slice.coverage[row..row + slice.width as usize];
            let mut draw = |from: i32, to: i32| {
                let (from, to) = (from.max(visible.x), to.min(visible.right()));
                // Left of the middle, the repeated middle, right of it.
                let (a, b) = (from, to.min(middle));
                if a < b {
                    let part = (a - outer.x) as usize..(b - outer.x) as usize;
                    kernel::fill_covered(self.row(y, a, b), &coverage[part], color);
                }
                let (a, b) = (from.max(middle), to.min(middle + extra_x + 1));
                if a < b {
                    let level = coverage[(slice.width / 2) as usize];
                    kernel::fill_level(self.row(y, a, b), color, level);
                }
                let (a, b) = (from.max(middle + extra_x + 1), to);
                if a < b {
                    let shift = outer.x + extra_x;
                    let part = (a - shift) as usize..(b - shift) as usize;
                    kernel::fill_covered(self.row(y, a, b), &coverage[part], color);
                }
            };
            if y >= hidden.y && y < hidden.bottom() {
                draw(outer.x, hidden.x);
                draw(hidden.right(), outer.right());
            } else {
                draw(outer.x, outer.right());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shadow(sigma: f32, radius: u32) -> Shadow {
        Shadow {
            sigma,
            radius,
            color: Color::BLACK,
            hollow: None,
        }
    }

    #[test]
    fn slices_equal_a_shadow_blurred_at_full_size() {
        for (width, height) in [(90, 70), (200, 130), (30, 150), (8, 9)] {
            let look = shadow(6.0, 10);
            let rect = Rect::new(40, 40, width, height);
            let mut got = Bitmap::new(300, 240).unwrap();
            got.canvas().shadow(rect, &look);
            let radius = 10.min(width.min(height) as u32 / 2);
            let whole = blurred(
                Key {
                    sigma: 24,
                    radius,
                    width,
                    height,
                },
                6.0,
            );
            for y in 0..whole.height {
                for x in 0..whole.width {
                    let (px, py) = (x + rect.x - whole.margin, y + rect.y - whole.margin);
                    let is = got.image().pixel(px, py).expect("inside") >> 24;
                    let want = u32::from(whole.coverage[(y * whole.width + x) as usize]);
                    assert_eq!(is, want, "{width}x{height} at {x},{y}");
                }
            }
        }
    }

    #[test]
    fn close_to_a_true_gaussian_across_a_straight_edge() {
        let sigma = 8.0;
        let slice = blurred(
            Key {
                sigma: 32,
                radius: 0,
                width: 101,
                height: 101,
            },
            sigma,
        );
        let row = (slice.height / 2 * slice.width) as usize;
        for x in 0..slice.width / 2 {
            let distance = f64::from(x - slice.margin) + 0.5;
            // The normal distribution by Simpson's rule.
            let steps = 400;
            let (low, high) = (-8.0, distance / f64::from(sigma));
            let h = (high - low) / f64::from(steps);
            let mut sum = 0.0;
            for i in 0..=steps {
                let t = low + h * f64::from(i);
                let weight = if i == 0 || i == steps {
                    1.0
                } else if i % 2 == 1 {
                    4.0
                } else {
                    2.0
                };
                sum += weight * (-t * t / 2.0).exp();
            }
            let want = sum * h / 3.0 / (2.0 * std::f64::consts::PI).sqrt() * 255.0;
            let is = f64::from(slice.coverage[row + x as usize]);
            assert!((is - want).abs() < 8.0, "{distance}: {is} for {want}");
        }
    }

    #[test]
    fn a_hollow_shadow_differs_only_under_the_box() {
        let rect = Rect::new(30, 30, 80, 60);
        let above = rect.translate(0, -12);
        let mut full = Bitmap::new(150, 130).unwrap();
        full.canvas().shadow(rect, &shadow(5.0, 8));
        let mut hollow = Bitmap::new(150, 130).unwrap();
        hollow.canvas().shadow(
            rect,
            &Shadow {
                hollow: Some(12),
                ..shadow(5.0, 8)
            },
        );
        let mut skipped = 0;
        for (at, (a, b)) in full.pixels().iter().zip(hollow.pixels()).enumerate() {
            if a != b {
                let (x, y) = (at as i32 % 150, at as i32 / 150);
                assert!(above.contains(x, y));
                let corner = y < above.y + 8 || y >= above.bottom() - 8;
                assert!(!corner, "a corner lets the shadow show at {x}, {y}");
                skipped += 1;
            }
        }
        assert!(skipped > 3_000);
    }

    #[test]
    fn odd_looks_do_not_panic() {
        let mut bitmap = Bitmap::new(20, 20).unwrap();
        for sigma in [f32::NAN, -3.0, 0.0, 1e30] {
            bitmap
                .canvas()
                .shadow(Rect::new(5, 5, 3, 3), &shadow(sigma, u32::MAX));
        }
    }
}
