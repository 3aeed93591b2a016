//! Packaging relibc as a C library that rustc and C compilers link: libc.a, the start objects, and
//! empty archives for the libraries that a C library of musl's shape contains itself.
//!
//! relibc is written in Rust, and so are most programs that link it; each has a core, a panic
//! handler and compiler support of its own. So relibc is first linked into one object, in which
//! only C's names stay visible: those that relibc itself and its unwinder define unmangled. They
//! become weak, so that a program may bring a `malloc` of its own.

use crate::build::{Builder, newer, tool};
use crate::paths;
use crate::process;
use crate::toolchain::USER;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates whose unmangled symbols are the library's; those of core, libm and the rest are its own
/// business.
const EXPORTERS: [&str; 2] = ["relibc-", "unwinding-"];
/// Start objects, and the sources they are compiled from.
const START_OBJECTS: [(&str, &str); 10] = [
    ("crt1.o", "relibc/crt/crt1.rs"),
    ("rcrt1.o", "relibc/crt/crt1.rs"),
    ("Scrt1.o", "relibc/crt/crt1.rs"),
    ("crti.o", "relibc/crt/empty.rs"),
    ("crtn.o", "relibc/crt/empty.rs"),
    ("crtbegin.o", "relibc/crt/empty.rs"),
    ("crtbeginS.o", "relibc/crt/empty.rs"),
    ("crtbeginT.o", "relibc/crt/empty.rs"),
    ("crtend.o", "relibc/crt/empty.rs"),
    ("crtendS.o", "relibc/crt/empty.rs"),
];
/// Libraries that compilers ask for, and whose contents are in libc.a (or, for GCC's and LLVM's
/// support, in Rust's compiler_builtins and relibc's unwinder).
const EMPTY_ARCHIVES: [&str; 12] = [
    "crypt", "dl", "gcc", "gcc_eh", "gcc_s", "m", "pthread", "resolv", "rt", "unwind", "util",
    "xnet",
];

/// Nothing in it unwinds, but what unwinds through it (a panic in a callback of `qsort`) must find
/// its way.
const FLAGS: &str = "-Cpanic=abort -Cforce-unwind-tables=yes -Ccodegen-units=1";

/// Builds and packages relibc; the folder to link from.
pub fn package(builder: &Builder) -> Result<PathBuf> {
    let target = "building relibc";
    builder.cargo(target, USER, FLAGS, &["-p", "ochre-relibc", "--lib"])?;
    let library = builder.built(USER).join("librelibc.a");
    let folder = builder.built(USER).join("relibc");
    let archive = folder.join("libc.a");
    if newer(&archive, &[&library]) {
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
        let exports = folder.join("exports.txt");
        fs::write(&exports, exported(&library)?)?;
        process::run(
            Command::new(tool("llvm-objcopy")?)
                .arg(format!("--keep-global-symbols={}", exports.display()))
                .arg("--weaken")
                .args([&whole, &object]),
        )?;
        // Last, and in one move: that it is there says that the package is complete.
        let made = folder.join("libc.a.new");
        let _ = fs::remove_file(&made);
        process::run(Command::new(&ar).arg("crs").args([&made, &object]))?;
        fs::rename(&made, &archive)?;
        forget_programs(&builder.built(USER).join("deps"))?;
        fs::remove_file(whole)?;
        Ok(())
    })?;
    Ok(folder)
}

/// cargo doesn't know that programs depend on libc.a: those linked to the old one are removed, and so linked anew.
fn forget_programs(folder: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none() && path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The names that the library shows, one a line.
fn exported(library: &Path) -> Result<String> {
    let mut nm = Command::new(tool("llvm-nm")?);
    nm.args(["-A", "-g", "--defined-only"]).arg(library);
    let output = nm.output().context("running llvm-nm")?;
    anyhow::ensure!(
        output.status.success(),
        "llvm-nm cannot read {}",
        library.display()
    );
    let listing = String::from_utf8_lossy(&output.stdout);
    // A line is `archive:member: address type name`.
    let mut names: Vec<&str> = listing.lines().filter_map(exported_name).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.join("\n") + "\n")
}

fn exported_name(line: &str) -> Option<&str> {
    let (file, symbol) = line.rsplit_once(": ")?;
    let (_, member) = file.rsplit_once(':')?;
    let name = symbol.split_whitespace().nth(2)?;
    let ours = EXPORTERS.iter().any(|prefix| member.starts_with(prefix));
    let rusts = ["_R", "_ZN", "rust_", "__rust"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    (ours && !rusts).then_some(name)
}

/// How programs are linked against a packaged relibc: as static position-independent executables.
pub fn link_flags(folder: &Path) -> String {
    let at = |file: &str| folder.join(file).display().to_string();
    format!(
        "-Clink-self-contained=no -Clink-arg=-zpack-relative-relocs -Clink-arg=-znow -Clink-arg={} -Clink-arg={} -Clink-arg={} -Lnative={}",
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
