//! A value that moves to its target in a short time.

use std::time::Duration;

use ochre_theme::Motion;

/// 0 to 1, eased, along a fixed duration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Anim {
    target: bool,
    /// How far, linearly.
    progress: f32,
}

/// As long as every control's change.
const LENGTH: Duration = Motion::USUAL.quick;

impl Anim {
    pub fn at(target: bool) -> Anim {
        Anim {
            target,
            progress: if target { 1.0 } else { 0.0 },
        }
    }

    pub fn aim(&mut self, target: bool) {
        self.target = target;
    }

    /// Moves on by `passed`; whether there is more to come.
    pub fn advance(&mut self, passed: Duration, reduced_motion: bool) -> bool {
        let end = if self.target { 1.0 } else { 0.0 };
        if reduced_motion {
            self.progress = end;
            return false;
        }
        let step = passed.as_secs_f32() / LENGTH.as_secs_f32();
        self.progress = if self.target {
            (self.progress + step).min(1.0)
        } else {
            (self.progress - step).max(0.0)
        };
        self.progress != end
    }

    pub fn settled(&self) -> bool {
        self.progress == if self.target { 1.0 } else { 0.0 }
    }

    /// Eased: fast at first, then slowing down.
    pub fn value(&self) -> f32 {
        let rest = 1.0 - self.progress;
        1.0 - rest * rest
    }

    /// [`Anim::value`] of 255.
    pub fn part(&self) -> u8 {
        (self.value() * 255.0).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrives_and_stays() {
        let mut anim = Anim::default();
        anim.aim(true);
        assert!(anim.advance(Duration::from_millis(50), false));
        assert!(anim.part() > 0 && anim.part() < 255);
        assert!(!anim.advance(Duration::from_millis(500), false));
        assert_eq!(anim.part(), 255);
        anim.aim(false);
        assert!(!anim.advance(Duration::ZERO, true), "reduced motion jumps");
        assert_eq!(anim.part(), 0);
    }
}
