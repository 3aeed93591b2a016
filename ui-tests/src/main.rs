//! Plays the scenes of the desktop itself.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use ochre_ui_tests::{runner, scenes};

fn main() -> anyhow::Result<ExitCode> {
    runner::main(&scenes::all(), env!("CARGO_MANIFEST_DIR"))
}
