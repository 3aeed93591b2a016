//! The table of `docs/architecture.md` that says how large each part is.

use crate::sources::rust_files;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;

/// The page, in the workspace.
pub const PAGE: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- written by `./x test docs --update` -->\n";
const END: &str = "<!-- end -->\n";

/// The parts, and their folders.
const PARTS: [(&str, &[&str]); 16] = [
    ("kernel/hal", &["kernel/hal"]),
    ("kernel: tasks", &["kernel/src/task"]),
    ("kernel: files", &["kernel/src/fs"]),
    ("kernel: IPC, terminals", &["kernel/src/ipc"]),
    ("kernel: memory", &["kernel/src/mm"]),
    ("kernel: schemes", &["kernel/src/scheme"]),
    ("kernel: scheduling", &["kernel/src/sched"]),
    ("kernel: the rest", &["kernel"]),
    ("abi, boot", &["abi", "boot"]),
    ("drivers, display", &["drivers", "display"]),
    ("servers", &["servers"]),
    ("relibc", &["relibc"]),
    ("compositor", &["compositor"]),
    ("toolkit, themes, apps", &["toolkit", "themes", "apps"]),
    ("tests, ui-tests, bench", &["tests", "ui-tests", "bench"]),
    ("xtask", &["xtask"]),
];
/// How many of the parts are the kernel.
const KERNEL: usize = 8;
/// A table is stale when a number of it is wrong by a tenth of itself and this.
const SLACK: usize = 200;

/// The page with a new table, if the one in it is stale.
pub fn renewed(page: &str) -> Result<Option<String>> {
    let lines = count()?;
    let (before, rest) = page.split_once(BEGIN).context("its table begins nowhere")?;
    let (table, after) = rest.split_once(END).context("its table ends nowhere")?;
    if numbers(table).is_some_and(|told| told.len() == lines.len() && close(&told, &lines)) {
        return Ok(None);
    }
    Ok(Some(format!(
        "{before}{BEGIN}{}{END}{after}",
        print(&lines)
    )))
}

/// The lines of each part; a file counts for the first part that has it.
fn count() -> Result<Vec<usize>> {
    let mut counted = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for (_, folders) in PARTS {
        let mut lines = 0;
        for folder in folders {
            for file in rust_files(folder)? {
                if counted.insert(file.clone()) {
                    lines += fs::read_to_string(&file)?.lines().count();
                }
            }
        }
        all.push(lines);
    }
    Ok(all)
}

fn print(lines: &[usize]) -> String {
    let kernel: usize = lines[..KERNEL].iter().sum();
    let mut table = "\n| | lines | of the kernel |\n|---|---|---|\n".to_owned();
    for (at, ((name, _), lines)) in PARTS.iter().zip(lines).enumerate() {
        let share = match at < KERNEL {
            true => format!("{} %", (lines * 100 + kernel / 2) / kernel.max(1)),
            false => String::new(),
        };
        // A String takes all that is written to it.
        let _ = writeln!(
            table,
            "| {name} | {} | {share} |",
            grouped(lines.next_multiple_of(100))
        );
    }
    table + "\n"
}

fn grouped(number: usize) -> String {
    match number {
        ..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

/// The numbers of a table that was printed.
fn numbers(table: &str) -> Option<Vec<usize>> {
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| row.split('|').nth(2)?.trim().replace(',', "").parse().ok())
        .collect()
}

fn close(told: &[usize], lines: &[usize]) -> bool {
    told.iter()
        .zip(lines)
        .all(|(told, lines)| told.abs_diff(*lines) <= lines / 10 + SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_printed() {
        let lines: Vec<usize> = (0..PARTS.len()).map(|at| at * 1230).collect();
        let told = numbers(&print(&lines)).unwrap();
        assert!(close(&told, &lines), "{told:?}");
        assert_eq!(told[1], 1300);
        assert!(!close(&told, &vec![9000; PARTS.len()]));
    }
}
