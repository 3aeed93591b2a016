//! evdev.
