//! The window of `frames sizes` on a picture of the screen: where it is, and which of its frames it shows.
//!
//! A frame's pixels have one colour, and the opposite one along its edges; the colour tells the frame's number and
//! size (see that program). So a window that shows parts of two frames, or a frame of another size than the
//! window has, is not found.

use crate::picture::{Area, Colour, Picture};

/// How wide the seam is.
const SEAM: usize = 4;
/// The lower half of a frame's green.
const MARK: u8 = 5;
/// A window that floats has round corners, of less than this: those are not looked at.
const CORNER: usize = 16;
/// Windows are larger than this, each way.
const GRID: usize = 64;

/// A frame that is seen whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub area: Area,
    /// Its number, of 4096.
    pub number: u16,
}

/// The frame on a picture.
pub fn find(picture: &Picture) -> Option<Frame> {
    let rows = (GRID / 2..picture.height).step_by(GRID);
    let mut points =
        rows.flat_map(|y| (GRID / 2..picture.width).step_by(GRID).map(move |x| (x, y)));
    points.find_map(|point| at(picture, point))
}

/// The frame whose inner part this point is in.
fn at(picture: &Picture, (x, y): (usize, usize)) -> Option<Frame> {
    let inner = picture.at(x, y);
    let [red, green, blue] = inner;
    if green & 0xf != MARK {
        return None;
    }
    let same = |&(x, y): &(usize, usize)| picture.at(x, y) == inner;
    let left = (0..=x).rev().map(|x| (x, y)).take_while(same).last()?.0;
    let right = (x..picture.width)
        .map(|x| (x, y))
        .take_while(same)
        .last()?
        .0;
    let top = (0..=y).rev().map(|y| (x, y)).take_while(same).last()?.1;
    let bottom = (y..picture.height)
        .map(|y| (x, y))
        .take_while(same)
        .last()?
        .1;
    let area = Area {
        x: left.checked_sub(SEAM)?,
        y: top.checked_sub(SEAM)?,
        width: right - left + 1 + 2 * SEAM,
        height: bottom - top + 1 + 2 * SEAM,
    };
    let inside = area.x + area.width <= picture.width && area.y + area.height <= picture.height;
    let told = (area.width * 7 + area.height * 13) as u8;
    let large = area.width > 2 * CORNER && area.height > 2 * CORNER;
    if !inside || !large || told != blue || !is_whole(picture, area, inner) {
        return None;
    }
    let number = u16::from(red) | u16::from(green >> 4) << 8;
    Some(Frame { area, number })
}

/// Whether each pixel of the area is the frame's.
fn is_whole(picture: &Picture, area: Area, inner: Colour) -> bool {
    let seam = inner.map(|part| !part);
    let edge = seam.repeat(area.width);
    let sides = seam.repeat(SEAM);
    let middle = [&sides[..], &inner.repeat(area.width - 2 * SEAM), &sides].concat();
    let floats = area.width < picture.width;
    (0..area.height).all(|y| {
        let row = area.y + y;
        let round = floats && y + CORNER >= area.height;
        let outer = y < SEAM || y + SEAM >= area.height;
        let expected = if outer { &edge } else { &middle };
        let left = if round { CORNER } else { 0 };
        let shown = picture.rows(row..row + 1);
        let part = left..area.width - left;
        shown[(area.x + part.start) * 3..(area.x + part.end) * 3]
            == expected[part.start * 3..part.end * 3]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey screen of 300 by 200 pixels with a frame on it.
    fn screen(number: u16, area: Area) -> Picture {
        let mut picture = Picture::plain(300, 200, [80, 80, 80]);
        let blue = (area.width * 7 + area.height * 13) as u8;
        let inner = [number as u8, ((number >> 8) as u8) << 4 | MARK, blue];
        picture.fill(area, inner.map(|part| !part));
        let inside = Area {
            x: area.x + SEAM,
            y: area.y + SEAM,
            width: area.width - 2 * SEAM,
            height: area.height - 2 * SEAM,
        };
        picture.fill(inside, inner);
        picture
    }

    const AREA: Area = Area {
        x: 20,
        y: 30,
        width: 200,
        height: 150,
    };

    #[test]
    fn a_whole_frame_is_found() {
        let number = 0x7a3;
        let found = find(&screen(number, AREA));
        assert_eq!(found, Some(Frame { area: AREA, number }));
        assert_eq!(find(&Picture::plain(300, 200, [5, 5, 5])), None);
    }

    #[test]
    fn what_is_not_whole_is_not_found() {
        let strip = |x, y, width, height| Area {
            x,
            y,
            width,
            height,
        };
        // Rows of the next frame; one wrong pixel; a part that is cut off, or covered.
        let next = screen(8, AREA).at(100, 100);
        for (part, colour) in [
            (strip(24, 100, 192, 30), next),
            (strip(50, 178, 1, 1), [0, 0, 0]),
            (strip(190, 0, 110, 200), [80, 80, 80]),
            (strip(0, 0, 300, 40), [1, 2, 3]),
        ] {
            let mut torn = screen(7, AREA);
            torn.fill(part, colour);
            assert_eq!(find(&torn), None, "{part:?}");
        }
        // A frame that says another size than it is shown with.
        let mut stretched = screen(7, AREA);
        let inner = stretched.at(100, 100);
        stretched.fill(AREA, inner.map(|part| !part));
        stretched.fill(strip(24, 34, 193, 142), inner);
        assert_eq!(find(&stretched), None);
    }
}
