//! Where displays stand among each other.
//!
//! Those for which nobody chose a place stand side by side, in the order in which they first came,
//! without a gap that the pointer could not cross. When one of them changes its size, comes or goes,
//! the others move up, and what is on them goes along.

use smithay::utils::{Logical, Point, Rectangle, Size};

use super::{OutputId, Screen};
use crate::state::Compositor;

/// Where a display stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its user has chosen its place.
    pub(crate) chosen: bool,
    /// How many had come before it when it first came.
    pub(super) rank: u32,
}

/// A display's size, and where it stands.
type Placed = (OutputId, Standing, Rectangle<i32, Logical>);

/// Where those displays go whose place nobody chose.
fn close_up(mut displays: Vec<Placed>) -> Vec<(OutputId, Point<i32, Logical>)> {
    displays.sort_by_key(|(_, standing, _)| standing.rank);
    let (chosen, free): (Vec<Placed>, Vec<Placed>) = displays
        .into_iter()
        .partition(|(_, standing, _)| standing.chosen);
    // Where the first stands all begin: nothing moves because that one is gone.
    let mut edge = free.first().map_or(0, |(_, _, rect)| rect.loc.x);
    let mut places = Vec::new();
    for (id, _, rect) in free {
        // The first keeps its corner, be it so large that it reaches into a chosen place.
        let needed = if places.is_empty() {
            Size::from((1, 1))
        } else {
            rect.size
        };
        let in_the_way = |edge: i32| {
            let wanted = Rectangle::new((edge, 0).into(), needed);
            let mut chosen = chosen.iter().map(|(_, _, rect)| rect);
            chosen.find(|rect| rect.overlaps(wanted)).copied()
        };
        while let Some(other) = in_the_way(edge) {
            edge = other.loc.x + other.size.w;
        }
        places.push((id, Point::from((edge, 0))));
        edge += rect.size.w;
    }
    places
}

impl Compositor {
    /// Moves displays up whose place nobody chose, with what is on them.
    pub(crate) fn close_up(&mut self) {
        let placed = |screen: &Screen| (screen.id, screen.standing, screen.rect());
        let displays = self.outputs.iter().map(placed).collect();
        let pointer = self.seat.get_pointer();
        let points_to = pointer
            .as_ref()
            .and_then(|pointer| self.outputs.at(pointer.current_location()))
            .map(|screen| screen.id);
        let mut moved = Vec::new();
        for (id, to) in close_up(displays) {
            let Some(screen) = self.outputs.get_mut(id) else {
                continue;
            };
            let by = to - screen.output.current_location();
            if by == Point::default() {
                continue;
            }
            screen
                .output
                .change_current_state(None, None, None, Some(to));
            screen.laid_out.loc += by;
            moved.push((id, by));
        }
        for (id, by) in &moved {
            self.windows_go_along(*id, *by);
            if points_to == Some(*id)
                && let Some(pointer) = &pointer
            {
                pointer.set_location(pointer.current_location() + by.to_f64());
            }
        }
        if !moved.is_empty() {
            self.outputs.damage_all();
            self.pointer_moved_under();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(id: u32, rank: u32, chosen: bool, place: [i32; 4]) -> Placed {
        let [x, y, w, h] = place;
        let rect = Rectangle::new((x, y).into(), (w, h).into());
        (OutputId(id), Standing { chosen, rank }, rect)
    }

    fn places(displays: Vec<Placed>) -> Vec<(u32, i32)> {
        let places = close_up(displays).into_iter();
        places.map(|(OutputId(id), to)| (id, to.x)).collect()
    }

    #[test]
    fn they_stand_side_by_side_as_they_came() {
        let displays = vec![
            display(1, 7, false, [1280, 0, 800, 600]),
            display(2, 3, false, [0, 0, 1000, 700]),
            display(3, 9, false, [5000, 0, 640, 480]),
        ];
        assert_eq!(places(displays), [(2, 0), (1, 1000), (3, 1800)]);
        let displays = vec![
            display(1, 1, false, [800, 0, 300, 300]),
            display(2, 2, false, [0, 0, 300, 300]),
        ];
        assert_eq!(places(displays), [(1, 800), (2, 1100)]);
    }

    #[test]
    fn a_chosen_place_is_gone_round() {
        let displays = vec![
            display(1, 0, false, [0, 0, 2000, 700]),
            display(2, 1, true, [1900, 100, 500, 500]),
            display(3, 2, false, [2000, 0, 300, 300]),
            display(4, 3, false, [2300, 0, 300, 300]),
        ];
        assert_eq!(places(displays), [(1, 0), (3, 2400), (4, 2700)]);
        let displays = vec![
            display(1, 0, false, [0, 0, 800, 600]),
            display(2, 1, true, [-100, -50, 300, 300]),
        ];
        assert_eq!(places(displays), [(1, 200)]);
        let below = vec![
            display(1, 0, false, [0, 0, 800, 600]),
            display(2, 1, true, [0, 600, 800, 600]),
        ];
        assert_eq!(places(below), [(1, 0)]);
    }
}
