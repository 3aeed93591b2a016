//! Where a new window goes, and how none gets lost.

use smithay::utils::{Logical, Point, Rectangle, Size};

use super::{ManagedWindow, Mode, WindowId, configure};
use crate::state::Compositor;

/// How far a window that must cover another stands from it, so that both can be seen.
const STEP: i32 = 32;
/// Between windows that are put side by side.
const GAP: i32 = 12;
/// How much of a title bar has to stay on screen.
const REACH: i32 = 48;
/// So many windows from the top a new one's place depends on: each makes more places to look at.
const MOST_MINDED: usize = 24;

impl Compositor {
    /// Gives a window that shows its place; one that was hidden by its client has it.
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
        if window.placed {
            self.keep_reachable(id);
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
                    .rev()
                    .filter(|other| other.id != id)
                    .map(|other| other.frame_rect(&self.look))
                    .collect();
                best_place(size, area, &others).unwrap_or_else(|| centered(size, area))
            }
        };
        let corner = kept_within(Rectangle::new(corner, size), area);
        let title = self.shell.get(id).map_or(0, |window| self.title_of(window));
        if let Some(window) = self.shell.get_mut(id) {
            window.move_to(corner + Point::from((0, title)));
        }
    }

    /// The displays changed: a window that was in view stays so, at its size if that fits. When there
    /// is room again it goes back to where its user had left it.
    pub(super) fn keep_in_view(&mut self, id: WindowId) {
        let Some(window) = self.shell.get(id).filter(|window| window.mapped) else {
            return;
        };
        let left = window.wanted.unwrap_or(window.rect());
        if window.wanted.is_none() && !self.outputs.was_in_view(self.with_title(window, left)) {
            self.keep_reachable(id); // its user has pushed it over the edge
            return;
        }
        let now = self.fitted(window, left);
        let must_resize = now.size != window.rect().size || window.arrival.is_some();
        let Some(window) = self.shell.get_mut(id) else {
            return;
        };
        // Who is a guest goes back to its own display, not to any that is in the same place.
        window.wanted = (now != left && window.home.is_none()).then_some(left);
        let toplevel = window.window.toplevel().filter(|_| must_resize).cloned();
        match toplevel {
            Some(toplevel) => {
                toplevel.with_pending_state(|state| state.size = Some(now.size));
                window.arrival = Some((configure(&toplevel), now.loc));
            }
            None => window.move_to(now.loc),
        }
    }

    /// A window's content rectangle, moved and if need be made smaller so that it lies with its
    /// title within the work area that is nearest.
    pub(super) fn fitted(
        &self,
        window: &ManagedWindow,
        content: Rectangle<i32, Logical>,
    ) -> Rectangle<i32, Logical> {
        let frame = self.with_title(window, content);
        let area = self.work_area_of(window.id, Some(frame));
        let title = frame.size.h - content.size.h;
        let (min, max) = window.limits();
        let length = |wanted: i32, room: i32, min: i32, max: i32| {
            let fixed = min > 0 && min == max;
            if fixed {
                wanted
            } else {
                wanted.min(room).max(min).max(1)
            }
        };
        let size = Size::from((
            length(content.size.w, area.size.w, min.w, max.w),
            length(content.size.h, area.size.h - title, min.h, max.h),
        ));
        let whole = Rectangle::new(frame.loc, (size.w, size.h + title).into());
        Rectangle::new(kept_within(whole, area) + Point::from((0, title)), size)
    }

    fn with_title(
        &self,
        window: &ManagedWindow,
        mut content: Rectangle<i32, Logical>,
    ) -> Rectangle<i32, Logical> {
        // Whatever its mode is now: this is about where it floats.
        let title = if window.decorated {
            self.look.title_height
        } else {
            0
        };
        content.loc.y -= title;
        content.size.h += title;
        content
    }

    /// Moves a window so that its title bar can be grabbed.
    pub(crate) fn keep_reachable(&mut self, id: WindowId) {
        let Some(window) = self.shell.get(id) else {
            return;
        };
        let frame = window.frame_rect(&self.look);
        let area = self.work_area_of(id, Some(frame));
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

/// The corner for a window of `size`: where it hides no other altogether, covers least of them, and is
/// nearest to the middle. None if it does not fit at all. The others are topmost first.
fn best_place(
    size: Size<i32, Logical>,
    area: Rectangle<i32, Logical>,
    others: &[Rectangle<i32, Logical>],
) -> Option<Point<i32, Logical>> {
    let others = &others[..others.len().min(MOST_MINDED)];
    let middle = centered(size, area);
    // Beside, above, below or askew of each of the others, or against the area's edges.
    let end = area.loc + area.size.to_point();
    let (mut xs, mut ys) = (vec![middle.x], vec![middle.y]);
    xs.extend([area.loc.x + GAP, end.x - GAP - size.w]);
    ys.extend([area.loc.y + GAP, end.y - GAP - size.h]);
    for other in others {
        let (x, y) = (other.loc.x, other.loc.y);
        xs.extend([
            x + other.size.w + GAP,
            x - GAP - size.w,
            x,
            x + STEP,
            x - STEP,
        ]);
        ys.extend([
            y + other.size.h + GAP,
            y - GAP - size.h,
            y,
            y + STEP,
            y - STEP,
        ]);
    }
    for sides in [&mut xs, &mut ys] {
        sides.sort_unstable();
        sides.dedup();
    }
    let hidden = |place: Rectangle<i32, Logical>| {
        let hides = |other: &&Rectangle<i32, Logical>| place.contains_rect(**other);
        others.iter().filter(hides).count()
    };
    let covered = |place: Rectangle<i32, Logical>| -> i64 {
        let common = others.iter().filter_map(|other| other.intersection(place));
        common
            .map(|common| i64::from(common.size.w) * i64::from(common.size.h))
            .sum()
    };
    let far = |corner: Point<i32, Logical>| {
        let away = (corner - middle).to_f64();
        away.x.hypot(away.y) as i64
    };
    let corners = xs
        .iter()
        .flat_map(|x| ys.iter().map(move |y| Point::from((*x, *y))));
    corners
        .map(|corner| Rectangle::new(corner, size))
        .filter(|place| area.contains_rect(*place))
        .min_by_key(|place| (hidden(*place), covered(*place), far(place.loc)))
        .map(|place| place.loc)
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
            best_place(size, area, &[]),
            Some((350, 200).into()),
            "the middle"
        );
        let one = rect(350, 200, 300, 200);
        let beside = best_place(size, area, &[one]).unwrap();
        assert!(!Rectangle::new(beside, size).overlaps(one));
        assert!(area.contains_rect(Rectangle::new(beside, size)));
        assert_eq!(
            best_place((2000, 100).into(), area, &[]),
            None,
            "it does not fit at all"
        );
    }

    #[test]
    fn a_crowd_of_windows_can_all_be_seen() {
        let area = rect(0, 40, 1024, 660);
        let mut windows: Vec<Rectangle<i32, Logical>> = Vec::new();
        for size in [(880, 600), (812, 580)].into_iter().cycle().take(12) {
            let size = Size::from(size);
            let place = Rectangle::new(best_place(size, area, &windows).unwrap(), size);
            assert!(
                !windows.iter().any(|window| place.contains_rect(*window)),
                "{place:?} hides one of {windows:?}"
            );
            windows.push(place);
        }
    }

    #[test]
    fn what_lies_beneath_a_crowd_does_not_matter() {
        let area = rect(0, 0, 1000, 600);
        let size = Size::from((300, 200));
        let mut windows = vec![rect(0, 0, 10, 10); MOST_MINDED];
        windows.extend(vec![rect(350, 200, 300, 200); 5000]);
        assert_eq!(best_place(size, area, &windows), Some((350, 200).into()));
    }

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(
            centered((200, 100).into(), rect(0, 40, 1000, 700)),
            (400, 340).into()
        );
    }
}
