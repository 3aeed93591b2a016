//! The guest targets' libraries, built once per compiler.
//!
//! A compiler without the targets but with the library's source builds core, alloc and std here,
//! through a stub crate and `-Zbuild-std`; the `.rlib`s are kept in a sysroot named by the
//! compiler's version. From then on every build is a plain stable one with `--sysroot`, and takes
//! a fraction of a second rather than building std with each program.

use crate::paths;
use crate::process;
use crate::toolchain::{Library, TARGETS, Toolchain, USER};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The sysroot to build the guest with, complete for all targets.
pub fn ready(toolchain: &Toolchain) -> Result<PathBuf> {
    if let Library::Installed = toolchain.library {
        return Ok(toolchain.sysroot.clone());
    }
    let sysroot = path(toolchain);
    fs::create_dir_all(&sysroot)?;
    let lock = File::create(sysroot.join("lock"))?;
    lock.lock().context("cannot lock the sysroot")?;
    for target in TARGETS {
        let library = sysroot.join("lib/rustlib").join(target).join("lib");
        // Moved into place as a whole: that it exists says that it is complete.
        if !library.is_dir() {
            let label = format!("building Rust's library for {target} (once per compiler)");
            process::step(&label, || build(toolchain, target, &library))?;
        }
    }
    Ok(sysroot)
}

/// Where this compiler's sysroot is, whether built or not.
pub fn path(toolchain: &Toolchain) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    toolchain.version.hash(&mut hasher);
    paths::cache().join(format!("sysroot-{:016x}", hasher.finish()))
}

fn build(toolchain: &Toolchain, target: &str, library: &Path) -> Result<()> {
    let parent = library.parent().context("a library folder has a parent")?;
    fs::create_dir_all(parent)?;
    let stub = parent.join("stub");
    if stub.exists() {
        fs::remove_dir_all(&stub)?;
    }
    fs::create_dir_all(stub.join("src"))?;
    let hosted = target == USER;
    fs::write(stub.join("Cargo.toml"), STUB)?;
    fs::write(
        stub.join("src/lib.rs"),
        if hosted { "" } else { "#![no_std]\n" },
    )?;

    let mut cargo = toolchain.cargo();
    cargo.current_dir(&stub).env("RUSTC_BOOTSTRAP", "1").args([
        "build",
        "-q",
        "--release",
        "--target",
        target,
        "--target-dir",
        "target",
    ]);
    if hosted {
        cargo.args([
            "-Zbuild-std=std,panic_unwind",
            "-Zbuild-std-features=panic-unwind,backtrace",
        ]);
    } else {
        cargo.args([
            "-Zbuild-std=core,alloc,compiler_builtins",
            "-Zbuild-std-features=compiler-builtins-mem",
        ]);
    }
    process::run(&mut cargo)?;

    let built = parent.join("lib.new");
    fs::create_dir_all(&built)?;
    let mut copied = 0;
    for entry in fs::read_dir(stub.join("target").join(target).join("release/deps"))? {
        let file = entry?.path();
        let name = file.file_name().context("an entry has a name")?.to_owned();
        let is_stub = name.to_string_lossy().starts_with("libstub");
        if file
            .extension()
            .is_some_and(|extension| extension == "rlib")
            && !is_stub
        {
            fs::copy(&file, built.join(name))?;
            copied += 1;
        }
    }
    ensure!(copied > 0, "cargo built no library for {target}");
    fs::rename(&built, library)?;
    fs::remove_dir_all(&stub)?;
    Ok(())
}

const STUB: &str = r#"[package]
name = "stub"
version = "0.0.0"
edition = "2024"
[workspace]
[profile.release]
debug = "line-tables-only"
"#;
