//! The Wayland compositor.

fn main() {}
