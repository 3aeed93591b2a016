//! Pointer shapes, drawn as vectors: crisp at every scale, no files needed.

use std::collections::HashMap;

use ochre_raster::{Bitmap, Color};
use smithay::{
    backend::renderer::element::Id,
    input::pointer::CursorIcon,
    utils::{Physical, Point},
};
use tiny_skia::{Path, PathBuilder, Transform};

use super::{
    element::{BitmapElement, Kept},
    target::Extent,
    vector,
};

/// Side of the square that shapes are drawn in, in logical pixels.
const SIDE: u32 = 32;
/// The shapes' body.
const INK: Color = Color(0xff1c_1917);
/// The line around them, which shows them on dark ground.
const RIM: Color = Color::WHITE;

/// The shapes that there are; every named cursor is one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    Arrow,
    Hand,
    Text,
    Move,
    Crosshair,
    Forbidden,
    Horizontal,
    Vertical,
    Falling,
    Rising,
    Wait,
}

impl Shape {
    fn of(icon: CursorIcon) -> Self {
        match icon {
            CursorIcon::Pointer | CursorIcon::Grab => Shape::Hand,
            CursorIcon::Text | CursorIcon::VerticalText => Shape::Text,
            CursorIcon::Move | CursorIcon::AllScroll | CursorIcon::Grabbing => Shape::Move,
            CursorIcon::Crosshair | CursorIcon::Cell => Shape::Crosshair,
            CursorIcon::NotAllowed | CursorIcon::NoDrop => Shape::Forbidden,
            CursorIcon::EResize
            | CursorIcon::WResize
            | CursorIcon::EwResize
            | CursorIcon::ColResize => Shape::Horizontal,
            CursorIcon::NResize
            | CursorIcon::SResize
            | CursorIcon::NsResize
            | CursorIcon::RowResize => Shape::Vertical,
            CursorIcon::NwResize | CursorIcon::SeResize | CursorIcon::NwseResize => Shape::Falling,
            CursorIcon::NeResize | CursorIcon::SwResize | CursorIcon::NeswResize => Shape::Rising,
            CursorIcon::Wait => Shape::Wait,
            _ => Shape::Arrow,
        }
    }

    /// Where its point is, in logical pixels from the corner.
    fn hotspot(self) -> (f64, f64) {
        match self {
            Shape::Arrow => (4.0, 3.0),
            Shape::Hand => (12.0, 4.0),
            _ => (16.0, 16.0),
        }
    }
}

/// Shapes that were drawn, by scale in 1/120.
#[derive(Debug, Default)]
pub struct Cursors {
    drawn: HashMap<(Shape, i64), (Id, Kept)>,
}

impl Cursors {
    /// A cursor's image and its hotspot within it.
    pub fn get(&mut self, icon: CursorIcon, scale: f64) -> (BitmapElement, Point<i32, Physical>) {
        let shape = Shape::of(icon);
        let key = (shape, (scale * 120.0).round() as i64);
        let (id, kept) = self
            .drawn
            .entry(key)
            .or_insert_with(|| (Id::new(), Kept::new(draw(shape, scale))))
            .clone();
        let (x, y) = shape.hotspot();
        let hotspot = ((x * scale).round() as i32, (y * scale).round() as i32);
        (BitmapElement::new(id, kept, (0, 0).into()), hotspot.into())
    }
}

fn draw(shape: Shape, scale: f64) -> Bitmap {
    let side = (f64::from(SIDE) * scale).ceil() as u32;
    let extent = Extent::new(side, side).or(Extent::new(SIDE, SIDE));
    let mut bitmap = extent.expect("SIDE is a sane size").bitmap();
    let place = Transform::from_scale(scale as f32, scale as f32);
    let (solid, pen) = outline(shape);
    // Rim first, all of it, then the bodies: parts that touch do not cut each other.
    if let Some(path) = &solid {
        vector::stroke(&mut bitmap, path, 2.4, place, RIM);
    }
    if let Some(path) = &pen {
        vector::stroke(&mut bitmap, path, 4.4, place, RIM);
    }
    if let Some(path) = &solid {
        vector::fill(&mut bitmap, path, place, INK);
    }
    if let Some(path) = &pen {
        vector::stroke(&mut bitmap, path, 2.0, place, INK);
    }
    bitmap
}

