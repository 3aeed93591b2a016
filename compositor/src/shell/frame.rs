//! A window frame's parts: one layout for what is drawn and what is hit.

use smithay::utils::{Logical, Point, Rectangle, Size};

use crate::render::Look;

/// A button of a title bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameButton {
    /// Hide until asked for.
    Minimize,
    /// Fill the work area, or go back.
    Maximize,
    /// Ask the client to close.
    Close,
}

/// Where the parts of a frame are, relative to the frame's corner.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameLayout {
    /// The title bar.
    pub bar: Rectangle<i32, Logical>,
    /// What is left of it for the title.
    pub title: Rectangle<i32, Logical>,
    /// The buttons.
    pub buttons: Vec<(FrameButton, Rectangle<i32, Logical>)>,
}

/// Free space at either end of the bar.
const MARGIN: i32 = 8;
/// Between two buttons.
const GAP: i32 = 4;

impl FrameLayout {
    /// The layout of a frame this wide. Narrow windows lose buttons, the close button last.
    pub fn new(width: i32, look: &Look) -> Self {
        let height = look.title_height;
        let side = look.button_size;
        let bar = Rectangle::from_size(Size::from((width.max(0), height)));
        let top = (height - side) / 2;
        let mut right = width - MARGIN;
        let mut left = MARGIN;
        let mut buttons = Vec::new();
        for button in look.buttons_right.iter().rev() {
            if right - side < left {
                break;
            }
            right -= side;
            let place = Rectangle::new((right, top).into(), (side, side).into());
            buttons.push((*button, place));
            right -= GAP;
        }
        for button in &look.buttons_left {
            if left + side > right {
                break;
            }
            let place = Rectangle::new((left, top).into(), (side, side).into());
            buttons.push((*button, place));
            left += side + GAP;
        }
        // The title is in the middle of the window, if both sides leave it room there.
        let (low, high) = (left + MARGIN, right - MARGIN);
        let aside = low.max(width - high);
        let centred = width - 2 * aside;
        let (low, room) = if centred * 2 > high - low {
            (aside, centred)
        } else {
            (low, (high - low).max(0))
        };
        let title = Rectangle::new((low, 0).into(), (room, height).into());
        Self {
            bar,
            title,
            buttons,
        }
    }

    /// The button at a point relative to the frame's corner.
    pub fn button_at(&self, point: Point<f64, Logical>) -> Option<FrameButton> {
        self.buttons
            .iter()
            .find(|(_, place)| place.to_f64().contains(point))
            .map(|(button, _)| *button)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_fit_or_are_left_out() {
        let look = Look::usual();
        let wide = FrameLayout::new(600, &look);
        assert_eq!(
            wide.buttons.len(),
            look.buttons_left.len() + look.buttons_right.len()
        );
        for (_, place) in &wide.buttons {
            assert!(wide.bar.contains_rect(*place));
            assert!(!wide.title.overlaps(*place));
        }
        let narrow = FrameLayout::new(look.button_size + 2 * MARGIN, &look);
        assert_eq!(narrow.buttons.len(), 1);
        assert!(FrameLayout::new(0, &look).buttons.is_empty());
    }

    #[test]
    fn a_button_is_where_it_is_drawn() {
        let layout = FrameLayout::new(600, &Look::usual());
        for (button, place) in &layout.buttons {
            let middle = place.to_f64().loc
                + Point::from((f64::from(place.size.w) / 2.0, f64::from(place.size.h) / 2.0));
            assert_eq!(layout.button_at(middle), Some(*button));
        }
        assert_eq!(layout.button_at((-5.0, 3.0).into()), None);
    }
}
