//! A Debian system that somebody has unpacked, laid at a guest's root.

use crate::image::Addition;
use anyhow::{Result, ensure};
use std::fs;
use std::path::Path;

/// What nobody in a guest reads, or what is served there.
const LEFT_OUT: [&str; 7] = ["boot", "dev", "proc", "sys", "run", "tmp", "var"];

/// All of it that a guest needs, if it has these programs; `page` says how to make one.
pub fn system(root: &Path, programs: &[&str], page: &str) -> Result<Vec<Addition>> {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| !root.join("usr/bin").join(program).exists())
        .collect();
    ensure!(
        missing.is_empty(),
        "{} is no Debian system with {}: {page} says how to make one",
        root.display(),
        missing.join(", ")
    );
    let mut all = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        // The kernel's links at the top point into `boot`.
        if LEFT_OUT.map(Some).contains(&name.to_str()) || !entry.path().exists() {
            continue;
        }
        all.push(Addition::entry(entry.path(), Path::new("/").join(name)));
    }
    Ok(all)
}
