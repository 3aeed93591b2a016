//! Frames of displays that are turned: drawn upright into a picture of our own, then turned into the
//! display's buffer, only where that is stale.

use std::collections::VecDeque;

use ochre_raster::{Bitmap, Rect, Region, Transform as Turn};
use smithay::utils::{Physical, Rectangle, Transform};

use super::{
    RenderError, Target,
    target::{Extent, physical, rect},
};

/// Buffers are not older than this many frames, or else turned as a whole.
const OLDEST: usize = 4;
/// More parts than this are turned as fewer, larger ones.
const MOST_PARTS: usize = 16;

type Damage = Vec<Rectangle<i32, Physical>>;

/// The upright picture of a display, and what of it changed lately.
#[derive(Debug)]
pub struct Turned {
    turn: Turn,
    upright: Bitmap,
    drawn: bool,
    /// What changed in the frames before, the newest first, as the display's buffer has it.
    past: VecDeque<Region>,
}

/// The turn from what is upright to what a display's buffer holds, as `wl_output.transform` says it:
/// counter-clockwise, after a flip.
fn buffer_turn(transform: Transform) -> Turn {
    match transform {
        Transform::Normal => Turn::Normal,
        Transform::_90 => Turn::Rotate90,
        Transform::_180 => Turn::Rotate180,
        Transform::_270 => Turn::Rotate270,
        Transform::Flipped => Turn::Flipped,
        Transform::Flipped90 => Turn::Flipped90,
        Transform::Flipped180 => Turn::Flipped180,
        Transform::Flipped270 => Turn::Flipped270,
    }
}

/// Where a part of an upright picture of this size is in the turned one.
fn part_of(turn: Turn, part: Rect, (width, height): (i32, i32)) -> Rect {
    let (w, h) = turn.size(width, height);
    let back = turn.inverse();
    let (x, y) = back.source(part.x, part.y, w, h);
    let (right, bottom) = back.source(part.right() - 1, part.bottom() - 1, w, h);
    let size = turn.size(part.width, part.height);
    Rect::new(x.min(right), y.min(bottom), size.0, size.1)
}

/// Where a part of what a display shows upright is in its buffer; `size` is the upright display's.
pub fn in_buffer(
    transform: Transform,
    part: Rectangle<i32, Physical>,
    size: (i32, i32),
) -> Rectangle<i32, Physical> {
    if part.is_empty() {
        return part;
    }
    physical(part_of(buffer_turn(transform), rect(part), size))
}

/// A picture as a display's buffer holds it.
pub fn turned(picture: &Bitmap, transform: Transform) -> Option<Bitmap> {
    let turn = buffer_turn(transform);
    let (width, height) = turn.size(picture.width(), picture.height());
    let mut turned = Extent::from_signed(width, height)?.bitmap();
    let mut canvas = turned.canvas();
    canvas.blend_transformed(&picture.opaque_image(), turn, (0, 0), 255);
    Some(turned)
}

impl Turned {
    /// For a display turned so, whose buffers have this size.
    pub fn new(transform: Transform, buffer: (i32, i32)) -> Option<Self> {
        let turn = buffer_turn(transform);
        let (width, height) = turn.size(buffer.0, buffer.1);
        Some(Self {
            turn,
            upright: Extent::from_signed(width, height)?.bitmap(),
            drawn: false,
            past: VecDeque::new(),
        })
    }

    /// Whether it is for such a display.
    pub fn fits(&self, transform: Transform, buffer: (i32, i32)) -> bool {
        let upright = (self.upright.width(), self.upright.height());
        self.turn == buffer_turn(transform) && self.turn.size(buffer.0, buffer.1) == upright
    }

