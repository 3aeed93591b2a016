//! The settings app.

fn main() {}
