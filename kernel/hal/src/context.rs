//! Kernel contexts: a kernel stack and the registers saved on it.

use crate::frame::OutOfMemory;
use alloc::sync::Arc;

pub struct Context {
    _private: (),
}

impl Context {
    /// A context that starts at `entry(arg)` when first switched to.
    pub fn new(_entry: fn(usize) -> !, _arg: usize) -> Result<Arc<Context>, OutOfMemory> {
        todo!()
    }

    /// Whether both are the same context.
    #[must_use]
    pub fn is(&self, other: &Context) -> bool {
        core::ptr::eq(self, other)
    }
}

/// Switches to `next`, which must not be running elsewhere for good: if it is still on its way
/// off another CPU, this waits. Returns when something switches back to the caller's context.
pub fn switch_to(_next: &Arc<Context>) {
    todo!()
}

/// As [`switch_to`], and lets go of the current context, whose stack is freed once it is left.
pub fn exit_current(_next: Arc<Context>) -> ! {
    todo!()
}

/// The context that runs here.
#[must_use]
pub fn current() -> Arc<Context> {
    todo!()
}

/// This CPU's idle context: the one that called `KernelUpcalls::main` or `secondary`.
#[must_use]
pub fn idle() -> Arc<Context> {
    todo!()
}
