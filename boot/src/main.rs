//! The UEFI loader.

fn main() {}
