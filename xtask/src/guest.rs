//! What every command that boots something shares: its options, the archive, the machine's line.

use crate::build::{Builder, Libc, Profile};
use crate::disk::Scratch;
use crate::image::{Addition, Recipe};
use crate::linux;
use crate::paths;
use crate::process;
use crate::qemu::{Machine, Size};
use crate::setup::{self, Purpose};
use crate::tree::Tree;
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a guest is made of.
#[derive(clap::Args)]
pub struct Guest {
    /// Put a host file or a whole folder into the guest (may be repeated).
    #[arg(long, value_name = "HOST:GUEST")]
    pub add: Vec<Addition>,
    #[command(flatten)]
    pub size: Size,
    /// Which kernel to boot: ochre, or Debian's to compare with.
    #[arg(long, value_enum, default_value = "ochre")]
    pub kernel: Kernel,
    /// Boot a disk image through UEFI firmware, rather than the kernel directly.
    #[arg(long)]
    pub uefi: bool,
    /// Further words for the kernel's command line.
    #[arg(long, value_name = "WORDS", default_value = "")]
    pub append: String,
    /// Build Ochre's kernel with debug assertions: the order of locks, overflows.
    #[arg(long)]
    pub checked: bool,
    /// The C library under the native programs.
    #[arg(long, value_enum, default_value = "relibc", hide = true)]
    pub libc: Libc,
}

/// Whose kernel.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kernel {
    /// Ochre's.
    Ochre,
    /// Debian's.
    Linux,
}

/// What `boot-command` does in the guest.
pub struct Request {
    /// The command; without words, it reports that the system is up and no more.
    pub words: Vec<OsString>,
    /// `NAME=VALUE`, each.
    pub environment: Vec<String>,
    /// Paths that must exist before.
    pub wait: Vec<&'static str>,
    /// Whether the command is sent input (else it finds none).
    pub input: bool,
    /// Whether to report when there is a window.
    pub shown: bool,
}

/// The session's runtime folder.
const RUNTIME: &str = "/run/user/0";
/// The environment of commands in a guest.
const ENVIRONMENT: [&str; 7] = [
    "PATH=/ochre/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "HOME=/root",
    "USER=root",
    "SHELL=/bin/sh",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "XDG_RUNTIME_DIR=/run/user/0",
];

/// What the compositor tells the programs of its session, too.
const SESSION: [&str; 3] = [
    "WAYLAND_DISPLAY=wayland-0",
    "XDG_SESSION_TYPE=wayland",
    "XDG_CURRENT_DESKTOP=Ochre",
];

/// A guest that is built and can be booted.
pub struct Built {
    /// The kernel's file.
    pub kernel: PathBuf,
    /// Its command line.
    pub command_line: String,
    /// The boot archive.
    pub archive: Archive,
    /// Memory in MiB.
    pub memory: u64,
}

impl Guest {
    /// Ochre on this machine, with nothing added.
    pub fn new(size: Size) -> Guest {
        Guest {
            add: Vec::new(),
            size,
            kernel: Kernel::Ochre,
            uefi: false,
            append: String::new(),
            checked: false,
            libc: Libc::Relibc,
        }
    }

    /// Builds the image with what is added, and the kernel.
    pub fn build(&self, recipe: &Recipe, request: Option<&Request>) -> Result<Built> {
        if self.uefi {
            ensure!(self.kernel == Kernel::Ochre, "--uefi boots Ochre only");
            setup::ensure(&[Purpose::Firmware])?;
        }
        let builder = Builder::new(Profile::Release)?;
        let mut tree = recipe.build(&builder, self.libc, &self.add)?;
        if let Some(request) = request {
            tree.bytes(
                "/ochre/etc/boot-command",
                0o644,
                request.records(recipe.session),
            )?;
        }
        let archive = Archive::write(&tree)?;
        let (kernel, command_line) = self.booted(&builder)?;
        let memory = self
            .size
            .memory
            .unwrap_or_else(|| recipe.memory + archive.memory(self.kernel));
        Ok(Built {
            kernel,
            command_line,
            archive,
            memory,
        })
    }

