//! Text on its way from the line discipline to the screen.

use alloc::vec::Vec;
use ochre_hal::admission::Room;

/// Of one step's text that much is shown: what more there is to echo is lost, as where nobody reads.
const MAX: usize = 32 << 10;
/// Memory that is kept for the next step.
const KEPT: usize = 8 << 10;

/// Text that a terminal shows after one step, of input or of output.
#[derive(Debug, Default)]
pub struct Shown(Vec<u8>);

impl Shown {
    pub fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    /// What there is neither room nor memory for is lost.
    pub fn extend(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(MAX - self.0.len())];
        if self.0.room(bytes.len()).is_ok() {
            self.0.extend_from_slice(bytes);
        }
    }

    /// Nothing more is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Empty again, for the next step.
    #[must_use]
    pub fn emptied(mut self) -> Shown {
        if self.0.capacity() > KEPT {
            return Shown::default();
        }
        self.0.clear();
        self
    }
}
