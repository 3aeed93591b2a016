//! Packaging relibc as a C library that rustc and C compilers link: libc.a, the start objects, and
//! empty archives for the libraries that a C library of musl's shape contains itself.
//!
//! relibc is written in Rust, and so are most programs that link it; each has a core, a panic
//! handler and compiler support of its own. So relibc is first linked into one object, in which
//! only the symbols of `relibc/exports.txt` stay visible.

use crate::build::{Builder, llvm_tool};
use crate::paths;
use crate::process;
use crate::toolchain::USER;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library's visible symbols, one a line.
const EXPORTS: &str = "relibc/exports.txt";
/// Start objects, and the sources they are compiled from.
const START_OBJECTS: [(&str, &str); 6] = [
    ("crt1.o", "relibc/crt/crt1.rs"),
    ("rcrt1.o", "relibc/crt/crt1.rs"),
    ("Scrt1.o", "relibc/crt/crt1.rs"),
    ("crti.o", "relibc/crt/empty.rs"),
    ("crtn.o", "relibc/crt/empty.rs"),
    ("crtbeginS.o", "relibc/crt/empty.rs"),
];
/// Libraries that compilers ask for, and whose contents are in libc.a (or, for GCC's and LLVM's
/// support, in Rust's compiler_builtins and relibc's unwinder).
const EMPTY_ARCHIVES: [&str; 9] = [
    "dl", "gcc", "gcc_eh", "gcc_s", "m", "pthread", "rt", "unwind", "util",
];

/// Builds and packages relibc; the folder to link from.
pub fn package(builder: &Builder) -> Result<PathBuf> {
    let target = "building relibc";
    builder.cargo_unstable(
        target,
        USER,
        "-Cpanic=abort",
        &["-p", "ochre-relibc", "--lib"],
    )?;
    let library = builder.built(USER).join("librelibc.a");
    let folder = builder.built(USER).join("relibc");
    let exports = paths::root().join(EXPORTS);
    let archive = folder.join("libc.a");
    if newer(&archive, &[&library, &exports]) {
        return Ok(folder);
    }
    process::step("packaging relibc", || {
        fs::create_dir_all(&folder)?;
        for (object, source) in START_OBJECTS {
            compile(builder, &paths::root().join(source), &folder.join(object))?;
        }
        let ar = tool("llvm-ar")?;
        for name in EMPTY_ARCHIVES {
            let empty = folder.join(format!("lib{name}.a"));
            let _ = fs::remove_file(&empty);
            process::run(Command::new(&ar).arg("crs").arg(empty))?;
        }
        let whole = folder.join("whole.o");
        process::run(
            Command::new(builder.linker()?)
                .args(["-r", "--whole-archive"])
                .arg(&library)
                .arg("-o")
                .arg(&whole),
        )?;
        let object = folder.join("libc.o");
        process::run(
            Command::new(tool("llvm-objcopy")?)
                .arg(format!("--keep-global-symbols={}", exports.display()))
                .args([&whole, &object]),
        )?;
        // Last, and in one move: that it is there says that the package is complete.
        let made = folder.join("libc.a.new");
        let _ = fs::remove_file(&made);
        process::run(Command::new(&ar).arg("crs").args([&made, &object]))?;
        fs::rename(&made, &archive)?;
        fs::remove_file(whole)?;
        Ok(())
    })?;
    Ok(folder)
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

fn compile(builder: &Builder, source: &Path, object: &Path) -> Result<()> {
    let mut rustc = builder.rustc();
    rustc.args([
        "--target",
        USER,
        "--edition",
        "2024",
        "--crate-type",
        "lib",
        "--emit",
        "obj",
    ]);
    rustc
        .args(["-O", "-Cpanic=abort", "-Ccodegen-units=1", "-o"])
        .arg(object)
        .arg(source);
    process::run(&mut rustc)
}

fn tool(name: &str) -> Result<PathBuf> {
    llvm_tool(name).with_context(|| {
        format!("{name} is missing. On Debian: apt install llvm-22 (any llvm from 16 on will do)")
    })
}

/// Whether a file is newer than all that it is made from.
fn newer(file: &Path, sources: &[&Path]) -> bool {
    let time = |path: &Path| {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    let Some(made) = time(file) else { return false };
    sources
        .iter()
        .all(|source| time(source).is_some_and(|changed| changed < made))
}
