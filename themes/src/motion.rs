//! How long things move, and how: the same for all of the desktop.

use std::time::Duration;

/// Durations of movements; all zero where motion is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Motion {
    /// Under the pointer: a control's change.
    pub quick: Duration,
    /// A window that comes, goes or takes another place.
    pub window: Duration,
    /// The whole screen.
    pub screen: Duration,
}

impl Motion {
    /// What is long enough to be seen and short enough not to be waited for.
    pub const USUAL: Motion = Motion {
        quick: Duration::from_millis(110),
        window: Duration::from_millis(160),
        screen: Duration::from_millis(220),
    };
    /// Nothing moves.
    pub const REDUCED: Motion = Motion {
        quick: Duration::ZERO,
        window: Duration::ZERO,
        screen: Duration::ZERO,
    };
}

/// What comes: fast at first, then slowing down. From 0 to 1.
pub fn ease_out(progress: f32) -> f32 {
    let rest = 1.0 - progress.clamp(0.0, 1.0);
    1.0 - rest * rest * rest
}

/// What goes: slowly at first. From 0 to 1.
pub fn ease_in(progress: f32) -> f32 {
    let progress = progress.clamp(0.0, 1.0);
    progress * progress
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn movements_begin_and_end_where_they_should() {
        for ease in [ease_in, ease_out] {
            assert_eq!((ease(0.0), ease(1.0)), (0.0, 1.0));
            assert_eq!((ease(-3.0), ease(7.0)), (0.0, 1.0));
            assert!((1..100).all(|at| ease(at as f32 / 100.0) > ease((at - 1) as f32 / 100.0)));
        }
        assert!(ease_out(0.5) > 0.5 && ease_in(0.5) < 0.5);
    }
}
