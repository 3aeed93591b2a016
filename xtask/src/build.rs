//! `./x build`: the kernel, the loader and the user programs, each for its own target.
//!
//! Flags reach only the guest's code (`CARGO_TARGET_…_RUSTFLAGS`), never build scripts and
//! procedural macros, which run on the host with the compiler's own sysroot.

use crate::paths;
use crate::process;
use crate::programs;
use crate::relibc;
use crate::setup::{self, Purpose};
use crate::sysroot;
use crate::toolchain::{HOST, KERNEL, Toolchain, UEFI, USER};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Build parts of the guest, and print where they are.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to build.
    #[arg(value_enum, default_value = "all")]
    part: Part,
    /// Of the user programs, only this package (may be repeated).
    #[arg(short, long)]
    package: Vec<String>,
    /// Build without optimization and with debug assertions.
    #[arg(long)]
    debug: bool,
    /// The C library under the user programs; another than relibc is for comparison only, and
    /// never reaches an image.
    #[arg(long, value_enum, default_value = "relibc")]
    libc: Libc,
}

/// A part of the guest.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The kernel.
    Kernel,
    /// The UEFI loader.
    Boot,
    /// The C library, packaged for linking.
    Relibc,
    /// All programs of user space.
    User,
    /// All of these.
    All,
}

/// What the user programs are linked to.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Libc {
    /// Ochre's own.
    Relibc,
    /// The host's own, statically: the same programs as a Linux machine would build them.
    Host,
}

/// `./x build`.
pub fn command(arguments: &Arguments) -> Result<()> {
    setup::ensure(&[Purpose::Build])?;
    let builder = Builder::new(if arguments.debug {
        Profile::Debug
    } else {
        Profile::Release
    })?;
    let wants = |part| arguments.part == part || arguments.part == Part::All;
    if wants(Part::Kernel) {
        println!("{}", builder.kernel()?.display());
    }
    if wants(Part::Boot) {
        println!("{}", builder.boot()?.display());
    }
    if wants(Part::Relibc) {
        println!("{}", relibc::package(&builder)?.display());
    }
    if wants(Part::User) {
        let programs = if arguments.package.is_empty() {
            programs::all()?
        } else {
            programs::of_packages(&arguments.package)?
        };
        for program in builder.user(&programs, arguments.libc)? {
            println!("{}", program.display());
        }
    }
    Ok(())
}

/// How the guest is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Release,
    /// As fast as for release, or nearly, but with debug assertions: the order of locks, overflows.
    Checked,
    Debug,
}

/// A toolchain made ready, and the profile to build with.
pub struct Builder {
    toolchain: Toolchain,
    sysroot: PathBuf,
    profile: Profile,
}

impl Builder {
    /// Chooses the toolchain and prepares its sysroot.
    pub fn new(profile: Profile) -> Result<Builder> {
        let toolchain = Toolchain::choose()?;
        let sysroot = sysroot::ready(&toolchain)?;
        Ok(Builder {
            toolchain,
            sysroot,
            profile,
        })
    }

    /// Builds the kernel; its ELF file.
    pub fn kernel(&self) -> Result<PathBuf> {
        let linker = self.linker()?;
        let flags = format!("-Clinker={} -Clinker-flavor=ld.lld", linker.display());
        self.cargo(
            "building the kernel",
            KERNEL,
            &flags,
            &["-p", "ochre-kernel"],
        )?;
        Ok(self.built(KERNEL).join("ochre-kernel"))
    }

    /// Builds the hal's self-test, which boots in place of the kernel; its ELF file.
    pub fn hal_selftest(&self) -> Result<PathBuf> {
        let linker = self.linker()?;
        let flags = format!("-Clinker={} -Clinker-flavor=ld.lld", linker.display());
        let selection = ["-p", "ochre-hal", "--example", "selftest"];
        self.cargo("building the hal's self-test", KERNEL, &flags, &selection)?;
        Ok(self.built(KERNEL).join("examples/selftest"))
    }

    /// Builds the loader; its PE file.
    pub fn boot(&self) -> Result<PathBuf> {
        let linker = find_linker(&self.toolchain, "lld-link")?;
        let flags = format!("-Clinker={} -Clinker-flavor=lld-link", linker.display());
        self.cargo(
            "building the UEFI loader",
            UEFI,
            &flags,
            &["-p", "ochre-boot"],
        )?;
        Ok(self.built(UEFI).join("ochre-boot.efi"))
    }

