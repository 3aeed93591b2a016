//! relibc's programs print what they print on the host's C library, and end as there.

use super::Tally;
use crate::build::{Builder, Libc};
use crate::programs;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The package of the programs.
const PACKAGE: &str = "ochre-relibc-tests";

/// Runs each program on both libraries.
pub fn run(builder: &Builder) -> Result<Tally> {
    let programs = programs::of_tests(PACKAGE)?;
    let host = builder.user(&programs, Libc::Host)?;
    let ours = builder.user(&programs, Libc::Relibc)?;
    let mut tally = Tally::default();
    for ((program, host), ours) in programs.iter().zip(&host).zip(&ours) {
        tally.test(&program.name, compare(host, ours));
    }
    Ok(tally)
}

fn compare(host: &Path, ours: &Path) -> Result<()> {
    let (expected, found) = (output(host)?, output(ours)?);
    let (expected_text, found_text) = (text(&expected), text(&found));
    for (number, (expected, found)) in expected_text.lines().zip(found_text.lines()).enumerate() {
        ensure!(
            expected == found,
            "line {} differs\n  host:   {expected}\n  relibc: {found}",
            number + 1
        );
    }
    ensure!(
        expected.status == found.status && expected_text == found_text,
        "on the host {} after {} lines, on relibc {} after {} lines\n{}",
        expected.status,
        expected_text.lines().count(),
        found.status,
        found_text.lines().count(),
        String::from_utf8_lossy(&found.stderr)
    );
    Ok(())
}

fn output(program: &Path) -> Result<Output> {
    Command::new(program)
        .stdin(Stdio::null())
        .env_remove("RUST_BACKTRACE")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
