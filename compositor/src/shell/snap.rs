//! Snapping: a window dragged to an edge of the screen fills half of it, or at the top all of it.

use smithay::utils::{Logical, Point, Rectangle};

use super::{Mode, WindowId};
use crate::state::Compositor;

/// How near the pointer has to come to an edge.
const NEAR: f64 = 8.0;

/// What a dragged window would become if it were let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snap {
    /// The window.
    pub window: WindowId,
    /// How it would fill its output.
    pub mode: Mode,
    /// With its frame it would cover this.
    pub place: Rectangle<i32, Logical>,
}

impl Snap {
    pub(super) fn new(window: WindowId, mode: Mode, area: Rectangle<i32, Logical>) -> Self {
        let place = mode.share(area);
        Self {
            window,
            mode,
            place,
        }
    }
}

impl Mode {
    /// The part of a work area that it fills.
    pub(super) fn share(self, mut area: Rectangle<i32, Logical>) -> Rectangle<i32, Logical> {
        let left = area.size.w / 2;
        match self {
            Mode::SnappedLeft => area.size.w = left,
            Mode::SnappedRight => {
                area.loc.x += left;
                area.size.w -= left;
            }
            Mode::Floating | Mode::Maximized | Mode::Fullscreen => {}
        }
        area
    }
}

impl Compositor {
    /// The mode that belongs to the edge that the pointer is at, and the work area there. An edge
    /// behind which another display lies is none.
    pub(super) fn snap_at(
        &self,
        pointer: Point<f64, Logical>,
    ) -> Option<(Mode, Rectangle<i32, Logical>)> {
        let screen = self.outputs.at(pointer)?;
        let rect = screen.rect().to_f64();
        let end = rect.loc + rect.size.to_point();
        let beyond = |x: f64, y: f64| self.outputs.at(pointer + Point::from((x, y))).is_none();
        let mode = if pointer.x < rect.loc.x + NEAR && beyond(-NEAR, 0.0) {
            Mode::SnappedLeft
        } else if pointer.x >= end.x - NEAR && beyond(NEAR, 0.0) {
            Mode::SnappedRight
        } else if pointer.y < rect.loc.y + NEAR && beyond(0.0, -NEAR) {
            Mode::Maximized
        } else {
            return None;
        };
        Some((mode, screen.work_area()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_halves_make_a_whole() {
        let area = Rectangle::new((10, 40).into(), (1001, 600).into());
        let (left, right) = (
            Mode::SnappedLeft.share(area),
            Mode::SnappedRight.share(area),
        );
        assert_eq!(left.loc.x + left.size.w, right.loc.x);
        assert_eq!(left.size.w + right.size.w, area.size.w);
        assert_eq!(Mode::Maximized.share(area), area);
    }
}
