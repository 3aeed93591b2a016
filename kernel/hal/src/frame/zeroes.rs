//! The frame of zeroes that all reads of untouched memory share. It is nobody's, and counts for nobody.

use super::{Frame, OutOfMemory};
use crate::sync::Once;

static ZEROES: Once<Frame> = Once::new();

impl Frame {
    /// An owner of the frame of zeroes, which nobody writes.
    pub fn zeroes() -> Result<Frame, OutOfMemory> {
        if let Some(frame) = ZEROES.get() {
            return Ok(frame.clone());
        }
        let frame = Frame::alloc_zeroed()?;
        Ok(ZEROES.get_or_init(|| frame).clone())
    }

    /// Whether it is the frame of zeroes.
    #[must_use]
    pub fn is_zeroes(&self) -> bool {
        Frame::is_zeroes_at(self.addr().0)
    }

    /// Whether the frame of zeroes is there.
    #[inline]
    pub(crate) fn is_zeroes_at(phys: u64) -> bool {
        ZEROES.get().is_some_and(|zero| zero.addr().0 == phys)
    }
}
