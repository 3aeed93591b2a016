//! Where a new window goes, and how none gets lost.

use smithay::utils::{Logical, Point, Rectangle, Size};

use super::{ManagedWindow, Mode, WindowId};
use crate::state::Compositor;

/// How far each new window stands from the one before.
const CASCADE_STEP: i32 = 32;
/// After how many windows the cascade starts over.
const CASCADE_LENGTH: i32 = 6;
/// How much of a title bar has to stay on screen.
const REACH: i32 = 48;

impl Compositor {
    /// Gives a window that shows for the first time its place.
    pub(super) fn place(&mut self, id: WindowId) {
        let area = self.outputs.work_area(None);
        let Some(window) = self.shell.get(id) else {
            return;
        };
        if window.mode != Mode::Floating {
            if let Some(window) = self.shell.get_mut(id)
                && let Some((_, position)) = window.arrival.take()
            {
                window.move_to(position);
            }
            return;
        }
        let size = window.frame_rect(&self.look).size;
        let owner = window.parent().and_then(|parent| {
            self.shell
                .by_surface(&parent)
                .map(|owner| owner.frame_rect(&self.look))
        });
        let corner = match owner {
            Some(owner) => centered(size, owner),
            None => {
                let step = self.shell.cascade % CASCADE_LENGTH;
                self.shell.cascade += 1;
                centered(size, area) + Point::from((step * CASCADE_STEP, step * CASCADE_STEP))
            }
        };
        let corner = kept_within(Rectangle::new(corner, size), area);
        let title = self.shell.get(id).map_or(0, |window| self.title_of(window));
        if let Some(window) = self.shell.get_mut(id) {
            window.move_to(corner + Point::from((0, title)));
        }
    }

    /// Moves a window so that its title bar can be grabbed.
    pub(crate) fn keep_reachable(&mut self, id: WindowId) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        let frame = window.frame_rect(&self.look);
        let area = self.outputs.work_area(Some(frame));
        let title = self.title_of(window);
        let x = frame.loc.x.clamp(
            (area.loc.x + REACH - frame.size.w).min(area.loc.x),
            (area.loc.x + area.size.w - REACH).max(area.loc.x),
        );
        let y = frame.loc.y.clamp(
            area.loc.y,
            (area.loc.y + area.size.h - REACH).max(area.loc.y),
        );
        if let Some(window) = self.shell.get_mut(id) {
            window.move_to((x, y + title).into());
        }
    }

    fn title_of(&self, window: &ManagedWindow) -> i32 {
        if window.has_frame() {
            self.look.title_height
        } else {
            0
        }
    }
}

/// The corner of a rectangle of `size` in the middle of `area`.
fn centered(size: Size<i32, Logical>, area: Rectangle<i32, Logical>) -> Point<i32, Logical> {
    area.loc + Point::from(((area.size.w - size.w) / 2, (area.size.h - size.h) / 2))
}

/// The corner nearest to `rect`'s at which it lies within `area`, or starts with it if too large.
fn kept_within(
    rect: Rectangle<i32, Logical>,
    area: Rectangle<i32, Logical>,
) -> Point<i32, Logical> {
    let last_x = area.loc.x + area.size.w - rect.size.w;
    let last_y = area.loc.y + area.size.h - rect.size.h;
    (
        rect.loc.x.min(last_x).max(area.loc.x),
        rect.loc.y.min(last_y).max(area.loc.y),
    )
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: i32, y: i32, w: i32, h: i32) -> Rectangle<i32, Logical> {
        Rectangle::new((x, y).into(), (w, h).into())
    }

    #[test]
    fn windows_stay_within_the_area() {
        let area = rect(0, 40, 1000, 700);
        assert_eq!(kept_within(rect(900, 10, 200, 100), area), (800, 40).into());
        assert_eq!(kept_within(rect(-5, 900, 200, 100), area), (0, 640).into());
        assert_eq!(
            kept_within(rect(100, 100, 4000, 4000), area),
            (0, 40).into()
        );
    }

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(
            centered((200, 100).into(), rect(0, 40, 1000, 700)),
            (400, 340).into()
        );
    }
}
