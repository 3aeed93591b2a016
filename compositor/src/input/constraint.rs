//! Pointers that are locked to a place or confined to a window, as games and remote desktops ask.
//!
//! A constraint is in force while its surface has the pointer and its window the keyboard: whoever
//! is called away by another window gets the pointer back.

use smithay::{
    backend::renderer::utils::with_renderer_surface_state,
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    utils::{Logical, Point, Rectangle},
    wayland::{
        compositor::{RectangleKind, RegionAttributes},
        pointer_constraints::{PointerConstraint, with_pointer_constraint},
    },
};

use crate::{handlers::root_of, state::Compositor};

impl Compositor {
    /// Whether the pointer is not free to go where it likes.
    pub(super) fn is_constrained(&self) -> bool {
        let pointer = self.seat.get_pointer();
        let focus = pointer.as_ref().and_then(|pointer| pointer.current_focus());
        pointer.zip(focus).is_some_and(|(pointer, surface)| {
            with_pointer_constraint(&surface, &pointer, |constraint| {
                constraint.is_some_and(|constraint| constraint.is_active())
            })
        })
    }

    /// Where the pointer gets that would go there from this surface; nowhere if it is locked.
    pub(super) fn constrained(
        &self,
        (surface, origin): &(WlSurface, Point<f64, Logical>),
        to: Point<f64, Logical>,
    ) -> Option<Point<f64, Logical>> {
        let pointer = self.seat.get_pointer()?;
        // A surface's state can be looked at once at a time, and a constraint is part of it.
        let size = with_renderer_surface_state(surface, |state| state.surface_size()).flatten();
        with_pointer_constraint(surface, &pointer, |constraint| {
            let Some(constraint) = constraint.filter(|constraint| constraint.is_active()) else {
                return Some(to);
            };
            match &*constraint {
                PointerConstraint::Locked(_) => None,
                PointerConstraint::Confined(confined) => {
                    let whole = Rectangle::from_size(size?);
                    let place = confined_to(confined.region(), whole, to - *origin)?;
                    Some(*origin + place)
                }
            }
        })
    }

    /// Puts the constraint of what is under the pointer into force, or out of it.
    pub(super) fn update_constraint(&self) {
        let Some(pointer) = self.seat.get_pointer() else {
            return;
        };
        let Some((surface, origin)) = &self.under else {
            return; // what was left is out of force already
        };
        let keyboard = self.seat.get_keyboard();
        let focus = keyboard.and_then(|keyboard| keyboard.current_focus());
        let place = (pointer.current_location() - *origin).to_i32_floor();
        let has_keyboard = focus.is_some_and(|focus| focus == root_of(surface));
        with_pointer_constraint(surface, &pointer, |constraint| {
            let Some(constraint) = constraint else {
                return;
            };
            let inside = constraint
                .region()
                .is_none_or(|region| region.contains::<Point<i32, Logical>>(place));
            match constraint.is_active() {
                false if inside && has_keyboard => constraint.activate(),
                true if !has_keyboard => constraint.deactivate(),
                _ => {}
            }
        });
    }
}

/// The pixel of a surface nearest to a point that the region allows, or the point itself.
fn confined_to(
    region: Option<&RegionAttributes>,
    whole: Rectangle<i32, Logical>,
    point: Point<f64, Logical>,
) -> Option<Point<f64, Logical>> {
    let allows = |place: Point<f64, Logical>| {
        let place = place.to_i32_floor();
        whole.contains(place) && region.is_none_or(|region| region.contains(place))
    };
    if allows(point) {
        return Some(point);
    }
    let all = [(RectangleKind::Add, whole)];
    let rects = region.map_or(&all[..], |region| &region.rects);
    let nearest = rects
        .iter()
        .filter(|(kind, _)| matches!(kind, RectangleKind::Add))
        .filter_map(|(_, rect)| rect.intersection(whole))
        .filter(|rect| !rect.is_empty())
        .map(|rect| {
            let last = rect.loc + rect.size.to_point() - Point::from((1, 1));
            Point::from((
                point.x.clamp(f64::from(rect.loc.x), f64::from(last.x)),
                point.y.clamp(f64::from(rect.loc.y), f64::from(last.y)),
            ))
        })
        .filter(|place| allows(*place));
    let far = |place: &Point<f64, Logical>| (place.x - point.x).hypot(place.y - point.y);
    nearest.min_by(|one, other| far(one).total_cmp(&far(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: i32, y: i32, w: i32, h: i32) -> Rectangle<i32, Logical> {
        Rectangle::new((x, y).into(), (w, h).into())
    }

    #[test]
    fn the_pointer_stops_at_the_edge() {
        let whole = rect(0, 0, 300, 200);
        let at = |x: f64, y: f64| confined_to(None, whole, (x, y).into()).map(|to| (to.x, to.y));
        assert_eq!(at(10.5, 20.0), Some((10.5, 20.0)));
        assert_eq!(at(900.0, 50.0), Some((299.0, 50.0)));
        assert_eq!(at(-1.0, 900.0), Some((0.0, 199.0)));
    }

    #[test]
    fn it_goes_to_the_nearest_part_of_a_region() {
        let whole = rect(0, 0, 300, 200);
        let region = RegionAttributes {
            rects: vec![
                (RectangleKind::Add, rect(0, 0, 50, 50)),
                (RectangleKind::Add, rect(100, 0, 500, 50)),
                (RectangleKind::Subtract, rect(290, 0, 10, 10)),
            ],
        };
        let at = |x: f64, y: f64| {
            confined_to(Some(&region), whole, (x, y).into()).map(|to| (to.x, to.y))
        };
        assert_eq!(at(60.0, 10.0), Some((49.0, 10.0)));
        assert_eq!(at(90.0, 60.0), Some((100.0, 49.0)));
        assert_eq!(at(200.0, 20.0), Some((200.0, 20.0)));
        assert_eq!(at(400.0, 40.0), Some((299.0, 40.0)));
        let nothing = RegionAttributes::default();
        assert_eq!(confined_to(Some(&nothing), whole, (1.0, 1.0).into()), None);
    }
}
