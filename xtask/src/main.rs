//! Build, image, run, test, bench.

fn main() {}