    /// Builds user programs; their ELF files in the order asked for.
    pub fn user(&self, programs: &[programs::Program], libc: Libc) -> Result<Vec<PathBuf>> {
        let mut packages: Vec<&str> = programs.iter().map(|one| one.package.as_str()).collect();
        packages.sort_unstable();
        packages.dedup();
        let mut selection = vec!["--bins"];
        for package in packages {
            selection.extend(["-p", package]);
        }
        let (target, flags) = match libc {
            Libc::Relibc => {
                let linker = self.linker()?;
                let flags = relibc::link_flags(&relibc::package(self)?);
                (
                    USER,
                    format!(
                        "-Clinker={} -Clinker-flavor=ld.lld {flags}",
                        linker.display()
                    ),
                )
            }
            Libc::Host => (HOST, "-Ctarget-feature=+crt-static".to_owned()),
        };
        self.cargo("building the user programs", target, &flags, &selection)?;
        Ok(programs
            .iter()
            .map(|one| self.built(target).join(&one.name))
            .collect())
    }

    /// A program without its debug information, which no one reads in the guest and which would
    /// be the largest part of an image. Its symbols stay, for backtraces.
    pub fn stripped(&self, program: &Path) -> Result<PathBuf> {
        let folder = self.built(USER).join("stripped");
        let name = program.file_name().context("a program has a name")?;
        let stripped = folder.join(name);
        if !newer(&stripped, &[program]) {
            fs::create_dir_all(&folder)?;
            process::run(
                Command::new(tool("llvm-objcopy")?)
                    .arg("--strip-debug")
                    .args([program, &stripped]),
            )?;
        }
        Ok(stripped)
    }

    /// Runs one cargo build for a guest target.
    pub fn cargo(&self, label: &str, target: &str, flags: &str, selection: &[&str]) -> Result<()> {
        let mut cargo = self.cargo_command(target, flags, selection);
        process::step(label, || process::run(&mut cargo))
    }

    fn cargo_command(&self, target: &str, flags: &str, selection: &[&str]) -> Command {
        let (mut cargo, flags) = match target {
            HOST => (process::host_cargo(), flags.to_owned()),
            _ => {
                let sysroot = self.sysroot.display();
                (
                    self.toolchain.cargo(),
                    format!("--sysroot {sysroot} {flags}"),
                )
            }
        };
        cargo.current_dir(paths::root());
        cargo
            .args(["build", "-q", "--target", target])
            .args(selection);
        cargo.arg("--target-dir").arg(paths::guest_target());
        match self.profile {
            Profile::Release => cargo.arg("--release"),
            Profile::Checked => cargo.args(["--profile", "checked"]),
            Profile::Debug => &mut cargo,
        };
        if target == USER {
            // A few crates bring assembly for a processor's odd corners. The host's compiler can
            // assemble it; one for musl isn't everywhere.
            cargo.env("CC_x86_64_unknown_linux_musl", "cc");
            cargo.env("AR_x86_64_unknown_linux_musl", "ar");
        }
        let target = target.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{target}_RUSTFLAGS"), flags);
        cargo
    }

    /// The compiler itself, with the sysroot.
    pub fn rustc(&self) -> Command {
        let mut rustc = Command::new(&self.toolchain.rustc);
        process::without_cargo_environment(&mut rustc);
        rustc.arg("--sysroot").arg(&self.sysroot);
        rustc
    }

    /// Where a target's programs are built.
    pub fn built(&self, target: &str) -> PathBuf {
        let folder = match self.profile {
            Profile::Release => "release",
            Profile::Checked => "checked",
            Profile::Debug => "debug",
        };
        paths::guest_target().join(target).join(folder)
    }

    /// The ELF linker.
    pub fn linker(&self) -> Result<PathBuf> {
        find_linker(&self.toolchain, "ld.lld")
    }
}

/// LLVM's linker under the name that tells it which one to be: Debian's newest, else the one that
/// comes with the compiler.
fn find_linker(toolchain: &Toolchain, name: &str) -> Result<PathBuf> {
    let host = "lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld";
    let bundled = toolchain.sysroot.join(host).join(name);
    llvm_tool(name)
        .or_else(|| bundled.is_file().then_some(bundled))
        .with_context(|| {
            format!(
                "no linker {name} found. On Debian: apt install lld-22 (any lld from 16 on will do)"
            )
        })
}

/// A tool of LLVM's, which Debian names by version: the newest of those installed.
pub fn llvm_tool(name: &str) -> Option<PathBuf> {
    (16..=30)
        .rev()
        .find_map(|version| process::find(format!("{name}-{version}")))
        .or_else(|| process::find(name))
}

/// The same as [`llvm_tool`], as an error where it is missing.
pub fn tool(name: &str) -> Result<PathBuf> {
    llvm_tool(name).with_context(|| {
        format!("{name} is missing. On Debian: apt install llvm-22 (any llvm from 16 on will do)")
    })
}

/// Whether a file is newer than all that it is made from.
pub fn newer(file: &Path, sources: &[&Path]) -> bool {
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
