//! Debian's kernel, the oracle: what Ochre prints is compared with what Linux prints in the same
//! machine with the same archive.

use crate::paths;
use crate::process;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Boot options that make it quick and quiet, and end the machine when it panics.
pub const COMMAND_LINE: &str =
    "console=ttyS0 rdinit=/ochre/bin/init tsc=reliable mitigations=off panic=-1 loglevel=4";

/// A kernel to boot: the host's newest, else one fetched from Debian (not installed).
pub fn kernel() -> Result<PathBuf> {
    if let Some(kernel) = newest(Path::new("/boot")) {
        return Ok(kernel);
    }
    let folder = paths::cache().join("linux");
    if let Some(kernel) = newest(&folder.join("boot")) {
        return Ok(kernel);
    }
    process::step("fetching Debian's kernel", || {
        std::fs::create_dir_all(&folder)?;
        let list = process::output(Command::new("apt-cache").args([
            "depends",
            "--important",
            "linux-image-amd64",
        ]))?;
        let package =
            newest_package(&list).context("apt knows no linux-image-amd64; run apt-get update")?;
        process::run(
            Command::new("apt-get")
                .args(["-qq", "download", package])
                .current_dir(&folder),
        )?;
        for entry in std::fs::read_dir(&folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                process::run(Command::new("dpkg").arg("-x").arg(&file).arg(&folder))?;
                std::fs::remove_file(file)?;
            }
        }
        newest(&folder.join("boot")).context("the package holds no kernel")
    })
}

/// The folder with a kernel's modules.
pub fn modules(kernel: &Path) -> Result<PathBuf> {
    let name = kernel.file_name().unwrap_or_default().to_string_lossy();
    let version = name
        .strip_prefix("vmlinuz-")
        .context("a kernel has a version")?;
    let root = kernel.parent().and_then(Path::parent);
    Ok(root
        .context("a kernel lies in a folder `boot`")?
        .join("lib/modules")
        .join(version))
}

/// The package with the kernel, of what apt says that `linux-image-amd64` depends on.
fn newest_package(depends: &str) -> Option<&str> {
    depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .rfind(|package| package.starts_with("linux-image-"))
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let kernels = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    kernels
        .filter(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            name.starts_with("vmlinuz-") && std::fs::File::open(path).is_ok()
        })
        .max_by_key(|path| {
            path.metadata()
                .and_then(|metadata| metadata.modified())
                .ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_package_is_what_the_other_depends_on() {
        let said = "linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n";
        assert_eq!(newest_package(said), Some("linux-image-6.1.0-56-amd64"));
        assert_eq!(newest_package("linux-image-amd64\n"), None);
        assert_eq!(newest_package(""), None);
    }
}
