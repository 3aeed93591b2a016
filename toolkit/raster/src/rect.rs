//! Integer rectangles. Coordinates saturate instead of wrapping, as they come from clients.

/// A rectangle in pixels; empty when either side is not positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Rect {
    pub const EMPTY: Rect = Rect {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
    };

    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    /// The rectangle between two corners; empty when they are out of order.
    pub const fn from_edges(left: i32, top: i32, right: i32, bottom: i32) -> Rect {
        Rect::new(
            left,
            top,
            right.saturating_sub(left),
            bottom.saturating_sub(top),
        )
    }

    pub const fn is_empty(&self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    /// The first column right of the rectangle.
    pub const fn right(&self) -> i32 {
        self.x.saturating_add(self.width)
    }

    /// The first row below the rectangle.
    pub const fn bottom(&self) -> i32 {
        self.y.saturating_add(self.height)
    }

    pub const fn area(&self) -> u64 {
        if self.is_empty() {
            0
        } else {
            self.width as u64 * self.height as u64
        }
    }

    pub fn intersect(&self, other: &Rect) -> Rect {
        let left = self.x.max(other.x);
        let top = self.y.max(other.y);
        let right = self.right().min(other.right());
        let bottom = self.bottom().min(other.bottom());
        if left >= right || top >= bottom {
            return Rect::EMPTY;
        }
        Rect::from_edges(left, top, right, bottom)
    }

    pub fn intersects(&self, other: &Rect) -> bool {
        !self.intersect(other).is_empty()
    }

    /// The smallest rectangle around both; an empty one adds nothing.
    pub fn union(&self, other: &Rect) -> Rect {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        Rect::from_edges(
            self.x.min(other.x),
            self.y.min(other.y),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    pub const fn contains(&self, x: i32, y: i32) -> bool {
        x >= self.x && y >= self.y && x < self.right() && y < self.bottom()
    }

    pub fn contains_rect(&self, other: &Rect) -> bool {
        other.is_empty()
            || (other.x >= self.x
                && other.y >= self.y
                && other.right() <= self.right()
                && other.bottom() <= self.bottom())
    }

    pub const fn translate(&self, dx: i32, dy: i32) -> Rect {
        Rect::new(
            self.x.saturating_add(dx),
            self.y.saturating_add(dy),
            self.width,
            self.height,
        )
    }

    /// Every edge moved inwards by `by` (outwards when negative).
    pub const fn inset(&self, by: i32) -> Rect {
        Rect::from_edges(
            self.x.saturating_add(by),
            self.y.saturating_add(by),
            self.right().saturating_sub(by),
            self.bottom().saturating_sub(by),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersects_what_overlaps_only() {
        let a = Rect::new(0, 0, 10, 10);
        assert_eq!(a.intersect(&Rect::new(5, 5, 10, 10)), Rect::new(5, 5, 5, 5));
        assert!(a.intersect(&Rect::new(10, 0, 5, 5)).is_empty());
        assert!(a.intersect(&Rect::new(2, 2, -3, 5)).is_empty());
    }

    #[test]
    fn hostile_coordinates_saturate() {
        let huge = Rect::new(i32::MAX - 1, i32::MIN, i32::MAX, i32::MAX);
        assert_eq!(huge.right(), i32::MAX);
        assert!(huge.intersect(&Rect::new(0, 0, 100, 100)).is_empty());
        let all = Rect::new(i32::MIN, i32::MIN, i32::MAX, i32::MAX);
        assert!(all.union(&huge).width > 0);
    }
}
