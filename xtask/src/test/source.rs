//! Suites that look at the source on the host: format, lints, unit tests.

use super::Tally;
use crate::paths;
use crate::process;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Crates that aren't default members but build for the host too, as far as lints and unit tests
/// are concerned.
const KERNEL: [&str; 4] = ["-p", "ochre-hal", "-p", "ochre-kernel"];
/// The loader, whose unit tests run on the host.
const BOOT: [&str; 2] = ["-p", "ochre-boot"];

/// Every file is as rustfmt would write it.
pub fn fmt() -> Result<Tally> {
    let mut tally = Tally::default();
    let mut cargo = cargo();
    tally.test(
        "fmt",
        process::run(cargo.args(["fmt", "--all", "--", "--check"])),
    );
    Ok(tally)
}

/// Clippy is content with the host's crates and with the kernel's.
pub fn clippy() -> Result<Tally> {
    let mut tally = Tally::default();
    let deny = ["--", "-D", "warnings"];
    let mut command = cargo();
    command.args(["clippy", "-q", "--all-targets"]).args(deny);
    tally.test("clippy of the host's crates", process::run(&mut command));
    let mut command = cargo();
    command
        .args(["clippy", "-q", "--lib"])
        .args(KERNEL)
        .args(deny);
    tally.test("clippy of the kernel", process::run(&mut command));
    let mut command = cargo();
    command
        .args(["clippy", "-q", "--all-targets"])
        .args(BOOT)
        .args(deny);
    tally.test("clippy of the loader's tests", process::run(&mut command));
    Ok(tally)
}

/// All unit tests pass.
pub fn unit() -> Result<Tally> {
    let mut tally = count(cargo().args(["test", "--no-fail-fast"]))?;
    tally += count(
        cargo()
            .args(["test", "--no-fail-fast", "--lib"])
            .args(KERNEL),
    )?;
    tally += count(cargo().args(["test", "--no-fail-fast"]).args(BOOT))?;
    Ok(tally)
}

fn cargo() -> Command {
    let mut cargo = process::host_cargo();
    cargo.current_dir(paths::root());
    cargo
}

/// Runs cargo's tests, shows what isn't a test that passed, and adds the closing lines up.
fn count(command: &mut Command) -> Result<Tally> {
    let line = process::shown(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {line}"))?;
    let output = child.stdout.take().context("standard output is piped")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        match closing(&line) {
            Some(sum) => tally += sum,
            None if line.is_empty() || line.ends_with("... ok") || line.starts_with("running ") => {
            }
            None => println!("{line}"),
        }
    }
    let status = child.wait()?;
    // A crate that doesn't compile, or a test that takes its process along, has no count.
    if !status.success() && tally.failed == 0 {
        tally.test(&line, Err(anyhow::anyhow!("it ended with {status}")));
    }
    Ok(tally)
}

/// `test result: ok. 3 passed; 1 failed; …`
fn closing(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |what: &str| {
        let field = counts
            .split("; ")
            .find_map(|field| field.strip_suffix(what))?;
        field.trim().parse().ok()
    };
    Some(Tally {
        passed: number(" passed")?,
        failed: number(" failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            closing(line),
            Some(Tally {
                passed: 3,
                failed: 1
            })
        );
        assert_eq!(closing("test closing ... ok"), None);
    }
}
