//! User space tries to bring the kernel down, and fails: half-valid calls by fixed seeds, hostile servers, what servers say of their files, whom they serve first, memory refused, and bombs.
//! Each boots once; `docs/testing.md` says how to try for longer.

use super::guest::exec;
use super::{Machines, Tally};
use crate::build::{Builder, Libc};
use crate::programs;
use anyhow::{Result, ensure};

/// Far more than any takes, on a busy machine too.
const LIMIT: &str = "900";
/// What is tried: seeds with their processors and calls.
const SEEDS: [(&str, &str, &str); 2] = [("1", "2", "40000"), ("2", "1", "20000")];
/// How many hostile servers are started.
const SERVERS: &str = "16";

/// How often each place is refused memory: more often than there may be objects left over.
const ROUNDS: &str = "12";

pub fn run(builder: &Builder, machines: Machines) -> Result<Tally> {
    builder.kernel()?;
    let packages = ["ochre-boot-command", "ochre-fuzz"].map(str::to_owned);
    builder.user(&programs::of_packages(&packages)?, Libc::Relibc)?;
    let mut tally = Tally::default();
    for (seed, processors, calls) in SEEDS {
        let words = ["fuzz", "--seed", seed, "--calls", calls];
        let name = format!("seed {seed} on {processors} processors");
        tally.test(&name, attempt(machines, processors, &words));
    }
    let words = ["fuzz", "--seed", "1", "--servers", SERVERS];
    tally.test("hostile servers", attempt(machines, "2", &words));
    let words = ["fuzz", "--levels", "1"];
    tally.test("how ready files are", attempt(machines, "1", &words));
    // Objects can be counted to one where nobody else keeps some; and who is overtaken is seen where nobody
    // runs beside him.
    let alone = Machines {
        smp: None,
        ..machines
    };
    let words = ["fuzz", "--lending", "1"];
    tally.test("urgency that is lent", attempt(alone, "1", &words));
    let words = ["fuzz", "--owners", "1"];
    tally.test("urgency of owners", attempt(alone, "1", &words));
    let words = ["fuzz", "--shortage", ROUNDS];
    tally.test("memory refused", attempt(alone, "1", &words));
    tally.test("bombs", attempt(machines, "2", &["fuzz", "--bombs", "1"]));
    Ok(tally)
}

/// Boots, runs the words, and is content when they are.
fn attempt(machines: Machines, processors: &str, words: &[&str]) -> Result<()> {
    let asked = machines.smp.map(|number| number.to_string());
    let processors = asked.as_deref().unwrap_or(processors);
    let mut arguments = vec!["--image", "fuzz", "--timeout", LIMIT, "--smp", processors];
    if machines.uefi {
        arguments.push("--uefi");
    }
    if words.contains(&"--shortage") {
        arguments.extend(["--append", "fail-nth"]);
    }
    arguments.push("--");
    arguments.extend(words);
    let output = exec(&arguments)?;
    ensure!(
        output.status.success(),
        "it ended with {}: {}{}",
        output.status,
        last_lines(&output.stdout),
        last_lines(&output.stderr)
    );
    Ok(())
}

/// As much of a long output as tells what happened.
fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(20);
    lines[from..]
        .iter()
        .map(|line| format!("\n{line}"))
        .collect()
}