    /// Lets `paint` draw what changed, and turns that into the target, which holds the frame of so many
    /// frames ago (0: none).
    pub fn draw(
        &mut self,
        target: &mut Target<'_>,
        age: usize,
        paint: impl FnOnce(&mut Target<'_>, usize) -> Result<Option<Damage>, RenderError>,
    ) -> Result<Option<Damage>, RenderError> {
        let known = usize::from(std::mem::take(&mut self.drawn));
        let drawn = paint(&mut Target::of(&mut self.upright), known)?;
        self.drawn = true;
        let Some(drawn) = drawn.or_else(|| (age == 0).then(Vec::new)) else {
            return Ok(None);
        };
        let size = (self.upright.width(), self.upright.height());
        let mut fresh = Region::new();
        for part in drawn {
            fresh.add(part_of(self.turn, rect(part), size));
        }
        let mut stale = fresh.clone();
        if age == 0 || age > self.past.len() {
            stale = Region::from(target.0.bounds());
        } else {
            let missed = self.past.iter().take(age - 1);
            missed.for_each(|past| stale.union(past));
            stale.simplify(MOST_PARTS);
        }
        self.past.push_front(fresh);
        self.past.truncate(OLDEST);
        let upright = self.upright.opaque_image();
        for part in stale.rects() {
            let mut canvas = target.0.clipped(*part);
            canvas.blend_transformed(&upright, self.turn, (0, 0), 255);
        }
        Ok(Some(
            stale.rects().iter().map(|part| physical(*part)).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::TURNS;

    /// 1 2 3 / 4 5 6, as each display that is turned holds it.
    #[test]
    fn each_turn_is_the_protocol_s() {
        let picture = Bitmap::from_pixels(vec![1, 2, 3, 4, 5, 6], 3, 2).unwrap();
        let held = |transform| {
            let turned = turned(&picture, transform).unwrap();
            turned
                .pixels()
                .iter()
                .map(|pixel| pixel & 0xff)
                .collect::<Vec<_>>()
        };
        assert_eq!(held(Transform::Normal), [1, 2, 3, 4, 5, 6]);
        assert_eq!(
            held(Transform::_90),
            [3, 6, 2, 5, 1, 4],
            "counter-clockwise"
        );
        assert_eq!(held(Transform::_180), [6, 5, 4, 3, 2, 1]);
        assert_eq!(held(Transform::_270), [4, 1, 5, 2, 6, 3]);
        assert_eq!(held(Transform::Flipped), [3, 2, 1, 6, 5, 4]);
        assert_eq!(held(Transform::Flipped90), [1, 4, 2, 5, 3, 6]);
        assert_eq!(held(Transform::Flipped180), [4, 5, 6, 1, 2, 3]);
        assert_eq!(held(Transform::Flipped270), [6, 3, 5, 2, 4, 1]);
    }

    #[test]
    fn a_part_is_where_its_pixels_are() {
        let size = (7, 5);
        let part = Rect::new(1, 2, 3, 2);
        for (_, transform) in TURNS {
            let mut picture = Bitmap::new(7, 5).unwrap();
            picture.canvas().replace(part, ochre_raster::Color(1));
            let turned = turned(&picture, transform).unwrap();
            let place = rect(in_buffer(transform, physical(part), size));
            let (width, _) = buffer_turn(transform).size(7, 5);
            for (at, pixel) in turned.pixels().iter().enumerate() {
                let (x, y) = (at as i32 % width, at as i32 / width);
                assert_eq!(
                    pixel & 1 == 1,
                    place.contains(x, y),
                    "{transform:?} {x} {y}"
                );
            }
        }
    }

    #[test]
    fn an_older_buffer_gets_what_it_missed() {
        let mut turned = Turned::new(Transform::_90, (5, 7)).unwrap();
        let mut buffers = [Bitmap::new(5, 7).unwrap(), Bitmap::new(5, 7).unwrap()];
        let mut upright = Bitmap::new(7, 5).unwrap();
        for frame in 0..8u32 {
            // Two buffers take turns, of which each is two frames old from the third on.
            let age = if frame < 2 { 0 } else { 2 };
            let part = Rect::new(frame as i32 % 6, frame as i32 % 4, 2, 1);
            let colour = ochre_raster::Color(0xff00_0000 | (frame + 1));
            upright.canvas().replace(part, colour);
            let buffer = &mut buffers[frame as usize % 2];
            let drawn = turned
                .draw(&mut Target::of(buffer), age, |target, known| {
                    assert_eq!(known, usize::from(frame > 0));
                    target.0.replace(part, colour);
                    Ok(Some(vec![physical(part)]))
                })
                .unwrap()
                .unwrap();
            let area: i32 = drawn.iter().map(|part| part.size.w * part.size.h).sum();
            assert_eq!(area, if age == 0 { 35 } else { 4 });
            let wanted = super::turned(&upright, Transform::_90).unwrap();
            assert_eq!(buffer.pixels(), wanted.pixels(), "frame {frame}");
        }
        let mut target = Target::of(&mut buffers[0]);
        assert_eq!(turned.draw(&mut target, 2, |_, _| Ok(None)).unwrap(), None);
    }
}
