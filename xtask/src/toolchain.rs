//! Which Rust compiler builds the guest, and why.
//!
//! The kernel, the loader and the user programs are built for three targets of the compiler's own
//! list, so any stable compiler will do that either has those targets' libraries installed, or has
//! the library's source beside it (then [`crate::sysroot`] builds them once). Compiler and library
//! must be of exactly the same version, which is why the choice is made in one place.

use crate::process;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel's target.
pub const KERNEL: &str = "x86_64-unknown-none";
/// The UEFI loader's target.
pub const UEFI: &str = "x86_64-unknown-uefi";
/// The user programs' target: musl's ABI, linked to relibc.
pub const USER: &str = "x86_64-unknown-linux-musl";
/// The machine that builds; every compiler has its libraries.
pub const HOST: &str = "x86_64-unknown-linux-gnu";
/// All targets that the guest needs.
pub const TARGETS: [&str; 3] = [KERNEL, UEFI, USER];

/// The oldest compiler that builds the workspace (minor version of Rust 1.x).
const OLDEST: u32 = 89;

/// Where the guest targets' libraries come from.
pub enum Library {
    /// They are installed with the compiler.
    Installed,
    /// They are built from the source that is installed with the compiler.
    Source,
}

/// A compiler and its cargo.
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo of the same release.
    pub cargo: PathBuf,
    /// All of `rustc -vV`, which identifies the compiler.
    pub version: String,
    /// Its sysroot.
    pub sysroot: PathBuf,
    /// Where the targets' libraries come from.
    pub library: Library,
    /// Why this one was chosen.
    pub why: &'static str,
}

impl Toolchain {
    /// Chooses: the compiler that `OCHRE_RUSTC` names; else one that has the targets installed;
    /// else one with the library's source.
    pub fn choose() -> Result<Toolchain> {
        if let Some(rustc) = std::env::var_os("OCHRE_RUSTC") {
            let rustc = PathBuf::from(rustc);
            return Toolchain::inspect(&rustc)?
                .map(|found| found.because("OCHRE_RUSTC names it"))
                .with_context(|| format!("OCHRE_RUSTC={}: {WANTED}", rustc.display()));
        }
        let mut found = Vec::new();
        for rustc in candidates() {
            // One that does not even start is as good as absent; `doctor` lists what was found.
            if let Ok(Some(toolchain)) = Toolchain::inspect(&rustc) {
                found.push(toolchain);
            }
        }
        let installed = found
            .iter()
            .position(|one| matches!(one.library, Library::Installed));
        if let Some(index) = installed {
            return Ok(found
                .swap_remove(index)
                .because("it has all guest targets installed"));
        }
        match found.into_iter().next() {
            Some(first) => {
                Ok(first.because("it has the library's source, and none has the targets"))
            }
            None => bail!(
                "no Rust compiler here can build the guest: {WANTED}\n\
                 With rustup:  rustup target add {}\n\
                 On Debian:    apt install rustc-web cargo-web rust-web-src",
                TARGETS.join(" ")
            ),
        }
    }

    /// Looks at a compiler; `None` when it is too old or can't give the guest's libraries.
    pub fn inspect(rustc: &Path) -> Result<Option<Toolchain>> {
        let mut query = Command::new(rustc);
        let version = process::output(process::without_cargo_environment(&mut query).arg("-vV"))?;
        let mut query = Command::new(rustc);
        let sysroot = process::output(
            process::without_cargo_environment(&mut query).args(["--print", "sysroot"]),
        )?;
        let sysroot = PathBuf::from(sysroot.trim());
        if minor_version(&version).is_none_or(|minor| minor < OLDEST) {
            return Ok(None);
        }
        let source = sysroot.join("lib/rustlib/src/rust/library");
        let library = if TARGETS.iter().all(|target| has_library(&sysroot, target)) {
            Library::Installed
        } else if source.join("std/Cargo.toml").is_file() && source.join("Cargo.lock").is_file() {
            Library::Source
        } else {
            return Ok(None);
        };
        let cargo = match std::env::var_os("OCHRE_CARGO") {
            Some(cargo) => PathBuf::from(cargo),
            None => rustc.with_file_name("cargo"),
        };
        if !cargo.is_file() {
            return Ok(None);
        }
        let rustc = rustc.to_owned();
        Ok(Some(Toolchain {
            rustc,
            cargo,
            version,
            sysroot,
            library,
            why: "",
        }))
    }

    /// A cargo of this toolchain, with a clean environment.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        process::without_cargo_environment(&mut command).env("RUSTC", &self.rustc);
        command
    }

    /// Which it is, where, and why.
    pub fn describe(&self) -> String {
        let name = self.version.lines().next().unwrap_or_default();
        format!("{name} at {}: {}", self.rustc.display(), self.why)
    }

    fn because(mut self, why: &'static str) -> Toolchain {
        self.why = why;
        self
    }
}

const WANTED: &str = "wanted is Rust 1.89 or newer with its cargo beside it, and either the guest's \
                      targets or the library's source (rust-src)";

/// Compilers to look at, the user's own first.
fn candidates() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = process::find("rustc").into_iter().collect();
    all.push(PathBuf::from("/usr/bin/rustc"));
    all.dedup();
    all.retain(|rustc| rustc.is_file());
    all
}

fn has_library(sysroot: &Path, target: &str) -> bool {
    let needed = if target == USER {
        "libstd-"
    } else {
        "libcore-"
    };
    std::fs::read_dir(sysroot.join("lib/rustlib").join(target).join("lib")).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with(needed))
    })
}

/// The `96` of `rustc 1.96.0`.
fn minor_version(version: &str) -> Option<u32> {
    let number = version.strip_prefix("rustc 1.")?;
    number.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_rustc() {
        assert_eq!(
            minor_version("rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc"),
            Some(96)
        );
        assert_eq!(minor_version("rustc 1.63.0"), Some(63));
        assert_eq!(minor_version("gcc 12"), None);
    }
}
