//! Shapes: paths become coverage, coverage becomes colour.

use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Path, PathBuilder, Stroke, Transform};

use ochre_raster::{Bitmap, Color, Mask as Coverage};

/// Fills a path into a bitmap, after scaling and moving it.
pub fn fill(bitmap: &mut Bitmap, path: &Path, place: Transform, colour: Color) {
    let (width, height) = (
        bitmap.width().unsigned_abs(),
        bitmap.height().unsigned_abs(),
    );
    let Some(mut mask) = Mask::new(width, height) else {
        return;
    };
    mask.fill_path(path, FillRule::Winding, true, place);
    if let Some(coverage) = Coverage::new(mask.data(), width, height, width as usize) {
        bitmap.canvas().fill_mask(&coverage, (0, 0), colour);
    }
}

/// Draws along a path with a round pen.
pub fn stroke(bitmap: &mut Bitmap, path: &Path, pen: f32, place: Transform, colour: Color) {
    let stroke = Stroke {
        width: pen,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    let resolution = place.sx.abs().max(1.0);
    if let Some(outline) = path.stroke(&stroke, resolution) {
        fill(bitmap, &outline, place, colour);
    }
}

/// A path from points: `None` lifts the pen.
pub fn lines(points: &[Option<(f32, f32)>], close: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    let mut down = false;
    for point in points {
        match point {
            Some((x, y)) if down => path.line_to(*x, *y),
            Some((x, y)) => {
                path.move_to(*x, *y);
                down = true;
            }
            None => down = false,
        }
    }
    if close {
        path.close();
    }
    path.finish()
}

/// A rectangle with round corners.
pub fn rounded(x: f32, y: f32, w: f32, h: f32, radius: f32) -> Option<Path> {
    const ROUND: f32 = 0.552_284_8; // control points of a quarter circle
    let r = radius.min(w / 2.0).min(h / 2.0);
    let k = r * (1.0 - ROUND);
    let (right, bottom) = (x + w, y + h);
    let mut path = PathBuilder::new();
    path.move_to(x + r, y);
    path.line_to(right - r, y);
    path.cubic_to(right - k, y, right, y + k, right, y + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - k, right - k, bottom, right - r, bottom);
    path.line_to(x + r, bottom);
    path.cubic_to(x + k, bottom, x, bottom - k, x, bottom - r);
    path.line_to(x, y + r);
    path.cubic_to(x, y + k, x + k, y, x + r, y);
    path.close();
    path.finish()
}
