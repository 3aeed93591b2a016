//! Which part of a frame has changed, as a card is told it: by a property blob (FB_DAMAGE_CLIPS).

use smithay::{
    backend::drm::{DrmDeviceFd, PlaneDamageClips},
    utils::{Buffer, Physical, Rectangle},
};

use super::Damage;

/// The blob of the last frame, with what it says. The next one often says the same (a clock's digits, a cursor
/// that blinks), and to make and destroy one is a call of the card's driver each.
#[derive(Default)]
pub(super) struct Clips {
    last: Option<(Damage, PlaneDamageClips)>,
}

impl Clips {
    /// The blob that says so of a frame which is shown from `src` at `dst`: none for a frame that has changed nowhere, or where the
    /// card makes none. The card shows all of the buffer then, which is right, only slower.
    pub fn of(
        &mut self,
        card: &DrmDeviceFd,
        (src, dst): (Rectangle<f64, Buffer>, Rectangle<i32, Physical>),
        damage: Damage,
    ) -> Option<&PlaneDamageClips> {
        if self.last.as_ref().is_none_or(|(said, _)| *said != damage) {
            let made = PlaneDamageClips::from_damage(card, src, dst, damage.iter().copied());
            self.last = made.ok().flatten().map(|clips| (damage, clips));
        }
        self.last.as_ref().map(|(_, clips)| clips)
    }
}
