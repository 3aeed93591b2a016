//! Where a new window goes, and how none gets lost.

use smithay::utils::{Logical, Point, Rectangle, Size};

use super::{ManagedWindow, Mode, WindowId};
use crate::state::Compositor;

/// How far each new window stands from the one before.
const CASCADE_STEP: i32 = 32;
/// After how many windows the cascade starts over.
const CASCADE_LENGTH: i32 = 6;
/// Between windows that are put side by side.
const GAP: i32 = 12;
/// A new window may cover one part of so many of its own size.
const MOST_COVERED: i64 = 8;
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
                let others: Vec<_> = self
                    .shell
                    .visible()
                    .filter(|other| other.id != id)
                    .map(|other| other.frame_rect(&self.look))
                    .collect();
                free_place(size, area, &others).unwrap_or_else(|| {
                    self.shell.cascade += 1;
                    let step = (self.shell.cascade - 1) % CASCADE_LENGTH + 1;
                    centered(size, area) + Point::from((step * CASCADE_STEP, step * CASCADE_STEP))
                })
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

/// A corner at which a window of `size` covers little or nothing of the others, the nearest such to
/// the middle. None if it would cover much wherever it goes.
fn free_place(
    size: Size<i32, Logical>,
    area: Rectangle<i32, Logical>,
    others: &[Rectangle<i32, Logical>],
) -> Option<Point<i32, Logical>> {
    let middle = centered(size, area);
    // Beside, above or below each of the others, or against the area's edges.
    let end = area.loc + area.size.to_point();
    let (mut xs, mut ys) = (vec![middle.x], vec![middle.y]);
    xs.extend([area.loc.x + GAP, end.x - GAP - size.w]);
    ys.extend([area.loc.y + GAP, end.y - GAP - size.h]);
    for other in others {
        xs.extend([
            other.loc.x + other.size.w + GAP,
            other.loc.x - GAP - size.w,
            other.loc.x,
        ]);
        ys.extend([
            other.loc.y + other.size.h + GAP,
            other.loc.y - GAP - size.h,
            other.loc.y,
        ]);
    }
    let covered = |corner: &Point<i32, Logical>| -> i64 {
        let place = Rectangle::new(*corner, size);
        let common = others.iter().filter_map(|other| other.intersection(place));
        common
            .map(|common| i64::from(common.size.w) * i64::from(common.size.h))
            .sum()
    };
    let far = |corner: &Point<i32, Logical>| {
        let away = (*corner - middle).to_f64();
        away.x.hypot(away.y) as i64
    };
    let fits = |corner: &Point<i32, Logical>| area.contains_rect(Rectangle::new(*corner, size));
    let places = xs
        .iter()
        .flat_map(|x| ys.iter().map(move |y| Point::from((*x, *y))));
    let best = places
        .filter(fits)
        .min_by_key(|corner| (covered(corner), far(corner)))?;
    let most = i64::from(size.w) * i64::from(size.h) / MOST_COVERED;
    (covered(&best) <= most).then_some(best)
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
    fn a_window_goes_where_it_is_free() {
        let area = rect(0, 0, 1000, 600);
        let size = Size::from((300, 200));
        assert_eq!(
            free_place(size, area, &[]),
            Some((350, 200).into()),
            "the middle"
        );
        let one = rect(350, 200, 300, 200);
        let beside = free_place(size, area, &[one]).unwrap();
        assert!(!Rectangle::new(beside, size).overlaps(one));
        assert!(area.contains_rect(Rectangle::new(beside, size)));
        let all = rect(0, 0, 1000, 600);
        assert_eq!(free_place(size, area, &[all]), None, "nowhere is free");
        assert_eq!(
            free_place((2000, 100).into(), area, &[]),
            None,
            "it does not fit at all"
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
