//! A display of another size is not drawn before all that is on it is: until then it shows what it did.
//!
//! So no frame has panels or windows of the size before, or gaps where they don't reach. Who has let a display
//! wait for too long is not waited for again before it answers. Meanwhile frames are asked for as ever, as many
//! programs draw only then.

use super::{OutputId, Screen};
use crate::state::Compositor;

/// So many frames it waits for. They are counted, not timed, so that a machine that stands still for a while
/// is none on which nobody answers.
const PATIENCE: u32 = 120;

/// What a display waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    frames_left: u32,
}

impl Compositor {
    /// A display has another size: what is on it has been told.
    pub(crate) fn hold(&mut self, id: OutputId) {
        if let Some(screen) = self.outputs.get_mut(id) {
            screen.hold = Some(Hold {
                frames_left: PATIENCE,
            });
        }
    }

    /// Whether a display's next frame would be too early.
    pub(super) fn is_held(&mut self, id: OutputId) -> bool {
        let Some(hold) = self.outputs.get(id).and_then(|screen| screen.hold) else {
            return false;
        };
        let awaits = self.awaits_answers(id);
        let left = hold.frames_left.checked_sub(1).filter(|_| awaits);
        if awaits && left.is_none() {
            self.give_up(id);
        }
        if let Some(screen) = self.outputs.get_mut(id) {
            screen.hold = left.map(|frames_left| Hold { frames_left });
        }
        left.is_some()
    }

    /// Whether something on a display is to be drawn for another size or place yet.
    fn awaits_answers(&self, id: OutputId) -> bool {
        if let Some(lock) = &self.shell.lock {
            return lock.awaits(id);
        }
        let window = self.shell.visible().any(|window| {
            window.awaits_answer()
                && self.outputs.most_on(window.rect()).map(|on| on.id) == Some(id)
        });
        window
            || self
                .outputs
                .get(id)
                .is_some_and(|it| it.layers.await_answers())
    }

    /// Nobody waits any more for what has not been drawn yet.
    fn give_up(&mut self, id: OutputId) {
        self.shell.give_up();
        if let Some(screen) = self.outputs.get_mut(id) {
            screen.layers.give_up();
        }
    }
}

impl Screen {
    /// Whether a frame of its own is on its way to the screen.
    pub(super) fn is_under_way(&self) -> bool {
        self.feedback.is_some()
    }
}
