//! What must be installed on the host, why, and installing what is missing.
//!
//! One table says it all: `./x doctor` prints it, every command asks it for what it needs. Where
//! apt may install (root, or sudo), it does; else the command to type is the error.

use crate::build::llvm_tool;
use crate::process;
use crate::toolchain::Toolchain;
use anyhow::{Result, bail};
use rustix::process::geteuid;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

/// What something is needed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Building the guest.
    Build,
    /// Booting it.
    Run,
    /// Booting it through UEFI firmware.
    Firmware,
    /// Images with a desktop.
    Desktop,
    /// The tests.
    Test,
    /// What is measured beside Ochre.
    Bench,
}

/// Something that must be there.
pub struct Need {
    /// What it is.
    pub what: &'static str,
    /// What it is for.
    pub why: &'static str,
    /// When it is needed.
    pub purpose: Purpose,
    /// Packages that bring it, of Debian 12 or newer: for each, the first name that apt knows.
    packages: &'static [&'static [&'static str]],
    /// Where it is, if it is there.
    find: fn() -> Option<String>,
}

/// Everything.
pub const NEEDS: [Need; 15] = [
    Need {
        what: "a Rust compiler for the guest",
        why: "builds kernel, loader and programs",
        purpose: Purpose::Build,
        packages: &[&["rustc-web"], &["cargo-web"], &["rust-web-src"]],
        find: || Toolchain::choose().ok().map(|found| found.describe()),
    },
    Need {
        what: "a C toolchain",
        why: "links programs of the host, as Rust does",
        purpose: Purpose::Build,
        packages: &[&["gcc"], &["libc6-dev"]],
        find: || program("cc"),
    },
    Need {
        what: "pkg-config",
        why: "a crate's build script asks it for the keymap library",
        purpose: Purpose::Build,
        packages: &[&["pkgconf", "pkg-config"]],
        find: || program("pkg-config"),
    },
    Need {
        what: "LLVM's linker",
        why: "links the guest",
        purpose: Purpose::Build,
        packages: &[&["lld-22", "lld-19", "lld-16", "lld"]],
        find: || llvm_tool("ld.lld").map(|path| path.display().to_string()),
    },
    Need {
        what: "LLVM's object tools",
        why: "package the C library",
        purpose: Purpose::Build,
        packages: &[&["llvm-22", "llvm-19", "llvm-16", "llvm"]],
        find: || llvm_tool("llvm-objcopy").map(|path| path.display().to_string()),
    },
    Need {
        what: "QEMU",
        why: "is the machine that the guest runs in",
        purpose: Purpose::Run,
        packages: &[&["qemu-system-x86"]],
        find: || program("qemu-system-x86_64"),
    },
    Need {
        what: "UEFI firmware",
        why: "boots disk images",
        purpose: Purpose::Firmware,
        packages: &[&["ovmf"]],
        find: || file("/usr/share/OVMF/OVMF_CODE_4M.fd"),
    },
    Need {
        what: "npm",
        why: "fetches the desktop's icons",
        purpose: Purpose::Desktop,
        packages: &[&["npm"]],
        find: || program("npm"),
    },
    Need {
        what: "the keyboard layouts' description",
        why: "is read by programs that run on the host",
        purpose: Purpose::Test,
        packages: &[&["xkb-data"]],
        find: || file("/usr/share/X11/xkb/rules/evdev"),
    },
    Need {
        what: "the interface font, Inter",
        why: "is drawn by tests on the host",
        purpose: Purpose::Test,
        packages: &[&["fonts-inter"]],
        find: || file("/usr/share/fonts/opentype/inter/Inter-Regular.otf"),
    },
    Need {
        what: "the terminal's font, JetBrains Mono",
        why: "is drawn by tests on the host",
        purpose: Purpose::Test,
        packages: &[&["fonts-jetbrains-mono"]],
        find: || file("/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf"),
    },
    Need {
        what: "rustfmt and clippy",
        why: "check the source",
        purpose: Purpose::Test,
        packages: &[
            &["rustfmt-web", "rustfmt"],
            &["rust-web-clippy", "rust-clippy"],
        ],
        find: || program("rustfmt").and(program("cargo-clippy")),
    },
    Need {
        what: "BusyBox, statically linked",
        why: "is an unmodified Linux program to test with",
        purpose: Purpose::Test,
        packages: &[&["busybox-static"]],
        find: || file("/bin/busybox"),
    },
    Need {
        what: "cpio",
        why: "checks the boot archives",
        purpose: Purpose::Test,
        packages: &[&["cpio"]],
        find: || program("cpio"),
    },
    Need {
        what: "weston",
        why: "draws frames that ours are measured beside",
        purpose: Purpose::Bench,
        packages: &[&["weston"]],
        find: || program("weston"),
    },
];

/// Installs what these purposes need and isn't here.
pub fn ensure(purposes: &[Purpose]) -> Result<()> {
    let wanted = NEEDS.iter().filter(|need| purposes.contains(&need.purpose));
    let missing: Vec<&Need> = wanted.filter(|need| need.found().is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        process::say(format_args!(
            "x: missing: {}, which {}",
            need.what, need.why
        ));
    }
    let install = |command: &mut Command| process::run(command);
    let Some(prefix) = privilege() else {
        let packages = packages(&missing);
        bail!("install what is missing:  sudo apt-get install --no-install-recommends {packages}");
    };
    let apt = |arguments: &[&str]| {
        let mut words = prefix.iter().chain(&["apt-get"]).chain(arguments);
        let mut command = Command::new(words.next().unwrap_or(&"apt-get"));
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        // Nothing of ours may be held up by a question, or mix with the guest's output.
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::io::stderr());
        command
    };
    process::step("updating apt's lists", || {
        install(&mut apt(&["-qq", "update"]))
    })?;
    let packages = packages(&missing);
    process::step(&format!("installing {packages}"), || {
        let mut arguments = vec!["-qq", "install", "-y", "--no-install-recommends"];
        arguments.extend(packages.split(' '));
        install(&mut apt(&arguments))
    })?;
    let still: Vec<&str> = missing
        .iter()
        .filter(|need| need.found().is_none())
        .map(|need| need.what)
        .collect();
    if !still.is_empty() {
        bail!(
            "still missing after installing {packages}: {}",
            still.join(", ")
        );
    }
    Ok(())
}

impl Need {
    /// Where it is, if it is there.
    pub fn found(&self) -> Option<String> {
        (self.find)()
    }

    /// The packages to install for it.
    pub fn packages(&self) -> String {
        let known = |names: &&[&'static str]| {
            names
                .iter()
                .find(|name| apt_knows(name))
                .or(names.first())
                .copied()
        };
        self.packages
            .iter()
            .filter_map(known)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn packages(needs: &[&Need]) -> String {
    needs
        .iter()
        .map(|need| need.packages())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What to put before apt-get to be allowed to install; `None` where nothing helps.
fn privilege() -> Option<&'static [&'static str]> {
    process::find("apt-get")?;
    if geteuid().is_root() {
        return Some(&[]);
    }
    process::find("sudo")?;
    let asks = Command::new("sudo")
        .args(["-n", "true"])
        .output()
        .is_ok_and(|o| o.status.success());
    (asks || std::io::stderr().is_terminal()).then_some(&["sudo"])
}

fn apt_knows(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["show", "--no-all-versions", package])
        .output()
        .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

fn program(name: &str) -> Option<String> {
    process::find(name).map(|path| path.display().to_string())
}

fn file(path: &str) -> Option<String> {
    Path::new(path).exists().then(|| path.to_owned())
}
