//! Where things are in the checkout, and where builds leave theirs.

use anyhow::{Context, Result};
use rustix::fs::statvfs;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ lies in the workspace's root")
}

/// Cargo's target directory; everything that is built lands below it.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Where programs for the guest are built: apart from the host's, as their compiler may be another
/// one, and two compilers in one directory undo each other's work.
pub fn guest_target() -> PathBuf {
    target().join("guest")
}

/// What is made once per machine rather than once per checkout (sysroots, the oracle's kernel).
/// `OCHRE_CACHE` lets several checkouts share it.
pub fn cache() -> PathBuf {
    std::env::var_os("OCHRE_CACHE").map_or_else(target, PathBuf::from)
}

/// GiB that all that the suites build takes.
pub const WHOLE_GIB: u64 = 14;

/// GiB that are free where builds leave what they make.
pub fn free_gib() -> Result<u64> {
    let disk = statvfs(root()).context("asking how full the disk is")?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize) >> 30)
}

/// What to say of a disk with so much room, if all that the suites build may not fit.
pub fn too_full(free_gib: u64) -> Option<String> {
    (free_gib < WHOLE_GIB && !target().join("debug").is_dir()).then(|| {
        format!(
            "{free_gib} GiB are free, and all suites together build {WHOLE_GIB}: make room, or name \
             the suites that you want"
        )
    })
}
