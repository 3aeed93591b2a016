//! The project's own sources, for what looks at them.

use crate::paths;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of the workspace, or those of a folder and the folders in it, in order.
pub fn rust_files(path: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let path = paths::root().join(path);
    if path.is_file() {
        return Ok(vec![path]);
    }
    let entries = fs::read_dir(&path).with_context(|| path.display().to_string())?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let is_built = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !is_built {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
