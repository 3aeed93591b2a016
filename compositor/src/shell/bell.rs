//! The bell that is seen: a window's frame blinks for a moment.

use std::time::Duration;

use super::WindowId;
use crate::{clock::Due, state::Compositor};

/// How long a frame blinks.
const BLINK: Duration = Duration::from_millis(150);

impl Compositor {
    /// A window's program rings.
    pub(crate) fn ring_bell(&mut self, id: WindowId) {
        self.shell.ringing = Some(id);
        self.deadlines.set(self.clock.now() + BLINK, Due::Bell);
        self.outputs.queue_all();
    }

    /// The blink is over.
    pub(crate) fn bell_rang(&mut self) {
        self.shell.ringing = None;
        self.outputs.queue_all();
    }
}
