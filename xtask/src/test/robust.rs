//! User space tries to bring the kernel down, and fails: half-valid calls by fixed seeds, also where the order of locks is checked, hostile servers, what servers say of their files, whom they serve first, where threads may run, memory refused, and bombs.
//! Each boots once; `docs/testing.md` says how to try for longer.

use super::guest::{BUSYBOX, exec, families};
use super::{Machines, Tally};
use crate::build::{Builder, Libc};
use crate::programs;
use anyhow::{Result, ensure};
use std::process::Output;

/// Far more than any takes, on a busy machine too.
const LIMIT: &str = "900";
/// What is tried: seeds with their processors and calls.
const SEEDS: [(&str, &str, &str); 2] = [("1", "2", "40000"), ("2", "1", "20000")];
/// Calls where the order of locks is checked.
const CHECKED_CALLS: &str = "4000";
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
    let words = ["fuzz", "--places", "1"];
    tally.test("where threads may run", attempt(alone, "2", &words));
    let words = ["fuzz", "--shortage", ROUNDS];
    tally.test("memory refused", attempt(alone, "1", &words));
    tally.test("checked", checked(builder));
    tally.test("bombs", attempt(machines, "2", &["fuzz", "--bombs", "1"]));
    Ok(tally)
}

/// The kernel that checks the order of locks, and overflows, has nothing to say of what `tests/abi` and some random
/// calls have it do. What they print is another suite's.
fn checked(builder: &Builder) -> Result<()> {
    let (program, families) = families(builder)?;
    let added = format!("{}:/bin/abi", program.display());
    let mut all = String::new();
    for family in families {
        all += &format!(
            "mkdir -p /tmp/{family}; cd /tmp/{family}; \
             /bin/busybox timeout 300 /bin/abi {family} >/dev/null 2>&1 </dev/null\n"
        );
    }
    all += &format!("cd /; exec fuzz --seed 3 --calls {CHECKED_CALLS}");
    let mut arguments = vec!["--image", "fuzz", "--checked", "--timeout", LIMIT];
    arguments.extend(["--smp", "2", "--memory", "1024", "--add", &added]);
    arguments.extend(BUSYBOX);
    arguments.extend(["--", "/bin/busybox", "sh", "-c", &all]);
    content(&exec(&arguments)?)
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
    content(&exec(&arguments)?)
}

fn content(output: &Output) -> Result<()> {
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
