//! Other processes, as `/proc` shows them.

use anyhow::{Result, bail};
use std::fs;

/// The living processes of this name, of which the kernel keeps fifteen letters.
pub fn named(name: &str) -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // It may have ended meanwhile.
        let comm = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let living = fs::read_link(entry.path().join("exe")).is_ok();
        if comm.trim_end() == name && living {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Memory that a process alone has, in KiB: resident, and no file's.
pub fn private_kib(pid: i32) -> Result<u64> {
    // Pages: all, those that it has in memory, and those of them that are a file's.
    let pages = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: Vec<u64> = pages.split_whitespace().flat_map(str::parse).collect();
    let &[_, resident, shared, ..] = &pages[..] else {
        bail!("no pages in statm of {pid}");
    };
    Ok(resident.saturating_sub(shared) * 4)
}