/// A shape's filled part and its drawn lines.
fn outline(shape: Shape) -> (Option<Path>, Option<Path>) {
    let at = |x: f32, y: f32| Some((x, y));
    match shape {
        Shape::Arrow => {
            let arrow = [
                at(4.0, 3.0),
                at(4.0, 22.0),
                at(8.6, 17.8),
                at(11.7, 24.8),
                at(15.0, 23.3),
                at(12.0, 16.6),
                at(18.2, 16.2),
            ];
            (vector::lines(&arrow, true), None)
        }
        Shape::Hand => (hand(), None),
        Shape::Text => {
            let bar = [
                at(12.5, 7.0),
                at(16.0, 8.2),
                at(19.5, 7.0),
                None,
                at(16.0, 8.2),
                at(16.0, 23.8),
                None,
                at(12.5, 25.0),
                at(16.0, 23.8),
                at(19.5, 25.0),
            ];
            (None, vector::lines(&bar, false))
        }
        Shape::Horizontal => (arrows(&[0.0, 180.0]), None),
        Shape::Vertical => (arrows(&[90.0, 270.0]), None),
        Shape::Falling => (arrows(&[45.0, 225.0]), None),
        Shape::Rising => (arrows(&[135.0, 315.0]), None),
        Shape::Move => (arrows(&[0.0, 90.0, 180.0, 270.0]), None),
        Shape::Crosshair => {
            let cross = [
                at(16.0, 6.0),
                at(16.0, 26.0),
                None,
                at(6.0, 16.0),
                at(26.0, 16.0),
            ];
            (None, vector::lines(&cross, false))
        }
        Shape::Forbidden => {
            let mut path = PathBuilder::new();
            path.push_circle(16.0, 16.0, 8.0);
            path.move_to(10.4, 10.4);
            path.line_to(21.6, 21.6);
            (None, path.finish())
        }
        Shape::Wait => {
            let glass = [
                at(11.0, 7.0),
                at(21.0, 7.0),
                at(21.0, 10.0),
                at(17.0, 16.0),
                at(21.0, 22.0),
                at(21.0, 25.0),
                at(11.0, 25.0),
                at(11.0, 22.0),
                at(15.0, 16.0),
                at(11.0, 10.0),
                at(11.0, 7.0),
            ];
            (None, vector::lines(&glass, false))
        }
    }
}

/// Arrows that point outwards from the middle at these angles.
fn arrows(angles: &[f32]) -> Option<Path> {
    let arrow = vector::lines(
        &[
            Some((0.0, -1.1)),
            Some((5.8, -1.1)),
            Some((5.8, -4.6)),
            Some((11.0, 0.0)),
            Some((5.8, 4.6)),
            Some((5.8, 1.1)),
            Some((0.0, 1.1)),
        ],
        true,
    )?;
    let mut path = PathBuilder::new();
    for angle in angles {
        let place = Transform::from_rotate(*angle).post_translate(16.0, 16.0);
        path.push_path(&arrow.clone().transform(place)?);
    }
    path.finish()
}

/// A hand with one finger up.
fn hand() -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(10.4, 5.6);
    path.cubic_to(10.4, 3.4, 13.8, 3.4, 13.8, 5.6);
    path.line_to(13.8, 12.0);
    path.cubic_to(14.6, 10.9, 16.7, 11.2, 17.0, 12.6);
    path.cubic_to(17.9, 11.7, 19.9, 12.2, 20.1, 13.6);
    path.cubic_to(21.1, 12.8, 23.1, 13.4, 23.1, 15.3);
    path.line_to(23.1, 19.6);
    path.cubic_to(23.1, 22.3, 22.0, 23.6, 21.4, 26.6);
    path.line_to(12.2, 26.6);
    path.cubic_to(11.4, 23.6, 8.2, 21.2, 6.4, 17.9);
    path.cubic_to(5.5, 16.2, 7.6, 14.8, 8.9, 16.1);
    path.line_to(10.4, 17.6);
    path.close();
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_drawn_around_its_hotspot() {
        let icons = [
            CursorIcon::Default,
            CursorIcon::Pointer,
            CursorIcon::Text,
            CursorIcon::Move,
            CursorIcon::Crosshair,
            CursorIcon::NotAllowed,
            CursorIcon::EwResize,
            CursorIcon::NsResize,
            CursorIcon::NwseResize,
            CursorIcon::NeswResize,
            CursorIcon::Wait,
        ];
        for icon in icons {
            for scale in [1.0, 1.5, 2.0] {
                let bitmap = draw(Shape::of(icon), scale);
                let inked = bitmap
                    .pixels()
                    .iter()
                    .filter(|pixel| **pixel == INK.0)
                    .count();
                assert!(inked > 8, "{icon:?} at {scale}: {inked}");
            }
            let (x, y) = Shape::of(icon).hotspot();
            assert!(x < f64::from(SIDE) && y < f64::from(SIDE));
        }
    }
}
