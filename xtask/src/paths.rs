//! Where things are in the checkout, and where builds leave theirs.

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