    /// Has what is built boot another kernel, with as much memory.
    pub fn change_kernel(&mut self, built: &mut Built, kernel: Kernel) -> Result<()> {
        self.kernel = kernel;
        let builder = Builder::new(Profile::Release)?;
        (built.kernel, built.command_line) = self.booted(&builder)?;
        Ok(())
    }

    /// The kernel's file, and its command line.
    fn booted(&self, builder: &Builder) -> Result<(PathBuf, String)> {
        let (kernel, options) = match self.kernel {
            Kernel::Ochre => {
                let kernel = match self.checked {
                    true => Builder::new(Profile::Checked)?.kernel()?,
                    false => builder.kernel()?,
                };
                (kernel, "panic=exit debug_exit")
            }
            Kernel::Linux => (linux::kernel()?, linux::COMMAND_LINE),
        };
        let command_line = format!("{options} {}", self.append).trim_end().to_owned();
        Ok((kernel, command_line))
    }

    /// The machine that boots it, and the disk that it boots from, if any.
    pub fn machine(&self, built: &Built) -> Result<(Machine, Option<Scratch>)> {
        let mut machine = Machine::new(self.size.smp, built.memory)?;
        let disk = if self.uefi {
            Some(Scratch::new(built)?)
        } else {
            None
        };
        match &disk {
            Some(disk) => disk.boot(&mut machine),
            None => {
                machine.boot(&built.kernel, built.archive.path(), &built.command_line);
            }
        }
        Ok((machine, disk))
    }
}

impl Request {
    /// A command with no more than its words.
    pub fn command<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Request {
        Request {
            words: words.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            wait: Vec::new(),
            input: false,
            shown: false,
        }
    }

    /// The file that `boot-command` reads.
    fn records(&self, session: bool) -> Vec<u8> {
        let mut records = Vec::new();
        let mut record = |key: &str, value: &[u8]| {
            records.extend_from_slice(key.as_bytes());
            records.push(b'=');
            records.extend_from_slice(value);
            records.push(0);
        };
        for variable in ENVIRONMENT {
            record("env", variable.as_bytes());
        }
        if session {
            for variable in SESSION {
                record("env", variable.as_bytes());
            }
            record("wait", format!("{RUNTIME}/wayland-0").as_bytes());
        }
        if session && self.shown {
            let socket = format!("{RUNTIME}/ochre-compositor.sock");
            record("shown", socket.as_bytes());
        }
        for variable in &self.environment {
            record("env", variable.as_bytes());
        }
        for path in &self.wait {
            record("wait", path.as_bytes());
        }
        if self.input {
            record("input", b"");
        }
        for word in &self.words {
            record("arg", word.as_bytes());
        }
        records
    }
}

/// A boot archive in a file that goes when this does.
pub struct Archive {
    path: PathBuf,
    bytes: u64,
}

impl Archive {
    /// Writes the archive of a tree.
    pub fn write(tree: &Tree) -> Result<Archive> {
        let folder = paths::target().join("archives");
        fs::create_dir_all(&folder)?;
        sweep(&folder);
        let path = folder.join(format!("{}.cpio", std::process::id()));
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut archive = Archive { path, bytes: 0 };
        process::step("writing the boot archive", || tree.write(file))?;
        archive.bytes = fs::metadata(&archive.path)?.len();
        Ok(archive)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// MiB of memory that the archive takes. Linux unpacks into a second copy.
    fn memory(&self, kernel: Kernel) -> u64 {
        let archive = self.bytes >> 20;
        match kernel {
            Kernel::Ochre => archive,
            Kernel::Linux => archive * 2,
        }
    }
}

/// Removes what commands that were killed have left: a file is named after its process.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let of = path.file_stem().and_then(|stem| stem.to_str());
        if of.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_the_words_as_they_are() {
        let request = Request {
            words: vec!["sh".into(), "-c".into(), "a b".into()],
            environment: vec!["X=1".to_owned()],
            wait: Vec::new(),
            input: true,
            shown: true,
        };
        assert!(
            request
                .records(false)
                .ends_with(b"\0env=X=1\0input=\0arg=sh\0arg=-c\0arg=a b\0")
        );
        let shown = b"\0shown=/run/user/0/ochre-compositor.sock\0";
        let records = request.records(true);
        assert!(records.windows(shown.len()).any(|at| at == shown));
    }
}
