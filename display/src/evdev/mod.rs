//! evdev as Linux defines it (`include/uapi/linux/input.h`): a device's capabilities and state, and
//! for each open file a queue of its events.

pub mod abi;
mod client;
mod device;
mod scheme;

pub use device::{Description, Device};
pub use scheme::{Evdev, ioctls};
