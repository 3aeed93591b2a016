//! What hands mean by moving a mouse or touching a touchpad, as libinput would have it.
//!
//! Everything here is a state machine without a clock or a device of its own: reports go in with the
//! time they were made at, meanings come out, and [`Touchpad::deadline`] and [`Debounce::deadline`] say
//! when to come back without a report. So a recording of reports is a test.
//!
//! - [`Acceleration`]: slow hands aim, fast hands travel.
//! - [`Debounce`]: worn switches chatter.
//! - [`Touchpad`]: contacts become motion, taps, scrolling, swipes, pinches and holds; palms become nothing.
//!
//! Units: places on a pad are millimetres, motion is logical pixels, times are since any fixed moment.

#![forbid(unsafe_code)]

mod acceleration;
mod debounce;
mod gesture;
mod hold;
mod palm;
mod tap;
mod touchpad;

pub use acceleration::Acceleration;
pub use debounce::Debounce;
pub use touchpad::{Button, Contact, Meaning, Pad, Report, Touchpad};
