//! Packaging relibc as a C library that rustc links: libc.a, the start objects, and the empty
//! archives of libraries that a C library of musl's shape contains itself.

use crate::build::Builder;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Builds and packages relibc; the folder to link from.
pub fn package(_builder: &Builder) -> Result<PathBuf> {
    bail!("relibc can't be packaged yet; meanwhile build with --libc host")
}

/// How programs are linked against a packaged relibc: as static position-independent executables.
pub fn link_flags(folder: &Path) -> String {
    let at = |file: &str| folder.join(file).display().to_string();
    format!(
        "-Clink-self-contained=no -Clink-arg={} -Clink-arg={} -Clink-arg={} -Lnative={}",
        at("rcrt1.o"),
        at("crti.o"),
        at("crtn.o"),
        folder.display()
    )
}
