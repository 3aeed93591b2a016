//! A set of pixels as disjoint rectangles: damage, and what an opaque window hides.
//!
//! Invariant: no two rectangles overlap and none is empty. The order means nothing.

use crate::rect::Rect;

/// A set of disjoint rectangles.
#[derive(Clone, Debug, Default)]
pub struct Region {
    rects: Vec<Rect>,
}

impl Region {
    pub const fn new() -> Region {
        Region { rects: Vec::new() }
    }

    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    pub fn clear(&mut self) {
        self.rects.clear();
    }

    pub fn area(&self) -> u64 {
        self.rects.iter().map(Rect::area).sum()
    }

    /// The smallest rectangle around the region.
    pub fn bounds(&self) -> Rect {
        self.rects
            .iter()
            .fold(Rect::EMPTY, |all, rect| all.union(rect))
    }

    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() || self.rects.iter().any(|have| have.contains_rect(&rect)) {
            return;
        }
        self.subtract(rect);
        // A neighbour that shares a whole edge grows instead, so that runs of rows stay one rectangle.
        let mut rect = rect;
        while let Some(at) = self.rects.iter().position(|have| shares_edge(have, &rect)) {
            rect = rect.union(&self.rects.swap_remove(at));
        }
        self.rects.push(rect);
    }

    pub fn union(&mut self, other: &Region) {
        for rect in &other.rects {
            self.add(*rect);
        }
    }

    pub fn subtract(&mut self, hole: Rect) {
        if hole.is_empty() || !self.rects.iter().any(|have| have.intersects(&hole)) {
            return;
        }
        let mut left = Vec::with_capacity(self.rects.len() + 3);
        for have in &self.rects {
            let cut = have.intersect(&hole);
            if cut.is_empty() {
                left.push(*have);
                continue;
            }
            let pieces = [
                Rect::from_edges(have.x, have.y, have.right(), cut.y),
                Rect::from_edges(have.x, cut.bottom(), have.right(), have.bottom()),
                Rect::from_edges(have.x, cut.y, cut.x, cut.bottom()),
                Rect::from_edges(cut.right(), cut.y, have.right(), cut.bottom()),
            ];
            left.extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
        }
        self.rects = left;
    }

    pub fn subtract_region(&mut self, other: &Region) {
        for rect in &other.rects {
            self.subtract(*rect);
        }
    }

    pub fn intersect(&mut self, clip: Rect) {
        for rect in &mut self.rects {
            *rect = rect.intersect(&clip);
        }
        self.rects.retain(|rect| !rect.is_empty());
    }

    pub fn intersects(&self, rect: &Rect) -> bool {
        self.rects.iter().any(|have| have.intersects(rect))
    }

    pub fn contains_rect(&self, rect: &Rect) -> bool {
        let mut rest = Region::from(*rect);
        rest.subtract_region(self);
        rest.is_empty()
    }

    pub fn translate(&mut self, dx: i32, dy: i32) {
        for rect in &mut self.rects {
            *rect = rect.translate(dx, dy);
        }
    }

    /// Covers the region with at most `most` rectangles, each time joining the two whose joint
    /// bounds add the fewest pixels. The result may cover more than before.
    pub fn simplify(&mut self, most: usize) {
        while self.rects.len() > most.max(1) {
            let mut best = (u64::MAX, 0, 1);
            for a in 0..self.rects.len() {
                for b in a + 1..self.rects.len() {
                    let (ra, rb) = (&self.rects[a], &self.rects[b]);
                    let extra = ra.union(rb).area().saturating_sub(ra.area() + rb.area());
                    if extra < best.0 {
                        best = (extra, a, b);
                    }
                }
            }
            let joint = self.rects[best.1].union(&self.rects[best.2]);
            self.rects.swap_remove(best.2);
            self.rects.swap_remove(best.1);
            // What the joint bounds swallow must go, or rectangles would overlap.
            let mut bounds = joint;
            while let Some(at) = self.rects.iter().position(|have| have.intersects(&bounds)) {
                bounds = bounds.union(&self.rects.swap_remove(at));
            }
            self.rects.push(bounds);
        }
    }
}

impl From<Rect> for Region {
    fn from(rect: Rect) -> Region {
        Region {
            rects: if rect.is_empty() {
                Vec::new()
            } else {
                vec![rect]
            },
        }
    }
}

impl FromIterator<Rect> for Region {
    fn from_iter<I: IntoIterator<Item = Rect>>(rects: I) -> Region {
        let mut region = Region::new();
        for rect in rects {
            region.add(rect);
        }
        region
    }
}

fn shares_edge(a: &Rect, b: &Rect) -> bool {
    (a.x == b.x && a.width == b.width && (a.bottom() == b.y || b.bottom() == a.y))
        || (a.y == b.y && a.height == b.height && (a.right() == b.x || b.right() == a.x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: one bit per pixel of a small board.
    fn board(region: &Region) -> Vec<u32> {
        let mut board = vec![0; 32 * 32];
        for rect in region.rects() {
            for y in rect.y..rect.bottom() {
                for x in rect.x..rect.right() {
                    board[(y * 32 + x) as usize] += 1;
                }
            }
        }
        board
    }

    #[test]
    fn follows_a_bitmap_through_random_operations() {
        let mut seed = 0x2545_f491u32;
        let mut next = |below: i32| {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            (seed % below as u32) as i32
        };
        let mut region = Region::new();
        let mut want = vec![0u32; 32 * 32];
        for _ in 0..2_000 {
            let (x, y) = (next(28), next(28));
            let rect = Rect::new(x, y, next(32 - x) + 1, next(32 - y) + 1)
                .intersect(&Rect::new(0, 0, 32, 32));
            let add = next(2) == 0;
            if add {
                region.add(rect)
            } else {
                region.subtract(rect)
            }
            for y in rect.y..rect.bottom() {
                for x in rect.x..rect.right() {
                    want[(y * 32 + x) as usize] = add as u32;
                }
            }
            assert_eq!(board(&region), want, "also: a count of 2 is an overlap");
        }
    }

    #[test]
    fn rows_join_into_one_rectangle() {
        let region: Region = (0..10).map(|y| Rect::new(3, y, 7, 1)).collect();
        assert_eq!(region.rects(), [Rect::new(3, 0, 7, 10)]);
    }

    #[test]
    fn simplify_covers_and_stays_disjoint() {
        let whole: Region = (0..6)
            .flat_map(|y| (0..6).map(move |x| Rect::new(x * 5, y * 5, 2, 2)))
            .collect();
        let mut few = whole.clone();
        few.simplify(4);
        assert!(few.rects().len() <= 4);
        assert!(board(&few).iter().all(|count| *count <= 1));
        assert!(whole.rects().iter().all(|rect| few.contains_rect(rect)));
    }
}
