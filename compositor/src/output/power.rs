//! Displays that are dark for a while: they stay where they are, with their windows, and nothing is
//! drawn for them. Nothing lights them again but who asked, or switching them off and on.

use super::{OutputId, Pacing};
use crate::{Error, clock::Due, render::Tracker, state::Compositor};

impl Compositor {
    /// Lights a display, or lets it be dark.
    pub fn power_output(&mut self, id: OutputId, lit: bool) -> Result<(), Error> {
        let Some(screen) = self.outputs.get_mut(id) else {
            return Err(Error::Display("there is no such display".into()));
        };
        if screen.lit == lit {
            return Ok(());
        }
        if !self.backend.can_switch() {
            return Err(Error::Display("this display is always on".into()));
        }
        screen.lit = lit;
        if lit {
            screen.damage = Tracker::default();
            screen.pointer.forget();
            screen.queue();
        } else {
            screen.pacing = Pacing::Idle;
            screen.feedback = None;
            self.deadlines.cancel(Due::Vblank(id));
            self.confirm_lock();
        }
        let driven = self.drive_output(id, lit);
        self.tell_power(id);
        driven
    }
}
