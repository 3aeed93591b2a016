//! Pointer acceleration: how much further than the hand the pointer goes.
//!
//! The curve is libinput's linear one: below a crawl it slows down for aiming, then one to one, and
//! from a threshold on in proportion to speed, up to a limit.

use std::{collections::VecDeque, time::Duration};

/// Units of a mouse of this resolution are what the curve was made for.
const NORMAL_DPI: f64 = 1000.0;
/// As many reports of the past count for the speed.
const REMEMBERED: usize = 16;
/// Older reports are of another movement.
const RECENT: Duration = Duration::from_millis(60);
/// How long a report's movement takes, in milliseconds.
const USUAL_INTERVAL: f64 = 8.0;

/// The slowest that a flat profile goes.
const SLOWEST: f64 = 0.005;

/// The curve, and what was lately reported.
#[derive(Debug, Clone)]
pub struct Acceleration {
    threshold: f64,
    limit: f64,
    incline: f64,
    scale: f64,
    /// Instead of the curve.
    flat: Option<f64>,
    past: VecDeque<(Duration, f64, f64)>,
}

impl Acceleration {
    /// For a mouse of `dpi`; `speed` is what a settings slider gives, -1 (slow) to 1 (fast).
    pub fn new(dpi: f64, speed: f64) -> Self {
        let speed = speed.clamp(-1.0, 1.0);
        Self {
            threshold: (0.4 - speed * 0.25).max(0.2),
            limit: 2.0 + speed * 1.5,
            incline: 1.1 + speed * 0.75,
            scale: NORMAL_DPI / dpi.max(1.0),
            flat: None,
            past: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// For a mouse of `dpi` that is as fast as its hand, or by as much slower or faster; as libinput's
    /// flat profile.
    pub fn flat(dpi: f64, speed: f64) -> Self {
        Self {
            flat: Some((1.0 + speed.clamp(-1.0, 1.0)).max(SLOWEST)),
            ..Self::new(dpi, 0.0)
        }
    }

    /// Where the pointer goes when the hand went by (`dx`, `dy`) units.
    pub fn apply(&mut self, dx: f64, dy: f64, time: Duration) -> (f64, f64) {
        let (x, y) = (dx * self.scale, dy * self.scale);
        if let Some(factor) = self.flat {
            return (x * factor, y * factor);
        }
        let factor = self.factor(self.speed(x, y, time));
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((time, x, y));
        (x * factor, y * factor)
    }

    /// Forgets what came before: another movement begins.
    pub fn rest(&mut self) {
        self.past.clear();
    }

    /// Units a millisecond, over the recent reports that go the same way.
    fn speed(&self, x: f64, y: f64, time: Duration) -> f64 {
        let mut length = x.hypot(y);
        let mut elapsed = 0.0;
        for (then, px, py) in self.past.iter().rev() {
            let age = time.saturating_sub(*then);
            if age > RECENT || px * x + py * y < 0.0 {
                break;
            }
            length += px.hypot(*py);
            elapsed = age.as_secs_f64() * 1000.0;
        }
        // The oldest report's movement took its time, too.
        length / (elapsed + USUAL_INTERVAL)
    }

    fn factor(&self, speed: f64) -> f64 {
        if speed < 0.07 {
            10.0 * speed + 0.3
        } else if speed < self.threshold {
            1.0
        } else {
            (self.incline * (speed - self.threshold) + 1.0).min(self.limit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn travel(speed: f64, step: f64, count: u64) -> f64 {
        let mut acceleration = Acceleration::new(1000.0, speed);
        let moves = (0..count).map(|n| {
            let time = Duration::from_millis(8 * n);
            acceleration.apply(step, 0.0, time).0
        });
        moves.sum()
    }

    #[test]
    fn slow_hands_aim_and_fast_hands_travel() {
        let slow = travel(0.0, 0.1, 20) / (0.1 * 20.0);
        let usual = travel(0.0, 2.0, 20) / (2.0 * 20.0);
        let fast = travel(0.0, 30.0, 20) / (30.0 * 20.0);
        assert!(slow < 0.8, "{slow}");
        assert!((0.95..1.2).contains(&usual), "{usual}");
        assert!(fast > 1.8 && fast <= 2.0, "{fast}");
    }

    #[test]
    fn the_slider_moves_the_limit() {
        assert!(travel(1.0, 30.0, 20) > travel(0.0, 30.0, 20));
        assert!(travel(-1.0, 30.0, 20) < travel(0.0, 30.0, 20));
    }

    #[test]
    fn a_flat_profile_knows_no_speed() {
        let mut flat = Acceleration::flat(1000.0, 0.5);
        for step in [0.1, 1.0, 100.0] {
            assert_eq!(flat.apply(step, 0.0, Duration::ZERO).0, step * 1.5);
        }
        assert!(
            Acceleration::flat(1000.0, -1.0)
                .apply(100.0, 0.0, Duration::ZERO)
                .0
                > 0.0
        );
    }

    #[test]
    fn the_direction_stays() {
        let mut acceleration = Acceleration::new(1000.0, 0.0);
        let (x, y) = acceleration.apply(30.0, -40.0, Duration::ZERO);
        assert!((x / y - 30.0 / -40.0).abs() < 1e-9);
        assert!(x.hypot(y) > 50.0);
    }

    #[test]
    fn a_finer_mouse_is_as_fast() {
        let fine = Acceleration::new(4000.0, 0.0).apply(40.0, 0.0, Duration::ZERO);
        let coarse = Acceleration::new(1000.0, 0.0).apply(10.0, 0.0, Duration::ZERO);
        assert_eq!(fine, coarse);
    }
}
