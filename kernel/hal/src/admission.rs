//! Whether the kernel may take memory for what user space asks.
//!
//! What the kernel allocates is either *asked for*, which can be refused, or drawn from the last part
//! of memory, which is kept for that. Frames and whatever user space sets the size of are asked for
//! where they are allocated ([`Room`]). Small objects of the alloc crate can't be refused
//! themselves: each that outlasts its call is preceded by one [`ask`], so that calls end with
//! `ENOMEM` while there still is enough for those on their way.
//!
//! With the boot option `fail-nth`, each of these questions can also be answered by no on purpose:
//! the kernel says which.

use crate::frame::{self, OutOfMemory};
use crate::upcalls::upcalls;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

static FAULTS: AtomicBool = AtomicBool::new(false);

/// Lets the kernel refuse.
pub(crate) fn allow_faults() {
    FAULTS.store(true, Ordering::Relaxed);
}

/// Whether memory can be refused though there is some.
#[must_use]
pub fn has_faults() -> bool {
    FAULTS.load(Ordering::Relaxed)
}

/// Whether this allocation is to fail though there is memory.
#[inline]
pub(crate) fn refused() -> bool {
    has_faults() && (upcalls().refuse_memory)()
}

/// Asks for the memory of a small object that outlasts the call.
#[inline]
pub fn ask() -> Result<(), OutOfMemory> {
    if frame::is_short() || refused() {
        return Err(OutOfMemory);
    }
    Ok(())
}

/// Collections that can ask for room.
pub trait Room {
    /// Room for `more` elements, and perhaps for some that come later.
    fn room(&mut self, more: usize) -> Result<(), OutOfMemory>;

    /// Room for `more` elements.
    fn room_exact(&mut self, more: usize) -> Result<(), OutOfMemory>;
}

/// Whether there may be a collection of `bytes`: what user space sizes never takes the last part.
fn grant(bytes: usize) -> Result<(), OutOfMemory> {
    if refused() || !frame::leaves_reserve(bytes) {
        return Err(OutOfMemory);
    }
    Ok(())
}

macro_rules! rooms {
    ($($collection:ident)*) => {$(
        #[expect(clippy::disallowed_methods, reason = "this is what the others are to use")]
        impl<T> Room for $collection<T> {
            fn room(&mut self, more: usize) -> Result<(), OutOfMemory> {
                // What there is room for already asks for no memory.
                if more <= self.capacity() - self.len() {
                    return Ok(());
                }
                let len = self.len().saturating_add(more).max(self.capacity() * 2);
                grant(len.saturating_mul(size_of::<T>()))?;
                self.try_reserve(more).map_err(|_| OutOfMemory)
            }

            fn room_exact(&mut self, more: usize) -> Result<(), OutOfMemory> {
                if more <= self.capacity() - self.len() {
                    return Ok(());
                }
                let len = self.len().saturating_add(more);
                grant(len.saturating_mul(size_of::<T>()))?;
                self.try_reserve_exact(more).map_err(|_| OutOfMemory)
            }
        }
    )*};
}

rooms!(Vec VecDeque);

/// `len` bytes of zeroes.
pub fn zeroes(len: usize) -> Result<Vec<u8>, OutOfMemory> {
    let mut bytes = Vec::new();
    bytes.room_exact(len)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// A copy of `bytes`.
pub fn copy(bytes: &[u8]) -> Result<Vec<u8>, OutOfMemory> {
    let mut copy = Vec::new();
    copy.room_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Puts `bytes` at the end of `to`.
pub fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), OutOfMemory> {
    to.room(bytes.len())?;
    to.extend_from_slice(bytes);
    Ok(())
}
