//! Time: clocks, calendars, zones, and their texts.

pub mod calendar;
pub mod clock;
pub mod local;
pub mod names;
pub mod parse;
pub mod print;
pub mod rule;
pub mod timer;
pub mod vdso;
pub mod zone;
