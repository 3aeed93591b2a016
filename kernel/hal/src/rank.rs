//! The hal's own locks in their order, innermost of all: the kernel's ranks are below these.

use crate::sync::Rank;

/// Free kernel stacks.
pub const STACKS: Rank = 230;
pub const IRQ: Rank = 232;
pub const VDSO: Rank = 234;
pub const KERNEL_TABLES: Rank = 236;
pub const HEAP: Rank = 240;
/// Breaking a huge frame up.
pub const BREAKING: Rank = 242;
pub const FRAMES: Rank = 244;
pub const LOG: Rank = 250;
pub const SERIAL: Rank = 252;
